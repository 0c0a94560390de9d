# SPDX-License-Identifier: Apache-2.0
"""What is held stays, and what is deleted can be had back: on real services, with bytes."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from karborclient.common.apiclient import exceptions as karbor_exc

from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.operator_command import Command
from tests.functional.retention_run import Retention
from tests.functional.tenant_command import Run
from tests.functional.tenant_command import command as command_of

SECOND = 1.1  # Karbor's timestamps are whole seconds
GRACE = 8  # seconds
LONG = 3600  # no test lasts so long


@pytest.fixture
def run(stack: Stack) -> Run:
    return command_of(stack.info, "alpha")


@pytest.fixture
def with_grace(stack: Stack) -> Iterator[Callable[[int], None]]:
    """Has our provider let a deletion wait for so many seconds."""
    before = stack.state.settings()
    yield lambda seconds: stack.restart(
        "karbor", share_options={**before.share_options, "delete_grace": seconds}
    )
    stack.restart("karbor", share_options=before.share_options)


def test_what_is_held_is_refused_to_a_delete_and_passed_over_by_retention(
    stack: Stack, alpha: Tenant, run: Run, request: pytest.FixtureRequest
) -> None:
    share = alpha.make_share("held")
    folder = alpha.folder(share.id)
    fill(folder, "held")
    then = contents(folder)
    plan = alpha.plan_of_shares([share])
    held = alpha.protect(plan)
    code, shown, err = run("hold", held.id, "--why", "the auditor looks at it")
    # What is held nobody else can delete, if this test fails.
    request.addfinalizer(lambda: run("release", held.id))
    assert (code, shown["result"], shown["until"]) == (0, "held", None), err
    fill(folder, "later")
    time.sleep(SECOND)
    passed = alpha.protect(plan)
    time.sleep(SECOND)
    with pytest.raises(karbor_exc.BadRequest, match="the auditor looks at it"):
        alpha.karbor.checkpoints.delete(alpha.provider, held.id)
    retention = Retention(stack, alpha, plan, max_backups=1)
    try:
        for _ in range(2):
            newest = retention.run()
            time.sleep(SECOND)
        left = {checkpoint.id for checkpoint in alpha.checkpoints(plan)}
    finally:
        retention.close()
    assert held.id in left
    assert passed.id not in left
    assert newest.id in left
    assert run("show", held.id)[1]["held"]["why"] == "the auditor looks at it"
    new = alpha.restored_share(alpha.restore(held))
    assert contents(alpha.folder(new.id)) == then
    assert run("release", held.id)[1]["result"] == "released"
    alpha.delete(held)
    assert len(alpha.snapshots(share.id)) == len(left) - 1


def test_what_was_deleted_comes_back_with_its_bytes_and_goes_when_it_is_due(
    with_grace: Callable[[int], None], alpha: Tenant, run: Run, command: Command
) -> None:
    with_grace(LONG)
    share = alpha.make_share("had back")
    folder: Path = alpha.folder(share.id)
    fill(folder, "had back")
    then = contents(folder)
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    fill(folder, "later")
    alpha.delete(checkpoint, "pending-delete")
    assert len(alpha.snapshots(share.id)) == 1
    with pytest.raises(karbor_exc.BadRequest, match="karbor-manila undelete"):
        alpha.karbor.checkpoints.delete(alpha.provider, checkpoint.id)
    code, shown, err = run("undelete", checkpoint.id)
    assert (code, shown["result"]) == (0, "undeleted"), err
    new = alpha.restored_share(alpha.restore(checkpoint))
    assert contents(alpha.folder(new.id)) == then

    purged = alpha.protect(alpha.plan_of_shares([share]))
    alpha.delete(purged, "pending-delete")
    assert run("purge", purged.id)[1]["result"] == "purged"
    alpha.wait_checkpoint(alpha.provider, purged.id, "deleted")
    wait("its snapshot's end", lambda: alpha.snapshots(share.id), lambda seen: len(seen) == 1, 60)

    with_grace(GRACE)
    alpha.delete(checkpoint, "pending-delete")
    time.sleep(GRACE + 1)
    command("reconcile")
    wait(
        "the deletion",
        lambda: alpha.checkpoint(alpha.provider, checkpoint.id).status,
        lambda seen: seen == "deleted",
        60,
    )
    assert alpha.snapshots(share.id) == []
