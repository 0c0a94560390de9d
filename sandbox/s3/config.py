# SPDX-License-Identifier: Apache-2.0
"""What SeaweedFS is started with, and the credentials for it. Standard library only.

SeaweedFS keeps metadata of objects over a restart, which ``rclone serve s3`` does not, and takes
keys with a slash in front, as Karbor's are.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import files, ports

_NAME = "identities.json"
#: The ports of one process, by the names that ``sandbox.ports`` knows them under.
PORTS = (
    "s3",
    "s3_grpc",
    "s3_master",
    "s3_master_grpc",
    "s3_volume",
    "s3_volume_grpc",
    "s3_filer",
    "s3_filer_grpc",
)
BUCKET = "karbor"


@dataclass(frozen=True)
class Access:
    """How the server is reached. ``endpoint`` has no slash at the end."""

    endpoint: str
    access_key: str
    secret_key: str

    def sections(self) -> dict[str, dict[str, Any]]:
        """Karbor's options for it, in a provider's file
        (karbor/services/protection/clients/s3.py)."""
        return {
            "s3_client": {
                "s3_endpoint": self.endpoint,
                "s3_access_key": self.access_key,
                "s3_secret_key": self.secret_key,
            },
            "s3_bank_plugin": {"bank_s3_object_bucket": BUCKET},
        }


def access(directory: Path, url: str) -> Access:
    """The credentials of the server whose state is in a directory; made once."""
    known = files.read_json(directory / _NAME)
    if known is None:
        keys = {"accessKey": secrets.token_hex(10), "secretKey": secrets.token_urlsafe(30)}
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identity = {"name": "karbor", "credentials": [keys], "actions": actions}
        known = {"identities": [identity]}
        files.write_json(directory / _NAME, known)
    keys = known["identities"][0]["credentials"][0]
    return Access(url, keys["accessKey"], keys["secretKey"])


def command(program: Path, directory: Path, chosen: Mapping[str, int]) -> list[str]:
    """The command of the server, which keeps everything below a directory.

    :param program: ``weed``
    :param chosen: the port of each of ``PORTS``
    """
    data = directory / "data"
    data.mkdir(parents=True, exist_ok=True)
    listening = [
        f"-s3.port={chosen['s3']}",
        f"-s3.port.grpc={chosen['s3_grpc']}",
        f"-master.port={chosen['s3_master']}",
        f"-master.port.grpc={chosen['s3_master_grpc']}",
        f"-volume.port={chosen['s3_volume']}",
        f"-volume.port.grpc={chosen['s3_volume_grpc']}",
        f"-filer.port={chosen['s3_filer']}",
        f"-filer.port.grpc={chosen['s3_filer_grpc']}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ]
    return [
        *(str(program), "server", "-s3", f"-s3.config={directory / _NAME}", f"-dir={data}"),
        *(f"-ip={ports.HOST}", f"-ip.bind={ports.HOST}", *listening),
        # Small files for small objects, an end without a farewell, and no report to its makers.
        *("-volume.max=20", "-master.volumeSizeLimitMB=64"),
        *("-volume.preStopSeconds=0", "-master.telemetry=false"),
    ]
