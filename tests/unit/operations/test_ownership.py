# SPDX-License-Identifier: Apache-2.0
"""Nobody acts on what is another project's, and nothing is asked of Manila that need not be."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.manila import ownership
from karbor_manila.manila.errors import (
    EndpointMissing,
    EndpointUnsuitable,
    ManilaTooOld,
    ManilaTransient,
)
from karbor_manila.operations.adopt import (
    RecoverDeleteOperation,
    RecoverProtectOperation,
    RecoverRestoreOperation,
)
from karbor_manila.operations.flow import FlowContext
from karbor_manila.service.errors import CaFileMissing
from tests.fakes.manila import Died, FakeManila, transient
from tests.unit.stage import SHARE, Context, Record, Stage

ADMIN = "project-of-administrators"


@pytest.fixture(params=["2.98", "2.78", "2.37"])
def stage(tmp_path: Path, request: Any) -> Stage:
    stage = Stage(tmp_path)
    stage.microversion = request.param
    return stage


@pytest.fixture
def share(stage: Stage) -> Any:
    return stage.cloud.add_share(stage.project_id)


@pytest.fixture
def checkpoint(stage: Stage, share: Any) -> Any:
    checkpoint = stage.checkpoint(share["id"])
    assert stage.protect(checkpoint, share["id"]) == []
    return checkpoint


def administrator() -> Context:
    return Context(ADMIN, is_admin=True)


class KarborsStage:
    """The same stage, with the session of Karbor's own user, as a reconciliation has it."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        original = stage.flow

        def flow(*share_ids: str) -> FlowContext:
            made = original(*share_ids)
            made._connect = lambda _context, project_id: FakeManila(
                stage.cloud,
                "karbors-own",
                stage.microversion,
                administrator=True,
                works_for=project_id,
            )
            return made

        monkeypatch.setattr(stage, "flow", flow)


def pages(stage: Stage, checkpoint: Any, share: Any) -> set[str]:
    return set(stage.pages(checkpoint, share["id"]))


