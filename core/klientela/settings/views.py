"""The views of the list as data: columns, order, totals, who is in it (features 1.7, R30, R31, R52)."""

from __future__ import annotations

import difflib
from typing import Annotated, Literal

from pydantic import Field, field_validator

from klientela.source import Table

COLUMNS: dict[str, str] = {
    "name": "first and last name, else e-mail, phone, source id (A09, T58)",
    "first_name": "first name",
    "last_name": "last name",
    "email": "primary e-mail",
    "phone": "primary phone",
    "company": "company",
    "location": "city and country",
    "city": "city",
    "country": "country",
    "status": "registered or guest (R1)",
    "test_order": "the test dot (R5)",
    "sources": "source badges",
    "orders": "number of orders under the view's totals",
    "ltv": "lifetime value (R31)",
    "ltv_approx": "about the lifetime value in the shop's currency, where others are in it (R34)",
    "gross": "sum of all orders (R30b)",
    "gross_approx": "about the sum of all orders in the shop's currency, where others are in it (R34)",
    "last_order": "newest order under the view's totals (R35)",
    "joined": "oldest creation time at a source",
    "id": "public id (R23)",
    "crm_id": "number of the CRM (R55b)",
    "customer_number": "customer number (R55b)",
    "modules": "areas the activity came from (S08)",
    "tags": "tags",
    "promotion": "consent to promotional e-mail (S11)",
    "system": "consent to system e-mail (S12)",
    "qr_scanned": "when a letter was last scanned (A19)",
    "inactive": "marked inactive (R41)",
}
"""What a view may show, by the name it has in the configuration."""

APPROXIMATE = frozenset(("ltv_approx", "gross_approx"))
"""Columns that need exchange rates; an export holds what is about only where its view has them."""

SORTABLE = (
    "autoletter", "site123", "cockpit", "id", "name", "email", "company", "location", "city", "country", "joined",
    "orders", "last_order", "status", "ltv",
)  # fmt: skip
"""The declared key lists of R52 and the headers that sort; `store/sorting.py` says what each means."""


def check_sort(sort: str) -> str:
    """`NAME[:asc|:desc]` of a declared order or a header. ValueError with the nearest known one."""
    key, colon, way = sort.partition(":")
    if key not in SORTABLE:
        near = difflib.get_close_matches(key, SORTABLE, 1)
        meant = f"did you mean {near[0]}?" if near else f"known are {', '.join(SORTABLE)}"
        raise ValueError(f"{key!r} is no order of the list; {meant}")
    if colon and way not in ("asc", "desc"):
        raise ValueError(f"{sort!r} goes neither asc nor desc")
    return sort


ColumnName = Annotated[str, Field(json_schema_extra={"enum": list(COLUMNS)})]


class View(Table):
    """One view of the list; `columns` in the order they are shown."""

    columns: tuple[ColumnName, ...] = Field(
        default=("name", "status", "email", "company", "location", "orders", "ltv", "last_order"),
        description="what is shown, in this order",
    )
    sort: str = Field(default="autoletter", description="a declared key list (R52) or KEY[:asc|:desc]")
    totals: Literal["gross", "ltv"] = Field(default="ltv", description="what orders and averages count (R30, R31)")
    include: Literal["all", "orderers_and_manual"] = Field(default="all", description="who is in the list (K6)")
    profile_orders: int = Field(default=10, ge=1, le=1000, description="orders shown before expanding (K8)")
    page_sizes: tuple[int, ...] = Field(default=(10, 25, 50, 100), description="sizes to choose from (A27)")
    page_size: int = Field(default=25, ge=1, le=1000, description="rows of a page when nothing is said")
    sortable: tuple[str, ...] | None = Field(default=None, description="headers that may sort; all when left out (K2)")
    crm_source: str | None = Field(default=None, description="source whose external id is the CRM id (R55b)")

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        for column in columns:
            if column not in COLUMNS:
                near = difflib.get_close_matches(column, COLUMNS, 1)
                raise ValueError(
                    f"{column!r} is no column"
                    + (f"; did you mean {near[0]}?" if near else f"; known are {', '.join(COLUMNS)}")
                )
        if len(set(columns)) != len(columns) or not columns:
            raise ValueError("name each column once, and at least one")
        return columns

    @field_validator("sort")
    @classmethod
    def _known_sort(cls, sort: str) -> str:
        return check_sort(sort)

    @field_validator("sortable")
    @classmethod
    def _known_sortable(cls, keys: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for key in keys or ():
            if key not in SORTABLE:
                raise ValueError(f"{key!r} is no header that sorts; known are {', '.join(SORTABLE)}")
        return keys

    @field_validator("page_sizes")
    @classmethod
    def _sizes(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if not sizes or any(not 1 <= size <= 1000 for size in sizes):
            raise ValueError("page sizes lie between 1 and 1000")
        return tuple(sorted(set(sizes)))


_SHOP = ("name", "email", "company", "location", "orders", "ltv", "last_order")

PRESETS: dict[str, dict[str, object]] = {
    # the list nobody configured: AutoLetter's seven columns, the status and the test dot
    "default": {"columns": ("name", "status", "test_order", *_SHOP[1:])},
    "autoletter": {"columns": _SHOP, "sort": "autoletter", "totals": "ltv", "profile_orders": 10},
    "site123": {
        "columns": ("name", "email", "phone", "country", "modules", "joined", "promotion", "system"),
        "sort": "site123",
    },
    "cockpit": {
        "columns": ("name", "status", "email", "location", "orders", "last_order"),
        "sort": "cockpit",
        "totals": "gross",
        "include": "orderers_and_manual",
        "profile_orders": 3,
    },
    # X27: the original states no order; newest first serves a base of contacts best
    "ecdp": {"columns": ("id", "crm_id", "email", "phone", "first_name", "last_name"), "sort": "site123"},
}
"""The views every installation has. A table `[views.NAME]` of the same name changes single keys of it."""
