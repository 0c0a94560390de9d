# SPDX-License-Identifier: Apache-2.0
"""Real threads in a process whose threads are green ones.

Karbor patches threads away (eventlet): while one green thread computes, none of the others runs.
What has to happen in time needs a thread of the operating system. It must touch nothing that green
threads share with each other through locks: those cannot be handed from one real thread to another.
"""

import time

import eventlet.patcher

#: The standard library's own, whether or not eventlet has patched it.
threading = eventlet.patcher.original("threading")

_of_green_threads = threading.get_ident()


def is_native() -> bool:
    """Whether this runs in a real thread beside the one that imported this module, which in Karbor
    is that of all green threads."""
    return bool(threading.get_ident() != _of_green_threads)


def elapsed() -> float:
    """Seconds since the machine was booted, including those in which it, or this process, slept."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
