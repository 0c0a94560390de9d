# SPDX-License-Identifier: Apache-2.0
"""Our schemas where Karbor looks for them, whatever other plugins have."""

from pathlib import Path

import pytest
from karbor_manila.schemas import VERIFY_SCHEMA
from oslo_serialization import jsonutils

from karbor_manila.service import forms
from tests.unit.karbor_stage import (
    NOOP,
    OUR_PROJECT,
    OURS,
    PROJECT,
    SHARE,
    VOLUME,
    Service,
    started,
)


def test_our_verify_schemas_stand_where_karbor_looks_for_them(service: Service) -> None:
    shown = service.call("show_provider", service.provider.id)["extended_info_schema"]
    assert shown["verify_schema"][SHARE] == forms.form(VERIFY_SCHEMA)
    assert set(shown["verify_schema"]) == {SHARE, PROJECT}
    assert jsonutils.loads(jsonutils.dumps(shown)) == shown


def test_a_plugin_without_a_verify_schema_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Karbor's noop plugin has none."""
    with started(tmp_path, monkeypatch, NOOP, OURS, OUR_PROJECT) as service:
        schemas = service.provider.extended_info_schema["verify_schema"]
        assert set(schemas) == {SHARE, PROJECT}
        assert VOLUME in service.provider.plugins


def test_a_plugin_that_knows_nothing_of_verification_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = f"{Stranger.__module__}.{Stranger.__qualname__}"
    with started(tmp_path, monkeypatch, plugin, OURS) as service:
        assert set(service.provider.extended_info_schema["verify_schema"]) == {SHARE}


class Stranger:
    """A protection plugin as Karbor's provider takes it: it asks for no base class."""

    @classmethod
    def get_supported_resources_types(cls) -> list[str]:
        return [VOLUME]


def test_a_copy_without_our_plugin_is_karbors_affair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, monkeypatch, NOOP) as service:
        assert service.call("copy", service.plan(service.share())) == []
