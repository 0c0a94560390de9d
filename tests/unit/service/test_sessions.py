# SPDX-License-Identifier: Apache-2.0
"""Sessions: made by Karbor's own factory, and sent where the operator says that Manila is."""

from types import SimpleNamespace

import pytest
from karbor.common import config as karbor_config
from karbor.services.protection.client_factory import ClientFactory
from karbor.services.protection.clients import manila as karbor_manila_client
from keystoneauth1 import exceptions as ks_exc
from keystoneauth1 import token_endpoint
from oslo_config import cfg

from karbor_manila.manila import client
from karbor_manila.manila.errors import ManilaTransient, NotAdministrator
from karbor_manila.service import sessions
from karbor_manila.service.errors import CaFileMissing, SessionUnavailable

GROUP = "manila_client"
V2_TYPES = ("sharev2", "shared-file-system", "share")


@pytest.fixture
def configured(tmp_path):
    """Karbor's options of Manila as a ``karbor.conf`` with these lines gives them."""

    def configured(*lines):
        path = tmp_path / "karbor.conf"
        path.write_text("\n".join((f"[{GROUP}]", *lines)))
        conf = cfg.ConfigOpts()
        conf.register_opts(karbor_config.service_client_opts, GROUP)
        conf.register_opts(karbor_manila_client.manila_client_opts, GROUP)
        conf(args=[f"--config-file={path}"])
        return conf

    return configured


# -- where Manila is ------------------------------------------------------------------------------


def test_karbors_defaults_mean_the_public_endpoint_of_the_v2_api_in_any_region(configured):
    assert sessions.where(configured()) == client.Where(
        interfaces=("public", "internal"), region=None, endpoint=None, service_types=V2_TYPES
    )


def test_defaults_that_karbor_sets_in_code_are_no_choice_of_the_operator(configured):
    conf = configured()
    conf.set_default("interface", "admin", GROUP)
    conf.set_default("region_id", "elsewhere", GROUP)
    assert sessions.where(conf) == sessions.where(configured())


def test_karbors_own_global_configuration_can_be_asked():
    assert sessions.where(cfg.CONF) == client.Where(
        interfaces=("public", "internal"), region=None, endpoint=None, service_types=V2_TYPES
    )


@pytest.mark.parametrize("interface", ["public", "internal", "admin"])
def test_an_interface_that_the_operator_sets_is_the_only_one(configured, interface):
    assert sessions.where(configured(f"interface = {interface}")).interfaces == (interface,)


@pytest.mark.parametrize("region", ["RegionOne", "north"])
def test_a_region_that_the_operator_sets_counts_even_when_it_is_the_default(configured, region):
    assert sessions.where(configured(f"region_id = {region}")).region == region


def test_an_endpoint_that_the_operator_sets_counts(configured):
    conf = configured("manila_endpoint = http://manila.example:8786/v2")
    assert sessions.where(conf).endpoint == "http://manila.example:8786/v2"


@pytest.mark.parametrize(
    ("info", "types", "interfaces"),
    [
        ("sharev2:manilav2:publicURL", V2_TYPES, ("public", "internal")),
        ("sharev2:manilav2:internalURL", V2_TYPES, ("internal", "public")),
        ("sharev2:manilav2:adminURL", V2_TYPES, ("admin", "public", "internal")),
        ("share:manila:public", ("share", "sharev2", "shared-file-system"), ("public", "internal")),
        ("nas:manila:publicURL", ("nas", *V2_TYPES), ("public", "internal")),
    ],
)
def test_the_catalog_info_is_tried_first(configured, info, types, interfaces):
    found = sessions.where(configured(f"manila_catalog_info = {info}"))
    assert (found.service_types, found.interfaces) == (types, interfaces)


@pytest.mark.parametrize("info", ["sharev2", "sharev2:manilav2", "sharev2:", "sharev2:a:b:c"])
def test_a_catalog_info_that_is_not_whole_is_read_as_far_as_it_goes(configured, info):
    assert sessions.where(configured(f"manila_catalog_info = {info}")).service_types == V2_TYPES


def test_the_interface_option_comes_before_that_of_the_catalog_info(configured):
    conf = configured("interface = admin", "manila_catalog_info = sharev2:manilav2:internalURL")
    assert sessions.where(conf).interfaces == ("admin",)


# -- the session ----------------------------------------------------------------------------------


class KeystonePlugin:
    """Karbor's, without Keystone."""

    def __init__(self, *, broken=False):
        self.broken = broken
        self.service_auth_plugin = token_endpoint.Token("http://manila.example/v2", "service")

    def create_user_auth_plugin(self, context):
        if self.broken:
            raise RuntimeError("the token is gone")
        return token_endpoint.Token("http://manila.example/v2", context.auth_token)


@pytest.fixture
def keystone(monkeypatch):
    plugin = KeystonePlugin()
    monkeypatch.setattr(ClientFactory, "_keystone_plugin", plugin)
    return plugin


