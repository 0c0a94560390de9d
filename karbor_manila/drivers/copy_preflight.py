# SPDX-License-Identifier: Apache-2.0
"""Whether what is kept can be copied: the part of a driver's contract that most drivers inherit."""

import abc
from collections.abc import Callable, Collection

from karbor_manila.drivers.environment import Environment
from karbor_manila.manila.errors import CloneUnsupported, SnapshotDoubtful
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.views import NewShare, Placement, View

#: Errors by the key of what is kept.
Refused = dict[tuple[str, str], Exception]


class CopyPreflight(abc.ABC):
    """What a driver that can check and place what it keeps knows of copies of it."""

    environment: Environment

    @abc.abstractmethod
    def check(self, kept: Kept, *, project_id: str | None = None) -> Kept:
        """See :meth:`.base.Driver.check`."""

    @abc.abstractmethod
    def place(self, kept: Kept, new: NewShare | None = None) -> Placement:
        """See :meth:`.base.Driver.place`."""

    def preflight_copy(self, kept: Collection[Kept]) -> Refused:
        """Which of these cannot be copied, and why; writes nothing.

        A copy is a new share, by :meth:`.base.Driver.restore`, and what
        :meth:`.base.Driver.protect` makes of that one (of the driver that ``copies_by`` names).

        :returns: the errors by :attr:`.kept.Kept.key`
        :raises QuotaTooSmall: not all of them fit
        """
        refused = self._doubtful(kept)
        for each in kept:
            try:
                if each.key not in refused:
                    self.place(each)
            except (SnapshotDoubtful, CloneUnsupported) as error:
                refused[each.key] = error
        copied = [each for each in kept if each.key not in refused]
        if copied:
            self._check_quota_of_copies([each.size or 0 for each in copied])
        return refused

    def _doubtful(self, kept: Collection[Kept]) -> Refused:
        """Which of these cannot be used now; for a driver that can ask for many at a
        time to override."""
        refused: Refused = {}
        for each in kept:
            try:
                self.check(each)
            except SnapshotDoubtful as error:
                refused[each.key] = error
        return refused

    def _check_quota_of_copies(self, sizes: Collection[int]) -> None:
        """Whether the quota suffices for new shares of these sizes (GiB), and for what will keep
        each of them. Raises QuotaTooSmall."""
        self.environment.shares.check_quota(sizes)


def doubtful_by_list(
    kept: Collection[Kept],
    everything: Callable[[], Collection[View]],
    show: Callable[[str], View | None],
    usable: Callable[[View | None, str, str, int | None, str | None], object],
) -> Refused:
    """Which of these cannot be used now. One list serves all; what it does not have is asked for by
    its id.

    :param everything, show: give the views of what keeps shares
    :param usable: raises SnapshotDoubtful for a view, the id, share and size (GiB) of what is kept,
        and whose it must be
    """
    seen = {view["id"]: view for view in everything()} if kept else {}
    refused: Refused = {}
    for each in kept:
        view = seen.get(each.id) or show(each.id)
        try:
            usable(view, each.id, each.share_id, each.size, None)
        except SnapshotDoubtful as error:
            refused[each.key] = error
    return refused
