# SPDX-License-Identifier: Apache-2.0
"""Protects the shares of a share group together, by one snapshot of the group."""

from karbor_manila.drivers.group.driver import GroupDriver

__all__ = ["GroupDriver"]
