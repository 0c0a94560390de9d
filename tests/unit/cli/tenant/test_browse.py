# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila browse``: who may mount a snapshot, where, until when; and its end."""

import json

import pytest

from tests.fakes.karbor import SHARE
from tests.unit.cli.tenant.saying import ends, key

PLACES = ["10.0.0.1:/snapshots/snap-1"]
UNTIL = "2026-11-20T13:00:00+00:00"
ACCESS = {"type": "ip", "to": "10.0.0.7", "until": UNTIL}


def says(karbor, share="s1", **told):
    text = json.dumps({"depth": "browse", "export_locations": PLACES} | told)
    karbor.scripts["verification"] = ends("success", {key(share): "available"}, {key(share): text})


def asked(karbor):
    ((_kind, body),) = karbor.asked
    return body["parameters"]


def test_who_may_mount_the_snapshot_where_and_until_when(karbor, rows, two):
    says(karbor, way="granted", access=ACCESS)
    code, (row,) = rows("browse", two["id"], "home", "--to", "10.0.0.7", "--for", "1h30m")
    assert code == 0
    del row["Verification"]
    assert row == {
        "Share": "home",
        "ID": "s1",
        "Result": "granted",
        "To": "ip 10.0.0.7",
        "Until": UNTIL,
        "Export Locations": PLACES,
    }
    wide = {
        "depth": "browse",
        "include": "false",
        "browse_to": "10.0.0.7",
        "browse_type": "ip",
        "browse_for": "5400",
    }
    assert asked(karbor) == {SHARE: wide, f"{SHARE}#s1": {"include": "true"}}


def test_an_hour_is_usual_and_a_name_is_a_user(karbor, rows, two):
    says(karbor, way="granted", access=ACCESS)
    rows("browse", two["id"], "s1", "--to", "joe.doe")
    wide = asked(karbor)[SHARE]
    assert (wide["browse_type"], wide["browse_for"]) == ("user", "3600")


def test_the_only_share_need_not_be_named(karbor, rows):
    one = karbor.checkpoint(karbor.plan("one", (SHARE, "s1")))
    says(karbor, way="granted", access=ACCESS)
    code, (row,) = rows("browse", one["id"], "--to", "10.0.0.0/24")
    assert (code, row["ID"]) == (0, "s1")


def test_what_is_not_granted_is_said(karbor, run, two):
    says(karbor, way="inherited", told="Whoever may mount the share may mount this.")
    code, out, err = run("browse", two["id"], "home", "--to", "10.0.0.7")
    assert code == 0
    assert "Whoever may mount the share" in err
    assert PLACES[0] in out


def test_what_is_open_is_listed_of_all_shares(karbor, rows, two):
    says(karbor, way="listed", open=[ACCESS | {"state": "active"}])
    code, (row,) = rows("browse", two["id"], "--list")
    assert (code, row["Result"], row["To"]) == (0, "active", "ip 10.0.0.7")
    included = {name: values["include"] for name, values in asked(karbor).items()}
    assert included == {SHARE: "false", f"{SHARE}#s1": "true", f"{SHARE}#s2": "true"}


def test_the_end_of_one_access(karbor, rows, two):
    says(karbor, way="ended", ended=[ACCESS])
    code, (row,) = rows("browse", two["id"], "home", "--end", "--to", "10.0.0.7")
    assert (code, row["Result"], row["To"]) == (0, "ended", "ip 10.0.0.7")
    wide = asked(karbor)[SHARE]
    assert (wide["browse_end"], wide["browse_to"]) == ("true", "10.0.0.7")
    assert "browse_for" not in wide


def test_nothing_to_end_is_said(karbor, run, two):
    says(karbor, way="ended", ended=[])
    code, _out, err = run("browse", two["id"], "home", "--end")
    assert code == 0
    assert "No access to the snapshot of home (s1) is open." in err


def test_a_refusal_is_told_with_its_reason(karbor, run, two):
    why = "Snapshot snap-1 cannot be mounted."
    karbor.scripts["verification"] = ends("fail", {key("s1"): "error"}, {key("s1"): why})
    code, _out, err = run("browse", two["id"], "home", "--to", "10.0.0.7")
    assert (code, err.count(why)) == (1, 1)


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        ((), "Say who may mount the snapshot"),
        (("--to", "10.0.0.7/24"), "the network is 10.0.0.0/24"),
        (("--to", "10.0.0.256"), "neither an address"),
        (("--to", "joe"), "4 to 255 characters"),
        (("--to", "10.0.0.7", "--for", "soon"), "give it as 30m, 1h, 2d"),
        (("--to", "10.0.0.7", "--for", "60"), "give it as 30m, 1h, 2d"),
        (("--to", "10.0.0.7", "--for", "5s"), "10s at least"),
        (("--to", "10.0.0.7", "--for", "31d"), "30d at most"),
        (("--end", "--for", "1h"), "goes with --to alone"),
        (("--list", "--end"), "goes with neither"),
        (("--end", "--access-type", "ip"), "which is missing"),
        (("--to", "10.0.0.7"), "Say which SHARE"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_asked_for(karbor, run, two, argv, why):
    code, _out, err = run("browse", two["id"], *argv)
    assert (code, karbor.asked) == (2, [])
    assert why in err
