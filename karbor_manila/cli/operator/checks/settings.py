# SPDX-License-Identifier: Apache-2.0
"""Checks of what stands in karbor.conf and the providers' files: what would keep the service from
its start or schedules from running, and options that nobody reads."""

import contextlib
import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import oslo_messaging.opts
from oslo_config import cfg
from oslo_utils import importutils

from karbor_manila import opts
from karbor_manila.cli.diagnosis import Check, Finding, bad, doubtful, good
from karbor_manila.cli.operator.checks.facts import HostFacts, ProviderFile, Sections, sections_of
from karbor_manila.drivers.catalogue import GROUP_PREFIX
from karbor_manila.hooks import catalogue as hooks
from karbor_manila.hooks.errors import HookUnusable
from karbor_manila.operations.plugin import protects_shares
from karbor_manila.telemetry import listening

_OUR_MANAGER = "karbor_manila.manager.ProtectionManager"
_OF_A_PROJECT = ("project_name", "project_id", "tenant_name", "tenant_id")

#: Karbor's API waits so many seconds for karbor-protection, unless karbor.conf says otherwise.
_RPC = "rpc_response_timeout"


def settings(facts: HostFacts) -> Iterator[Finding]:
    """What has to stand in ``karbor.conf``."""
    ours = facts.settings()
    files = facts.karbor_files()
    if not files:
        said = "No karbor.conf was found: everything has its default"
        yield bad("", said, "Name it with --config-file.")
        return
    yield good("", f"{', '.join(map(str, files))} can be read")
    yield _manager()
    yield from _start(ours)
    yield from _times(ours)
    yield from _logins(files)


def _manager() -> Finding:
    named = cfg.CONF.protection_manager
    from karbor_manila.manager import ProtectionManager  # noqa: PLC0415 - it is large

    try:
        found = importutils.import_class(named)
    except ImportError as error:
        todo = f"Write protection_manager = {_OUR_MANAGER}."
        return bad("", f"protection_manager = {named} cannot be loaded: {error}", todo)
    if isinstance(found, type) and issubclass(found, ProtectionManager):
        return good("", f"protection_manager = {named}")
    return bad(
        "",
        f"protection_manager = {named} is not ours: nothing is reconciled, and Karbor's own plugin "
        f"may list the shares",
        f"Write protection_manager = {_OUR_MANAGER} into [DEFAULT], and restart karbor-protection.",
    )


def _start(ours: Any) -> Iterator[Finding]:
    """What karbor-protection refuses to start with."""
    try:
        opts.check_lease(ours)
        for option in opts.SERVICE_OPTS:
            _ = ours[option.dest]  # oslo.config looks at a value when it is asked for
        listeners = [each.name for each in listening.make(cfg.CONF, opts.GROUP)]
    except (cfg.Error, ValueError) as error:
        yield bad("", f"karbor-protection does not start: {error}", "Mend the option.")
        return
    said = f"event_listeners = {','.join(listeners)}" if listeners else "Nobody listens to events"
    yield good("", said)


def _times(ours: Any) -> Iterator[Finding]:
    for group, options in oslo_messaging.opts.list_opts():
        if not group:
            cfg.CONF.register_opts([each for each in options if each.name == _RPC])
    waits = getattr(cfg.CONF, _RPC)
    if ours.listing_timeout >= waits:
        yield doubtful(
            "",
            f"listing_timeout ({ours.listing_timeout:g} s) is not below {_RPC} ({waits} s): while "
            f"Manila is away Karbor's API answers 500 before the reason is known",
            f"Make listing_timeout smaller, or {_RPC} larger.",
        )


def _logins(files: Iterable[Path]) -> Iterator[Finding]:
    """What schedules and work without a tenant need (doc/operating/manila.md)."""
    sections = _merged(files)
    trustee = sections.get("trustee", {})
    trustee = trustee | sections.get((trustee.get("auth_section") or [""])[-1], {})
    if not (trustee.get("auth_type") or trustee.get("auth_plugin")):
        said = "[trustee] has no login: no trust, no schedule, no reconciliation works"
        yield bad("", said, "Write auth_type, auth_url, username, password, user_domain_id there.")
    elif named := [name for name in _OF_A_PROJECT if name in trustee]:
        said = f"[trustee] names a project ({', '.join(named)}): a trust brings its own"
        yield bad("", said, "Take it out; the user's default project counts.")
    else:
        yield good("", "[trustee] has a login without a project")
    told = (sections.get("keystone_authtoken", {}).get("www_authenticate_uri") or [""])[-1]
    if (sections.get("clients_keystone", {}).get("auth_uri") or [""])[-1]:
        yield good("", "[clients_keystone] auth_uri is set")
    elif not told.endswith("/"):
        yield bad(
            "",
            f"www_authenticate_uri = {told or '(nothing)'} has no slash at its end, and "
            f"[clients_keystone] auth_uri is not set: no schedule can be made, because Karbor "
            f"appends OS-TRUST to it",
            "Set [clients_keystone] auth_uri, or write the slash.",
        )


