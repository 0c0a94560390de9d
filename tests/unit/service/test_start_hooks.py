# SPDX-License-Identifier: Apache-2.0
"""What a karbor-protection process does with the hooks of its configuration when it starts: what
cannot be called as it is there ends the start."""

from pathlib import Path
from typing import ClassVar

import pytest
from oslo_config import cfg

from karbor_manila.hooks.base import Hook
from tests.unit.karbor_stage import KARBORS, OUR_PROJECT, OURS, provider_file, started

FIRST = "00000000-0000-0000-0000-000000000001"
SECOND = "00000000-0000-0000-0000-000000000002"
HERE = "tests.unit.service.test_start_hooks"


class Plain(Hook):
    options = (cfg.IntOpt("plain_times", default=1, min=1, help="How often."),)


class Freezing(Hook):
    needs_post = True


class Choosy(Hook):
    def check(self) -> None:
        raise cfg.Error("choosy_file = x: it must be an absolute path")


class Careless(Hook):
    def check(self) -> None:
        raise ZeroDivisionError("by zero")


class Counted(Hook):
    made: ClassVar[list[str]] = []

    def check(self) -> None:
        self.made.append(self.name)


def the_refusal(folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    with (
        pytest.raises(cfg.Error) as caught,
        started(folder, monkeypatch, options=options),
    ):
        pass
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("hook_drivers = nosuch",), "hook_drivers names 'nosuch', which cannot be used"),
        (("hook_drivers = nothing.here:Hook",), "hook_drivers names 'nothing.here:Hook'"),
        (("hook_drivers = builtins:dict",), "is no karbor_manila.hooks.base.Hook"),
        ((f"hook_drivers = {HERE}:Choosy",), "choosy_file = x: it must be an absolute path"),
        ((f"hook_drivers = {HERE}:Careless",), f"hook_drivers = {HERE}:Careless: the check of one"),
        (
            (f"hook_drivers = {HERE}:Freezing", "enable_pre_hooks = true"),
            "enable_pre_hooks is on and enable_post_hooks is off",
        ),
        ((f"hook_drivers = {HERE}:Plain,{HERE}:Plain",), "hook_drivers names"),
        ((f"hook_drivers = {HERE}:Plain", "hook_timeout = 0"), "hook_timeout"),
        ((f"hook_drivers = {HERE}:Plain", "hook_freeze_timeout = soon"), "hook_freeze_timeout"),
        ((f"hook_drivers = {HERE}:Plain", "plain_times = 0"), "plain_times"),
    ],
    ids=[
        "not installed",
        "not to be imported",
        "no hook",
        "its own check",
        "its check breaks",
        "no post",
        "twice",
        "a timeout",
        "no number",
        "its own option",
    ],
)
def test_a_hook_that_cannot_be_called_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], named: str
) -> None:
    said = the_refusal(tmp_path, monkeypatch, *options)
    assert said.startswith(f"Provider {FIRST}")
    assert named in said
    assert "\n" not in said


def test_a_second_provider_is_checked_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider_file(tmp_path, SECOND, (OURS, OUR_PROJECT), options=("hook_drivers = nosuch",))
    assert f"Provider {SECOND}" in the_refusal(tmp_path, monkeypatch)


def test_another_plugins_provider_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("hook_drivers = nosuch",)
    with started(tmp_path, monkeypatch, KARBORS, options=options) as service:
        assert service.provider.id


def test_hooks_that_are_turned_off_are_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are needed for what has begun, and may be turned on in a hurry."""
    Counted.made.clear()
    with started(tmp_path, monkeypatch, options=(f"hook_drivers = {HERE}:Counted",)):
        assert Counted.made == [f"{HERE}:Counted"]
