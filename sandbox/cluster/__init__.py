# SPDX-License-Identifier: Apache-2.0
"""The services of the cluster profile: several workers, a real broker and a real database."""
