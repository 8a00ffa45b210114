"""How often a host may be asked: one budget for all clients of the process with the same credentials.

A source that is told to wait makes all others of the same shop wait, and nobody else.
"""

from __future__ import annotations

import threading
import time


class Patience:
    """The clock and the waiting of all clients; `klientela.testing.hurry` exchanges it."""

    def now(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait, at most until somebody asks to stop; True when that happened."""
        return stop.wait(seconds)


patience = Patience()


class Budget:
    """When the next call to a host may start. Thread-safe."""

    __slots__ = ("_free_at", "_lock")

    def __init__(self) -> None:
        self._free_at = 0.0
        self._lock = threading.Lock()

    def turn(self, interval: float) -> float:
        """0 when a call may start now (and its turn is taken), else the seconds after which to ask again."""
        if not interval and not self._free_at:
            return 0.0  # nobody ever limited this host: no lock on the common road
        with self._lock:
            now = patience.now()
            if self._free_at > now:
                return self._free_at - now
            self._free_at = now + interval
            return 0.0

    def hold(self, seconds: float) -> None:
        """No call starts for so many seconds, whoever asks."""
        with self._lock:
            self._free_at = max(self._free_at, patience.now() + seconds)

    def idle(self) -> bool:
        """True when forgetting this budget would change nothing."""
        return self._free_at <= patience.now()


_budgets: dict[tuple[str, bytes], Budget] = {}
_register = threading.Lock()
_MANY = 64


def forget() -> None:
    """Forget all budgets; for tests, whose servers use the same ports again."""
    with _register:
        _budgets.clear()


def budget_of(origin: str, scope: bytes) -> Budget:
    """The budget of a host under one set of credentials; the same object for everybody who asks.

    `scope` is a digest of the credentials: two shops at one vendor's host have separate limits, two sources
    with the same key share theirs.
    """
    with _register:
        if len(_budgets) > _MANY:  # tokens that are renewed daily would otherwise pile up
            for key in [key for key, budget in _budgets.items() if budget.idle()]:
                del _budgets[key]
        return _budgets.setdefault((origin, scope), Budget())
