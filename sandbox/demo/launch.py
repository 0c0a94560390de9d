# SPDX-License-Identifier: Apache-2.0
"""Owns the demonstration's sandbox from start to end. Standard library only.

The story itself is a child process in Karbor's venv, which has the clients. Whatever becomes of
it, what was started here is stopped here.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from sandbox import credentials, errors, paths
from sandbox.demo import claim, installing, signals
from sandbox.demo.ticker import Ticker
from sandbox.stack import Stack

NAME = "demo"
CHILD_SECONDS = 10


def demo(state: str | None, home: str | None, *, keep: bool, say: Callable[..., None]) -> int:
    """Install what is missing, start a fresh sandbox, tell the story in it, remove it.

    :param state: folder for the sandbox; the default is ``demo`` in the home.
    :param home: the folder with the venvs.
    :param keep: leave the sandbox running after a good end.
    :param say: prints a line; takes ``stream`` for another output.
    :returns: 0; 1 when something failed; 128 and the signal's number when a signal ended it.
    :raises errors.SandboxError: the folder cannot be used.
    """
    found = paths.Home.find(home)
    ticker = Ticker()
    with signals.heard():

        def tell(line: str, **stream: Any) -> None:
            # Nobody may be listening any more; that must not keep us from stopping things.
            with ticker.quiet(), contextlib.suppress(OSError):
                say(line, **stream)

        stack = Stack(state or found.root / NAME, home=home, say=tell)
        try:
            with claim.claimed(stack, tell):
                return _guarded(stack, keep, ticker, tell)
        except signals.Ended as ended:
            return ended.code


def _guarded(stack: Stack, keep: bool, ticker: Ticker, say: Callable[..., None]) -> int:
    """Run everything, and leave nothing running unless it ended well and is to be kept."""
    code = 1
    try:
        code = _told(stack, keep, ticker, say)
    except signals.Ended as ended:
        code = ended.code
        if not ended.told:
            say(f"\nInterrupted by {ended}.", stream=sys.stderr)
    except errors.SandboxError as error:
        say(f"\nFailed: {error}", stream=sys.stderr)
    finally:
        signals.ignore()
        if code or not keep:
            _put_away(stack, code, say)
    return code


def _told(stack: Stack, keep: bool, ticker: Ticker, say: Callable[..., None]) -> int:
    root = stack.state.root
    say(f"Real Keystone, Manila and Karbor, on loopback, with all their data in {root}")
    with ticker.running("preparing"):
        installing.ensure(stack.home, say)
        stack.start()
    child = subprocess.Popen(_argv(stack, keep), env=_environment(), cwd=paths.REPO)  # noqa: S603
    try:
        return _code(child.wait(), say)
    except signals.Ended as ended:
        # The child says where it was.
        ended.told = True
        raise
    finally:
        _end(child)


def _argv(stack: Stack, keep: bool) -> list[str]:
    root = stack.state.root
    options = ["--state", root, "--folder", root / NAME, "--log", root / "logs" / f"{NAME}.log"]
    options += ["--keep"] if keep else []
    return [str(stack.home.python("karbor")), "-P", "-m", "sandbox.demo", *map(str, options)]


def _environment() -> dict[str, str]:
    env = credentials.without_openstack(os.environ)
    env = {name: value for name, value in env.items() if not name.startswith("PYTHON")}
    return {**env, "PYTHONPATH": str(paths.REPO)}


def _code(code: int, say: Callable[..., None]) -> int:
    """Return our exit code for the child's."""
    if code < 0:
        name = signal.Signals(-code).name
        say(f"\nFailed: the demonstration was ended by {name}.", stream=sys.stderr)
    return code if code in (0, 128 + signal.SIGINT) else 1


def _end(child: subprocess.Popen) -> None:
    """End the child if it still runs: it is told to, and then it has to."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(CHILD_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _put_away(stack: Stack, code: int, say: Callable[..., None]) -> None:
    """Stop the sandbox; after a good end, remove it, else say where to look."""
    say("\nStopping the services ...")
    stack.stop()
    if not code:
        stack.destroy()
        say(f"Everything is stopped, and {stack.state.root} is removed.")
        return
    say("Everything is stopped. What it left is kept for you to look at:")
    for log in sorted((stack.state.root / "logs").glob("*.log")):
        say(f"  {log}")
    say(f"  {stack.state.root}")
    say(
        f"The next demonstration removes it; so does: python3 -m sandbox destroy "
        f"--state {stack.state.root}"
    )
