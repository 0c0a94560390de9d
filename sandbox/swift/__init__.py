# SPDX-License-Identifier: Apache-2.0
"""A Swift (proxy, account, container and object server in one process) for the bank."""
