# SPDX-License-Identifier: Apache-2.0
"""The one repetition of a write behind the look at the claim (karbor_manila/bank/fencing.py).

Karbor's own code asks a bank once, so a write that a store's hiccup fails is repeated. The clients
would repeat it, too, but also when this process slept meanwhile and another one has taken the work
over.
"""

from collections.abc import Callable

from karbor_manila.bank import access
from karbor_manila.bank.objects.answers import status
from karbor_manila.common import native

_PAUSE = 0.2  # seconds before the repetition
_TRANSIENT = frozenset({401, 408, 429})  # a token that ran out; the others are the store's own wish


def once_more(
    write: Callable[[], None], *, within: float, elapsed: Callable[[], float] = native.elapsed
) -> None:
    """Write, and retry once after a transient error.

    :param within: seconds since the first attempt began, after which there is no other one
    :param elapsed: gives seconds that pass while this process is suspended, too
    :raises Exception: whatever the last attempt raises
    """
    began = elapsed()
    try:
        write()
    except Exception as error:  # whatever a client raises; only what is repeated is swallowed
        if not _is_transient(error):
            raise
        access.pause(_PAUSE)
        if elapsed() - began > within:
            raise
    else:
        return
    write()


def _is_transient(error: Exception) -> bool:
    answered = status(error)
    return answered is None or answered >= 500 or answered in _TRANSIENT
