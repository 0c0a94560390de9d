# SPDX-License-Identifier: Apache-2.0
"""What the distribution registers: the names stay, and everything behind them loads."""

import importlib.metadata

import pytest
from cliff.command import Command
from karbor.services.protection.bank_plugin import BankPlugin
from karbor.services.protection.protectable_plugin import ProtectablePlugin
from karbor.services.protection.protection_plugin import ProtectionPlugin

from karbor_manila.cli.app import NAMESPACE as COMMANDS
from karbor_manila.drivers import catalogue
from karbor_manila.drivers.base import Driver
from karbor_manila.hooks import catalogue as hooks
from karbor_manila.hooks.base import Hook
from karbor_manila.telemetry.dispatch import Listener
from karbor_manila.telemetry.listening import NAMESPACE as LISTENERS

PROTECTABLES, PROTECTIONS = "karbor.protectables", "karbor.protections"
OPENSTACK = "openstack.share_protection.v1"
OPTIONS = "oslo.config.opts"
BANK = "karbor-manila-fs-bank-plugin"
S3 = "karbor-manila-s3-bank-plugin"
SWIFT = "karbor-manila-swift-bank-plugin"
ENTRY_POINTS = {
    (entry.group, entry.name): entry
    for entry in importlib.metadata.distribution("karbor-manila").entry_points
}


def test_the_names_stay():
    share = "karbor-manila-share-protection-plugin"
    assert {(*names, entry.value) for names, entry in ENTRY_POINTS.items()} == {
        (PROTECTABLES, "karbor-manila-share", "karbor_manila.service.protectable:ShareProtectable"),
        (PROTECTIONS, share, "karbor_manila.service.protection:ShareProtectionPlugin"),
        (
            PROTECTIONS,
            "karbor-manila-project-plugin",
            "karbor_manila.service.project:ProjectPlugin",
        ),
        (PROTECTIONS, BANK, "karbor_manila.bank.filesystem.plugin:FileSystemBankPlugin"),
        (PROTECTIONS, S3, "karbor_manila.bank.s3.plugin:S3BankPlugin"),
        (PROTECTIONS, SWIFT, "karbor_manila.bank.swift.plugin:SwiftBankPlugin"),
        (catalogue.NAMESPACE, "backup", "karbor_manila.drivers.backup:BackupDriver"),
        (catalogue.NAMESPACE, "faulty", "karbor_manila.drivers.faulty:FaultyDriver"),
        (catalogue.NAMESPACE, "group", "karbor_manila.drivers.group:GroupDriver"),
        (catalogue.NAMESPACE, "snapshot", "karbor_manila.drivers.snapshot:SnapshotDriver"),
        (LISTENERS, "metrics", "karbor_manila.telemetry.metrics:MetricsListener"),
        (
            LISTENERS,
            "notifications",
            "karbor_manila.telemetry.notifications:NotificationListener",
        ),
        (LISTENERS, "zaqar", "karbor_manila.service.zaqar:Listener"),
        (hooks.NAMESPACE, "command", "karbor_manila.hooks.command:CommandHook"),
        (hooks.NAMESPACE, "quiesce", "karbor_manila.hooks.quiesce:QuiesceHook"),
        (hooks.NAMESPACE, "webhook", "karbor_manila.hooks.webhook:WebhookHook"),
        ("console_scripts", "karbor-manila", "karbor_manila.cli.app:main"),
        (COMMANDS, "adopt", "karbor_manila.cli.operator.adopt:Adopt"),
        (COMMANDS, "audit", "karbor_manila.cli.operator.commands:Audit"),
        (COMMANDS, "gc", "karbor_manila.cli.operator.leftovers:Gc"),
        (COMMANDS, "bank_accept", "karbor_manila.cli.operator.bank:BankAccept"),
        (COMMANDS, "bank_list", "karbor_manila.cli.operator.bank:BankList"),
        (COMMANDS, "browse", "karbor_manila.cli.tenant.browse:Browse"),
        (COMMANDS, "db_upgrade", "karbor_manila.cli.operator.database:DbUpgrade"),
        (COMMANDS, "db_version", "karbor_manila.cli.operator.database:DbVersion"),
        (COMMANDS, "doctor", "karbor_manila.cli.operator.doctor:Doctor"),
        (COMMANDS, "doctor_tenant", "karbor_manila.cli.tenant.doctor:DoctorTenant"),
        (COMMANDS, "drill", "karbor_manila.cli.tenant.drill:Drill"),
        (
            COMMANDS,
            "drill_results",
            "karbor_manila.cli.operator.drill_results:DrillResults",
        ),
        (COMMANDS, "drivers", "karbor_manila.cli.operator.drivers:Drivers"),
        (COMMANDS, "hold", "karbor_manila.cli.tenant.hold:Hold"),
        (COMMANDS, "exporter", "karbor_manila.cli.tenant.exporter:Exporter"),
        (COMMANDS, "hooks", "karbor_manila.cli.operator.hooks:Hooks"),
        (COMMANDS, "plans_import", "karbor_manila.cli.operator.plans:PlansImport"),
        (COMMANDS, "plans_list", "karbor_manila.cli.operator.plans:PlansList"),
        (COMMANDS, "schedules_import", "karbor_manila.cli.tenant.schedules:SchedulesImport"),
        (COMMANDS, "prune", "karbor_manila.cli.tenant.prune:Prune"),
        (COMMANDS, "reconcile", "karbor_manila.cli.operator.commands:Reconcile"),
        (COMMANDS, "purge", "karbor_manila.cli.tenant.undelete:Purge"),
        (COMMANDS, "undelete", "karbor_manila.cli.tenant.undelete:Undelete"),
        (COMMANDS, "release", "karbor_manila.cli.tenant.hold:Release"),
        (COMMANDS, "outcome", "karbor_manila.cli.operator.outcome:Outcome"),
        (COMMANDS, "report", "karbor_manila.cli.tenant.report:Report"),
        (COMMANDS, "restore", "karbor_manila.cli.tenant.restore:Restore"),
        (COMMANDS, "show", "karbor_manila.cli.tenant.show:Show"),
        (COMMANDS, "status", "karbor_manila.cli.tenant.status:Status"),
        (COMMANDS, "verify", "karbor_manila.cli.tenant.verify:Verify"),
        ("openstack.cli.extension", "share_protection", "karbor_manila.cli.tenant.plugin"),
        (OPENSTACK, "share_protection_browse", "karbor_manila.cli.tenant.browse:Browse"),
        (
            OPENSTACK,
            "share_protection_doctor_tenant",
            "karbor_manila.cli.tenant.doctor:DoctorTenant",
        ),
        (OPENSTACK, "share_protection_drill", "karbor_manila.cli.tenant.drill:Drill"),
        (OPENSTACK, "share_protection_restore", "karbor_manila.cli.tenant.restore:Restore"),
        (
            OPENSTACK,
            "share_protection_schedules_import",
            "karbor_manila.cli.tenant.schedules:SchedulesImport",
        ),
        (OPENSTACK, "share_protection_hold", "karbor_manila.cli.tenant.hold:Hold"),
        (OPENSTACK, "share_protection_prune", "karbor_manila.cli.tenant.prune:Prune"),
        (OPENSTACK, "share_protection_purge", "karbor_manila.cli.tenant.undelete:Purge"),
        (OPENSTACK, "share_protection_release", "karbor_manila.cli.tenant.hold:Release"),
        (OPENSTACK, "share_protection_report", "karbor_manila.cli.tenant.report:Report"),
        (OPENSTACK, "share_protection_undelete", "karbor_manila.cli.tenant.undelete:Undelete"),
        (OPENSTACK, "share_protection_show", "karbor_manila.cli.tenant.show:Show"),
        (OPENSTACK, "share_protection_status", "karbor_manila.cli.tenant.status:Status"),
        (OPENSTACK, "share_protection_verify", "karbor_manila.cli.tenant.verify:Verify"),
        (OPTIONS, "karbor_manila.provider", "karbor_manila.opts:list_provider_opts"),
        (OPTIONS, "karbor_manila.service", "karbor_manila.opts:list_service_opts"),
        (OPTIONS, "karbor_manila.watch", "karbor_manila.hooks.watch_options:list_opts"),
    }


