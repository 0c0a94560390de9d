# SPDX-License-Identifier: Apache-2.0
"""Makes sure that who lost a claim writes nothing more: into the bank, or into Karbor's records.

Karbor's own flow tasks commit checkpoints and save records, and know no claims. So what a flow is
given writes through its claim.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from karbor.services.protection.bank_plugin import Bank, BankPlugin
from karbor.services.protection.checkpoint import CheckpointCollection

from karbor_manila.bank import access, checkpoints

#: Raises ClaimLost when this process may not act any more.
Guard = Callable[[], None]

#: The operation of the claim on a checkpoint that loses a share because another one is reverted.
REMOVE = "remove_newer"


class Claims(Protocol):
    """As much of :class:`karbor_manila.recovery.claims.Claims` as work under a claim needs."""

    def check(self, claim_id: str, token: str, *, look: bool = False) -> None:
        """Raises ClaimLost when this process may not act under that very claim any more."""

    def token(self, claim_id: str) -> str:
        """What tells this process's claim on an id from each other one; empty when it has none."""

    def take(
        self,
        claim_id: str,
        operation: str,
        *,
        provider_id: str,
        checkpoint_id: str,
        bank: Any,
    ) -> Any:
        """Claim one more checkpoint, restore or share. Raises Taken."""

    def get(self, claim_id: str) -> Any:
        """The claim on an id, or None."""

    def save_record(self, record: Any, tokens: Mapping[str, str], *, untold: bool = False) -> bool:
        """Save Karbor's record while these very claims stand, and only if it is ``untold`` how it
        ended. Raises ClaimLost; False for a record of which nothing was saved because it has to
        save itself."""

    def release(self, claim_id: str) -> None:
        """Give a claim back."""

    def leave(self, claim_id: str) -> None:
        """Stop working under a claim, and let it stand for the reconciliation."""


@dataclass(frozen=True)
class Hold:
    """What is done under one claim of this process, and only while it holds others ``besides``:
    that of the checkpoint that is copied.

    It is of the very claims that are held when it is made. What goes on in this process after its
    flow was killed does not act under the claim on the same id that the reconciliation takes then.
    """

    claims: Claims
    claimed_id: str
    besides: tuple[str, ...] = ()
    tokens: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Remember the claims."""
        for claimed_id in (self.claimed_id, *self.besides):
            self.tokens[claimed_id] = self.claims.token(claimed_id)

    def check(self) -> None:
        """Before a write. Raises ClaimLost."""
        self._check(look=False)

    def confirm(self) -> None:
        """Before a step that could not be undone: by the word of the database, half a second old at
        most. Raises ClaimLost."""
        self._check(look=True)

    def share(self, other_id: str) -> "Hold":
        """The same on a share that is restored in place, or a checkpoint that loses it, under a
        claim of its own besides this one."""
        other = Hold(self.claims, other_id, (self.claimed_id, *self.besides))
        other.tokens.update(self.tokens)
        return other

    def _check(self, *, look: bool) -> None:
        for claimed_id, token in self.tokens.items():
            self.claims.check(claimed_id, token, look=look)


class _FencedPlugin(BankPlugin):
    """A bank that is written to only while a guard allows it; reading is free."""

    def __init__(self, bank: Bank, guard: Guard) -> None:
        super().__init__()
        self._bank = bank
        self._guard = guard

    @property
    def lists_lag(self) -> bool:
        """See :func:`karbor_manila.bank.access.lists_lag`."""
        return access.lists_lag(self._bank)

    def update_object(self, key: str, value: Any, context: Any = None) -> Any:
        """Write an object. Raises ClaimLost."""
        self._guard()
        return self._bank.update_object(key, value, context=context)

    def delete_object(self, key: str, context: Any = None) -> Any:
        """Remove an object. Raises ClaimLost."""
        self._guard()
        return self._bank.delete_object(key, context=context)

    def get_object(self, key: str, context: Any = None) -> Any:
        """Read an object."""
        return self._bank.get_object(key, context=context)

    def list_objects(self, *args: Any, **kwargs: Any) -> Any:
        """List keys."""
        return self._bank.list_objects(*args, **kwargs)

    def get_owner_id(self, context: Any = None) -> Any:
        """Karbor's owner id of the bank in this process."""
        return self._bank.get_owner_id()


def bank(of: Bank, guard: Guard) -> Bank:
    """The same bank, written to only while the guard allows it."""
    return Bank(_FencedPlugin(of, guard))


def unfenced(of: Bank) -> Bank:
    """The same bank, written to without a claim. For what may be written by everybody: that
    something is still to be undone."""
    plugin = of._plugin
    return plugin._bank if isinstance(plugin, _FencedPlugin) else of


def checkpoint(read: Any, guard: Guard) -> Any:
    """A checkpoint as the bank has it now, written to only while the guard allows it.

    :param read: Karbor's checkpoint, however old
    :raises karbor.exception.CheckpointNotFound: the bank does not have it
    :raises BankUnreadable: the bank does not give it
    """
    fenced = bank(read.checkpoint_section.bank, guard)
    return checkpoints.read(fenced, read.id, lambda: CheckpointCollection(fenced).get(read.id))


def record(of: Any, guard: Guard, hold: Hold | None = None, *, untold: bool = False) -> Any:
    """Karbor's restore, verification or operation log, saved only while the guard allows it.

    :param hold: whose claims the database looks at once more, in the very statement that writes
    :param untold: whether it looks, in the same statement, that nobody has told how it ended: of
        what is carried out without a claim on the record
    """
    save = of.save

    def guarded(*args: Any, **kwargs: Any) -> Any:
        guard()
        if hold and hold.claims.save_record(of, hold.tokens, untold=untold):
            return None
        return save(*args, **kwargs)

    of.save = guarded
    return of


class Provider:
    """Karbor's provider, whose checkpoints and plugins act under a claim.

    :param of: Karbor's provider
    """

    def __init__(self, of: Any, hold: Hold) -> None:
        self._of = of
        self.hold = hold
        self.bank = bank(of.bank, hold.check)
        self._checkpoints = CheckpointCollection(self.bank)

    def get_checkpoint(self, checkpoint_id: str, context: Any = None) -> Any:
        """As Karbor's provider."""
        return self._checkpoints.get(checkpoint_id, context=context)

    def get_checkpoint_collection(self) -> Any:
        """As Karbor's provider."""
        return self._checkpoints

    def load_plugins(self) -> dict[str, Any]:
        """As Karbor's provider: new instances for one flow. Ours get the claim."""
        plugins: dict[str, Any] = self._of.load_plugins()
        for plugin in plugins.values():
            if hasattr(plugin, "act_under"):
                plugin.act_under(self.hold)
        return plugins

    def __getattr__(self, name: str) -> Any:
        """Whatever else the provider has."""
        return getattr(self.__dict__["_of"], name)
