# SPDX-License-Identifier: Apache-2.0
"""Which driver for which share: the installed drivers, by what the provider's file says of them."""

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import stevedore
from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.common.left_out import BROKEN, GONE, NOT_SUPPORTED
from karbor_manila.drivers.abilities import ABILITIES
from karbor_manila.drivers.base import BASIC, Driver, Environment
from karbor_manila.drivers.errors import DriverUnknown, DriverUnsuitable, NoDriverCan
from karbor_manila.drivers.order import Orders
from karbor_manila.manila import eligibility
from karbor_manila.manila.errors import ShareNotProtectable

LOG = logging.getLogger(__name__)

#: Entry points of installed drivers: classes that are a :class:`~.base.Driver`.
NAMESPACE = "karbor_manila.drivers"

GROUP_PREFIX = "karbor_manila_driver_"

_FOR_TESTS = frozenset({"faulty"})


def names() -> list[str]:
    """The names of the installed drivers; none is loaded for that."""
    installed: Any = stevedore.NamedExtensionManager(NAMESPACE, names=[])
    return sorted(set(installed.entry_points_names()))


def is_for_tests(name: str) -> bool:
    """Whether this driver of ours is there for tests alone."""
    return name in _FOR_TESTS


@functools.cache
def load(name: str) -> type[Driver]:
    """The class of an installed driver.

    :raises DriverUnknown: none of this name is installed
    :raises DriverUnsuitable: it cannot be loaded, is no Driver, or is not what it claims to be
    """
    known = names()
    if name not in known:
        raise DriverUnknown(name, known)
    try:
        found: Any = stevedore.DriverManager(NAMESPACE, name).driver
    except Exception as error:  # whatever another package raises when it is imported
        LOG.exception("Share driver %s", name)
        raise DriverUnsuitable(name, f"it could not be loaded: {error}") from error
    why = "; ".join(_faults(name, found))
    if why:
        raise DriverUnsuitable(name, why)
    driver: type[Driver] = found
    return driver


def _faults(name: str, found: Any) -> list[str]:
    """In what a class breaks the contract, some words each."""
    if not (inspect.isclass(found) and issubclass(found, Driver)):
        return [f"{found!r} is no karbor_manila.drivers.base.Driver"]
    faults = []
    if getattr(found, "name", None) != name:
        faults.append(f"its class has the name {getattr(found, 'name', None)!r}")
    if missing := sorted(getattr(found, "__abstractmethods__", ())):
        faults.append(f"it lacks {', '.join(missing)}")
    claims = frozenset(found.capabilities)
    if lacking := sorted(BASIC - claims):
        faults.append(f"its capabilities lack {', '.join(lacking)}")
    for capability in sorted(claims - BASIC):
        if capability not in ABILITIES:
            faults.append(f"it claims {capability!r}, which this release does not know")
        elif not issubclass(found, ABILITIES[capability]):
            faults.append(
                f"it claims {capability!r} without being {ABILITIES[capability].__name__}"
            )
    for capability, kind in ABILITIES.items():
        if issubclass(found, kind) and capability not in claims:
            faults.append(f"it is {kind.__name__} without claiming {capability!r}")
    return faults


def objection(share: Mapping[str, Any]) -> ShareNotProtectable | None:
    """Why no installed driver could protect this share (a view); for who knows of no provider. A
    driver that cannot be loaded protects none, and one for tests is not asked."""
    usable_here = []
    for name in names():
        try:
            if not is_for_tests(name):
                load(name)
                usable_here.append(name)
        except DriverUnsuitable as error:
            LOG.debug("Share %s: %s", share["id"], error)
    return _refusal(usable_here, share) if usable_here else eligibility.objection(dict(share))


def first_that_can(
    order: Iterable[str],
    share: Mapping[str, Any],
    project_id: str | None = None,
    of_name: Callable[[str], type[Driver]] | None = None,
) -> tuple[str | None, dict[str, ShareNotProtectable]]:
    """The first driver of an order that could protect a share, by the share's view alone.

    :param share: its view
    :param project_id: whose it must be; None for any
    :param of_name: gives the class of a driver; by default :func:`load`
    :returns: its name, None if none could; and what those before it have against the share
    """
    objections: dict[str, ShareNotProtectable] = {}
    for name in order:
        objected = _objection_of((of_name or load)(name), share, project_id)
        if objected is None:
            return name, objections
        objections[name] = objected
    return None, objections


def _objection_of(
    driver: type[Driver], share: Mapping[str, Any], project_id: str | None
) -> ShareNotProtectable | None:
    try:
        return driver.objection(dict(share), project_id)
    except Exception as error:  # whatever another package raises: other drivers, other shares go on
        LOG.exception("Driver %s, share %s", driver.name, share["id"])
        why = f"the driver {driver.name!r} failed over it ({type(error).__name__})"
        return ShareNotProtectable(str(share["id"]), why, "Karbor's log has the rest.", kind=BROKEN)


def _refusal(
    order: Collection[str],
    share: Mapping[str, Any],
    project_id: str | None = None,
    of_name: Callable[[str], type[Driver]] | None = None,
) -> ShareNotProtectable | None:
    """One error of what all of an order have against a share; None when one of them can."""
    name, objections = first_that_can(order, share, project_id, of_name)
    if name:
        return None
    found = list(objections.values())
    said = {each: error.why for each, error in objections.items()}
    if len(set(said.values())) == 1:
        return found[0]
    # What can be mended makes a checkpoint partial, whatever the other drivers say.
    kinds = [error.kind for error in found]
    worst = next((kind for kind in (BROKEN, GONE, NOT_SUPPORTED) if kind in kinds), kinds[0])
    return NoDriverCan(str(share["id"]), said, kind=worst)


