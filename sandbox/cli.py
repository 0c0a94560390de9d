# SPDX-License-Identifier: Apache-2.0
"""The command line: ``python3 -m sandbox install|start|status|restart|stop|destroy|run|demo``.

Exit codes: 0 done; 1 something failed, with the end of its log; 2 wrong usage; ``status`` answers
3 when not everything runs; ``run`` answers what the command answered; ``demo`` answers 128 and the
signal's number when a signal ended it (130 for Ctrl-C).
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TextIO

from sandbox import credentials, errors, install, paths
from sandbox.cluster.layout import LAYOUTS, MOST_WORKERS
from sandbox.demo import launch
from sandbox.info import StackInfo
from sandbox.manila.releases import OLDER
from sandbox.stack import Stack
from sandbox.state import BANKS, EVERY_SERVICE, FILES, STORES, ZAQAR, Settings

DESCRIPTION = "Real Keystone, Manila and Karbor on loopback."
NOT_RUNNING = 3
ACTS = ("kill", "pause", "resume", "restart", "stop")
_PLAIN = (
    *("layout", "workers", "debug", "stock_manager", "second_karbor", "zaqar"),
    *("bank", "stock_bank", "pythonpath", "manila_release"),
)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = _parser().parse_args(argv)
    try:
        return given.command(given)
    except errors.SandboxError as error:
        say(str(error), stream=sys.stderr)
        return 1


def say(line: str, stream: TextIO | None = None) -> None:
    """Write one line at once: progress is read by people who wait."""
    out = stream or sys.stdout
    out.write(line + "\n")
    out.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m sandbox", description=DESCRIPTION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--home", help="folder for the venvs (default: .sandbox)")
    state = argparse.ArgumentParser(add_help=False, parents=[common])
    state.add_argument("--state", metavar="DIR", help="state folder (default: .sandbox/state)")
    options = _options(state)

    def command(name: str, function: Callable, parents: list, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, parents=parents, help=text, description=text)
        sub.set_defaults(command=function)
        return sub

    venvs = command("install", _install, [common], "make the venvs, without starting anything")
    venvs.add_argument("--zaqar", action="store_true", help="Zaqar's, too")
    venvs.add_argument("--bank", choices=STORES, action="append", help="that of a store, too")
    command("start", _start, [options], "install if needed, start, return when all of it serves")
    command("status", _status, [state], "say what runs")
    restart = command("restart", _restart, [state], "end one service and start it again")
    restart.add_argument("service", choices=EVERY_SERVICE)
    worker = command("worker", _worker, [state], "disturb one karbor-protection of a cluster")
    worker.add_argument("act", choices=ACTS)
    worker.add_argument("number", type=int, metavar="N", help="1, 2 and so on")
    command("stop", _stop, [state], "stop everything; the state stays for the next start")
    command("destroy", _destroy, [state], "stop everything and remove the state folder")
    run = command("run", _run, [options], "start, run a command as the user alpha, stop")
    run.add_argument("argv", nargs="+", metavar="CMD", help="the command, after --")
    demo = command("demo", _demo, [common], "install if needed, show the main job, clean up")
    demo.add_argument("--state", metavar="DIR", help="state folder (default: .sandbox/demo)")
    demo.add_argument("--keep", action="store_true", help="leave the sandbox running at the end")
    return parser


def _options(state: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, parents=[state])
    group = parser.add_argument_group("options, kept in the state for later starts")
    group.add_argument("--defaults", action="store_true", help="forget those of earlier starts")
    group.add_argument(
        "--layout", choices=LAYOUTS, help="Karbor in one process (the default), or a cluster"
    )
    group.add_argument(
        "--workers",
        type=int,
        choices=range(1, MOST_WORKERS + 1),
        metavar="N",
        help="how many karbor-protection a cluster has (default: 3)",
    )
    group.add_argument(
        "--clock-offset",
        action="append",
        type=_pair,
        metavar="WORKER=SECONDS",
        help="the clock of a cluster's worker is fast by so much",
    )
    yes_no = argparse.BooleanOptionalAction
    group.add_argument("--debug", action=yes_no, help="debug logs")
    group.add_argument(
        "--stock-manager", action=yes_no, help="Karbor's own protection manager, not ours"
    )
    group.add_argument(
        "--second-karbor", action=yes_no, help="another Karbor on the same database and bank"
    )
    group.add_argument(
        "--zaqar", action=yes_no, help="a Zaqar, too, on a Redis of its own (needs redis-server)"
    )
    group.add_argument(
        "--bank", choices=BANKS, help=f"where the bank is: {FILES} (a folder) or an object store"
    )
    group.add_argument(
        "--stock-bank", action=yes_no, help="our provider with Karbor's own plugin for that bank"
    )
    group.add_argument(
        "--manila",
        dest="manila_release",
        choices=OLDER,
        help="an older Manila, on MariaDB (needs mariadb-server)",
    )
    group.add_argument(
        "--pythonpath", action="append", metavar="DIR", help="searched first by Karbor"
    )
    pairs = {
        "--share-option": "of [manila_share_protection] in our provider",
        "--karbor-option": "of karbor.conf",
        "--manila-option": "of manila.conf",
        "--keystone-option": "of keystone.conf",
    }
    for name, where in pairs.items():
        group.add_argument(
            name, action="append", type=_pair, metavar="[GROUP/]NAME=VALUE", help=f"option {where}"
        )
    return parser


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _stack(given: argparse.Namespace) -> Stack:
    values = vars(given)
    changes = {name: values.get(name) for name in _PLAIN}
    for service in ("share", "karbor", "manila", "keystone"):
        pairs = values.get(f"{service}_option")
        changes[f"{service}_options"] = dict(pairs) if pairs else None
    offsets = values.get("clock_offset")
    changes["clock_offsets"] = {name: int(it) for name, it in offsets} if offsets else None
    if values.get("defaults"):
        changes = asdict(Settings().changed(**changes))
    return Stack(given.state, home=given.home, say=say, **changes)


def _install(given: argparse.Namespace) -> int:
    home = paths.Home.find(given.home)
    install.install(home, say, *([ZAQAR] if given.zaqar else []), *(given.bank or []))
    say(f"Installed in {home.venvs}")
    return 0


def _start(given: argparse.Namespace) -> int:
    began = time.monotonic()
    info = _stack(given).start()
    say(_overview(info))
    say(f"Ready in {time.monotonic() - began:.1f} s.")
    return 0


def _status(given: argparse.Namespace) -> int:
    stack = _stack(given)
    status = stack.status()
    for name, pid in status.items():
        say(f"{name:9} {f'runs (pid {pid})' if pid else 'stopped'}")
    if None in status.values():
        return NOT_RUNNING
    say(_overview(stack.info))
    return 0


def _restart(given: argparse.Namespace) -> int:
    _stack(given).restart(given.service)
    return 0


def _worker(given: argparse.Namespace) -> int:
    getattr(_stack(given), f"{given.act}_worker")(given.number)
    return 0


def _stop(given: argparse.Namespace) -> int:
    _stack(given).stop()
    return 0


def _destroy(given: argparse.Namespace) -> int:
    _stack(given).destroy()
    return 0


def _run(given: argparse.Namespace) -> int:
    with _stack(given) as stack:
        env = credentials.for_commands(stack.info)
        try:
            return subprocess.run(given.argv, env=env, check=False).returncode  # noqa: S603
        except OSError as error:
            say(f"{given.argv[0]}: {error.strerror}", stream=sys.stderr)
            return 127


def _demo(given: argparse.Namespace) -> int:
    return launch.demo(given.state, given.home, keep=given.keep, say=say)


def _overview(info: StackInfo) -> str:
    zaqar = f"\nZaqar        {info.zaqar_url}" if info.zaqar_url else ""
    return f"""
Keystone     {info.auth_url}
Karbor       {info.karbor_endpoint(credentials.DEFAULT_USER)} (project alpha)
Manila       {info.proxy_url} (through the proxy; directly: {info.manila_url}){zaqar}
proxy        {info.proxy_control_url} (counts and faults)
bank         {info.bank_url or info.bank}
logs         {info.state / "logs"}
credentials  . {info.openrc}
         or  export OS_CLIENT_CONFIG_FILE={info.clouds}
commands     {info.bin}/openstack --os-cloud alpha data protection provider list
"""
