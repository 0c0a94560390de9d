# SPDX-License-Identifier: Apache-2.0
"""Asks Karbor's API without a token, again and again, and keeps how late the answers come.

That is refused (HTTP 401) without Keystone and without a database, so what it waits for is the
process: no green thread of it ran meanwhile, no lease was renewed and nobody else was answered.
"""

import http.client
import threading
import time
import urllib.parse

_EVERY = 0.2
_TIMEOUT = 600.0


class Probe:
    """A thread that asks every 0.2 s, for the length of a ``with``.

    :param url: Karbor's API, without a path
    """

    def __init__(self, url: str) -> None:
        self._host = urllib.parse.urlsplit(url).netloc
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)
        #: Seconds of the longest answer, and of all that took longer than a second.
        self.longest = 0.0
        self.late: list[float] = []

    def __enter__(self) -> "Probe":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        """End with the answer that is awaited."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            began = time.monotonic()
            self._ask()
            took = time.monotonic() - began
            self.longest = max(self.longest, took)
            if took > 1.0:
                self.late.append(round(took, 2))

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=_TIMEOUT)
        try:
            connection.request("GET", "/v1/nobody/plans")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            # A full queue of connections: the process did not take them up, which is what is
            # looked for; the time until this answer counts.
            pass
        finally:
            connection.close()