@pytest.fixture
def settings():
    """Sets options of ``[manila_client]`` where Karbor's factory reads them."""
    yield lambda **given: [cfg.CONF.set_override(k, v, GROUP) for k, v in given.items()]
    for option in (
        "manila_ca_cert_file",
        "manila_auth_insecure",
        "ca_cert_file",
        "auth_insecure",
        "manila_endpoint",
    ):
        cfg.CONF.clear_override(option, GROUP)


@pytest.fixture
def made(monkeypatch):
    """The clients that were made: their arguments."""
    made = []

    def make(session, where, **kwargs):
        proven = []
        made.append(SimpleNamespace(session=session, where=where, proven=proven, **kwargs))
        made[-1].require_administrator = proven.append
        return made[-1]

    monkeypatch.setattr(sessions.client, "Manila", make)
    return made


@pytest.fixture
def files(tmp_path, monkeypatch):
    """CA files with these names."""
    monkeypatch.chdir(tmp_path)
    for name in ("own.pem", "all.pem"):
        (tmp_path / name).write_text("certificates")
    return tmp_path


def connect(project_id=None):
    context = SimpleNamespace(project_id="project-a", auth_token="of-the-tenant")
    return sessions.connect(context, project_id=project_id, timeout=7.0, parallel=3)


@pytest.mark.usefixtures("made")
def test_without_a_session_the_project_is_named(keystone):
    keystone.broken = True
    with pytest.raises(SessionUnavailable, match="project-a"):
        connect()


@pytest.mark.usefixtures("keystone", "made")
def test_the_session_has_the_tenants_token_and_karbors_own():
    headers = connect().session.get_auth_headers()
    assert headers["X-Auth-Token"] == "of-the-tenant"
    assert headers["X-Service-Token"] == "service"


@pytest.mark.usefixtures("keystone", "made")
def test_the_client_gets_what_the_caller_and_the_operator_say():
    manila = connect()
    assert (manila.timeout, manila.parallel) == (7.0, 3)
    assert manila.where == sessions.where()


@pytest.mark.usefixtures("keystone", "made")
@pytest.mark.parametrize(
    ("asked", "elsewhere"),
    [
        (None, None),
        ("project-a", None),
        ("", None),
        ("project-b", "project-b"),
    ],
)
def test_only_another_project_is_asked_for_by_its_id(asked, elsewhere):
    manila = connect(asked)
    assert (manila.project_id, manila.own_project_id) == (elsewhere, "project-a")


@pytest.mark.usefixtures("keystone", "made")
@pytest.mark.parametrize(("asked", "proven"), [("project-a", []), ("project-b", ["project-b"])])
def test_who_works_for_another_project_is_proven_an_administrator_first(asked, proven):
    assert connect(asked).proven == proven


@pytest.mark.usefixtures("keystone")
def test_an_administrator_of_karbor_who_is_none_of_manila_is_refused(monkeypatch):
    class Client(SimpleNamespace):
        def require_administrator(self, project_id):
            raise NotAdministrator("Policy doesn't allow service:index", project_id)

    monkeypatch.setattr(sessions.client, "Manila", lambda *_args, **_kwargs: Client())
    with pytest.raises(NotAdministrator, match=r"of project project-b.*Nothing was changed"):
        connect("project-b")
    connect("project-a")


@pytest.mark.usefixtures("keystone", "made", "files")
@pytest.mark.parametrize(
    ("given", "verify"),
    [
        ({}, True),
        ({"manila_ca_cert_file": "own.pem"}, "own.pem"),
        ({"manila_auth_insecure": True}, False),
        ({"ca_cert_file": "all.pem"}, "all.pem"),
        ({"auth_insecure": True}, False),
        ({"manila_ca_cert_file": "own.pem", "ca_cert_file": "all.pem"}, "own.pem"),
        ({"manila_ca_cert_file": "own.pem", "auth_insecure": True}, "own.pem"),
        ({"manila_auth_insecure": True, "ca_cert_file": "all.pem"}, False),
        ({"auth_insecure": True, "ca_cert_file": "all.pem"}, False),
    ],
)
def test_certificates_are_checked_as_the_operator_says(settings, given, verify):
    settings(**given)
    assert connect().session.verify == verify


@pytest.mark.usefixtures("keystone", "made")
@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"manila_ca_cert_file": "gone.pem"}, "manila_ca_cert_file"),
        ({"ca_cert_file": "gone.pem"}, "ca_cert_file"),
        ({"manila_ca_cert_file": "gone.pem", "auth_insecure": True}, "manila_ca_cert_file"),
    ],
)
def test_a_ca_file_that_is_not_there_is_named_with_its_option(settings, files, given, option):
    settings(**given)
    with pytest.raises(CaFileMissing, match=rf"{option} .*gone\.pem.*No such file") as caught:
        connect()
    assert (caught.value.option, caught.value.path) == (option, "gone.pem")


