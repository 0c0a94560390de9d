# SPDX-License-Identifier: Apache-2.0
"""The files of a share, compared by a drill with what they were when it was protected."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.bank import drill_results
from karbor_manila.operations import content
from tests.unit.keys import key_file
from tests.unit.stage import SHARE, Record, Stage

#: The protected share's content is in one folder, that of whatever is restored in another.
COMMAND = """#!/bin/sh
[ "$KARBOR_MANILA_SHARE_ID" = "$KARBOR_MANILA_SOURCE_SHARE_ID" ] && place=share || place=restored
exec "$@" "{folder}/$place"
"""


class World:
    """A share with one file, protected; and what a drill finds in its place."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        for name in ("share", "restored"):
            (folder / name).mkdir()
            (folder / name / "a").write_text("1")
        self.command = folder / "with-content"
        self.command.write_text(COMMAND.format(folder=folder))
        self.command.chmod(0o755)
        options = {"content_command": str(self.command), "content_settled": 0.0} | settings
        self.restored = folder / "restored"
        self.stage = Stage(folder / "bank", **options)
        self.share = str(self.stage.cloud.add_share(self.stage.project_id)["id"])
        self.checkpoint = self.stage.checkpoint(self.share)

    def protect(self) -> "World":
        self.stage.protect(self.checkpoint, self.share)
        return self

    @property
    def section(self) -> Any:
        return self.checkpoint.get_resource_bank_section(self.share)

    def remark(self) -> str:
        info = json.loads(self.stage.checkpoints.get(self.checkpoint.id).extra_info or "{}")
        return str(info.get("remarks", {}).get(f"{SHARE}#{self.share}", ""))

    def drill(self) -> tuple[str, str]:
        record, key = Record(), f"{SHARE}#{self.share}"
        given = {"depth": "drill"}
        self.stage.verify(self.checkpoint, self.share, verify=record, given=given)
        assert list(self.stage.cloud.shares) == [self.share]
        return record["resources_status"][key], record["resources_reason"][key]


@pytest.fixture(autouse=True)
def _later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage's time is not that of this machine's files."""

    monkeypatch.setattr(content, "_began", lambda _intent: 2.0**40)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_same_files_make_a_good_drill_which_says_how_many(world: World) -> None:
    status, reason = world.protect().drill()
    assert status == "available"
    told = json.loads(reason)["compared"]
    assert told == {"files": 1, "of": 1, "manifest": "unsigned"}
    (place,) = drill_results.places(world.stage.bank, world.checkpoint.provider_id)
    kept = json.loads(drill_results.get(world.stage.bank, place)["text"])
    assert kept["found"]["compared"] == told


def test_a_changed_file_makes_a_bad_drill_which_names_it(world: World) -> None:
    (world.protect().restored / "a").write_text("2")
    status, reason = world.drill()
    assert status == "error"
    assert "1 of 1 files" in reason
    assert "a has another content" in reason


def test_a_manifest_has_names_and_digests_and_no_content(tmp_path: Path) -> None:
    world = World(tmp_path)
    (tmp_path / "share" / "a").write_text("the words in the file")
    kept = json.dumps(world.protect().stage.pages(world.checkpoint, world.share))
    assert "words" not in kept
    assert hashlib.sha256(b"the words in the file").hexdigest() in kept


def test_without_the_option_nothing_is_read_and_nothing_more_written(tmp_path: Path) -> None:
    world = World(tmp_path, content_command="").protect()
    assert "manifest" not in world.stage.pages(world.checkpoint, world.share)
    assert "compared" not in world.drill()[1]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("false", "exit code 1"),
        ("true", "did not run the program"),
        ("/no/such/command", "could not be run"),
        ("sh -c 'sleep 60'", "did not end within 1 seconds"),
    ],
)
def test_a_share_whose_files_cannot_be_read_is_protected_and_its_user_reads_why(
    tmp_path: Path, command: str, said: str
) -> None:
    world = World(tmp_path, content_command=command, content_timeout=1.0).protect()
    assert world.stage.pages(world.checkpoint, world.share)["status"] == "available"
    assert "No manifest of its files was taken" in world.remark()
    assert said in world.remark()
    world.stage.settings["content_command"] = str(world.command)
    status, reason = world.drill()
    assert status == "available"
    assert "no manifest was taken" in reason


def test_a_restored_share_whose_files_cannot_be_read_makes_a_bad_drill(world: World) -> None:
    world.protect()
    world.command.write_text("#!/bin/sh\necho mount: no route to host; exit 32\n")
    status, reason = world.drill()
    assert status == "error"
    assert "exit code 32. It said: mount: no route to host." in reason


def test_the_manifest_goes_with_the_share(world: World) -> None:
    world.protect()
    assert "manifest" in world.stage.pages(world.checkpoint, world.share)
    world.stage.delete(world.checkpoint, world.share)
    assert set(world.stage.pages(world.checkpoint, world.share)) <= {"status"}


def _changed(sealed: dict[str, Any]) -> dict[str, Any]:
    text = json.loads(sealed["text"])
    text["files"] = []
    return sealed | {"text": json.dumps(text)}


def _moved(sealed: dict[str, Any]) -> dict[str, Any]:
    return {"text": json.dumps(json.loads(sealed["text"]) | {"share_id": "another"})}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_changed, "was changed"),
        (_moved, "was changed"),
        (lambda _sealed: {"text": "{"}, "is damaged"),
        (lambda _sealed: {"text": "[]"}, "is damaged"),
        (lambda _sealed: {"text": "[" * 100_000}, "is damaged"),
        (lambda _sealed: {"other": 1}, "is damaged"),
        (lambda _sealed: "", "is damaged"),
    ],
)
def test_a_manifest_that_somebody_changed_proves_nothing(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    world = World(tmp_path, drill_signing_key=key_file(tmp_path)).protect()
    world.section.update_object("manifest", change(world.section.get_object("manifest")))
    status, reason = world.drill()
    assert status == "error"
    assert said in reason


def test_a_manifest_without_its_signature_is_compared_and_that_is_said(tmp_path: Path) -> None:
    """Whoever writes the bank can take a signature off: the drill does not call it good."""
    world = World(tmp_path, drill_signing_key=key_file(tmp_path)).protect()
    sealed = world.section.get_object("manifest")
    world.section.update_object("manifest", {"text": sealed["text"]})
    status, reason = world.drill()
    assert status == "available"
    assert json.loads(reason)["compared"]["manifest"] == "unsigned"


def test_a_manifest_of_a_key_of_before_is_compared_and_that_is_said(tmp_path: Path) -> None:
    world = World(tmp_path, drill_signing_key=key_file(tmp_path)).protect()
    world.stage.settings["drill_signing_key"] = key_file(tmp_path, "new.pem")
    status, reason = world.drill()
    assert status == "available"
    assert json.loads(reason)["compared"]["manifest"] == "unknown key"


def test_a_bank_that_takes_no_manifest_takes_nothing_from_the_protection(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = world.stage.bank_plugin.update_object

    def refuse(key: str, value: Any, context: Any = None) -> None:
        if key.endswith("/manifest"):
            raise OSError(28, "No space left on device")
        update(key, value, context)

    monkeypatch.setattr(world.stage.bank_plugin, "update_object", refuse)
    world.protect()
    assert "No space left on device" in world.remark()
    assert world.drill()[0] == "available"
