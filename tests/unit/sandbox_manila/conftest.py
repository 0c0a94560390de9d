# SPDX-License-Identifier: Apache-2.0
"""A backend on a temporary folder, as Manila's share manager has it; and ``sandbox`` importable."""

import sys
import types
from pathlib import Path

import pytest

TOP = str(Path(__file__).resolve().parents[3])
if TOP not in sys.path:
    sys.path.insert(0, TOP)


class Configuration(types.SimpleNamespace):
    """What manila.share.configuration offers to a driver."""

    config_group = driver_handles_share_servers = False
    network_config_group = admin_network_config_group = "none"

    def append_config_values(self, opts):
        for opt in opts:
            if not hasattr(self, opt.dest):
                setattr(self, opt.dest, opt.default)

    def safe_get(self, name):
        return getattr(self, name, None)


@pytest.fixture
def make_backend(tmp_path):
    """Makes a backend that is set up; options may be given, ``exports`` names its folder."""
    driver = pytest.importorskip("sandbox.manila.driver")

    def make(exports="exports", kind=driver.DirectoryShareDriver, **options):
        given = {
            "share_backend_name": exports,
            "config_group": exports,
            "driver_handles_share_servers": False,
            "sandbox_export_root": str(tmp_path / exports),
            "sandbox_delays_file": str(tmp_path / "delays"),
            "sandbox_faults_file": str(tmp_path / "faults"),
        }
        made = kind(configuration=Configuration(**{**given, **options}))
        made.do_setup(None)
        made.check_for_setup_error()
        return made

    return make


@pytest.fixture
def backend(make_backend):
    return make_backend()


@pytest.fixture
def rule():
    """Makes an access rule as the manager gives it."""

    def make(number, kind="ip", level="rw"):
        return {
            "access_id": str(number),
            "access_type": kind,
            "access_to": f"to{number}",
            "access_level": level,
        }

    return make
