# SPDX-License-Identifier: Apache-2.0
"""The hook ``quiesce`` on a real Manila: what its backend enforces, what owners do."""

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.common.clock import Clock
from karbor_manila.manila.client import Manila, Where
from karbor_manila.manila.errors import RuleNotChanged, RulesNotPutBack
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.held_rules import HeldRules
from karbor_manila.manila.quiescing import Quiescing
from sandbox import files
from sandbox.manila import knobs
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.real_world import RealWorld

WHERE = Where(interfaces=("internal",))
SECONDS = 30.0


class Quiesced:
    """A share with rules, as its owner and its backend see it, and who quiesces it."""

    def __init__(self, alpha: Tenant, stack: Stack) -> None:
        self.alpha = alpha
        self.share = alpha.make_share("quiesced")
        folder = alpha.folder(self.share.id)
        self._enforced = stack.info.shares / "access" / f"{folder.parent.name}.json"
        self.remembered: dict[str, Any] = {}

    def allow(self, to: str, level: str, kind: str = "ip", state: str = "active") -> Any:
        made = self.alpha.manila.shares.allow(self.share.id, kind, to, level, {"team": "blue"})
        self.wait_until(lambda rules: rules[to][1] == state)
        return made["id"]

    def rules(self) -> dict[str, tuple[str, str, dict[str, str]]]:
        """By whom they are for: level, state and metadata."""
        listed = self.alpha.manila.share_access_rules.access_list(self.share)
        return {
            rule.access_to: (rule.access_level, rule.state, dict(rule.metadata)) for rule in listed
        }

    def wait_until(self, done: Callable[[Any], bool]) -> None:
        wait("the rules", self.rules, done, SECONDS)

    def enforced(self) -> dict[str, str]:
        """What the backend lets in, by the file that it keeps."""
        return {rule["to"]: rule["level"] for rule in files.read_json(self._enforced)}

    def of(self, session: Any, holder: str = "cp-1", project_id: str | None = None) -> Quiescing:
        client = FlowClient(Manila(session, WHERE, project_id=project_id))
        until = Clock().utcnow() + datetime.timedelta(minutes=5)
        return Quiescing(client, HeldRules(client, holder, self.alpha.project_id, until))

    def freeze(self, quiescing: Quiescing) -> Any:
        kept: dict[str, Any] = {}
        quiescing.freeze([self.share.id], SECONDS, kept.update)
        return kept


@pytest.fixture
def quiesced(alpha: Tenant, stack: Stack) -> Quiesced:
    return Quiesced(alpha, stack)


@pytest.fixture
def faults(stack: Stack) -> Iterator[Path]:
    path = stack.state.directory("manila") / "faults.json"
    yield path
    path.unlink(missing_ok=True)


BLUE = {"team": "blue"}


def test_what_the_backend_lets_in_is_read_only_and_then_as_before(
    quiesced: Quiesced, stack: Stack
) -> None:
    """Put back by Karbor's own user, as the reconciliation does it."""
    quiesced.allow("10.0.0.1", "rw")
    quiesced.allow("alice", "rw", "user")
    quiesced.allow("10.0.0.9", "ro")
    before, let_in = quiesced.rules(), quiesced.enforced()
    assert let_in == {"10.0.0.1": "rw", "alice": "rw", "10.0.0.9": "ro"}
    kept = quiesced.freeze(quiesced.of(quiesced.alpha.session))
    assert quiesced.enforced() == dict.fromkeys(let_in, "ro")
    assert {rule[:2] for rule in quiesced.rules().values()} == {("ro", "active")}
    own = Tenant(stack.info, "admin").session
    karbor = quiesced.of(own, project_id=quiesced.alpha.project_id)
    karbor.thaw(kept, SECONDS)
    assert quiesced.enforced() == let_in
    assert quiesced.rules() == before
    karbor.thaw(kept, SECONDS)  # again is success
    assert quiesced.rules() == before


