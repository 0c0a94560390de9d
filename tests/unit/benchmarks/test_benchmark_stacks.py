# SPDX-License-Identifier: Apache-2.0
"""Which packages and functions py-spy saw."""

from benchmarks.stacks import Line, Profile, groups_of

ROOT = "GreenPool._spawn_n_impl (eventlet/greenpool.py:84)"
RUN = "ActionEngine.run (taskflow/engines/action_engine/engine.py:256)"
OURS = "on_main (karbor_manila/operations/share_operation.py:65)"
BANK = "write (karbor_manila/bank/filesystem/plugin.py:1)"
DUMPS = "dumps (json/__init__.py:183)"
RAW = [f"{ROOT};{RUN};{OURS};{RUN} 6", f"{ROOT};{OURS};{BANK};{DUMPS} 3", f"{DUMPS} 1", ""]


def test_a_frame_belongs_to_its_package_and_ours_to_its_room():
    assert groups_of(ROOT) == ("eventlet",)
    assert groups_of("f (oslo_log/log.py:1)") == ("oslo",)
    assert groups_of("f (oslo_db/api.py:1)") == ("sqlalchemy, oslo.db",)
    assert groups_of("f (karbor/services/protection/manager.py:1)") == ("Karbor",)
    assert groups_of(BANK) == ("karbor_manila", "karbor_manila/bank")
    assert groups_of("f (karbor_manila/manager.py:9)") == (
        "karbor_manila",
        "karbor_manila/manager",
    )
    assert groups_of(DUMPS) == ()
    assert groups_of("<module> (<string>:1)") == ()


def test_a_sample_counts_once_for_a_function_that_is_on_the_stack_twice():
    profile = Profile.parse(RAW)
    assert profile.samples == 10
    lines = profile.functions()
    assert Line(RUN, inclusive=6, own=6) in lines
    assert lines[0] == Line(ROOT, inclusive=9, own=0)


def test_the_standard_library_belongs_to_the_package_that_calls_it():
    lines = {line.name: line for line in Profile.parse(RAW).packages()}
    assert lines["eventlet"] == Line("eventlet", 9, 0)
    assert lines["taskflow"] == Line("taskflow", 6, 6)
    assert lines["karbor_manila"] == Line("karbor_manila", 9, 0)
    assert lines["karbor_manila/bank"] == Line("karbor_manila/bank", 3, 3)
    assert lines["other"] == Line("other", 1, 1)
    assert sum(line.own for line in lines.values()) == 10
