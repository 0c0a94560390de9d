# SPDX-License-Identifier: Apache-2.0
"""The outside hook is tested as its own project would do it."""

from pathlib import Path

import pytest
from oslo_config import cfg
from outside_lockfile import LockfileHook

from karbor_manila.hooks import catalogue
from karbor_manila.hooks.base import INTERRUPTED, Call, Outcome
from karbor_manila.hooks.errors import HookSkip


def hook_in(folder: Path) -> LockfileHook:
    conf = cfg.ConfigOpts()
    catalogue.register_options(conf, [LockfileHook])
    conf.set_override("hook_drivers", ["lockfile"], group=catalogue.GROUP)
    conf.set_override("lockfile_folder", str(folder), group=catalogue.GROUP)
    (hook,) = catalogue.check(conf)
    assert isinstance(hook, LockfileHook)
    return hook


def call(kept: dict[str, str]) -> Call:
    return Call(
        point="protect",
        scope="share",
        checkpoint_id="cp",
        provider_id="provider",
        project_id="project",
        shares=({"id": "share", "metadata": {"lockfile": ""}},),
        environment=None,  # it asks nothing of Manila
        remember=kept.update,
    )


def test_the_file_is_there_in_between_and_a_post_can_be_repeated(tmp_path: Path) -> None:
    kept: dict[str, str] = {}
    hook, lock = hook_in(tmp_path), tmp_path / "share.cp.lock"
    assert hook.applies(call=call(kept))
    hook.pre(call=call(kept))
    assert lock.exists()
    for _time in range(2):
        hook.post(call=call(kept), data=kept, outcome=Outcome(status=INTERRUPTED))
        assert not lock.exists()


def test_a_busy_application_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "share.busy").touch()
    with pytest.raises(HookSkip, match="busy"):
        hook_in(tmp_path).pre(call=call({}))


def test_a_relative_path_stops_the_service() -> None:
    with pytest.raises(cfg.Error, match="absolute"):
        hook_in(Path("locks"))
