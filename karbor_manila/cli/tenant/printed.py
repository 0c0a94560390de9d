# SPDX-License-Identifier: Apache-2.0
"""The files that a tenant's command reads: what an operator's command printed with ``-f json``."""

import json
import sys
from pathlib import Path
from typing import Any

from karbor_manila.cli.errors import WrongUsage


def load(file: str) -> Any:
    """What stands there, decoded.

    :param file: its path; ``-`` for the standard input
    :raises WrongUsage: it cannot be read, or is no JSON
    """
    try:
        return json.loads(sys.stdin.read() if file == "-" else Path(file).read_text("utf-8"))
    except OSError as error:
        raise WrongUsage(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise WrongUsage(f"{file} is no JSON.") from error


def rows(found: Any) -> list[Any]:
    """What was printed, as the list that it has to be: what else can be gone through and has
    nothing in it, such as ``{}``, is no list that has nothing in it.

    :raises TypeError: it is none
    """
    if not isinstance(found, list):
        raise TypeError(type(found).__name__)
    return found
