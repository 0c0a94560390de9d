# SPDX-License-Identifier: Apache-2.0
"""Runs one of Karbor's own commands (karbor-api, karbor-operationengine, karbor-protection).

Run in Karbor's venv as ``python -m sandbox.cluster api --config-file A --config-file B --ready-file
C``. What runs is the ``main`` of Karbor's script; all that is added is a file that says when the
service serves, and that karbor-api brings the database up to date first.
"""

# ruff: noqa: E402 - everything below must be imported after the patch
import eventlet
import eventlet.patcher

from sandbox.cluster import faketime

faketime.mend_sleep(eventlet.patcher.original("time"))
eventlet.monkey_patch()

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from karbor import service

from sandbox import files

API = "api"
BINARIES = (API, "operationengine", "protection")


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="sandbox.cluster")
    parser.add_argument("binary", choices=BINARIES)
    parser.add_argument("--config-file", action="append", required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    given = parser.parse_args()
    options = [word for path in given.config_file for word in ("--config-file", path)]
    sys.argv = [f"karbor-{given.binary}", *options]
    if given.binary == API:
        _prepare(options)
    _announce(service.WSGIService if given.binary == API else service.Service, given.ready_file)
    importlib.import_module(f"karbor.cmd.{given.binary}").main()


def _prepare(options: list[str]) -> None:
    """What ``karbor-manage db sync`` does."""
    from karbor.common import config  # noqa: F401, PLC0415 - registers Karbor's options
    from karbor.db import migration  # noqa: PLC0415 - reads the options at its import
    from oslo_config import cfg  # noqa: PLC0415

    cfg.CONF(options, project="karbor")
    migration.db_sync()


def _announce(kind: Any, ready: Path) -> None:
    """Have the file written when a service of this kind has started."""
    start = kind.start

    def started(self: Any) -> None:
        start(self)
        files.write(ready, "READY\n")

    kind.start = started


if __name__ == "__main__":
    main()
