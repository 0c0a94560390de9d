# SPDX-License-Identifier: Apache-2.0
"""The hook ``webhook``: one signed POST for each call. It never fails work."""

import collections
import functools
import hashlib
import hmac
import math
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
from oslo_config import cfg
from oslo_log import log as logging
from oslo_serialization import jsonutils

from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.float_opt import FloatOpt
from karbor_manila.common.retry import retry
from karbor_manila.hooks import deadline, payload
from karbor_manila.hooks.base import CHECKPOINT, POINTS, SHARE, Call, Environment, Hook, Outcome
from karbor_manila.hooks.errors import WebhookRefused, WebhookTransient

LOG = logging.getLogger(__name__)

ID_HEADER = "X-Karbor-Manila-Id"
TIMESTAMP_HEADER = "X-Karbor-Manila-Timestamp"
SIGNATURE_HEADER = "X-Karbor-Manila-Signature"

# Of HTTP, besides 5xx: the same request may be answered otherwise.
_TRANSIENT = frozenset({408, 425, 429})

_OPTIONS: tuple[cfg.Opt, ...] = (
    cfg.StrOpt(
        "webhook_url",
        default="",
        secret=True,
        help="Where the hook 'webhook' sends its POST: an http or https URL. Logs have its host "
        "alone.",
    ),
    cfg.StrOpt(
        "webhook_secret_file",
        default="",
        help="A file with the secret by which each POST is signed (HMAC-SHA256); white space "
        "around it does not count. Read for each POST, so that it can be changed at any time.",
    ),
    cfg.StrOpt(
        "webhook_secret",
        default="",
        secret=True,
        help="The secret itself, for who has no file for it. With neither of them nothing is "
        "signed.",
    ),
    cfg.BoolOpt(
        "webhook_verify",
        default=True,
        help="Whether the certificate of an https URL is verified.",
    ),
    cfg.StrOpt(
        "webhook_ca_file",
        default="",
        help="The CA certificates to verify it with; by default those that requests brings along.",
    ),
    FloatOpt(
        "webhook_timeout",
        default=10.0,
        min=0.1,
        max=3600.0,
        help="Seconds that all attempts at one POST may take together, and no more than "
        "hook_timeout: so long an operation waits for a receiver that is away.",
    ),
    cfg.StrOpt(
        "webhook_scope",
        default=SHARE,
        choices=[
            (SHARE, "one for each share"),
            (CHECKPOINT, "one for all shares of a checkpoint that are worked on together"),
        ],
        help="How many POSTs there are.",
    ),
    cfg.ListOpt(
        "webhook_points",
        default=sorted(POINTS),
        item_type=cfg.types.String(choices=sorted(POINTS)),
        help="Around which calls they are sent.",
    ),
    cfg.ListOpt(
        "webhook_phases",
        default=["post"],
        item_type=cfg.types.String(choices=list(payload.PHASES)),
        help="When they are sent: pre, post, periodic.",
    ),
)

# Starts the thread of a POST; a test has its own.
_spawn: deadline.Spawn = deadline.spawn

#: How many POSTs were given up in this process, by the reason.
given_up: collections.Counter[str] = collections.Counter()


@dataclass(frozen=True)
class _Delivery:
    """One POST, whose ``id`` all its attempts have."""

    url: str = field(repr=False)  # may be a secret itself
    body: bytes
    id: str
    secret: bytes = field(repr=False)
    verify: bool | str


