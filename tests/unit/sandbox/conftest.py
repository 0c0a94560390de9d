# SPDX-License-Identifier: Apache-2.0
"""A stack whose services are dummies: they take a port, come and go. And ``sandbox`` importable
when pytest is not run as ``python -m pytest`` from the top.
"""

import sys
from pathlib import Path

import pytest

TOP = str(Path(__file__).resolve().parents[3])
if TOP not in sys.path:
    sys.path.insert(0, TOP)

from sandbox import files, process, stack  # noqa: E402 - importable since the line above
from sandbox.cluster import processes as cluster  # noqa: E402
from sandbox.services import PORTS_OF, Services  # noqa: E402
from sandbox.zaqar import redis  # noqa: E402

# Serves on its port as a service would, and tells the order in which all of them came and went.
DUMMY = """
import pathlib, signal, socket, sys
name, port, ready, story = sys.argv[1:]
def tell(what):
    with open(story, 'a') as stream:
        stream.write(what + ' ' + name + '\\n')
def leave(*args):
    tell('end')
    raise SystemExit(0)
signal.signal(signal.SIGTERM, leave)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('127.0.0.1', int(port)))
listener.listen()
tell('start')
pathlib.Path(ready).touch()
signal.pause()
"""


@pytest.fixture
def story(tmp_path, monkeypatch):
    """What happened, in order; the services are dummies as long as this is in use."""
    told = tmp_path / "story"
    broken = set()

    def spawn(self, name):
        self.state.ready(name).unlink(missing_ok=True)
        code = 'raise SystemExit("it is broken")' if name in broken else DUMMY
        port = self.ports[PORTS_OF[name][0]] if name in PORTS_OF else 0
        argv = [sys.executable, "-c", code, name, str(port), str(self.state.ready(name)), str(told)]
        ready_folder = self.state.ready(name).parent
        ready_folder.mkdir(parents=True, exist_ok=True)
        ids = {"users": dict.fromkeys(("alpha", "beta", "admin"), "u")}
        files.write_json(self.ids_file, {**ids, "projects": ids["users"]})
        started = process.spawn(name, argv, {}, self.state.log(name), tmp_path)
        started.save(self.state.pid(name))
        return started, 0

    monkeypatch.setattr(Services, "spawn", spawn)
    monkeypatch.setattr(Services, "sign", lambda self, name: self.state.ready(name))
    monkeypatch.setattr(stack, "install", lambda home, say, *more, **layout: None)
    monkeypatch.setattr(cluster, "check", lambda clock_offsets: None)
    monkeypatch.setattr(redis, "program", lambda: "redis-server")

    class Story:
        def tell(self):
            return told.read_text().splitlines() if told.exists() else []

        def break_(self, name):
            broken.add(name)

    return Story()


@pytest.fixture
def made(tmp_path, story):
    made = stack.Stack(tmp_path / "state", home=tmp_path / "home")
    yield made
    made.stop()
