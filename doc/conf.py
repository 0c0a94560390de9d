# SPDX-License-Identifier: Apache-2.0
"""How Sphinx makes a site of these pages, ``tox -e docs``; they can be read without it."""

import re
from pathlib import Path

from sphinx.application import Sphinx

project = "karbor-manila"
author = "the karbor-manila developers"
copyright = author

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
root_doc = "index"
html_theme = "alabaster"
html_theme_options = {"description": "Manila shares, protected by Karbor", "page_width": "1200px"}
html_copy_source = False
myst_heading_anchors = 4
# Requests and outputs that are no language of Pygments stay as they are.
highlight_language = "none"

_HERE = Path(__file__).resolve().parent
_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)\s]+)\)")


def _without_the_way_out(app: Sphinx, docname: str, source: list[str]) -> None:
    """A link to a file outside of ``doc/`` leads nowhere on the site: its words stay."""
    page = Path(app.env.doc2path(docname))

    def text(match: re.Match[str]) -> str:
        target = (page.parent / match[2].partition("#")[0]).resolve()
        return match[0] if target.is_relative_to(_HERE) else match[1]

    source[0] = _LINK.sub(text, source[0])


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _without_the_way_out)
