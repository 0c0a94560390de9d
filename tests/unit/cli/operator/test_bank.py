# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila bank``: what is there in the place of each bank, and a change that was meant."""

import shutil
import uuid
from pathlib import Path
from typing import Any

from karbor_manila.bank import identity
from tests.unit.banks import open_bank, stored
from tests.unit.recovery.audit.stage import mark_of, plant, protected, snapshots_of


def the_row(ran: Any) -> dict[str, Any]:
    (row,) = ran.rows
    return dict(row)


def replace(service: Any, folder: Path) -> None:
    shutil.rmtree(service.folder / "bank")
    folder.rename(service.folder / "bank")


def test_a_bank_that_is_as_known_is_listed_and_answers_0(service: Any, run: Any) -> None:
    protected(service)
    known = identity.read(service.provider.bank)
    ran = run("bank", "list", "-f", "json")
    assert ran.code == 0
    assert the_row(ran) == {
        "Provider": service.provider.id,
        "Name": service.provider.name,
        "Known": known,
        "Found": known,
        "State": "as known",
    }


def test_to_list_gives_no_id(service: Any, run: Any) -> None:
    ran = run("bank", "list", "-f", "json")
    row = the_row(ran)
    assert (ran.code, row["Known"], row["Found"]) == (0, None, None)
    assert row["State"] == "not known yet"
    assert identity.read(service.provider.bank) is None


def test_another_bank_is_listed_with_both_ids_and_answers_3(service: Any, run: Any) -> None:
    protected(service)
    known = identity.read(service.provider.bank)
    other = identity.bank_id(open_bank(service.folder / "other"))
    replace(service, service.folder / "other")
    ran = run("bank", "list", "-f", "json")
    assert ran.code == 3
    row = the_row(ran)
    assert (row["Known"], row["Found"]) == (known, other)
    assert "bank accept" in row["State"]


def test_a_bank_that_was_put_back_is_listed_with_what_it_lacks(service: Any, run: Any) -> None:
    protected(service)
    shutil.copytree(service.folder / "bank", service.folder / "copy")
    later = protected(service)
    replace(service, service.folder / "copy")
    ran = run("bank", "list", "-f", "json")
    assert ran.code == 3
    assert later.id in the_row(ran)["State"]


def test_an_unreadable_bank_does_not_hide_the_others(service: Any, run: Any) -> None:
    protected(service)
    stored(service.folder / "bank", identity.KEY).write_text("{")
    ran = run("bank", "list", "-f", "json")
    assert ran.code == 3
    assert "damaged" in the_row(ran)["State"]


def test_a_bank_that_was_changed_on_purpose_is_used_without_a_restart(
    service: Any, run: Any
) -> None:
    checkpoint = protected(service)
    known = identity.read(service.provider.bank)
    shutil.rmtree(service.folder / "bank")
    (service.folder / "bank/karbor").mkdir(parents=True)
    ran = run("bank", "accept", service.provider.id, "-f", "json")
    row = the_row(ran)
    assert ran.code == 0
    assert row["Before"] == known
    assert row["Now"] == identity.read(service.provider.bank) != known
    assert row["Given up"] == [checkpoint.id]
    protected(service)
    assert len(service.cloud.snapshots) == 2
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    assert (ran.code, ran.rows) == (0, [])  # what bears the old bank's mark is not the new one's


def test_an_older_copy_that_is_accepted_makes_orphans_of_what_it_lacks(
    service: Any, run: Any
) -> None:
    protected(service)
    shutil.copytree(service.folder / "bank", service.folder / "copy")
    later = protected(service)
    (given_up,) = snapshots_of(service, later).values()
    share = service.share()
    orphan = plant(service, share, mark_of(service, share))
    replace(service, service.folder / "copy")
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    assert (ran.code, ran.rows) == (1, [])
    assert later.id in ran.err
    assert the_row(run("bank", "accept", service.provider.id, "-f", "json"))["Given up"] == [
        later.id
    ]
    ran = run("audit", "--fix", "--grace", "0", "-f", "json")
    assert ran.code == 0
    assert {row["Snapshot"] for row in ran.rows} == {orphan, given_up}


def test_a_provider_that_is_not_there_is_named_with_those_that_are(service: Any, run: Any) -> None:
    unknown = str(uuid.uuid4())
    ran = run("bank", "accept", unknown)
    assert ran.code == 1
    assert unknown in ran.err
    assert service.provider.id in ran.err
    assert list((service.folder / "bank/karbor").iterdir()) == []
