# SPDX-License-Identifier: Apache-2.0
"""What a tenant of the sandbox leaves to whoever uses the project next."""

from types import SimpleNamespace

from sandbox.tenant import Tenant


class Checkpoints:
    """Karbor's, of one project, as our manager deletes them."""

    def __init__(self, **statuses):
        self.statuses = statuses

    def list(self, _provider):
        return [self.get(None, name) for name in self.statuses]

    def get(self, _provider, name):
        return SimpleNamespace(id=name, status=self.statuses[name])

    def delete(self, _provider, name):
        self.statuses[name] = "deleted"


def test_a_checkpoint_whose_deletion_failed_is_not_left_behind():
    made = Checkpoints(good="available", bad="error", stuck="error-deleting", going="deleting")
    tenant = Tenant.__new__(Tenant)
    providers = SimpleNamespace(list=lambda: [SimpleNamespace(id="provider")])
    tenant.karbor = SimpleNamespace(providers=providers, checkpoints=made)
    tenant.delete_checkpoints()
    assert made.statuses == {
        "good": "deleted",
        "bad": "deleted",
        "stuck": "deleted",
        "going": "deleting",
    }
