# SPDX-License-Identifier: Apache-2.0
"""Ten to ten thousand shares through real Karbor and Keystone; Manila is simulated."""
