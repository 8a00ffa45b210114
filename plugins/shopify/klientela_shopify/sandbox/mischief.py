"""What can go wrong inside a well-formed answer of the shop: throttling, drifting pages, changed shapes.

Faults of the wire (429, HTML, cut-off bodies, timeouts) belong to `klientela.testing.Faults`.
"""

from __future__ import annotations

from collections.abc import Callable

from klientela.testing.backstage import Node

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


def _first_of(node: Node, *names: str) -> str | None:
    return next((name for name in names if name in node), None)


def _unknown_enum(node: Node) -> None:
    if name := _first_of(node, "displayFinancialStatus", "state"):
        node[name] = "BRAND_NEW_STATUS"
    if node.get("defaultEmailAddress"):
        node["defaultEmailAddress"]["marketingState"] = "BRAND_NEW_STATE"


def _null_field(node: Node) -> None:
    if name := _first_of(node, "totalPriceSet", "updatedAt"):
        node[name] = None


def _missing_field(node: Node) -> None:
    if name := _first_of(node, "note", "tags", "locale", "lineItems"):
        del node[name]


def _wrong_type(node: Node) -> None:
    if name := _first_of(node, "tags", "completedAt"):
        node[name] = 42


def _extra_field(node: Node) -> None:
    node["shinyNewField"] = {"nested": [1, 2, 3]}


BENDS: dict[str, Callable[[Node], None]] = {
    "unknown_enum": _unknown_enum,
    "null_field": _null_field,
    "missing_field": _missing_field,
    "wrong_type": _wrong_type,
    "extra_field": _extra_field,
}
"""Those that change the shape of a row, and how."""
