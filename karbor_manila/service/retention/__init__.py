# SPDX-License-Identifier: Apache-2.0
"""Karbor's retention: what it may remove of a plan's checkpoints."""
