# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila audit``: what it prints, what it answers."""

from pathlib import Path
from typing import Any

import pytest

from karbor_manila.bank import identity
from karbor_manila.cli.operator.host import Host
from tests.unit.cli.operator.acts import SECOND, second_provider
from tests.unit.karbor_stage import (
    Service,
)
from tests.unit.recovery.audit.stage import (
    everything_in,
    mark_of,
    orphaned,
    plant,
    protected,
    snapshot_away,
)


def test_an_audit_of_what_agrees_lists_nothing_and_answers_0(service: Service, run: Any) -> None:
    protected(service)
    ran = run("audit", "-f", "json")
    assert (ran.code, ran.rows, ran.err) == (0, [], "")


def test_an_audit_lists_what_it_found_changes_nothing_and_answers_3(
    service: Service, run: Any
) -> None:
    share = service.share()
    kept = protected(service, share)
    lost = snapshot_away(service, kept, share)
    orphan = orphaned(service)
    before = everything_in(service)
    ran = run("audit", "-f", "json", "--grace", "0")
    assert ran.code == 3
    assert ran.err == ""
    assert {row["Snapshot"]: (row["Finding"], row["Action"]) for row in ran.rows} == {
        orphan: ("orphan", "remove the snapshot"),
        lost: ("lost", "say so in the checkpoint"),
    }
    assert list(ran.rows[0]) == [
        *("Finding", "Snapshot", "Share", "Checkpoint", "Project", "Why", "Action")
    ]
    assert everything_in(service) == before


def test_an_audit_prints_a_table(service: Service, run: Any) -> None:
    protected(service)
    orphan = orphaned(service)
    ran = run("audit", "--grace", "0", "--max-width", "0")
    header, row = (ran.out.splitlines()[n] for n in (1, 3))
    assert [cell.strip() for cell in header.strip("|").split("|")][:2] == ["Finding", "Snapshot"]
    assert orphan in row


def test_a_mended_audit_says_what_was_done_and_answers_0(service: Service, run: Any) -> None:
    share = service.share()
    snapshot_away(service, protected(service, share), share)
    orphan = orphaned(service)
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    assert ran.code == 0
    assert sorted(row["Done"] for row in ran.rows) == ["removed", "said so in the checkpoint"]
    assert orphan not in service.cloud.snapshots


def test_what_could_not_be_mended_is_told_with_its_reason_and_hides_no_other(
    service: Service, run: Any
) -> None:
    protected(service)
    stuck, good = orphaned(service), orphaned(service)
    service.cloud.snapshots[stuck]["status"] = "error_deleting"
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    done = {row["Snapshot"]: row["Done"] for row in ran.rows}
    assert ran.code == 3
    assert done[good] == "removed"
    assert done[stuck].startswith("failed: ")
    assert f"--force {stuck}" in done[stuck]


def test_the_grace_is_that_of_the_command_or_of_karbor_conf(
    service: Service, run: Any, conf: Path
) -> None:
    protected(service)
    orphan = orphaned(service)
    service.cloud.clock.sleep(600)
    for argv, action in (((), "none"), (("--grace", "601"), "none"), (("--grace", "599"), "rem")):
        ran = run("audit", "-f", "json", *argv)
        (row,) = ran.rows
        assert (ran.code, row["Snapshot"]) == (3, orphan)
        assert row["Action"].startswith(action)
    conf.write_text(conf.read_text() + "[manila_share_protection]\naudit_grace = 599\n")
    assert run("audit", "-f", "json").rows[0]["Action"] == "remove the snapshot"
    ran = run("audit", "--fix", "--grace", "601", "-f", "json")
    assert (ran.code, ran.rows[0]["Done"]) == (3, "left alone")
    assert orphan in service.cloud.snapshots


@pytest.mark.parametrize("grace", ["nan", "inf", "-1", "-inf", "soon", ""])
def test_a_grace_that_is_no_number_of_seconds_is_wrong_usage(
    service: Service, run: Any, grace: str
) -> None:
    orphan = orphaned(service)
    ran = run("audit", "--fix", f"--grace={grace}")
    assert ran.code == 2
    assert "--grace" in ran.err
    assert orphan in service.cloud.snapshots


@pytest.mark.parametrize("argv", [["audit", "--dry"], ["reconcile", "--fix"], ["audit", "x"]])
def test_wrong_usage_answers_2(run: Any, argv: list[str]) -> None:
    assert run(*argv).code == 2


def test_an_unknown_command_answers_2(run: Any) -> None:
    ran = run("remove-everything")
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_a_bank_of_two_providers_is_listed_once_and_audited_for_both(
    service: Service, run: Any
) -> None:
    shares = [service.share(), service.share()]
    first, second = (protected(service, share) for share in shares)
    orphan = orphaned(service)
    lost = {snapshot_away(service, *pair) for pair in zip((first, second), shares, strict=True)}
    index = second.checkpoint_section.get_object("index.json")
    second.checkpoint_section.update_object("index.json", index | {"provider_id": SECOND})
    second_provider(service)
    ran = run("audit", "--grace", "0", "-f", "json")
    assert sorted(row["Snapshot"] for row in ran.rows) == sorted({orphan, *lost})
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    assert ran.code == 0
    assert len(ran.rows) == 3


def test_a_second_bank_that_is_suspect_does_not_hide_what_was_done_for_the_first(
    service: Service, run: Any
) -> None:
    protected(service)
    orphan = orphaned(service)
    second_provider(service, "not-mounted")
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    assert ran.code == 1
    assert [(row["Snapshot"], row["Done"]) for row in ran.rows] == [(orphan, "removed")]
    (line,) = ran.lines
    assert SECOND in line
    assert "mounted" in line


def test_a_second_bank_is_audited_on_its_own(service: Service, run: Any) -> None:
    protected(service)
    second_provider(service, "other-bank")
    other = Host([str(service.folder / "karbor.conf")]).providers
    (bank,) = (provider.bank for provider in other if provider.id == SECOND)
    assert identity.bank_id(bank) != identity.bank_id(service.provider.bank)
    share = service.share()
    theirs = plant(service, share, mark_of(service, share, bank=identity.bank_id(bank)))
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    assert (ran.code, ran.rows) == (1, [])
    assert "never held a checkpoint" in ran.err
    assert theirs in service.cloud.snapshots
