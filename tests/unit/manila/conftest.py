# SPDX-License-Identifier: Apache-2.0
"""A client of a Manila on the wire."""

import pytest

from karbor_manila.manila import client, connection
from tests.unit.manila.wire import ENDPOINT, HOST, plain_session, versions


@pytest.fixture(autouse=True)
def _nothing_known():
    """What is known of an endpoint is kept for ten minutes."""
    connection._negotiated.clear()
    yield
    connection._negotiated.clear()


@pytest.fixture
def connect(requests_mock):
    """Makes a client of a Manila that speaks up to this microversion."""

    def connect(highest="2.98", **kwargs):
        connection._negotiated.clear()
        requests_mock.get(f"{HOST}/", json=versions(highest), status_code=300)
        return client.Manila(plain_session(), client.Where(endpoint=ENDPOINT), **kwargs)

    return connect


@pytest.fixture
def manila(connect):
    return connect()


@pytest.fixture
def administrator(requests_mock):
    """Manila lists its services to this session."""
    return requests_mock.get(f"{ENDPOINT}/services", json={"services": []})
