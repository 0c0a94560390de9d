# SPDX-License-Identifier: Apache-2.0
"""What imports cost: ``python -m benchmarks.startup``.

karbor-protection with Karbor's own manager and share plugin, and with ours; and the command's help.
Each is a process of its own, in turn; milliseconds of its CPU, the median of several rounds, and
the modules that it has loaded.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys

# What karbor-protection loads (karbor/cmd/protection.py), and what the providers' files
# and [DEFAULT] protection_manager name.
_KARBOR = """
import eventlet; eventlet.monkey_patch()
import karbor.common.config, karbor.objects, karbor.rpc, karbor.service, karbor.db
import karbor.services.protection.manager, karbor.services.protection.rpcapi
import karbor.services.protection.provider, karbor.services.protection.flows.workflow
import karbor.services.protection.bank_plugins.file_system_bank_plugin
import karbor.services.protection.protectable_plugins.share
import karbor.services.protection.protection_plugins.share.share_snapshot_plugin
import karbor.db.sqlalchemy.api
karbor.objects.register_all()
"""
_OURS = (
    _KARBOR
    + """
import karbor_manila.manager, karbor_manila.service.protectable, karbor_manila.service.protection
import karbor_manila.service.project, karbor_manila.bank.filesystem.plugin
import karbor_manila.drivers.snapshot
"""
)


def _command(*argv: str) -> str:
    return (
        f"import sys; sys.argv = ['karbor-manila', *{argv!r}]\n"
        "from karbor_manila.cli.app import main\n"
        "import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
    )


PROCESSES = {
    "nothing": "pass",
    "karbor-protection, Karbor's own": _KARBOR,
    "karbor-protection, ours": _OURS,
    "karbor-manila --help": _command("--help"),
    "karbor-manila help status": _command("help", "status"),
    "karbor-manila status --help": _command("status", "--help"),
    "karbor-manila restore --help": _command("restore", "--help"),
    "karbor-manila audit --help": _command("audit", "--help"),
    "karbor-manila complete": _command("complete"),
}


def measure(code: str) -> tuple[float, int]:
    """A process that runs this: milliseconds of CPU, and the number of its modules."""
    # Installed packages are compiled; so is ours, from the first round on.
    environment = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    code += "\nimport sys; sys.stderr.write(f'modules={len(sys.modules)}')"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime + after.ru_stime
    taken -= before.ru_utime + before.ru_stime
    return taken * 1000, int(done.stderr.rpartition("modules=")[2])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    taken: dict[str, list[float]] = {name: [] for name in PROCESSES}
    modules = {}
    for _ in range(given.rounds + 1):
        for name, code in PROCESSES.items():
            cpu, modules[name] = measure(code)
            taken[name].append(cpu)
    # The first round may have to compile.
    figures = {
        name: {"cpu_ms": round(statistics.median(each[1:])), "modules": modules[name]}
        for name, each in taken.items()
    }
    if given.json:
        print(json.dumps(figures))  # noqa: T201
        return
    print(f"{'ms of CPU':>10}{'modules':>9}")  # noqa: T201
    for name, figure in figures.items():
        print(f"{figure['cpu_ms']:10}{figure['modules']:9}  {name}")  # noqa: T201


if __name__ == "__main__":
    main()
