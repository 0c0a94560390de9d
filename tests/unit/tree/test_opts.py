# SPDX-License-Identifier: Apache-2.0
"""The options: their names are a promise, and each says what it is and in which unit."""

import contextlib
import re

import pytest
from karbor.services.protection.bank_plugins.file_system_bank_plugin import (
    file_system_bank_plugin_opts,
)
from karbor.services.protection.provider import provider_opts
from oslo_config import cfg

from karbor_manila import opts
from karbor_manila.common.float_opt import FloatOpt
from karbor_manila.hooks import catalogue as hooks

CALLS = ["request_timeout", "max_parallel_requests"]
NUMBERS = (cfg.FloatOpt, cfg.IntOpt)
ALL = {
    f"{place}:{opt.name}": opt
    for place, listed in (("provider", opts.PROVIDER_OPTS), ("service", opts.SERVICE_OPTS))
    for opt in listed
}
NUMERIC = {name: opt for name, opt in ALL.items() if isinstance(opt, NUMBERS)}
FRACTIONS = {name: opt for name, opt in ALL.items() if isinstance(opt, cfg.FloatOpt)}


def defaults(register):
    conf = cfg.ConfigOpts()
    conf(args=[])
    return register(conf)


def test_the_names_of_the_providers_options_stay():
    assert opts.GROUP == "manila_share_protection"
    assert [opt.name for opt in opts.PROVIDER_OPTS] == [
        *CALLS,
        "outage_timeout",
        "poll_interval_min",
        "poll_interval_max",
        "share_busy_timeout",
        "protect_timeout",
        "restore_timeout",
        "delete_timeout",
        "delete_grace",
        "undo_timeout",
        "request_settle_time",
        "record_access_rules",
        "drill_command",
        "drill_timeout",
        "drill_signing_key",
        "content_command",
        "content_files",
        "content_bytes",
        "content_timeout",
        "content_settled",
        "default_driver",
        "share_type_drivers",
        "hook_drivers",
        "enable_pre_hooks",
        "enable_post_hooks",
        "enable_periodic_hooks",
        "suppress_pre_hooks_errors",
        "suppress_post_hooks_errors",
        "periodic_hooks_interval",
        "hook_timeout",
        "hook_freeze_timeout",
    ]


def test_the_names_of_the_services_options_stay():
    assert [opt.name for opt in opts.SERVICE_OPTS] == [
        *CALLS,
        "listing_timeout",
        "lease_interval",
        "lease_timeout",
        "reconcile_interval",
        "shutdown_timeout",
        "audit_grace",
        "gc_interval",
        "gc_grace",
        "plans_interval",
        "event_listeners",
        "event_queue_size",
        "event_stop_timeout",
        "metrics_port",
        "metrics_address",
        "watch_spool",
        "watch_notifications",
    ]


@pytest.mark.parametrize("name", ALL)
def test_an_option_has_help_and_a_default(name):
    assert len(ALL[name].help) > 40
    assert ALL[name].help.endswith(".")
    assert ALL[name].default is not None


@pytest.mark.parametrize("name", NUMERIC)
def test_a_number_names_its_unit_and_has_bounds(name):
    option = NUMERIC[name]
    assert re.match(r"(Seconds|Requests|Events|Files|Bytes|The port) ", option.help)
    assert option.type.min is not None
    assert option.type.max is not None
    assert option.type.min <= option.default <= option.type.max


@pytest.mark.parametrize("name", NUMERIC)
def test_a_number_out_of_its_bounds_is_refused(name):
    option = NUMERIC[name]
    for wrong in (option.type.min - 1, option.type.max + 1):
        with pytest.raises(ValueError, match="Should be"):
            option.type(wrong)


@pytest.mark.parametrize("word", ["nan", "-NaN", "inf", "-inf", "1e999", "soon"])
@pytest.mark.parametrize("name", FRACTIONS)
def test_what_is_no_number_is_within_no_bounds(name, word):
    with pytest.raises(ValueError, match="Should be|no number|could not convert"):
        FRACTIONS[name].type(word)


