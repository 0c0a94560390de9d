# SPDX-License-Identifier: Apache-2.0
"""How this Manila's services run side by side: import it before anything else of Manila.

Manila asks which it is when it is imported. Since 2025.2 it can have real threads; an older one has
eventlet's green threads, and its commands begin like this (manila/cmd/share.py).
"""

try:
    from manila import monkey_patch
except ImportError:
    # Each of these lines before the next one's import, as there.
    import eventlet

    eventlet.monkey_patch()
    import threading

    import __original_module_threading as orig_threading

    orig_threading.current_thread.__globals__["_active"] = threading._active
    EVENTLET = True
else:
    monkey_patch.patch("threading")
    EVENTLET = False
