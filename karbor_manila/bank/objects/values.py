# SPDX-License-Identifier: Apache-2.0
"""What a value looks like as an object.

As Karbor's Swift and S3 banks have it: JSON with one label that says so. They put text there as it
is and give it back as bytes; ours is JSON, too, so that each of them gives it back as text, and a
tool that copies a bank without its labels makes no number of it. Bytes, which they cannot keep, are
what they are, with a second label that they do not read.
"""

import json
from typing import Any

from karbor_manila.bank.filesystem import encoding
from karbor_manila.bank.objects.store import Found

#: Karbor's own (karbor/services/protection/bank_plugins/swift_bank_plugin.py, update_object).
SERIALIZED = "serialized"
#: Ours: ``bytes``, or absent.
KIND = "karbor-manila-kind"
_BYTES = "bytes"


def encode(value: Any) -> Found:
    """The object for a value.

    What comes back as it was, and what is refused, is as in
    :func:`karbor_manila.bank.filesystem.encoding.encode`.

    :raises ValueError: the value would come back as another
    """
    if isinstance(value, bytes):
        return Found(value, {SERIALIZED: "False", KIND: _BYTES})
    return Found(encoding.encode(value), {SERIALIZED: "True"})


def decode(found: Found) -> Any:
    """The value of an object of ours, or of Karbor's own bank.

    One without labels, such as a copying tool may leave, is taken for JSON if it is that, else for
    text.

    :raises ValueError: it is no value
    """
    serialized = found.labels.get(SERIALIZED, "").lower()
    if found.labels.get(KIND) == _BYTES:
        return found.content
    if serialized == "false":
        return found.content.decode("utf-8")
    if not serialized and not found.content:
        raise ValueError("the object is empty")
    try:
        return json.loads(found.content)
    except RecursionError as error:
        raise ValueError("the object is nested too deeply to be read") from error
    except json.JSONDecodeError as error:
        if serialized:
            raise ValueError("the object is cut short, or was changed") from error
        return found.content.decode("utf-8")
