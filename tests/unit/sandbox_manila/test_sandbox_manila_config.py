# SPDX-License-Identifier: Apache-2.0
"""The files that Manila is configured by."""

import configparser

import pytest

from sandbox.manila import access, config


@pytest.fixture
def conf(tmp_path):
    path = config.write(
        tmp_path / "m",
        port=4711,
        keystone_url="http://127.0.0.1:1/v3",
        password="pa$s%",
        DEFAULT={"debug": True},
        extra={"a": "b"},
    )
    parser = configparser.RawConfigParser()
    parser.read(path)
    return path, parser


def test_everything_is_below_the_directory(conf):
    path, parser = conf
    top = str(path.parent)
    assert parser["DEFAULT"]["state_path"].startswith(top)
    assert parser["DEFAULT"]["api_paste_config"].startswith(top)
    assert parser["database"]["connection"].startswith(f"sqlite:///{top}")
    assert parser[config.BACKEND]["sandbox_export_root"].startswith(top)


def test_options_are_laid_over(conf):
    _, parser = conf
    assert parser["DEFAULT"]["debug"] == "True"
    assert parser["DEFAULT"]["host"] == "sandbox"
    assert parser["extra"]["a"] == "b"


def test_a_password_with_a_dollar_survives(conf):
    """oslo.config takes $name for a reference and $$ for a dollar."""
    path, parser = conf
    assert parser["service_user_of_manila"]["password"] == "pa$$s%"
    assert path.stat().st_mode & 0o077 == 0


def test_every_pipeline_names_what_is_there():
    names = {section.partition(":")[2] for section in config.PASTE}
    for section, values in config.PASTE.items():
        if section.startswith("pipeline:"):
            assert set(values["pipeline"].split()) <= names


def test_rules_keep_no_keys_and_refuse_unknown_types(tmp_path):
    rules = access.Rules(tmp_path / "access")
    rules.setup()
    refused = rules.replace(
        "share",
        [
            {
                "access_id": "1",
                "access_type": "user",
                "access_to": "bob",
                "access_level": "rw",
                "access_key": "secret",
            },
            {"access_id": "2", "access_type": "cephx", "access_to": "eve", "access_level": "rw"},
        ],
    )
    assert refused == ["2"]
    assert rules.read("share") == [{"type": "user", "to": "bob", "level": "rw"}]
    rules.remove("share")
    rules.remove("share")
    assert rules.read("share") == []


def test_every_backend_has_a_section_and_a_folder_of_its_own(conf):
    path, parser = conf
    enabled = parser["DEFAULT"]["enabled_share_backends"].split(",")
    assert enabled == [config.BACKEND, config.MIRROR, config.SERVERS]
    roots = {parser[name]["sandbox_export_root"] for name in enabled}
    assert len(roots) == 3
    assert all(root.startswith(str(path.parent)) for root in roots)
    capacity = [parser[name].getint("sandbox_capacity_gb", 1_000_000) for name in enabled]
    assert capacity[0] > sum(capacity[1:])  # plain shares come to the first one


def test_rules_may_be_refused_one_by_one(tmp_path):
    rules = access.Rules(tmp_path / "access")
    rules.setup()
    wanted = [
        {"access_id": name, "access_type": "user", "access_to": name, "access_level": "rw"}
        for name in ("bob", "eve")
    ]
    refused = rules.replace("share", wanted, refused=lambda rule: rule["access_to"] == "eve")
    assert refused == ["eve"]
    assert [rule["to"] for rule in rules.read("share")] == ["bob"]
