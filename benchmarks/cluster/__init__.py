# SPDX-License-Identifier: Apache-2.0
"""How the work of many plans spreads over several karbor-protection, and what that saves."""
