# SPDX-License-Identifier: Apache-2.0
"""The names of the cluster's services, and what each needs before it starts."""

ONE = "one"
"""Karbor in one process, on SQLite and without a broker."""
CLUSTER = "cluster"
LAYOUTS = (ONE, CLUSTER)
MOST_WORKERS = 9

MARIADB = "mariadb"
EPMD = "epmd"
"""Tells Erlang's processes each other's ports: RabbitMQ does not start without."""
RABBITMQ = "rabbitmq"
INFRASTRUCTURE = (MARIADB, EPMD, RABBITMQ)
API = "karbor-api"
ENGINE = "karbor-operationengine"
WORKERS = tuple(f"worker{number}" for number in range(1, MOST_WORKERS + 1))
"""karbor-protection, each as if on a host of its own, which has the same name."""
KARBOR = (API, ENGINE, *WORKERS)
AFTER = {
    "manila": (MARIADB,),
    RABBITMQ: (EPMD,),
    # It makes Karbor's tables.
    API: ("keystone", MARIADB, RABBITMQ),
    ENGINE: (API,),
    **dict.fromkeys(WORKERS, (API,)),
}
"""Which services have to serve before one of these is started."""


def worker(number: int) -> str:
    """Return the name of the service that is worker 1, 2 and so on."""
    return WORKERS[number - 1]
