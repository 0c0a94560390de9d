# SPDX-License-Identifier: Apache-2.0
"""What a person can do with a sandbox that the demonstration has left running.

Checkpoints by Karbor's own command: with osc-lib 4 ``openstack data protection checkpoint list``
and ``create`` of python-karborclient 2.1.0 end with an error.
"""

from pathlib import Path
from typing import Any

from sandbox.info import StackInfo


def how_to_go_on(info: StackInfo, folder: Path, user: str, plan: Any) -> str:
    """Return commands to type, as the demonstration's user, and how to end it all.

    :param folder: holds ``openrc`` and ``clouds.yaml`` of the user.
    :param plan: Karbor's plan on the project.
    """
    return f"""
The sandbox goes on running. To work in it as the user {user}:

  export PATH={info.bin}:$PATH
  . {folder / "openrc"}
  (or: export OS_CLIENT_CONFIG_FILE={folder / "clouds.yaml"} OS_CLOUD={user})

  openstack share list
  openstack data protection plan show {plan.id}
  karbor checkpoint-create {plan.provider_id} {plan.id}
  karbor checkpoint-list {plan.provider_id}
  openstack share snapshot list

The files of the shares are below {info.shares}, the logs in {info.state / "logs"}.
To end it: python3 -m sandbox destroy --state {info.state}
"""
