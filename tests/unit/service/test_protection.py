# SPDX-License-Identifier: Apache-2.0
"""The protection plugin for shares as Karbor's provider and flows use it."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from karbor import exception as karbor_exception
from karbor.resource import Resource
from karbor.services.protection import protection_plugin
from karbor.services.protection.client_factory import ClientFactory
from karbor.services.protection.protection_plugins.share.share_snapshot_plugin import (
    ManilaSnapshotProtectionPlugin,
)
from keystoneauth1 import session, token_endpoint
from oslo_config import cfg
from oslo_serialization import jsonutils

from karbor_manila import opts, schemas
from karbor_manila.bank.errors import RecordVersionUnknown
from karbor_manila.manila import client
from karbor_manila.operations.delete import DeleteOperation
from karbor_manila.operations.protect import ProtectOperation
from karbor_manila.operations.restore import RestoreOperation
from karbor_manila.operations.verify import VerifyOperation
from karbor_manila.service import forms
from karbor_manila.service.protection import ShareProtectionPlugin
from tests.unit.karbor_stage import (
    KARBORS,
    OUR_PROJECT,
    OURS,
    PROJECT,
    SHARE,
    TOKEN,
    Service,
    context_of,
    started,
)
from tests.unit.stage import Stage

GETTERS = {
    "get_protect_operation": ProtectOperation,
    "get_restore_operation": RestoreOperation,
    "get_verify_operation": VerifyOperation,
    "get_delete_operation": DeleteOperation,
}


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    """A provider's own configuration, as Karbor's registry makes it."""
    conf = cfg.ConfigOpts()
    conf(args=[])
    return conf


def share(share_id: str) -> Resource:
    return Resource(type=SHARE, id=share_id, name="share")


@pytest.mark.parametrize(
    ("getter", "expected"),
    [
        ("get_options_schema", forms.form(schemas.OPTIONS_SCHEMA)),
        ("get_restore_schema", forms.form(schemas.RESTORE_SCHEMA)),
        ("get_verify_schema", forms.form(schemas.VERIFY_SCHEMA)),
        ("get_saved_info_schema", schemas.SAVED_INFO_SCHEMA),
    ],
)
def test_each_schema_of_the_type_is_made_from_the_one_that_we_check_against(
    getter: str, expected: dict[str, Any]
) -> None:
    (resource_type,) = ShareProtectionPlugin.get_supported_resources_types()
    assert resource_type == SHARE
    assert getattr(ShareProtectionPlugin, getter)(resource_type) == expected


@pytest.mark.parametrize(
    "getter",
    [
        "get_options_schema",
        "get_restore_schema",
        "get_verify_schema",
        "get_saved_info_schema",
    ],
)
def test_karbors_api_finds_properties_in_every_schema(getter: str) -> None:
    """It takes ``schema["properties"]`` without a look, and sends the schema over RPC."""
    schema = getattr(ShareProtectionPlugin, getter)(SHARE)
    assert isinstance(schema["properties"], dict)
    assert jsonutils.loads(jsonutils.dumps(schema)) == schema
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("kind", ["options", "restore"])
def test_every_parameter_of_karbors_own_plugin_is_known(kind: str) -> None:
    """Its forms and its plans go on working."""
    theirs = getattr(ManilaSnapshotProtectionPlugin, f"get_{kind}_schema")(SHARE)["properties"]
    ours = getattr(ShareProtectionPlugin, f"get_{kind}_schema")(SHARE)["properties"]
    assert set(theirs) <= set(ours)


def test_karbors_provider_shows_our_schemas(service: Service) -> None:
    shown = service.call("show_provider", service.provider.id)["extended_info_schema"]
    assert shown["options_schema"][SHARE] == forms.form(schemas.OPTIONS_SCHEMA)
    assert shown["restore_schema"][SHARE] == forms.form(schemas.RESTORE_SCHEMA)
    assert shown["verify_schema"][SHARE] == forms.form(schemas.VERIFY_SCHEMA)
    assert shown["saved_info_schema"][SHARE] == schemas.SAVED_INFO_SCHEMA


def test_a_later_plugin_line_takes_the_type_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How an operator changes from Karbor's plugin to ours."""
    with started(tmp_path, monkeypatch, KARBORS, OURS, OUR_PROJECT) as service:
        assert service.provider.plugins[SHARE] is ShareProtectionPlugin
        assert PROJECT in service.provider.plugins


def test_a_new_plugin_is_made_for_each_flow(service: Service) -> None:
    one, other = (service.provider.load_plugins()[SHARE] for _ in range(2))
    one.get_protect_operation(share("a"))
    assert list(other._flow.resource_ids) == []


