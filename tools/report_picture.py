#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draw the report of forty shares in all states, as doc/tasks/report.md shows it.

    python3 -m tools.report_picture [FOLDER]

Run it from the root of the repository, with a Python that has the package, and with Debian's
chromium. Into FOLDER (by default ``doc/pictures``) go pictures of the page, light and dark, at 1280
and at 400 pixels; into a FOLDER that is named the page itself, too.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from karbor_manila.cli.page.render import page
from karbor_manila.cli.views.face import face
from tests.fakes import chromium
from tests.fakes.forty import audit, forty
from tests.fakes.listed import NOW

ROOT = Path(__file__).resolve().parent.parent

#: Name, width and height in pixels.
PICTURES = (("report", 1280, 1250), ("report-400", 400, 1500))

#: What the documents show; the others are drawn into a FOLDER that is named.
SHOWN = ("report", "report-400-dark")
SCHEMES = {"": chromium.LIGHT, "-dark": chromium.DARK}


def main(arguments: list[str]) -> int:
    """Write the pictures; the exit code."""
    folder = Path(arguments[0]) if arguments else ROOT / "doc" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    if chromium.program() is None:
        sys.stderr.write(f"There is no chromium: {chromium.INSTALL}\n")
        return 1
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "report.html"
        # As of the moment of the data, whatever the day is: without the script that tells the age.
        text, _, rest = page(face(forty().listed(), audit=audit()), NOW).rpartition("<script>")
        source.write_text(f"{text}{rest.partition('</script>')[2]}", "utf-8")
        for name, width, height in PICTURES:
            for suffix, scheme in SCHEMES.items():
                if not arguments and name + suffix not in SHOWN:
                    continue
                picture = (folder / f"{name}{suffix}.png").resolve()
                chromium.shoot(source, picture, width, height, scheme)
        if arguments:
            shutil.copy(source, folder / "report.html")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
