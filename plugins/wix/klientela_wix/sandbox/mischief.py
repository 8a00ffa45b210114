"""What can go wrong inside a well-formed answer of the site: throttling, drifting pages, changed shapes.

Faults of the wire (HTML, cut-off bodies, timeouts, 5xx) belong to `klientela.testing.Faults`.
"""

from __future__ import annotations

from collections.abc import Callable

from klientela.testing.backstage import Node

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


def _unknown_enum(node: Node) -> None:
    for name in ("status", "paymentStatus"):
        if name in node:
            node[name] = "BRAND_NEW_STATUS"
    if "primaryEmail" in node:
        node["primaryEmail"]["subscriptionStatus"] = "BRAND_NEW_STATUS"


def _null_field(node: Node) -> None:
    node["priceSummary" if "priceSummary" in node else "updatedDate"] = None


def _missing_field(node: Node) -> None:
    for name in ("primaryPhone", "billingInfo", "lineItems", "profile"):
        node.pop(name, None)


def _wrong_type(node: Node) -> None:
    for name in ("info", "lineItems", "contactId"):
        if name in node:
            node[name] = 42
            return


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
