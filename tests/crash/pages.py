# SPDX-License-Identifier: Apache-2.0
"""What the bank says of a share in a checkpoint, read beside Karbor by the provider's plugin."""

import functools
from collections.abc import Iterable
from typing import Any

from karbor import exception as karbor_exception
from karbor import utils
from karbor.services.protection import bank_plugin
from karbor.services.protection.provider import PROTECTION_NAMESPACE
from oslo_config import cfg

from karbor_manila.bank import identity
from karbor_manila.manila import marks
from karbor_manila.manila.marks import Mark
from karbor_manila.recovery import lease
from sandbox.karbor import mortal_bank
from sandbox.stack import Stack
from tests.crash.ways import GROUP_SNAPSHOT, Kept, Rule

RECORD = "metadata"
INTENT = "intent"
RESTORES = "restores/"
BROWSES = "browses/"
LEASES = identity.PREFIX + "/leases"


class Pages:
    """Reads the bank of one provider; never writes.

    :param provider: the provider's name, which is that of its file.
    """

    def __init__(self, stack: Stack, provider: str) -> None:
        path = stack.state.directory("karbor") / "providers.d" / f"{provider}.conf"
        conf = cfg.ConfigOpts()
        conf(["--config-file", str(path)])
        conf.register_opts(mortal_bank.OPTIONS, mortal_bank.GROUP)
        conf.register_opt(cfg.StrOpt("bank"), "provider")
        # The bank within: this process is not the one that shall die.
        within = conf[mortal_bank.GROUP].within or conf.provider.bank
        self._bank = bank_plugin.Bank(utils.load_plugin(PROTECTION_NAMESPACE, within, conf))

    def names(self, checkpoint_id: str, kept: Kept, sources: Iterable[str]) -> bool:
        """Whether the checkpoint's record or intent of a share leads to what keeps it.

        :param sources: the shares that the checkpoint is of
        """
        found = marks.read(kept.view)
        if kept.kind == GROUP_SNAPSHOT:
            resources = kept.shares or tuple(sources)  # it has no members at first
        else:
            # That of a copy is of a clone, and stands under the share that the clone is of.
            resources = (found.resource,) if found else kept.shares
        return any(self._name(checkpoint_id, each, kept.id, found) for each in resources)

    def _name(self, checkpoint_id: str, share_id: str, kept_id: str, found: Mark | None) -> bool:
        if self._page(checkpoint_id, share_id, RECORD).get("snapshot_id") == kept_id:
            return True
        intent = self._page(checkpoint_id, share_id, INTENT)
        if intent.get("created_id"):
            return bool(intent["created_id"] == kept_id)
        return bool(intent) and found is not None and found.checkpoint == checkpoint_id

    def hooks_left(self) -> list[str]:
        """The keys of hooks that have begun and are not through."""
        return [str(key) for key in self._bank.list_objects(identity.PREFIX + "/hook-runs/")]

    def gives(self, checkpoint_id: str, rule: Rule) -> bool:
        """Whether the checkpoint has an intent that this access goes back to."""
        for key in self._section(checkpoint_id, rule.share_id).list_objects():
            if key.startswith(BROWSES):
                page = self._page(checkpoint_id, rule.share_id, key)
                created = page.get("created_id") in (None, rule.id)
                if created and page.get("browse", {}).get("access_to") == rule.to:
                    return True
        return False

    def has_browse(self, checkpoint_id: str, share_id: str, browse_id: str) -> bool:
        """Whether what a verification gave of access to a share is not taken back."""
        return BROWSES + browse_id in self._section(checkpoint_id, share_id).list_objects()

    def keeps(self, checkpoint_id: str, share: Any) -> bool:
        """Whether this is the clone of a share that the checkpoint, a copy, keeps or is making."""
        found = marks.read(share.to_dict())
        if found is None or found.checkpoint != checkpoint_id:
            return False
        record = self._page(checkpoint_id, found.resource, RECORD)
        intent = self._page(checkpoint_id, found.resource, INTENT)
        return record.get("clone_id") == share.id or bool(intent)

    def lease(self, pid: int) -> dict[str, Any]:
        """The lease of a process, empty if it has none."""
        folder = self._bank.get_sub_section(LEASES)

        def read(key: str) -> dict[str, Any]:
            found: dict[str, Any] = folder.get_object(key)
            return found if found["pid"] == pid else {}

        # Karbor's own bank, in the same folder, empties an object before it writes it.
        found = (lease.look_twice(functools.partial(read, key)) for key in folder.list_objects())
        return next(filter(None, found), {})

    def left(self, checkpoint_id: str, share_id: str) -> list[str]:
        """The pages that name something in Manila, or may."""
        keys = self._section(checkpoint_id, share_id).list_objects()
        return sorted(
            key for key in keys if key in (RECORD, INTENT) or key.startswith((RESTORES, BROWSES))
        )

    def _page(self, checkpoint_id: str, share_id: str, name: str) -> dict[str, Any]:
        section = self._section(checkpoint_id, share_id)
        if name not in section.list_objects():
            return {}
        try:
            page = section.get_object(name)
        except karbor_exception.KarborException:
            return {}  # Karbor has just removed it
        # A page that Karbor is just writing may be caught half done; who asks looks again.
        return page if isinstance(page, dict) else {}

    def _section(self, checkpoint_id: str, share_id: str) -> Any:
        return self._bank.get_sub_section(f"/checkpoints/{checkpoint_id}/resource-data/{share_id}")
