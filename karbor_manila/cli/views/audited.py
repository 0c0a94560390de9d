# SPDX-License-Identifier: Apache-2.0
"""What the operator's audit found: the list that ``karbor-manila audit -f json`` prints, read.

Orphans and what is lost stand in no list of Karbor's API.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from karbor_manila.cli.errors import WrongUsage
from karbor_manila.cli.tenant import printed

_COLUMNS = ("Finding", "Snapshot", "Share", "Checkpoint", "Project", "Why")


@dataclass(frozen=True)
class Found:
    """One finding: an orphan, or something lost."""

    kind: str
    snapshot_id: str
    share_id: str
    checkpoint_id: str
    project_id: str
    why: str
    action: str


def read(rows: Any) -> list[Found]:
    """The findings.

    :param rows: what was printed, decoded
    :raises WrongUsage: it is not that
    """
    try:
        return [_found(row) for row in printed.rows(rows)]
    except (AttributeError, KeyError, TypeError) as error:
        raise WrongUsage("The file is not what 'karbor-manila audit -f json' prints.") from error


def _found(row: Mapping[str, Any]) -> Found:
    action = row.get("Done") or row.get("Action")
    return Found(*(str(value or "") for value in (*map(row.__getitem__, _COLUMNS), action)))


def counts(found: Iterable[Found]) -> Mapping[str, int]:
    """How many of each kind."""
    return Counter(finding.kind for finding in found)
