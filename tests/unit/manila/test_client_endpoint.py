# SPDX-License-Identifier: Apache-2.0
"""Where Manila is: the catalog, the configuration, and URLs that are wrong."""

import pytest
from keystoneauth1 import exceptions as ks_exc
from keystoneauth1 import session, token_endpoint

from karbor_manila.manila import client, endpoint
from karbor_manila.manila.errors import (
    EndpointMissing,
    EndpointUnsuitable,
    ManilaRefused,
    ManilaTooOld,
    ManilaTransient,
)
from tests.unit.manila.wire import (
    ENDPOINT,
    HOST,
    PROJECT,
    TOKEN,
    V1,
    V2,
    fault,
    plain_session,
    versions,
    with_catalog,
)


@pytest.mark.parametrize(
    "services",
    [
        [("sharev2", V2)],
        [("shared-file-system", V2)],
        [("share", V2)],
        [("share", V1), ("sharev2", V2)],
        [("sharev2", V2), ("share", V1)],
        [("share", V1), ("shared-file-system", V2)],
        [("shared-file-system", V2), ("share", V1)],
        [("sharev2", V2), ("shared-file-system", V2), ("share", V1)],
        [("volumev3", f"{HOST}/v3"), ("sharev2", V2)],
        [("sharev2", V2 + "/")],
    ],
)
def test_the_v2_endpoint_is_found_under_any_of_its_names(services):
    assert endpoint.find(with_catalog(*services), client.Where()) == V2


@pytest.mark.parametrize(
    "services",
    [
        [],
        [("share", V1)],
        [("sharev2", V1)],
        [("volumev3", V2)],
        [("sharev2", V2, "admin")],
        [("share", f"{HOST}/share/v1")],
    ],
)
def test_without_a_v2_endpoint_the_catalog_is_blamed(services):
    with pytest.raises(EndpointMissing, match="catalog") as caught:
        endpoint.find(with_catalog(*services), client.Where())
    assert "sharev2" in str(caught.value)


@pytest.mark.parametrize(
    ("interfaces", "found"),
    [
        (("public",), "http://public/v2"),
        (("internal",), "http://internal/v2"),
        (("internal", "public"), "http://internal/v2"),
        (("admin", "internal"), "http://internal/v2"),
    ],
)
def test_interfaces_are_tried_in_order(interfaces, found):
    catalog = with_catalog(
        ("sharev2", "http://public/v2", "public"), ("sharev2", "http://internal/v2", "internal")
    )
    assert endpoint.find(catalog, client.Where(interfaces=interfaces)) == found


@pytest.mark.parametrize(
    ("region", "found"),
    [
        ("north", "http://north/v2"),
        ("south", "http://south/v2"),
    ],
)
def test_the_region_is_the_operators(region, found):
    catalog = with_catalog(
        ("sharev2", "http://north/v2", "public", "north"),
        ("sharev2", "http://south/v2", "public", "south"),
    )
    assert endpoint.find(catalog, client.Where(region=region)) == found


def test_a_region_without_manila_is_named():
    with pytest.raises(EndpointMissing, match="in west"):
        endpoint.find(with_catalog(("sharev2", V2)), client.Where(region="west"))


def test_the_operators_own_endpoint_comes_before_the_catalog():
    where = client.Where(endpoint="http://elsewhere/v2/")
    assert endpoint.find(with_catalog(("sharev2", V2)), where) == "http://elsewhere/v2"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ks_exc.ConnectFailure("out of order"), ManilaTransient),
        (ks_exc.ConnectTimeout("out of order"), ManilaTransient),
        (ks_exc.ServiceUnavailable("out of order"), ManilaTransient),
        (ks_exc.DiscoveryFailure("out of order"), ManilaTransient),
        (ks_exc.InternalServerError("out of order"), ManilaTransient),
        (ks_exc.Unauthorized("out of order"), ManilaRefused),
        (ks_exc.NotFound("out of order"), ManilaRefused),
        (ks_exc.SSLError("out of order"), ManilaRefused),
        (ks_exc.AuthorizationFailure("out of order"), ManilaRefused),
    ],
)
def test_keystones_errors_are_sorted_like_manilas(error, kind):
    class Keystone(token_endpoint.Token):
        def get_endpoint(self, *_args, **_kwargs):
            raise error

    with pytest.raises(kind, match="out of order"):
        client.Manila(session.Session(auth=Keystone(ENDPOINT, TOKEN)), client.Where())


