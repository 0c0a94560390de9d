# SPDX-License-Identifier: Apache-2.0
"""The troubles that a walk may meet, as hypothesis draws them."""

from hypothesis import strategies as st

from sandbox import faults as f
from tests.walk import second
from tests.walk.fate import BANK, DATABASE, MANILA, Trouble

METHODS = (
    "shares",
    "share",
    "snapshots",
    "snapshot",
    "create_snapshot",
    "delete_snapshot",
    "create_share",
    "delete_share",
    "limits",
    "messages",
)

SNAPSHOT_STATUSES = ("available", "error", "error_deleting", "deleting", "creating", "unheard_of")
SHARE_STATUSES = ("available", "error", "error_deleting", "inactive", "unheard_of")

#: What others may do in Manila at any time, see World.change.
CHANGES = (
    "share extended",
    "share removed",
    "snapshot removed",
    "everything mended",
    "time passes",
    *(f"snapshot is {status}" for status in SNAPSHOT_STATUSES),
    *(f"share is {status}" for status in SHARE_STATUSES),
)

_METHOD = st.one_of(st.just(""), st.sampled_from(METHODS))
_CREATES = st.sampled_from(("create_snapshot", "create_share"))
_EARLY = st.integers(1, 5)
_AFTER = st.booleans()

TRANSIENT = st.builds(
    Trouble,
    st.just(f.TRANSIENT),
    st.just(MANILA),
    _METHOD,
    _EARLY,
    _AFTER,
    times=st.sampled_from((1, 1, 2, 3)),
)
REFUSED = st.builds(
    Trouble,
    st.just(f.REFUSED),
    st.just(MANILA),
    _METHOD,
    _EARLY,
    times=st.sampled_from((1, 1, 10**6)),
    detail=st.sampled_from((400, 403, 404, 413)),
)
OUTAGE = st.builds(
    Trouble,
    st.just(f.OUTAGE),
    st.just(MANILA),
    _METHOD,
    st.integers(1, 12),
    _AFTER,
    detail=st.sampled_from((10.0, 90.0, 400.0, 10.0**6)),
)
STRANGE = st.builds(
    Trouble,
    st.sampled_from((f.STRANGE,)),
    st.sampled_from((MANILA, BANK)),
    nth=st.integers(1, 12),
)
CHANGE = st.builds(
    Trouble,
    st.just("change"),
    st.just(MANILA),
    _METHOD,
    st.integers(1, 6),
    _AFTER,
    detail=st.sampled_from(CHANGES),
)
LATE = st.builds(
    Trouble,
    st.sampled_from((f.LATE, f.LATE_KILL, f.LATE_KILL)),
    st.just(MANILA),
    _CREATES,
    st.integers(1, 3),
    detail=st.sampled_from((0.05, 1.0, 5.0, 12.0)),
)
FAILING = st.builds(
    Trouble,
    st.just(f.FAILING),
    st.just(MANILA),
    st.sampled_from(("create_snapshot", "create_share", "delete_snapshot")),
)
BANK_AWAY = st.builds(
    Trouble,
    st.just(f.TRANSIENT),
    st.just(BANK),
    st.sampled_from(("update", "update", "delete", "get", "list")),
    st.integers(1, 15),
    st.just(False),
    times=st.sampled_from((1, 1, 4, 12, 10**6)),
)
DEATH = st.one_of(
    st.builds(Trouble, st.just(f.KILL), st.just(MANILA), _METHOD, _EARLY, _AFTER),
    st.builds(
        Trouble,
        st.just(f.KILL),
        st.just(BANK),
        st.sampled_from(("update", "update", "delete")),
        st.integers(1, 18),
        _AFTER,
    ),
    st.builds(Trouble, st.just(f.KILL), st.just(DATABASE), st.just("write"), st.integers(1, 12)),
)

_SOON = st.integers(1, 8)
_ACT = st.tuples(st.sampled_from(second.ACTS), st.integers(0, 10))

#: Somebody else acts while the process stands at a call, or has taken its work over meanwhile. A
#: process may be suspended anywhere but between a look at its claim and the write that follows.
SECOND = st.one_of(
    st.builds(Trouble, st.just("second"), st.just(MANILA), nth=_SOON, after=_AFTER, detail=_ACT),
    st.builds(
        Trouble,
        st.just("second"),
        st.just(BANK),
        st.sampled_from(("update", "update", "delete", "get")),
        _SOON,
        _AFTER,
        detail=_ACT,
    ),
)
#: Somebody ends what is being used, or uses what is being ended.
AT_ONCE = st.builds(
    Trouble,
    st.just("second"),
    st.just(MANILA),
    nth=st.integers(1, 5),
    after=_AFTER,
    detail=st.tuples(st.sampled_from(("delete", "delete", "restore", "reset")), st.just(0)),
)
PAUSE = st.one_of(
    st.builds(Trouble, st.just(f.PAUSE), st.just(MANILA), nth=_SOON, after=_AFTER, detail=_ACT),
    st.builds(
        Trouble,
        st.just(f.PAUSE),
        st.just(BANK),
        st.sampled_from(("update", "update", "delete")),
        _SOON,
        st.just(True),
        detail=_ACT,
    ),
)

ANY = st.one_of(DEATH, DEATH, TRANSIENT, REFUSED, OUTAGE, STRANGE, CHANGE, FAILING, LATE, BANK_AWAY)

#: None, one or two. The first is what hypothesis shrinks to.
SOME = st.one_of(
    st.just([]),
    st.lists(SECOND, min_size=1, max_size=2),
    st.lists(PAUSE, min_size=1, max_size=1),
    st.lists(TRANSIENT, min_size=1, max_size=2),
    st.lists(ANY, min_size=1, max_size=2),
    st.lists(ANY, min_size=2, max_size=3),
)
SETBACKS = st.one_of(st.just([]), st.lists(ANY, min_size=1, max_size=2))
