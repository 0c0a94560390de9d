# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with hooks."""

from karbor_manila.common.errors import KarborManilaError


class HookError(KarborManilaError):
    """A hook failed.

    :param hook: its name in ``hook_drivers``
    :param phase: ``pre`` or ``post``
    :param point: where it was called
    :param why: a sentence
    """

    def __init__(self, hook: str, phase: str, point: str, why: str) -> None:
        super().__init__(hook, phase, point, why)
        self.hook, self.phase, self.point, self.why = hook, phase, point, why

    def __str__(self) -> str:
        return f"The hook {self.hook!r} failed in its {self.phase} of {self.point}: {self.why}"


class HookSkip(KarborManilaError):
    """A hook's pre wants this to be left out; nothing failed.

    :param why: a sentence
    :param hook: its name in ``hook_drivers``; whoever calls the hook fills it in
    """

    def __init__(self, why: str, hook: str = "") -> None:
        super().__init__(why, hook)
        self.why, self.hook = why, hook

    def __str__(self) -> str:
        by = f"by the hook {self.hook!r}" if self.hook else "by a hook"
        return f"Left out {by}: {self.why}"


class HookUnusable(KarborManilaError):
    """A hook that the configuration names cannot be used.

    :param name: what ``hook_drivers`` has
    :param why: a sentence
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(name, why)
        self.name, self.why = name, why

    def __str__(self) -> str:
        return (
            f"hook_drivers names {self.name!r}, which cannot be used: {self.why} Install it, or "
            f"take it out."
        )
