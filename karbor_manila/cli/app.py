# SPDX-License-Identifier: Apache-2.0
"""The command ``karbor-manila``."""

import argparse
import importlib.metadata
import logging
import os
import sys
import warnings
from typing import Any

from cliff.app import App
from cliff.commandmanager import CommandManager

from karbor_manila.cli import renamed
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.visible import visible, visible_lines

#: Entry points of the subcommands.
NAMESPACE = "karbor_manila.commands"

_NOISY_BANK = "karbor.services.protection.bank_plugins.file_system_bank_plugin"


class _OneLine(logging.Formatter):
    """Each event in one line, with what caused it but not where it came from."""

    def format(self, record: logging.LogRecord) -> str:
        """The first lines of the message and of the exception."""
        sentence = _first_line(record.getMessage())
        cause = _first_line(str(record.exc_info[1])) if record.exc_info else ""
        return visible(sentence if cause in sentence else f"{sentence}: {cause}")


class _Whole(logging.Formatter):
    """Everything, tracebacks too."""

    def format(self, record: logging.LogRecord) -> str:
        """As logging does, but nothing in it is obeyed by a terminal."""
        return visible_lines(super().format(record))


class KarborManila(App):
    """Looks after shares that Karbor protects with karbor-manila.

    Exit codes: 0 all is well, 1 an error, 2 wrong usage, 3 there is something to do.
    """

    def __init__(self) -> None:
        super().__init__(
            description=self.__doc__ or "",
            version=importlib.metadata.version("karbor-manila"),
            command_manager=CommandManager(NAMESPACE),
            deferred_help=True,
        )

    def run(self, argv: list[str]) -> int:
        """Options of the cloud may stand before the command too, as in the OpenStack client."""
        self.argv = cloud_options_last(argv)
        now = renamed.as_now(self.argv)
        if now != self.argv:
            sys.stderr.write(f"{renamed.REPORT_IS_OUTCOME}\n")
        self.argv = now
        return super().run(self.argv)

    def build_option_parser(
        self, description: str | None, version: str | None, argparse_kwargs: Any = None
    ) -> argparse.ArgumentParser:
        """Options of all commands: those of cliff, and whether there is colour."""
        parser = super().build_option_parser(description, version, argparse_kwargs)
        parser.add_argument(
            "--no-color", action="store_true", help="No colours, in help pages neither."
        )
        return parser

    def initialize_app(self, argv: list[str]) -> None:
        """The environment is what everything that paints asks, cliff's help pages too."""
        if self.options.no_color:
            os.environ["NO_COLOR"] = "1"

    def configure_logging(self) -> None:
        """Warnings on the console; ``-v`` adds what is done, ``-vv`` everything.

        One line for each, unless ``-vv`` or ``--debug`` asks for tracebacks; a log file has them
        in any case.
        """
        level = {0: logging.ERROR, 1: logging.WARNING, 2: logging.INFO}.get(
            self.options.verbose_level, logging.DEBUG
        )
        # Some library may have configured the root logger at its import.
        console = logging.StreamHandler(self.stderr)
        whole = self.options.debug or level <= logging.DEBUG
        console.setFormatter(_Whole(self.CONSOLE_MESSAGE_FORMAT) if whole else _OneLine())
        handlers: list[logging.Handler] = [console]
        if self.options.log_file:
            handlers.append(logging.FileHandler(self.options.log_file, encoding="utf-8"))
            handlers[-1].setFormatter(_Whole(self.LOG_FILE_MESSAGE_FORMAT))
        logging.basicConfig(force=True, level=level, handlers=handlers)
        if level > logging.DEBUG:
            # It calls every object that is not there an error.
            logging.getLogger(_NOISY_BANK).setLevel(logging.CRITICAL)
        if level > logging.INFO:
            # It warns of what we say in our own words, once for each attempt.
            logging.getLogger("keystoneauth").setLevel(logging.ERROR)

    def run_subcommand(self, argv: list[str]) -> int:
        """One line for what we raise on purpose; ``--debug`` shows where it came from."""
        try:
            code: int = super().run_subcommand(argv)
        except KarborManilaError as error:
            self.LOG.error("%s", error)
            return 1
        return code


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "")


def cloud_options_last(argv: list[str]) -> list[str]:
    """``--os-cloud NAME status`` as ``status --os-cloud NAME``: it is the tenant's commands that
    know these options, so that nobody else has to load openstacksdk for them."""
    first: list[str] = []
    moved: list[str] = []
    rest = list(argv)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        group = moved if word.startswith("--os-") else first
        group.append(word)
        takes_value = word == "--log-file" or (group is moved and "=" not in word)
        if takes_value and rest:
            group.append(rest.pop(0))
    return [*first, *rest, *moved]


def main(argv: list[str] | None = None) -> int:
    """The console script; returns the exit code."""
    # Karbor 1.6.0 runs on eventlet, which says at every import that it is deprecated.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    warnings.simplefilter("ignore", DeprecationWarning)
    return KarborManila().run(sys.argv[1:] if argv is None else argv)
