# SPDX-License-Identifier: Apache-2.0
"""Error bodies of OpenStack services, and words of others that may hold a secret."""

import re
from typing import Any

from oslo_utils import strutils


def sentence(body: Any) -> str:
    """The sentence in an error body of Manila, Karbor or somebody on the way, masked:
    ``{"badRequest": {"code": 400, "message": ...}}`` or ``{"message": ...}``."""
    said = [body, *body.values()] if isinstance(body, dict) else []
    for error in said:
        if isinstance(error, dict) and isinstance(error.get("message"), str | int):
            return without_secrets(str(error["message"])) if error["message"] else ""
    return ""


def without_secrets(text: str) -> str:
    """A text with what looks like a secret masked.

    Somebody on the way may repeat a request's headers, and what it says is shown to users.
    """
    masked = re.sub(r"(?i)\b(x-[a-z-]*token\W+)\S+", r"\1***", text)
    return str(strutils.mask_password(re.sub(r"\bgAAAAA[\w-]+", "***", masked)))[:1000]
