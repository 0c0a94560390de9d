# SPDX-License-Identifier: Apache-2.0
"""What operators run around the calls of drivers. Nothing is imported here: a host of Manila loads
one module of this room (:mod:`.watch`) without the rest."""
