# SPDX-License-Identifier: Apache-2.0
"""Manila's answers: the good ones read, the bad ones sorted into passing and final ones."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from keystoneauth1 import exceptions as ks_exc

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.http import sentence
from karbor_manila.manila.errors import ManilaRefused, ManilaTransient

#: What Manila calls the one key of its error bodies (manila/api/openstack/wsgi.py, Fault); any
#: other status is a computeFault.
_FAULTS = {
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


@contextlib.contextmanager
def asking(asked: str, endpoint: str = "") -> Iterator[None]:
    """Sort what keystoneauth raises: a broken connection is transient, the rest is final.

    Keystone's own errors on the way (a token that cannot be renewed) come through here too.
    """
    try:
        yield
    except ks_exc.SSLError as error:
        answer = f"its certificate was not accepted: {error}"
        raise ManilaRefused(asked, 0, answer, endpoint=endpoint) from error
    except (ks_exc.ConnectionError, ks_exc.DiscoveryFailure) as error:
        # The second is what a generic password plugin makes of a Keystone that is away.
        raise ManilaTransient(asked, str(error), endpoint=endpoint) from error
    except ks_exc.HttpError as error:
        raise _failure(
            asked, int(error.http_status or 0), str(error), error.request_id, endpoint=endpoint
        ) from error
    except ks_exc.ClientException as error:
        raise ManilaRefused(asked, 0, str(error), endpoint=endpoint) from error
    except (ConnectionError, TimeoutError) as error:
        raise ManilaTransient(asked, str(error), endpoint=endpoint) from error
    except OSError as error:
        # What requests raises unchanged: a CA or key file that it cannot read.
        answer = f"the connection could not be prepared: {error}"
        raise ManilaRefused(asked, 0, answer, endpoint=endpoint) from error


def checked(
    asked: str, response: Any, body: Any, *, readable: bool = True, endpoint: str = ""
) -> dict[str, Any]:
    """The body of a good answer; of a bad one the error, in Manila's own words.

    A bad answer that is not Manila's own is one of something between us and Manila: on its word
    nothing is gone and nothing is refused, so that it is transient.

    manilaclient's own exceptions are not used: it cannot build the one for a 429 with Retry-After
    (manilaclient/common/apiclient/exceptions.py, from_response).
    """
    if response.status_code >= 400:
        raise _sorted(asked, response, body, endpoint)
    if not readable:
        return {}
    if not isinstance(body, dict):
        # Cut short on the way: as good as a broken connection.
        raise ManilaTransient(asked, "the reply could not be read", endpoint=endpoint)
    return body


def part(asked: str, body: Mapping[str, Any], key: str) -> Any:
    """A part of a good answer. Something between us and Manila may answer in its place."""
    if key not in body:
        raise ManilaTransient(asked, f"the reply has no {key!r}")
    return body[key]


def _sorted(asked: str, response: Any, body: Any, endpoint: str) -> KarborManilaError:
    """The error that a bad answer is."""
    status = response.status_code
    said = sentence(body) or str(response.reason or "no reason given")
    retry_after = _seconds(response.headers.get("retry-after"))
    if not _is_own(response, body):
        cause = f"HTTP {status} that is not Manila's own, {said}"
        return ManilaTransient(asked, cause, retry_after, endpoint=endpoint)
    request_id = response.headers.get("x-openstack-request-id")
    return _failure(asked, status, said, request_id, retry_after, endpoint=endpoint)


def _is_own(response: Any, body: Any) -> bool:
    """Whether a bad answer is one of Manila, or of Keystone's middleware in front of its API.

    Manila's has one key, whose value has ``code`` and ``message``. The middleware's own form is of
    Keystone (keystonemiddleware/auth_token/__init__.py, _reject_auth_headers).
    """
    status = response.status_code
    if status == 401 and "keystone" in response.headers.get("www-authenticate", "").lower():
        return True
    name = _FAULTS.get(status, "computeFault")
    fault = body.get(name) if isinstance(body, dict) and len(body) == 1 else None
    return isinstance(fault, dict) and fault.get("code") == status and "message" in fault


def _failure(
    asked: str,
    status: int,
    answer: str,
    request_id: str | None,
    retry_after: float = 0.0,
    *,
    endpoint: str = "",
) -> KarborManilaError:
    if status >= 500 or status in (408, 429):
        cause = f"HTTP {status}, {answer}"
        return ManilaTransient(asked, cause, retry_after, status=status, endpoint=endpoint)
    return ManilaRefused(asked, status, answer, request_id, endpoint=endpoint)


def _seconds(value: object) -> float:
    """A Retry-After in seconds; one that is a date, which Manila never sends, counts as none."""
    try:
        seconds = float(str(value or 0))
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < math.inf else 0.0
