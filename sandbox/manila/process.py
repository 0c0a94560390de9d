# SPDX-License-Identifier: Apache-2.0
"""Manila's services in one process: scheduler, data, share backends, API.

They talk over oslo.messaging's in-memory transport (``transport_url = fake://``), so they cannot
be told apart into several processes. oslo.service's launchers are not used: under its threading
backend they fork.
"""

import threading
import time

from cheroot import wsgi
from manila import service
from oslo_config import cfg
from oslo_log import log
from oslo_service import wsgi as oslo_wsgi

from sandbox import bus, serving
from sandbox.manila import following, patching

LOG = log.getLogger(__name__)
CONF = cfg.CONF

API_THREADS = 32
TASKS_SECONDS = 2
"""Between two runs of a service's periodic tasks; with one second they took 8 % of a core."""
STOP_SECONDS = 3.0
"""How long stopping may take before what is left is abandoned, as by a kill."""


class NotReady(Exception):
    """The scheduler has not heard of a backend in time."""


class Process:
    """All services; start once, stop once."""

    def __init__(self):
        self._services: list[service.Service] = []
        self._api: wsgi.Server | None = None

    def start(self, seconds: float = 60.0) -> None:
        """Start everything; when this returns, a share can be created.

        A backend that cannot be set up is retried by Manila for ever, and this does not return.

        :param seconds: how long to wait for the scheduler to hear of the backends
        :raises NotReady: it has not
        """
        bus.install()
        following.install()
        scheduler = self._start("manila-scheduler")
        self._start("manila-data")
        hosts = []
        for backend in CONF.enabled_share_backends:
            hosts.append(f"{CONF.host}@{backend}")
            self._start("manila-share", host=hosts[-1], service_name=backend)
        self._await_scheduler(scheduler, hosts, seconds)
        for one in self._services:
            # Otherwise the service list shows them down until their first heartbeat.
            one.report_state()
        self._start_api()

    def stop(self) -> bool:
        """Stop accepting work, then end; answer whether all of it ended in STOP_SECONDS.

        Calls of the driver that are still running are abandoned: their shares and snapshots keep
        a status such as ``creating``, as they do on any Manila that is stopped.
        """
        stopping = [
            threading.Thread(target=self._stop_service, args=(one,), daemon=True)
            for one in self._services
        ]
        if self._api:
            stopping.append(threading.Thread(target=self._api.stop, daemon=True))
        for thread in stopping:
            thread.start()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in stopping:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in stopping)

    def _start(self, binary: str, **kwargs) -> service.Service:
        # The interval is that of looking which tasks are due; each has its own. Manila's random
        # delay at the start would keep a backup from going on for up to a minute.
        one = service.Service.create(
            binary=binary,
            coordination=True,
            periodic_interval=TASKS_SECONDS,
            periodic_fuzzy_delay=0,
            **kwargs,
        )
        self._services.append(one)
        one.start()
        return one

    def _start_api(self) -> None:
        app = oslo_wsgi.Loader(CONF).load_app("osapi_share")
        if patching.EVENTLET:
            where = {"host": CONF.osapi_share_listen, "port": CONF.osapi_share_listen_port}
            self._api = oslo_wsgi.Server(CONF, "osapi_share", app, **where)
            self._api.start()
            return
        self._api = wsgi.Server(
            (str(CONF.osapi_share_listen), CONF.osapi_share_listen_port),
            app,
            numthreads=API_THREADS,
            request_queue_size=128,
            server_name="sandbox",
            timeout=serving.IDLE_SECONDS,
            shutdown_timeout=1,
        )
        self._api.prepare()
        threading.Thread(target=self._api.serve, name="api", daemon=True).start()

    @staticmethod
    def _await_scheduler(scheduler: service.Service, hosts: list[str], seconds: float) -> None:
        known = scheduler.manager.driver.host_manager.service_states
        deadline = time.monotonic() + seconds
        while not all(host in known for host in hosts):
            if time.monotonic() > deadline:
                raise NotReady(f"the scheduler knows {list(known)}, not all of {hosts}")
            time.sleep(0.02)

    @staticmethod
    def _stop_service(one: service.Service) -> None:
        one.stop()
        one.wait()
