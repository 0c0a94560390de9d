# SPDX-License-Identifier: Apache-2.0
"""Manila on the wire: what it answers, and requests that stand for all others."""

import re
import urllib.parse

import pytest
import requests_mock as wire
from keystoneauth1 import access, service_token, session, token_endpoint
from keystoneauth1.identity.access import AccessInfoPlugin

from karbor_manila.common.errors import KarborManilaError

HOST = "http://manila.example:8786"
ENDPOINT = f"{HOST}/v2"
TOKEN = "gAAAAABtheTokenOfTheTenant"
PROJECT = "0c5c2f7f7fe54bd6a1f0a2d39f7a5b11"


def versions(highest, lowest="2.0"):
    """Manila's answer to GET /, from API 23."""
    return {
        "versions": [
            {"id": "v1.0", "status": "DEPRECATED", "version": "", "min_version": "", "links": []},
            {
                "id": "v2.0",
                "status": "CURRENT",
                "version": highest,
                "min_version": lowest,
                "links": [],
            },
        ]
    }


#: What Manila calls its errors (manila/api/openstack/wsgi.py, Fault).
FAULTS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    503: "serviceUnavailable",
}


def fault(status, said="no"):
    """An error body of Manila's own."""
    return {FAULTS.get(status, "computeFault"): {"code": status, "message": said}}


def plain_session():
    return session.Session(auth=token_endpoint.Token(ENDPOINT, TOKEN))


V1, V2 = f"{HOST}/v1/{PROJECT}", f"{HOST}/v2/{PROJECT}"


def with_catalog(*services):
    """A session as Karbor makes them, with these in its catalog: type, url, perhaps interface and
    region."""
    catalog = []
    for service_type, url, *rest in services:
        interface, region = rest + ["public", "RegionOne"][len(rest) :]
        endpoint = {"interface": interface, "url": url, "region": region, "region_id": region}
        catalog.append({"type": service_type, "name": service_type, "endpoints": [endpoint]})
    token = {"token": {"catalog": catalog, "expires_at": "2999-01-01T00:00:00.000000Z"}}
    user = AccessInfoPlugin(access.create(body=token, auth_token=TOKEN))
    return session.Session(auth=service_token.ServiceTokenAuthWrapper(user, user))


def ask(manila):
    return manila.limits()


def create(manila):
    return manila.create_snapshot("a", name=None, description=None)


def delete(manila):
    return manila.delete_snapshot("s")


def answers(requests_mock, **answer):
    """Every request to the API, but that for its versions, ends like this."""
    return requests_mock.register_uri(wire.ANY, re.compile(f"^{ENDPOINT}/"), **answer)


def error_of(asked):
    with pytest.raises(KarborManilaError) as caught:
        asked()
    return caught.value


EVERY_KIND = pytest.mark.parametrize("do", [ask, create, delete])


def query(request):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlparse(request.url).query))
