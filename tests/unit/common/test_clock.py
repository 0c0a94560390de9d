# SPDX-License-Identifier: Apache-2.0
"""The real clock."""

import threading

from karbor_manila.common import clock as clock_module
from karbor_manila.common.clock import Clock


def test_the_real_clock_goes_forward():
    before = Clock().now()
    assert Clock().now() >= before


def test_the_real_clock_lets_time_pass(monkeypatch):
    slept = []
    monkeypatch.setattr(clock_module.time, "sleep", slept.append)
    Clock().sleep(7.0)
    assert slept == [7.0]


def test_the_real_clock_wakes_who_waits():
    condition, notified = threading.Condition(), []

    def notify():
        with condition:  # free only while the other one waits
            notified.append(Clock().now())
            condition.notify_all()

    with condition:
        notifier = threading.Thread(target=notify)
        notifier.start()
        before = Clock().now()
        Clock().wait(condition, 60.0)
        assert notified
        assert Clock().now() - before < 60.0
    notifier.join()
