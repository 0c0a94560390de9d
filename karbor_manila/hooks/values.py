# SPDX-License-Identifier: Apache-2.0
"""What hooks give, checked, and what is said of one that failed."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from oslo_log import log as logging

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.hooks.base import Call, Hook
from karbor_manila.hooks.errors import HookError, NotAllowed

LOG = logging.getLogger(__name__)

#: Bytes of JSON that a hook may give at once.
MOST_DATA = 65_536
#: Letters of the sentence of an error: users read it, and records keep it.
MOST_SENTENCE = 4_096


def plain(given: object) -> dict[str, Any] | None:
    """A copy of what a hook gave; None for nothing.

    :raises NotAllowed: it is no mapping of JSON's types, or too large
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise NotAllowed(f"it gave something of the type {type(given).__name__}, not a mapping.")
    try:
        text = json.dumps(dict(given), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise NotAllowed(f"what it gave is not of JSON's types: {error}.") from error
    except Exception as error:  # a mapping of the hook's own may raise anything when it is read
        raise NotAllowed(f"what it gave cannot be read ({type(error).__name__}).") from error
    if len(text) > MOST_DATA:
        raise NotAllowed(f"what it gave has {len(text)} bytes; {MOST_DATA} are allowed.")
    copied: dict[str, Any] = json.loads(text)
    return copied


def of_late(given: object, about: str) -> dict[str, Any] | None:
    """As :func:`plain`, of a pre that ended too late: what cannot be kept is a line in the log."""
    try:
        return plain(given)
    except NotAllowed as error:
        LOG.warning("%s: %s", about, error)
        return None


def about(call: Call) -> str:
    """What hooks are called for, in a line of the log."""
    whose = call.shares[0].get("id") if len(call.shares) == 1 else f"{len(call.shares)} shares"
    return f"Hooks of {call.point}, share {whose}, checkpoint {call.checkpoint_id}"


def not_ours(error: Exception) -> Exception | None:
    """The error, when it is one of which the log is to have the rest."""
    return None if isinstance(error, KarborManilaError) else error


def error_of(hook: Hook, phase: str, point: str, error: Exception) -> HookError:
    """The error of a hook, with its place."""
    if type(error) is HookError:
        return dataclasses.replace(error, hook=hook.name, phase=phase, point=point)
    return HookError(hook.name, phase, point, sentence(error))


def sentence(error: Exception) -> str:
    """What a user reads. An error that is not ours may hold anything: the log has it."""
    try:
        if isinstance(error, KarborManilaError):
            return f"{str(error)[:MOST_SENTENCE].rstrip('.')}."
    except Exception:  # a sentence of the hook's own
        LOG.exception("%s says nothing", type(error).__name__)
    return f"An unexpected error ({type(error).__name__}); Karbor's log has the rest."