class Catalogue:
    """The drivers that one provider uses. It outlives a flow; loading is all that it costs.

    :param by_type: the option ``share_type_drivers``
    :param default: the option ``default_driver``
    :param options: gives the values of a driver's own options
    :raises DriverOrderInvalid: one of the options cannot be read
    """

    def __init__(
        self,
        by_type: Mapping[str, str],
        default: str,
        options: Callable[[type[Driver]], Any] | None = None,
    ) -> None:
        self.orders = Orders.of(by_type, default)
        self._options = options or default_options
        self._classes: dict[str, type[Driver]] = {}

    def choose(
        self, share: Mapping[str, Any], project_id: str | None = None
    ) -> tuple[str | None, dict[str, ShareNotProtectable]]:
        """As :func:`first_that_can`, of the drivers for the type of the share."""
        return first_that_can(self.orders.of_share(share), share, project_id, self.driver_class)

    def name_for(self, share: Mapping[str, Any]) -> str:
        """The name of the driver that protects this share (a view): of those for its type the first
        that can. When none can, the preferred one, whose preflight refuses it."""
        order = self.orders.of_share(share)
        return order[0] if len(order) == 1 else self.choose(share)[0] or order[0]

    def configured(self) -> list[str]:
        """The drivers that protect shares now; records may name others."""
        return self.orders.every()

    def objection(
        self, share: Mapping[str, Any], project_id: str | None = None, chosen: str | None = None
    ) -> ShareNotProtectable | None:
        """Why none of its drivers could protect this share (a view), without a connection.

        :param project_id: whose it must be; None for any
        :param chosen: the driver that has it already: no other one is asked then
        """
        order = (chosen,) if chosen else self.orders.of_share(share)
        return _refusal(order, share, project_id, self.driver_class)

    def driver_class(self, name: str) -> type[Driver]:
        """The class of a driver, with the options that it has here.

        :raises DriverUnknown, DriverUnsuitable: there is none that can be used
        """
        if name not in self._classes:
            driver = load(name)
            self._classes[name] = driver.made_for(self._options(driver))
        return self._classes[name]

    def make(self, name: str, environment: Callable[[Any], Environment]) -> Driver:
        """A driver for one flow.

        :param environment: makes the driver's environment from the values of its own options
        :raises DriverUnknown, DriverUnsuitable: there is none that can be used
        """
        driver = self.driver_class(name)
        return driver(environment(self._options(driver)))


def of_provider(conf: cfg.ConfigOpts, settings: Any) -> Catalogue:
    """The catalogue of one provider, which is known to work.

    :param conf: the ConfigOpts of the provider's file, on which the drivers' options are registered
    :param settings: the provider's own options (opts.PROVIDER_OPTS)
    :raises DriverOrderInvalid: an option is no order of drivers
    :raises DriverUnknown, DriverUnsuitable: an option names what cannot be used; it is in the error
    :raises cfg.ConfigFileValueError: a driver's own option has a value that it does not take
    """
    catalogue = Catalogue(
        settings.share_type_drivers,
        settings.default_driver,
        lambda driver: register_options(conf, driver),
    )
    for option, name in catalogue.orders.named():
        usable(conf, name, option)
    return catalogue


def usable(conf: cfg.ConfigOpts, name: str, option: str = "") -> type[Driver]:
    """The class of an installed driver, whose own options have values that it takes.

    :param conf: the ConfigOpts of the provider's file
    :param option: what names the driver there, for the error
    :raises: as :func:`of_provider`
    """
    try:
        driver = load(name)
        _check_options(conf, driver)
        made = driver.made_for(register_options(conf, driver))
        _check_options(conf, made)
    except DriverUnknown as error:
        raise DriverUnknown(error.name, error.known, error.option or option) from error
    except DriverUnsuitable as error:
        raise DriverUnsuitable(error.name, error.why, error.option or option) from error
    return made


def _check_options(conf: cfg.ConfigOpts, driver: type[Driver]) -> None:
    group = register_options(conf, driver)
    for own in driver.options:
        try:
            group[own.dest]  # a value that is refused is refused now
        except ValueError as error:
            where = f"[{GROUP_PREFIX}{driver.name}] {own.name}"
            raise cfg.ConfigFileValueError(f"{where}: {error}") from error


def options_of_all() -> list[tuple[str, list[cfg.Opt]]]:
    """The options of all installed drivers that can be loaded, by group; for the sample. Those that
    tests use alone are not in it."""
    listed = []
    for name in names():
        try:
            driver = load(name)
        except DriverUnsuitable as error:
            LOG.warning("Its options are not listed: %s", error)
            continue
        if driver.options and not is_for_tests(name):
            listed.append((GROUP_PREFIX + name, list(driver.options)))
    return listed


def default_options(driver: type[Driver]) -> cfg.ConfigOpts.GroupAttr:
    """The defaults of a driver's own options."""
    return register_options(cfg.ConfigOpts(), driver)


def register_options(conf: cfg.ConfigOpts, driver: type[Driver]) -> cfg.ConfigOpts.GroupAttr:
    """Register a driver's own options on the ConfigOpts of a provider's file; their group."""
    group = GROUP_PREFIX + driver.name
    conf.register_group(cfg.OptGroup(group))
    conf.register_opts(list(driver.options), group)
    return conf[group]
