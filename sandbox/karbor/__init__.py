# SPDX-License-Identifier: Apache-2.0
"""Karbor in one process: its configuration, its two providers, its launcher."""
