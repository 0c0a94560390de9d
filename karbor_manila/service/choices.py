# SPDX-License-Identifier: Apache-2.0
"""Which drivers would keep a share, for Karbor's lists of shares, which are of no provider."""

from collections.abc import Callable, Collection

from karbor_manila.drivers import catalogue
from karbor_manila.drivers.catalogue import Catalogue
from karbor_manila.manila.errors import ShareNotProtectable
from karbor_manila.manila.views import View


class Choices:
    """By the share's view alone, as the preflight of a protection decides it.

    :param catalogues: gives those of all providers of ours; without any, as under Karbor's own
        manager, all installed drivers count
    """

    def __init__(self, catalogues: Callable[[], Collection[Catalogue]] = tuple) -> None:
        self._catalogues = catalogues

    def objection(self, view: View) -> ShareNotProtectable | None:
        """Why no provider could protect a share; None when one can."""
        found = None
        for each in self._catalogues():
            objected = each.objection(view)
            if objected is None:
                return None
            found = found or objected
        return found or catalogue.objection(view)

    def drivers(self, view: View) -> list[str]:
        """The drivers that would keep a share: one, unless providers differ."""
        chosen = (each.choose(view)[0] for each in self._catalogues())
        return sorted({name for name in chosen if name})
