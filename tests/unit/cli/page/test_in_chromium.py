# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser: its own style and script run, nothing else does, and it fits."""

from pathlib import Path

import pytest

from karbor_manila.cli.page.render import page
from karbor_manila.cli.views.face import face
from tests.fakes import chromium
from tests.fakes.forty import audit, forty
from tests.fakes.listed import NOW

pytestmark = pytest.mark.skipif(
    chromium.program() is None, reason=f"there is no chromium: {chromium.INSTALL}"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of forty shares in all states."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(face(forty().listed(), audit=audit()), NOW), "utf-8")
    return path


def test_the_policy_lets_the_pages_own_script_run_and_complains_of_nothing(source: Path) -> None:
    shown, errors = chromium.dom(source)
    assert "old when this page was made" not in shown  # the script has said it anew
    assert "Content Security Policy" not in errors
    assert "CONSOLE" not in errors


def test_the_policy_lets_nothing_else_run(source: Path, tmp_path: Path) -> None:
    broken_into = tmp_path / "report.html"
    put_in = '<script>document.title = "obeyed"</script><b style="x:y">in</b></main>'
    broken_into.write_text(source.read_text("utf-8").replace("</main>", put_in), "utf-8")
    shown, errors = chromium.dom(broken_into)
    assert "<title>obeyed</title>" not in shown
    assert "Content Security Policy" in errors


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_wider_than_the_screen(source: Path, width: int) -> None:
    wanted, there = chromium.wants(source, width)
    assert wanted <= there
