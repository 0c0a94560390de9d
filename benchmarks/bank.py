# SPDX-License-Identifier: Apache-2.0
"""What a call of our file-system bank costs, and of Karbor's own: ``python -m benchmarks.bank``.

Green threads as in karbor-protection. Milliseconds of CPU (all threads of the process) and of wall
time a call, for the objects of a share's section. ``--folder`` is the disk to measure on.
"""

import eventlet

eventlet.monkey_patch()

import argparse  # noqa: E402 - after the patch
import cProfile  # noqa: E402
import pstats  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

from karbor.services.protection.bank_plugin import Bank  # noqa: E402
from karbor.services.protection.bank_plugins import file_system_bank_plugin  # noqa: E402
from oslo_config import cfg  # noqa: E402

from karbor_manila.bank.filesystem.plugin import FileSystemBankPlugin  # noqa: E402

_VALUE = {f"field {number}": "value" * 6 for number in range(25)}
_GROUP = "file_system_bank_plugin"


def open_section(plugin: Any, folder: str) -> Any:
    """A share's section in a bank below this folder."""
    conf = cfg.ConfigOpts()
    conf(args=[])
    conf.register_opts(file_system_bank_plugin.file_system_bank_plugin_opts, _GROUP)
    conf.set_override("file_system_bank_path", folder, _GROUP)
    return Bank(plugin(conf)).get_sub_section("/checkpoints/c/resource-data/s/")


def measure(section: Any, shares: int) -> dict[str, tuple[float, float]]:
    """Milliseconds of CPU and of wall time of each kind of call."""

    def keys() -> list[str]:
        return [f"{number}/metadata" for number in range(shares)]

    calls: dict[str, Callable[[str], Any]] = {
        "update, new": lambda key: section.update_object(key, _VALUE),
        "update, again": lambda key: section.update_object(key, _VALUE),
        "get": section.get_object,
        "list": lambda key: section.list_objects(prefix=key.partition("/")[0] + "/"),
        "delete": section.delete_object,
    }
    found = {}
    for name, call in calls.items():
        cpu, wall = time.process_time(), time.monotonic()
        for key in keys():
            call(key)
        took = (time.process_time() - cpu, time.monotonic() - wall)
        found[name] = (took[0] * 1000 / shares, took[1] * 1000 / shares)
    return found


def main() -> None:
    """Print a line for each kind of call, or with ``--profile`` where ours spends its CPU."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shares", type=int, default=300)
    parser.add_argument("--folder")
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    banks = {"ours": FileSystemBankPlugin, "karbor": file_system_bank_plugin.FileSystemBankPlugin}
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name, plugin in banks.items():
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            section = open_section(plugin, folder)
            profile = cProfile.Profile()
            if given.profile and name == "ours":
                profile.enable()
            found[name] = measure(section, given.shares)
            profile.disable()
            if given.profile and name == "ours":
                pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(40)
    sys.stdout.write(f"{'ms a call: CPU, wall':20}{'ours':>16}{'karbor':>16}\n")
    for call in found["ours"]:
        columns = "".join(
            f"{found[name][call][0]:8.3f}{found[name][call][1]:8.3f}" for name in banks
        )
        sys.stdout.write(f"{call:20}{columns}\n")


if __name__ == "__main__":
    main()
