# SPDX-License-Identifier: Apache-2.0
"""What a tenant may read of an error of a store's client: its kind, and no address, name or key."""

from keystoneauth1 import exceptions as keystone_exceptions

#: The status of what is not there.
ABSENT = 404

_MEANS = {
    401: "it does not accept the credentials of the bank",
    403: "it does not allow this with the credentials of the bank",
    409: "another write came in between",
    413: "the value is too large, or there is no room",
    429: "it is asked too often",
    507: "there is no room",
}


def status(error: BaseException) -> int | None:
    """The HTTP status of the store's answer, or None when it is none: of swiftclient, botocore, or
    keystoneauth.

    It is the error's own. Another one that was being handled when it was raised says nothing: that
    may be of what was asked for before.
    """
    answer = getattr(error, "response", None)
    metadata = answer.get("ResponseMetadata", {}) if isinstance(answer, dict) else {}
    found = metadata.get("HTTPStatusCode") or getattr(error, "http_status", None)
    return int(found) if found else None


def is_absence(error: BaseException) -> bool:
    """Whether the store itself answered that there is no such thing; Keystone knows no objects."""
    return status(error) == ABSENT and not isinstance(error, keystone_exceptions.ClientException)


def why(error: Exception, absent: str = "its container is not there") -> str:
    """The reason of an error of Karbor's.

    :param absent: what an answer of 404 means
    """
    if isinstance(error, ValueError) and type(error) is ValueError:
        return str(error)  # ours, of the value
    answered = status(error)
    if is_absence(error):
        return absent
    if answered and isinstance(error, keystone_exceptions.ClientException):
        return f"Keystone answered {answered} to the bank"
    if answered:
        meaning = f" ({_MEANS[answered]})" if answered in _MEANS else ""
        return f"the store answered {answered}{meaning}"
    return f"the store could not be asked ({type(error).__name__})"
