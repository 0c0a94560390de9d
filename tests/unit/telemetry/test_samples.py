# SPDX-License-Identifier: Apache-2.0
"""The samples of events in the documents are what the classes make."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from karbor_manila.telemetry.events import TYPES

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "doc" / "reference" / "event_samples"


@pytest.fixture(scope="module")
def tool() -> Any:
    """``tools/events.py`` as a module."""
    spec = importlib.util.spec_from_file_location("events_tool", ROOT / "tools" / "events.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(TYPES))
def test_the_sample_of_an_event_is_what_is_sent(tool: Any, name: str) -> None:
    documented = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert tool.sample(name).as_dict() == documented
    assert documented["event_type"] == name


def test_each_type_has_a_sample_and_nothing_else_has() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(TYPES)


def test_the_page_and_the_files_are_as_they_are_made(tool: Any) -> None:
    for path, text in {**tool.samples(), tool.PAGE: tool.page()}.items():
        assert path.read_text(encoding="utf-8") == text, "run python tools/events.py"
