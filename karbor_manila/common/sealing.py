# SPDX-License-Identifier: Apache-2.0
"""Texts that are kept with a signature, and who can have made it.

Ed25519, and not an HMAC: who verifies a signature, such as an auditor on another host, needs only
the public half of the key, with which he cannot make one. A file is as ``openssl genpkey -algorithm
ed25519`` writes it.
"""

import base64
import enum
import hashlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from karbor_manila.common.errors import KeyUnusable

# Nothing else that this key may sign is taken for one of ours.
_DOMAIN = b"karbor-manila 1\n"

# The letters of a key's id: of the SHA-256 of the public key.
_ID = 16


class State(enum.Enum):
    """What the signature of a text shows."""

    GOOD = "good"
    UNSIGNED = "unsigned"
    UNKNOWN = "unknown key"
    BAD = "bad"


@dataclass(frozen=True)
class Signer:
    """A key that signs. ``id`` names its public half."""

    id: str
    key: Ed25519PrivateKey


def signer(path: str) -> Signer:
    """The key of a file (PEM, PKCS 8, without a password).

    :raises KeyUnusable: it is none, cannot be read, or everybody may read it
    """
    try:
        if stat.S_IMODE(Path(path).stat().st_mode) & stat.S_IRWXO:
            raise KeyUnusable(path, "everybody may use it: take that right away (chmod o-rwx)")
        key = serialization.load_pem_private_key(Path(path).read_bytes(), None)
    except OSError as error:
        raise KeyUnusable(path, error.strerror or type(error).__name__) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(path, "it holds no private key without a password (PEM)") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(path, "its key is not one of Ed25519")
    return Signer(key_id(key.public_key()), key)


def public_key(path: str) -> Ed25519PublicKey:
    """The public key of a file (PEM).

    :raises KeyUnusable: it has none, or cannot be read
    """
    try:
        key = serialization.load_pem_public_key(Path(path).read_bytes())
    except OSError as error:
        raise KeyUnusable(path, error.strerror or type(error).__name__) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(path, "it holds no public key (PEM)") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusable(path, "its key is not one of Ed25519")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """What a key is called: the same for all who have it."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:_ID]


def seal(text: str, by: Signer | None) -> dict[str, str]:
    """A text as it is kept: the very letters that are signed, and the signature.

    :param by: None for no signature
    """
    if by is None:
        return {"text": text}
    signature = base64.b64encode(by.key.sign(_signed(text))).decode()
    return {"text": text, "key": by.id, "signature": signature}


def state(sealed: Mapping[str, Any], known: Mapping[str, Ed25519PublicKey]) -> State:
    """What the signature of what :func:`seal` made shows.

    :param known: the public keys that are trusted, by their ids
    """
    if not sealed.get("signature") and not sealed.get("key"):
        return State.UNSIGNED
    key = known.get(str(sealed.get("key")))
    if key is None:
        return State.UNKNOWN
    try:
        signature = base64.b64decode(str(sealed.get("signature")), validate=True)
        key.verify(signature, _signed(str(sealed.get("text"))))
    except (InvalidSignature, ValueError):
        return State.BAD
    return State.GOOD


def _signed(text: str) -> bytes:
    return _DOMAIN + text.encode("utf-8", "backslashreplace")
