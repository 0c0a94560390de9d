# SPDX-License-Identifier: Apache-2.0
"""A bank in an object store, whichever store it is: only :class:`.store.Store` is the store's."""
