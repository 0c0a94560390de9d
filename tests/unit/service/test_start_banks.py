# SPDX-License-Identifier: Apache-2.0
"""A karbor-protection process whose writes into a bank may outlast its lease does not start."""

import types
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.bank.objects import options
from karbor_manila.cli.operator.checks import banks
from karbor_manila.service import bank_options
from tests.unit.karbor_stage import started

S3 = "karbor-manila-s3-bank-plugin"


def provider(request_timeout: float | None) -> Any:
    """One whose bank is in an object store, unless there is no timeout."""
    conf = cfg.ConfigOpts()
    conf(args=[])
    if request_timeout is not None:
        conf.register_opts(options.OBJECT_BANK_OPTS, options.GROUP)
        conf.set_override("request_timeout", request_timeout, options.GROUP)
    return types.SimpleNamespace(_config=conf, name="store", id="p1")


@pytest.mark.parametrize(
    ("within", "lease_timeout", "good"),
    [(5.0, 60.0, True), (5.1, 60.0, False), (600.0, 7200.0, True), (None, 3.0, True)],
)
def test_three_times_a_request_is_at_most_a_quarter_of_a_lease(
    within: float | None, lease_timeout: float, good: bool
) -> None:
    found = list(banks._writes(provider(within), "store", lease_timeout))
    if good:
        bank_options.check([provider(within)], lease_timeout)
        assert found == []
        return
    with pytest.raises(cfg.Error) as caught:
        bank_options.check([provider(None), provider(within)], lease_timeout)
    for said in ("Provider store (p1)", "request_timeout (5.1 s)", "lease_timeout (60 s)"):
        assert said in str(caught.value)
    assert [each.level.value for each in found] == ["bad"]


def test_the_defaults_fit_each_other() -> None:
    conf = cfg.ConfigOpts()
    settings = opts.register_service_opts(conf)
    conf.register_opts(options.OBJECT_BANK_OPTS, options.GROUP)
    conf(args=[])
    within = conf[options.GROUP].request_timeout
    bank_options.check([provider(within)], settings.lease_timeout)


def test_a_process_that_writes_for_too_long_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (
        f"[{options.GROUP}]",
        "request_timeout = 6",
        "[s3_client]",
        "s3_endpoint = http://127.0.0.1:9",
        "s3_access_key = a",
        "s3_secret_key = b",
    )
    with (
        pytest.raises(cfg.Error, match=r"request_timeout \(6 s\).* lease_timeout \(60 s\)"),
        started(tmp_path, monkeypatch, bank=S3, options=lines),
    ):
        pass
