# SPDX-License-Identifier: Apache-2.0
"""What ``karbor-manila doctor tenant`` looks at."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from karbor_manila.cli import clock_reading
from karbor_manila.cli.diagnosis import Check, Finding, bad, doubtful, good
from karbor_manila.cli.errors import NotKnown
from karbor_manila.cli.tenant import reading
from karbor_manila.cli.tenant.api import SERVICE_TYPE, View
from karbor_manila.cli.tenant.surroundings import (
    OLDEST,
    SHARE_TYPES,
    WITH_METADATA,
    Surroundings,
)

_ASK = "Ask the operator of the cloud."


def login(cloud: Surroundings) -> Iterator[Finding]:
    """Who the user is, and where."""
    access = cloud.access()
    if not access.project_id:
        said = "The token is for no project"
        yield bad(access.username or "", said, "Name a project (--os-project-name, clouds.yaml).")
        return
    roles = sorted(access.role_names)
    if set(roles) <= {"reader"}:
        said = f"In project {access.project_name} the user has no more than {', '.join(roles)}"
        yield doubtful(access.username, said, "Manila lets a reader make nothing: ask for member.")
        return
    said = f"In project {access.project_name}, with the roles {', '.join(roles)}"
    yield good(access.username, said)


def catalogue(cloud: Surroundings) -> Iterator[Finding]:
    """Where the services are."""
    for what, types in (("Karbor", (SERVICE_TYPE,)), ("Manila", SHARE_TYPES)):
        found = cloud.endpoint(*types)
        if found:
            yield good(what, f"It is at {found}")
        else:
            said = f"The catalogue has no {' or '.join(types)} for this interface and region"
            yield bad(what, said, f"Look at --os-interface and --os-region-name. {_ASK}")


def karbor(cloud: Surroundings) -> Iterator[Finding]:
    """Whether Karbor answers, and has what the plans name."""
    known = {each["id"]: each["name"] for each in cloud.providers()}
    if not known:
        yield bad("", "Karbor has no provider: nothing can be protected", _ASK)
        return
    yield good("", f"Karbor answers, and has {', '.join(sorted(map(str, known.values())))}")
    for plan in cloud.plans():
        if plan["provider_id"] not in known:
            said = f"Karbor has no provider {plan['provider_id']} (any more): each run fails"
            yield bad(_called(plan), said, _ASK)


def manila(cloud: Surroundings) -> Iterator[Finding]:
    """Whether Manila answers, in a microversion that is new enough."""
    oldest, newest = cloud.microversions()
    if _numbers(newest) < _numbers(OLDEST) or newest == "2.0":
        said = f"It speaks {oldest} to {newest}, and {OLDEST} is needed"
        yield bad("Manila", said, _ASK)
    elif _numbers(newest) < _numbers(WITH_METADATA):
        said = f"It speaks up to {newest}: before {WITH_METADATA} snapshots have no metadata"
        yield doubtful("Manila", said, "Do not edit descriptions of snapshots: marks are in them.")
    else:
        yield good("Manila", f"It answers, and speaks {oldest} to {newest}")


def shares(cloud: Surroundings) -> Iterator[Finding]:
    """Whether the shares of the plans are there, and well."""
    plans = cloud.plans()
    if not plans:
        return
    views = {view["id"]: view for view in cloud.shares()}
    for plan in plans:
        wrong = list(_wrong(plan, views))
        for said, todo in wrong:
            yield bad(_called(plan), said, todo)
        if not wrong:
            yield good(_called(plan), "Its shares are there")


def _wrong(plan: View, views: Mapping[str, View]) -> Iterator[tuple[str, str]]:
    for resource in _shares_of(plan):
        view, name = views.get(resource["id"]), resource.get("name") or resource["id"]
        if view is None:
            said = f"Share {name} ({resource['id']}) is not in Manila (any more): each run fails"
            yield said, "Make the plan anew without it; its checkpoints stay."
        elif "error" in view["status"]:
            said = f"Share {name} ({resource['id']}) is {view['status']}"
            yield said, f"It cannot be protected like this. {_ASK}"


def quota(cloud: Surroundings) -> Iterator[Finding]:
    """Whether the next checkpoint of each plan fits into the project's quota."""
    plans = cloud.plans()
    if not plans:
        return
    limits, views = cloud.limits(), cloud.shares()
    for plan in plans:
        named = {each["id"] for each in _shares_of(plan)}
        whole = any(each["type"] == reading.PROJECT for each in plan["resources"])
        chosen = [view for view in views if whole or view["id"] in named]
        needs = Counter(snapshots=len(chosen), gigabytes=sum(int(v["size"]) for v in chosen))
        short = list(_short(needs, limits))
        for said in short:
            yield bad(
                _called(plan),
                f"By snapshots, its next checkpoint needs {said}",
                "Delete old checkpoints, or ask for a larger quota of snapshots.",
            )
        if not short:
            yield good(_called(plan), f"The next checkpoint needs {needs['snapshots']} snapshots")


