# SPDX-License-Identifier: Apache-2.0
"""What an object of our file-system bank looks like in its file.

JSON, a string included, so that ``"123"`` comes back as a string here and with Karbor's own bank,
which decodes whatever is JSON. Bytes are what they are behind a first byte that no UTF-8 text has.
"""

import json
from typing import Any

_BYTES = b"\xffkarbor-manila bytes\n"


def encode(value: Any) -> bytes:
    """The content of the file for a value.

    Dicts with string keys, lists, strings, numbers, booleans, None and (at the top only) bytes come
    back equal and of the same type. A tuple comes back as a list: that is what it does with each of
    Karbor's banks, nothing of it is lost, and refusing it would break plugins that work with them.
    So does a subclass of dict, list, str or int as the plain type: the resources of Karbor's
    plans, which are part of every checkpoint, are such.

    :raises ValueError: the value would come back as another
    """
    if isinstance(value, bytes):
        return _BYTES + value
    try:
        text = json.dumps(value)
        same = _same(value, json.loads(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the value cannot be kept as it is: {error}") from error
    if not same:
        raise ValueError("the value would not come back as it is, such as keys that are no strings")
    return text.encode("ascii")


def decode(content: bytes) -> Any:
    """The value in a file of ours, or in one that Karbor's own bank wrote.

    That one writes strings as they are: what is not JSON is a string, as Karbor reads it. What it
    left cut short, other than empty, looks like such a string and is given as one.

    :raises ValueError: the file is empty, or no text
    """
    if content.startswith(_BYTES):
        return content[len(_BYTES) :]
    if not content:
        raise ValueError("the object is empty: Karbor's own bank was stopped while it wrote it")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("the object is neither text nor a value of this bank") from error
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("the object is nested too deeply to be read") from error
    except ValueError:
        return text


def _same(given: Any, back: Any) -> bool:
    """Whether what came back is equal and of the type that was given; JSON has no other types."""
    if isinstance(given, dict):
        return (
            isinstance(back, dict)
            and given.keys() == back.keys()
            and all(_same(value, back[key]) for key, value in given.items())
        )
    if isinstance(given, list | tuple):
        return (
            isinstance(back, list)
            and len(given) == len(back)
            and all(_same(*pair) for pair in zip(given, back, strict=True))
        )
    return isinstance(given, type(back)) and bool(given == back)
