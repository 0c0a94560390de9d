# SPDX-License-Identifier: Apache-2.0
"""Browse: what was kept is mounted beside its share, by whom access was given to, and no longer."""

import pytest

from karbor_manila.drivers.abilities import Browsable
from karbor_manila.drivers.testing.world import View, World, mark_for, protect
from karbor_manila.manila.errors import NotMountable
from karbor_manila.manila.kept import Kept
from karbor_manila.manila.snapshot_access import Access

_HOST = Access("ip", "10.0.0.7")
_NETWORK = Access("ip", "10.1.0.0/16")


class Browsing:
    """For a driver that is :class:`~karbor_manila.drivers.abilities.Browsable`; others skip it."""

    @pytest.fixture
    def browser(self, world: World) -> Browsable:
        driver = world.driver()
        if not isinstance(driver, Browsable):
            pytest.skip("what this driver keeps cannot be mounted")
        if not world.mounts_snapshots:
            pytest.skip("this Manila mounts no snapshots")
        assert isinstance(driver, Browsable)
        return driver

    @pytest.fixture
    def kept(self, world: World, browser: Browsable) -> Kept:
        share = world.make_share(mount_snapshot_support=True)
        return protect(world.driver(), share, mark_for(share))

    def _grant(self, browser: Browsable, kept: Kept, access: Access = _HOST) -> str:
        rule_id = browser.allow_access(kept, access, ())
        assert rule_id
        browser.wait_access(kept, rule_id, access)
        return rule_id

    def test_what_is_kept_is_mounted_somewhere(self, browser: Browsable, kept: Kept) -> None:
        found = browser.inspect_access(kept)
        assert found.export_locations
        assert not found.inherits

    def test_a_share_whose_type_does_not_allow_it_is_refused(
        self, world: World, browser: Browsable
    ) -> None:
        share = world.make_share(mount_snapshot_support=False)
        kept = protect(world.driver(), share, mark_for(share))
        with pytest.raises(NotMountable):
            browser.inspect_access(kept)

    def test_who_mounts_the_share_mounts_what_is_kept_where_rules_are_inherited(
        self, world: World, browser: Browsable
    ) -> None:
        share: View = world.make_share(
            mount_snapshot_support=True, snapshot_inherit_share_access_support=True
        )
        found = browser.inspect_access(protect(world.driver(), share, mark_for(share)))
        assert found.inherits
        assert found.export_locations

    def test_a_rule_is_in_force_when_it_was_waited_for_and_gone_when_it_was_taken_back(
        self, world: World, browser: Browsable, kept: Kept
    ) -> None:
        rule_id = self._grant(browser, kept)
        other = self._grant(browser, kept, _NETWORK)
        rules = {rule["id"]: rule for rule in browser.access_rules(kept)}
        assert {rule["state"] for rule in rules.values()} == {"active"}
        assert _HOST.is_of(rules[rule_id])
        browser.revoke_access(kept, rule_id, project_id=world.project_id)
        assert [rule["id"] for rule in browser.access_rules(kept)] == [other]

    def test_nothing_to_take_back_is_success(
        self, world: World, browser: Browsable, kept: Kept
    ) -> None:
        rule_id = self._grant(browser, kept)
        browser.revoke_access(kept, rule_id, project_id=world.project_id)
        browser.revoke_access(kept, rule_id, project_id=world.project_id)
        browser.await_denied(kept, rule_id)
        world.remove(kept.id)
        browser.revoke_access(kept, rule_id, project_id=world.project_id)
        assert browser.access_rules(kept) == []

    def test_what_another_project_has_by_now_is_left_alone(
        self, world: World, browser: Browsable, kept: Kept
    ) -> None:
        rule_id = self._grant(browser, kept)
        overseer = world.overseer()
        assert isinstance(overseer, Browsable)
        overseer.revoke_access(kept, rule_id, project_id=world.other_project_id)
        assert [rule["id"] for rule in browser.access_rules(kept)] == [rule_id]

    def test_a_rule_that_somebody_else_asked_for_meanwhile_is_not_ours(
        self, browser: Browsable, kept: Kept
    ) -> None:
        self._grant(browser, kept)
        assert browser.allow_access(kept, _HOST, ()) is None
