# SPDX-License-Identifier: Apache-2.0
"""The two providers of the sandbox, on one bank. Standard library only.

``karbor-manila`` is ours; ``karbor-stock`` is what Karbor offers without us. They share the bank's
folder, each by its own bank plugin, so a checkpoint that one made can be read by the other, and
only the provider's id keeps them apart.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox import files

OURS = "karbor-manila"
STOCK = "karbor-stock"
IDS = {
    OURS: "6b61726d-0000-4000-8000-6d616e696c61",
    STOCK: "6b61726d-0000-4000-8000-73746f636b00",
}
BANKS = {OURS: "karbor-manila-fs-bank-plugin", STOCK: "karbor-fs-bank-plugin"}
MORTAL_BANK = "sandbox.karbor.mortal_bank.MortalBank"


def write(
    directory: Path, bank: Path, *, options: Mapping[str, Any], mortal: Path | None = None
) -> Path:
    """Write both providers' files into a directory and return it.

    :param bank: folder of the file-system bank.
    :param options: of our provider: a plain name goes to ``[manila_share_protection]``,
        ``group/name`` to that group, so ``provider/bank`` chooses another bank.
    :param mortal: folder for ``sandbox.karbor.mortal_bank``, which is then put around the bank of
        either provider.
    """
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
    stock = {
        "provider": _provider(
            STOCK,
            "Manila shares by Karbor's own plugin",
            # Only the noop plugin takes projects. It claims shares as well, and the plugin
            # that is named later has them.
            "karbor-noop-protection-plugin",
            "karbor-share-protection-plugin",
        ),
        "file_system_bank_plugin": {"file_system_bank_path": bank},
        "manila_snapshot_plugin": {"poll_interval": 1},
    }
    if mortal:
        for sections in (ours, stock):
            sections["mortal_bank"] = {"folder": mortal, "within": sections["provider"]["bank"]}
            sections["provider"]["bank"] = MORTAL_BANK
    files.write(directory / f"{OURS}.conf", files.ini(ours))
    files.write(directory / f"{STOCK}.conf", files.ini(stock))
    return directory


def _provider(name: str, description: str, *plugins: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "id": IDS[name],
        "bank": BANKS[name],
        "enabled": True,
        "plugin": plugins,
    }


def _group(key: str) -> str:
    return key if "/" in key else f"manila_share_protection/{key}"
