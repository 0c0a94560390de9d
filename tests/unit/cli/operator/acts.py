# SPDX-License-Identifier: Apache-2.0
"""What the tests of the operator's commands do, and what comes of a command."""

import json
import uuid
from types import SimpleNamespace

import pytest

from karbor_manila.bank import identity
from tests.fakes.manila import Died
from tests.unit.karbor_stage import (
    OUR_PROJECT,
    OURS,
    Service,
    provider_file,
)

SECOND = str(uuid.UUID(int=0x2))
PASSWORD = "the-password-of-karbor"


class Ran(SimpleNamespace):
    """What came of a command: ``code``, ``out``, ``err``."""

    @property
    def rows(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.out)
        return found

    @property
    def lines(self) -> list[str]:
        said: list[str] = self.err.splitlines()
        return said


def killed(service: Service, method: str = "create_snapshot") -> Service:
    """A protection died, and nothing runs in its place but what the test makes."""
    service.cloud.plan(method, Died, after=True)
    with pytest.raises(Died):
        service.protect(service.plan(service.share()))
    return service.die()


def command_ends(service: Service) -> None:
    """The process of a command is gone; here it is that of the tests."""
    bank = service.provider.bank
    for key in bank.list_objects(f"{identity.PREFIX}/leases/"):
        bank.update_object(key, bank.get_object(key) | {"ticks": 1})


def the_status(service: Service) -> str:
    (checkpoint_id,) = service.checkpoints()
    return str(service.checkpoint(checkpoint_id).status)


def second_provider(service: Service, bank: str = "bank") -> None:
    provider_file(service.folder, SECOND, (OURS, OUR_PROJECT))
    path = service.folder / "providers.d" / f"{SECOND}.conf"
    path.write_text(
        path.read_text().replace(str(service.folder / "bank"), str(service.folder / bank))
    )
