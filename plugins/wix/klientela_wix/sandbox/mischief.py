"""What can go wrong inside a well-formed answer of the site: throttling, drifting pages, changed shapes.

Faults of the wire (HTML, cut-off bodies, timeouts, 5xx) belong to `klientela.testing.Faults`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

FAULTS: dict[str, str] = {
    "throttled": "too many calls, whatever their number; no word how long to wait",
    "drift": "objects change or vanish between two pages of a list",
    "late": "the lists learn of a change five minutes later",
    "repeat": "a page begins with rows of the page before it",
    "loop": "a list says that there is more and shows the same page again",
    "expired": "a cursor is not valid any more",
    "unknown_enum": "a status nobody has heard of",
    "null_field": "a field that may not be null is null",
    "missing_field": "a field is not there",
    "wrong_type": "a field has another type",
    "extra_field": "fields that nobody asked for",
    "emptied": "all lists are empty",
}
STEADY = frozenset({"late", "emptied"})
"""Faults that are a state of the site rather than an accident."""

LATE = 300.0
"""Seconds."""


class Mischief:
    """Which faults are on, each with the share of answers it strikes (0 to 1)."""

    def __init__(self, seed: int) -> None:
        self.rates: dict[str, float] = {}
        self.left: dict[str, int] = {}  # how many more times; absent: no limit
        self.dice = random.Random(seed)

    def set(self, kind: str, rate: float = 1.0, times: int | None = None) -> None:
        """Switch a fault on, or off with rate 0. `times` lets it strike only so often."""
        if kind not in FAULTS:
            raise ValueError(f"no fault named {kind!r}; there are {', '.join(FAULTS)}")
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

    def bend(self, rows: list[dict[str, Any]]) -> None:
        """Change the shape of one row of an answer, as the faults want it."""
        for kind, change in _BENDS.items():
            if rows and self.strikes(kind):
                change(self.dice.choice(rows))


def _unknown_enum(node: dict[str, Any]) -> None:
    for name in ("status", "paymentStatus"):
        if name in node:
            node[name] = "BRAND_NEW_STATUS"
    if "primaryEmail" in node:
        node["primaryEmail"]["subscriptionStatus"] = "BRAND_NEW_STATUS"


def _null_field(node: dict[str, Any]) -> None:
    node["priceSummary" if "priceSummary" in node else "updatedDate"] = None


def _missing_field(node: dict[str, Any]) -> None:
    for name in ("primaryPhone", "billingInfo", "lineItems", "profile"):
        node.pop(name, None)


def _wrong_type(node: dict[str, Any]) -> None:
    for name in ("info", "lineItems", "contactId"):
        if name in node:
            node[name] = 42
            return


def _extra_field(node: dict[str, Any]) -> None:
    node["shinyNewField"] = {"nested": [1, 2, 3]}


_BENDS: dict[str, Callable[[dict[str, Any]], None]] = {
    "unknown_enum": _unknown_enum,
    "null_field": _null_field,
    "missing_field": _missing_field,
    "wrong_type": _wrong_type,
    "extra_field": _extra_field,
}