def options(facts: HostFacts) -> Iterator[Finding]:
    """Options of ours that stand where nobody reads them."""
    facts.settings()
    of_service = _names(opts.list_service_opts())
    of_provider = _names(opts.list_provider_opts())
    wrong = False
    for path in facts.karbor_files():
        known = of_service.get(opts.GROUP, set())
        for group, name in _ours(sections_of(path)):
            if group == opts.GROUP and name in known:
                continue
            wrong = True
            in_place = name in of_provider.get(group, set())
            yield _unread(path, group, name, known, "the provider's file" if in_place else "")
    for each in facts.files():
        if each.provider and protects_shares(each.provider):
            for finding in _of_file(each, of_service.get(opts.GROUP, set())):
                wrong = True
                yield finding
    if not wrong:
        yield good("", "Each option in the providers' files, and each of ours, is read by somebody")


def _of_file(each: ProviderFile, of_service: set[str]) -> Iterator[Finding]:
    # Plugins declare their options when they are made, as Karbor makes them for each flow.
    each.provider.load_plugins()
    _register_ours(each)
    for section, values in each.sections.items():
        known = {name.replace("-", "_") for name in _registered(each.conf, section)}
        for name in values:
            plain = name.replace("-", "_")
            if plain not in known:
                elsewhere = section == opts.GROUP and plain in of_service
                place = "karbor.conf" if elsewhere else ""
                yield _unread(each.path, section, name, known, place)


def _register_ours(each: ProviderFile) -> None:
    """What drivers and hooks declare, of all that are installed: which of them are used, and
    whether they can be, is looked at elsewhere."""
    for group, declared in opts.list_provider_opts():
        if group == opts.GROUP or group.startswith(GROUP_PREFIX):
            each.conf.register_opts(list(declared), group)
    for name in each.conf[opts.GROUP].hook_drivers:
        with contextlib.suppress(HookUnusable):  # the check of hooks reports it
            hooks.register_options(each.conf, [hooks.load(name)])


def _registered(conf: Any, section: str) -> set[str]:
    try:
        return set(conf if section == "DEFAULT" else conf[section])
    except cfg.NoSuchOptError:
        return set()


def _unread(path: Path, group: str, name: str, known: set[str], place: str) -> Finding:
    said = f"{path}: nobody reads [{group}] {name}"
    if place:
        return doubtful("", said, f"It belongs into {place}.")
    close = difflib.get_close_matches(name.replace("-", "_"), known, 1)
    todo = f"Did you mean {close[0]}?" if close else "Take it out, or look whose option it is."
    return doubtful("", said, todo)


def _names(listed: Iterable[tuple[str, Any]]) -> dict[str, set[str]]:
    """Names of options by group."""
    found: dict[str, set[str]] = {}
    for group, declared in listed:
        found.setdefault(group, set()).update(each.dest for each in declared)
    return found


def _ours(sections: Sections) -> Iterator[tuple[str, str]]:
    for section, values in sections.items():
        if section == opts.GROUP or section.startswith(GROUP_PREFIX):
            for name in values:
                yield section, name.replace("-", "_")


def _merged(files: Iterable[Path]) -> Sections:
    found: Sections = {}
    for path in files:
        for section, values in sections_of(path).items():
            found.setdefault(section, {}).update(values)
    return found


CHECKS = (
    Check(
        "settings",
        "Whether `karbor.conf` has what our service needs.",
        "Bad: no file; another `protection_manager`; options with which karbor-protection does not "
        "start; no login in `[trustee]`, or one with a project; no address at which trusts are "
        "made. Doubtful: `listing_timeout` not below `rpc_response_timeout`.",
        "Look into karbor.conf.",
        settings,
    ),
    Check(
        "options",
        "Whether each option in the providers' files, and each of ours in `karbor.conf`, is read "
        "by somebody.",
        "Doubtful: an option that nobody reads, because it is misspelt (the nearest one is named), "
        "its plugin, driver or hook is not there, or it belongs into the other file.",
        "Look into karbor.conf and the providers' files.",
        options,
    ),
)
