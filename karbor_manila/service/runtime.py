# SPDX-License-Identifier: Apache-2.0
"""What one karbor-protection process holds from its start to its end."""

from collections.abc import Callable
from typing import Any

import eventlet
import futurist
from karbor.db.sqlalchemy import api as karbor_db
from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.database import schema
from karbor_manila.recovery.claims import Claims
from karbor_manila.recovery.loop import Reconciliation
from karbor_manila.service import (
    bank_options,
    bank_refusals,
    broker,
    driver_options,
    hook_options,
    shutdown,
)
from karbor_manila.service.choices import Choices
from karbor_manila.service.flows.worker import Worker
from karbor_manila.service.keep_thread import KeepThread
from karbor_manila.service.leases import Leases
from karbor_manila.service.leftovers import LeftoversThread
from karbor_manila.service.metrics_port import MetricsPort
from karbor_manila.service.missed_runs import MissedRunsThread
from karbor_manila.service.periodic_hooks import PeriodicHooksThreads
from karbor_manila.service.plan_copies import PlanCopies
from karbor_manila.service.reconciling import ReconciliationThread
from karbor_manila.service.retention.keep_run import KeepRun
from karbor_manila.service.watched import WatchThread
from karbor_manila.telemetry import metrics
from karbor_manila.telemetry.collector import Collector
from karbor_manila.telemetry.listening import Listening


class Runtime:
    """The providers, claims, leases, flows, reconciliation and listeners of this process.

    :param registry: Karbor's provider registry
    :param spawn: lets a function run in the background
    :raises cfg.Error: an option, of the service, of a provider's drivers or hooks, or of who
        listens to events, cannot be as it is; the service does not start
    """

    def __init__(self, registry: Any, spawn: Callable[..., Any]) -> None:
        self._registry = registry
        self.spawn = spawn
        self.settings = opts.register_service_opts(cfg.CONF)
        opts.check_lease(self.settings)
        broker.take_one_at_a_time(cfg.CONF)
        port = self.settings.metrics_port
        self.listening = Listening(cfg.CONF, opts.GROUP, also=[metrics.NAME] if port else [])
        bank_options.check(self.providers(), self.settings.lease_timeout)
        catalogues = driver_options.check(self.providers())
        hooks = hook_options.check(self.providers())
        self.choices = Choices(lambda: catalogues)
        #: Seconds for which Manila is asked while a requester waits for the answer.
        self.answer_timeout = float(self.settings.listing_timeout)
        self._types: Any = None
        self._is_started = False
        self.claims = Claims(self.settings.lease_timeout)
        self.worker = Worker(self.claims)
        self.leases = Leases(
            self.claims,
            self.providers,
            interval=self.settings.lease_interval,
            timeout=self.settings.lease_timeout,
        )
        self.metrics = MetricsPort(self.settings.metrics_address, port, self._shown)
        self.reconciliation = Reconciliation(
            self.providers,
            self.claims,
            grace=self.settings.lease_timeout,
            executor=lambda count: futurist.GreenThreadPoolExecutor(max_workers=count),
        )
        self.reconciling = ReconciliationThread(
            self.reconciliation, self.settings.reconcile_interval
        )
        self.keep_run = KeepRun(self.claims, self.reconciliation)
        self.keeping = KeepThread(
            self.providers, self.keep_run, interval=self.settings.reconcile_interval
        )
        self.worker.made = self.keeping.soon
        self.leftovers = LeftoversThread(
            self.providers,
            self.claims,
            interval=self.settings.gc_interval,
            grace=self.settings.gc_grace,
        )
        self.watched = WatchThread(
            self.providers,
            self.claims,
            folder=self.settings.watch_spool,
            notifications=self.settings.watch_notifications,
        )
        self.plans = PlanCopies(self.providers, interval=self.settings.plans_interval)
        self.periodic_hooks = PeriodicHooksThreads(self.providers, hooks, self.claims)
        self.missed_runs = MissedRunsThread(
            self.providers,
            interval=self.settings.reconcile_interval,
            timeout=self.answer_timeout or 1.0,
        )

    def start(self, cleanup: Callable[[], None] | None = None) -> None:
        """Begin to show in every bank that this process is alive, and to reconcile; once.

        :param cleanup: what a process that is ended by SIGTERM does at its end; without it such a
            process hands nothing over

        At a SIGHUP oslo.service starts Karbor's service again, in the same process and without
        having ended what runs beside it (oslo_service/service.py, Services.restart).

        :raises DatabaseUnreadable: our tables are not there as this release needs them; the service
            does not start
        """
        if self._is_started:
            return
        schema.ensure(karbor_db.get_engine())
        self._is_started = True
        self.listening.start()
        self.metrics.start()
        self.leases.start()
        self.reconciling.start()
        self.leftovers.start()
        self.periodic_hooks.start()
        self.watched.start()
        self.plans.start()
        self.missed_runs.start()
        self.keeping.start()
        if cleanup:
            shutdown.install(shutdown.Shutdown(self, cleanup, self.settings.shutdown_timeout))
        # Beside the pool of operations, of which it must take no place.
        self._types = eventlet.spawn(driver_options.warn_of_unknown_types, self.providers())

    def begin_nothing(self) -> None:
        """End what begins work by itself. What it has begun goes on, and so do the leases."""
        if self._types is not None:
            self._types.kill()
        self.missed_runs.stop()
        self.keeping.stop()
        self.periodic_hooks.stop()
        self.watched.stop()
        self.plans.stop()
        self.leftovers.stop()
        self.reconciling.stop()

    def stop(self) -> None:
        """End what :meth:`start` began, if it did."""
        self._is_started = False
        self.begin_nothing()
        self.leases.stop()
        self.metrics.stop()
        self.listening.stop()

    def _shown(self) -> Collector:
        """What the port for metrics shows."""
        return Collector(metrics.METRICS, held=self.claims.work, leases=self.leases.states)

    def providers(self) -> list[Any]:
        """Karbor's providers."""
        return list(self._registry.providers.values())

    def provider(self, provider_id: str) -> Any:
        """One of them.

        :raises karbor.exception.ProviderNotFound:
        """
        return self._registry.show_provider(provider_id)

    def provider_with_bank(self, provider_id: str) -> Any:
        """One of them, whose bank is there.

        :raises karbor.exception.ProviderNotFound:
        :raises karbor.exception.InvalidInput: its own bank is not there
        """
        provider = self.provider(provider_id)
        bank_refusals.require(provider)
        return provider
