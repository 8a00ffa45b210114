"""What can go wrong inside a well-formed answer of the shop: throttling, drifting pages, changed shapes.

Faults of the wire (429, HTML, cut-off bodies, timeouts) belong to `klientela.testing.Faults`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

FAULTS: dict[str, str] = {
    "throttled": "the purse is empty, whatever it holds",
    "internal": "INTERNAL_SERVER_ERROR with status 200",
    "partial": "data and errors together",
    "drift": "objects change between two pages of a list",
    "late": "the search index learns of a change five minutes later",
    "repeat": "a page begins with the rows of the page before it",
    "loop": "a list says that there is more and gives the same cursor again",
    "expired": "a cursor is not valid any more",
    "unknown_enum": "a status nobody has heard of",
    "null_field": "a field that may not be null is null",
    "missing_field": "a field that was asked for is not there",
    "wrong_type": "a field has another type",
    "extra_field": "fields that nobody asked for",
    "emptied": "all lists are empty",
    "other_shop": "another shop answers",
    "bulk_crowded": "other bulk operations are in progress",
    "bulk_failed": "a bulk operation fails",
    "bulk_canceled": "somebody cancels a bulk operation",
    "bulk_stuck": "a bulk operation does not get on",
    "bulk_gone": "the address of a bulk result has expired",
    "bulk_cut": "the file of a bulk result ends too early",
    "bulk_scattered": "the lines of a bulk result stand far from what they belong to",
}
STEADY = frozenset({"late", "emptied", "other_shop"})
"""Faults that are a state of the shop rather than an accident."""

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

    def bend(self, data: dict[str, Any]) -> None:
        """Change the shape of one row of each list in an answer, as the faults want it."""
        for value in data.values():
            nodes = value.get("nodes") if isinstance(value, dict) else None
            if not nodes:
                continue
            for kind, change in _BENDS.items():
                if self.strikes(kind):
                    change(self.dice.choice(nodes))


def _first_of(node: dict[str, Any], *names: str) -> str | None:
    return next((name for name in names if name in node), None)


def _unknown_enum(node: dict[str, Any]) -> None:
    if name := _first_of(node, "displayFinancialStatus", "state"):
        node[name] = "BRAND_NEW_STATUS"
    if node.get("defaultEmailAddress"):
        node["defaultEmailAddress"]["marketingState"] = "BRAND_NEW_STATE"


def _null_field(node: dict[str, Any]) -> None:
    if name := _first_of(node, "totalPriceSet", "updatedAt"):
        node[name] = None


def _missing_field(node: dict[str, Any]) -> None:
    if name := _first_of(node, "note", "tags", "locale", "lineItems"):
        del node[name]


def _wrong_type(node: dict[str, Any]) -> None:
    if name := _first_of(node, "tags", "completedAt"):
        node[name] = 42


def _extra_field(node: dict[str, Any]) -> None:
    node["shinyNewField"] = {"nested": [1, 2, 3]}


_BENDS: dict[str, Callable[[dict[str, Any]], None]] = {
    "unknown_enum": _unknown_enum,
    "null_field": _null_field,
    "missing_field": _missing_field,
    "wrong_type": _wrong_type,
    "extra_field": _extra_field,
}