@pytest.mark.parametrize(
    ("group", "kind"),
    [
        (PROTECTABLES, ProtectablePlugin),
        (PROTECTIONS, (ProtectionPlugin, BankPlugin)),
        (catalogue.NAMESPACE, Driver),
        (LISTENERS, Listener),
        (hooks.NAMESPACE, Hook),
        (COMMANDS, Command),
        (OPENSTACK, Command),
    ],
)
def test_what_is_registered_is_what_the_group_asks_for(group, kind):
    loaded = [entry.load() for (of, _name), entry in ENTRY_POINTS.items() if of == group]
    assert loaded
    assert all(issubclass(thing, kind) for thing in loaded)


def test_the_sample_generator_finds_the_options():
    entries = [entry for (group, _name), entry in ENTRY_POINTS.items() if group == OPTIONS]
    assert len(entries) == 3
    assert all(options for entry in entries for _group, options in entry.load()())


def test_a_driver_is_registered_by_the_name_that_records_keep():
    for (group, name), entry in ENTRY_POINTS.items():
        if group == catalogue.NAMESPACE:
            assert entry.load().name == name


@pytest.mark.parametrize("group", [PROTECTIONS, PROTECTABLES])
def test_no_other_distribution_registers_our_names(group):
    ours = {name for of, name in ENTRY_POINTS if of == group}
    others = [
        entry.name
        for entry in importlib.metadata.entry_points(group=group)
        if entry.dist.name.replace("_", "-") != "karbor-manila"
    ]
    assert others
    assert not ours & set(others)
