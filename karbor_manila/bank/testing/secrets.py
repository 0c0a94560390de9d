# SPDX-License-Identifier: Apache-2.0
"""Credentials: in no log, at whichever level, and in no error."""

import logging
import traceback

import pytest

from karbor_manila.bank import access
from karbor_manila.bank.testing.world import BankWorld, Fault, some_key

_LOUD = [Fault.ERROR, Fault.DENIED, Fault.GONE]


class Secrets:
    """What the bank logs in with is nobody else's business."""

    def test_no_credentials_are_in_the_log_of_work(
        self, world: BankWorld, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            bank, key = world.open(), some_key()
            bank.update_object(key, 1)
            bank.get_object(key)
            bank.list_objects("/")
            bank.delete_object(key)
        assert not [secret for secret in world.secrets if secret in caplog.text]

    @pytest.mark.parametrize("fault", _LOUD)
    def test_no_credentials_are_in_an_error_or_in_its_log(
        self, world: BankWorld, fault: Fault, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.requires(fault)
        bank, key = world.open(), some_key()
        bank.update_object(key, 1)
        with caplog.at_level(logging.DEBUG):
            with world.trouble(fault), pytest.raises(Exception) as failed:  # noqa: PT011, B017
                bank.get_object(key)
            logging.getLogger(__name__).error("seen", exc_info=failed.value)
        told = caplog.text + "".join(traceback.format_exception(failed.value))
        assert not [secret for secret in world.secrets if secret in told]

    @pytest.mark.parametrize("fault", _LOUD)
    def test_what_a_tenant_reads_names_no_address_and_no_credentials(
        self, world: BankWorld, fault: Fault
    ) -> None:
        world.requires(fault)
        bank, key = world.open(), some_key()
        bank.update_object(key, 1)
        with world.trouble(fault), pytest.raises(Exception) as failed:  # noqa: PT011, B017
            bank.get_object(key)
        sentence = access.sentence(failed.value)
        assert not [word for word in ("://", "127.0.0.1", *world.secrets) if word in sentence]
