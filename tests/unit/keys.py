# SPDX-License-Identifier: Apache-2.0
"""Keys for signatures, as files."""

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
CLEAR = serialization.NoEncryption()


def key_file(folder: Path, name: str = "key.pem", key: Any = None, mode: int = 0o600) -> str:
    path = folder / name
    path.write_bytes((key or Ed25519PrivateKey.generate()).private_bytes(PEM, PKCS8, CLEAR))
    path.chmod(mode)
    return str(path)
