# SPDX-License-Identifier: Apache-2.0
"""Manila's answers: the good ones read, the bad ones sorted into passing and final ones."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from keystoneauth1 import exceptions as ks_exc
from oslo_utils import strutils

from karbor_manila import exception


@contextlib.contextmanager
def asking(asked: str) -> Iterator[None]:
    """Sort what keystoneauth raises: a broken connection may pass, the rest is final.

    Keystone's own errors on the way (a token that cannot be renewed) come through here too.
    """
    try:
        yield
    except ks_exc.SSLError as error:
        answer = f"its certificate was not accepted: {error}"
        raise exception.ManilaRefused(asked, 0, answer) from error
    except (ks_exc.ConnectionError, ks_exc.DiscoveryFailure) as error:
        # The second is what a generic password plugin makes of a Keystone that is away.
        raise exception.ManilaPassing(asked, str(error)) from error
    except ks_exc.HttpError as error:
        raise _failure(asked, int(error.http_status or 0), str(error), error.request_id) from error
    except ks_exc.ClientException as error:
        raise exception.ManilaRefused(asked, 0, str(error)) from error


def checked(asked: str, response: Any, body: Any, *, readable: bool = True) -> dict[str, Any]:
    """The body of a good answer; of a bad one the error, in Manila's own words.

    manilaclient's own exceptions are not used: it cannot build the one for a 429 with Retry-After
    (manilaclient/common/apiclient/exceptions.py, from_response).
    """
    if response.status_code == 404 and not isinstance(body, dict):
        # Manila's own 404 is JSON, and means that a thing is gone. This one is of something between
        # us and Manila, and on its word nothing must be forgotten.
        raise exception.ManilaPassing(asked, "HTTP 404, but not Manila's own")
    if response.status_code >= 400:
        raise _failure(
            asked,
            response.status_code,
            sentence(body) or str(response.reason or "no reason given"),
            response.headers.get("x-openstack-request-id"),
            _seconds(response.headers.get("retry-after")),
        )
    if not readable:
        return {}
    if not isinstance(body, dict):
        # Cut short on the way: as good as a broken connection.
        raise exception.ManilaPassing(asked, "the reply could not be read")
    return body


def part(asked: str, body: Mapping[str, Any], key: str) -> Any:
    """A part of a good answer. Something between us and Manila may answer in its place."""
    if key not in body:
        raise exception.ManilaPassing(asked, f"the reply has no {key!r}")
    return body[key]


def _failure(
    asked: str, status: int, answer: str, request_id: str | None, retry_after: float = 0.0
) -> exception.KarborManilaError:
    if status >= 500 or status in (408, 429):
        return exception.ManilaPassing(asked, f"HTTP {status}, {answer}", retry_after)
    return exception.ManilaRefused(asked, status, answer, request_id)


def sentence(body: Any) -> str:
    """The sentence in an error body of Manila or Karbor, masked:
    ``{"badRequest": {"code": 400, "message": ...}}``."""
    for error in body.values() if isinstance(body, dict) else ():
        if isinstance(error, dict) and error.get("message"):
            return without_secrets(str(error["message"]))
    return ""


def without_secrets(text: str) -> str:
    """A text with what looks like a secret masked.

    Somebody on the way may repeat a request's headers, and what it says is shown to users.
    """
    masked = re.sub(r"(?i)\b(x-[a-z-]*token\W+)\S+", r"\1***", text)
    return str(strutils.mask_password(re.sub(r"\bgAAAAA[\w-]+", "***", masked)))[:1000]


def _seconds(value: object) -> float:
    """A Retry-After in seconds; one that is a date, which Manila never sends, counts as none."""
    try:
        return float(str(value or 0))
    except ValueError:
        return 0.0
