# SPDX-License-Identifier: Apache-2.0
"""The check of hooks: what the providers' files name can be called, and is."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from karbor_manila.bank import hook_runs
from karbor_manila.cli.diagnosis import Check, Finding, bad, doubtful, good
from karbor_manila.cli.operator.checks.facts import HostFacts
from karbor_manila.cli.operator.hooks import usable
from karbor_manila.service import driver_options


def hooks(facts: HostFacts) -> Iterator[Finding]:
    """The hooks of each provider."""
    for provider in facts.ours():
        yield from _of_provider(provider)


def _of_provider(provider: Any) -> Iterator[Finding]:
    conf, settings = driver_options.of_provider(provider)
    named = list(dict.fromkeys(settings.hook_drivers))
    for name in named:
        error = usable(conf, name)[1]
        about = f"{provider.name}: {name}"
        if error:
            yield bad(about, error, "Mend its options: karbor-protection does not start with it.")
        else:
            yield good(about, "It can be called")
    called = [
        kind for kind in ("pre", "post", "periodic") if getattr(settings, f"enable_{kind}_hooks")
    ]
    if named and not called:
        said = f"hook_drivers names {', '.join(named)}, and no hook is ever called"
        yield doubtful(provider.name, said, "Write enable_pre_hooks = true, and so on.")
    runs = hook_runs.entries(provider.bank, provider.id)
    still = Counter(each.name for run in runs for each in run.hooks)
    for name in sorted(still.keys() - set(named)):
        said = f"{still[name]} of its posts are to be called, and hook_drivers does not name it"
        yield bad(f"{provider.name}: {name}", said, "Put it back until karbor-manila hooks has 0.")


CHECKS = (
    Check(
        "hooks",
        "Whether the hooks that the providers' files name can be called, and are. Their own "
        "checks are called, and nothing else of them.",
        "Bad: one that cannot be called, or that needs its post while posts are off; posts that "
        "are to be called of a hook that is not named any more. Doubtful: hooks are named, and "
        "none is ever called.",
        "Look at hook_drivers in the providers' files, and at the bank.",
        hooks,
    ),
)
