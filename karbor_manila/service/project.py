# SPDX-License-Identifier: Apache-2.0
"""The protection plugin for OS::Keystone::Project: it carries the project's shares, nothing else.

Which of them is a parameter of the plan (:mod:`.choosing`).

Without it a plan on a project needs Karbor's noop plugin, which claims every type there is and so
"protects" volumes and servers by doing nothing.
"""

from typing import Any

from karbor.common import constants
from karbor.services.protection import protection_plugin

from karbor_manila.schemas import PROJECT_OPTIONS_SCHEMA, PROJECT_SCHEMA
from karbor_manila.service import forms


class ProjectPlugin(protection_plugin.ProtectionPlugin):
    """A project has no data of its own: its operations have no hooks."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._operation = protection_plugin.Operation()

    @classmethod
    def get_supported_resources_types(cls) -> list[str]:
        """OS::Keystone::Project."""
        return [constants.PROJECT_RESOURCE_TYPE]

    @classmethod
    def get_options_schema(cls, resource_type: str) -> dict[str, Any]:
        """Which shares of the project are protected, as a form."""
        return forms.form(PROJECT_OPTIONS_SCHEMA)

    @classmethod
    def _schema(cls, resource_type: str) -> dict[str, Any]:
        return forms.form(PROJECT_SCHEMA)

    get_restore_schema = _schema
    get_verify_schema = _schema
    get_saved_info_schema = _schema

    @classmethod
    def get_saved_info(cls, metadata_store: Any, resource: Any) -> dict[str, Any]:
        """Nothing is saved."""
        return {}

    def _nothing(self, resource: Any) -> protection_plugin.Operation:
        return self._operation

    get_protect_operation = _nothing
    get_restore_operation = _nothing
    get_verify_operation = _nothing
    get_delete_operation = _nothing
    get_copy_operation = _nothing
