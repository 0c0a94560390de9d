# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with the sandbox: one root, leaves that build their own sentence."""

from pathlib import Path

TAIL_LINES = 40


class SandboxError(Exception):
    """Root of everything that the sandbox raises on purpose."""


class WrongPython(SandboxError):
    """There is no set of pinned versions for the Python that runs us."""

    def __init__(self, version: str, known: list[str]) -> None:
        self.version = version
        super().__init__(
            f"Python {version} has no constraint files; use one of {', '.join(known)}."
        )


class ProgramMissing(SandboxError):
    """A program that is no Python package is not installed."""

    def __init__(self, program: str, command: str) -> None:
        self.program = program
        super().__init__(f"{program} is not installed; as root: {command}")


class InstallFailed(SandboxError):
    """pip, or making a venv, failed for one service."""

    def __init__(self, service: str, log: Path) -> None:
        self.service = service
        self.log = log
        super().__init__(f"Installing {service} failed. End of {log}:\n{tail(log)}")


class ServiceFailed(SandboxError):
    """A service ended, or was not ready in time.

    :param offset: where this start began in the log, so that an older run is not shown.
    """

    def __init__(self, service: str, what: str, log: Path, offset: int = 0) -> None:
        self.service = service
        self.log = log
        super().__init__(f"{service} {what}. End of {log}:\n{tail(log, offset)}")


class NotAState(SandboxError):
    """The folder exists and is not a sandbox's: we neither write into it nor remove it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__(f"{directory} is not empty and not a state folder of the sandbox.")


class NotChosen(SandboxError):
    """A service of a profile, in a sandbox that was started without it."""

    def __init__(self, service: str, option: str) -> None:
        self.service = service
        super().__init__(f"This sandbox has no {service}; start it with {option}.")


class OtherLayout(SandboxError):
    """A state folder was begun with another layout: their databases have nothing in common."""

    def __init__(self, directory: Path, begun: str, wanted: str) -> None:
        self.directory = directory
        super().__init__(
            f"The sandbox in {directory} was started with --layout {begun}, not {wanted}: "
            "destroy it, or choose another folder with --state."
        )


class OtherManila(SandboxError):
    """A state folder was begun with another release of Manila: their tables differ."""

    def __init__(self, directory: Path, begun: str, wanted: str) -> None:
        self.directory = directory
        begun, wanted = begun or "the newest one", wanted or "the newest one"
        super().__init__(
            f"The sandbox in {directory} was started with another Manila ({begun}, not {wanted}): "
            "destroy it, or choose another folder with --state."
        )


class NoSuchWorker(SandboxError):
    """Asked for a worker that this sandbox does not have."""

    def __init__(self, number: int, workers: int) -> None:
        self.number = number
        has = (
            f"has workers 1 to {workers}" if workers else "is none with workers (--layout cluster)"
        )
        super().__init__(f"There is no worker {number}: this sandbox {has}.")


class NotStarted(SandboxError):
    """Asked for something that exists only after a first start."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__(f"No sandbox was started in {directory}.")


def tail(log: Path, offset: int = 0, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log, from ``offset`` (bytes) on; '' when there is no log."""
    try:
        with log.open("rb") as stream:
            stream.seek(offset)
            text = stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


class Refused(AssertionError):
    """Karbor said no to a request that no client makes."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(f"HTTP {status}: {text}")
