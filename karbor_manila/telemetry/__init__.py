# SPDX-License-Identifier: Apache-2.0
"""Events, and who listens to them."""
