# SPDX-License-Identifier: Apache-2.0
"""How each service of the cluster is configured and run. Standard library only."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import files, process
from sandbox.cluster import faketime, mariadb, rabbitmq
from sandbox.cluster.layout import API, ENGINE, EPMD, MARIADB, RABBITMQ, WORKERS
from sandbox.karbor import providers

if TYPE_CHECKING:
    from sandbox.services import Services

DATABASES = ("karbor", "manila")
_BINARIES = {API: "api", ENGINE: "operationengine"}


def check(clock_offsets: Mapping[str, int]) -> None:
    """See that the programs are there which no package index has.

    :raises errors.ProgramMissing: with the command that installs it.
    """
    mariadb.program()
    rabbitmq.program()
    if any(clock_offsets.values()):
        faketime.library()


def argv(services: "Services", name: str, ready: Path) -> list[str]:
    """Configure one service and return its command line."""
    directory = services.state.directory(name)
    passwords = services.state.passwords()
    port = services.ports.get(name, 0)
    if name == MARIADB:
        wanted = {database: passwords[database] for database in DATABASES}
        mariadb.prepare(directory, wanted, passwords[MARIADB])
        return mariadb.command(directory, port=port, ready=ready)
    if name == EPMD:
        return rabbitmq.epmd_command(port)
    if name == RABBITMQ:
        rabbitmq.write(directory, port=port, password=passwords[RABBITMQ])
        return [rabbitmq.program()]
    return _karbor(services, name, ready)


def environment(services: "Services", name: str) -> dict[str, str]:
    """Return what one service has in its environment besides what all have."""
    if name == RABBITMQ:
        return rabbitmq.environment(
            services.state.directory(RABBITMQ),
            distribution=services.ports["rabbitmq_distribution"],
            epmd=services.ports[EPMD],
        )
    return faketime.environment(services.settings.clock_offset(name))


def sign(services: "Services", name: str) -> process.Sign:
    """Return what says that a service serves."""
    if name == EPMD:
        return rabbitmq.Listens(services.ports[EPMD])
    if name == RABBITMQ:
        return rabbitmq.Serves(services.ports[RABBITMQ])
    return services.state.ready(name)


def karbor_settings(services: "Services") -> dict[str, str]:
    """Return what ``sandbox.karbor.config.write`` gets for a cluster."""
    return {"connection": _database(services, "karbor"), "transport": _transport(services)}


def manila_options(services: "Services") -> dict[str, Any]:
    """Return options of manila.conf: tables are in MariaDB, notifications go to RabbitMQ."""
    return {
        **manila_database(services),
        "oslo_messaging_notifications/transport_url": _transport(services),
    }


def manila_database(services: "Services") -> dict[str, Any]:
    """Return options of manila.conf: tables are in MariaDB."""
    url = _database(services, "manila")
    # It has one for readers in SQLite; here they are the same.
    return {"database/connection": url, "database/slave_connection": url}


def _database(services: "Services", name: str) -> str:
    return mariadb.url(name, services.state.passwords()[name], services.ports[MARIADB])


def _transport(services: "Services") -> str:
    return rabbitmq.url(services.ports[RABBITMQ], services.state.passwords()[RABBITMQ])


def _karbor(services: "Services", name: str, ready: Path) -> list[str]:
    """One of Karbor's services: what they have in common, and a file with what is its own."""
    shared = services.karbor_conf()
    own = files.write(services.state.directory(name) / "own.conf", files.ini(_own(services, name)))
    return [
        *(str(services.home.python("karbor")), "-P", "-m", "sandbox.cluster"),
        _BINARIES.get(name, "protection"),
        *("--config-file", str(shared), "--config-file", str(own)),
        *("--ready-file", str(ready)),
    ]


def _own(services: "Services", name: str) -> dict[str, dict[str, Any]]:
    directory = services.state.directory(name)
    own: dict[str, Any] = {"host": name, "state_path": directory}
    if name in WORKERS and services.settings.mortal_bank:
        # Each worker is told for itself when it dies.
        own["provider_config_dir"] = providers.write(
            directory / "providers.d",
            services.state.bank,
            options=services.settings.share_options,
            mortal=services.state.mortal / name,
        )
    return {"DEFAULT": own, "oslo_concurrency": {"lock_path": directory / "locks"}}
