# SPDX-License-Identifier: Apache-2.0
"""What a restore gives back on the real Manila, with bytes compared, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.proxy.control import Proxy
from sandbox.tenant import SHARE, Tenant

WRITING = ("POST ", "PUT ", "DELETE ")


class Scene:
    """Two shares with bytes, metadata and access rules, and a checkpoint of them."""

    def __init__(self, alpha: Tenant) -> None:
        self.alpha = alpha
        self.one, self.two = (alpha.make_share(name, metadata={"of": name}) for name in ("1", "2"))
        self.bytes = {}
        for share in (self.one, self.two):
            self.bytes[share.id] = share.id.encode() * 50_000
            (alpha.folder(share.id) / "data").write_bytes(self.bytes[share.id])
        alpha.manila.shares.allow(self.one.id, "ip", "127.0.0.77", "ro")
        self.checkpoint = alpha.protect(alpha.plan_of_shares([self.one, self.two]))
        self.before = {share.id for share in alpha.shares()}

    def restore(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The new shares by the share that each was made from, and what is told of each."""
        restore = self.alpha.restore(self.checkpoint, parameters)
        new = {}
        for key, reason in restore.resources_reason.items():
            if key.partition("#")[2] in self.before:
                new[key.partition("#")[2]] = (None, reason)
                continue
            told = json.loads(reason)
            source = told["restored_from"]["share_id"]
            share = self.alpha.manila.shares.get(key.partition("#")[2])
            new[source] = (share, told)
        return new

    def rules(self, share: Any) -> list[Any]:
        listed: list[Any] = self.alpha.manila.share_access_rules.access_list(share)
        return listed

    def same(self, source: str, share: Any) -> bool:
        return bool((self.alpha.folder(share.id) / "data").read_bytes() == self.bytes[source])


@pytest.fixture(scope="module")
def scene(alpha: Tenant) -> Scene:
    return Scene(alpha)


def written(proxy: Proxy) -> dict[str, int]:
    return {call: n for call, n in proxy.counts().items() if call.startswith(WRITING)}


def test_a_new_share_has_the_bytes_and_the_metadata_and_says_where_it_is(scene: Scene) -> None:
    for source, (share, told) in scene.restore({}).items():
        assert scene.same(source, share)
        assert share.metadata["of"] in ("1", "2")
        assert Path(told["export_locations"][0].partition(":")[2]) == scene.alpha.folder(share.id)
        assert not share.is_public
        assert scene.rules(share) == []


def test_access_rules_come_back_when_asked_and_size_grows_for_one_share_alone(
    scene: Scene,
) -> None:
    new = scene.restore(
        {
            SHARE: {"access_rules": True},
            f"{SHARE}#{scene.one.id}": {"size": 2, "restore_name": "larger"},
        }
    )
    larger, _told = new[scene.one.id]
    other, _told = new[scene.two.id]
    assert (larger.size, larger.name, other.size, other.name) == (2, "larger", 1, "2")
    (rule,) = scene.rules(larger)
    assert (rule.access_to, rule.access_level, rule.state) == ("127.0.0.77", "ro", "active")
    assert scene.same(scene.one.id, larger)


def test_a_share_that_is_left_out_is_not_restored_and_told(scene: Scene) -> None:
    new = scene.restore({f"{SHARE}#{scene.two.id}": {"include": False}})
    assert new[scene.two.id] == (None, "Left out, as asked for (include).")
    assert scene.same(scene.one.id, new[scene.one.id][0])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"size": 0}, "'size' cannot be 0"),
        ({"share_type": "nosnap"}, "'share_type' cannot be 'nosnap'"),
        ({"share_network_id": "net"}, "'share_network_id' cannot be 'net'"),
        ({"share_id": "00000000-0000-4000-8000-000000000001"}, "not supported"),
        ({"remove_newer": True}, "in place (share_id)"),
        ({"restore_name": "n" * 256}, "at most 255 characters"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("call", ["restore", "verify"])
def test_what_cannot_be_done_is_refused_by_name_and_nothing_is_written(
    scene: Scene, proxy: Proxy, wrong: dict[str, Any], said: str, call: str
) -> None:
    """For one share of the two; the other one is not begun either."""
    parameters: dict[str, Any] = {f"{SHARE}#{scene.one.id}": wrong}
    if call == "verify":
        parameters[SHARE] = {"depth": "plan"}
    record = getattr(scene.alpha, call)(scene.checkpoint, parameters, status="fail")
    assert said in str(record.resources_reason)
    assert written(proxy) == {}


def test_a_plan_is_told_without_a_writing_call(scene: Scene, proxy: Proxy) -> None:
    parameters = {SHARE: {"depth": "plan", "size": 3}}
    verification = scene.alpha.verify(scene.checkpoint, parameters)
    for source in (scene.one.id, scene.two.id):
        plan = json.loads(verification.resources_reason[f"{SHARE}#{source}"])
        assert (plan["way"], plan["new"]["size"]) == ("new share", 3)
    assert written(proxy) == {}
