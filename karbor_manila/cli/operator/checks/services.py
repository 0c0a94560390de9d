# SPDX-License-Identifier: Apache-2.0
"""Checks of Keystone and Manila: who Karbor's own user is, where the services are, and whether
schedules may still act for their makers."""

from collections.abc import Iterator, Mapping
from typing import Any

from keystoneauth1 import exceptions as ks_exc
from oslo_config import cfg

from karbor_manila.cli.diagnosis import Check, Finding, bad, doubtful, good
from karbor_manila.cli.operator.checks.facts import HostFacts
from karbor_manila.database import trusts as trusts_of_database
from karbor_manila.manila.endpoint import SERVICE_TYPES
from karbor_manila.service import sessions
from karbor_manila.service.trust_check import TrustCheck

#: Of a service token: what Karbor's Keystone middleware and Manila's want by default.
_SERVICE_ROLE = "service"

_OF_KARBOR = ("data-protect",)


def roles(facts: HostFacts) -> Iterator[Finding]:
    """The roles of Karbor's own user, by its token; it is also the service token of requests."""
    token = facts.token()
    who = f"user {token['user']['name']}"
    if not token.get("project"):
        yield bad(
            who,
            "The token of Karbor's own user is for no project",
            "Give the user of [trustee] a default project in which it has its roles.",
        )
        return
    names = [role["name"] for role in token.get("roles", ())]
    wanted = cfg.CONF.keystone_authtoken.service_token_roles or [_SERVICE_ROLE]
    if not set(names) & set(wanted):
        yield bad(
            who,
            f"Its roles ({', '.join(names) or 'none'}) have none of {', '.join(wanted)}: its "
            f"token does not vouch for the users' tokens, so operations end when those expire",
            f"openstack role add --project {token['project']['name']} --user "
            f"{token['user']['name']} {wanted[0]}",
        )
    else:
        yield good(who, f"It has the roles {', '.join(names)} in {token['project']['name']}")
    facts.manila()  # raises NotAdministrator, with what to do
    yield good(who, "It is an administrator of Manila")


def catalogue(facts: HostFacts) -> Iterator[Finding]:
    """What Keystone's catalogue has of Karbor and Manila."""
    services = facts.token().get("catalog", ())
    for what, types, todo in (
        ("Manila", SERVICE_TYPES, "Set manila_endpoint in [manila_client], or make a service."),
        ("Karbor", _OF_KARBOR, "Make the service data-protect and its endpoints in Keystone."),
    ):
        found = [each for each in services if each["type"] in types and each.get("endpoints")]
        if found:
            yield good(what, _places(found))
        elif what == "Manila" and cfg.CONF.manila_client.manila_endpoint:
            yield good(what, f"manila_endpoint = {cfg.CONF.manila_client.manila_endpoint}")
        else:
            yield bad(what, f"The catalogue has no endpoint of {' or '.join(types)}", todo)
        regions = {end.get("region_id") for each in found for end in each["endpoints"]}
        if what == "Manila" and len(regions) > 1 and not sessions.where().region:
            yield doubtful(
                what,
                f"It is in {len(regions)} regions ({', '.join(sorted(map(str, regions)))}), and "
                f"no region_id says which one counts",
                "Set region_id in [manila_client] to the one in which the shares are.",
            )


def _places(services: list[Mapping[str, Any]]) -> str:
    return "; ".join(
        f"{each['type']}: "
        + ", ".join(f"{end['interface']} {end['url']}" for end in each["endpoints"])
        for each in services
    )


def endpoints(facts: HostFacts) -> Iterator[Finding]:
    """Whether Karbor's API and Manila answer, and in which microversion."""
    catalogue = facts.token().get("catalog", ())
    urls = {
        end["url"]: f"Karbor, {end['interface']}"
        for each in catalogue
        if each["type"] in _OF_KARBOR
        for end in each["endpoints"]
    }
    silent = {url: why for url in urls if (why := _silence(facts, url))}
    for url, about in urls.items():
        todo = "Look whether karbor-api and karbor-protection run, and into their logs."
        if url not in silent:
            yield good(about, f"{url} answers")
        elif len(silent) == len(urls):
            yield bad(about, f"{url} {silent[url]}", todo)
        else:  # it may be one that is not for this host
            yield doubtful(about, f"{url} {silent[url]}", todo)
    manila = facts.manila()
    spoken = manila.features.microversion
    yield good("Manila", f"{manila.endpoint} answers, and is spoken to in {spoken}")


def _silence(facts: HostFacts, url: str) -> str:
    """Why Karbor's API does not list its providers at a URL; empty when it does."""
    try:
        answer = facts.session().get(f"{url.rstrip('/')}/providers", raise_exc=False)
    except ks_exc.ClientException as error:
        return f"does not answer: {error}"
    return "" if answer.status_code == 200 else f"answers HTTP {answer.status_code}"


def trusts(facts: HostFacts) -> Iterator[Finding]:
    """Whether Karbor may still act for those who have scheduled something."""
    facts.settings()
    found = trusts_of_database.in_use()
    session = facts.session()
    check = TrustCheck(facts.timeout, lambda _context, **_options: session)
    fine, until = 0, facts.clock.now() + facts.timeout
    for number, each in enumerate(found):
        if facts.clock.now() > until:
            said = f"{len(found) - number} more users and projects were not looked at, for time"
            yield doubtful("", said, "Give it more: --check trusts --timeout SECONDS.")
            break
        if why := check(each):
            runs = f"{len(each.operations)} scheduled operations"
            named = ", ".join(each.operations[:5])
            yield bad(
                f"project {each.project_id}",
                f"{runs} ({named}) make no checkpoint: {why}",
                "doc/operating/troubleshooting.md, A user's schedules after a revoked trust.",
            )
        else:
            fine += 1
    if fine:
        yield good("", f"Karbor may act for {fine} users in their projects")


CHECKS = (
    Check(
        "roles",
        "Who Karbor's own user (`[trustee]`) is: its login, its roles, its rights in Manila. Its "
        "token is the service token of each request.",
        "Bad: Keystone refuses the login or is away; no default project; none of "
        "`service_token_roles`; no administrator of Manila.",
        "Look at [trustee] in karbor.conf, and at that user in Keystone.",
        roles,
    ),
    Check(
        "catalogue",
        "What Keystone's catalogue has of Karbor and Manila.",
        "Bad: nothing of one of them. Doubtful: Manila in several regions, and no `region_id`.",
        "Look at the services and endpoints in Keystone.",
        catalogue,
    ),
    Check(
        "endpoints",
        "Whether Karbor's API lists its providers at each endpoint, and Manila answers where "
        "karbor-protection asks it.",
        "Bad: one of them is away or refuses; Manila is older than 2.37, or something else answers "
        "there. Doubtful: some of Karbor's endpoints do not answer, from this host.",
        "Look at [manila_client] in karbor.conf, and at Manila's API.",
        endpoints,
    ),
    Check(
        "trusts",
        "Whether Karbor may still act for those who have scheduled operations: the user, the "
        "project, the trust and its roles, in Keystone.",
        "Bad: schedules that can make no checkpoint, by project, with the reason.",
        "Look whether Karbor's database and Keystone answer.",
        trusts,
    ),
)
