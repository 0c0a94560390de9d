# SPDX-License-Identifier: Apache-2.0
"""Keystone in one process: its configuration, what is put into it, its launcher."""
