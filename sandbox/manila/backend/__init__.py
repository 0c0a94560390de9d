# SPDX-License-Identifier: Apache-2.0
"""The share driver of the sandbox, one file for each of its abilities; driver.py has them all."""
