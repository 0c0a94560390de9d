# SPDX-License-Identifier: Apache-2.0
"""Measurements against the sandbox. ``python -m benchmarks --help`` lists the commands."""
