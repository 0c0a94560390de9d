# SPDX-License-Identifier: Apache-2.0
"""The chapters of the demonstration, each through the API that a user has for it.

Runs in the karbor venv.
"""

import dataclasses
import urllib.parse
from pathlib import Path
from typing import Any

from sandbox import credentials
from sandbox.demo import checksums, content, people, schedule
from sandbox.demo.damage import damage
from sandbox.demo.reasons import DemoFailed
from sandbox.demo.report import ShareRow
from sandbox.demo.telling import Teller
from sandbox.info import StackInfo
from sandbox.tenant import SHARE, Tenant, wait

PROJECT = "demonstration"
USER = "demo"
MARK_KEY = "karbor_manila_mark"
CHECKPOINT_KEY = "karbor_manila_checkpoint"
REQUEST_SECONDS = 90


@dataclasses.dataclass
class Protected:
    """One of the shares, and what is known of it by now."""

    name: str
    id: str
    folder: Path
    before: checksums.Manifest
    damaged: checksums.Manifest = dataclasses.field(default_factory=dict)
    snapshot: str = ""
    restored: str = ""


class Story:
    """The demonstration: call ``tell`` once.

    :param info: the sandbox, with its users.
    :param folder: takes ``openrc`` and ``clouds.yaml`` of the demonstration's user.
    """

    def __init__(self, info: StackInfo, teller: Teller, folder: Path) -> None:
        self.info = info
        self.teller = teller
        self.folder = folder
        self.shares: list[Protected] = []

    def tell(self) -> list[ShareRow]:
        """Do everything, in order.

        :raises DemoFailed: something is not as it was promised.
        """
        for chapter in self.chapters:
            chapter(self)
        return [
            ShareRow(it.name, it.snapshot, it.restored, checksums.files(it.before))
            for it in self.shares
        ]

    def make_project(self) -> None:
        """A project and a plain member of it, as whom everything else is done."""
        with self.teller.chapter(
            "project",
            "Make a project and a user who is a plain member of it",
            "Keystone's API, with the administrator's password: POST /v3/projects, /v3/users",
        ):
            member = people.new_member(self.info, PROJECT, USER)
            self.info = dataclasses.replace(self.info, users={**self.info.users, USER: member})
            credentials.openrc(self.folder / "openrc", member)
            credentials.clouds(self.folder / "clouds.yaml", self.info.users)
            self.tenant = Tenant(self.info, USER)
            self.tenant.session.timeout = REQUEST_SECONDS
            self.teller.fact(f"project {PROJECT} ({member.project_id}), user {USER}")
            self.teller.fact("from here on everything is done as this user")

    def make_shares(self) -> None:
        """Three shares with different things in them."""
        with self.teller.chapter(
            "shares",
            "Make three shares and write files into them",
            "Manila's API: POST /v2/shares; the export of a share is a folder of this machine",
        ):
            for name, items in content.shares().items():
                self.teller.waiting(f"share {name} is being made")
                share = self.tenant.make_share(name)
                folder = self.tenant.folder(share.id)
                written = content.write(folder, items)
                kept = checksums.manifest(folder)
                self.shares.append(Protected(name, share.id, folder, kept))
                self.teller.fact(
                    f"{name:10} share {share.id}: {checksums.files(kept)} files and links, "
                    f"{written / content.MIB:.1f} MiB"
                )

    def protect(self) -> None:
        """One plan for the whole project, and a checkpoint of it."""
        with self.teller.chapter(
            "protect",
            "Protect the whole project with one plan",
            "Karbor's API (python-karborclient): POST /plans, POST /providers/ID/checkpoints",
        ):
            self.plan = self.tenant.plan_of_project()
            self.teller.fact(f"plan {self.plan.id} names the project, not its shares")
            self.teller.waiting("Karbor makes a snapshot of every share of the project")
            self.checkpoint = self.tenant.protect(self.plan)
            self.teller.fact(f"checkpoint {self.checkpoint.id} is {self.checkpoint.status}")
            snapshots = self._snapshots_of(self.checkpoint.id)
            for it in self.shares:
                if it.id not in snapshots:
                    raise DemoFailed(f"The checkpoint has no snapshot of the share {it.name}")
                it.snapshot = snapshots[it.id]
                self.teller.fact(f"{it.name:10} snapshot {it.snapshot}")

    def damage_files(self) -> None:
        """Every share is damaged, beyond what a user could mend by hand."""
        with self.teller.chapter(
            "damage",
            "Damage the files of all three shares",
            "no API: written into the shares as a user, or an intruder, would",
        ):
            for it in self.shares:
                done = damage(it.folder)
                it.damaged = checksums.manifest(it.folder)
                if not checksums.compare(it.before, it.damaged):
                    raise DemoFailed(f"The share {it.name} was not damaged")
                self.teller.fact(f"{it.name:10} {done}")

    def restore(self) -> None:
        """Each share comes back as a new share, beside the damaged one."""
        with self.teller.chapter(
            "restore",
            "Restore the checkpoint: each share comes back as a new one",
            "Karbor's API: POST /restores",
        ):
            named = {
                f"{SHARE}#{it.id}": {"restore_name": f"{it.name}-restored"} for it in self.shares
            }
            self.teller.waiting("Karbor makes a new share from every snapshot")
            restore = self.tenant.restore(self.checkpoint, named)
            self.teller.fact(f"restore {restore.id} ended with {restore.status}")
            restored = self._by_source(restore.resources_status)
            for it in self.shares:
                if it.id not in restored:
                    raise DemoFailed(f"The restore does not name a new share for {it.name}")
                it.restored = restored[it.id].id
                self.teller.fact(f"{it.name:10} share {it.restored} ({restored[it.id].name})")

    def compare(self) -> None:
        """The new shares are what was protected, and the old ones were not touched."""
        with self.teller.chapter(
            "compare",
            "Compare what was restored with what was protected",
            "no API: SHA-256 of every file, modes, link targets",
        ):
            for it in self.shares:
                self._same(it.before, self.tenant.folder(it.restored), f"restored {it.name}")
                self._same(it.damaged, it.folder, f"damaged {it.name}")
                count = checksums.files(it.before)
                self.teller.fact(
                    f"{it.name:10} {count} of {count} files and links identical; "
                    f"the damaged share was left as it is"
                )

    def run_schedule(self) -> None:
        """A schedule makes a checkpoint without us."""
        with self.teller.chapter(
            "schedule",
            "Let a schedule protect the project once more, on its own",
            "Karbor's API: POST /triggers (crontab), POST /scheduled_operations (protect)",
        ):
            made = schedule.start(self.tenant.karbor, self.plan)
            self.teller.fact(
                f"every day at {made.due:%H:%M} UTC, which is in {made.seconds_left():.0f} s"
            )
            begun = wait(
                "the scheduled checkpoint", lambda: self._scheduled(made),
                bool, schedule.LATEST + made.seconds_left(), 1.0,
            )  # fmt: skip
            self.teller.waiting("the schedule has run: Karbor makes the snapshots")
            self.second = self.tenant.wait_checkpoint(self.plan.provider_id, begun)
            self.teller.fact(
                f"checkpoint {self.second.id} is {self.second.status}, with "
                f"{len(self._snapshots_of(begun))} snapshots: the restored shares are in it, too"
            )
            schedule.remove(self.tenant.karbor, made)
            self.teller.fact("schedule and trigger are deleted")

    def delete_checkpoints(self) -> None:
        """Both checkpoints go, and with them every snapshot."""
        with self.teller.chapter(
            "delete",
            "Delete both checkpoints, and ask Manila what is left",
            "Karbor's API: DELETE /providers/ID/checkpoints/ID; Manila's: GET /v2/snapshots",
        ):
            self.teller.fact(f"before: {len(self.tenant.snapshots())} snapshots in the project")
            for checkpoint in (self.checkpoint, self.second):
                self.teller.waiting(f"Karbor deletes checkpoint {checkpoint.id}")
                self.tenant.delete(checkpoint)
                self.teller.fact(f"checkpoint {checkpoint.id} is deleted")
            left = self.tenant.snapshots()
            if left:
                ids = ", ".join(snapshot.id for snapshot in left)
                raise DemoFailed(f"{len(left)} snapshots are left in Manila: {ids}")
            self.teller.fact("after: no snapshot in the project")

    chapters = (
        make_project, make_shares, protect, damage_files, restore, compare, run_schedule,
        delete_checkpoints,
    )  # fmt: skip

    def _snapshots_of(self, checkpoint_id: str) -> dict[str, str]:
        """The snapshots of a checkpoint, by the share's id, as Manila lists them."""
        return {
            snapshot.share_id: snapshot.id
            for snapshot in self.tenant.snapshots()
            if snapshot.metadata.get(CHECKPOINT_KEY) == checkpoint_id
        }

    def _by_source(self, resources_status: dict[str, str]) -> dict[str, Any]:
        """The shares that a restore names, by the id of the share that they come from."""
        shares = [self.tenant.manila.shares.get(key.partition("#")[2]) for key in resources_status]
        marks = [urllib.parse.parse_qs(share.metadata.get(MARK_KEY, "")) for share in shares]
        return {
            mark.get("resource", [""])[0]: share for mark, share in zip(marks, shares, strict=True)
        }

    def _scheduled(self, made: schedule.Schedule) -> str | None:
        """The id of the checkpoint that the schedule made, once there is one."""
        left = made.seconds_left()
        self.teller.waiting(
            f"the schedule runs in {left:.0f} s" if left > 0 else "the schedule is due"
        )
        new = [c.id for c in self.tenant.checkpoints(self.plan) if c.id != self.checkpoint.id]
        return new[0] if new else None

    @staticmethod
    def _same(wanted: checksums.Manifest, folder: Path, what: str) -> None:
        different = checksums.compare(wanted, checksums.manifest(folder))
        if different:
            raise DemoFailed(f"The {what} share is not as it should be: {different}")
