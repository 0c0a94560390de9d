# SPDX-License-Identifier: Apache-2.0
"""What is stored in a bank, whichever bank it is, and the one way to it (:mod:`.access`)."""
