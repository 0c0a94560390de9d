# SPDX-License-Identifier: Apache-2.0
"""setup.cfg requires what the package imports, no more and no less."""

import ast
import configparser
import importlib.metadata
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

#: The drivers' contract suite, which alone needs pytest: an extra.
SUITE = ROOT / "karbor_manila" / "drivers" / "testing"


def imported() -> set[str]:
    """The top-level modules that the package imports from others."""
    names: set[str] = set()
    package = set((ROOT / "karbor_manila").rglob("*.py")) - set(SUITE.rglob("*.py"))
    for path in [*package, ROOT / "schemas" / "__init__.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(str(node.module).split(".")[0])
    return names - set(sys.stdlib_module_names) - {"karbor_manila"}


def required() -> set[str]:
    """The distributions that setup.cfg requires, in their normal form."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split()
    return {re.split(r"[<>=!~]", line)[0].lower().replace(".", "-") for line in lines}


def test_every_import_is_required_and_every_requirement_is_imported() -> None:
    owners = importlib.metadata.packages_distributions()
    wanted = {owners[name][0].lower().replace(".", "-").replace("_", "-") for name in imported()}
    assert required() == wanted