@pytest.mark.parametrize("base", [HOST, f"{HOST}/", f"{HOST}/share", f"{HOST}/share/"])
@pytest.mark.parametrize("by", ["catalog", "configuration"])
def test_a_url_without_a_version_is_asked_for_its_versions(requests_mock, base, by):
    document = requests_mock.get(f"{base.rstrip('/')}/", json=versions("2.80"), status_code=300)
    if by == "catalog":
        manila = client.Manila(with_catalog(("sharev2", base)), client.Where())
    else:
        manila = client.Manila(plain_session(), client.Where(endpoint=base, in_path=PROJECT))
    v2 = f"{base.rstrip('/')}/v2"
    assert manila.endpoint == (v2 if by == "catalog" else f"{v2}/{PROJECT}")
    assert manila.features.microversion == "2.80"
    assert document.call_count == 1


def test_a_url_with_the_version_comes_before_one_without(requests_mock):
    requests_mock.get(f"{HOST}/", json=versions("2.80"))
    catalog = with_catalog(("sharev2", "http://elsewhere"), ("shared-file-system", V2))
    assert client.Manila(catalog, client.Where()).endpoint == V2


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 404, "text": "nothing here"},
        {"status_code": 404, "json": {"message": "no", "code": 404, "title": "Not Found"}},
        {"text": "<html>It works!</html>"},
        {"json": {"versions": {"values": [{"id": "v3.14", "status": "stable"}]}}},
        {
            "json": {
                "versions": [
                    {
                        "id": "v2.1",
                        "version": "2.96",
                        "media-types": [
                            {"type": "application/vnd.openstack.compute+json;version=2.1"}
                        ],
                    }
                ]
            }
        },
    ],
)
def test_a_url_without_a_version_below_which_there_is_no_manila_is_refused_by_name(
    requests_mock, answer
):
    requests_mock.get(f"{HOST}/", **answer)
    with pytest.raises(EndpointUnsuitable, match=r"ends in /v2") as caught:
        client.Manila(with_catalog(("sharev2", HOST)), client.Where())
    assert caught.value.endpoint == HOST
    assert HOST in str(caught.value)


def test_a_server_in_trouble_is_no_wrong_url(requests_mock):
    requests_mock.get(f"{HOST}/", status_code=503)
    with pytest.raises(ManilaTransient):
        client.Manila(with_catalog(("sharev2", HOST)), client.Where())


@pytest.mark.parametrize("path", ["/v1", "/v3", f"/v1/{PROJECT}"])
def test_a_configured_endpoint_of_another_version_is_refused_by_name(path):
    with pytest.raises(EndpointUnsuitable, match="of another version"):
        client.Manila(plain_session(), client.Where(endpoint=HOST + path))


@pytest.mark.parametrize("highest", ["2.0", "2.7", "2.36"])
def test_a_manila_that_is_too_old_is_named_although_it_refuses_newer_microversions(
    requests_mock, highest
):
    def answer(request, context):
        if "X-OpenStack-Manila-API-Version" in request.headers:
            context.status_code = 406
            return fault(406, "Version 2.37 is not supported by the API.")
        context.status_code = 300
        return versions(highest)

    requests_mock.get(f"{HOST}/", json=answer)
    with pytest.raises(ManilaTooOld, match=f"2.0 to {highest}") as caught:
        client.Manila(plain_session(), client.Where(endpoint=ENDPOINT))
    assert HOST in str(caught.value)
