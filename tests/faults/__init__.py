# SPDX-License-Identifier: Apache-2.0
"""The table of faults: what is broken, and how an operation has to end all the same."""
