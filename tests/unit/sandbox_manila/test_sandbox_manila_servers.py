# SPDX-License-Identifier: Apache-2.0
"""Share servers, as Manila's share manager asks for them; needs Manila."""

import pytest

exception = pytest.importorskip("manila.exception")
driver = pytest.importorskip("sandbox.manila.driver")

from sandbox import files  # noqa: E402
from sandbox.manila import knobs  # noqa: E402

SHARE = {"id": "instance", "share_id": "share"}
NETWORK = [{"server_id": "server", "network_allocations": [{"ip_address": "10.254.0.7"}]}]


@pytest.fixture
def backend(make_backend, monkeypatch):
    monkeypatch.setattr("manila.network.API", lambda *args, **kwargs: None)
    kind = driver.ServerShareDriver
    return make_backend("servers", kind, driver_handles_share_servers=True)


@pytest.fixture
def server(backend):
    return {"id": "server", "backend_details": backend.setup_server(NETWORK)}


def test_shares_are_exported_by_their_server(backend, server):
    assert backend.get_network_allocations_number() == 1
    (location,) = backend.create_share(None, SHARE, share_server=server)
    assert location["path"].startswith("10.254.0.7:")
    told = backend.ensure_shares(None, [{**SHARE, "share_server": server}])
    assert told["instance"]["export_locations"] == [location]


def test_a_server_is_a_folder_until_it_is_torn_down(backend, server):
    details = backend.servers / "server" / "details.json"
    assert files.read_json(details) == server["backend_details"]
    for _ in range(2):
        backend.teardown_server(server_details=server["backend_details"], security_services=[])
    backend.teardown_server(server_details={}, security_services=[])
    assert list(backend.servers.iterdir()) == []


def test_a_server_is_given_up_and_taken_back(backend, server):
    backend.unmanage_server(server["backend_details"])
    again = {"id": "again"}
    assert backend.get_share_server_network_info(None, again, "server", {}) == ["10.254.0.7"]
    identifier, details = backend.manage_server(None, again, "server", {})
    assert (identifier, details["server_id"]) == ("again", "again")
    assert [path.name for path in backend.servers.iterdir()] == ["again"]
    with pytest.raises(exception.ManageShareServerError):
        backend.manage_server(None, again, "server", {})


def test_a_server_fails_when_asked_to(backend, tmp_path):
    knobs.write(tmp_path / "faults", {"setup_server": True})
    with pytest.raises(exception.ShareBackendException):
        backend.setup_server(NETWORK)
    assert list(backend.servers.iterdir()) == []
