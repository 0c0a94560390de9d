# SPDX-License-Identifier: Apache-2.0
"""What imports cost: ``python -m benchmarks.startup``.

karbor-protection with Karbor's own manager and share plugin, and with ours; and the help of our
commands, behind ``openstack`` beside that of another plugin. Each is a process of its own, in turn;
milliseconds of its CPU and of the clock, the medians of several rounds, and the modules that it has
loaded.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

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
    return _program("karbor-manila", "karbor_manila.cli.app", argv)


def _openstack(*argv: str) -> str:
    return _program("openstack", "openstackclient.shell", argv)


def _program(name: str, module: str, argv: tuple[str, ...]) -> str:
    return (
        f"import sys; sys.argv = [{name!r}, *{argv!r}]\n"
        f"from {module} import main\n"
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
    "openstack share list --help": _openstack("share", "list", "--help"),
    "openstack share protection status --help": _openstack(
        "share", "protection", "status", "--help"
    ),
    "what openstack loads of ours": "import karbor_manila.cli.tenant.plugin",
}


def measure(code: str) -> tuple[float, float, int]:
    """A process that runs this: milliseconds of CPU and of the clock, the number of its modules."""
    # Installed packages are compiled; so is ours, from the first round on.
    environment = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    code += "\nimport sys; sys.stderr.write(f'modules={len(sys.modules)}')"
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    after, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    taken = after.ru_utime + after.ru_stime
    taken -= before.ru_utime + before.ru_stime
    return taken * 1000, clock * 1000, int(done.stderr.rpartition("modules=")[2])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in PROCESSES}
    modules = {}
    for _ in range(given.rounds + 1):
        for name, code in PROCESSES.items():
            cpu, clock, modules[name] = measure(code)
            taken[name].append((cpu, clock))
    # The first round may have to compile.
    figures = {
        name: {
            "cpu_ms": round(statistics.median(cpu for cpu, _clock in each[1:])),
            "clock_ms": round(statistics.median(clock for _cpu, clock in each[1:])),
            "modules": modules[name],
        }
        for name, each in taken.items()
    }
    if given.json:
        print(json.dumps(figures))  # noqa: T201
        return
    print(f"{'ms of CPU':>10}{'of clock':>9}{'modules':>9}")  # noqa: T201
    for name, figure in figures.items():
        print(f"{figure['cpu_ms']:10}{figure['clock_ms']:9}{figure['modules']:9}  {name}")  # noqa: T201


if __name__ == "__main__":
    main()
