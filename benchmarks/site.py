# SPDX-License-Identifier: Apache-2.0
"""The sandbox that is measured on: two Karbors with nothing in common, and what they use.

One Karbor has karbor-manila alone, the other Karbor's own manager and plugin alone, each with its
own database and bank, so that neither pays for the other's.
"""

import contextlib
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks import contenders, package
from benchmarks.contenders import Contender
from benchmarks.karbors import Provider
from benchmarks.scripts import Bare, SameWork, each, for_threads
from sandbox import accounts, paths
from sandbox.install import Say, install
from sandbox.karbor import config, providers
from sandbox.stack import Stack
from sandbox.state import SECOND_KARBOR
from sandbox.tenant import Tenant

#: Karbor answers a protection when it has built its flow. oslo.messaging's default of 60 s is less
#: than that takes for several hundred shares, and a timeout is not what is measured.
RPC_SECONDS = 1800
OTHERS = ("manila", "keystone", "proxy")


@dataclass(frozen=True)
class Setup:
    """What is chosen about a sandbox before it starts.

    :ivar options: of our provider, see ``sandbox.karbor.providers``.
    :ivar package: a commit whose karbor_manila is measured, None for the working tree's.
    :ivar one_karbor: both plugins in one process under our manager, as in the rest of the sandbox.
        There is no plugin with Karbor's default interval then.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    package: str | None = None
    one_karbor: bool = False

    def about(self) -> dict[str, Any]:
        """Return what was measured, on what, and when."""
        return {
            "commit": package.commit(self.package),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "options": dict(self.options),
            "one_karbor": self.one_karbor,
            "python": platform.python_version(),
            "machine": platform.platform(),
            "cores": len(os.sched_getaffinity(0)),
            "load": os.getloadavg()[0],
            "versions": {name: _version(name) for name in ("karbor", "taskflow", "eventlet")},
        }


class Site:
    """A started sandbox and its tenant.

    :ivar stack: for what ``sandbox.stack`` offers
    """

    def __init__(self, stack: Stack, setup: Setup) -> None:
        self.stack = stack
        self._setup = setup
        self.tenant = Tenant(stack.info, "alpha")
        for_threads(self.tenant.manila)
        self._pids = stack.status()

    def pid(self, service: str) -> int:
        """Return the process of a service that runs."""
        pid = self._pids[service]
        assert pid is not None  # noqa: S101 - the stack has waited for it
        return pid

    def cpu(self, karbor: str | None) -> dict[str, float]:
        """Return the seconds on a processor so far: those of ``OTHERS``, and of one Karbor."""
        used = {name: accounts.cpu_seconds(self.pid(name)) for name in OTHERS}
        return {**used, "karbor": accounts.cpu_seconds(self.pid(karbor))} if karbor else used

    def contender(self, name: str) -> Contender:
        """Return a contender by its name among ``contenders.NAMES``' values."""
        if name == contenders.BARE:
            return Bare(self.tenant)
        if name == contenders.SAME:
            return SameWork(self.tenant)
        state = self.stack.state
        karbor, bank = "karbor", state.bank
        if name != contenders.OURS and not self._setup.one_karbor:
            karbor, bank = SECOND_KARBOR, state.second_bank
        provider = {
            contenders.OURS: providers.IDS[providers.OURS],
            contenders.STOCK: providers.IDS[providers.STOCK],
            contenders.STOCK_DEFAULT: providers.STOCK_DEFAULT_ID,
        }[name]
        database = state.directory(karbor) / config.DATABASE
        tenant = Tenant(self.stack.info, "alpha", karbor)
        return Provider(name, karbor, tenant, provider, bank, database)

    def make_shares(self, count: int) -> list[Any]:
        """Return so many new shares with a file in each."""
        manila = self.tenant.manila
        made = each(lambda n: manila.shares.create("NFS", 1, name=f"s{n}"), range(count))
        shares = [self.tenant.wait_share(share.id, seconds=600) for share in made]
        for share in shares:
            (self.tenant.folder(share.id) / "file").write_text("a few bytes")
        return shares


@contextlib.contextmanager
def started(setup: Setup, say: Say) -> Iterator[Site]:
    """Start a sandbox of its own and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="karbor-manila-benchmark-") as name:
        folder = Path(name)
        stack = Stack(
            folder / "state",
            say=say,
            second_karbor=not setup.one_karbor,
            apart=not setup.one_karbor,
            share_options=setup.options,
            karbor_options={"rpc_response_timeout": RPC_SECONDS},
            pythonpath=_pythonpath(setup, folder / "package", say),
        )
        try:
            stack.start()
            yield Site(stack, setup)
        finally:
            stack.destroy()


def _pythonpath(setup: Setup, folder: Path, say: Say) -> list[Path]:
    """Return what Karbor searches first: nothing, or the package of another commit."""
    if not setup.package:
        return []
    home = paths.Home.find()
    install(home, say)
    return [package.install(setup.package, folder, home.python("karbor"), say)]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