@pytest.mark.parametrize("who", ["the owner", "an administrator", "the recovery"])
def test_what_was_transferred_to_another_project_is_left_alone(
    stage: Stage, share: Any, checkpoint: Any, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.cloud.transfer(share["id"], "project-b")
    kept = dict(stage.cloud.snapshots)
    if who == "the recovery":
        KarborsStage(stage, monkeypatch)
        assert stage.run(RecoverDeleteOperation, checkpoint, share["id"]) == []
    else:
        context = administrator() if who == "an administrator" else None
        assert stage.delete(checkpoint, share["id"], context=context) == []
    assert stage.cloud.snapshots.keys() == kept.keys()
    assert {view["status"] for view in stage.cloud.snapshots.values()} == {"available"}
    assert pages(stage, checkpoint, share) == {"status"}


def test_an_administrator_of_both_deletes_another_projects_checkpoint(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    assert stage.delete(checkpoint, share["id"], context=administrator()) == []
    assert stage.cloud.snapshots == {}
    assert pages(stage, checkpoint, share) == {"status"}


def test_an_administrator_of_karbor_alone_erases_nothing(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.administers_manila = False
    (error,) = stage.delete(checkpoint, share["id"], context=administrator())
    assert "not an administrator of Manila" in str(error)
    assert len(stage.cloud.snapshots) == 1
    assert "metadata" in pages(stage, checkpoint, share)
    assert stage.delete(checkpoint, share["id"]) == []  # its own project does it


def test_an_administrator_restores_nothing_that_has_become_another_projects(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.transfer(share["id"], "project-b")
    restore = Record(project_id=ADMIN)
    (error,) = stage.restore(checkpoint, share["id"], context=administrator(), restore=restore)
    assert "transferred to another project" in str(error)
    assert len(stage.cloud.shares) == 1


def test_a_lost_reply_to_an_administrators_restore_makes_no_second_share(
    stage: Stage, share: Any, checkpoint: Any
) -> None:
    stage.cloud.plan("create_share", transient, after=True)
    restore = Record(project_id=ADMIN)
    context = administrator()
    assert stage.restore(checkpoint, share["id"], context=context, restore=restore) == []
    made = [view for view in stage.cloud.shares.values() if view["project_id"] == ADMIN]
    assert len(made) == 1
    assert len(stage.cloud.shares) == 2
    stage.cloud.assert_hit()


@pytest.mark.parametrize("after", [False, True])
def test_what_an_administrators_restore_left_is_found_when_it_died(
    stage: Stage, share: Any, checkpoint: Any, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.cloud.plan("create_share", Died, after=after)
    restore = Record(project_id=ADMIN)
    with pytest.raises(Died):
        stage.restore(checkpoint, share["id"], context=administrator(), restore=restore)
    KarborsStage(stage, monkeypatch)
    failures = stage.run(RecoverRestoreOperation, checkpoint, share["id"], restore=restore)
    made = [view["id"] for view in stage.cloud.shares.values() if view["project_id"] == ADMIN]
    if after:
        assert failures == []
        assert restore["resources_status"] == {f"{SHARE}#{made[0]}": "available"}
    else:
        assert len(failures) == 1
        assert made == []
    assert pages(stage, checkpoint, share) == {"status", "metadata"}


def test_what_an_administrators_failed_restore_made_goes_with_the_checkpoint(
    stage: Stage, share: Any, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.cloud.plan("create_share", Died, after=True)
    stage.cloud.failing.add(f"create_share {share['id']}")
    restore = Record(project_id=ADMIN)
    with pytest.raises(Died):
        stage.restore(checkpoint, share["id"], context=administrator(), restore=restore)
    # Its own project does not see it, and takes nothing for gone.
    (error,) = stage.delete(checkpoint, share["id"])
    assert ADMIN in str(error)
    assert len(stage.cloud.shares) == 2
    assert "metadata" in pages(stage, checkpoint, share)
    KarborsStage(stage, monkeypatch)
    assert stage.run(RecoverDeleteOperation, checkpoint, share["id"]) == []
    assert list(stage.cloud.shares) == [share["id"]]


# -- with an empty section ------------------------------------------------------------------------


def unreachable(stage: Stage, patch: pytest.MonkeyPatch, error: Exception) -> None:
    """From now on Manila cannot be asked."""
    original = stage.flow

    def connect(_context: Any, _project_id: str) -> Any:
        raise error

    def flow(*share_ids: str) -> FlowContext:
        made = original(*share_ids)
        made._connect = connect
        return made

    patch.setattr(stage, "flow", flow)


MISCONFIGURED = [
    ManilaTooOld("2.37", "2.0 to 2.15"),
    EndpointMissing(["sharev2"], "public", None),
    EndpointUnsuitable("http://manila", "nothing is there"),
    CaFileMissing("ca_cert_file", "/gone.pem", "No such file"),
]


@pytest.mark.parametrize("error", MISCONFIGURED)
def test_no_recovery_is_final_for_what_the_operator_has_to_mend(
    stage: Stage, share: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    checkpoint = stage.checkpoint(share["id"])
    stage.cloud.plan("create_snapshot", Died, after=True)
    with pytest.raises(Died):
        stage.protect(checkpoint, share["id"])
    before = stage.pages(checkpoint, share["id"])
    with monkeypatch.context() as patch:
        unreachable(stage, patch, error)
        assert len(stage.run(RecoverProtectOperation, checkpoint, share["id"])) == 1
    assert stage.pages(checkpoint, share["id"]) == before
    assert stage.run(RecoverProtectOperation, checkpoint, share["id"]) == []
    assert len(stage.cloud.snapshots) == 1
    assert pages(stage, checkpoint, share) == {"status", "metadata"}


@pytest.mark.parametrize("error", [*MISCONFIGURED, ManilaTransient("say anything", "refused")])
def test_a_checkpoint_for_which_nothing_was_made_needs_no_manila(
    stage: Stage, share: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    unreachable(stage, monkeypatch, error)
    checkpoint = stage.checkpoint(share["id"])
    (refused,) = stage.protect(checkpoint, share["id"])
    assert str(error).split(":")[0][:30] in str(refused)
    before = stage.cloud.clock.now()
    assert stage.delete(checkpoint, share["id"]) == []
    assert stage.cloud.clock.now() == before
    assert pages(stage, checkpoint, share) == {"status"}


def test_an_intent_is_something_that_manila_is_asked_about(stage: Stage, share: Any) -> None:
    checkpoint = stage.checkpoint(share["id"])
    stage.cloud.plan("create_snapshot", Died, after=True)
    with pytest.raises(Died):
        stage.protect(checkpoint, share["id"])
    assert stage.delete(checkpoint, share["id"]) == []
    assert stage.cloud.snapshots == {}
    assert pages(stage, checkpoint, share) == {"status"}


# -- words ----------------------------------------------------------------------------------------


def test_a_share_that_is_not_there_is_told_with_the_endpoint(stage: Stage, share: Any) -> None:
    checkpoint = stage.checkpoint(share["id"])
    stage.cloud.transfer(share["id"], "project-b")
    (error,) = stage.protect(checkpoint, share["id"])
    assert f"Manila at {FakeManila.endpoint} has no such share in this project" in str(error)


def test_an_answer_that_does_not_say_whose_it_is_is_asked_for_again() -> None:
    """It is not taken for another project's, which would count as gone."""
    answers = [{"id": "s", "status": "available"}, {"id": "s", "project_id": "mine"}]

    class Answering:
        own_project_id = "mine"

        def snapshot(self, _snapshot_id: str) -> Any:
            return answers.pop(0)

    def retry(attempt: Any) -> Any:
        with contextlib.suppress(ManilaTransient):
            return attempt()
        return attempt()

    gate = ownership.Ownership(Answering(), retry)  # type: ignore[arg-type]
    assert gate.show("snapshot", "s", "mine") == {"id": "s", "project_id": "mine"}
    assert answers == []
