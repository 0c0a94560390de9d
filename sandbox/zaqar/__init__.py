# SPDX-License-Identifier: Apache-2.0
"""Zaqar on a Redis of its own: configuration and launcher."""
