"""Places where a test may kill the process: `KLIENTELA_FAILPOINT=name:n` dies there the n-th time it is passed.

The death is SIGKILL, as abrupt as a power cut to the process: no handler, no rollback, no flush.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "run.started",
    "step.began",
    "step.staged",
    "step.derived",
    "step.audited",
    "step.before_commit",
    "step.after_commit",
    "stream.finished",
    "indexes.built",
    "work.before_commit",
    "work.after_commit",
    "run.finished",
)
"""On the way of a sync, in their order; the kill campaign dies at each of them."""
DOORS = (
    "push.stored",
    "push.committed",
    "decision.derived",
    "erasure.derived",
    "erasure.tombstoned",
    "erasure.committed",
    "erasure.cleaning",
    "undo.derived",
    "undo.committed",
    "message.queued",
    "message.handed",
    "placing.sending",
    "placing.answered",
)
"""Where something else is written; their own tests die there."""

_name, _, _count = os.environ.get("KLIENTELA_FAILPOINT", "").partition(":")
_left = int(_count or 1) if _name else 0


def failpoint(name: str) -> None:
    """Die here if the environment says so."""
    global _left
    if name == _name:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
