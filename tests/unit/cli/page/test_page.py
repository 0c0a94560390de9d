# SPDX-License-Identifier: Apache-2.0
"""The page: nothing that others have named is obeyed, and every section says what there is."""

import datetime
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from karbor_manila.cli.page import render
from karbor_manila.cli.views.audited import Found
from karbor_manila.cli.views.face import face
from tests.fakes.forty import audit, forty
from tests.fakes.listed import DAY, HOUR, NOW, SHARE, World

#: What a name may be in Manila, Karbor or Keystone.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><style>*{display:none}",
    "{{ face.at }}{% raw %}",
    "javascript:alert(1)",
    "' onmouseover='alert(1)",
    "-->&lt;b&gt;",
    "\x1b[31mred\u202egnirts\u2028\x00",
)


class Tags(HTMLParser):
    """The tags of a page with their attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def hostile_world(word: str) -> World:
    """One name everywhere."""
    world = World()
    world.share("s1", word)
    world.share("s2", word, project=word)
    plan = world.plan(word, "s1", cron="0 2 * * *", plan_id="plan-1", max_backups=1)
    world.checkpoint(plan, 3 * DAY, hold={"why": word, "by": word, "until": word})
    found = world.checkpoint(plan, 2 * DAY)
    world.drill(found, DAY, {}, {"s1": word})
    world.checkpoint(plan, 30 * HOUR)
    world.checkpoint(plan, 5 * HOUR, status="error", reasons={f"{SHARE}#s1": word})
    world.missed(plan, 4 * HOUR, word)
    gap = {"type": SHARE, "id": "s1", "name": word, "reason": word, "kind": "broken"}
    world.checkpoint(plan, 3 * HOUR, left_out=[gap])
    world.checkpoint(plan, HOUR, status="protecting")
    return world


def drawn(world: World, **options) -> str:
    """The page of a world at NOW."""
    found = options.pop("audit", None)
    return render.page(face(world.listed(), audit=found), options.pop("now", NOW), **options)


@pytest.mark.parametrize("word", HOSTILE)
def test_a_hostile_name_is_shown_and_never_obeyed(word):
    found = [Found("orphan", word, word, word, word, word, word)]
    listed = hostile_world(word).listed(all_projects=True, not_listed=(word,))
    page = render.page(face(listed, audit=found), NOW, version=word, trouble=word)
    harmless = render.page(
        face(hostile_world("w").listed(all_projects=True, not_listed=("w",)), audit=found[:0]), NOW
    )
    tags = Tags(page).tags
    allowed = {tag for tag, _attributes in Tags(harmless).tags} | {"td", "tr"}
    assert {tag for tag, _attributes in tags} <= allowed
    assert [tag for tag, _attributes in tags if tag in ("script", "style")] == ["style", "script"]
    assert not [name for _tag, attributes in tags for name in attributes if name.startswith("on")]
    assert not [c for c in page if c in "\x1b\x00\u202e\u2028"]
    if word.isprintable():
        assert (
            page.count(html.escape(word, quote=False))
            + page.count(
                str(html.escape(word)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
            )
            > 10
        )


def test_the_page_needs_nothing_from_anywhere_and_its_policy_says_so():
    page = drawn(forty(), audit=audit())
    tags = Tags(page).tags
    for tag, attributes in tags:
        assert tag not in ("link", "img", "iframe", "form", "object", "base")
        assert "src" not in attributes
        assert "style" not in attributes  # the policy would not let it count
        assert str(attributes.get("href", "#")).startswith("#")
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    (policy,) = (
        str(attributes["content"])
        for _tag, attributes in tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy == render.policy()
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_the_hashes_of_the_policy_are_of_what_stands_in_the_page():
    page = drawn(World())
    for tag in ("style", "script"):
        (inner,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert f"{tag}-src 'sha256-{render._hash(inner)}'" in render.policy()


def test_every_link_leads_to_something_in_the_page():
    tags = Tags(drawn(forty(), audit=audit())).tags
    ids = [attributes["id"] for _tag, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {str(attributes["href"])[1:] for tag, attributes in tags if tag == "a"}
    assert links <= set(ids)
    assert {"protected", "too-old", "not-protected", "runs-protect-failed", "why-1"} <= links


def test_every_section_says_what_there_is():
    text = " ".join(Tags(drawn(forty(), audit=audit())).text.split())
    for said in (
        "16 protected",
        "13 too old",
        "8 not protected",
        "of 40 shares, 3 left out by their owners",
        "SnapshotLimitExceeded",
        "Add it to a plan, or make a plan for the whole project.",
        "Running now: 2",
        "19 of 29 shares that have a checkpoint came back in a drill",
        "The check said no: 3 of 1,204 files differ (exit code 1).",
        "The next runs of retention remove:",
        "Audit of the third quarter",
        "Stuck: 1",
        "Found by the audit: 2",
        "its status is error: an administrator of Manila has to reset it",
    ):
        assert said in text, said


def test_an_empty_project_has_a_page_too():
    text = " ".join(Tags(drawn(World())).text.split())
    assert "0 protected" in text
    assert "There is no plan." in text
    assert "Orphans and lost snapshots stand in no list of Karbor" in text


def test_the_time_of_the_data_is_on_top_and_old_data_is_marked():
    fresh = drawn(World(), now=NOW + datetime.timedelta(hours=24))
    old = drawn(World(), now=NOW + datetime.timedelta(hours=26))
    assert '<body class="old">' in old
    assert '<body class="old">' not in fresh
    for page in (fresh, old):
        assert "2026-11-27 09:30 UTC" in page
        assert page.index('id="at"') < page.index("<main>")


def test_what_could_not_be_listed_is_said_above_everything():
    page = render.page(face(World().listed(not_listed=("Karbor is away.",))), NOW)
    assert page.index("Karbor is away.") < page.index("<main>")


def test_long_lists_are_cut_and_say_so(monkeypatch):
    monkeypatch.setattr(render, "MOST_ROWS", 3)
    text = " ".join(Tags(drawn(forty(), audit=audit())).text.split())
    assert "and 5 more" in text


@pytest.mark.parametrize(
    "file", sorted(Path(render.__file__).parent.glob("*.html")), ids=lambda file: file.name
)
def test_no_list_is_cut_in_silence(file):
    template = file.read_text()
    for cut in set(re.findall(r"in ([\w.]+)\[:most\]", template)):
        assert f"{{% if {cut} | length > most %}}" in template


def test_every_state_of_a_day_has_a_word_and_a_letter_beside_its_colour():
    text = drawn(forty())
    assert "Mon 16 Nov: 1 failed. Snapshot of share" in text
    for state in ("good", "failed", "partial", "missed", "none"):
        assert f'<li class="day {state}"' in text
