# SPDX-License-Identifier: Apache-2.0
"""What a microversion of Manila can do (Manila's REST API version history)."""

from dataclasses import dataclass

from keystoneauth1.discover import normalize_version_number as as_numbers


@dataclass(frozen=True)
class Features:
    """What the negotiated microversion can do (Manila's REST API version history)."""

    microversion: str

    def _at_least(self, version: str) -> bool:
        return as_numbers(self.microversion) >= as_numbers(version)

    @property
    def snapshot_metadata(self) -> bool:
        """Snapshots have metadata, and lists can be filtered by it."""
        return self._at_least("2.73")

    @property
    def creating_from_snapshot(self) -> bool:
        """A clone that is being made has a status of its own."""
        return self._at_least("2.54")

    @property
    def access_rules_resource(self) -> bool:
        """Access rules have a list of their own, and metadata."""
        return self._at_least("2.45")

    @property
    def counts(self) -> bool:
        """Lists say how many entries there are in all (``with_count``)."""
        return self._at_least("2.79")

    @property
    def locks(self) -> bool:
        """The deletion of a share can be locked."""
        return self._at_least("2.81")

    @property
    def mount_point_names(self) -> bool:
        """A share may be made with a name that it is mounted under."""
        return self._at_least("2.84")

    @property
    def access_levels(self) -> bool:
        """The level of an access rule can be changed."""
        return self._at_least("2.88")

    @property
    def encryption_keys(self) -> bool:
        """A share may be made with a key of its owner's, and shows it."""
        return self._at_least("2.90")

    @property
    def backups(self) -> bool:
        """Shares have backups (experimental)."""
        return self._at_least("2.80")

    @property
    def backup_types(self) -> bool:
        """Backups show their type."""
        return self._at_least("2.85")

    @property
    def backups_into_other_shares(self) -> bool:
        """A backup can be restored into another share than the one that it is of."""
        return self._at_least("2.91")
