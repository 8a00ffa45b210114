"""What can go wrong inside a well-formed answer of a pretend shop: which faults are on, and how often they strike.

Faults of the wire (429, HTML, cut-off bodies, timeouts) belong to `klientela.testing.Faults`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from typing import Any

Node = dict[str, Any]


class Mischief:
    """Which faults are on, each with the share of answers it strikes (0 to 1).

    kinds   the faults of this shop, and what each does, in words
    bends   of those that change the shape of a row: how
    steady  those that are a state of the shop rather than an accident
    """

    def __init__(
        self,
        seed: int,
        kinds: Mapping[str, str],
        bends: Mapping[str, Callable[[Node], None]],
        steady: Collection[str] = (),
    ) -> None:
        self.kinds = kinds
        self.steady = steady
        self.rates: dict[str, float] = {}
        self.left: dict[str, int] = {}  # how many more times; absent: no limit
        self.dice = random.Random(seed)
        self._bends = bends

    def set(self, kind: str, rate: float = 1.0, times: int | None = None) -> None:
        """Switch a fault on, or off with rate 0. `times` lets it strike only so often. ValueError for unknown ones."""
        if kind not in self.kinds:
            raise ValueError(f"no fault named {kind!r}; there are {', '.join(self.kinds)}")
        self.rates[kind] = rate
        self.left.pop(kind, None)
        if times is not None:
            self.left[kind] = times

    def strikes(self, kind: str) -> bool:
        """Whether a fault strikes now."""
        rate = self.rates.get(kind, 0.0)
        if not rate or self.left.get(kind) == 0 or (rate < 1 and self.dice.random() >= rate):
            return False
        if kind in self.left:
            self.left[kind] -= 1
        return True

    def bend(self, rows: list[Node]) -> None:
        """Change the shape of one row of a list, as the faults want it."""
        for kind, change in self._bends.items():
            if rows and self.strikes(kind):
                change(self.dice.choice(rows))
