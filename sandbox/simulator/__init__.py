# SPDX-License-Identifier: Apache-2.0
"""A simulated Manila for scale: the calls that karbor_manila uses, in memory, over HTTP."""
