# SPDX-License-Identifier: Apache-2.0
"""A bank in OpenStack Swift: :mod:`.plugin` for Karbor, :mod:`.store` on python-swiftclient."""
