# SPDX-License-Identifier: Apache-2.0
"""The tenant's commands, run on a Karbor of requests-mock; time is the test's."""

import datetime
import json
import os

import pytest

from karbor_manila.cli.app import KarborManila
from karbor_manila.cli.tenant.base import TenantCommand
from tests.fakes.karbor import ENVIRONMENT, SHARE, FakeKarbor
from tests.unit.cli.tenant.saying import NOW
from tests.unit.clock import FakeClock


class Day(FakeClock):
    def utcnow(self):
        return NOW + datetime.timedelta(seconds=self.now() - 1000.0)


@pytest.fixture
def clock(monkeypatch):
    clock = Day()
    monkeypatch.setattr(TenantCommand, "clock", clock)
    return clock


@pytest.fixture
def karbor(requests_mock, monkeypatch, tmp_path, clock):
    for name in list(os.environ):
        if name.startswith("OS_"):
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return FakeKarbor(requests_mock)


@pytest.fixture
def run(karbor, capsys):
    """Run a command line: exit code, stdout, stderr."""

    def run(*argv):
        capsys.readouterr()
        try:
            code = KarborManila().run([str(word) for word in argv])
        except SystemExit as end:
            code = end.code
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def rows(run):
    """Run a command line for JSON: exit code, what was printed."""

    def rows(*argv):
        code, out, _err = run(*argv, "-f", "json")
        return code, json.loads(out)

    return rows


@pytest.fixture
def two(karbor):
    """A checkpoint of two shares."""
    plan = karbor.plan("both", (SHARE, "s1"), (SHARE, "s2"))
    return karbor.checkpoint(plan, shares=(("s1", "home"), ("s2", "wiki")))
