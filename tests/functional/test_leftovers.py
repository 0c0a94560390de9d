# SPDX-License-Identifier: Apache-2.0
"""What a driver left behind is removed by a real karbor-protection, and nothing else is."""

import dataclasses
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.manila import marks
from karbor_manila.manila.marks import Mark
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.operator_command import Command

LEAVING = Path(__file__).parent / "leaving"

pytestmark = pytest.mark.usefixtures("few_checkpoints")


@pytest.fixture
def collecting(stack: Stack) -> Iterator[None]:
    """A Karbor with a driver that leaves something, which looks for it every two seconds."""
    before = stack.state.settings()
    group = "manila_share_protection"
    often = {f"{group}/gc_interval": 2, f"{group}/gc_grace": 0}
    stack.restart(
        "karbor",
        pythonpath=[*before.pythonpath, LEAVING],
        karbor_options={**before.karbor_options, **often},
    )
    yield
    stack.restart("karbor", pythonpath=before.pythonpath, karbor_options=before.karbor_options)


def left(tenant: Tenant, share: Any, mark: Mark) -> str:
    """What a restore of the marked checkpoint, which ended long ago, has left."""
    ended = dataclasses.replace(mark, restore=str(uuid.uuid4()))
    made = tenant.manila.share_snapshots.create(
        share.id, name="temporary", metadata=ended.metadata()
    )
    return str(made.id)


def there(tenant: Tenant) -> set[str]:
    return {snapshot.id for snapshot in tenant.snapshots()}


def test_without_leftovers_the_command_lists_nothing(command: Command) -> None:
    ran = command("gc", "-f", "json")
    assert (ran.returncode, json.loads(ran.stdout), ran.stderr) == (0, [], "")


@pytest.mark.usefixtures("collecting")
def test_what_is_left_of_a_restore_goes_and_nothing_else_does(
    alpha: Tenant, beta: Tenant, request: pytest.FixtureRequest
) -> None:
    share = alpha.make_share("collected")
    fill(alpha.folder(share.id), "then")
    then = contents(alpha.folder(share.id))
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    (kept,) = alpha.snapshots(share.id)
    mark = marks.read({"metadata": dict(kept.metadata)})
    assert mark
    foreign = left(beta, beta.make_share("of another project"), mark)
    request.addfinalizer(beta.clean)  # nothing of ours ever removes it
    mine = left(alpha, share, mark)
    wait("the end of it", lambda: there(alpha), lambda seen: mine not in seen, 60)
    assert kept.id in there(alpha)
    assert foreign in there(beta)
    fill(alpha.folder(share.id), "now")
    new = alpha.restored_share(alpha.restore(checkpoint))
    assert contents(alpha.folder(new.id)) == then
    alpha.delete(checkpoint)
