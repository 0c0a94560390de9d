# SPDX-License-Identifier: Apache-2.0
"""The providers of the sandbox, on one bank. Standard library only.

``karbor-manila`` is ours; ``karbor-stock`` is what Karbor offers without us. They share the bank's
folder, each by its own bank plugin, so a checkpoint that one made can be read by the other, and
only the provider's id keeps them apart. ``karbor-stock-default`` is for the benchmark alone:
Karbor's own plugin, polling as rarely as it does where nobody chose an interval.
"""

from collections.abc import Collection, Mapping
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
BANKS = {OURS: "karbor-manila-fs-bank-plugin", STOCK: "karbor-fs-bank-plugin"}
MORTAL_BANK = "sandbox.karbor.mortal_bank.MortalBank"


def write(
    directory: Path,
    bank: Path,
    *,
    options: Mapping[str, Any],
    mortal: Path | None = None,
    names: Collection[str] = (OURS, STOCK),
) -> Path:
    """Write the providers' files into a directory and return it.

    :param bank: folder of the file-system bank.
    :param options: of our provider: a plain name goes to ``[manila_share_protection]``,
        ``group/name`` to that group, so ``provider/bank`` chooses another bank.
    :param mortal: folder for ``sandbox.karbor.mortal_bank``, which is then put around the bank of
        either provider.
    :param names: those that are wanted.
    """
    sections = {
        OURS: _ours(bank, options),
        STOCK: _stock(STOCK, bank, {"poll_interval": 1}),
        STOCK_DEFAULT: _stock(STOCK_DEFAULT, bank, {}),
    }
    for name in names:
        provider = sections[name]["provider"]
        if mortal:
            sections[name]["mortal_bank"] = {"folder": mortal, "within": provider["bank"]}
            provider["bank"] = MORTAL_BANK
        files.write(directory / f"{name}.conf", files.ini(sections[name]))
    return directory


def _ours(bank: Path, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    ours = {
        "provider": _provider(
            OURS,
            "Manila shares by karbor-manila",
            "karbor-manila-share-protection-plugin",
            "karbor-manila-project-plugin",
        ),
        "file_system_bank_plugin": {"file_system_bank_path": bank},
        "manila_share_protection": {},
    }
    files.merge(ours, {_group(key): value for key, value in options.items()})
    return ours


def _stock(name: str, bank: Path, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        "provider": _provider(
            name,
            "Manila shares by Karbor's own plugin",
            # Only the noop plugin takes projects. It claims shares as well, and the plugin
            # that is named later has them.
            "karbor-noop-protection-plugin",
            "karbor-share-protection-plugin",
        ),
        "file_system_bank_plugin": {"file_system_bank_path": bank},
        "manila_snapshot_plugin": dict(options),
    }


def _provider(name: str, description: str, *plugins: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "id": IDS.get(name, STOCK_DEFAULT_ID),
        "bank": BANKS.get(name, BANKS[STOCK]),
        "enabled": True,
        "plugin": plugins,
    }


def _group(key: str) -> str:
    return key if "/" in key else f"manila_share_protection/{key}"
