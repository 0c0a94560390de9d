# SPDX-License-Identifier: Apache-2.0
"""The command ``karbor-manila``."""

import importlib.metadata
import logging
import sys
import warnings

from cliff.app import App
from cliff.commandmanager import CommandManager

from karbor_manila import exception

#: Entry points of the subcommands.
NAMESPACE = "karbor_manila.commands"

_NOISY_BANK = "karbor.services.protection.bank_plugins.file_system_bank_plugin"


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

    def configure_logging(self) -> None:
        """Warnings on the console; ``-v`` adds the course of things, ``-vv`` everything."""
        level = {0: logging.ERROR, 1: logging.WARNING, 2: logging.INFO}.get(
            self.options.verbose_level, logging.DEBUG
        )
        # Some library may have configured the root logger at its import.
        logging.basicConfig(
            force=True,
            level=level,
            format=self.CONSOLE_MESSAGE_FORMAT,
            filename=self.options.log_file,
        )
        if level > logging.DEBUG:
            # It calls every object that is not there an error.
            logging.getLogger(_NOISY_BANK).setLevel(logging.CRITICAL)

    def run_subcommand(self, argv: list[str]) -> int:
        """One line for what we raise on purpose; ``--debug`` shows where it came from."""
        try:
            code: int = super().run_subcommand(argv)
        except exception.KarborManilaError as error:
            self.LOG.error("%s", error)
            return 1
        return code


def main(argv: list[str] | None = None) -> int:
    """The console script; returns the exit code."""
    # Karbor 1.6.0 runs on eventlet, which says at every import that it is deprecated.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    warnings.simplefilter("ignore", DeprecationWarning)
    return KarborManila().run(sys.argv[1:] if argv is None else argv)
