# SPDX-License-Identifier: Apache-2.0
"""A request waits in RabbitMQ for whoever is free, not in a process that is not."""

import oslo_messaging
import pytest
from oslo_config import cfg

from karbor_manila.service import broker

URL = "rabbit://karbor:secret@127.0.0.1:1//"


def prefetched(conf: cfg.ConfigOpts, url: str = URL) -> int:
    """What a connection that is made now asks the broker for (oslo_messaging, impl_rabbit.py)."""
    driver = oslo_messaging.get_rpc_transport(conf, url=url)._driver
    broker.take_one_at_a_time(conf)  # Karbor makes the manager after the transport
    count: int = driver.conf.oslo_messaging_rabbit.rabbit_qos_prefetch_count
    return count


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf([])
    return conf


def test_one_request_is_taken_at_a_time(conf: cfg.ConfigOpts) -> None:
    assert prefetched(conf) == 1


@pytest.mark.parametrize("count", [0, 7])
def test_what_the_operator_has_set_counts(conf: cfg.ConfigOpts, tmp_path, count: int) -> None:
    path = tmp_path / "karbor.conf"
    path.write_text(f"[oslo_messaging_rabbit]\nrabbit_qos_prefetch_count = {count}\n")
    conf(["--config-file", str(path)])
    assert prefetched(conf) == count


def test_another_transport_has_no_such_option(conf: cfg.ConfigOpts) -> None:
    oslo_messaging.get_rpc_transport(conf, url="fake://")
    broker.take_one_at_a_time(conf)
