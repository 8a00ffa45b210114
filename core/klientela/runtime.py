"""How a long-running process treats its memory (performance.md: -9 % CPU, and no response bodies piling up)."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress

_MEMSTATUS = 9  # SQLITE_CONFIG_MEMSTATUS in sqlite3.h


def tune(*, collect: bool = True) -> None:
    """Leave what was imported out of garbage collection, collect less often, and let SQLite not count its memory.

    `collect`: throw away first what the imports left; a short-lived child of a process that lives on saves that.
    """
    uncounted()
    if collect:
        gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 10, 10)


def uncounted() -> bool:
    """SQLite without statistics of its memory: each allocation takes a lock for them, 2 % of a full sync (sqlite.org,
    "Recommended Compile-time Options", 2). Whether it was done: only on Linux, and while no connection is open, for
    the library must be started anew. Nothing else differs."""
    if not sys.platform.startswith("linux"):
        return False  # the function takes any number of arguments, which are passed otherwise elsewhere
    with suppress(ImportError, OSError, AttributeError):
        import _sqlite3

        library = ctypes.PyDLL(_sqlite3.__file__)  # the symbols of what it is linked with are found through it
        library.sqlite3_memory_used.restype = ctypes.c_int64
        if library.sqlite3_memory_used() == 0 and library.sqlite3_shutdown() == 0:
            done = bool(library.sqlite3_config(_MEMSTATUS, 0) == 0)
            library.sqlite3_initialize()
            return done
    return False
