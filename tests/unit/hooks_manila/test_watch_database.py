# SPDX-License-Identifier: Apache-2.0
"""The hook with Manila's own database API and decorator of calls; needs Manila."""

import uuid

import pytest

pytest.importorskip("manila.share.manager")

from manila import context, db  # noqa: E402
from manila.db.sqlalchemy import api as db_api  # noqa: E402
from manila.db.sqlalchemy import models  # noqa: E402
from manila.share import hook as manila_hook  # noqa: E402
from manila.share import manager  # noqa: E402
from oslo_config import cfg  # noqa: E402

from karbor_manila.hooks.watch import CheckpointWatchHook  # noqa: E402
from karbor_manila.hooks.watch_sender import Failures  # noqa: E402
from tests.unit.hooks_manila.manila_stub import MARK, Configuration  # noqa: E402

MARKED = {f"karbor_manila_{name}": value for name, value in MARK.items()}
ADMIN = context.get_admin_context()
TENANT = context.RequestContext("u-1", "p-1", is_admin=False, request_id="req-1")
HOST = "host@backend"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Manila's tables."""
    folder = tmp_path_factory.mktemp("manila")
    cfg.CONF([], project="manila", default_config_files=[])
    cfg.CONF.set_override("connection", f"sqlite:///{folder / 'manila.db'}", "database")
    models.BASE.metadata.create_all(db_api.get_engine())
    yield
    cfg.CONF.clear_override("connection", "database")


class ShareManager:
    """Calls of Manila's share manager, as its decorator wraps them; they do what is asked for."""

    def __init__(self, *hooks):
        self.hooks = hooks

    @manager.add_hooks
    def delete_snapshot(self, context, snapshot_id, force=False):
        instance = db.share_snapshot_get(ADMIN, snapshot_id).instance["id"]
        db.share_snapshot_instance_delete(ADMIN, instance)

    @manager.add_hooks
    def delete_share_instance(self, context, share_instance_id, force=False):
        # Deferred: SQLite does not take Manila's transaction within another one.
        db.share_instance_update(ADMIN, share_instance_id, {"status": "deferred_deleting"})

    @manager.add_hooks
    def revert_to_snapshot(self, context, snapshot_id, reservations):
        pass

    @manager.add_hooks
    def delete_share_server(self, context, share_server):
        return f"deleted {share_server['id']}"


@pytest.fixture
def hook(database):
    made = CheckpointWatchHook(Configuration(), HOST)
    made._senders = [made]
    made.told = []
    made.send = made.told.append
    made.lost = Failures("lost")
    return made


def share(**fields):
    values = {"share_proto": "NFS", "size": 1, "project_id": "p-1", "user_id": "u-1"}
    values |= {"host": f"{HOST}#pool", "status": "available", "snapshot_support": True}
    return db.share_create(ADMIN, {**values, **fields})


def snapshot(of, **fields):
    values = {"share_id": of["id"], "size": 1, "share_size": 1, "share_proto": "NFS"}
    values |= {"project_id": "p-1", "user_id": "u-1", "status": "available"}
    made = {**values, "id": str(uuid.uuid4()), "metadata": MARKED, **fields}
    return db.share_snapshot_create(ADMIN, made)["id"]


def test_a_deletion_is_told_by_what_the_row_said_before(hook):
    of = share()
    made = snapshot(of)
    ShareManager(hook).delete_snapshot(TENANT, snapshot_id=made, force=False)
    (event,) = hook.told
    assert (event["snapshot_id"], event["share_id"]) == (made, of["id"])
    assert (event["mark"], event["project_id"]) == (MARK, "p-1")
    assert event["by"] == {"user_id": "u-1", "project_id": "p-1", "request_id": "req-1"}
    assert hook.failures.count == 0


def test_a_revert_is_told(hook):
    made = snapshot(share())
    ShareManager(hook).revert_to_snapshot(TENANT, snapshot_id=made, reservations=[])
    assert [event["snapshot_id"] for event in hook.told] == [made]


def test_a_snapshot_without_a_mark_is_nobodys(hook):
    made = snapshot(share(), metadata={"mine": "yes"})
    ShareManager(hook).delete_snapshot(TENANT, snapshot_id=made)
    assert (hook.told, hook.failures.count) == ([], 0)


def test_a_share_with_a_mark_is_told(hook):
    made_by = MARKED | {"karbor_manila_restore": str(uuid.UUID(int=9))}
    of = share(metadata=made_by)
    instance = of["instances"][0]["id"]
    ShareManager(hook).delete_share_instance(TENANT, share_instance_id=instance)
    (event,) = hook.told
    assert (event["share_id"], event["mark"]["restore"]) == (of["id"], str(uuid.UUID(int=9)))
    assert hook.failures.count == 0


def test_what_failed_on_this_backend_is_told(hook):
    made = snapshot(share(), status="error")
    snapshot(share(host="another@backend#pool"), status="error")
    hook.execute_periodic_hook(ADMIN, [])
    assert [(event["snapshot_id"], event["status"]) for event in hook.told] == [(made, "error")]
    assert hook.failures.count == 0


def test_a_share_server_is_deleted_by_this_hook_and_by_no_other(hook):
    class Usual(manila_hook.HookBase):
        def _execute_pre_hook(self, context, func_name, *args, **kwargs):
            """Nothing."""

        _execute_post_hook = _execute_periodic_hook = _execute_pre_hook

    server = {"id": "server"}
    assert ShareManager(hook).delete_share_server(ADMIN, server) == "deleted server"
    with pytest.raises(TypeError, match="func_name"):
        ShareManager(Usual(Configuration(), HOST)).delete_share_server(ADMIN, server)
