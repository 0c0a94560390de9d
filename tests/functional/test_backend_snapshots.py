# SPDX-License-Identifier: Apache-2.0
"""Snapshots that can be mounted, rules that are refused, and what is managed, through Manila."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from manilaclient import exceptions

from sandbox import files
from sandbox.manila import knobs
from sandbox.stack import Stack
from sandbox.tenant import Tenant, wait
from tests.functional.folders import contents, fill
from tests.functional.snapshots import snapshot_of


@pytest.fixture
def admin(stack: Stack) -> Tenant:
    return Tenant(stack.info, "admin")


@pytest.fixture
def faults(stack: Stack) -> Iterator[Path]:
    path = stack.state.directory("manila") / "faults.json"
    yield path
    path.unlink(missing_ok=True)


def tried(look: Any, address: str) -> Any:
    """The rule for an address, once the backend has been asked for it."""
    (rule,) = wait(
        "the rule",
        lambda: [one for one in look() if one.access_to == address],
        lambda seen: seen and seen[0].state in ("active", "error"),
        120,
    )
    return rule


def test_a_snapshot_is_mounted_and_given_back(
    empty_alpha: Tenant, admin: Tenant, stack: Stack, faults: Path
) -> None:
    share = empty_alpha.make_share("mounted")
    fill(empty_alpha.folder(share.id), "then")
    then = contents(empty_alpha.folder(share.id))
    snapshot = snapshot_of(empty_alpha, share)
    fill(empty_alpha.folder(share.id), "now")
    (location,) = empty_alpha.manila.share_snapshot_export_locations.list(snapshot)
    folder = Path(location.path.partition(":")[2])
    assert contents(folder) == then

    snapshots = empty_alpha.manila.share_snapshots
    snapshots.allow(snapshot, "ip", "10.0.0.7")
    rule = tried(lambda: snapshots.access_list(snapshot), "10.0.0.7")
    assert rule.state == "active"
    enforced = stack.info.shares / "access" / f"{folder.parent.name}.json"
    assert files.read_json(enforced) == [{"level": "ro", "to": "10.0.0.7", "type": "ip"}]
    snapshots.deny(snapshot, rule.id)
    wait("its end", lambda: snapshots.access_list(snapshot), lambda left: not left, 120)
    assert files.read_json(enforced) == []

    knobs.write(faults, {"refuse": ["10.9.9.9"]})
    snapshots.allow(snapshot, "ip", "10.9.9.9")
    assert tried(lambda: snapshots.access_list(snapshot), "10.9.9.9").state == "error"
    rules = empty_alpha.manila.share_access_rules
    for address in ("10.9.9.9", "10.0.0.8"):
        empty_alpha.manila.shares.allow(share, "ip", address, "rw")
    assert tried(lambda: rules.access_list(share), "10.9.9.9").state == "error"
    assert tried(lambda: rules.access_list(share), "10.0.0.8").state == "active"


def test_types_without_mounts_or_with_the_rules_of_the_share(empty_alpha: Tenant) -> None:
    plain = empty_alpha.make_share("not mounted", share_type="norevert")
    snapshots = empty_alpha.manila.share_snapshots
    with pytest.raises(exceptions.BadRequest):
        snapshots.allow(snapshot_of(empty_alpha, plain), "ip", "10.0.0.7")
    inherits = empty_alpha.make_share("inherits", share_type="inherit")
    fill(empty_alpha.folder(inherits.id), "then")
    snapshot = snapshot_of(empty_alpha, inherits)
    with pytest.raises(exceptions.ClientException):
        snapshots.allow(snapshot, "ip", "10.0.0.7")
    (location,) = empty_alpha.manila.share_snapshot_export_locations.list(snapshot)
    assert contents(Path(location.path.partition(":")[2])) != {}


def test_what_is_unmanaged_is_managed_again(empty_alpha: Tenant, admin: Tenant) -> None:
    share = empty_alpha.make_share("given up")
    fill(empty_alpha.folder(share.id), "then")
    then = contents(empty_alpha.folder(share.id))
    snapshot = snapshot_of(empty_alpha, share)
    fill(empty_alpha.folder(share.id), "now")

    provider = admin.manila.share_snapshots.get(snapshot.id).provider_location
    admin.manila.share_snapshots.unmanage(snapshot.id)
    wait("its end", empty_alpha.snapshots, lambda left: not left, 120)
    host = admin.manila.shares.get(share.id).host
    location = f"127.0.0.1:{empty_alpha.folder(share.id)}"
    admin.manila.shares.unmanage(share.id)
    wait("its end", empty_alpha.shares, lambda left: not left, 120)

    made = admin.manila.shares.manage(host, "NFS", location, share_type="sandbox")
    again = admin.wait_share(made.id)
    assert (again.size, again.id == share.id) == (1, False)
    taken = admin.manila.share_snapshots.manage(again.id, provider)
    wait(
        "the snapshot",
        lambda: admin.manila.share_snapshots.get(taken.id),
        lambda seen: seen.status == "available",
        120,
    )
    assert contents(admin.folder(again.id)) != then
    admin.manila.shares.revert_to_snapshot(again.id, taken.id)
    admin.wait_share(again.id)
    assert contents(admin.folder(again.id)) == then
    admin.clean()


def test_a_share_is_mounted_under_the_name_it_was_given(empty_alpha: Tenant) -> None:
    named = {"share_type": "named", "mount_point_name": "home"}
    share = empty_alpha.make_share("named", **named)
    folder = empty_alpha.folder(share.id)
    assert folder.name.endswith("home")  # Manila puts the project before it
    fill(folder, "then")
    refused = empty_alpha.manila.shares.create("NFS", 1, **named)
    empty_alpha.wait_share(refused.id, "error")
    copied = {**named, "mount_point_name": "copy"}
    copy = empty_alpha.make_share("copy", snapshot_id=snapshot_of(empty_alpha, share).id, **copied)
    assert contents(empty_alpha.folder(copy.id)) == contents(folder)
