# SPDX-License-Identifier: Apache-2.0
"""What Manila answers when it does not do what it was asked."""

from typing import Any

# manila/api/openstack/wsgi.py, Fault; any other status is a computeFault.
_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    501: "notImplemented",
    503: "serviceUnavailable",
}

ERRED = "The server has either erred or is incapable of performing the requested operation."


class Refused(Exception):
    """An answer with an error status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(f"HTTP {status}: {message}")


def body(status: int, message: str) -> dict[str, Any]:
    """The body of an error, in Manila's own form."""
    said: dict[str, Any] = {"code": status, "message": message}
    if status == 413:
        said["retryAfter"] = "0"
    return {_NAMES.get(status, "computeFault"): said}
