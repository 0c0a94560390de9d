# SPDX-License-Identifier: Apache-2.0
"""A protectable plugin of a type that no protection plugin knows: every project has one widget."""

from typing import Any

from karbor.common import constants
from karbor.resource import Resource
from karbor.services.protection import protectable_plugin

TYPE = "OS::Tests::Widget"


class WidgetProtectable(protectable_plugin.ProtectablePlugin):
    """Lists one widget, in whatever project is asked for."""

    def get_resource_type(self) -> str:
        return TYPE

    def get_parent_resource_types(self) -> tuple[str, ...]:
        return (constants.PROJECT_RESOURCE_TYPE,)

    def list_resources(self, context: Any, parameters: Any = None) -> list[Resource]:
        return [Resource(type=TYPE, id=f"widget-of-{context.project_id}", name="a widget")]

    def show_resource(self, context: Any, resource_id: str, parameters: Any = None) -> Resource:
        return Resource(type=TYPE, id=resource_id, name="a widget")

    def get_dependent_resources(self, context: Any, parent_resource: Resource) -> list[Resource]:
        return [Resource(type=TYPE, id=f"widget-of-{parent_resource.id}", name="a widget")]
