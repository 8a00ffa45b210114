"""How a long-running process treats its memory (performance.md: -9 % CPU, and no response bodies piling up)."""

from __future__ import annotations

import gc


def tune(*, collect: bool = True) -> None:
    """Leave what was imported out of garbage collection, and collect less often. `collect`: throw away first what the
    imports left; a short-lived child of a process that lives on saves that."""
    if collect:
        gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 10, 10)
