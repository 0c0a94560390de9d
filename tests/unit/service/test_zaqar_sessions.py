# SPDX-License-Identifier: Apache-2.0
"""Which sessions the listener of Zaqar gets from Karbor."""

from types import SimpleNamespace

import pytest
from oslo_config import cfg

from karbor_manila.service import sessions, zaqar
from karbor_manila.telemetry import listening
from karbor_manila.telemetry.zaqar_options import OPTIONS

GROUP = "manila_share_protection"


@pytest.fixture
def made(monkeypatch):
    """The sessions that Karbor's factory was asked for."""
    asked = []

    def generate(context, service, privileged_user):
        asked.append((context, privileged_user))
        return SimpleNamespace(verify=True, timeout=None)

    monkeypatch.setattr(sessions.ClientFactory, "_generate_session", generate)
    return asked


def listener(**values):
    conf = cfg.ConfigOpts()
    conf([])
    conf.register_opts(OPTIONS, GROUP)
    for name, value in values.items():
        conf.set_override(name, value, GROUP)
    return zaqar.Listener(name="zaqar", settings=conf[GROUP])


def test_without_a_context_it_is_karbor_s_own_user(made):
    session = listener(zaqar_timeout=3.0)._session(None)
    assert made == [(None, True)]
    assert session.timeout == 3.0


def test_a_context_s_session_is_its_own_user_s(made):
    context = SimpleNamespace(project_id="alpha")
    listener()._session(context)
    assert made == [(context, False)]


def test_its_own_ca_file_counts(made):
    assert listener()._session(None).verify is True
    assert listener(zaqar_ca_file="/ca.pem")._session(None).verify == "/ca.pem"


def test_it_is_found_by_its_name():
    assert listening.load("zaqar") is zaqar.Listener
