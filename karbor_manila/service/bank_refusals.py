# SPDX-License-Identifier: Apache-2.0
"""Requests that a bank does not let through: refused with an HTTP 400 that says which bank and why.

Karbor's API makes a 500 without a word of a bank's own errors, and of one that does not take a new
checkpoint ``Error creating checkpoint`` (karbor/services/protection/manager.py).
"""

import contextlib
import itertools
import socket
from collections.abc import Iterator
from typing import Any

from karbor import exception as karbor_exception
from oslo_log import log as logging
from oslo_messaging.rpc import dispatcher

from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankNotOurs, BankUnreadable
from karbor_manila.common import causes
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.service.errors import BankTakesNothing

LOG = logging.getLogger(__name__)

_FAILED = (
    karbor_exception.BankCreateObjectFailed,
    karbor_exception.BankUpdateObjectFailed,
    karbor_exception.BankDeleteObjectFailed,
    karbor_exception.BankGetObjectFailed,
)

#: Errors of a connection: their own text, such as ECONNREFUSED, names no store.
_NETWORK = (ConnectionError, TimeoutError, socket.gaierror)


def is_there(provider: Any) -> bool:
    """Whether the provider's own bank is there; logged if it is not."""
    try:
        identity.confirm(provider.bank, provider.id)
    except Exception as error:  # noqa: BLE001 - banks let through what their clients raise
        LOG.error("Provider %s: its bank is not there: %s", provider.id, error)
        return False
    return True


def require(provider: Any) -> None:
    """Refuse what cannot be done without the provider's own bank.

    :raises karbor.exception.InvalidInput: it is not there
    """
    with explained(provider):
        identity.confirm(provider.bank, provider.id)


@contextlib.contextmanager
def explained(provider: Any) -> Iterator[None]:
    """What a bank does not do becomes a refusal.

    :raises karbor.exception.InvalidInput: (HTTP 400) with the reason
    """
    try:
        yield
    except BankNotOurs as error:
        raise karbor_exception.InvalidInput(reason=str(error)) from error
    except (BankUnreadable, *_FAILED) as error:
        raise karbor_exception.InvalidInput(
            reason=f"the bank of provider {provider.name!r} ({provider.id}) failed: "
            f"{why(error).rstrip('.')}. Try again; if it stays so, an administrator has to mend it"
        ) from error


@contextlib.contextmanager
def creation_explained(provider: Any) -> Iterator[None]:
    """Around Karbor's own ``protect``: a bank that does not take the checkpoint is reported.

    :raises karbor.exception.FlowError: with the reason
    """
    try:
        yield
    except dispatcher.ExpectedException as wrapped:
        refusal = wrapped.exc_info[1]
        # Only the error of this one case has a cause (six.raise_from).
        cause = refusal.__cause__
        if cause is None or not isinstance(refusal, karbor_exception.FlowError):
            raise
        refusal = BankTakesNothing(provider.id, provider.name, why(cause))
        raise karbor_exception.FlowError(flow="protect", error=str(refusal)) from cause


def why(error: BaseException) -> str:
    """What a tenant may read of a bank's error: the reason, without the path of a folder or the
    address of a store."""
    chain = list(itertools.islice(causes.chain(error), 5))  # wrapped by a bank, and by us
    for each in chain:
        if isinstance(each, _NETWORK):
            return f"the store could not be asked ({type(each).__name__})"
        if isinstance(each, OSError) and each.strerror:
            return each.strerror
    if isinstance(error, karbor_exception.KarborException):
        return str(error.msg)
    if isinstance(error, KarborManilaError):
        return str(error)
    return f"an unexpected error ({type(error).__name__}); Karbor's log has it"
