# SPDX-License-Identifier: Apache-2.0
"""Share servers: a folder each below ``servers``, with the address that exports the shares.

The addresses come from Manila's standalone network plugin; nobody listens there. Shares lie where
those of any backend do, and their export locations have the server's address as the host.
"""

import pathlib

from manila import exception

from sandbox import files
from sandbox.manila import tree
from sandbox.manila.backend.places import Places
from sandbox.manila.backend.turning import turnable, turnable_as


class Servers(Places):
    """Makes and removes share servers for share networks (``driver_handles_share_servers``)."""

    handles_servers = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.servers = self.root / "servers"

    def directories(self) -> list[pathlib.Path]:
        """Answer what has to be there before the first call."""
        return [*super().directories(), self.servers]

    def get_network_allocations_number(self):
        """Answer how many addresses a server needs."""
        return 1

    @turnable_as("setup_server")
    def _setup_server(self, network_info, metadata=None):
        """Make the folder of a server and answer its details.

        :param network_info: one for each subnet; the first one's address is used
        """
        first = network_info[0]
        details = {
            "server_id": first["server_id"],
            "service_ip": first["network_allocations"][0]["ip_address"],
        }
        files.write_json(self._details(details["server_id"]), details)
        return details

    @turnable_as("teardown_server")
    def _teardown_server(self, server_details, security_services=None):
        """Remove the folder of a server; one that is gone, or was never made, is removed."""
        self._forget((server_details or {}).get("server_id"))

    @turnable
    def get_share_server_network_info(self, context, share_server, identifier, driver_options):
        """Answer the addresses of a server that is to be managed."""
        return [self._read(identifier)["service_ip"]]

    @turnable
    def manage_server(self, context, share_server, identifier, driver_options):
        """Take a server under its new id.

        :returns: that, and the details
        """
        details = {**self._read(identifier), "server_id": share_server["id"]}
        files.write_json(self._details(share_server["id"]), details)
        if identifier != share_server["id"]:
            self._forget(identifier)
        return share_server["id"], details

    @turnable
    def unmanage_server(self, server_details, security_services=None):
        """Leave the folder of a server where it is."""

    def exports(self, container: pathlib.Path, server=None) -> list[dict]:
        """Answer the export locations of a tree, at the address of its server."""
        if server is None:
            return super().exports(container)
        return [
            {
                "path": f"{server['backend_details']['service_ip']}:{container / tree.DATA}",
                "is_admin_only": False,
                "metadata": {"preferred": True},
            }
        ]

    def _read(self, server: str) -> dict:
        details = files.read_json(self._details(server))
        if details is None:
            raise exception.ManageShareServerError(reason=f"{server} is no share server here")
        return details

    def _forget(self, server: str | None) -> None:
        if server:
            self._details(server).unlink(missing_ok=True)
            if self._details(server).parent.is_dir():
                self._details(server).parent.rmdir()

    def _details(self, server: str) -> pathlib.Path:
        return self.servers / server / "details.json"
