# SPDX-License-Identifier: Apache-2.0
"""Runs Keystone: prepares keys and database, puts in the content, serves until SIGTERM.

Run in Keystone's venv as ``python -m sandbox.keystone --config-file ... --port ...``.
"""

import argparse
import signal
import sys
import types
from collections.abc import Callable
from pathlib import Path

import waitress

from sandbox import files, serving

HOST = "127.0.0.1"
# SQLite takes one writer at a time, and bcrypt holds a core: more threads would only queue. Two at
# once also meet "database is locked" at once, as Keystone begins its transactions without saying
# that they write, and rules of policy that are half loaded.
THREADS = 1


def main() -> None:
    """Prepare and serve; returns after SIGTERM."""
    parser = argparse.ArgumentParser(prog="sandbox.keystone")
    parser.add_argument("--config-file", type=Path, required=True)
    parser.add_argument("--content-file", type=Path, required=True)
    parser.add_argument("--ids-file", type=Path, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    # Keystone parses sys.argv when it is imported by a web server, too.
    sys.argv = sys.argv[:1]

    app = application(given.config_file)
    from sandbox.keystone import seed  # noqa: PLC0415 - needs Keystone's managers

    ids = seed.seed(files.read_json(given.content_file))
    files.write_json(given.ids_file, ids)
    server = waitress.create_server(
        app,
        host=HOST,
        port=given.port,
        threads=THREADS,
        channel_timeout=serving.IDLE_SECONDS,
    )
    signal.signal(signal.SIGTERM, _leave)
    files.write(given.ready_file, "READY\n")
    server.run()


def application(config_file: Path) -> Callable:
    """Return Keystone's WSGI application on a prepared database, its managers loaded."""
    from keystone.server.flask import core  # noqa: PLC0415 - after sys.argv was cleared

    return core.initialize_application(
        name="public", post_log_configured_function=prepare, config_files=[str(config_file)]
    )


def prepare() -> None:
    """Make keys and tables where they are missing; Keystone's options have been read by now."""
    import keystone.conf  # noqa: PLC0415 - after sys.argv was cleared
    from keystone.common import fernet_utils  # noqa: PLC0415
    from keystone.common.sql import upgrades  # noqa: PLC0415

    conf = keystone.conf.CONF
    for group, name in (
        ("fernet_tokens", "fernet_tokens"),
        ("fernet_receipts", "fernet_receipts"),
        ("credential", "credential"),
    ):
        options = conf[group]
        active = getattr(options, "max_active_keys", 3)
        keys = fernet_utils.FernetUtils(options.key_repository, active, name)
        Path(options.key_repository).mkdir(mode=0o700, parents=True, exist_ok=True)
        keys.initialize_key_repository()
    upgrades.offline_sync_database_to_version()


def _leave(number: int, frame: types.FrameType | None) -> None:
    # waitress ends its loop cleanly on SystemExit.
    raise SystemExit(0)


if __name__ == "__main__":
    main()
