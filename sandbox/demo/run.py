# SPDX-License-Identifier: Apache-2.0
"""The demonstration on a sandbox that runs. In the karbor venv, as the child of ``launch``."""

import logging
import time
from pathlib import Path

from sandbox.demo import parting, reasons, report, telling, watch
from sandbox.demo.chapters import USER, Story
from sandbox.proxy.control import Proxy
from sandbox.stack import Stack

LOG = logging.getLogger(__name__)
INTERRUPTED = 130


def run(state: Path, folder: Path, keep: bool) -> int:
    """Tell the story and return the exit code.

    :param state: of the sandbox, which must have been started.
    :param folder: takes the credentials of the demonstration's user.
    :param keep: whether the sandbox will go on running, so that it is worth saying what to do.
    """
    stack = Stack(state)
    proxy = Proxy(stack.info.proxy_control_url)
    proxy.clear_counts()
    teller = telling.Teller(telling.console(), proxy.total, len(Story.chapters))
    story = Story(stack.info, teller, folder)
    began = time.monotonic()
    try:
        with watch.services(stack):
            rows = story.tell()
    except KeyboardInterrupt:
        complain(f"Interrupted{_where(teller)}.")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, the person in front is told
        LOG.exception("Failed%s", _where(teller))
        complain(f"Failed{_where(teller)}: {reasons.sentence(error, stack.status())}")
        return 1
    report.show(teller.console, rows, teller.done)
    compared = sum(row.files for row in rows)
    teller.line(
        f"\nAll {compared} files of {len(rows)} shares came back as they were, and no snapshot is "
        f"left. It took {time.monotonic() - began:.0f} s.",
        style="bold green",
    )
    if keep:
        teller.line(parting.how_to_go_on(stack.info, folder, USER, story.plan))
    return 0


def complain(text: str) -> None:
    """Say what went wrong, on the error output."""
    console = telling.console(stderr=True)
    console.print(f"\n{text}", style="bold red", markup=False, highlight=False, soft_wrap=True)


def _where(teller: telling.Teller) -> str:
    return f" at step {len(teller.done) + 1} ({teller.current})" if teller.current else ""
