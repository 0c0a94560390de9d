# SPDX-License-Identifier: Apache-2.0
"""Hooks are found by what the provider's file names, and unusable ones stop the service."""

from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from karbor_manila.hooks import catalogue
from karbor_manila.hooks.base import POINTS, Hook
from karbor_manila.hooks.errors import HookUnusable


class Noting(Hook):
    options = (cfg.StrOpt("noting_file", default="notes", help="Where notes go."),)


class Freezing(Hook):
    needs_post = True


class Elsewhere(Hook):
    @property
    def points(self) -> frozenset[str]:
        return frozenset({"elsewhere"})


class Wide(Hook):
    @property
    def scope(self) -> str:
        return "cloud"


class Choosy(Hook):
    def check(self) -> None:
        raise cfg.Error("choosy_file must be an absolute path")


class Broken(Hook):
    def __init__(self, **fields: Any) -> None:
        raise RuntimeError("no licence")


not_a_hook = object()


def conf_with(*hooks: str, **options: Any) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    catalogue.register_options(conf, ())
    conf.set_override("hook_drivers", list(hooks), group=catalogue.GROUP)
    for name, value in options.items():
        conf.set_override(name, value, group=catalogue.GROUP)
    return conf


@pytest.mark.parametrize("between", [":", "."])
def test_a_class_is_named_as_module_and_class_in_both_ways(between: str) -> None:
    (hook,) = catalogue.check(conf_with(f"{__name__}{between}Noting"))
    assert type(hook).__name__ == "Noting"
    assert hook.name == f"{__name__}{between}Noting"


def test_the_options_of_a_hook_are_in_the_providers_group() -> None:
    conf = conf_with(f"{__name__}:Noting")
    (hook,) = catalogue.check(conf)
    assert conf[catalogue.GROUP].noting_file == "notes"
    assert hook.options_here.noting_file == "notes"


def test_hooks_come_in_the_order_of_the_option() -> None:
    names = (f"{__name__}:Noting", f"{__name__}:Freezing")
    for order in (names, names[::-1]):
        assert tuple(hook.name for hook in catalogue.check(conf_with(*order))) == order


def test_no_hook_is_the_default() -> None:
    assert catalogue.check(conf_with()) == ()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nothing", "no hook of this name is installed"),
        ("no.such.module:Hook", "cannot be loaded"),
        (f"{__name__}:Absent", "cannot be loaded"),
        (f"{__name__}:not_a_hook", "is no karbor_manila.hooks.base.Hook"),
        (f"{__name__}:Broken", "could not be made (no licence)"),
        (f"{__name__}:Elsewhere", "there are no points elsewhere"),
        (f"{__name__}:Wide", "its scope is 'cloud'"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(HookUnusable) as raised:
        catalogue.check(conf_with(name))
    assert raised.value.name == name
    assert why in str(raised.value)


def test_a_hook_refuses_options_with_which_it_cannot_work() -> None:
    with pytest.raises(cfg.Error, match="choosy_file must be an absolute path"):
        catalogue.check(conf_with(f"{__name__}:Choosy"))


def test_what_a_pre_does_must_be_undone_by_a_post() -> None:
    with pytest.raises(cfg.Error, match="Turn on both"):
        catalogue.check(conf_with(f"{__name__}:Freezing", enable_pre_hooks=True))
    both = conf_with(f"{__name__}:Freezing", enable_pre_hooks=True, enable_post_hooks=True)
    assert len(catalogue.check(both)) == 1


def test_a_hook_stands_in_the_order_once() -> None:
    with pytest.raises(cfg.Error, match="twice"):
        catalogue.check(conf_with(f"{__name__}:Noting", f"{__name__}:Noting"))


def test_every_point_says_which_calls_it_wraps() -> None:
    assert set(POINTS) == {"protect", "restore", "revert", "drill", "copy", "delete"}
    assert all(said.count("`") >= 2 for said in POINTS.values())


def test_a_module_that_ends_the_process_when_it_is_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leaving_hook.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(HookUnusable, match=r"leaving_hook:Hook.*SystemExit\(3\)"):
        catalogue.load("leaving_hook:Hook")