def test_the_options_are_registered_as_often_as_karbor_makes_a_plugin(
    conf: cfg.ConfigOpts,
) -> None:
    """oslo.config raises DuplicateOptError for an option that differs from the one it has."""
    conf.register_opts(opts.SERVICE_OPTS, opts.GROUP)
    for _ in range(2):
        assert ShareProtectionPlugin(conf)._settings.default_driver == "snapshot"


def test_a_plugin_obeys_the_file_of_its_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch) as service:
        service.provider._config.register_opts(opts.PROVIDER_OPTS, opts.GROUP)
        service.provider._config.set_override("request_timeout", 7.0, opts.GROUP)
        plugin = service.provider.load_plugins()[SHARE]
        assert plugin._flow.settings.request_timeout == 7.0
        assert opts.GROUP not in cfg.CONF or cfg.CONF[opts.GROUP].request_timeout != 7.0


def test_keystone_is_asked_with_a_deadline_too(
    conf: cfg.ConfigOpts, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = session.Session(auth=token_endpoint.Token("http://manila.invalid", TOKEN))
    monkeypatch.setattr(ClientFactory, "_generate_session", lambda *_args, **_kwargs: made)
    monkeypatch.setattr(client, "Manila", lambda *_args, **_kwargs: None)
    ShareProtectionPlugin(conf)._connect(context_of("project"), "project")
    assert made.timeout == 60.0


@pytest.mark.parametrize("getter", sorted(GETTERS))
def test_every_operation_is_told_of_each_of_its_shares_before_any_runs(
    conf: cfg.ConfigOpts, getter: str
) -> None:
    plugin = ShareProtectionPlugin(conf)
    operations = [getattr(plugin, getter)(share(item)) for item in ("a", "b", "a")]
    assert {type(operation) for operation in operations} == {GETTERS[getter]}
    assert {operation.flow for operation in operations} == {plugin._flow}
    assert list(plugin._flow.resource_ids) == ["a", "b"]


def test_karbors_flow_asks_for_every_operation_before_any_hook_runs(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the preflight for all shares at once relies on (resource_flow.py)."""
    known: list[list[str]] = []
    original = ProtectOperation.run

    def run(self: ProtectOperation, job: Any) -> None:
        known.append(sorted(self.flow.resource_ids))
        original(self, job)

    monkeypatch.setattr(ProtectOperation, "run", run)
    ids = sorted(service.share() for _ in range(4))
    service.protect(service.plan(*ids))
    assert known == [ids] * 4


@pytest.mark.parametrize("getter", sorted(GETTERS))
def test_an_operation_has_only_hooks_that_karbor_calls(getter: str, conf: cfg.ConfigOpts) -> None:
    operation = getattr(ShareProtectionPlugin(conf), getter)(share("a"))
    assert isinstance(operation, protection_plugin.Operation)
    hooks = {
        name
        for name in vars(type(operation)) | vars(type(operation).__mro__[1])
        if name.startswith("on_")
    }
    assert hooks == {"on_main"}


def test_what_is_saved_is_told_by_its_schema(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    view = stage.cloud.add_share(stage.project_id, name="home", size=3)
    checkpoint = stage.checkpoint(view["id"])
    stage.protect(checkpoint, view["id"])
    told = ShareProtectionPlugin.get_saved_info(
        checkpoint.get_resource_bank_section(view["id"]), share(view["id"])
    )
    jsonschema.validate(told, schemas.SAVED_INFO_SCHEMA)
    (snapshot_id,) = stage.cloud.snapshots
    assert (
        told.items()
        >= {
            "share_id": view["id"],
            "share_name": "home",
            "size": 3,
            "snapshot_id": snapshot_id,
            "driver": "snapshot",
        }.items()
    )


def test_what_karbors_own_plugin_saved_is_told_too(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    checkpoint = stage.checkpoint("a")
    section = checkpoint.get_resource_bank_section("a")
    theirs = {
        "share_id": "a",
        "size": 1,
        "share_proto": "NFS",
        "share_type": "default",
        "share_network_id": None,
        "snapshot_id": "snap",
    }
    section.update_object("metadata", theirs)
    told = ShareProtectionPlugin.get_saved_info(section, share("a"))
    jsonschema.validate(told, schemas.SAVED_INFO_SCHEMA)
    assert told.items() >= theirs.items()


def test_nothing_saved_and_something_damaged_are_told_apart(tmp_path: Path) -> None:
    section = Stage(tmp_path).checkpoint("a").get_resource_bank_section("a")
    with pytest.raises(karbor_exception.BankGetObjectFailed):
        ShareProtectionPlugin.get_saved_info(section, share("a"))
    section.update_object("metadata", {"version": 99})
    with pytest.raises(RecordVersionUnknown):
        ShareProtectionPlugin.get_saved_info(section, share("a"))
