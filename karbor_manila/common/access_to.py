# SPDX-License-Identifier: Apache-2.0
"""To whom access is given: what Manila calls it, and whether it takes it (manila/api/common.py)."""

import ipaddress
import re

IP, USER, CERT = "ip", "user", "cert"

# validate_username, validate_common_name
_USER = re.compile(r"(?![\s.]+$).[^\"/\\\[\]:;|=,+*?<>]{3,254}")
_LONGEST_NAME = 64

# Only an address or a network looks like this, right or wrong.
_LIKE_IP = re.compile(r"[0-9.]+(/.*)?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(/.*)?|[^/]+/[0-9]+")


def type_of(access_to: str, access_type: str | None = None) -> str:
    """Manila's access type of an address, a network or a name.

    :param access_type: what the user says it is: ip, user or cert
    :raises ValueError: Manila would not take it, as the end of a sentence
    """
    kind = access_type or (IP if _LIKE_IP.fullmatch(access_to) else USER)
    if kind == IP:
        _check_ip(access_to)
    elif kind == USER and not _USER.fullmatch(access_to):
        raise ValueError(
            'the name of a user has 4 to 255 characters, none of them of "/\\[]:;|=,+*?<>'
        )
    elif kind == CERT and not 0 < len(access_to.strip()) <= _LONGEST_NAME:
        raise ValueError(f"the common name of a certificate has 1 to {_LONGEST_NAME} characters")
    elif kind not in (IP, USER, CERT):
        raise ValueError("access to a snapshot is for ip, user or cert")
    return kind


def is_same(access_type: str, one: str, other: str) -> bool:
    """Whether two rules of a type are for the same: Manila takes no second one then
    (manila/db/sqlalchemy/api.py, _check_for_existing_access)."""
    if access_type != IP or one == other:
        return one == other
    try:
        return ipaddress.ip_network(one) == ipaddress.ip_network(other)
    except ValueError:
        return False


def _check_ip(access_to: str) -> None:
    try:
        ipaddress.ip_network(access_to)
    except ValueError:
        try:
            meant = ipaddress.ip_network(access_to, strict=False)
        except ValueError:
            raise ValueError(
                "it is neither an address, such as 10.0.0.7, nor a network, such as 10.0.0.0/24"
            ) from None
        raise ValueError(f"it is an address within a network; the network is {meant}") from None
