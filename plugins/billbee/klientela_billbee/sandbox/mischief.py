"""What can go wrong inside a well-formed answer of the account: error codes in a 200, missing Paging, drifting pages.

Faults of the wire (429, HTML, cut-off bodies, timeouts) belong to `klientela.testing.Faults`.
"""

from __future__ import annotations

from collections.abc import Callable

from klientela.testing.backstage import Node

FAULTS: dict[str, str] = {
    "busy": "429 without Retry-After",
    "internal": "error code 8 (InternalError) with status 200",
    "message": "status 200 with a Message instead of data",
    "unpaged": "a list without Paging",
    "drift": "objects change between two pages of a list",
    "repeat": "a page begins with the rows of the page before it",
    "loop": "every page of a list is the first one again",
    "unknown_enum": "a state nobody has heard of",
    "null_field": "a field that always had a value is null",
    "missing_field": "a field is not there",
    "wrong_type": "a field has another type",
    "extra_field": "fields nobody has heard of",
    "coarse": "times of filters count by the minute",
    "emptied": "all lists are empty",
    "other_shop": "another account answers",
}
STEADY = frozenset({"coarse", "emptied", "other_shop"})
"""Faults that are a state of the account rather than an accident."""


def _unknown_enum(node: Node) -> None:
    for name in ("State", "Type", "AddressType", "PaymentMethod"):
        if isinstance(node.get(name), int):
            node[name] = 4711


def _null_field(node: Node) -> None:
    for name in ("OrderItems", "Seller", "MetaData", "Tags"):
        if name in node:
            node[name] = None


def _missing_field(node: Node) -> None:
    for name in ("InvoiceAddress", "Buyer", "DefaultPhone1", "Tel2"):
        node.pop(name, None)


def _wrong_type(node: Node) -> None:
    for name in ("OrderItems", "Name", "FirstName", "Created"):
        if name in node:
            node[name] = {"unexpected": True}


def _extra_field(node: Node) -> None:
    node["ShinyNewField"] = {"Nested": [1, 2, 3]}


BENDS: dict[str, Callable[[Node], None]] = {
    "unknown_enum": _unknown_enum,
    "null_field": _null_field,
    "missing_field": _missing_field,
    "wrong_type": _wrong_type,
    "extra_field": _extra_field,
}
"""Those that change the shape of a row, and how."""
