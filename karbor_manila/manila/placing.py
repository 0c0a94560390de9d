# SPDX-License-Identifier: Apache-2.0
"""Whether Manila could make a new share where its source is: its network, the name that it is to be
mounted under, its key. Looked at before the share is asked for, because Manila's API takes what its
backend cannot do, and the share ends in ``error``.

The rules are those of Manila 23: manila/api/v2/shares.py (_create), manila/share/api.py (create,
_prefix_mount_point_name) and manila/share/manager.py (_provide_share_server_for_share).
"""

import functools
import re
from typing import Any, Final

from oslo_log import log as logging
from oslo_utils import strutils

from karbor_manila.common.errors import InvalidParameter
from karbor_manila.manila.errors import KeyUnknown, ManilaRefused, NetworkUnsuitable
from karbor_manila.manila.flow_client import FlowClient
from karbor_manila.manila.views import NewShare, Placement, View

LOG = logging.getLogger(__name__)

#: The parameter, by which Manila calls it too.
NAME: Final = "mount_point_name"

# Unless an operator has set another one (default_mount_point_prefix of manila.conf); an extra spec
# of the type goes before.
_DEFAULT_PREFIX = "{project_id}_"
_LONGEST_NAME = 255


def check(client: FlowClient, share_id: str, placed: Placement, new: NewShare | None) -> None:
    """Look at what a new share would be made with; writes nothing.

    :param share_id: the share that it is made of
    :param placed: what it takes over from that one
    :param new: what is asked for; None for nothing in particular
    :raises NetworkUnsuitable: its share network is gone or cannot have it
    :raises KeyUnknown: it had a key, and this Manila knows none
    :raises InvalidParameter: the name is not to be had
    """
    if new:
        check_key(client, share_id, new)
    if placed.share_network_id:
        _check_network(client, share_id, placed.share_network_id, placed.availability_zone)
    name = new.asked.get(NAME) if new else None
    if name:
        _check_name(client, placed, name)


def check_key(client: FlowClient, share_id: str, new: NewShare) -> None:
    """Whether Manila can be asked for a share with the key that it is to have: one that is too old
    ignores it, and makes a share without. Raises KeyUnknown."""
    features = client.manila.features
    if new.encryption_key_ref and not features.encryption_keys:
        raise KeyUnknown(share_id, features.microversion, endpoint=client.manila.endpoint)


# -- the network --------------------------------------------------------------------------------


def _check_network(client: FlowClient, share_id: str, network_id: str, zone: str | None) -> None:
    manila = client.manila

    def look() -> View | None:
        return client.retry(lambda: manila.share_network(network_id))

    try:
        network = client.once(f"share network {network_id}", look)
    except ManilaRefused as refused:
        LOG.info("Share network %s is not shown: %s", network_id, refused)
        return
    problem = _problem(network, zone)
    if problem:
        raise NetworkUnsuitable(share_id, network_id, *problem, endpoint=manila.endpoint)


def _problem(network: View | None, zone: str | None) -> tuple[str, str] | None:
    """Why no share can be made in a network, and what to do."""
    if network is None:
        ask = "Ask the administrator of Manila what became of the network."
        return "it is not there or not in this project", ask
    status = network.get("status", "active")  # shown since 2.63
    if status != "active":
        wait = "Restore again when it is active (openstack share network show)."
        return f"its status is {status!r}", wait
    subnets = network.get("share_network_subnets")  # since 2.51
    zones = None if subnets is None else {subnet.get("availability_zone") for subnet in subnets}
    # One without a zone serves all of them.
    if zones is not None and not zones & {None, zone}:
        add = "Add one (openstack share network subnet create), then restore again."
        return f"it has no subnet for availability zone {zone}", add
    return None


# -- the name -----------------------------------------------------------------------------------


def _check_name(client: FlowClient, placed: Placement, name: str) -> None:
    manila = client.manila
    if not manila.features.mount_point_names:
        raise InvalidParameter(
            NAME,
            name,
            f"this Manila speaks {manila.features.microversion} here, and a share has had a name "
            f"since 2.84",
        )
    specs = _specs(client, placed.share_type)
    if specs is None:
        return  # Manila says what it thinks of it
    if not strutils.bool_from_string(_plain(specs.get("mount_point_name_support"))):
        kind = placed.share_type_name or placed.share_type
        raise InvalidParameter(
            NAME, name, f"the share's type {kind} does not have mount_point_name_support"
        )
    full = _full(specs.get("provisioning:mount_point_prefix"), name, manila.own_project_id)
    if full is None:
        return
    if not re.fullmatch(r"[a-zA-Z0-9_-]*", full) or len(full) > _LONGEST_NAME:
        raise InvalidParameter(
            NAME,
            name,
            f"with the prefix of its type it is {full!r}, and Manila takes up to {_LONGEST_NAME} "
            f"letters, digits, '_' and '-'",
        )
    for soft_deleted in (False, True):
        look = functools.partial(manila.mounted_as, full, soft_deleted=soft_deleted)
        taken = client.retry(look)
        if taken:
            where = " in the recycle bin" if soft_deleted else ""
            raise InvalidParameter(
                NAME,
                name,
                f"it is not free: share {taken[0]['id']}{where} is mounted under {full}",
            )


def _specs(client: FlowClient, type_id: str | None) -> dict[str, Any] | None:
    """The extra specs of a type that its users may see; None when they are not shown."""
    manila = client.manila
    if not type_id:
        return None

    def look() -> View | None:
        return client.retry(lambda: manila.share_type(type_id))

    try:
        found = client.once(f"share type {type_id}", look)
    except ManilaRefused as refused:
        LOG.info("Share type %s is not shown: %s", type_id, refused)
        return None
    specs: dict[str, Any] | None = found and found.get("extra_specs")
    return specs


def _plain(spec: object) -> str:
    """A boolean extra spec, which may say ``<is> True``."""
    return str(spec or "").removeprefix("<is>").strip()


def _full(prefix: str | None, name: str, project_id: str) -> str | None:
    """The name as the backend gets it; None when its prefix is made of what only Manila knows."""
    template = _DEFAULT_PREFIX if prefix is None else prefix
    made = template.replace("{project_id}", project_id)
    return None if "{" in made else f"{made}{name}"
