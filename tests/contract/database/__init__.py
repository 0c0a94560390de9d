# SPDX-License-Identifier: Apache-2.0
"""What our tables promise, on each database on which Karbor runs: real ones of the tests' own."""
