# SPDX-License-Identifier: Apache-2.0
"""Which hooks a provider has, by what its file names, with the options that they have there."""

import functools
import inspect
from collections.abc import Iterable
from typing import Any

import stevedore
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import importutils

from karbor_manila.hooks.base import CHECKPOINT, POINTS, SHARE, Hook
from karbor_manila.hooks.errors import HookUnusable
from karbor_manila.hooks.options import HOOK_OPTS

LOG = logging.getLogger(__name__)

#: Entry points of installed hooks: classes that are a :class:`~.base.Hook`.
NAMESPACE = "karbor_manila.hooks"

#: Where the options of hooks stand, in the provider's file.
GROUP = "manila_share_protection"


def names() -> list[str]:
    """The names of the installed hooks; none is loaded for that."""
    installed: Any = stevedore.NamedExtensionManager(NAMESPACE, names=[])
    return sorted(set(installed.entry_points_names()))


@functools.cache
def load(name: str) -> type[Hook]:
    """The class of a hook.

    :param name: that of an entry point, ``module:Class`` or ``module.Class``
    :raises HookUnusable: there is none, it cannot be imported, or it is no hook
    """
    try:
        found = _find(name)
    except HookUnusable:
        raise
    except (Exception, SystemExit) as error:  # whatever another package raises at its import
        LOG.exception("Hook %s", name)
        raise HookUnusable(name, f"it cannot be loaded ({error!r}).") from error
    if not (inspect.isclass(found) and issubclass(found, Hook)):
        raise HookUnusable(name, f"{found!r} is no karbor_manila.hooks.base.Hook.")
    hook: type[Hook] = found
    return hook


def _find(name: str) -> Any:
    known = names()
    if name in known:
        return stevedore.DriverManager(NAMESPACE, name).driver
    dotted = name.replace(":", ".", 1)
    if "." not in dotted:
        raise HookUnusable(name, f"no hook of this name is installed; there are {known}.")
    return importutils.import_class(dotted)


def register_options(conf: cfg.ConfigOpts, hooks: Iterable[type[Hook]]) -> Any:
    """Register what all hooks have in common, and the own options of these; their group."""
    conf.register_opts(HOOK_OPTS, GROUP)
    for hook in hooks:
        conf.register_opts(list(hook.options), GROUP)
    return conf[GROUP]


def make(conf: cfg.ConfigOpts) -> tuple[Hook, ...]:
    """The hooks of a provider, in the order of ``hook_drivers``.

    :param conf: the ConfigOpts of the provider's file
    :raises HookUnusable: one cannot be loaded, or not be made
    :raises cfg.Error: options of two hooks have one name
    """
    settings = register_options(conf, ())
    classes = {name: load(name) for name in settings.hook_drivers}
    settings = register_options(conf, classes.values())
    return tuple(_make(name, hook, settings) for name, hook in classes.items())


def make_one(conf: cfg.ConfigOpts, name: str) -> Hook:
    """One of the hooks of a provider, whatever becomes of the others.

    :raises HookUnusable: it cannot be loaded, or not be made
    :raises cfg.Error: its options and those of another hook have one name
    """
    hook = load(name)
    return _make(name, hook, register_options(conf, [hook]))


def _make(name: str, hook: type[Hook], settings: Any) -> Hook:
    try:
        return hook(name=name, options=settings)
    except Exception as error:  # whatever another package raises
        LOG.exception("Hook %s", name)
        raise HookUnusable(name, f"it could not be made ({error}).") from error


def check(conf: cfg.ConfigOpts) -> tuple[Hook, ...]:
    """The hooks of a provider, which can work with the options that they have.

    :param conf: the ConfigOpts of the provider's file
    :raises HookUnusable, cfg.Error: one cannot; the service does not start
    """
    made = make(conf)
    settings = conf[GROUP]
    named = list(settings.hook_drivers)
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise cfg.Error(f"[{GROUP}] hook_drivers names {', '.join(twice)} twice")
    for hook in made:
        check_one(conf, hook)
    return made


def check_one(conf: cfg.ConfigOpts, hook: Hook) -> None:
    """Whether a hook of a provider can work with the options that it has; raises as :func:`check`,
    and what its own check raises."""
    if hook.scope not in (SHARE, CHECKPOINT):
        raise HookUnusable(hook.name, f"its scope is {hook.scope!r}.")
    if unknown := sorted(hook.points - POINTS.keys()):
        raise HookUnusable(hook.name, f"there are no points {', '.join(unknown)}.")
    hook.check()
    settings = conf[GROUP]
    if hook.needs_post and settings.enable_pre_hooks and not settings.enable_post_hooks:
        raise cfg.Error(
            f"[{GROUP}] enable_pre_hooks is on and enable_post_hooks is off, but the hook "
            f"{hook.name!r} undoes in its post what it does in its pre. Turn on both."
        )


def options_of_all() -> list[cfg.Opt]:
    """The own options of all installed hooks that can be loaded; for the sample."""
    listed: list[cfg.Opt] = []
    for name in names():
        try:
            listed += load(name).options
        except HookUnusable as error:
            LOG.warning("Its options are not listed: %s", error)
    return listed
