# SPDX-License-Identifier: Apache-2.0
"""What the providers' files say of hooks, checked when the service starts."""

from collections.abc import Iterable, Mapping
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.hooks import catalogue
from karbor_manila.hooks.base import Hook
from karbor_manila.hooks.options import HOOK_OPTS
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.service import driver_options

LOG = logging.getLogger(__name__)


def check(providers: Iterable[Any]) -> Mapping[str, tuple[Hook, ...]]:
    """Whether the hooks that the providers' files name can be called, with the options that they
    have there.

    :returns: the hooks of each provider of ours that has any, by its id
    :raises cfg.Error: one cannot; the service does not start
    """
    found = {}
    for provider in providers:
        if not protects_shares(provider):
            continue
        conf, settings = driver_options.of_provider(provider)
        if not settings.hook_drivers:
            continue
        try:
            made = found[provider.id] = catalogue.check(conf)
            for option in (*HOOK_OPTS, *(each for hook in made for each in hook.options)):
                _ = settings[option.dest]  # oslo.config looks at a value when it is asked for
        except (KarborManilaError, cfg.Error) as error:
            raise cfg.Error(f"Provider {provider.name} ({provider.id}): {error}") from error
        except Exception as error:  # whatever another package's check() raises
            LOG.exception("Hooks of provider %s", provider.id)
            raise cfg.Error(
                f"Provider {provider.name} ({provider.id}): hook_drivers = "
                f"{','.join(settings.hook_drivers)}: the check of one ended in an unexpected error "
                f"({error}); the log has the rest"
            ) from error
    return found
