# SPDX-License-Identifier: Apache-2.0
"""What happens to ten plans when a part of a cluster is killed, paused, restarted or away."""
