# SPDX-License-Identifier: Apache-2.0
"""What the providers' files say of drivers and share types, checked when the service starts."""

from collections.abc import Iterable
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila import opts
from karbor_manila.drivers import catalogue
from karbor_manila.drivers.errors import DriverUnknown, DriverUnsuitable
from karbor_manila.manila.client import EVERY_PROJECT, Manila
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.service import sessions

LOG = logging.getLogger(__name__)

#: Seconds for one answer while the service starts: nothing waits for it, and nothing needs it.
_ANSWER = 10.0


def of_provider(provider: Any) -> tuple[cfg.ConfigOpts, Any]:
    """A provider's file and its options of ours (opts.PROVIDER_OPTS) in it.

    Karbor gives the file to every plugin of the provider, and to nothing else
    (karbor/services/protection/provider.py, PluggableProtectionProvider).
    """
    conf = provider._config
    return conf, opts.register_provider_opts(conf)


def check(providers: Iterable[Any]) -> None:
    """Whether the drivers that the providers' files name can be used, with the options that they
    have there.

    Karbor makes a provider's plugins for each flow, and none when it starts: without this, the
    first operation would fail.

    :raises cfg.Error: one cannot; the service does not start
    """
    for provider in providers:
        if not protects_shares(provider):
            continue
        try:
            catalogue.of_provider(*of_provider(provider))
        except (DriverUnknown, DriverUnsuitable, cfg.Error) as error:
            raise cfg.Error(f"Provider {provider.name} ({provider.id}): {error}") from error


def known_types(manila: Manila) -> set[str]:
    """The names of all share types."""
    return {str(view["name"]) for view in manila.share_types()}


def warn_of_unknown_types(providers: Iterable[Any]) -> None:
    """Log which share types in the providers' files Manila does not have: no share is of them.

    That Manila does not answer is no reason for anything: it may be there later than Karbor. It is
    not asked when no file names a type.
    """
    named = [
        (provider, share_type, driver)
        for provider in providers
        if protects_shares(provider)
        for share_type, driver in of_provider(provider)[1].share_type_drivers.items()
    ]
    if not named:
        return
    try:
        manila = sessions.connect_as_karbor(EVERY_PROJECT, timeout=_ANSWER, parallel=1)
        known = known_types(manila)
    except Exception as error:  # noqa: BLE001 - of Keystone or Manila; nothing depends on this
        LOG.info("The share types in share_type_drivers are not checked: %s", error)
        return
    for provider, share_type, driver in named:
        if share_type not in known:
            LOG.warning(
                "Provider %s (%s): share_type_drivers = %s:%s: Manila has no share type %r. Check "
                "its spelling, or take it out.",
                *(provider.name, provider.id, share_type, driver, share_type),
            )