@pytest.mark.usefixtures("keystone", "made")
def test_a_folder_of_ca_files_is_as_good_as_a_file(settings, files):
    settings(manila_ca_cert_file=str(files))
    assert connect().session.verify == str(files)


@pytest.mark.usefixtures("keystone", "made")
def test_an_endpoint_of_the_operators_gets_the_project_as_karbors_own_client_does_it(settings):
    settings(manila_endpoint="http://manila.invalid/v2/")
    where = connect().where
    assert (where.endpoint, where.in_path) == ("http://manila.invalid/v2/", "project-a")


# -- Karbor's own user ----------------------------------------------------------------------------


@pytest.fixture
def trustee(monkeypatch):
    """How Karbor's factory is asked, and what it gives: a session of Karbor's own user."""
    asked = SimpleNamespace(calls=[], session=SimpleNamespace(get_project_id=lambda: "karbors-own"))

    def generate(context, service, privileged_user=False):
        asked.calls.append((context, service, privileged_user))
        return asked.session

    monkeypatch.setattr(ClientFactory, "_generate_session", generate)
    return asked


@pytest.fixture
def required(monkeypatch):
    """The clients that were made, each with how often it was asked for an administrator."""
    made = []

    class Client(SimpleNamespace):
        def require_administrator(self):
            self.checked += 1
            if self.session.refused:
                raise NotAdministrator("Policy doesn't allow service:index")

    def make(session, where, **kwargs):
        session.refused = getattr(session, "refused", False)
        made.append(Client(session=session, where=where, checked=0, **kwargs))
        return made[-1]

    monkeypatch.setattr(sessions.client, "Manila", make)
    return made


def connect_as_karbor(project_id=client.EVERY_PROJECT):
    return sessions.connect_as_karbor(project_id, timeout=7.0, parallel=3)


@pytest.mark.usefixtures("required")
def test_work_without_a_tenant_is_done_as_karbors_own_user(trustee):
    manila = connect_as_karbor()
    assert trustee.calls == [(None, "manila", True)]
    assert manila.session is trustee.session
    assert trustee.session.timeout == 7.0


@pytest.mark.usefixtures("trustee", "required")
@pytest.mark.parametrize("project_id", [client.EVERY_PROJECT, "project-a"])
def test_karbors_own_user_asks_for_the_project_that_is_worked_on(project_id):
    manila = connect_as_karbor(project_id)
    assert (manila.project_id, manila.timeout, manila.parallel) == (project_id, 7.0, 3)
    assert manila.where == sessions.where()


@pytest.mark.usefixtures("trustee")
def test_karbors_own_user_is_checked_before_anything_is_believed(required, trustee):
    assert connect_as_karbor().checked == 1
    trustee.session.refused = True
    with pytest.raises(NotAdministrator):
        connect_as_karbor()
    assert [manila.checked for manila in required] == [1, 1]


@pytest.mark.usefixtures("required")
def test_without_a_session_karbors_own_user_is_named(trustee):
    trustee.session = None
    with pytest.raises(SessionUnavailable, match=r"Karbor's own user.*\[trustee\]"):
        connect_as_karbor()


@pytest.mark.usefixtures("required", "files")
@pytest.mark.parametrize(
    ("given", "verify"),
    [({}, None), ({"auth_insecure": True}, False), ({"ca_cert_file": "all.pem"}, "all.pem")],
)
def test_certificates_are_checked_for_karbors_own_user_as_well(trustee, settings, given, verify):
    settings(**given)
    connect_as_karbor()
    assert getattr(trustee.session, "verify", None) == verify


@pytest.mark.usefixtures("trustee", "required")
def test_an_endpoint_of_the_operators_gets_the_project_of_karbors_own_user(settings):
    settings(manila_endpoint="http://manila.invalid/v2/")
    where = connect_as_karbor("project-a").where
    assert (where.endpoint, where.in_path) == ("http://manila.invalid/v2/", "karbors-own")


@pytest.mark.usefixtures("required")
def test_a_keystone_that_is_away_while_the_project_is_looked_for_may_come_back(trustee, settings):
    settings(manila_endpoint="http://manila.invalid/v2")

    def away():
        raise ks_exc.ConnectFailure("refused")

    trustee.session.get_project_id = away
    with pytest.raises(ManilaTransient, match="project of Karbor's own user"):
        connect_as_karbor()


def test_karbors_own_user_is_known_by_its_id(trustee):
    trustee.session.get_user_id = lambda: "karbors-id"
    assert sessions.karbor_user_id(timeout=4.0) == "karbors-id"
    assert trustee.calls == [(None, "manila", True)]
    assert trustee.session.timeout == 4.0


def test_a_keystone_that_does_not_say_who_karbor_is_may_come_back(trustee):
    def away():
        raise ks_exc.ConnectFailure("refused")

    trustee.session.get_user_id = away
    with pytest.raises(ManilaTransient):
        sessions.karbor_user_id(timeout=4.0)
    trustee.session = None
    with pytest.raises(SessionUnavailable):
        sessions.karbor_user_id(timeout=4.0)
