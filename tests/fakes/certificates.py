# SPDX-License-Identifier: Apache-2.0
"""Certificates of a certificate authority that nobody else knows, for servers on loopback."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """PEM files.

    :ivar authority: what a client checks with
    :ivar server: the certificate and the key of a server at 127.0.0.1 and ::1
    """

    authority: Path
    server: Path


def make(folder: Path, name: str = "own") -> Certificates:
    """A new authority, and a certificate of it."""
    key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"the authority {name}")])
    signs = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    authority = (
        _begun(issuer, issuer, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    at = [x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", "::1")]
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    server = (
        _begun(subject, issuer, server_key.public_key())
        .add_extension(x509.SubjectAlternativeName(at), critical=False)
        .add_extension(by, critical=False)
        .sign(key, hashes.SHA256())
    )
    made = Certificates(folder / f"{name}-ca.pem", folder / f"{name}-server.pem")
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    secret = server_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    made.server.write_bytes(server.public_bytes(serialization.Encoding.PEM) + secret)
    return made


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )
