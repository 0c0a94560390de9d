# SPDX-License-Identifier: Apache-2.0
"""Texts of others without what looks like a secret: answers of services, output of commands."""

import re

from oslo_utils import strutils

_HIDDEN = "***"

# No pattern begins with a repetition: such a one takes quadratic time on a long text of nothing.
_PATTERNS = (
    # The headers of a request, which a proxy may repeat.
    (re.compile(r"(?i)\b(x-[a-z-]{0,30}token\W+)\S+"), rf"\1{_HIDDEN}"),
    (
        re.compile(
            r"(?i)\b(authorization[\"']?\s*[:=]\s*[\"']?(?:(?:basic|bearer|digest|token)\s+)?)\S+"
        ),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}"), rf"\1{_HIDDEN}"),
    # A URL with a password, such as a transport_url.
    (re.compile(r"(://[^\s/:@]*):[^\s/]*@"), rf"\1:{_HIDDEN}@"),
    # What strutils masks behind "=" alone, and what it does not know.
    (
        re.compile(
            r"(?i)((?:password|passwd|passphrase|secret|signature|(?:access|private|api)[_-]?key)"
            r"[\"']?\s*[:=]\s*[\"']?)[^\s\"',&;]+"
        ),
        rf"\1{_HIDDEN}",
    ),
    (
        re.compile(r"(?i)(--[\w-]{0,30}(?:password|token|secret|key)[ =]+)[^\s-]\S*"),
        rf"\1{_HIDDEN}",
    ),
    # Keystone's tokens (Fernet, JWS), and the keys of cephx, wherever they stand.
    (re.compile(r"\bgAAAAA[\w=-]+"), _HIDDEN),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"), _HIDDEN),
    (re.compile(r"\bAQ[A-Za-z0-9+/]{36,}={1,2}"), _HIDDEN),
)


def masked(text: str) -> str:
    """The text with ``***`` in place of what looks like a secret."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return str(strutils.mask_password(text))
