# SPDX-License-Identifier: Apache-2.0
"""The providers of the sandbox, on one bank. Standard library only.

``karbor-manila`` is ours; ``karbor-stock`` is what Karbor offers without us. They share the bank,
each by its own bank plugin, so a checkpoint that one made can be read by the other, and only the
provider's id keeps them apart. ``karbor-stock-default`` is for the benchmark alone: Karbor's own
plugin, polling as rarely as it does where nobody chose an interval.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox import files

OURS = "karbor-manila"
STOCK = "karbor-stock"
STOCK_DEFAULT = "karbor-stock-default"
IDS = {
    OURS: "6b61726d-0000-4000-8000-6d616e696c61",
    STOCK: "6b61726d-0000-4000-8000-73746f636b00",
}
STOCK_DEFAULT_ID = "6b61726d-0000-4000-8000-64656661756c"
#: The entry points: ours, and Karbor's own.
BANKS = {
    "files": ("karbor-manila-fs-bank-plugin", "karbor-fs-bank-plugin"),
    "s3": ("karbor-manila-s3-bank-plugin", "karbor-s3-bank-plugin"),
    "swift": ("karbor-manila-swift-bank-plugin", "karbor-swift-bank-plugin"),
}
MORTAL_BANK = "sandbox.karbor.mortal_bank.MortalBank"


@dataclass(frozen=True)
class Store:
    """What the banks of all providers are in.

    :ivar kind: a key of ``BANKS``.
    :ivar sections: the options for it, unless it is a folder.
    :ivar stock: our provider has Karbor's own bank plugin, too.
    """

    kind: str = "files"
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stock: bool = False

    def plugin(self, provider: str) -> str:
        """The bank plugin of a provider."""
        ours, stock = BANKS[self.kind]
        return ours if provider == OURS and not self.stock else stock


def write(
    directory: Path,
    bank: Path,
    *,
    options: Mapping[str, Any],
    mortal: Path | None = None,
    names: Collection[str] = (OURS, STOCK),
    store: Store | None = None,
) -> Path:
    """Write the providers' files into a directory and return it.

    :param bank: folder of the file-system bank.
    :param options: of our provider: a plain name goes to ``[manila_share_protection]``,
        ``group/name`` to that group, so ``provider/bank`` chooses another bank.
    :param mortal: folder for ``sandbox.karbor.mortal_bank``, which is then put around the bank of
        either provider.
    :param names: those that are wanted.
    :param store: where the bank is; by default in that folder.
    """
    store = store or Store()
    folder = {"file_system_bank_plugin": {"file_system_bank_path": bank}}
    sections = {
        OURS: _ours(store, options),
        STOCK: _stock(STOCK, store, {"poll_interval": 1}),
        STOCK_DEFAULT: _stock(STOCK_DEFAULT, store, {}),
    }
    for each in sections.values():
        for group, values in (store.sections or folder).items():
            each[group] = {**values, **each.get(group, {})}
    for name in names:
        provider = sections[name]["provider"]
        if mortal:
            sections[name]["mortal_bank"] = {"folder": mortal, "within": provider["bank"]}
            provider["bank"] = MORTAL_BANK
        files.write(directory / f"{name}.conf", files.ini(sections[name]))
    return directory


def _ours(store: Store, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    ours = {
        "provider": _provider(
            OURS,
            "Manila shares by karbor-manila",
            "karbor-manila-share-protection-plugin",
            "karbor-manila-project-plugin",
            bank=store.plugin(OURS),
        ),
        "manila_share_protection": {},
    }
    files.merge(ours, {_group(key): value for key, value in options.items()})
    return ours


def _stock(name: str, store: Store, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        "provider": _provider(
            name,
            "Manila shares by Karbor's own plugin",
            # Only the noop plugin takes projects. It claims shares as well, and the plugin
            # that is named later has them.
            "karbor-noop-protection-plugin",
            "karbor-share-protection-plugin",
            bank=store.plugin(name),
        ),
        "manila_snapshot_plugin": dict(options),
    }


def _provider(name: str, description: str, *plugins: str, bank: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "id": IDS.get(name, STOCK_DEFAULT_ID),
        "bank": bank,
        "enabled": True,
        "plugin": plugins,
    }


def _group(key: str) -> str:
    return key if "/" in key else f"manila_share_protection/{key}"