def test_no_option_takes_its_type_from_oslo_config_which_takes_what_is_no_number():
    lists = [*opts.list_provider_opts(), *opts.list_service_opts()]
    found = [opt for _group, listed in lists for opt in listed if isinstance(opt, cfg.FloatOpt)]
    assert len(found) > 20
    assert [opt.name for opt in found if not isinstance(opt, FloatOpt)] == []


def test_a_dead_process_is_not_declared_dead_for_one_renewal_missed():
    service = defaults(opts.register_service_opts)
    assert service.lease_interval * 3 <= service.lease_timeout


def test_a_listing_ends_before_karbors_api_stops_waiting_for_it():
    # rpc_response_timeout of oslo.messaging is 60 s.
    assert defaults(opts.register_service_opts).listing_timeout < 60


def test_what_the_poll_interval_grows_to_is_more_than_what_it_begins_with():
    provider = defaults(opts.register_provider_opts)
    assert provider.poll_interval_min < provider.poll_interval_max


def test_an_undo_does_not_take_longer_than_the_work():
    provider = defaults(opts.register_provider_opts)
    assert provider.undo_timeout <= min(
        provider.protect_timeout, provider.restore_timeout, provider.delete_timeout
    )


def test_shares_go_to_the_snapshot_driver_unless_told_otherwise():
    provider = defaults(opts.register_provider_opts)
    assert (provider.default_driver, provider.share_type_drivers) == ("snapshot", {})


def test_both_places_can_be_read_by_one_process():
    conf = cfg.ConfigOpts()
    conf(args=[])
    assert opts.register_provider_opts(conf).request_timeout == 60
    assert opts.register_service_opts(conf).request_timeout == 60


def test_registering_twice_is_harmless():
    conf = cfg.ConfigOpts()
    conf(args=[])
    opts.register_provider_opts(conf)
    assert opts.register_provider_opts(conf).protect_timeout == 3600


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (opts.list_provider_opts, [*opts.PROVIDER_OPTS, *hooks.options_of_all()]),
        (opts.list_service_opts, opts.SERVICE_OPTS),
    ],
)
def test_the_sample_generator_gets_every_option(listed, expected):
    # Then come those of installed hooks and listeners.
    assert dict(listed())[opts.GROUP][: len(expected)] == expected


def test_what_the_sample_says_of_karbors_own_options_is_what_karbor_reads():
    sample = {group: {opt.name for opt in listed} for group, listed in opts.list_provider_opts()}
    assert sample["provider"] <= {opt.name for opt in provider_opts}
    assert sample["file_system_bank_plugin"] <= {opt.name for opt in file_system_bank_plugin_opts}


def test_a_provider_file_is_read(tmp_path):
    path = tmp_path / "provider.conf"
    path.write_text(
        "[manila_share_protection]\nprotect_timeout = 60\nshare_type_drivers = gold:snapshot\n"
    )
    conf = cfg.ConfigOpts()
    conf(args=[f"--config-file={path}"])
    provider = opts.register_provider_opts(conf)
    assert (provider.protect_timeout, provider.share_type_drivers) == (60, {"gold": "snapshot"})


@pytest.mark.parametrize(
    ("interval", "timeout", "good"), [(10, 60, True), (20, 60, True), (21, 60, False)]
)
def test_a_lease_that_could_not_be_fresh_stops_the_start(
    interval: float, timeout: float, good: bool
) -> None:
    conf = cfg.ConfigOpts()
    settings = opts.register_service_opts(conf)
    conf(args=[])
    conf.set_override("lease_interval", interval, opts.GROUP)
    conf.set_override("lease_timeout", timeout, opts.GROUP)
    with contextlib.nullcontext() if good else pytest.raises(cfg.Error, match="lease_timeout"):
        opts.check_lease(settings)
