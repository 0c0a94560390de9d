# SPDX-License-Identifier: Apache-2.0
"""Which methods of Manila's ShareDriver the sandbox's driver has, as a table in Markdown.

Usage, from the top of the repository and with the interpreter of the manila venv::

    python -m sandbox.manila.table

What is asked is what Manila's managers call on a driver; the source of the installed Manila says
so, and the driver's classes say who answers.
"""

import inspect
import re
import sys

from manila.data import manager as data_manager
from manila.share import access, driver, manager, migration, snapshot_access

from sandbox.manila.driver import DirectoryShareDriver, ServerShareDriver

CALLERS = (manager, access, snapshot_access, migration, data_manager)
BY_ANOTHER_NAME = {"setup_server": "_setup_server", "teardown_server": "_teardown_server"}
OURS = "sandbox.manila."
_SERVER_MIGRATION = "Manila's own `share_server_migration_check_compatibility` says no"
_NETWORK_CHANGES = "the backend does not report that it can"
NOT_THERE = {
    "allow_access": "only asked of drivers without `update_access`",
    "deny_access": "only asked of drivers without `update_access`",
    "share_server_migration_cancel": _SERVER_MIGRATION,
    "share_server_migration_complete": _SERVER_MIGRATION,
    "share_server_migration_continue": _SERVER_MIGRATION,
    "share_server_migration_get_progress": _SERVER_MIGRATION,
    "share_server_migration_start": _SERVER_MIGRATION,
    "check_update_share_server_network_allocations": _NETWORK_CHANGES,
    "check_update_share_server_security_service": _NETWORK_CHANGES,
    "update_share_server_network_allocations": _NETWORK_CHANGES,
    "update_share_server_security_service": _NETWORK_CHANGES,
    "update_share_from_metadata": "only asked for keys that manila.conf names",
    "update_share_network_subnet_from_metadata": "only asked for keys that manila.conf names",
}
"""Why nobody misses these."""


def rows() -> list[tuple[str, str]]:
    """Answer each method that Manila calls, and who has it, in the order of their names."""
    return [(name, _answerer(name)) for name in called()]


def called() -> list[str]:
    """Answer the methods of ShareDriver that the managers call."""
    sources = "\n".join(inspect.getsource(module) for module in CALLERS)
    found = set(re.findall(r"\bdriver\.([a-z][a-z_]*)\b", sources))
    return sorted(
        name for name in found if inspect.isfunction(getattr(driver.ShareDriver, name, 0))
    )


def _answerer(name: str) -> str:
    name = BY_ANOTHER_NAME.get(name, name)
    for kind, note in ((DirectoryShareDriver, ""), (ServerShareDriver, ", with share servers")):
        home = next(one for one in kind.__mro__ if name in vars(one))
        if home.__module__.startswith(OURS):
            return f"`{home.__module__.removeprefix(OURS).replace('.', '/')}.py`{note}"
    body = inspect.getsource(getattr(driver.ShareDriver, name))
    if "raise NotImplementedError" in body:
        return f"not there: {NOT_THERE[name]}"
    return "Manila's own"


def main() -> int:
    """Print the table and a line that counts."""
    table = rows()
    lines = ["| method | who has it |", "|---|---|"]
    lines += [f"| `{name}` | {who} |" for name, who in table]
    missing = sum(who.startswith("not there") for _, who in table)
    own = sum(who.startswith("`") for _, who in table)
    lines.append(f"\n{len(table)} methods: {own} of this driver, {missing} not there.")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
