# SPDX-License-Identifier: Apache-2.0
"""What a tenant reads of a bank's error."""

import errno
import os
import socket

import pytest
from karbor import exception as karbor_exception

from karbor_manila.service import bank_refusals


@pytest.mark.parametrize(
    "trouble",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "ECONNREFUSED"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        TimeoutError(errno.ETIMEDOUT, "Connection timed out"),
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_store_without_a_connection_is_said_to_be_away_whoever_wrapped_that(
    trouble: Exception,
) -> None:
    failed = karbor_exception.BankGetObjectFailed(reason="http://10.0.0.1/v1/AUTH_a", key="k")
    failed.__cause__ = trouble
    assert bank_refusals.why(failed) == f"the store could not be asked ({type(trouble).__name__})"


def test_a_folder_says_what_is_wrong_with_it() -> None:
    failed = karbor_exception.BankUpdateObjectFailed(reason="/var/lib/bank", key="k")
    failed.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert bank_refusals.why(failed) == "No space left on device"
