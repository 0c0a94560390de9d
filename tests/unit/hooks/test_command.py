# SPDX-License-Identifier: Apache-2.0
"""The operator's commands: no shell, nothing inherited, and their exit codes decide."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from karbor_manila.hooks.base import CHECKPOINT, Outcome
from karbor_manila.hooks.command import CommandHook
from karbor_manila.hooks.errors import CommandFailed, HookSkip
from tests.fakes.manila import Fault, refused, transient
from tests.unit.hooks.stage import Stage

KEY = "backup-hook"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "written"


def noting(written: Path) -> str:
    """A command that writes down all that it is told."""
    return f"sh -c 'env -0 >{written}; printf =stdin= >>{written}; cat >>{written}'"


def told(written: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """The environment and the document of a noting command."""
    variables, _, document = written.read_bytes().decode().partition("=stdin=")
    pairs = (each.partition("=") for each in variables.split("\0") if each)
    return {name: value for name, _, value in pairs}, json.loads(document)


def test_it_is_told_what_it_is_called_for_and_inherits_nothing(
    stage: Stage, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_PASSWORD", "hunter2")
    share = stage.share(name="db", share_type_name="gold", metadata={KEY: "postgres", "x": "y"})
    hook = stage.hook(CommandHook, command_hook_pre=noting(written), command_hook_metadata_key=KEY)
    hook.pre(call=stage.call(share, request_id="r-1"))
    variables, document = told(written)
    own = {name: value for name, value in variables.items() if name.startswith("KARBOR_MANILA_")}
    # What a shell adds by itself.
    assert variables.keys() - own.keys() <= {"PATH", "LANG", "PWD", "SHLVL", "_", "OLDPWD"}
    place = f"127.0.0.1:/shares/{share['id']}"
    assert own == {
        "KARBOR_MANILA_HOOK": "command",
        "KARBOR_MANILA_PHASE": "pre",
        "KARBOR_MANILA_POINT": "protect",
        "KARBOR_MANILA_SCOPE": "share",
        "KARBOR_MANILA_CHECKPOINT_ID": "cp-1",
        "KARBOR_MANILA_PROVIDER_ID": "provider-1",
        "KARBOR_MANILA_PROJECT_ID": "project-a",
        "KARBOR_MANILA_REQUEST_ID": "r-1",
        "KARBOR_MANILA_SHARE_IDS": share["id"],
        "KARBOR_MANILA_SHARE_ID": share["id"],
        "KARBOR_MANILA_SHARE_NAME": "db",
        "KARBOR_MANILA_SHARE_TYPE": "gold",
        "KARBOR_MANILA_SHARE_PROTO": "NFS",
        "KARBOR_MANILA_METADATA_VALUE": "postgres",
        "KARBOR_MANILA_EXPORT_LOCATION": place,
        "KARBOR_MANILA_EXPORT_LOCATIONS": place,
    }
    assert document["version"] == 1
    assert document["shares"] == [
        {
            "id": share["id"],
            "name": "db",
            "share_type_id": "type-id",
            "share_type": "gold",
            "share_proto": "NFS",
            "size": 1,
            "metadata_value": "postgres",
            "export_locations": [place],
        }
    ]
    more = {"metadata_value": "postgres", "export_locations": [place]}
    assert stage.remembered == [{"shares": {share["id"]: more}}]
    assert "hunter2" not in written.read_text()


def test_a_tenants_words_are_data(stage: Stage, written: Path) -> None:
    evil = "$(touch /tmp/x); `id`\x1b[2J\x00\nKARBOR_MANILA_PROJECT_ID=other"
    share = stage.share(name=evil, metadata={KEY: evil})
    hook = stage.hook(CommandHook, command_hook_pre=noting(written), command_hook_metadata_key=KEY)
    hook.pre(call=stage.call(share))
    variables, _document = told(written)
    shown = "$(touch /tmp/x); `id`\\x1b[2J\\x00\\nKARBOR_MANILA_PROJECT_ID=other"
    assert variables["KARBOR_MANILA_METADATA_VALUE"] == shown
    assert variables["KARBOR_MANILA_SHARE_NAME"] == shown
    assert variables["KARBOR_MANILA_PROJECT_ID"] == "project-a"


def test_the_post_is_told_the_outcome_and_the_shares_of_the_pre(
    stage: Stage, written: Path
) -> None:
    """Even if its owner has taken the key out meanwhile, and Manila does not answer."""
    share = stage.share(metadata={KEY: "postgres"})
    hook = stage.hook(
        CommandHook,
        command_hook_pre="true",
        command_hook_post=noting(written),
        command_hook_metadata_key=KEY,
    )
    hook.pre(call=stage.call(share))
    stage.cloud.faults.append(Fault("export_locations", transient, times=99))
    share["metadata"].clear()
    said = "Quota is used up.\nReally."
    stage.thaw(hook, stage.call(share), "failed", error=said, pre_error="no")
    variables, document = told(written)
    assert variables["KARBOR_MANILA_PHASE"] == "post"
    assert variables["KARBOR_MANILA_OUTCOME"] == "failed"
    assert variables["KARBOR_MANILA_ERROR"] == said
    assert variables["KARBOR_MANILA_PRE_ERROR"] == "no"
    assert variables["KARBOR_MANILA_METADATA_VALUE"] == "postgres"
    assert variables["KARBOR_MANILA_EXPORT_LOCATION"].endswith(share["id"])
    assert document["outcome"] == {"status": "failed", "error": said, "pre_error": "no"}
    stage.thaw(hook, stage.call(), "interrupted")  # its share is gone
    assert told(written)[0]["KARBOR_MANILA_SHARE_ID"] == share["id"]


def test_a_post_without_a_pre_runs_for_the_shares_of_now(stage: Stage, written: Path) -> None:
    share = stage.share()
    hook = stage.hook(CommandHook, command_hook_post=noting(written))
    assert hook.pre(call=stage.call(share)) is None
    stage.cloud.faults.append(Fault("export_locations", lambda: refused(404)))
    hook.post(call=stage.call(share), data=None, outcome=Outcome(status="success"))
    variables, _document = told(written)
    assert variables["KARBOR_MANILA_SHARE_ID"] == share["id"]
    assert variables["KARBOR_MANILA_EXPORT_LOCATIONS"] == ""


def test_in_scope_checkpoint_one_command_is_told_of_all_shares(stage: Stage, written: Path) -> None:
    shares = [stage.share(share_type_name=kind) for kind in ("gold", "tin", "gold")]
    hook = stage.hook(
        CommandHook,
        command_hook_pre=noting(written),
        command_hook_scope=CHECKPOINT,
        command_hook_share_types=["gold"],
        command_hook_export_locations=False,
    )
    assert hook.scope == CHECKPOINT
    hook.pre(call=stage.call(*shares, scope=CHECKPOINT))
    variables, document = told(written)
    gold = [shares[0]["id"], shares[2]["id"]]
    assert variables["KARBOR_MANILA_SHARE_IDS"].split("\n") == gold
    assert "KARBOR_MANILA_SHARE_ID" not in variables
    assert [share["id"] for share in document["shares"]] == gold
    assert "export_locations" not in stage.cloud.calls


def test_of_very_many_shares_the_document_has_all(stage: Stage, written: Path) -> None:
    shares = [{"id": f"share-{number:032}"} for number in range(4000)]
    hook = stage.hook(
        CommandHook, command_hook_pre=noting(written), command_hook_export_locations=False
    )
    hook.pre(call=stage.call(*shares, scope=CHECKPOINT))
    variables, document = told(written)
    assert variables["KARBOR_MANILA_SHARE_IDS"] == ""
    assert len(document["shares"]) == 4000


@pytest.mark.parametrize(
    ("options", "share", "applies"),
    [
        ({}, {}, True),
        ({"command_hook_share_types": ["gold"]}, {"share_type_name": "gold"}, True),
        ({"command_hook_share_types": ["type-id"]}, {}, True),
        ({"command_hook_share_types": ["gold"]}, {}, False),
        ({"command_hook_metadata_key": KEY}, {"metadata": {KEY: ""}}, True),
        ({"command_hook_metadata_key": KEY}, {"metadata": {"other": "x"}}, False),
        (
            {"command_hook_metadata_key": KEY, "command_hook_share_types": ["gold"]},
            {"metadata": {KEY: "x"}},
            True,
        ),
    ],
)
def test_it_is_for_the_shares_that_the_options_name(
    stage: Stage, options: dict[str, Any], share: dict[str, Any], applies: bool
) -> None:
    hook = stage.hook(CommandHook, command_hook_pre="true", **options)
    assert hook.applies(call=stage.call(stage.share(**share))) is applies


def test_its_points_are_those_of_the_option(stage: Stage) -> None:
    hook = stage.hook(CommandHook, command_hook_points=["restore", "drill"])
    assert hook.points == {"restore", "drill"}


def test_75_of_a_pre_leaves_the_share_out_with_the_commands_words(stage: Stage) -> None:
    command = "sh -c 'echo the schema is being changed.; exit 75'"
    hook = stage.hook(CommandHook, command_hook_pre=command, command_hook_post=command)
    with pytest.raises(HookSkip) as skipped:
        hook.pre(call=stage.call(stage.share()))
    assert skipped.value.why == "the schema is being changed (exit code 75)."
    with pytest.raises(CommandFailed, match="exit code 75"):
        stage.thaw(hook, stage.call(stage.share()))


def test_another_code_fails_with_the_end_of_the_output(stage: Stage) -> None:
    command = "sh -c 'seq 1 5000; echo password=hunter2; echo no such table >&2; exit 3'"
    hook = stage.hook(CommandHook, command_hook_pre=command)
    with pytest.raises(CommandFailed) as failed:
        hook.pre(call=stage.call(stage.share()))
    said = str(failed.value)
    assert said.startswith("The command of command_hook_pre ended with exit code 3. It said: ")
    assert said.endswith("no such table.")
    assert "hunter2" not in said


def test_the_last_line_of_a_post_may_annotate_the_result(stage: Stage) -> None:
    share, other = stage.share(), stage.share()
    line = json.dumps({"annotations": {"lsn": "0/16B3748", "evil": "a\x1b"}})
    hook = stage.hook(CommandHook, command_hook_post=f"printf %s\\\\n 'words' '{line}'")
    before = {"snapshot_id": "s", "annotations": {"by": "another"}}
    mine = {"by": "another", "lsn": "0/16B3748", "evil": "a\\x1b"}
    call = stage.call(share)
    assert stage.thaw(hook, call, result=before) == {"annotations": mine}
    call = stage.call(share, scope=CHECKPOINT)
    result = {share["id"]: before, other["id"]: {}}
    assert stage.thaw(hook, call, result=result) == {share["id"]: {"annotations": mine}}


@pytest.mark.parametrize("line", ["", "null", "[]", "{}", '{"annotations": 7}', '{"annotations'])
def test_other_output_is_none(stage: Stage, line: str) -> None:
    hook = stage.hook(CommandHook, command_hook_post=f"echo '{line}'")
    assert stage.thaw(hook, stage.call(stage.share())) is None


def test_at_the_deadline_it_is_killed_before_the_call_is_given_up(stage: Stage) -> None:
    hook = stage.hook(
        CommandHook, command_hook_pre="sh -c 'echo began; sleep 60'", hook_timeout=2.0
    )
    with pytest.raises(CommandFailed, match="did not end within 2 seconds. It said: began"):
        hook.pre(call=stage.call(stage.share()))


def test_the_periodic_command_gets_the_drivers_data(stage: Stage, written: Path) -> None:
    gold = {"command_hook_share_types": ["gold"]}
    hook = stage.hook(CommandHook, command_hook_periodic=noting(written), **gold)
    rows = [
        {"id": "s-1", "used": 7, "share_type_name": "gold", "metadata": {"password": "hunter2"}},
        {"id": "s-2", "used": 8, "share_type_name": "tin", "metadata": {}},
    ]
    hook.periodic(data=rows, environment=stage.environment())
    variables, document = told(written)
    assert variables["KARBOR_MANILA_PHASE"] == "periodic"
    assert document["shares"] == [{"id": "s-1", "used": 7, "share_type_name": "gold"}]
    written.unlink()
    hook.periodic(data=rows[1:], environment=stage.environment())
    stage.hook(CommandHook).periodic(data=rows, environment=stage.environment())
    assert not written.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "are all empty"),
        ({"command_hook_pre": "no-such-program --now"}, "no program 'no-such-program'"),
        ({"command_hook_post": "/no/such/program"}, "no program '/no/such/program'"),
        ({"command_hook_pre": "sh -c 'unfinished"}, "cannot be read"),
        (
            {"command_hook_pre": "true", "command_hook_post": "true", "enable_pre_hooks": True},
            "Turn on both",
        ),
    ],
)
def test_commands_that_cannot_work_stop_the_service(
    stage: Stage, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(cfg.Error, match=said):
        stage.hook(CommandHook, **options).check()


def test_what_can_work_starts(stage: Stage) -> None:
    assert os.access("/bin/sh", os.X_OK)
    stage.hook(CommandHook, command_hook_pre="/bin/sh -c true", enable_pre_hooks=True).check()
