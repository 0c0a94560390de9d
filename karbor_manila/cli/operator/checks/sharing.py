# SPDX-License-Identifier: Apache-2.0
"""Checks of what is to be protected: which driver serves which share type, whether it works on this
Manila, and whether the quotas suffice for the next checkpoints of the plans."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from oslo_config import cfg

from karbor_manila.cli.diagnosis import Check, Finding, bad, doubtful, good
from karbor_manila.cli.operator.checks.facts import HostFacts
from karbor_manila.cli.operator.driver_probe import Probe
from karbor_manila.common.errors import KarborManilaError
from karbor_manila.database import plans
from karbor_manila.drivers.catalogue import Catalogue
from karbor_manila.drivers.order import text
from karbor_manila.manila.endpoint import NEWEST, OLDEST
from karbor_manila.manila.features import as_numbers
from karbor_manila.operations.plugin import PROJECT, SHARE
from karbor_manila.service import driver_options

#: What a checkpoint takes of the quota, by driver: of numbers, and of GiB.
_TAKES = {
    "snapshot": ("snapshots", "snapshot_gigabytes"),
    "backup": ("backups", "backup_gigabytes"),
}
_BY_SNAPSHOTS = {"snapshot", "group"}


def drivers(facts: HostFacts) -> Iterator[Finding]:
    """Whether the drivers that the providers' files name can be used, and answer."""
    found = []
    for provider in facts.ours():
        try:
            found.append((provider, facts.catalogue_of(provider).configured()))
        except (KarborManilaError, cfg.Error, ValueError) as error:
            said = f"karbor-protection does not start: {error}"
            yield bad(str(provider.name), said, "karbor-manila drivers shows what is installed.")
    manila = facts.manila()  # one that is away is another check's finding, once
    probe = Probe(facts.timeout, lambda: manila)
    for provider, names in found:
        conf, _settings = driver_options.of_provider(provider)
        for name in names:
            health = probe.health(conf, name, "", configured=True)
            about = f"{provider.name}: {name}"
            if health["alive"]:
                yield good(about, f"It answered after {health['latency']:g} s")
            else:
                said = f"It is not alive: {health.get('error', 'it says so itself')}"
                yield bad(about, said, "karbor-manila drivers shows what it says of itself.")


def microversions(facts: HostFacts) -> Iterator[Finding]:
    """What the drivers in use cannot do on this Manila."""
    features = facts.manila().features
    spoken = features.microversion
    used = {name for provider in facts.ours() for name in facts.catalogue_of(provider).configured()}
    todo = "Upgrade Manila; doc/operating/manila.md has what works on which."
    if "backup" in used and not features.backups:
        said = f"The driver backup needs 2.80, and Manila speaks {spoken}: it protects nothing"
        yield bad("backup", said, todo)
    elif "backup" in used and not features.backups_into_other_shares:
        said = f"The driver backup restores in place alone: Manila speaks {spoken}, and not 2.91"
        yield doubtful("backup", said, todo)
    if not features.snapshot_metadata:
        yield doubtful(
            "",
            f"Snapshots have no metadata (2.73): Manila speaks {spoken}. Marks stand in their "
            f"descriptions, and each list is of all snapshots of a project",
            todo,
        )
    behind = as_numbers(spoken) < as_numbers(NEWEST)
    also = f"; this release was run with up to {NEWEST}" if behind else ""
    yield good("", f"Manila is spoken to in {spoken}, at least {OLDEST} is needed{also}")


def share_types(facts: HostFacts) -> Iterator[Finding]:
    """Which driver serves the shares of which type."""
    types = facts.manila().share_types()
    for provider in facts.ours():
        orders = facts.catalogue_of(provider).orders
        known = {str(each[key]) for each in types for key in ("id", "name")}
        for key, order in orders.by_type.items():
            if key not in known:
                said = f"share_type_drivers = {key}:{text(order)}: Manila has no such share type"
                yield bad(f"{provider.name}: {key}", said, "Check its spelling, or take it out.")
        for each in types:
            view = {"share_type": each["id"], "share_type_name": each["name"]}
            order = orders.of_share(view)
            about = f"{provider.name}: {each['name']}"
            specs = each.get("extra_specs") or {}
            if set(order) <= _BY_SNAPSHOTS and not _snapshots(specs):
                yield doubtful(
                    about,
                    f"{text(order)} serves it, and its shares have no snapshots: they are not "
                    f"protected",
                    "Give the type snapshot_support, or name a driver for it in "
                    "share_type_drivers.",
                )
            else:
                yield good(about, f"{text(order)} serves it")


