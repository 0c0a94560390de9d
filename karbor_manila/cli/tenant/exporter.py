# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila exporter``: the numbers of ``report`` for Prometheus."""

import argparse
import contextlib
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from karbor_manila.cli import numbers
from karbor_manila.cli.errors import CannotListen, WrongUsage
from karbor_manila.cli.tenant import printed
from karbor_manila.cli.tenant.plain import PlainCommand

if TYPE_CHECKING:
    from karbor_manila.cli.tenant.api import Karbor
    from karbor_manila.cli.tenant.looking import Looking, Seen
    from karbor_manila.cli.views.audited import Found
    from karbor_manila.common.clock import Clock

PORT = 9753

# Seconds that somebody who has connected may say nothing.
_SILENT = 10.0


class Exporter(PlainCommand):
    """Show to Prometheus how well plans are protected, on http://127.0.0.1:9753/metrics.

    It looks at Karbor from time to time and serves what the last look has brought; no scrape asks
    Karbor, and nothing ever asks Manila. When Karbor does not answer, the numbers stay and say how
    old they are. It runs until it is ended; with --once it prints the numbers and ends.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The cloud's options, and ours."""
        parser = super().get_parser(prog_name)
        _add_serving(parser)
        _add_limits(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Serve until SIGTERM or Ctrl-C; or print once."""
        # Here and below: what takes long to load is loaded when it is needed.
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

        from karbor_manila.cli.tenant.exported import Collector  # noqa: PLC0415
        from karbor_manila.cli.tenant.looking import Looking  # noqa: PLC0415

        clock, karbor = self.time, self.karbor
        if parsed_args.all_projects:
            karbor = karbor.of_all_projects()
        if parsed_args.audit is not None:
            read_audit(parsed_args.audit)  # one that can never be read is said at once
        looking = Looking(lambda: look(karbor, clock, parsed_args), clock)
        registry = CollectorRegistry()
        registry.register(Collector(lambda: looking.known, parsed_args.plans))
        if parsed_args.once:
            if looking.look():
                return 1
            self.app.stdout.write(generate_latest(registry).decode())
            return 0
        serve(registry, parsed_args.listen, parsed_args.port)
        self.inform(f"Metrics are at http://{parsed_args.listen}:{parsed_args.port}/metrics")
        run(looking, parsed_args.interval)
        return 0


def look(karbor: "Karbor", clock: "Clock", given: argparse.Namespace) -> "Seen":
    """One look at Karbor, and at the file of the audit.

    :raises KarborManilaError: Karbor does not answer
    """
    from karbor_manila.cli.tenant.gathering import gather  # noqa: PLC0415
    from karbor_manila.cli.tenant.looking import Seen  # noqa: PLC0415
    from karbor_manila.cli.views.face import face  # noqa: PLC0415
    from karbor_manila.cli.views.listed import Limits  # noqa: PLC0415

    limits = Limits(
        max_age=given.max_age,
        stuck_after=given.stuck_after,
        drill_days=given.drill_days,
        days=given.days,
    )
    listed = gather(karbor, clock.utcnow(), days=given.days, all_projects=given.all_projects)
    audit, written, missing = None, None, listed.not_listed
    if given.audit is not None:
        try:
            audit, written = read_audit(given.audit)
        except WrongUsage as error:
            missing = (*missing, str(error))
    return Seen(face(listed, limits, audit), written, tuple(missing))


def read_audit(path: Path) -> tuple[list["Found"], datetime]:
    """What an audit printed, and when it was written (UTC).

    :raises WrongUsage: it cannot be read, or is something else
    """
    from karbor_manila.cli.views import audited  # noqa: PLC0415

    try:
        # Before it is read: what replaces it meanwhile is not said to be older than it is.
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise WrongUsage(f"{path} cannot be read: {error.strerror}.") from error
    return audited.read(printed.load(str(path))), written


def serve(registry: Any, address: str, port: int) -> int:
    """Serve in threads of prometheus_client's from now on.

    :returns: the port; another one than 0
    :raises CannotListen: the port cannot be had
    """
    from prometheus_client import start_http_server  # noqa: PLC0415

    try:
        server, _thread = start_http_server(port, address, registry)
        # Each who connects has a thread, for ever if he says nothing.
        server.RequestHandlerClass = _patient(server.RequestHandlerClass)
    except OSError as error:
        raise CannotListen(address, port, error.strerror or str(error)) from error
    return int(server.server_port)


def _patient(handler: Any) -> Any:
    """A class of socketserver's that ends with who says nothing, without a word on it."""

    def handle(self: Any) -> None:
        with contextlib.suppress(TimeoutError):
            handler.handle(self)

    return type("Handler", (handler,), {"timeout": _SILENT, "handle": handle})


def run(looking: "Looking", interval: float) -> None:
    """Look until SIGTERM or Ctrl-C, which end a look that waits for Karbor, too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        looking.run(interval, threading.Event().wait)
    except KeyboardInterrupt:
        return


def _add_serving(parser: argparse.ArgumentParser) -> None:
    """Where, and how often."""
    parser.add_argument(
        "--listen",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="the address to serve on (default: 127.0.0.1). Nobody is asked for credentials there, "
        "and names of plans are shown.",
    )
    parser.add_argument(
        "--port", type=numbers.whole(1, 65535), default=PORT, help=f"the port (default: {PORT})."
    )
    parser.add_argument(
        "--interval",
        type=numbers.fraction(10),
        default=300.0,
        metavar="SECONDS",
        help="seconds between two looks at Karbor (default: 300).",
    )
    parser.add_argument(
        "--once", action="store_true", help="print the numbers and end; serve nobody."
    )
    parser.add_argument(
        "--all-projects",
        action="store_true",
        help="of all projects, as an administrator; by default of one's own.",
    )
    parser.add_argument(
        "--audit",
        type=Path,
        metavar="FILE",
        help="into which 'karbor-manila audit -f json --output FILE' puts orphans and lost "
        "snapshots.",
    )
    parser.add_argument(
        "--plans",
        type=numbers.whole(0),
        default=1000,
        metavar="NUMBER",
        help="plans that have metrics of their own at most, the worst first (default: 1000).",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    """What counts as not well."""
    parser.add_argument(
        "--max-age",
        type=numbers.fraction(),
        metavar="HOURS",
        help="how old the newest good checkpoint of a plan may get; by default what its schedules "
        "promise.",
    )
    parser.add_argument(
        "--stuck-after",
        type=numbers.fraction(),
        default=24.0,
        metavar="HOURS",
        help="what is worked on for longer counts as stuck (default: 24).",
    )
    parser.add_argument(
        "--drill-days",
        type=numbers.fraction(),
        default=30.0,
        metavar="DAYS",
        help="days within which each share should have had a good drill (default: 30).",
    )
    parser.add_argument(
        "--days",
        type=numbers.whole(1, 3660),
        default=30,
        metavar="DAYS",
        help="how far back runs are counted (default: 30).",
    )
