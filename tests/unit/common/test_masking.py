# SPDX-License-Identifier: Apache-2.0
"""What others answer, and what commands print, is told to users: without their secrets."""

import pytest

from karbor_manila.common.masking import masked

JWS = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.c2ln"
CEPHX = "AQDhunter2QMaNhAAhunter2hunter2hunterxA=="


@pytest.mark.parametrize(
    "text",
    [
        "rabbit://karbor:hunter2@host:5672/ does not answer",
        "psql: could not connect to postgres://app:hun@ter2@db/app",
        "https://:hunter2@hooks.example/x",
        "X-Auth-Token: hunter2",
        "Authorization: Bearer hunter2abc",
        "it wants a bearer hunter2abc",
        "{'access_key': 'hunter2'}",
        "access_key: hunter2, access_to: alice",
        f"[client.alice] key = {CEPHX}",
        f"the token {JWS}",
        f"the token gAAAAA{'hunter2' * 5}",
        "--os-password hunter2 --debug",
        "OS_PASSWORD=hunter2",
        "Password: hunter2",
        '{"secret": "hunter2"}',
        "https://s3/x?X-Amz-Signature=hunter2&a=b",
    ],
)
def test_no_secret_is_in_what_others_said(text: str) -> None:
    found = masked(text)
    assert "***" in found
    assert not any(each in found for each in ("hunter2", "ter2", JWS[:20]))


@pytest.mark.parametrize(
    "text",
    [
        "Authorization failed: the user has no role",
        "Snapshot 7c1e1f5a-9d2e-4c0a-8b7d-1d8e6f0a2b3c is error in Manila",
        "http://manila:8786/v2 did not answer; mail ops@example.org",
        "Quota exceeded for snapshots.",
        "re-key the volume first",
    ],
)
def test_the_rest_stays_as_it_is(text: str) -> None:
    assert masked(text) == text
