# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila audit --output``: what another program reads is the last list that was whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.bank import identity
from karbor_manila.cli import output
from tests.unit.cli.operator.acts import SECOND, second_provider
from tests.unit.karbor_stage import Service
from tests.unit.recovery.audit.stage import orphaned, protected

BEFORE = '[{"what": "was found before"}]'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """What the last audit has found."""
    path = tmp_path / "for others" / "audit.json"
    path.parent.mkdir()
    path.write_text(BEFORE)
    return path


def test_what_was_found_takes_the_place_of_the_file_and_is_not_printed(
    service: Service, run: Any, file: Path
) -> None:
    protected(service)
    ran = run("audit", "-f", "json", "--output", str(file))
    assert (ran.code, ran.out, ran.err, json.loads(file.read_text())) == (0, "", "", [])
    orphan = orphaned(service)
    assert run("audit", "-f", "json", "--output", str(file)).code == 3
    assert [row["Snapshot"] for row in json.loads(file.read_text())] == [orphan]
    assert [*file.parent.iterdir()] == [file]


def test_an_audit_that_failed_leaves_the_file_as_it_was(
    service: Service, run: Any, file: Path
) -> None:
    protected(service)
    was = file.stat()
    service.provider.bank.update_object(identity.KEY, "damaged")
    ran = run("audit", "-f", "json", "--output", str(file))
    assert (ran.code, file.read_text(), file.stat().st_mtime_ns) == (1, BEFORE, was.st_mtime_ns)
    assert f"{file} stays as it was: the list is not whole" in ran.err


def test_what_was_found_for_one_of_two_banks_is_printed_and_leaves_the_file_as_it_was(
    service: Service, run: Any, file: Path
) -> None:
    protected(service)
    orphan = orphaned(service)
    second_provider(service, "other")
    ran = run("audit", "-f", "json", "--grace", "0", "--output", str(file))
    assert (ran.code, file.read_text()) == (1, BEFORE)
    assert [row["Snapshot"] for row in ran.rows] == [orphan]
    assert SECOND in ran.err


def test_a_configuration_that_is_not_there_leaves_the_file_as_it_was(run: Any, file: Path) -> None:
    ran = run("audit", "--output", str(file), config=file.parent / "nowhere.conf")
    assert (ran.code, file.read_text()) == (1, BEFORE)


def test_a_file_that_cannot_be_written_is_wrong_usage_before_anything_is_removed(
    service: Service, run: Any, file: Path
) -> None:
    protected(service)
    orphan = orphaned(service)
    for wrong in (file / "below", file.parent / "none" / "audit.json", file.parent):
        ran = run("audit", "--fix", "--grace", "0", "--output", str(wrong))
        assert (ran.code, ran.out, len(ran.lines)) == (2, "", 1)
        assert "cannot be written" in ran.err
    assert orphan in service.cloud.snapshots


def test_what_was_removed_is_printed_when_the_file_cannot_take_it(
    service: Service, run: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    protected(service)
    orphan = orphaned(service)
    monkeypatch.setattr("karbor_manila.cli.whole_file.os.fsync", full)
    ran = run("audit", "--fix", "--grace", "0", "-f", "json", "--output", str(file))
    assert (ran.code, file.read_text(), [*file.parent.iterdir()]) == (1, BEFORE, [file])
    assert [(row["Snapshot"], row["Done"]) for row in ran.rows] == [(orphan, "removed")]
    assert f"The list could not be put at {file}: No space left on device." in ran.err


def test_nothing_in_the_file_is_obeyed_by_the_terminal_that_shows_it(
    service: Service, run: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    protected(service)
    orphaned(service)
    monkeypatch.setattr(output, "visible", lambda _cell: "made-visible")
    assert run("audit", "--grace", "0", "-f", "value", "--output", str(file)).code == 3
    assert "made-visible" in file.read_text().split()


def test_a_link_stays_and_what_it_leads_to_is_replaced(
    service: Service, run: Any, file: Path, tmp_path: Path
) -> None:
    protected(service)
    link = tmp_path / "audit.json"
    link.symlink_to(file)
    assert run("audit", "-f", "json", "--output", str(link)).code == 0
    assert (link.is_symlink(), file.read_text()) == (True, "[]\n")
