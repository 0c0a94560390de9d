# SPDX-License-Identifier: Apache-2.0
"""A running sandbox and the people in it: what outlives a single case."""

import contextlib
from pathlib import Path
from typing import Any

from manilaclient import exceptions as manila_exc

from sandbox.karbor import providers
from sandbox.karbor.faulty_bank import CLASS as FAULTY_BANK
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.crash import ways
from tests.crash.ways import WAYS, Kept
from tests.faults.case import OPTIONS


class Site:
    """A started stack, seen by a tenant whose shares are protected and by Manila's administrator.

    :param stack: started
    :param provider: the name of the provider to work with
    :param patience: seconds after which an operation counts as stuck
    :param driver: that keeps the shares of our provider
    """

    def __init__(
        self,
        stack: Stack,
        provider: str = providers.OURS,
        patience: float = 100.0,
        driver: str = "snapshot",
    ) -> None:
        self.stack = stack
        self.way = WAYS[driver]
        self.provider = stack.info.providers[provider]
        self.ours = provider == providers.OURS
        self.patience = patience
        self.proxy = stack.proxy
        self.alpha = Tenant(stack.info, "alpha")
        self.admin = Tenant(stack.info, "admin")
        self.bank_faults = stack.state.root / "bank-faults.json"
        self._spare: list[Any] = []
        self._before = dict(stack.state.settings().share_options)
        self._options: tuple[str, Any] | None = None

    def configure(self, options: str) -> None:
        """Karbor has one of ``OPTIONS`` and the faulty bank from now on."""
        # Another site may have had its way since.
        if self._options != (options, self.stack.state.settings().share_options):
            within, _stock = providers.BANKS[self.stack.state.settings().bank]
            bank = {
                "provider/bank": FAULTY_BANK,
                "faulty_bank/within": within,
                "faulty_bank/faults_file": str(self.bank_faults),
            }
            own = self.way.share_options()
            own |= self.way.hasty if options == "hasty" else {}
            self.stack.restart("karbor", share_options={**OPTIONS[options], **own, **bank})
            self._options = options, self.stack.state.settings().share_options

    def leave(self) -> None:
        """Karbor has the options that it had before."""
        self.stack.restart("karbor", share_options=self._before)
        self._options = None

    def restart_karbor(self) -> None:
        """Karbor has forgotten everything that it does not keep."""
        self.stack.restart("karbor")

    def knobs(self, kind: str) -> Path:
        """The file of the backend's ``delays`` or ``faults``."""
        return self.stack.state.directory("manila") / f"{kind}.json"

    def take(self, number: int) -> list[Any]:
        """So many shares, available and kept by nothing, all in one group if they need one."""
        missing = max(0, number - len(self._spare))
        if missing:
            self._spare += self.way.make(self.alpha, ["fault"] * missing)
        taken, self._spare = self._spare[:number], self._spare[number:]
        return taken

    def give_back(self, shares: list[Any]) -> None:
        """Take shares that nothing keeps for other cases, unless this one has spoilt them, or their
        group is theirs alone."""
        if self.way.together:
            ways.remove_shares(self.alpha, [share.id for share in shares])
            return
        known = {share.id: share for share in self.alpha.shares()}
        self._spare += [
            known[share.id]
            for share in shares
            if share.id in known
            and known[share.id].status == "available"
            and known[share.id].size == 1
        ]

    def remove_share(self, share_id: str) -> None:
        """By force, without waiting for the end."""
        with contextlib.suppress(manila_exc.NotFound):
            self.admin.manila.shares.force_delete(share_id)

    def remove_kept(self, kept: list[Kept]) -> None:
        """By force, until they are gone."""
        for each in kept:
            ways.remove_by_force(self.admin, each)
        doomed = {each.id for each in kept}
        wait(
            "the end of what was left",
            lambda: doomed & {each.id for each in ways.kept(self.alpha, self.way.kinds)},
            lambda left: not left,
            60,
        )
