# SPDX-License-Identifier: Apache-2.0
"""The access rules of shares and snapshots, kept in one JSON file each.

Nothing of Manila here, and nothing enforces the rules: who reads the directories sees everything.
Tests read the files to see what a backend would enforce. Access keys are never stored.
"""

import pathlib
from collections.abc import Callable, Collection, Iterable, Mapping

from sandbox import files

TYPES = ("ip", "user", "cert")
OF_CEPHFS = ("cephx",)


def types(protocol: str) -> tuple[str, ...]:
    """Answer the types of rules that shares of a protocol have a use for."""
    return OF_CEPHFS if protocol == "CEPHFS" else TYPES


class Rules:
    """The rules of one backend, in files named after the share or snapshot instance."""

    def __init__(self, directory: pathlib.Path):
        """Remember the directory; :meth:`setup` makes it."""
        self._directory = directory

    def setup(self) -> None:
        """Make the directory if it is absent."""
        self._directory.mkdir(parents=True, exist_ok=True)

    def replace(
        self,
        instance: str,
        rules: Iterable[Mapping],
        level: str | None = None,
        refused: Callable[[Mapping], bool] = lambda rule: False,
        of_types: Collection[str] = TYPES,
    ) -> list:
        """Let exactly these rules apply, but for those that are refused.

        :param rules: with access_id, access_type, access_to and access_level
        :param level: what to store instead of each rule's own level
        :param refused: says of a rule whether to refuse it
        :param of_types: all rules of other types are refused
        :returns: the access ids of the rules refused
        """
        kept, no = [], []
        for rule in rules:
            if rule["access_type"] not in of_types or refused(rule):
                no.append(rule["access_id"])
                continue
            kept.append(
                {
                    "type": rule["access_type"],
                    "to": rule["access_to"],
                    "level": level or rule["access_level"],
                }
            )
        kept.sort(key=lambda rule: (rule["type"], rule["to"]))
        files.write_json(self._path(instance), kept)
        return no

    def read(self, instance: str) -> list[dict[str, str]]:
        """Answer the rules that apply as type, to and level, in a stable order."""
        return files.read_json(self._path(instance)) or []

    def remove(self, instance: str) -> None:
        """Forget the rules; there may be none."""
        self._path(instance).unlink(missing_ok=True)

    def _path(self, instance: str) -> pathlib.Path:
        return self._directory / (instance + ".json")
