# SPDX-License-Identifier: Apache-2.0
"""The driver that fails, hangs or forgets on request."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.drivers import catalogue, faulty
from karbor_manila.drivers.abilities import KeepsTogether
from karbor_manila.drivers.base import Driver, Kept
from karbor_manila.drivers.errors import DriverUnknown, DriverUnsuitable
from karbor_manila.drivers.snapshot import SnapshotDriver
from karbor_manila.drivers.testing.world import KEPT, mark_for, protect
from karbor_manila.manila.errors import ManilaRefused, ManilaUnavailable, SnapshotGone
from tests.contract.world import FakeWorld
from tests.unit.drivers.picky import install


@pytest.fixture
def world() -> Iterator[FakeWorld]:
    yield FakeWorld("2.98", faulty.FaultyDriver)
    faulty.PLANNED.clear()


def with_faults(world: FakeWorld, *planned: str, hang_seconds: float = 3600.0) -> Driver:
    environment = world.environment()
    environment.options = type("Options", (), {"faults": planned, "hang_seconds": hang_seconds})
    return faulty.FaultyDriver(environment)


def test_a_failure_is_that_of_each_share_and_nothing_is_made(world: FakeWorld) -> None:
    first, second = world.make_share(), world.make_share()
    faulty.PLANNED.plan("protect", faulty.FAIL, times=1)
    marks = {share["id"]: mark_for(share) for share in (first, second)}
    results = dict(world.driver().protect([first, second], marks, dict.fromkeys(marks, KEPT)))
    assert isinstance(results[first["id"]], ManilaRefused)
    assert isinstance(results[second["id"]], Kept)
    assert world.kept_of(first["id"]) == []


def test_a_lost_answer_leaves_what_was_made(world: FakeWorld) -> None:
    share = world.make_share()
    faulty.PLANNED.plan("protect", faulty.LOSE, times=1)
    mark = mark_for(share)
    with pytest.raises(ManilaUnavailable):
        protect(world.driver(), share, mark)
    (made,) = world.kept_of(share["id"])
    assert protect(world.driver(), share, mark).id == made["id"]


def test_what_it_wraps_tells_periodic_hooks(world: FakeWorld) -> None:
    share = world.make_share()
    assert [each["id"] for each in world.driver().get_periodic_hook_data([share])] == [share["id"]]
    faulty.PLANNED.plan("get_periodic_hook_data", faulty.FORGET, times=1)
    assert world.driver().get_periodic_hook_data([share]) == []


def test_what_hangs_takes_so_much_longer(world: FakeWorld) -> None:
    began = world.cloud.clock.now()
    with_faults(world, "everything:hang", hang_seconds=500.0).everything()
    assert world.cloud.clock.now() - began == 500.0


def test_what_is_forgotten_is_not_there_and_a_share_gets_no_answer(world: FakeWorld) -> None:
    share = world.make_share()
    kept = protect(world.driver(), share, mark_for(share))
    forgets = with_faults(world, "check:forget", "show:forget", "delete:forget", "protect:forget")
    with pytest.raises(SnapshotGone):
        forgets.check(kept)
    assert forgets.show(kept.id) is None
    forgets.delete(kept, project_id=world.project_id)
    assert [view["id"] for view in world.kept_of(share["id"])] == [kept.id]
    assert list(forgets.protect([share], {share["id"]: mark_for(share)}, {share["id"]: KEPT})) == []


@pytest.mark.parametrize("planned", ["protect:explode", "protect:"])
def test_a_fault_that_there_is_not_is_refused(world: FakeWorld, planned: str) -> None:
    with pytest.raises(ValueError, match="fail, lose, hang, forget"):
        with_faults(world, planned)


def test_it_is_used_where_it_is_named_alone_and_says_so(
    world: FakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.driver()
    assert "it is for tests" in caplog.text


class Plain(SnapshotDriver):
    """Another driver with an option and without reverts; its own end of a restore is seen."""

    name = "plain"
    copies_by = "snapshot"
    options: ClassVar[Any] = (cfg.IntOpt("depth", default=3, help="How deep."),)
    ended: ClassVar[list[Any]] = []

    @classmethod
    def objection(cls, share: Any, project_id: str | None = None) -> Any:
        return None if share.get("share_group_id") else SnapshotGone("x")

    def forget_restore(self, mark: Any, *, project_id: str) -> None:
        self.ended.append((mark, project_id))

    def gc(self, is_left: Any) -> Any:
        return [{"id": "left", "depth": self.environment.options.depth}]


class Whole(Plain, KeepsTogether):
    """One with an ability that the faulty driver knows nothing of by itself."""

    name = "whole"
    capabilities = SnapshotDriver.capabilities | {"together"}


def configured(tmp_path: Path, *lines: str) -> catalogue.Catalogue:
    path = tmp_path / "provider.conf"
    section = ("[manila_share_protection]", "default_driver = faulty")
    path.write_text("\n".join([*section, "[karbor_manila_driver_faulty]", *lines]))
    conf = cfg.ConfigOpts()
    conf(args=["--config-file", str(path)])
    return catalogue.of_provider(conf, opts.register_provider_opts(conf))


@pytest.mark.parametrize("wrapped", [Plain, Whole, SnapshotDriver], ids=lambda kind: kind.name)
def test_it_is_as_the_driver_that_it_wraps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: FakeWorld, wrapped: Any
) -> None:
    install(monkeypatch, Plain, Whole)
    found = configured(tmp_path, f"wraps = {wrapped.name}")
    made = found.driver_class("faulty")
    assert made is found.driver_class("faulty")
    assert (made.capabilities, made.copies_by) == (wrapped.capabilities, wrapped.copies_by)
    assert catalogue._faults("faulty", made) == []
    for share in (world.make_share(), world.make_share(share_group_id="g")):
        assert (found.objection(share) is None) == (wrapped.objection(share) is None)
    environment = world.environment()

    def with_options(options: Any) -> Any:
        environment.options = options
        return environment

    driver = found.make("faulty", with_options)
    assert driver.health()["wraps"] == wrapped.name


def test_its_section_has_the_options_of_the_other_driver_and_the_end_of_a_restore_reaches_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: FakeWorld
) -> None:
    install(monkeypatch, Plain)
    found = configured(tmp_path, "wraps = plain", "depth = 7", "faults = gc:fail")
    environment = world.environment()

    def with_options(options: Any) -> Any:
        environment.options = options
        return environment

    driver = found.make("faulty", with_options)
    mark = mark_for(world.make_share())
    driver.forget_restore(mark, project_id=world.project_id)
    assert Plain.ended.pop() == (mark, world.project_id)
    with pytest.raises(ManilaRefused):
        driver.gc(bool)
    driver._faults.clear()
    assert driver.gc(bool) == [{"id": "left", "depth": 7}]


def test_every_method_of_the_contract_goes_through_it() -> None:
    """A new one of the base class would be answered by it, and not by the other driver."""
    own = vars(faulty.Faulty).keys() | {"health"}  # made of is_alive and _health
    contract = [name for name, member in inspect.getmembers(Driver, inspect.isroutine)]
    public = {name for name in contract if not name.startswith("_")}
    assert public - own == set()


@pytest.mark.parametrize("wraps", ["nosuch", "faulty"])
def test_what_it_cannot_wrap_is_an_error_that_names_its_option(tmp_path: Path, wraps: str) -> None:
    with pytest.raises((DriverUnknown, DriverUnsuitable)) as caught:
        configured(tmp_path, f"wraps = {wraps}")
    assert str(caught.value).startswith(f"[karbor_manila_driver_faulty] wraps = {wraps}: ")
