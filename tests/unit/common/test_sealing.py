# SPDX-License-Identifier: Apache-2.0
"""Texts with a signature: what was changed is found, and by whom it was signed is known."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from karbor_manila.common import sealing
from karbor_manila.common.errors import KeyUnusable
from karbor_manila.common.sealing import State
from tests.unit.keys import key_file


@pytest.fixture
def signer(tmp_path: Path) -> sealing.Signer:
    return sealing.signer(key_file(tmp_path))


def test_what_was_signed_is_good_for_who_knows_the_public_key(signer: sealing.Signer) -> None:
    known = {signer.id: signer.key.public_key()}
    assert sealing.state(sealing.seal("a\udcffb", signer), known) is State.GOOD
    assert sealing.state(sealing.seal("a", signer), {}) is State.UNKNOWN
    assert sealing.state(sealing.seal("a", None), known) is State.UNSIGNED


@pytest.mark.parametrize(
    "change",
    [
        {"text": "good "},
        {"signature": ""},
        {"signature": "AAAA"},
        {"signature": "\u00e4"},
        {"signature": None},
    ],
)
def test_what_was_changed_is_bad(signer: sealing.Signer, change: dict[str, Any]) -> None:
    sealed: dict[str, Any] = sealing.seal("bad", signer) | change
    assert sealing.state(sealed, {signer.id: signer.key.public_key()}) is State.BAD


def test_a_signature_of_another_key_under_this_ones_name_is_bad(
    signer: sealing.Signer, tmp_path: Path
) -> None:
    other = sealing.signer(key_file(tmp_path, "other.pem"))
    forged = sealing.seal("a", other) | {"key": signer.id}
    assert sealing.state(forged, {signer.id: signer.key.public_key()}) is State.BAD


def test_a_rotated_key_is_good_as_long_as_it_is_trusted(
    signer: sealing.Signer, tmp_path: Path
) -> None:
    new = sealing.signer(key_file(tmp_path, "new.pem"))
    known = {each.id: each.key.public_key() for each in (signer, new)}
    assert len(known) == 2
    for each in (signer, new):
        assert sealing.state(sealing.seal("a", each), known) is State.GOOD


def test_a_key_that_cannot_be_used_is_named_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "torn.pem").write_text("-----BEGIN PRIVATE KEY-----\nsecret\n")
    (tmp_path / "torn.pem").chmod(0o600)
    for path, said in (
        (str(tmp_path / "none.pem"), "No such file"),
        (str(tmp_path / "torn.pem"), "holds no private key"),
        (key_file(tmp_path, "open.pem", mode=0o604), "everybody"),
        (key_file(tmp_path, "x.pem", X25519PrivateKey.generate()), "not one of Ed25519"),
    ):
        with pytest.raises(KeyUnusable, match=said) as caught:
            sealing.signer(path)
        assert path in str(caught.value)
        assert "secret" not in str(caught.value)


def test_keys_are_as_openssl_makes_them(tmp_path: Path) -> None:
    path, public = tmp_path / "key.pem", tmp_path / "key.pub"
    make = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path)]
    show = ["openssl", "pkey", "-in", str(path), "-pubout", "-out", str(public)]
    try:
        for command in (make, show):
            subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    path.chmod(0o600)
    assert sealing.key_id(sealing.public_key(str(public))) == sealing.signer(str(path)).id
    with pytest.raises(KeyUnusable, match="no public key"):
        sealing.public_key(str(path))
