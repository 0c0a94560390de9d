# SPDX-License-Identifier: Apache-2.0
"""The sample configuration is what the options say: ``tox -e genconfig`` writes it."""

import io
from pathlib import Path

import pytest
from oslo_config import cfg, generator

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", ["provider.conf", "karbor.conf", "manila-watch.conf"])
def test_the_sample_is_up_to_date(name: str) -> None:
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(["--config-file", str(ROOT / "tools" / f"{name}.generator")])
    written = io.StringIO()
    generator.generate(conf, written)
    assert (ROOT / f"{name}.sample").read_text() == written.getvalue(), "run tox -e genconfig"


def test_the_sample_provider_names_our_plugins() -> None:
    sample = (ROOT / "provider.conf.sample").read_text()
    assert "#plugin = karbor-manila-share-protection-plugin\n" in sample
    assert "#plugin = karbor-manila-project-plugin\n" in sample
    assert "#bank = karbor-manila-fs-bank-plugin\n" in sample
