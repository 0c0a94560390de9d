# SPDX-License-Identifier: Apache-2.0
"""Karbor's flows as we build and run them."""
