# SPDX-License-Identifier: Apache-2.0
"""Ids as Manila and Karbor write them."""

import re


def is_id(text: str) -> bool:
    """A UUID as Manila writes it; oslo's is_uuid_like takes braces and ``urn:uuid:`` as well."""
    return bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))