def _short(needs: Mapping[str, int], limits: Mapping[str, int]) -> Iterator[str]:
    for what, key, unit in (
        ("snapshots", "TotalShareSnapshots", "snapshots"),
        ("gigabytes", "TotalSnapshotGigabytes", "GiB of snapshots"),
    ):
        most = int(limits.get(f"max{key}", -1))
        left = most - int(limits.get(f"t{key[1:]}Used", 0))
        if most >= 0 and needs[what] > left:
            yield f"{needs[what]} {unit}, and {max(left, 0)} of {most} are left"


def schedules(cloud: Surroundings) -> Iterator[Finding]:
    """Whether each plan is protected from time to time."""
    plans = cloud.plans()
    if not plans:
        return
    scheduled = Counter(
        (each.get("operation_definition") or {}).get("plan_id") for each in cloud.karbor.schedules()
    )
    for plan in plans:
        if scheduled[plan["id"]]:
            yield good(_called(plan), f"It has {scheduled[plan['id']]} schedules")
        else:
            said = "Nothing protects it by itself: it has no schedule"
            yield doubtful(_called(plan), said, "Make one, or protect it by hand.")


def clocks(cloud: Surroundings) -> Iterator[Finding]:
    """This host's clock against those of the services."""
    for about, types in (("Keystone", ("identity",)), ("Manila", SHARE_TYPES)):
        url = cloud.endpoint(*types)
        if not url:
            said = str(NotKnown(f"the catalogue has no {about}"))
            yield doubtful(about, said, "Look at the check catalogue.")
            continue
        try:
            found = clock_reading.compared(
                about,
                lambda url=url: clock_reading.date_of(cloud.session, url),  # type: ignore[misc]
                cloud.clock.utcnow,
            )
        except Exception as error:  # noqa: BLE001 - a service that is away has a check of its own
            found = doubtful(about, f"Its clock is not known: {error}", "Look at its own check.")
        if found:
            yield found


def _called(plan: View) -> str:
    # Several plans may have one name.
    return f"plan {plan['name']} ({plan['id']})" if plan["name"] else f"plan {plan['id']}"


def _shares_of(plan: View) -> list[dict[str, Any]]:
    return [each for each in plan["resources"] if each["type"] == reading.SHARE]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


CHECKS: tuple[Check, ...] = (
    Check(
        "login",
        "Who the user is, in which project, with which roles.",
        "Bad: no login, or no project. Doubtful: no more than the role `reader`.",
        "Look at clouds.yaml or the OS_* variables.",
        login,
    ),
    Check(
        "catalogue",
        "Where Keystone's catalogue has Karbor and Manila, for the chosen interface and region.",
        "Bad: one of them is not there.",
        _ASK,
        catalogue,
    ),
    Check(
        "karbor",
        "Whether Karbor answers, and has the providers of the plans.",
        "Bad: it is away, it has no provider, or a plan's provider is gone.",
        _ASK,
        karbor,
    ),
    Check(
        "manila",
        "Whether Manila answers, and in which microversions.",
        "Bad: it is away, or older than 2.37. Doubtful: older than 2.73.",
        _ASK,
        manila,
    ),
    Check(
        "shares",
        "Whether the shares that the plans name are in Manila, and well.",
        "Bad: a share that is gone, or in an error.",
        _ASK,
        shares,
    ),
    Check(
        "quota",
        "Whether the next checkpoint of each plan fits into the project's quota of snapshots.",
        "Bad: one that does not fit, by number or size.",
        _ASK,
        quota,
    ),
    Check(
        "schedules",
        "Whether each plan has a schedule.",
        "Doubtful: one that has none.",
        _ASK,
        schedules,
    ),
    Check(
        "clocks",
        "This host's clock against those of Keystone and Manila.",
        "Bad: 60 seconds of difference or more. Doubtful: 5 seconds or more, or a clock that could "
        "not be read.",
        clock_reading.ADVICE,
        clocks,
    ),
)
