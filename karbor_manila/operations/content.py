# SPDX-License-Identifier: Apache-2.0
"""The content of shares: a manifest of a sample of files when they are protected, and whether what
a drill has restored is the same.

Who reads is the operator's command: it makes the content visible in a folder and runs the program
in its arguments with that folder as one more (:mod:`karbor_manila.common.manifest`).
"""

import datetime
import json
import os
import shlex
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.bank.record import Intent
from karbor_manila.common import command, sealing
from karbor_manila.common.errors import (
    ClaimLost,
    ContentDiffers,
    ContentUnreadable,
    KarborManilaError,
)
from karbor_manila.operations import drill_results, reporting
from karbor_manila.operations.share_job import ShareJob

LOG = logging.getLogger(__name__)

_PROGRAM = (sys.executable, "-I", "-m", "karbor_manila.common.manifest")

# Of the time, the program itself takes no more than this, so that what it has found counts.
_PART = 0.8

#: So many shares are read by a process at a time.
_AT_ONCE = threading.BoundedSemaphore(4)


def take_manifest(job: ShareJob, intent: Intent) -> None:
    """Keep a manifest of a share that has just been protected, if the operator wants that.

    Only files count that had not changed for some time when the protection began, and have not
    since: they are the same in what keeps the share. That there is none is no failure.

    :raises ClaimLost: another process has taken over
    """
    settings = job.flow.settings
    if not settings.content_command:
        return
    try:
        by = drill_results.signer(job)
        found = _read(
            job,
            job.share_id,
            {
                "do": "take",
                "seed": f"{job.checkpoint.id}/{job.share_id}",
                "before": _began(intent) - settings.content_settled,
                "files": settings.content_files,
                "bytes": settings.content_bytes,
            },
        )
        text = jsonutils.dumps(_about(job) | {"version": 1, "at": job.now()} | found)
        job.section.keep_manifest(sealing.seal(text, by))
    except ClaimLost:
        raise
    except Exception as error:  # whatever it is: the share is protected, and its user reads why
        LOG.warning("Share %s, checkpoint %s: no manifest", job.share_id, job.checkpoint.id,
                    exc_info=True)  # fmt: skip
        why = str(error) if isinstance(error, KarborManilaError) else "An unexpected error."
        said = f"No manifest of its files was taken, so a drill compares none: {why}"
        reporting.remark(job.flow, reporting.key(job.share_id), said)


def compare(job: ShareJob, share_id: str) -> dict[str, Any]:
    """Compare a restored share with the manifest of the protected one.

    :returns: ``compared``, for the user of a drill; empty when the operator wants none
    :raises ContentDiffers: a file is missing, or is another one
    :raises ContentUnreadable: the command fails, or the manifest was changed
    """
    if not job.flow.settings.content_command:
        return {}
    sealed = job.section.manifest()
    if sealed is None:
        return {"compared": {"told": "no manifest was taken"}}
    manifest, signature = _trusted(job, sealed)
    found = _read(job, share_id, {"do": "compare", "files": manifest["files"]})
    if found["bad"]:
        raise ContentDiffers(found["bad"], len(manifest["files"]), found["named"])
    told = {"files": found["same"], "of": manifest["seen"], "manifest": signature}
    return {"compared": told | {name: found[name] for name in ("not_compared",) if found[name]}}


def _trusted(job: ShareJob, sealed: Any) -> tuple[dict[str, Any], str]:
    """A manifest, and what its signature shows. Raises ContentUnreadable."""
    by = drill_results.signer(job)
    known = {by.id: by.key.public_key()} if by else {}
    try:
        state = sealing.state(sealed, known)
        manifest: dict[str, Any] = json.loads(sealed["text"])
        about = _about(job)
        is_ours = {name: manifest[name] for name in about} == about
        is_ours &= isinstance(manifest["files"], list) and isinstance(manifest["seen"], int)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ContentUnreadable("the manifest in the bank is damaged") from error
    if state is sealing.State.BAD or not is_ours:
        raise ContentUnreadable("the manifest in the bank was changed after it was written")
    return manifest, state.value


def _began(intent: Intent) -> float:
    """When a protection began, in seconds since the epoch."""
    return datetime.datetime.fromisoformat(intent.since).timestamp()


def _about(job: ShareJob) -> dict[str, str]:
    return {"checkpoint_id": str(job.checkpoint.id), "share_id": job.share_id}


def _read(job: ShareJob, share_id: str, request: dict[str, Any]) -> dict[str, Any]:
    """Have the operator's command run the program on the content of a share.

    :raises ContentUnreadable: it did not come to its end
    """
    settings, checkpoint = job.flow.settings, job.checkpoint
    places = job.flow.shares.export_locations(share_id)
    environment = {
        "KARBOR_MANILA_SHARE_ID": share_id,
        "KARBOR_MANILA_SOURCE_SHARE_ID": job.share_id,
        "KARBOR_MANILA_CHECKPOINT_ID": str(checkpoint.id),
        "KARBOR_MANILA_PROJECT_ID": str(checkpoint.project_id),
        "KARBOR_MANILA_EXPORT_LOCATION": places[0] if places else "",
        "KARBOR_MANILA_EXPORT_LOCATIONS": "\n".join(places),
    }
    request = request | {"seconds": settings.content_timeout * _PART}
    with _AT_ONCE, tempfile.TemporaryDirectory(prefix="karbor-manila-") as folder:
        asked, answer = Path(folder, "request"), Path(folder, "result")
        asked.write_text(json.dumps(request), encoding="ascii")
        answer.touch()  # a command of root writes into it, and we read it
        words = f"{settings.content_command} {shlex.join([*_PROGRAM, str(asked), str(answer)])}"
        ended = command.execute(words, os.environ | environment, settings.content_timeout)
        if ended.code != 0:
            raise ContentUnreadable(f"the command for it {ended.said}", ended.output)
        try:
            found: dict[str, Any] = json.loads(answer.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            why = "the command for it did not run the program in its arguments"
            raise ContentUnreadable(why, ended.output) from error
    return found
