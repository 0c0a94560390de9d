# SPDX-License-Identifier: Apache-2.0
"""Karbor's own database, as far as we need it: three tables of ours, and what fits its columns.

It is a room of its own because it is not the bank: claims and the ids of banks must be known where
all processes agree within one transaction, and a bank that was swapped or put back from a copy must
not be the witness of its own identity. What users read of restores, verifications and operations
stands in Karbor's tables, whose columns are narrower in MySQL than what we have to report.
"""
