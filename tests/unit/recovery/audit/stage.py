# SPDX-License-Identifier: Apache-2.0
"""What the tests of the audit set up and look at."""

import json
import uuid
from collections.abc import Callable
from typing import Any

from karbor_manila.bank import identity
from karbor_manila.manila import marks
from karbor_manila.manila.marks import Mark
from karbor_manila.recovery.audit import Audit, Finding
from tests.fakes.manila import FakeManila
from tests.unit.banks import stored
from tests.unit.karbor_stage import (
    Service,
)

HOUR = 3600.0


OTHER_KARBOR = str(uuid.UUID(int=0x2))


def audit_of(service: Service, grace: float = 0.0) -> Audit:
    return Audit(service.provider, service.manager.claims, grace=grace, clock=service.cloud.clock)


def find(service: Service, grace: float = 0.0) -> list[Finding]:
    return audit_of(service, grace).find()


def fix_all(service: Service, grace: float = 0.0) -> list[str]:
    audit = audit_of(service, grace)
    return [str(audit.fix(finding)) for finding in audit.find()]


def actions(findings: list[Finding]) -> dict[str, str]:
    return {finding.snapshot_id: finding.action for finding in findings}


def protected(service: Service, *shares: str) -> Any:
    """An available checkpoint; of a new share unless given."""
    checkpoint = service.protect(service.plan(*(shares or [service.share()])))
    assert checkpoint.status == "available"
    return checkpoint


def snapshots_of(service: Service, checkpoint: Any) -> dict[str, str]:
    """The snapshot of each share, as Manila has them."""
    return {
        view["share_id"]: view["id"]
        for view in service.cloud.snapshots.values()
        if (found := marks.read(view)) and found.checkpoint == checkpoint.id
    }


def mark_of(service: Service, share: str, **fields: str) -> Mark:
    """A mark of our bank; of a checkpoint that it does not know unless given."""
    return Mark(
        **{
            "bank": identity.bank_id(service.provider.bank),
            "provider": service.provider.id,
            "checkpoint": str(uuid.uuid4()),
            "resource": share,
        }
        | fields
    )


def plant(service: Service, share: str, bears: Mark | None, project_id: str | None = None) -> str:
    """A snapshot that somebody made with this mark; the share's own project unless given."""
    project_id = project_id or service.cloud.shares[share]["project_id"]
    manila = FakeManila(service.cloud, project_id, service.microversion)
    tagged = manila.features.snapshot_metadata
    view = manila.create_snapshot(
        share,
        name="planted",
        description=bears.describe("text") if bears and not tagged else None,
        metadata=bears.metadata() if bears and tagged else None,
    )
    manila.snapshots()  # lets it become available
    return str(view["id"])


def give_up(service: Service) -> None:
    """An operator says that what the bank lacks by now is given up."""
    identity.accept(service.provider.bank, service.provider.id)


def orphaned(service: Service) -> str:
    """A snapshot whose checkpoint is not in the bank, and was given up."""
    share = service.share()
    snapshot_id = plant(service, share, mark_of(service, share))
    give_up(service)
    return snapshot_id


def snapshot_away(service: Service, checkpoint: Any, share: str) -> str:
    """Somebody removes the snapshot of a share behind Karbor's back."""
    snapshot_id = snapshots_of(service, checkpoint)[share]
    del service.cloud.snapshots[snapshot_id]
    return snapshot_id


def written(service: Service, checkpoint_id: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """The index of a checkpoint, changed where it lies."""
    path = stored(service.folder / "bank", f"/checkpoints/{checkpoint_id}/index.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def forget(service: Service, checkpoint: Any) -> None:
    """Karbor's database knows nothing of a checkpoint; that of an older backup, for instance."""
    for log in service.logs():
        if log.checkpoint_id == checkpoint.id:
            log.destroy()


def everything_in(service: Service) -> dict[str, Any]:
    """Manila and the bank, to compare."""
    bank = {
        str(path): path.read_bytes()
        for path in sorted((service.folder / "bank").rglob("*"))
        if path.is_file()
    }
    return {
        "shares": {key: dict(view) for key, view in service.cloud.shares.items()},
        "snapshots": {key: dict(view) for key, view in service.cloud.snapshots.items()},
        "bank": bank,
    }


NO_IDS = ["", "a b", "../..", "/", "x" * 255, "\x1b[31mred", "ünicode", "%s"]


DAMAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "empty": dict.clear,
    "no status": lambda index: index.pop("status"),
    "no project": lambda index: index.pop("project_id"),
    "no provider": lambda index: index.pop("provider_id"),
    "a new version": lambda index: index.update(version="7.0"),
    "a graph that is none": lambda index: index.update(resource_graph="{"),
    "a text that is no JSON": lambda index: index.update(extra_info="{"),
    "a text that is a list": lambda index: index.update(extra_info="[1]"),
    "reasons that are none": lambda index: index.update(extra_info='{"reasons": 5}'),
}
