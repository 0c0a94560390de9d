# SPDX-License-Identifier: Apache-2.0
"""The table of the driver's methods says what is there; needs Manila."""

import pytest

pytest.importorskip("manila.share.driver")

from sandbox.manila import table  # noqa: E402


def test_what_is_not_there_has_a_reason_and_the_rest_an_owner():
    rows = dict(table.rows())
    assert rows["create_share"] == "`backend/shares.py`"
    assert rows["setup_server"] == "`backend/servers.py`, with share servers"
    assert rows["get_pool"] == "Manila's own"
    gone = {name for name, who in rows.items() if who.startswith("not there: ")}
    assert gone == set(table.NOT_THERE)


def test_it_is_printed_as_markdown(capsys):
    assert table.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "|---|---|"
    assert lines[-1].endswith(f"{len(table.NOT_THERE)} not there.")
