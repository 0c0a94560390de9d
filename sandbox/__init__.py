# SPDX-License-Identifier: Apache-2.0
"""Real Keystone, Manila and Karbor on loopback, for the demo, the tests and the benchmarks."""