def _snapshots(specs: Mapping[str, Any]) -> bool:
    """A type that says nothing of it (or whose view does not) may have them."""
    said = specs.get("snapshot_support")
    return said is None or "true" in str(said).lower()


def quota(facts: HostFacts) -> Iterator[Finding]:
    """Whether the next checkpoint of each plan fits into its project's quota in Manila."""
    manila, by_id = facts.manila(), {each.id: each for each in facts.ours()}
    found = [plan for plan in plans.read().plans.values() if str(plan["provider_id"]) in by_id]
    if not found:
        return
    shares: dict[str, list[Any]] = defaultdict(list)
    for share in manila.shares():
        shares[share["project_id"]].append(share)
    catalogues = {key: facts.catalogue_of(each) for key, each in by_id.items()}
    projects = sorted({str(plan["project_id"]) for plan in found})
    until = facts.clock.now() + facts.timeout
    for number, project_id in enumerate(projects):
        if facts.clock.now() > until:
            said = f"{len(projects) - number} more projects were not looked at, for time"
            yield doubtful("", said, "Give it more: --check quota --timeout SECONDS.")
            return
        theirs = [plan for plan in found if str(plan["project_id"]) == project_id]
        needs = {
            f"plan {plan['name'] or ''} ({plan['id']})": _needs(
                plan, shares[project_id], catalogues[str(plan["provider_id"])]
            )
            for plan in theirs
        }
        yield from _of_project(project_id, needs, manila.quota_of(project_id))


def _needs(
    plan: Mapping[str, Any], shares: Iterable[Mapping[str, Any]], catalogue: Catalogue
) -> Counter[str]:
    """What the next checkpoint of a plan takes of the quota, by its names in Manila."""
    named = {each["id"] for each in plan["resources"] if each["type"] == SHARE}
    all_of_them = any(each["type"] == PROJECT for each in plan["resources"])
    needs: Counter[str] = Counter()
    for share in shares:
        if not all_of_them and share["id"] not in named:
            continue
        driver = catalogue.choose(share, share["project_id"])[0]
        if driver in _TAKES:
            number, gigabytes = _TAKES[driver]
            needs[number] += 1
            needs[gigabytes] += int(share["size"])
    return needs


def _of_project(
    project_id: str, needs: Mapping[str, Counter[str]], quotas: Mapping[str, Any]
) -> Iterator[Finding]:
    about = f"project {project_id}"
    todo = f"openstack quota set --share ... {project_id}, or delete old checkpoints."
    lacking = False
    for plan, needed in needs.items():
        for said in _too_much(needed, quotas):
            lacking = True
            yield bad(
                about, f"The next checkpoint of {plan} will be refused: it needs {said}", todo
            )
    if lacking:
        return
    together: Counter[str] = Counter()
    for needed in needs.values():
        together += needed
    for said in _too_much(together, quotas):
        lacking = True
        yield doubtful(about, f"Its {len(needs)} plans together need {said}", todo)
    if not lacking:
        yield good(about, f"The next checkpoints of its {len(needs)} plans fit into its quota")


def _too_much(needed: Mapping[str, int], quotas: Mapping[str, Any]) -> Iterator[str]:
    for name, number in needed.items():
        view = quotas.get(name) or {}
        most = int(view.get("limit", -1))
        left = most - int(view.get("in_use", 0)) - int(view.get("reserved", 0))
        if most >= 0 and number > left:
            yield f"{number} {name.replace('_', ' ')}, and {max(left, 0)} of {most} are left"


CHECKS = (
    Check(
        "drivers",
        "Whether the drivers that the providers' files name can be used, and answer.",
        "Bad: one that is not installed, has an option that it does not take, or is not alive.",
        "Look at default_driver and share_type_drivers in the providers' files.",
        drivers,
    ),
    Check(
        "microversions",
        "What the drivers in use cannot do on this Manila.",
        "Bad: a driver in use can do nothing. Doubtful: no restore of backups into new shares; no "
        "metadata of snapshots.",
        "Look at Manila's version document.",
        microversions,
    ),
    Check(
        "share-types",
        "Which driver serves the shares of which type, for each type in Manila.",
        "Bad: a type in `share_type_drivers` that Manila does not have. Doubtful: a type without "
        "snapshots whose drivers all need them.",
        "Look at share_type_drivers, and whether Manila lists its share types.",
        share_types,
    ),
    Check(
        "quota",
        "Whether the next checkpoint of each plan fits into its project's quota in Manila "
        "(snapshots and backups, by number and size).",
        "Bad: a plan whose next checkpoint does not fit. Doubtful: each plan of a project fits, "
        "all of them together do not.",
        "Look whether Manila and Karbor's database answer.",
        quota,
    ),
)