def test_of_two_checkpoints_the_last_one_puts_it_back(quiesced: Quiesced) -> None:
    quiesced.allow("10.0.0.1", "rw")
    first, second = (quiesced.of(quiesced.alpha.session, name) for name in ("cp-1", "cp-2"))
    kept, too = quiesced.freeze(first), quiesced.freeze(second)
    assert kept == too
    first.thaw(kept, SECONDS)
    assert quiesced.enforced() == {"10.0.0.1": "ro"}
    second.thaw(too, SECONDS)
    assert quiesced.enforced() == {"10.0.0.1": "rw"}
    assert quiesced.rules() == {"10.0.0.1": ("rw", "active", BLUE)}


def test_what_its_owner_does_meanwhile_stays(quiesced: Quiesced) -> None:
    alpha = quiesced.alpha
    removed = quiesced.allow("10.0.0.1", "rw")
    back = quiesced.allow("10.0.0.2", "rw")
    quiesced.allow("10.0.0.3", "rw")
    quiescing = quiesced.of(alpha.session)
    kept = quiesced.freeze(quiescing)
    alpha.manila.shares.deny(quiesced.share.id, removed)
    wanted = {"update_access": {"access_level": "rw"}}
    alpha.manila.client.put(f"/share-access-rules/{back}", body=wanted)
    quiesced.allow("10.0.0.4", "rw")
    quiesced.wait_until(lambda rules: "10.0.0.1" not in rules)
    quiescing.thaw(kept, SECONDS)
    assert quiesced.rules() == {f"10.0.0.{number}": ("rw", "active", BLUE) for number in (2, 3, 4)}


def test_a_rule_that_the_backend_refuses_is_told_and_put_back_once_it_takes_it(
    quiesced: Quiesced, faults: Path
) -> None:
    quiesced.allow("10.0.0.1", "rw")
    quiesced.allow("10.0.0.2", "rw")
    quiescing = quiesced.of(quiesced.alpha.session)
    kept = quiesced.freeze(quiescing)
    knobs.write(faults, {"refuse": ["10.0.0.1"]})
    with pytest.raises(RulesNotPutBack, match=r"10\.0\.0\.1"):
        quiescing.thaw(kept, SECONDS)
    assert quiesced.enforced() == {"10.0.0.2": "rw"}
    faults.unlink()
    quiescing.thaw(kept, SECONDS)
    assert quiesced.enforced() == {"10.0.0.1": "rw", "10.0.0.2": "rw"}
    assert {rule[1:] == ("active", BLUE) for rule in quiesced.rules().values()} == {True}
    knobs.write(faults, {"refuse": ["10.0.0.2"]})
    again = quiesced.of(quiesced.alpha.session, "cp-2")
    frozen: dict[str, Any] = {}
    with pytest.raises(RuleNotChanged, match=r"10\.0\.0\.2"):
        again.freeze([quiesced.share.id], SECONDS, frozen.update)
    faults.unlink()
    again.thaw(frozen, SECONDS)
    assert quiesced.enforced() == {"10.0.0.1": "rw", "10.0.0.2": "rw"}


def test_another_projects_share_and_one_that_is_gone_are_left_alone(
    quiesced: Quiesced, alpha: Tenant, stack: Stack
) -> None:
    quiesced.allow("10.0.0.1", "rw")
    kept = quiesced.freeze(quiesced.of(alpha.session))
    RealWorld(stack, alpha).transfer(quiesced.share.id)
    admin = Tenant(stack.info, "admin")
    karbor = quiesced.of(admin.session, project_id=alpha.project_id)
    karbor.thaw(kept, SECONDS)
    assert quiesced.enforced() == {"10.0.0.1": "ro"}
    admin.manila.shares.delete(quiesced.share.id)
    wait("its end", admin.shares, lambda left: quiesced.share.id not in {s.id for s in left}, 120)
    karbor.thaw(kept, SECONDS)
    assert quiesced.freeze(quiesced.of(alpha.session)) == {}
