# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila hooks``: which hooks the providers have, and whether they can be called."""

import argparse
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from karbor_manila.cli.columns import Names
from karbor_manila.cli.operator.commands import HostCommand

if TYPE_CHECKING:
    from oslo_config import cfg

    from karbor_manila.hooks.base import Hook


class Hooks(HostCommand):
    """List the hooks of each provider: whether they can be called, and when they are.

    Nothing is changed, and no hook is called but its check. Open is how many of its posts are still
    to be called, by living processes or the reconciliation. Exit code 3: one cannot be called.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each hook of each provider."""
        from karbor_manila.cli.operator.host import Host  # noqa: PLC0415

        host = Host(parsed_args.config_file)
        return (
            (
                "Provider",
                "Name",
                "Hook",
                "Usable",
                "Scope",
                "Points",
                "Needs Post",
                "Called",
                "Open",
                "Error",
            ),
            [row for provider in host.ours() for row in self._rows(provider)],
        )

    def _rows(self, provider: Any) -> Iterator[tuple[Any, ...]]:
        from karbor_manila.service import driver_options  # noqa: PLC0415

        conf, settings = driver_options.of_provider(provider)
        called = [
            name
            for name in ("pre", "post", "periodic")
            if getattr(settings, f"enable_{name}_hooks")
        ]
        begun = _open(provider)
        named = dict.fromkeys(settings.hook_drivers)
        for name in [*named, *sorted(begun.keys() - named)]:
            hook: Hook | None = None
            error = "hook_drivers does not name it any more"
            if name in named:
                hook, error = usable(conf, name)
            self.left |= bool(error)
            yield (
                provider.id,
                provider.name,
                name,
                not error,
                hook.scope if hook else "",
                Names(sorted(hook.points) if hook else []),
                hook.needs_post if hook else None,
                Names(called if name in named else []),
                begun[name],
                error,
            )


def usable(conf: "cfg.ConfigOpts", name: str) -> "tuple[Hook | None, str]":
    """A hook, and why it cannot be called; empty if it can."""
    from karbor_manila.hooks import catalogue  # noqa: PLC0415

    try:
        hook = catalogue.make_one(conf, name)
        catalogue.check_one(conf, hook)
    except Exception as error:  # noqa: BLE001 - another package's hook raises what it likes
        return None, str(error) or type(error).__name__
    return hook, ""


def _open(provider: Any) -> Counter[str]:
    """How many of its posts are to be called, of each hook. A bank that is away raises."""
    from karbor_manila.bank import hook_runs  # noqa: PLC0415

    runs = hook_runs.entries(provider.bank, provider.id)
    return Counter(each.name for run in runs for each in run.hooks)
