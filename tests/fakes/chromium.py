# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium without a screen: a picture of a page, or what became of it."""

import shutil
import subprocess
import tempfile
from pathlib import Path

INSTALL = "apt-get install -y --no-install-recommends chromium"

#: What Chromium calls the colours that a reader prefers.
LIGHT, DARK = "1", "0"

# It makes no window narrower than this.
_NARROWEST = 500

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-dev-shm-usage", "--allow-file-access-from-files",
    "--enable-logging=stderr",
)  # fmt: skip

#: Says of a page in a frame how wide it wants to be, and what is wider than it.
_MEASURE = """
<iframe id=f src="{source}" style="border:0;width:{width}px;height:{height}px"></iframe>
<p id=measured></p>
<script>f.onload = function () {{
  var root = f.contentDocument.documentElement;
  measured.textContent = "wants " + root.scrollWidth + " has " + root.clientWidth;
}};</script>
"""


def program() -> str | None:
    """Where it is; None when it is not installed."""
    return shutil.which("chromium")


def shoot(source: Path, picture: Path, width: int, height: int, scheme: str) -> None:
    """Make a picture of a page.

    :param width: pixels of the page, as ``height``
    :param scheme: LIGHT or DARK
    """
    with tempfile.TemporaryDirectory() as folder:
        url = source.as_uri()
        if width < _NARROWEST:
            url = _framed(url, Path(folder), width, height)
        _run(folder, url, scheme, f"--window-size={width},{height}", f"--screenshot={picture}")


def dom(source: Path, *, scheme: str = LIGHT) -> tuple[str, str]:
    """What a page is once its script has run, and what Chromium complained of."""
    with tempfile.TemporaryDirectory() as folder:
        return _run(folder, source.as_uri(), scheme, "--dump-dom")


def wants(source: Path, width: int) -> tuple[int, int]:
    """How wide a page wants to be that has so many pixels, and how wide it is."""
    with tempfile.TemporaryDirectory() as folder:
        framed = _framed(source.as_uri(), Path(folder), width, 900)
        told, _errors = _run(folder, framed, LIGHT, "--virtual-time-budget=3000", "--dump-dom")
    words = told.partition("wants ")[2].split()
    return int(words[0]), int(words[2].partition("<")[0])


def _framed(url: str, folder: Path, width: int, height: int) -> str:
    frame = folder / "frame.html"
    text = _MEASURE.format(source=url, width=width, height=height)
    frame.write_text(f'<body style="margin:0">{text}')
    return frame.as_uri()


def _run(folder: str, url: str, scheme: str, *more: str) -> tuple[str, str]:
    ended = subprocess.run(
        [
            str(program()), *_FLAGS, f"--user-data-dir={folder}/profile",
            f"--blink-settings=preferredColorScheme={scheme}", *more, url,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )  # fmt: skip
    return ended.stdout, ended.stderr
