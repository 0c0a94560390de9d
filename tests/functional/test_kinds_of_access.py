# SPDX-License-Identifier: Apache-2.0
"""Access rules of CIFS and CephFS shares: given back as far as Manila takes them, and no key of a
rule is ever written down, on the real services."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import files
from sandbox.manila import knobs
from sandbox.stack import Stack
from sandbox.tenant import SHARE, Tenant, wait
from tests.functional.folders import contents, fill


def key(share: Any) -> str:
    return f"{SHARE}#{share.id}"


def make(alpha: Tenant, protocol: str) -> Any:
    share = alpha.manila.shares.create(protocol, 1, name=protocol.lower())
    alpha.wait_share(share.id)
    fill(alpha.folder(share.id), protocol)
    return share


def rules(tenant: Tenant, share: Any) -> list[Any]:
    listed: list[Any] = tenant.manila.share_access_rules.access_list(share)
    return listed


def allow(alpha: Tenant, share: Any, *given: tuple[str, str, str], state: str = "active") -> None:
    for kind, to, level in given:
        alpha.manila.shares.allow(share.id, kind, to, level)
    wait(
        "the rules",
        lambda: rules(alpha, share),
        lambda seen: {rule.state for rule in seen} <= {"active", "error"},
        120,
    )


def told_of(restore: Any, new: Any) -> list[str]:
    said: list[str] = json.loads(restore.resources_reason[key(new)])["not_restored"]
    return said


def seen(rule: Any) -> tuple[str, str, str, str]:
    return rule.access_type, rule.access_to, rule.access_level, rule.state


@pytest.fixture
def faults(stack: Stack) -> Iterator[Path]:
    path = stack.state.directory("manila") / "faults.json"
    yield path
    path.unlink(missing_ok=True)


CIFS = [("user", "alice", "rw"), ("user", "backup", "ro"), ("ip", "10.0.0.0/24", "ro")]
CEPHFS = [("cephx", "alice", "rw"), ("cephx", "bob", "ro")]


@pytest.mark.parametrize(
    ("protocol", "wanted"), [("CIFS", CIFS), ("CEPHFS", CEPHFS), ("NFS", [("cert", "cn", "rw")])]
)
def test_rules_of_each_kind_come_back(
    alpha: Tenant, protocol: str, wanted: list[tuple[str, str, str]]
) -> None:
    share = make(alpha, protocol)
    allow(alpha, share, *wanted)
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    restore = alpha.restore(checkpoint, {SHARE: {"access_rules": True}})
    new = alpha.restored_share(restore)
    assert new.share_proto == protocol
    assert contents(alpha.folder(new.id)) == contents(alpha.folder(share.id))
    assert sorted(map(seen, rules(alpha, new))) == sorted((*rule, "active") for rule in wanted)
    assert told_of(restore, new) == []
    alpha.delete(checkpoint)


def test_no_key_of_cephx_is_in_the_bank_in_the_report_or_in_a_log(
    alpha: Tenant, stack: Stack
) -> None:
    share = make(alpha, "CEPHFS")
    allow(alpha, share, *CEPHFS)
    secrets = [rule.access_key for rule in rules(alpha, share)]
    assert all(secrets)
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    restore = alpha.restore(checkpoint, {SHARE: {"access_rules": True}})
    new = alpha.restored_share(restore)
    assert [rule.access_key for rule in rules(alpha, new)]  # Ceph gave them their keys
    # Not the leases, which Karbor writes anew meanwhile.
    stored = [
        path for path in stack.info.bank.rglob("*") if path.is_file() and "leases" not in path.parts
    ]
    for path in [*stored, stack.info.logs["karbor"]]:
        assert not [secret for secret in secrets if secret.encode() in path.read_bytes()], path
    assert not [secret for secret in secrets if secret in str(restore.to_dict())]
    alpha.delete(checkpoint)


def test_a_rule_that_the_backend_refuses_is_told_with_the_cure_and_harms_nothing(
    alpha: Tenant, faults: Path
) -> None:
    share = make(alpha, "CIFS")
    allow(alpha, share, *CIFS)
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    knobs.write(faults, {"refuse": ["backup"]})
    restore = alpha.restore(checkpoint, {SHARE: {"access_rules": True}})
    new = alpha.restored_share(restore)
    states = {rule.access_to: rule.state for rule in rules(alpha, new)}
    assert states == {"alice": "active", "backup": "error", "10.0.0.0/24": "active"}
    (said,) = told_of(restore, new)
    assert "access rule user backup (ro): its state is 'error'" in said
    assert "openstack share access delete" in said
    alpha.delete(checkpoint)


def test_a_rule_in_error_is_not_recorded(alpha: Tenant, stack: Stack) -> None:
    """Manila takes any type for any protocol; the backend makes it an error."""
    share = make(alpha, "NFS")
    allow(alpha, share, ("ip", "10.0.0.1", "rw"), ("cephx", "alice", "rw"))
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    page = stack.info.bank / "karbor/checkpoints" / checkpoint.id / "resource-data" / share.id
    recorded = files.read_json(page / "metadata")
    assert [rule["access_to"] for rule in recorded["access_rules"]] == ["10.0.0.1"]
    restore = alpha.restore(checkpoint, {SHARE: {"access_rules": True}})
    assert [seen(rule) for rule in rules(alpha, alpha.restored_share(restore))] == [
        ("ip", "10.0.0.1", "rw", "active")
    ]
    alpha.delete(checkpoint)
