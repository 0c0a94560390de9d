# SPDX-License-Identifier: Apache-2.0
"""The operator's commands about banks: which one each provider has, and whether it is there."""

import argparse
from typing import TYPE_CHECKING, Any

from karbor_manila.bank.errors import BankUnreadable, checkpoints_named
from karbor_manila.cli.columns import Lines, Text
from karbor_manila.cli.errors import NoProvider
from karbor_manila.cli.operator.commands import HostCommand

if TYPE_CHECKING:
    from karbor_manila.cli.operator.host import Host


class BankList(HostCommand):
    """List the bank of each provider: the one that Karbor's database knows, and what is there.

    Nothing is changed. Exit code 3: one of them is not as it is known. Its operations are refused
    until it is, or until 'karbor-manila bank accept' says that it was changed on purpose.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line for each provider."""
        from karbor_manila.cli.operator.host import Host  # noqa: PLC0415

        host = Host(parsed_args.config_file)
        rows = [self._row(provider) for provider in host.providers]
        return ("Provider", "Name", "Known", "Found", "State"), rows

    def _row(self, provider: Any) -> tuple[Any, ...]:
        from karbor_manila.bank import identity  # noqa: PLC0415

        known = identity.KNOWN.get(provider.id)
        found = None
        try:
            found = identity.read(provider.bank)
            identity.compare(provider.bank, provider.id)
            missing = identity.missing(provider.bank, provider.id)
            state = f"never held {checkpoints_named(missing)}" if missing else ""
        except BankUnreadable as error:
            state = str(error)
        self.left |= bool(state)
        state = state or ("as known" if known else "not known yet")
        return (
            provider.id,
            provider.name,
            Text(known.bank_id if known else None),
            Text(found),
            state,
        )


class BankAccept(HostCommand):
    """Say that what is there is the bank of a provider, although another one was known.

    For a bank that was exchanged, or put back from an older copy, on purpose. The checkpoints that
    it lacks are given up, and listed as far as Karbor's database knows them. If it has the id that
    was known, their snapshots are orphans from then on, which 'karbor-manila audit --fix' removes.
    karbor-protection need not be restarted.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """As above, and which provider."""
        parser = super().get_parser(prog_name)
        parser.add_argument("provider", metavar="PROVIDER", help="The id of the provider.")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """One line: what was known, and what is."""
        from karbor_manila.bank import identity  # noqa: PLC0415
        from karbor_manila.cli.operator.host import Host  # noqa: PLC0415

        host = Host(parsed_args.config_file)
        provider = provider_of(host, parsed_args.provider)
        host.check_user(provider, f"bank accept {provider.id}")
        before = identity.KNOWN.get(provider.id)
        lacking = identity.lacking(provider.bank, provider.id)
        after = identity.accept(provider.bank, provider.id)
        return (
            ("Provider", "Name", "Before", "Now", "Given up"),
            [
                (
                    provider.id,
                    provider.name,
                    Text(before.bank_id if before else None),
                    after.bank_id,
                    Lines(lacking),
                )
            ],
        )


def provider_of(host: "Host", identifier: str) -> Any:
    """The provider with this id.

    :raises NoProvider: there is none
    """
    for provider in host.providers:
        if provider.id == identifier:
            return provider
    raise NoProvider(f"provider {identifier}", sorted(provider.id for provider in host.providers))
