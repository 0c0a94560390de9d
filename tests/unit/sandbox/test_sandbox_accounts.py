# SPDX-License-Identifier: Apache-2.0
"""What a service has used, from /proc."""

import os

import pytest

from sandbox import accounts

TICKS = os.sysconf("SC_CLK_TCK")
STATUS = "Name:\tpython\nVmHWM:\t  156648 kB\nVmRSS:\t  100000 kB\n"


def stat(pid, session, used, name="python"):
    # proc(5): pid (comm) state ppid pgrp session tty_nr ... 14 utime 15 stime 16 cutime 17 cstime
    return (
        f"{pid} ({name}) S 1 {pid} {session} 0 -1 0 0 0 0 0 " + " ".join(map(str, used)) + " 20 0"
    )


@pytest.fixture
def proc(tmp_path):
    def add(pid, *args, **kwargs):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(stat(pid, *args, **kwargs))
        (tmp_path / str(pid) / "status").write_text(STATUS)

    add(10, 10, (100, 50, 25, 25))
    add(11, 10, (60, 40, 0, 0), name="a) b (c")
    add(12, 12, (999, 999, 999, 999))
    (tmp_path / "version").write_text("Linux")
    return tmp_path


def test_a_line_has_session_and_ticks_even_when_the_name_has_parentheses():
    assert accounts.session_and_ticks(stat(7, 5, (1, 2, 4, 8), name="x) S 9 (y")) == (5, 15)


def test_a_service_is_charged_for_its_session_and_for_no_other(proc):
    assert accounts.cpu_seconds(10, proc) == 300 / TICKS
    assert accounts.cpu_seconds(99, proc) == 0


def test_the_peak_is_in_mebibytes_and_starts_anew(proc):
    assert accounts.peak_memory(10, proc) == 156648 / 1024
    accounts.reset_peak(10, proc)
    assert (proc / "10" / "clear_refs").read_text() == "5"


def test_a_field_that_is_not_there():
    with pytest.raises(KeyError):
        accounts.kibibytes("Name:\tpython\n", "VmHWM")


def test_this_process_has_used_some():
    pid = os.getpid()
    assert accounts.cpu_seconds(os.getsid(pid)) > 0
    assert accounts.peak_memory(pid) > 1
