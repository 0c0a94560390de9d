# SPDX-License-Identifier: Apache-2.0
"""The backends of this process, by their names, for what goes from one to another.

All backends of the sandbox run in one process (process.py) and on one file system, so a driver
takes the directories of another backend as a real one takes its peer's network address.
"""

from manila.share import utils

from sandbox.manila.backend.places import Places

_PEERS: dict[str, Places] = {}


def enter(backend: Places) -> None:
    """Be found from now on; a backend set up later under the same name takes the place."""
    _PEERS[backend.configuration.config_group] = backend


def of(instance) -> Places | None:
    """Answer the backend that has a share instance, or None of one that is none of ours."""
    return _PEERS.get(utils.extract_host(instance["host"], level="backend_name"))
