# SPDX-License-Identifier: Apache-2.0
"""Karbor in processes of its own on RabbitMQ and MariaDB, three of them karbor-protection."""

from collections.abc import Iterator

import pytest

from sandbox.stack import Stack
from sandbox.tenant import Tenant
from tests.functional.clusters import cluster
from tests.functional.folders import contents, fill


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A cluster of this file's own."""
    with cluster(tmp_path_factory.mktemp("cluster")) as stack:
        yield stack


@pytest.fixture
def alpha(stack: Stack) -> Tenant:
    return Tenant(stack.info, "alpha")


def test_a_share_comes_back_byte_for_byte(alpha: Tenant) -> None:
    share = alpha.make_share("single")
    folder = alpha.folder(share.id)
    fill(folder, "before")
    kept = contents(folder)
    checkpoint = alpha.protect(alpha.plan_of_shares([share]))
    fill(folder, "after")
    new = alpha.restored_share(alpha.restore(checkpoint))
    assert contents(alpha.folder(new.id)) == kept
    alpha.delete(checkpoint)
    assert alpha.snapshots(share.id) == []
