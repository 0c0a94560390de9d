# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila hooks`` and what ``reconcile`` does about hooks: what is listed, and what it
answers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from karbor_manila.bank.hook_runs import Began
from tests.unit.cli.operator.acts import Ran
from tests.unit.karbor_stage import OUR_PROJECT, OURS, Service, provider_file
from tests.unit.recovery import hooked
from tests.unit.recovery.hooked import FIRST, GONE, OPTIONS, SECOND, begun, new_id

COLUMNS = ["Provider", "Name", "Hook", "Usable", "Scope", "Points", "Needs Post", "Called"]
COLUMNS += ["Open", "Error"]
POINTS = ["copy", "delete", "drill", "protect", "restore", "revert"]


@pytest.fixture
def configure(service: Service) -> Callable[..., None]:
    """Change the provider's file, as an operator does."""

    def configure(*options: str) -> None:
        provider_file(service.folder, service.provider.id, (OURS, OUR_PROJECT), options=options)

    return configure


def test_without_hooks_nothing_is_listed(run: Callable[..., Ran]) -> None:
    ran = run("hooks", "-f", "json")
    assert (ran.code, ran.rows, ran.err) == (0, [], "")


def test_hooks_are_listed_in_their_order_with_all_that_is_known_of_them(
    service: Service, configure: Callable[..., None], run: Callable[..., Ran]
) -> None:
    configure(*OPTIONS)
    checkpoint = service.protect(service.plan(service.share()))
    begun(service, checkpoint, new_id())
    ran = run("hooks", "-f", "json")
    assert (ran.code, ran.err) == (0, "")
    assert list(ran.rows[0]) == COLUMNS
    assert ran.rows[0] == {
        "Provider": service.provider.id,
        "Name": service.provider.name,
        "Hook": FIRST,
        "Usable": True,
        "Scope": "share",
        "Points": POINTS,
        "Needs Post": False,
        "Called": ["pre", "post"],
        "Open": 1,
        "Error": "",
    }
    assert (ran.rows[1]["Hook"], ran.rows[1]["Needs Post"]) == (SECOND, True)
    assert "copy, delete, drill" in run("hooks", "--max-width", "0").out


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("hook_drivers = nosuch",), "no hook of this name is installed"),
        ((f"hook_drivers = {SECOND}", "enable_pre_hooks = true"), "enable_post_hooks is off"),
    ],
    ids=["not installed", "no post"],
)
def test_one_that_cannot_be_called_says_why_and_answers_3(
    configure: Callable[..., None],
    run: Callable[..., Ran],
    options: tuple[str, ...],
    why: str,
) -> None:
    configure(*options)
    ran = run("hooks", "-f", "json")
    (row,) = ran.rows
    assert (ran.code, row["Usable"]) == (3, False)
    assert why in row["Error"]


def test_one_that_has_begun_and_is_not_named_any_more_is_listed(
    service: Service, run: Callable[..., Ran]
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    begun(service, checkpoint, new_id(), hooks=(Began(GONE),))
    ran = run("hooks", "-f", "json")
    assert ran.code == 3
    assert [(row["Hook"], row["Open"], row["Error"]) for row in ran.rows] == [
        (GONE, 1, "hook_drivers does not name it any more")
    ]


def test_the_reconciliation_lists_hooks_that_are_open_and_calls_their_posts(
    service: Service,
    configure: Callable[..., None],
    run: Callable[..., Ran],
    monkeypatch: pytest.MonkeyPatch,
    conf: Path,
) -> None:
    hooked.at_once(monkeypatch)
    configure(*OPTIONS)
    checkpoint = service.protect(service.plan(service.share()))
    left = begun(service, checkpoint, new_id())
    hooked.forget()
    dry = run("reconcile", "--dry-run", "-f", "json")
    assert (dry.code, hooked.called()) == (3, [])
    (row,) = dry.rows
    assert (row["Operation"], row["ID"], row["Checkpoint"]) == ("hooks", left.id, checkpoint.id)
    assert (row["Project"], row["Status"]) == (service.project_id, "unfinished")
    done = run("reconcile", "-f", "json")
    assert (done.code, [each["Status"] for each in done.rows]) == (0, ["through"])
    assert [name for name, _data in hooked.called()] == [SECOND, FIRST]
    hooked.forget()


def test_hooks_that_cannot_be_loaded_stay_open_and_the_error_says_what_to_do(
    service: Service, configure: Callable[..., None], run: Callable[..., Ran]
) -> None:
    checkpoint = service.protect(service.plan(service.share()))
    left = begun(service, checkpoint, new_id(), hooks=(Began("nosuch"),))
    configure("hook_drivers = nosuch", "enable_pre_hooks = true", "enable_post_hooks = true")
    ran = run("reconcile", "-f", "json")
    assert ran.code == 3
    assert [(row["ID"], row["Status"]) for row in ran.rows] == [(left.id, "to be tried again")]
    assert "hook_drivers names 'nosuch', which cannot be used" in ran.err
    assert "Install it, or take it out." in ran.err
    assert [run.id for run in hooked.open_runs(service)] == [left.id]
