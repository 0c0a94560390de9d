# SPDX-License-Identifier: Apache-2.0
"""What the providers' files say of drivers and share types, checked when the service starts."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila import opts
from karbor_manila.drivers import catalogue
from karbor_manila.drivers.catalogue import Catalogue
from karbor_manila.drivers.errors import DriverOrderInvalid, DriverUnknown, DriverUnsuitable
from karbor_manila.drivers.order import Order, text
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


def catalogue_of(provider: Any) -> Catalogue:
    """Which drivers a provider uses; raises as :func:`.catalogue.of_provider`."""
    return catalogue.of_provider(*of_provider(provider))


def check(providers: Iterable[Any]) -> list[Catalogue]:
    """Whether the drivers that the providers' files name can be used, with the options that they
    have there.

    Karbor makes a provider's plugins for each flow, and none when it starts: without this, the
    first operation would fail.

    :returns: the catalogues of the providers of ours
    :raises cfg.Error: one cannot; the service does not start
    """
    found = []
    for provider in providers:
        if not protects_shares(provider):
            continue
        try:
            found.append(catalogue_of(provider))
        except (DriverOrderInvalid, DriverUnknown, DriverUnsuitable, cfg.Error) as error:
            raise cfg.Error(f"Provider {provider.name} ({provider.id}): {error}") from error
    return found


def known_types(manila: Manila) -> dict[str, str]:
    """The names of all share types, private ones too, by their ids."""
    return {str(view["id"]): str(view["name"]) for view in manila.share_types()}


def warn_of_unknown_types(providers: Iterable[Any]) -> None:
    """Log which share types in the providers' files Manila does not have: no share is of them; and
    which stand there twice, by their id and by their name.

    That Manila does not answer is no reason for anything: it may be there later than Karbor. It is
    not asked when no file names a type.
    """
    named = [
        (provider, by_type)
        for provider in providers
        if protects_shares(provider) and (by_type := catalogue_of(provider).orders.by_type)
    ]
    if not named:
        return
    try:
        manila = sessions.connect_as_karbor(EVERY_PROJECT, timeout=_ANSWER, parallel=1)
        known = known_types(manila)
    except Exception as error:  # noqa: BLE001 - of Keystone or Manila; nothing depends on this
        LOG.info("The share types in share_type_drivers are not checked: %s", error)
        return
    for provider, by_type in named:
        for said in _wrong_types(by_type, known):
            LOG.warning("Provider %s (%s): %s", provider.name, provider.id, said)


def _wrong_types(by_type: Mapping[str, Order], known: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the keys of ``share_type_drivers``, a sentence each."""
    ids = {name: type_id for type_id, name in known.items()}
    for key, order in by_type.items():
        option = f"share_type_drivers = {key}:{text(order)}"
        if key not in known and key not in ids:
            yield (
                f"{option}: Manila has no share type {key!r}. Check its spelling, or take it out."
            )
        elif ids.get(key) in by_type:
            yield (
                f"{option}: the same share type stands there by its id {ids[key]}, and that "
                f"counts. Take one of them out."
            )
