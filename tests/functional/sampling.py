# SPDX-License-Identifier: Apache-2.0
"""What a run of all functional tests leaves out, so that CI ends within its time on a slow machine:
of long tables and files it takes a part, another one each time. Named on the command line, a file
is run whole; ``tox -e functional -- tests/functional/test_*.py`` is all there is.

``KARBOR_MANILA_SEED=4711`` repeats the choice of a run; the header of the run has its seed.
"""

import os
import random
from collections import defaultdict
from collections.abc import Collection
from typing import Final

import pytest

#: How much of a table is taken, by file or by file and function.
PARTS: Final = {
    "test_contract": 1 / 3,
    "test_backup_contract": 1 / 5,
    "test_group_contract": 1 / 5,
    "test_s3_contract": 1 / 12,
    "test_swift_contract": 1 / 12,
    # What Karbor's own bank breaks does not change: only when the file is named.
    "test_swift_contract_karbors": 0,
    # All of them: ``tox -e faults``, ``tox -e crash``, or the file by its name.
    "test_fault_table::test_a_transient_error_on_any_call_is_retried": 1 / 4,
    "test_fault_table::test_a_refusal_is_final_told_and_leaves_nothing": 1 / 3,
    "test_fault_table::test_a_failing_bank_loses_nothing": 1 / 3,
    "test_fault_table::test_things_that_are_not_as_they_should_be_are_waited_for_or_told": 1 / 3,
    "test_two_processes::test_who_wakes_up_after_a_takeover_changes_nothing_that_was_told": 1 / 3,
    "test_two_processes::test_two_who_act_at_once_are_both_told_the_truth": 1 / 3,
    "test_fault_table::test_what_never_ends_is_given_up_told_and_accounted_for": 1 / 3,
    "test_fault_table::test_a_failing_backend_is_told_and_leaves_nothing_unaccounted_for": 1 / 3,
    "test_fault_table::test_backups_under_the_same_faults": 1 / 5,
    "test_fault_table::test_groups_under_the_same_faults": 1 / 5,
    "test_two_processes::test_nor_does_it_with_other_drivers": 1 / 4,
    "test_cluster_crash::test_ten_plans_come_to_an_end": 1 / 3,
}


#: One promise on two stores: one of them in a run.
EITHER: Final = (
    "test_s3_bank::test_the_promise_is_kept_wherever_karbor_dies",
    "test_swift_bank::test_the_promise_is_kept_wherever_karbor_dies",
)

#: Of every other file, at most so many tests; of these, all.
MOST: Final = 4
WHOLE: Final = frozenset(
    {
        "test_main_job",
        "test_crash_sample",
        "test_cluster",
        "test_microversions",
        "test_s3_bank",
        "test_swift_bank",
    }
)


def left_out(config: pytest.Config, items: Collection[pytest.Item]) -> set[pytest.Item]:
    """The tests that this run does not take."""
    chance = random.Random(seed())  # noqa: S311 - a sample, not a secret
    parts = PARTS | dict.fromkeys(EITHER, 0) | {chance.choice(EITHER): 1}
    tables: dict[str, list[pytest.Item]] = defaultdict(list)
    others: dict[str, list[pytest.Item]] = defaultdict(list)
    with_tables = {table.partition("::")[0] for table in parts}
    for item in items:
        file, function = item.path.stem, getattr(item, "originalname", item.name)
        if any(file in argument for argument in config.args):
            continue
        for table in {file, f"{file}::{function}"} & parts.keys():
            tables[table].append(item)
        if file not in with_tables | WHOLE:
            others[file].append(item)
    out: set[pytest.Item] = set()
    for table in sorted(tables):
        of_it = tables[table]
        out.update(chance.sample(of_it, len(of_it) - round(len(of_it) * parts[table])))
    for file in sorted(others):
        out.update(chance.sample(others[file], max(0, len(others[file]) - MOST)))
    return out


def seed() -> int:
    """The seed of this run, the same in all workers (conftest.pytest_configure)."""
    return int(os.environ["KARBOR_MANILA_SEED"])
