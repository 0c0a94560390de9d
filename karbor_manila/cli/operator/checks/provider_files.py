# SPDX-License-Identifier: Apache-2.0
"""Checks of the providers' files: which providers Karbor loads, and whose plugin has the shares."""

import difflib
import importlib.metadata
from collections import Counter
from collections.abc import Iterator
from typing import Any

from karbor.services.protection.provider import PROTECTION_NAMESPACE
from oslo_utils import importutils

from karbor_manila.cli.diagnosis import Check, Finding, bad, doubtful, good
from karbor_manila.cli.operator.checks.facts import HostFacts, ProviderFile
from karbor_manila.operations.plugin import PROJECT, SHARE, protects_shares

_OURS = "karbor-manila-share-protection-plugin"
_OUR_PROJECT = "karbor-manila-project-plugin"


def providers(facts: HostFacts) -> Iterator[Finding]:
    """Which files Karbor makes a provider of, and why not of the others."""
    files = facts.files()
    if not files:
        yield bad("", "No file there ends in .conf", "Write one, as provider.conf.sample.")
    times = Counter(each.one("id") for each in files if each.provider)
    for each in files:
        yield _of_file(each, times[each.one("id")])


def _of_file(each: ProviderFile, times: int) -> Finding:
    if each.error:
        return bad(each.path.name, f"{each.path} cannot be read: {each.error}", "Mend the file.")
    if each.failure:
        why = "; ".join(_unloadable(each)) or str(each.failure) or type(each.failure).__name__
        todo = "Mend the line, or install the package of the plugin, and restart karbor-protection."
        return bad(each.name, f"Karbor leaves the provider of {each.path} out: {why}", todo)
    if not each.provider:
        return doubtful(
            each.name,
            f"The provider of {each.path} is not enabled",
            "Write enabled = True, or take the file away.",
        )
    if not each.one("id"):
        return bad(each.name, f"{each.path} has no id", "Give the provider a UUID of its own.")
    if times > 1:
        said = f"{times} files have the id {each.one('id')}: of these providers only one is there"
        return bad(each.name, said, "Give each a UUID of its own.")
    return good(each.name, f"{each.path} is loaded as provider {each.one('id')}")


def _unloadable(each: ProviderFile) -> Iterator[str]:
    """What its file names and cannot be loaded, and why. Karbor's own error has no reason."""
    installed = importlib.metadata.entry_points(group=PROTECTION_NAMESPACE)
    for option, name in [("bank", each.one("bank")), *(("plugin", n) for n in each.plugins())]:
        line = f"{option} = {name}"
        found = [entry for entry in installed if entry.name == name]
        try:
            if found:
                found[0].load()
            elif name:
                importutils.import_class(name)
            else:
                yield f"{line}: a name is missing"
        except Exception as error:  # noqa: BLE001 - whatever a package raises at its import
            if found or "." in name:
                yield f"{line}: {type(error).__name__}: {error}"
            else:
                close = difflib.get_close_matches(name, installed.names, 1)
                hint = f" (did you mean {close[0]}?)" if close else ""
                yield f"{line}: no plugin of this name is installed{hint}"


def plugins(facts: HostFacts) -> Iterator[Finding]:
    """Whose plugin protects the shares of each provider."""
    found = [each for each in facts.files() if each.provider]
    for each in found:
        if SHARE in each.provider.plugins or _named(each, _OURS):
            yield from _of_provider(each)
    if not any(protects_shares(each.provider) for each in found):
        said = "karbor-manila protects the shares of no provider"
        yield bad("", said, f"Write plugin = {_OURS} last into a provider's file.")
    yield from _twice_installed()


def _of_provider(each: ProviderFile) -> Iterator[Finding]:
    plugin = each.provider.plugins.get(SHARE)
    if not protects_shares(each.provider):
        whose = f"{plugin.__module__}.{plugin.__qualname__}"
        if _named(each, _OURS):
            later = _after(each, _OURS)
            yield bad(
                each.name,
                f"{whose} protects its shares, because of a later line "
                f"(plugin = {', plugin = '.join(later) or '?'}): it takes ours over",
                f"Write plugin = {_OURS} and plugin = {_OUR_PROJECT} last.",
            )
        else:
            yield good(each.name, f"Its shares are protected by {whose}, and not by us")
        return
    yield good(each.name, f"Its shares are protected by {plugin.__module__}.{plugin.__qualname__}")
    project = each.provider.plugins.get(PROJECT)
    if project is None:
        said = "A plan on a whole project is refused: no plugin has OS::Keystone::Project"
        yield doubtful(each.name, said, f"Write plugin = {_OUR_PROJECT} besides.")


def _twice_installed() -> Iterator[Finding]:
    """A name that two packages register breaks each provider that has it (stevedore)."""
    installed = importlib.metadata.entry_points(group=PROTECTION_NAMESPACE)
    owners: dict[str, set[str]] = {}
    for entry in installed:
        package: Any = entry.dist
        owners.setdefault(entry.name, set()).add(package.name if package else "?")
    for name, packages in sorted(owners.items()):
        if len(packages) > 1:
            said = f"{name} is registered by {', '.join(sorted(packages))}: it cannot be loaded"
            yield bad("", said, "Remove one of these packages.")


def _named(each: ProviderFile, plugin: str) -> bool:
    return plugin in each.plugins()


def _after(each: ProviderFile, plugin: str) -> list[str]:
    named = each.plugins()
    return named[named.index(plugin) + 1 :]


CHECKS = (
    Check(
        "providers",
        "Which files in provider_config_dir Karbor makes a provider of.",
        "Bad: a file that cannot be read; a plugin or bank that cannot be loaded, with the line "
        "and the reason (Karbor leaves out the whole provider and only logs it); no id, or one id "
        "in two files. Doubtful: a provider that is not enabled.",
        "Look into the files of provider_config_dir.",
        providers,
    ),
    Check(
        "plugins",
        "Whose plugin protects the shares of each provider.",
        "Bad: a later line `plugin` takes ours over; none of the providers has ours; one name is "
        "registered by two packages. Doubtful: no plugin for plans on a whole project.",
        "Look at the lines plugin of the providers' files.",
        plugins,
    ),
)
