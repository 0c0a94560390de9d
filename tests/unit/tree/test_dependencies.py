# SPDX-License-Identifier: Apache-2.0
"""setup.cfg requires what the package imports, no more and no less."""

import ast
import configparser
import importlib.metadata
import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

#: The contract suites of drivers and of banks, which alone need pytest: an extra.
SUITES = (
    *(ROOT / "karbor_manila" / "drivers" / "testing").rglob("*.py"),
    *(ROOT / "karbor_manila" / "bank" / "testing").rglob("*.py"),
)
#: What alone needs python-zaqarclient: another extra, imported when it is configured.
ZAQAR = ROOT / "karbor_manila" / "telemetry" / "zaqar_post.py"


def imported_everywhere() -> set[str]:
    """The top-level modules that the package imports from others, but for its extras."""
    package = set((ROOT / "karbor_manila").rglob("*.py")) - set(SUITES) - {ZAQAR}
    return imported([*package, ROOT / "schemas" / "__init__.py"])


def imported(paths: Iterable[Path]) -> set[str]:
    """The top-level modules that these import from others."""
    names: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(str(node.module).split(".")[0])
    return names - set(sys.stdlib_module_names) - {"karbor_manila"}


def required(section: str = "options", option: str = "install_requires") -> set[str]:
    """The distributions that setup.cfg requires, in their normal form."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config[section][option].split()
    return {re.split(r"[<>=!~]", line)[0].lower().replace(".", "-") for line in lines}


def test_every_import_is_required_and_every_requirement_is_imported() -> None:
    assert required() == distributions(imported_everywhere())


def test_the_extra_for_zaqar_is_what_its_one_module_needs_besides() -> None:
    more = imported([ZAQAR]) - imported_everywhere()
    assert required("options.extras_require", "zaqar") == distributions(more)


def distributions(modules: set[str]) -> set[str]:
    """What has these modules, by its name in its normal form."""
    owners = importlib.metadata.packages_distributions()
    return {owners[name][0].lower().replace(".", "-").replace("_", "-") for name in modules}
