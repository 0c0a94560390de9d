# SPDX-License-Identifier: Apache-2.0
"""The operator's page on hooks: its list of points is the code's, and its options are all there."""

import importlib.util
import re
import uuid

from karbor_manila.hooks import catalogue, values
from karbor_manila.hooks.options import HOOK_OPTS
from tests.unit.tree.documents import ROOT, page


def test_which_calls_are_wrapped_is_written_by_the_code() -> None:
    path = ROOT / "tools" / "hook_points.py"
    spec = importlib.util.spec_from_file_location("hook_points", path)
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = tool.PAGE.read_text(encoding="utf-8")
    assert text == tool.written(text), "run python3 tools/hook_points.py"


def test_every_option_of_hooks_is_explained() -> None:
    named = {
        name
        for _line, cells in page("doc/operating/hooks.md").rows()
        for name in re.findall(r"`(\w+)`", cells[0])
    }
    text = "\n".join(line for _number, line in page("doc/operating/hooks.md").prose)
    text += "".join("\n".join(b.lines) for b in page("doc/operating/hooks.md").blocks)
    for option in (*HOOK_OPTS, *catalogue.options_of_all()):
        assert option.name in named or option.name in text, option.name


def test_so_many_shares_fit_into_what_a_hook_remembers() -> None:
    ids = [str(uuid.uuid4()) for _number in range(700)]
    place = {"export_locations": ["x" * 100]}
    for remembered in (
        {"rules": {share: [str(uuid.uuid4())] for share in ids}},
        {"shares": dict.fromkeys(ids[:300], place)},
    ):
        assert values.plain(remembered) == remembered
