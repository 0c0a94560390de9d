# SPDX-License-Identifier: Apache-2.0
"""The webhook to try subscriptions with."""

import json
import threading
import urllib.request

from sandbox.zaqar import webhook


def test_it_says_where_it_listens_and_what_it_gets_and_ends_after_the_count(monkeypatch):
    said = []
    there = threading.Event()
    monkeypatch.setattr(webhook, "say", lambda line: (said.append(line), there.set()))
    running = threading.Thread(target=webhook.main, args=(["--count", "2"],), daemon=True)
    running.start()
    assert there.wait(30)
    for number in range(2):
        body = json.dumps({"body": {"n": number}}).encode()
        request = urllib.request.Request(said[0], data=body, method="POST")
        with urllib.request.urlopen(request, timeout=30) as reply:
            assert reply.status == 204
    running.join(30)
    assert not running.is_alive()
    assert [json.loads(line)["body"]["n"] for line in said[1:]] == [0, 1]
