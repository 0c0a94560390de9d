# SPDX-License-Identifier: Apache-2.0
"""Our transactions when many processes make them at the same moment: one of them gets it."""

import uuid
from typing import Any

import pytest

from karbor_manila.database.known_banks import KnownBanks
from karbor_manila.recovery.claim_table import NO_OWNER, ClaimTable
from tests.contract.database.claiming import claim
from tests.contract.database.servers import Database
from tests.unit.recovery.claims.stage import together

MANY = 6
ROUNDS = 8


@pytest.fixture
def tables(served: Database) -> list[ClaimTable]:
    """One for each process."""
    engines = [served.engine() for _each in range(MANY)]
    found = [ClaimTable(lambda engine=engine: engine) for engine in engines]
    for table in found:
        table.all()
    return found


def test_one_of_many_gets_a_claim(tables: list[ClaimTable]) -> None:
    for _round in range(ROUNDS):
        mine = [claim(thing) for thing in [str(uuid.uuid4())] * MANY]
        done = together(*(lambda t=t, c=c: t.insert(c) for t, c in zip(tables, mine, strict=True)))
        assert sorted(done) == [False] * (MANY - 1) + [True]
        row = tables[0].get(mine[0].id)
        assert row == mine[done.index(True)]


def test_one_of_many_takes_over(tables: list[ClaimTable]) -> None:
    thing = str(uuid.uuid4())
    known = claim(thing)
    assert tables[0].insert(known)
    for _round in range(ROUNDS):
        mine = [claim(thing) for _each in tables]
        done = together(
            *(lambda t=t, c=c, k=known: t.replace(k, c) for t, c in zip(tables, mine, strict=True))
        )
        assert sorted(done) == [False] * (MANY - 1) + [True]
        known = mine[done.index(True)]
        assert tables[-1].get(thing) == known


def test_a_claim_that_was_taken_over_is_not_given_back_by_who_lost_it(
    tables: list[ClaimTable],
) -> None:
    for _round in range(ROUNDS):
        lost = claim(str(uuid.uuid4()))
        new = claim(lost.id)
        tables[0].insert(lost)
        done = together(
            lambda new=new, lost=lost: tables[0].replace(lost, new),
            lambda lost=lost: tables[1].delete(lost.id, lost.token),
            lambda lost=lost: tables[2].disown(lost.id, lost.token),
        )
        row = tables[3].get(lost.id)
        assert done[1:] == [None, None]
        if done[0]:
            assert row == new
        else:
            assert row is None  # it was given back first


def test_all_kinds_at_once_end_without_an_error_and_leave_what_was_left(
    tables: list[ClaimTable],
) -> None:
    """Each works on things of its own and on those of all, of one checkpoint."""
    checkpoint = str(uuid.uuid4())
    shared = [str(uuid.uuid4()) for _each in range(3)]

    def work(table: ClaimTable) -> list[bool]:
        got = []
        for thing in shared * ROUNDS:
            mine, own = claim(thing, checkpoint), claim(str(uuid.uuid4()), checkpoint)
            assert table.insert(own)
            got.append(table.insert(mine))
            table.of_checkpoint(checkpoint)
            if got[-1]:
                table.disown(thing, mine.token)
                table.delete(thing, mine.token)
            table.delete(own.id, own.token)
        table.insert(claim(shared[0], checkpoint))
        return got

    done = together(*(lambda table=table: work(table) for table in tables))
    assert [each for each in done if isinstance(each, BaseException)] == []
    assert [row.id for row in tables[0].all()] == [shared[0]]


def test_a_row_that_lost_its_owner_is_read_so(tables: list[ClaimTable]) -> None:
    mine = claim(str(uuid.uuid4()))
    tables[0].insert(mine)
    tables[0].disown(mine.id, mine.token)
    row = tables[1].get(mine.id)
    assert row is not None
    assert row.owner == NO_OWNER


# -- the banks ---------------------------------------------------------------------------------


@pytest.fixture
def hosts(served: Database) -> list[KnownBanks]:
    engines = [served.engine() for _each in range(MANY)]
    found = [KnownBanks(lambda engine=engine: engine) for engine in engines]
    for host in found:
        host.all()
    return found


def test_many_who_add_a_bank_know_one(hosts: list[KnownBanks]) -> None:
    for number in range(ROUNDS):
        done = together(
            *(lambda h=h, n=number, i=i: h.add(f"p{n}", f"b{i}") for i, h in enumerate(hosts))
        )
        assert len({row.bank_id for row in done}) == 1


def test_a_bank_is_given_one_id_by_many(hosts: list[KnownBanks]) -> None:
    """Of two providers on one bank, whose id stands there for whoever comes second."""
    stands: list[str] = []

    def give() -> str:
        if not stands:
            stands.append(str(uuid.uuid4()))
        return stands[0]

    done = together(*(lambda h=h, i=i: h.give(f"p{i % 2}", give) for i, h in enumerate(hosts)))
    assert [each.bank_id for each in done] == stands * MANY
    assert {row.provider_id for row in hosts[0].all()} == {"p0", "p1"}


@pytest.mark.parametrize("known", [False, True])
def test_operators_who_accept_at_once_leave_one_of_their_banks(
    hosts: list[KnownBanks], known: bool
) -> None:
    for number in range(ROUNDS):
        provider = f"p{number}"
        if known:
            hosts[0].add(provider, "old")
        done = together(
            *(lambda h=h, p=provider, i=i: h.accept(p, f"b{i}") for i, h in enumerate(hosts))
        )
        assert [each for each in done if isinstance(each, BaseException)] == []
        row = hosts[0].get(provider)
        assert row is not None
        assert row.bank_id in {each.bank_id for each in done}


def test_who_accepts_while_others_give_and_add_has_the_last_word(hosts: list[KnownBanks]) -> None:
    for number in range(ROUNDS):
        provider = f"p{number}"
        calls: list[Any] = [
            lambda p=provider: hosts[0].accept(p, "accepted"),
            lambda p=provider: hosts[1].add(p, "added"),
            lambda p=provider: hosts[2].give(p, lambda: "given"),
        ]
        done = together(*calls)
        assert [each for each in done if isinstance(each, BaseException)] == []
        row = hosts[3].get(provider)
        assert row is not None
        assert row.bank_id == "accepted"
