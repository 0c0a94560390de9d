# SPDX-License-Identifier: Apache-2.0
"""The bank fails to take, to give or to remove an object."""

import re

from tests.faults import plants
from tests.faults.case import Case

RECORD = r"/resource-data/.+/metadata$"
INTENT = r"/resource-data/.+/intent$"
STATUS = r"/resource-data/.+/status$"
RESTORES = r"/resource-data/.+/restores/"
INDEX = r"^/checkpoints/[^/]+/index\.json$"


def cases() -> list[Case]:
    """The bank fails to take, to give or to remove something."""
    once = [
        ("protect", "update", STATUS, 1),
        ("protect", "update", INTENT, 1),
        ("protect", "update", INTENT, 2),
        ("protect", "update", RECORD, 1),
        ("protect", "delete", INTENT, 1),
        ("restore", "get", RECORD, 1),
        ("restore", "update", RESTORES, 1),
        ("restore", "delete", RESTORES, 1),
        ("verify", "get", RECORD, 1),
        ("delete", "get", RECORD, 1),
        ("delete", "delete", RECORD, 1),
        ("delete", "update", STATUS, 1),
    ]
    for_ever = [
        ("protect", "update", INTENT, 1, "The bank failed to take 'intent'"),
        ("protect", "update", INTENT, 2, "The bank failed to take 'intent'"),
        ("protect", "update", RECORD, 1, "The bank failed to take 'metadata'"),
        ("restore", "get", RECORD, 1, "The bank failed to give 'metadata'"),
        ("restore", "update", RESTORES, 1, "The bank failed to take 'restores/"),
        ("verify", "get", RECORD, 1, "The bank failed to give 'metadata'"),
        ("delete", "get", RECORD, 1, "The bank failed to give 'metadata'"),
        ("delete", "delete", RECORD, 1, "The bank failed to remove 'metadata'"),
    ]
    return [
        *(
            Case(
                name=f"{operation}: the bank fails once to {call} {_page(key)}, number {nth}",
                operations=(operation,),
                plant=plants.bank(call, key, nth),
                ours_only=True,
            )
            for operation, call, key, nth in once
        ),
        *(
            Case(
                name=f"{operation}: the bank fails for ever to {call} {_page(key)}, from {nth} on",
                operations=(operation,),
                plant=plants.bank(call, key, nth, times=None),
                fails=True,
                says=(words,),
                ours_only=True,
            )
            for operation, call, key, nth, words in for_ever
        ),
    ]


def _page(key: str) -> str:
    """The name of a page, from the pattern that finds its key."""
    return re.sub(r".*/([a-z.]+)/?$", r"\1", key.replace("\\", "").rstrip("$"))
