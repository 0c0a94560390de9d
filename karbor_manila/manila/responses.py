# SPDX-License-Identifier: Apache-2.0
"""Manila's answers: which bad ones are its own, and which error of ours each is."""

from typing import Any

from karbor_manila.common.http import Answers, Failure
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


def _transient(failure: Failure) -> ManilaTransient:
    return ManilaTransient(
        failure.asked,
        failure.cause,
        failure.retry_after,
        status=failure.status if failure.own else 0,
        endpoint=failure.endpoint,
    )


def _refused(failure: Failure) -> ManilaRefused:
    return ManilaRefused(
        failure.asked,
        failure.status,
        failure.answer,
        failure.request_id,
        endpoint=failure.endpoint,
    )


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


_ANSWERS = Answers("Manila", _transient, _refused, _is_own)

asking = _ANSWERS.asking
checked = _ANSWERS.checked
part = _ANSWERS.part
