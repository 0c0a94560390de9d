# SPDX-License-Identifier: Apache-2.0
"""Requests wait in RabbitMQ for a process that is free, not in one that is not."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg
from oslo_messaging._metrics import client as metrics

from sandbox import errors, ports, process
from sandbox.cluster import rabbitmq

REQUESTS = 8

#: As Karbor's service listens (karbor/service.py, karbor/rpc.py), with our manager's word for it.
SERVER = """
import eventlet
eventlet.monkey_patch()
import os, signal, sys
import oslo_messaging
from oslo_config import cfg
from karbor_manila.service import broker

class Manager:
    def hold(self, context):
        os.kill(os.getpid(), signal.SIGSTOP)
        return NAME
    def name(self, context):
        return NAME

URL, NAME, OURS = sys.argv[1:]
conf = cfg.ConfigOpts()
conf([])
transport = oslo_messaging.get_rpc_transport(conf, url=URL)
if OURS == "ours":
    broker.take_one_at_a_time(conf)
target = oslo_messaging.Target(topic="protection", server=NAME)
server = oslo_messaging.get_rpc_server(transport, target, [Manager()], executor="eventlet")
server.start()
print("ready", flush=True)
eventlet.sleep(600)
"""


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        program = rabbitmq.program()
    except errors.ProgramMissing as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("rabbitmq")
    port, distribution, epmd = ports.choose(["amqp", "distribution", "epmd"]).values()
    rabbitmq.write(folder, port=port, password="secret")
    env = os.environ | rabbitmq.environment(folder, distribution=distribution, epmd=epmd)
    log = folder / "log"
    started = [process.spawn("epmd", rabbitmq.epmd_command(epmd), env, log, folder)]
    process.wait_ready(started[0], rabbitmq.Listens(epmd), log, 0, 120)
    started.append(process.spawn("rabbitmq", [program], env, log, folder))
    try:
        process.wait_ready(started[1], rabbitmq.Serves(port), log, 0, 120)
        yield rabbitmq.url(port, "secret")
    finally:
        for each in reversed(started):
            each.stop()


def serving(url: str, name: str, ours: str) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-W", "ignore", "-c", SERVER, url, name, ours]
    root = Path(__file__).resolve().parents[3]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=root)


@pytest.mark.parametrize(("ours", "held_up"), [("ours", 1), ("as it was", REQUESTS // 2)])
def test_a_process_that_is_suspended_holds_up_one_request_and_not_its_share_of_all(
    broker_url: str, ours: str, held_up: int
) -> None:
    workers = [serving(broker_url, name, ours) for name in ("one", "two")]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    conf = cfg.ConfigOpts()
    # The client asks for these, which are registered in oslo.config's global object alone.
    conf.register_opts(metrics.oslo_messaging_metrics, group="oslo_messaging_metrics")
    conf([])
    transport = oslo_messaging.get_rpc_transport(conf, url=broker_url)
    client = oslo_messaging.get_rpc_client(transport, oslo_messaging.Target(topic="protection"))

    def ask(method: str = "name", **where: Any) -> Any:
        return client.prepare(timeout=180, **where).call({}, method)

    try:
        with futures.ThreadPoolExecutor(REQUESTS + 1) as pool:
            held = pool.submit(ask, "hold", server="one")
            while not process.is_stopped(workers[0].pid):
                assert not held.done(), held.result()
            asked = [pool.submit(ask) for _each in range(REQUESTS)]
            try:
                answered = set()
                for each in futures.as_completed(asked, timeout=150):
                    answered.add(each)
                    if len(answered) == REQUESTS - held_up:
                        break
                assert {each.result() for each in answered} == {"two"}
                if ours != "ours":  # that many, and no more
                    assert not futures.wait(set(asked) - answered, timeout=1).done
            finally:
                workers[0].send_signal(signal.SIGCONT)
            assert held.result() == "one"
            assert all(each.result() in ("one", "two") for each in asked)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        transport.cleanup()
