# SPDX-License-Identifier: Apache-2.0
"""Checks of the banks: which one it is, whether it takes what it is given and has room, and which
processes show in it that they are alive."""

import contextlib
import datetime
import functools
import os
import socket
import uuid
from collections.abc import Iterator
from typing import Any

from oslo_config import cfg

from karbor_manila.bank import access as bank_access
from karbor_manila.bank import identity
from karbor_manila.bank.errors import BankNotOurs, checkpoints_named
from karbor_manila.cli.diagnosis import Check, Finding, bad, doubtful, good
from karbor_manila.cli.errors import WrongUser
from karbor_manila.cli.operator.checks.facts import HostFacts
from karbor_manila.cli.operator.host import Host
from karbor_manila.recovery import lease
from karbor_manila.service import bank_options

#: Where a doctor writes, reads and removes an object of its own.
PREFIX = f"{identity.PREFIX}/doctor/"

_ABANDONED = 3600.0  # seconds; what a doctor who was killed has left
_SHARE_LEFT, _LEFT = 0.05, 2**30  # of the bytes, and bytes


def banks(facts: HostFacts) -> Iterator[Finding]:
    """The bank of each provider."""
    for provider in facts.providers():
        about = str(provider.name)
        yield from _writes(provider, about, facts.settings().lease_timeout)
        found = list(_identity(provider, about))
        yield from found
        if all(each.todo == "" for each in found):  # into another bank nothing is written
            yield from _writable(provider, about, facts.clock.utcnow())
            yield from _room(provider, about)


def _writes(provider: Any, about: str, lease_timeout: float) -> Iterator[Finding]:
    """Whether a write ends before another process takes over."""
    try:
        bank_options.check([provider], lease_timeout)
    except cfg.Error as error:
        said = f"karbor-protection does not start: {error}"
        yield bad(about, said, "Make request_timeout smaller, or lease_timeout larger.")


def _identity(provider: Any, about: str) -> Iterator[Finding]:
    todo = "doc/operating/bank.md, Which bank it is: mount it, or karbor-manila bank accept"
    known = identity.KNOWN.get(provider.id)
    try:
        found = identity.compare(provider.bank, provider.id)
        missing = identity.missing(provider.bank, provider.id)
    except BankNotOurs as error:
        yield bad(about, str(error), f"{todo} {provider.id}.")
        return
    if missing:
        said = f"It is an older copy of the bank: it never held {checkpoints_named(missing)}"
        yield bad(about, said, "doc/operating/lost.md: karbor-manila adopt.")
    elif found is None:
        yield good(about, "It is new: it gets its id when karbor-protection first uses it")
    elif known is None:
        yield good(about, f"It has the id {found}, which is taken over when it is first used")
    else:
        yield good(about, f"It is {found}, as known")


def _writable(provider: Any, about: str, now: datetime.datetime) -> Iterator[Finding]:
    try:
        Host.check_user(provider, "doctor")
    except WrongUser as error:
        yield doubtful(about, "Whether it can be written is not known", str(error))
        return
    bank, key = provider.bank, f"{PREFIX}{uuid.uuid4()}"
    value = {"host": socket.gethostname(), "pid": os.getpid(), "at": now.isoformat()}
    bank_access.ask(lambda: bank.update_object(key, value), "take an object")
    try:
        given = bank_access.ask(lambda: bank.get_object(key), "give an object back")
    finally:
        bank_access.remove(bank, key, "remove an object")
    if given != value:
        said = f"It gave back {given!r} for {value!r}"
        yield bad(about, said, "Look what stands between Karbor and the store of its bank.")
        return
    yield good(about, "It takes an object, gives it back and removes it")
    for old in _abandoned(bank, now):
        bank_access.remove(bank, old, "remove an object")


def _abandoned(bank: Any, now: datetime.datetime) -> Iterator[str]:
    """What other doctors wrote an hour ago and earlier, and were killed before they removed it."""
    for key in bank_access.ask(lambda: bank.list_objects(PREFIX), "list objects"):
        stored = bank_access.ask(functools.partial(_look, bank, key), "give an object")
        # What cannot be understood is no doctor's of this release, and stays.
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            at = datetime.datetime.fromisoformat(str(stored.value.get("at")))
            if (now - at).total_seconds() > _ABANDONED:
                yield key


def _look(bank: Any, key: str) -> bank_access.Stored:
    return bank_access.look(lambda: bank.get_object(key), lambda: False)


def _room(provider: Any, about: str) -> Iterator[Finding]:
    """What is left of the file system of a bank in files."""
    group = "file_system_bank_plugin"
    if group not in provider._config:
        return
    path = provider._config[group].file_system_bank_path
    found = os.statvfs(path)
    left, whole = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    if left < max(_LEFT, _SHARE_LEFT * whole) or (found.f_files and not found.f_favail):
        said = f"{path} has {left // 2**20} MiB and {found.f_favail} inodes left"
        yield doubtful(about, said, "Make room: a full bank takes no checkpoint.")
    else:
        yield good(about, f"{path} has {left // 2**30} GiB left")


def workers(facts: HostFacts) -> Iterator[Finding]:
    """Which processes of karbor-protection show in the banks that they are alive."""
    settings = facts.settings()
    for provider in facts.ours():
        found = lease.every(provider.bank)
        alive = [each for each in found if not each.ended and each.age < settings.lease_timeout]
        about = str(provider.name)
        if alive:
            said = ", ".join(sorted(f"{each.host} (pid {each.pid})" for each in alive))
            yield good(about, f"Alive: {said}")
        else:
            yield doubtful(
                about,
                f"No karbor-protection has shown for {settings.lease_timeout:g} s that it is "
                f"alive, of {len(found)} that have left a lease",
                "Start it, or look into its log.",
            )


CHECKS = (
    Check(
        "bank",
        "The bank of each provider: whether it is the one that is known, takes an object (which is "
        "removed again), and has room.",
        "Bad: it cannot be read or written, is another one, is not mounted, or is an older copy. "
        "Doubtful: less than 5 % or 1 GiB left of its file system; it belongs to another user.",
        "Look at the options of the bank in the provider's file, and at its store.",
        banks,
    ),
    Check(
        "workers",
        "Which karbor-protection processes show in each bank that they are alive.",
        "Doubtful: none.",
        "Look at the bank.",
        workers,
    ),
)
