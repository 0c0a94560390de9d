# SPDX-License-Identifier: Apache-2.0
"""Our bank on a file system: a drop-in for Karbor's own, atomic, durable and in order."""
