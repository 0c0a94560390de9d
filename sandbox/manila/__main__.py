# SPDX-License-Identifier: Apache-2.0
"""Run Manila in the sandbox until SIGTERM.

Usage, from the top of the repository and with the interpreter of the manila venv::

    python -m sandbox.manila --config-file PATH --ready-file PATH

The first start makes database, share types and directories; later ones go on from what is there.
READY is written to the ready file when shares can be created; the file is removed at the start
and at the end. Exit status: 0 after SIGTERM or SIGINT, 1 when starting failed (see the log). A
signal in the first second, before there is anything to stop, ends the process at once.
"""

# First of all: what is imported below asks which concurrency backend has been chosen.
from sandbox.manila import patching  # noqa: F401

# isort: split

import argparse
import gc
import logging
import os
import pathlib
import signal
import sys
import threading

from manila import version
from manila.common import config
from manila.db import migration
from oslo_config import cfg
from oslo_log import log

from sandbox import files
from sandbox.manila import process, share_types

CONF = cfg.CONF
LOG = log.getLogger(__name__)


def main(argv: list[str]) -> int:
    """Serve until a signal; answer the exit status."""
    arguments = _parse(argv)
    arguments.ready_file.unlink(missing_ok=True)
    CONF(
        ["--config-file", str(arguments.config_file)],
        project="manila",
        version=version.version_string(),
    )
    config.verify_share_protocols()
    config.set_lib_defaults()
    log.setup(CONF, "manila")
    over = _until_signal()
    running = process.Process()
    try:
        _database()
        share_types.prepare()
        running.start()
        _collect_seldom()
        _announce(arguments.ready_file)
        LOG.info("READY on port %s.", CONF.osapi_share_listen_port)
        over.serving = True
        over.wait()
    except _Interrupted:
        LOG.info("Stopped while starting.")
    except Exception:
        LOG.exception("Manila did not start.")
        return 1
    finally:
        arguments.ready_file.unlink(missing_ok=True)
        if not running.stop():
            LOG.warning("Stopped with work under way.")
    return 0


def _collect_seldom() -> None:
    """Look for garbage as seldom as what Manila makes for a request allows, and never among what it
    is made of: that takes a sixth of the CPU time of a request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def _database() -> None:
    """Have a database with tables: SQLite with what it needs, or another as an operator does."""
    if CONF.database.connection.startswith("sqlite:"):
        from sandbox.manila import sqlite  # noqa: PLC0415 - its cures are for the newest Manila

        sqlite.install()
        sqlite.prepare()
    else:
        migration.upgrade(None)


class _Interrupted(BaseException):
    """A signal came while the services were being started."""


def _until_signal() -> threading.Event:
    """Answer an event that SIGTERM and SIGINT set; before it is ``serving`` they interrupt."""
    over = threading.Event()
    over.serving = False

    def received(_number, _frame):
        if not over.serving:
            over.serving = True  # a second signal does not disturb the stopping
            raise _Interrupted
        over.set()

    signal.signal(signal.SIGTERM, received)
    signal.signal(signal.SIGINT, received)
    return over


def _announce(path: pathlib.Path) -> None:
    files.write(path, "READY\n")


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.manila",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config-file", type=pathlib.Path, required=True)
    parser.add_argument("--ready-file", type=pathlib.Path, required=True)
    return parser.parse_args(argv)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    logging.shutdown()
    # Threads that sleep in a driver call would keep the interpreter for as long as they sleep.
    os._exit(status)
