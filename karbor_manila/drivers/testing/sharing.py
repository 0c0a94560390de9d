# SPDX-License-Identifier: Apache-2.0
"""What is about shares in general, whatever driver protects them: who may mount one, and where."""

import uuid

from karbor_manila.drivers.testing.world import View, World, shares_of


class Sharing:
    """Who may mount a share, and where."""

    def test_access_rules_are_read_without_keys_and_given_to_another_share(
        self, world: World, share: View
    ) -> None:
        shares = shares_of(world.driver())
        rules = [
            {
                "access_type": "ip",
                "access_to": "127.0.0.9",
                "access_level": "ro",
                "metadata": {},
            }
        ]
        assert shares.grant(share["id"], rules) == []
        assert shares.access_rules(share["id"]) == rules
        assert shares.grant(share["id"], rules) == []  # a reply that was lost does not matter

    def test_a_rule_that_does_not_come_into_force_is_told(self, world: World, share: View) -> None:
        problems = shares_of(world.driver()).grant(share["id"], [world.refused_rule()])
        assert len(problems) == 1

    def test_a_share_says_where_it_is_mounted(self, world: World, share: View) -> None:
        assert shares_of(world.driver()).export_locations(share["id"])

    def test_a_share_is_shown_by_its_id_and_what_is_not_there_is_none(
        self, world: World, share: View
    ) -> None:
        shown = shares_of(world.driver()).show(share["id"])
        assert shown is not None
        assert shown["id"] == share["id"]
        assert shares_of(world.driver()).show(str(uuid.uuid4())) is None
