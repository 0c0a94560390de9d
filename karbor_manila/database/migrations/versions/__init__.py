# SPDX-License-Identifier: Apache-2.0
"""The revisions, one a file, the oldest first."""
