# SPDX-License-Identifier: Apache-2.0
"""Makes the server behind look like an older Manila: one that speaks up to a microversion.

Manila itself answers a request in the microversion that it is asked in as a Manila of that age
would; what an older one does besides is to offer less in its version document, and to refuse what
is newer (manila/api/openstack/wsgi.py, set_api_version_request).
"""

import json
import re
from typing import Any

HEADER = "X-OpenStack-Manila-API-Version"
NOT_ACCEPTABLE = 406
# The API, and not the versions that are offered above or at its top.
_API = re.compile(r"/v2/.")

Version = tuple[int, int]


class BadMicroversion(ValueError):
    """What is to be the newest microversion is none."""


def numbers(text: Any) -> Version:
    """``2.73`` as numbers.

    :raises BadMicroversion: it is none.
    """
    found = re.fullmatch(r"(\d+)\.(\d+)", text) if isinstance(text, str) else None
    if not found:
        raise BadMicroversion(f"{text!r} is not a microversion such as 2.73")
    return int(found[1]), int(found[2])


class Limit:
    """The newest microversion that is let through.

    :ivar newest: such as ``2.73``; None for whatever the server speaks.
    """

    newest: str | None = None

    def set(self, newest: Any) -> None:
        """Let nothing newer through from now on.

        :raises BadMicroversion:
        """
        numbers(newest)
        self.newest = newest

    def refusal(self, path: str, asked: str | None) -> dict[str, Any] | None:
        """What an older Manila answers, with HTTP 406, to a request that is too new for it.

        :param asked: the request's microversion, as its header says.
        """
        if not self.newest or not asked or not _API.search(path):
            return None
        try:
            if numbers(asked) <= numbers(self.newest):
                return None
        except BadMicroversion:
            return None  # the server says so itself
        said = (
            f"Version {asked} is not supported by the API. Minimum is 2.0 and maximum is "
            f"{self.newest}."
        )
        return {"computeFault": {"code": NOT_ACCEPTABLE, "message": said}}

    def is_for(self, path: str) -> bool:
        """Whether an answer is to be what :meth:`lowered` makes of it: a version document."""
        return self.newest is not None and not _API.search(path)

    def lowered(self, body: bytes) -> bytes:
        """A version document that offers no more than the limit; anything else as it is."""
        try:
            document = json.loads(body)
            for offer in document["versions"]:
                if offer.get("version"):
                    offer["version"] = min(offer["version"], self.newest or "", key=numbers)
        except (ValueError, TypeError, KeyError, AttributeError):
            return body
        return json.dumps(document).encode()
