# SPDX-License-Identifier: Apache-2.0
"""Our plugins and schemas, put where Karbor looks for them."""

import contextlib
from typing import Any

from karbor_manila.service.choices import Choices
from karbor_manila.service.protectable import ShareProtectable


def register_protectable(registry: Any, choices: Choices) -> None:
    """Make our protectable plugin the one for shares.

    With two plugins for a type the last one registered wins, and the order in which entry points
    are found is that of directories (karbor/services/protection/protectable_registry.py).

    :param registry: Karbor's ProtectableRegistry
    :param choices: says which drivers would keep a share
    """
    registry.register_plugin(ShareProtectable(choices=choices))


def publish_schemas(provider: Any) -> None:
    """Put the verify schemas where Karbor looks for them; its provider never does. All schemas get
    the properties that Karbor takes for granted.

    :param provider: Karbor's; its ``extended_info_schema`` is changed
    """
    published = provider.extended_info_schema
    schemas_of_types = published.setdefault("verify_schema", {})
    for resource_type, plugin in provider.plugins.items():
        # Karbor's base class raises NotImplementedError, and Karbor asks for no base class.
        with contextlib.suppress(NotImplementedError, AttributeError):
            schemas_of_types[resource_type] = plugin.get_verify_schema(resource_type)
        for kind in ("options_schema", "restore_schema"):
            # The noop plugin's are empty, and Karbor then answers with a KeyError to parameters of
            # its types, which dashboards send for all types (karbor/api/v1/plans.py).
            if resource_type in published[kind]:
                published[kind][resource_type].setdefault("properties", {})
