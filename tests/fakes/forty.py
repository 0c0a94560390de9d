# SPDX-License-Identifier: Apache-2.0
"""Forty shares in all states, over a month: what the report's picture is made from."""

from karbor_manila.cli.views.audited import Found
from tests.fakes.listed import DAY, HOUR, SHARE, World

NIGHTLY, HOURLY, WEEKLY = "0 2 * * *", "0 * * * *", "0 3 * * 0"

#: NOW is half past nine: the nightly runs were so long ago.
LAST_NIGHT = 7.5 * HOUR

QUOTA = (
    "Manila refused to create a snapshot of share {}: HTTP 413, SnapshotLimitExceeded: Maximum "
    "number of snapshots allowed (50) exceeded. Remove snapshots or ask for more quota."
)
BUSY = (
    "Snapshot of share {} was not available within 3600 seconds, and Manila still says creating. "
    "An administrator looks at the share's back end."
)

NAMES = {
    "office": ["finance", "contracts", "hr", "board", "sales", "marketing", "travel", "archive"],
    "build": ["ci-cache", "artifacts", "packages", "images", "toolchains", "sources"],
    "research": ["genome-a", "genome-b", "imaging", "telescope", "weather", "models", "papers"],
    "web": ["www", "blog", "shop", "media", "uploads", "logs"],
    "home": ["ada", "grace", "linus", "margaret", "barbara", "edsger", "tony"],
}
ALONE = ["scratch", "old-wiki", "import-2024"]
LEFT_OUT = ["tmp", "swap-space", "thumbnails"]


def forty() -> World:
    """37 shares in five plans or none, and three that their owners left out."""
    world = World()
    for names in NAMES.values():
        for name in names:
            world.share(_id(name), name)
    for name in ALONE:
        world.share(_id(name), name)
    for name in LEFT_OUT:
        world.share(_id(name), name, metadata={"karbor:protect": "no"})
    _office(world)
    _build(world)
    _research(world)
    _web(world)
    _home(world)
    return world


def _id(name: str) -> str:
    """A share's id by its name, as Manila's look."""
    return f"{sum(map(ord, name)):08x}-{len(name):04x}-4000-8000-{name.encode().hex():0>12.12}"


def _ids(group: str) -> list[str]:
    return [_id(name) for name in NAMES[group]]


def _office(world: World) -> None:
    """Well: every night for a month, one failed night, drilled, one checkpoint held."""
    plan = world.plan("office", *_ids("office"), cron=NIGHTLY, max_backups=14)
    made = []
    for day in range(29, -1, -1):
        age = day * DAY + LAST_NIGHT
        if day == 11:
            share = _id("sales")
            said = {f"{SHARE}#{share}": BUSY.format(share)}
            world.checkpoint(plan, age, status="error", reasons=said)
        elif day == 20:
            hold = {"why": "Audit of the third quarter", "by": "ada", "until": "2027-03-31"}
            world.checkpoint(plan, age, hold=hold)
        else:
            made.append(world.checkpoint(plan, age, took=95))
    seconds = {share: 4.0 + 1.7 * n for n, share in enumerate(_ids("office"))}
    world.drill(made[-4], 3 * DAY, seconds)


def _build(world: World) -> None:
    """Too old: out of quota since four days, after a month of nights."""
    plan = world.plan("build", *_ids("build"), cron=NIGHTLY, retention_duration=21)
    for day in range(29, -1, -1):
        age = day * DAY + LAST_NIGHT
        if day >= 4:
            found = world.checkpoint(plan, age, took=240)
            if day == 25:
                seconds = {share: 31.5 + n for n, share in enumerate(_ids("build"))}
                world.drill(found, 24 * DAY, seconds)
        else:
            said = {f"{SHARE}#{share}": QUOTA.format(share) for share in _ids("build")}
            world.checkpoint(plan, age, status="error", reasons=said)


def _research(world: World) -> None:
    """Every Sunday, but for one share that is in error; a drill that went wrong; one runs now."""
    plan = world.plan("research", *_ids("research"), cron=WEEKLY)
    lost = _id("telescope")
    whole = [share for share in _ids("research") if share != lost]
    gap = {
        "type": SHARE,
        "id": lost,
        "name": "telescope",
        "reason": "its status is error: an administrator of Manila has to reset it",
        "kind": "broken",
    }
    for week in range(4, -1, -1):
        age = week * 7 * DAY + 5 * DAY + 6.5 * HOUR
        if week > 2:
            found = world.checkpoint(plan, age, took=900)
        else:
            found = world.checkpoint(plan, age, *whole, took=900, left_out=[gap])
    bad = "The check said no: 3 of 1,204 files differ (exit code 1)."
    good = {share: 120.0 + 9 * n for n, share in enumerate(whole) if share != _id("models")}
    world.drill(found, 2 * DAY, good, {_id("models"): bad})
    world.checkpoint(plan, 0.6 * HOUR, status="protecting")


def _web(world: World) -> None:
    """Every hour; one is stuck since yesterday, and the last runs were missed."""
    plan = world.plan("web", *_ids("web"), cron=HOURLY, max_backups=48)
    for hour in range(40, 26, -1):
        world.checkpoint(plan, hour * HOUR, took=30)
    world.checkpoint(plan, 26 * HOUR, status="protecting")
    why = (
        "Schedule web made no checkpoint: the user who made it was disabled in Keystone. Another "
        "user of the project makes the schedule again."
    )
    for hour in (3, 2, 1):
        world.missed(plan, hour * HOUR, why)


def _home(world: World) -> None:
    """A plan that nobody has run yet, and one copy of an old one."""
    world.plan("home", *_ids("home"))
    old = world.plan("everything by hand", _id("old-wiki"), _id("import-2024"))
    found = world.checkpoint(old, 19 * DAY)
    world.checkpoint(old, 18 * DAY, copy_of=found["id"])
    for day in (6, 13):
        world.log(
            "restore",
            found,
            day * DAY,
            "success",
            plan_id=old["id"],
            ended_at="2026-11-21T12:00:00",
        )


def audit() -> list[Found]:
    """What an operator's audit of the same bank found."""
    snapshot = "5e0b3c1a-77aa-4b0e-9d2e-0c3f5d1e9a42"
    why = "No checkpoint of this bank accounts for it: its checkpoint was deleted."
    return [
        Found("orphan", snapshot, _id("shop"), "", "p1", why, "remove the snapshot"),
        Found(
            "lost",
            "9a41d0de-1b7c-4f35-8f5d-6f0f3f2b7d11",
            _id("papers"),
            "cp-61",
            "p1",
            "Manila does not have it any more.",
            "say so in the checkpoint",
        ),
    ]
