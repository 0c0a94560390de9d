#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the list of metrics in doc/reference/metrics.md.

    python tools/metrics.py

Made from the two catalogues of metrics; a unit test compares what it makes with what is in the
tree. Needs karbor_manila to be importable, and no Karbor.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from karbor_manila.cli.tenant import exported_names  # noqa: E402 - of this tree, see above
from karbor_manila.telemetry import metric_names  # noqa: E402

PAGE = ROOT / "doc" / "reference" / "metrics.md"
_BEGIN, _END = "<!-- made by tools/metrics.py -->", "<!-- up to here -->"


def page() -> str:
    """The page with its lists made anew."""
    before, rest = PAGE.read_text(encoding="utf-8").split(_BEGIN)
    _old, after = rest.split(_END)
    return f"{before}{_BEGIN}\n\n" + "\n".join(_lines()) + f"\n\n{_END}{after}"


def _lines() -> Iterator[str]:
    yield "## Of the exporter"
    yield ""
    yield from _table(exported_names.CATALOGUE)
    yield ""
    yield "## Of a karbor-protection"
    yield ""
    yield from _table(metric_names.CATALOGUE)


def _table(catalogue: tuple[exported_names.Metric, ...]) -> Iterator[str]:
    yield "| metric | kind | labels | what it is |"
    yield "|---|---|---|---|"
    for metric in catalogue:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} |"


def main() -> None:
    """Write it."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
