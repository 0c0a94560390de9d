# SPDX-License-Identifier: Apache-2.0
"""Runs Karbor's API, protection service and operation engine in one process until SIGTERM.

Run in Karbor's venv as ``python -m sandbox.karbor --config-file ... --ready-file ...``. One
process, because ``transport_url = fake://`` reaches no other one. With ``--no-engine`` it is the
second Karbor of a sandbox: on the same database and bank, without the operation engine, whose
triggers would fire twice.
"""

# ruff: noqa: E402 - everything below must be imported after the patch
import eventlet

eventlet.monkey_patch()

import argparse
from pathlib import Path

import eventlet.event
from karbor import objects, rpc, service, version
from karbor.common import config  # noqa: F401 - registers Karbor's options
from karbor.db import migration
from oslo_config import cfg
from oslo_log import log as logging
from oslo_service import service as oslo_service

from sandbox import bus, files
from sandbox.karbor import sqlite


class Started(oslo_service.ServiceBase):
    """Passes everything on to a service, and says when its start is over."""

    def __init__(self, inner: oslo_service.ServiceBase) -> None:
        self.inner = inner
        self.done = eventlet.event.Event()

    def start(self) -> None:
        """Start the service; a failure ends the process, through oslo.service."""
        self.inner.start()
        self.done.send()

    def stop(self) -> None:
        """Stop the service."""
        self.inner.stop()

    def wait(self) -> None:
        """Wait for the service's end."""
        self.inner.wait()

    def reset(self) -> None:
        """Reset the service, as oslo.service does on SIGHUP."""
        self.inner.reset()


def main() -> None:
    """Bring the database up to date and serve; returns after SIGTERM."""
    parser = argparse.ArgumentParser(prog="sandbox.karbor")
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--no-engine", action="store_true")
    given = parser.parse_args()

    conf = cfg.CONF
    objects.register_all()
    conf(
        ["--config-file", given.config_file],
        project="karbor",
        version=version.version_string(),
    )
    logging.setup(conf, "karbor")
    bus.install()
    sqlite.install()
    migration.db_sync()
    rpc.init(conf)

    # The engine calls the protection service, and the API calls both.
    binaries = ["karbor-protection"]
    binaries += [] if given.no_engine else ["karbor-operationengine"]
    services = [Started(service.Service.create(binary=binary)) for binary in binaries]
    services.append(Started(service.WSGIService("osapi_karbor")))
    # As Karbor's commands do it, so that what they run with a service runs here, too.
    service.serve(services[0])
    for item in services[1:]:
        service._launcher.launch_service(item)
    eventlet.spawn_n(_announce, services, given.ready_file)
    service.wait()


def _announce(services: list[Started], ready_file: Path) -> None:
    for item in services:
        item.done.wait()
    files.write(ready_file, "READY\n")


if __name__ == "__main__":
    main()