class WebhookHook(Hook):
    """Tells a service of the operator's over HTTP what is done."""

    options: ClassVar[Collection[cfg.Opt]] = _OPTIONS

    @property
    def points(self) -> frozenset[str]:
        """As configured."""
        return frozenset(self.options_here.webhook_points)

    @property
    def scope(self) -> str:
        """As configured."""
        return str(self.options_here.webhook_scope)

    def check(self) -> None:
        """Whether there is a URL, and the files can be read."""
        options = self.options_here
        if not _is_url(options.webhook_url):
            raise cfg.Error("webhook_url must be an http or https URL")
        if options.webhook_secret and options.webhook_secret_file:
            raise cfg.Error("webhook_secret and webhook_secret_file are both set. Take one out.")
        if options.webhook_ca_file and not options.webhook_verify:
            raise cfg.Error("webhook_ca_file is set, and webhook_verify is off. Take one out.")
        for name in ("webhook_secret_file", "webhook_ca_file"):
            path = options[name]
            try:
                empty = bool(path) and not Path(path).read_bytes().strip()
            except OSError as error:
                raise cfg.Error(f"{name} = {path} cannot be read: {error.strerror}") from error
            if empty:
                raise cfg.Error(f"{name} = {path} is empty")

    def pre(self, *, call: Call) -> Mapping[str, Any] | None:
        """Tell that it begins."""
        self._tell_of(payload.PRE, call)
        return None

    def post(
        self, *, call: Call, data: Mapping[str, Any] | None, outcome: Outcome
    ) -> Mapping[str, Any] | None:
        """Tell how it ended."""
        self._tell_of(payload.POST, call, outcome)
        return None

    def periodic(self, *, data: Sequence[Mapping[str, Any]], environment: Environment) -> None:
        """Tell what the drivers tell."""
        self._tell(payload.PERIODIC, payload.periodic(self.name, data), environment.clock)

    def _tell_of(self, phase: str, call: Call, outcome: Outcome | None = None) -> None:
        told = payload.describe(self.name, phase, call, call.shares, outcome)
        self._tell(phase, told, call.environment.clock)

    def _tell(self, phase: str, told: Mapping[str, Any], clock: Clock) -> None:
        options = self.options_here
        if phase not in options.webhook_phases:
            return
        timeout = min(options.webhook_timeout, 0.9 * options.hook_timeout)
        about = f"{told.get('point', phase)}, checkpoint {told.get('checkpoint_id', '-')}"
        try:
            # The timeouts of requests are those of single packets, and a receiver may trickle.
            sending = functools.partial(send, self._delivery(told), timeout, clock)
            deadline.call(sending, 1.05 * timeout, clock=clock, spawn=_spawn)
        except Exception as error:  # noqa: BLE001 - whatever it is, no work fails for a webhook
            # Of an error that is not ours only the kind: its text may have the URL.
            why = error if isinstance(error, KarborManilaError) else type(error).__name__
            given_up[type(error).__name__] += 1
            LOG.error("Webhook of the %s of %s was given up: %s", phase, about, why)

    def _delivery(self, told: Mapping[str, Any]) -> _Delivery:
        options = self.options_here
        secret = options.webhook_secret.encode()
        if options.webhook_secret_file:
            secret = Path(options.webhook_secret_file).read_bytes().strip()
        return _Delivery(
            url=options.webhook_url,
            body=jsonutils.dump_as_bytes(told, sort_keys=True),
            id=str(uuid.uuid4()),
            secret=secret,
            verify=(options.webhook_ca_file or True) if options.webhook_verify else False,
        )


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """The signature of a POST: the time is signed along, so that an old one can be told from it."""
    signed = f"{timestamp}.".encode() + body
    return "sha256=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()


def send(delivery: _Delivery, timeout: float, clock: Clock) -> None:
    """Send one POST, again after a transient error.

    :param timeout: seconds, for all attempts
    :raises WebhookRefused: the receiver, or the way to it, said no
    :raises WebhookTransient: what went wrong at last, when the time was over
    """
    began = clock.now()

    def attempt() -> None:
        left = timeout - (clock.now() - began)
        _post(delivery, max(0.1, left), str(math.floor(clock.utcnow().timestamp())))

    retry(attempt, timeout=timeout, attempt_takes=timeout, clock=clock)


def _post(delivery: _Delivery, timeout: float, timestamp: str) -> None:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "karbor-manila",
        ID_HEADER: delivery.id,
        TIMESTAMP_HEADER: timestamp,
    }
    if delivery.secret:
        headers[SIGNATURE_HEADER] = sign(delivery.secret, timestamp, delivery.body)
    host = _host(delivery.url)
    with requests.Session() as session:
        # Neither a proxy nor a .netrc of the service's environment has to do with it.
        session.trust_env = False
        try:
            reply = session.post(
                delivery.url,
                data=delivery.body,
                headers=headers,
                timeout=timeout,
                verify=delivery.verify,
                allow_redirects=False,  # the signature is for this host
                stream=True,  # what it says besides its status nobody needs
            )
        except (requests.exceptions.SSLError, requests.exceptions.InvalidURL) as error:
            # Only the kind: the text has the URL, and that may be a secret.
            raise WebhookRefused(host, type(error).__name__) from None
        except requests.RequestException as error:
            raise WebhookTransient(host, type(error).__name__) from None
        status = reply.status_code
        reply.close()
    if status in _TRANSIENT or status >= 500:
        raise WebhookTransient(host, f"HTTP {status}")
    if not 200 <= status < 300:
        raise WebhookRefused(host, f"HTTP {status}")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        return False


def _host(url: str) -> str:
    return urlsplit(url).hostname or "?"
