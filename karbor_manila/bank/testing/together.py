# SPDX-License-Identifier: Apache-2.0
"""Several at work at the same moment, in one process and as several."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from karbor_manila.bank.testing.world import BankWorld, some_key

_WRITERS = 4


class Together:
    """No writer disturbs another, and no reader sees half of a value."""

    def test_writers_of_different_keys_lose_nothing(self, world: BankWorld) -> None:
        banks = [world.open() for _ in range(_WRITERS)]

        def write(worker: int) -> None:
            for turn in range(10):
                banks[worker].update_object(f"/turns/{worker}/{turn}", [worker, turn])

        with ThreadPoolExecutor(_WRITERS) as pool:
            list(pool.map(write, range(_WRITERS)))
        bank = world.open()
        keys = sorted(f"/turns/{worker}/{turn}" for worker in range(_WRITERS) for turn in range(10))
        assert sorted(bank.list_objects("/turns/")) == keys
        for key in keys:
            assert bank.get_object(key) == [int(part) for part in key.split("/")[2:]]

    def test_writers_of_one_key_leave_one_whole_value(self, world: BankWorld) -> None:
        key = some_key()
        banks = [world.open() for _ in range(_WRITERS)]
        values = [{"writer": writer, "filling": "x" * 50_000} for writer in range(_WRITERS)]

        def write(worker: int) -> None:
            for _turn in range(5):
                banks[worker].update_object(key, values[worker])

        with ThreadPoolExecutor(_WRITERS) as pool:
            list(pool.map(write, range(_WRITERS)))
        found = [world.open().get_object(key) for _ in range(3)]
        assert found[0] in values
        assert found == found[:1] * 3

    def test_a_reader_sees_the_old_value_or_the_new_one(self, world: BankWorld) -> None:
        key = some_key()
        values = ["a" * 200_000, "b" * 200_000]
        writer, reader = world.open(), world.open()
        writer.update_object(key, values[0])
        over = threading.Event()

        def write() -> None:
            try:
                for turn in range(30):
                    writer.update_object(key, values[turn % 2])
            finally:
                over.set()

        strange: list[Any] = []
        with ThreadPoolExecutor(1) as pool:
            job = pool.submit(write)
            while not over.is_set():
                found = reader.get_object(key)
                if found not in values:
                    strange.append(len(found))
            job.result()
        assert strange == []

    def test_one_bank_serves_several_threads(self, world: BankWorld) -> None:
        bank = world.open()

        def work(worker: int) -> None:
            for turn in range(8):
                key = f"/mine/{worker}"
                bank.update_object(key, turn)
                assert bank.get_object(key) == turn
                assert key in bank.list_objects("/mine/")
            bank.delete_object(f"/mine/{worker}")

        with ThreadPoolExecutor(_WRITERS) as pool:
            list(pool.map(work, range(_WRITERS)))
        assert [*bank.list_objects("/mine/")] == []

    def test_an_owner_id_is_one_of_each_process(self, world: BankWorld) -> None:
        bank, other = world.open(), world.open()
        assert bank.get_owner_id() == bank.get_owner_id() != other.get_owner_id()
