# SPDX-License-Identifier: Apache-2.0
"""The views as one page of HTML that needs nothing else: no script, no font, no request.

Every value is escaped by jinja2, and what a terminal or an editor would obey in it is shown. The
policy in the page lets a browser run its own style and its own few lines of script alone, by their
hashes, so that nothing else would run even if it came into the page.
"""

import base64
import datetime
import functools
import hashlib
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from karbor_manila.cli.page import words
from karbor_manila.cli.views.face import Face
from karbor_manila.common.visible import visible

#: Seconds after which data is shown as old: a day and an hour, for who makes the page daily.
OLD_AFTER = 25 * 3600.0

#: So many rows of a list are shown; of the others their number.
MOST_ROWS = 300

_PACKAGE = "karbor_manila.cli.page"


def page(
    face: Face,
    now: datetime.datetime,
    *,
    version: str = "",
    old_after: float = OLD_AFTER,
    refresh: int | None = None,
    trouble: str = "",
) -> str:
    """The page.

    :param now: UTC
    :param version: of karbor-manila
    :param old_after: seconds after which the data counts as old
    :param refresh: seconds after which a browser asks for the page again; None for never
    :param trouble: why the data could not be asked for again
    """
    template = _environment().get_template("page.html")
    style, script = _part("style.css"), _part("age.js")
    return template.render(
        face=face,
        now=now,
        version=version,
        age=(now - face.at).total_seconds(),
        old_after=old_after,
        refresh=refresh,
        trouble=trouble,
        style=Markup(style),
        script=Markup(script),
        policy=policy(),
        most=MOST_ROWS,
        words=words,
    )


@functools.cache
def policy() -> str:
    """What a browser may load for the page, as a Content-Security-Policy: nothing from anywhere."""
    style, script = (f"'sha256-{_hash(_part(name))}'" for name in ("style.css", "age.js"))
    return (
        f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; "
        f"form-action 'none'"
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.cache
def _part(name: str) -> str:
    return (resources.files(_PACKAGE) / name).read_text("utf-8")


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader(_PACKAGE, ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: Any) -> Any:
    """What others have written, with nothing in it that is obeyed instead of shown."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
