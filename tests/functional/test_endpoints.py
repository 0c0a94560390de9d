# SPDX-License-Identifier: Apache-2.0
"""Manila where a cloud may have it: in one of two regions, behind a gateway with a path and a slash
at the end, on IPv6, with https by an authority of the cloud's own, through a web proxy.

Karbor is told by its configuration and its environment alone; bytes are compared.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.info import StackInfo
from sandbox.proxy.control import Proxy
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant
from tests.fakes import certificates, front
from tests.functional.folders import contents, fill

REGION = "RegionTwo"
PATH = "/cloud/share"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def gateway(info: StackInfo, own: certificates.Certificates) -> Iterator[Any]:
    """The only way to the Manila of the second region."""
    upstream = info.manila_url.removesuffix("/v2")
    with front.gateway(upstream, prefix=PATH, ipv6=True, server_certificate=own.server) as server:
        yield server


@pytest.fixture(scope="module")
def second_region(info: StackInfo, gateway: Any) -> Iterator[str]:
    """Another region in Keystone's catalogue, whose Manila is named without its version."""
    keystone = Tenant(info, "admin").session
    at = info.auth_url
    keystone.put(f"{at}/regions/{REGION}", json={"region": {}})
    (service,) = keystone.get(f"{at}/services?type=sharev2").json()["services"]
    endpoint = {
        "interface": "public",
        "region_id": REGION,
        "service_id": service["id"],
        "url": f"{gateway.url()}{PATH}/",
    }
    made = keystone.post(f"{at}/endpoints", json={"endpoint": endpoint}).json()["endpoint"]
    yield REGION
    keystone.delete(f"{at}/endpoints/{made['id']}")
    keystone.delete(f"{at}/regions/{REGION}")


@pytest.fixture(scope="module")
def restart(stack: Stack, second_region: str) -> Iterator[Any]:
    """Starts Karbor with other options of ``[manila_client]`` and other variables."""
    before = stack.state.settings().karbor_options

    def restart(manila: dict[str, str], **variables: str) -> None:
        given = {f"manila_client/{name}": value for name, value in manila.items()}
        options = {**before, **given}
        stack.restart("karbor", karbor_options=options, karbor_environment=variables)

    yield restart
    stack.restart("karbor", karbor_options=before, karbor_environment={})


def there_and_back(tenant: Tenant) -> None:
    """Protect, verify, restore and delete, with bytes compared."""
    share = tenant.make_share("elsewhere")
    fill(tenant.folder(share.id), "then")
    kept = contents(tenant.folder(share.id))
    checkpoint = tenant.protect(tenant.plan_of_shares([share]))
    fill(tenant.folder(share.id), "now")
    tenant.verify(checkpoint, {SHARE: {"depth": "plan"}})
    new = tenant.restored_share(tenant.restore(checkpoint))
    assert contents(tenant.folder(new.id)) == kept
    tenant.delete(checkpoint)
    assert tenant.snapshots(share.id) == []


def test_the_main_job_in_a_region_behind_a_gateway_with_its_own_authority_and_a_web_proxy(
    restart: Any,
    own: certificates.Certificates,
    gateway: Any,
    info: StackInfo,
    proxy: Proxy,
) -> None:
    with front.web_proxy() as between:
        restart(
            {"region_id": REGION, "manila_ca_cert_file": str(own.authority)},
            HTTPS_PROXY=between.url(),
            HTTP_PROXY=between.url(),
            NO_PROXY="127.0.0.1",  # Keystone's
        )
        there_and_back(Tenant(info, "alpha"))
        assert set(between.seen) == {f"CONNECT {gateway.url().removeprefix('https://')}"}
    assert f"GET {PATH}/" in gateway.seen
    assert f"POST {PATH}/v2/snapshots" in gateway.seen
    assert proxy.total() == 0, "the other region's Manila was asked"


def test_a_certificate_that_nobody_vouches_for_is_named_and_nothing_is_asked(
    restart: Any, gateway: Any, info: StackInfo
) -> None:
    restart({"region_id": REGION})
    alpha = Tenant(info, "alpha")
    share = alpha.make_share("unprotected")
    asked = len(gateway.seen)
    failed = alpha.protect(alpha.plan_of_shares([share]), status="error")
    assert "its certificate was not accepted" in failed.extra_info
    assert gateway.url() in failed.extra_info
    assert (alpha.snapshots(share.id), len(gateway.seen)) == ([], asked)
    alpha.delete(failed)


def test_a_region_that_has_no_manila_is_named(restart: Any, info: StackInfo) -> None:
    restart({"region_id": "RegionThree"})
    alpha = Tenant(info, "alpha")
    share = alpha.make_share("nowhere")
    failed = alpha.protect(alpha.plan_of_shares([share]), status="error")
    assert "no public endpoint of Manila's v2 API" in failed.extra_info
    assert "RegionThree" in failed.extra_info
