# SPDX-License-Identifier: Apache-2.0
"""Karbor's own share plugin works from what this release writes of the snapshot driver."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from karbor.common import constants
from karbor.services.protection.protection_plugins.share import share_snapshot_plugin as karbors
from manilaclient.common.apiclient import exceptions as manila_exc

RECORDS = Path(__file__).resolve().parents[2] / "fixtures" / "records"
OURS = sorted(RECORDS.glob("version-3*.json"))


class Section:
    """A resource section of Karbor's bank."""

    def __init__(self, page: dict[str, Any]) -> None:
        self.objects: dict[str, Any] = {"metadata": page}

    def get_object(self, key: str) -> Any:
        return self.objects[key]

    def update_object(self, key: str, value: Any) -> None:
        self.objects[key] = value

    def delete_object(self, key: str) -> None:
        del self.objects[key]


@pytest.fixture(params=OURS, ids=lambda path: path.stem)
def page(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_bytes())
    return loaded


@pytest.fixture
def manila(monkeypatch: pytest.MonkeyPatch) -> mock.Mock:
    client = mock.Mock()
    factory = SimpleNamespace(create_client=lambda _name, _context: client)
    monkeypatch.setattr(karbors, "ClientFactory", factory)
    return client


def stage(page: dict[str, Any]) -> tuple[Section, Any, Any]:
    section = Section(page)
    checkpoint = SimpleNamespace(id="c", get_resource_bank_section=lambda _id: section)
    resource = SimpleNamespace(id=page["share_id"], type=constants.SHARE_RESOURCE_TYPE)
    return section, checkpoint, resource


def test_karbors_own_plugin_restores_from_it(page: dict[str, Any], manila: mock.Mock) -> None:
    made = SimpleNamespace(id="new", status="available")
    manila.shares.create.return_value = manila.shares.get.return_value = made
    _section, checkpoint, resource = stage(page)
    restore = mock.Mock()
    karbors.RestoreOperation(0.01).on_main(checkpoint, resource, None, {}, restore=restore)
    (asked,) = manila.shares.create.mock_calls
    assert asked.args == (page["share_proto"], page["size"])
    assert asked.kwargs["snapshot_id"] == page["snapshot_id"] == page["kept"]["id"]
    restore.update_resource_status.assert_called_with(
        constants.SHARE_RESOURCE_TYPE, "new", "available"
    )


def test_karbors_own_plugin_verifies_it(page: dict[str, Any], manila: mock.Mock) -> None:
    manila.share_snapshots.get.return_value = SimpleNamespace(status="available")
    _section, checkpoint, resource = stage(page)
    karbors.VerifyOperation().on_main(checkpoint, resource, None, {}, verify=mock.MagicMock())
    manila.share_snapshots.get.assert_called_with(page["snapshot_id"])


def test_karbors_own_plugin_deletes_it(page: dict[str, Any], manila: mock.Mock) -> None:
    there = SimpleNamespace(id=page["snapshot_id"], status="available")
    manila.share_snapshots.get.side_effect = [there, manila_exc.NotFound()]
    section, checkpoint, resource = stage(page)
    karbors.DeleteOperation(0.01).on_main(checkpoint, resource, None, {})
    manila.share_snapshots.delete.assert_called_once_with(there)
    assert section.objects == {"status": constants.RESOURCE_STATUS_DELETED}
