"""Orders: all of them or one customer's, and one with its lines, its carriers and why it counts or not (C30-C33)."""

from __future__ import annotations

from typing import Any, get_args

from starlette.responses import Response

from klientela.errors import KlientelaError
from klientela.flow.placing import here, takers
from klientela.model.instants import iso
from klientela.model.records import OrderState
from klientela.settings.views import PRESETS, View
from klientela.store import facts, orderlist, rows
from klientela.store.database import Db
from klientela.store.orderlist import Cursor, Listed
from klientela_web.asking import Asking
from klientela_web.ways import Nav, get

_SIZE = 50
STATES: tuple[str, ...] = get_args(OrderState)
REASONS = ("test", "cancelled", "refunded", "offer", "deleted", "void", "credit note")
"""Why an order does not count (rules/totals.py)."""


def show(asking: Asking) -> Response:
    """The list of orders, newest first, of all or of one customer."""
    customer, state, test = asking.text("customer").strip(), asking.text("state"), asking.text("test")
    wrong = None
    found = Listed()
    with asking.store.reading() as db:
        try:
            found = orderlist.orders(
                db,
                lens(db),
                key=asking.store.key,
                customer=customer or None,
                state=state if state in STATES else None,
                test={"yes": True, "no": False}.get(test),
                after=Cursor.read(asking.text("after")),
                size=_SIZE,
            )
        except KlientelaError as error:
            wrong = asking.told(error)
        types = source_types(db)
    asked = {"customer": customer, "state": state if state in STATES else "", "test": test}
    older = asking.link("/orders", **asked, after=found.after.text()) if found.after is not None else None
    return asking.show(
        "orders.html", found=found, asked=asked, states=STATES, older=older, wrong=wrong, source_types=types,
        first=not asking.text("after"),
    )  # fmt: skip


def one(asking: Asking) -> Response:
    """One order (C30)."""
    with asking.store.reading() as db:
        found = orderlist.order(db, asking.path["key"], lens(db), key=asking.store.key)
        types = source_types(db)
        kept = here(db, found)
    shops = takers(asking.house.config.settings, asking.house.plugins)
    sent_at = iso(kept.handed.at) if kept is not None and kept.handed is not None else None
    return asking.show("order.html", order=found, source_types=types, placed=kept, sent_at=sent_at, shops=shops)


def lens(db: Db) -> rows.Lens:
    """How customers are named here: as in the list that nobody configured."""
    return rows.lens(db, View.model_validate(PRESETS["default"]))


def source_types(db: Db) -> dict[str, Any]:
    """The type of each source by its name, for the badges."""
    return {row.label: row.type for row in facts.sources(db).values()}


NAV = (Nav("/orders", "Orders", "receipt"),)
WAYS = (
    get("/orders", "viewer", show),
    get("/orders/{key:path}", "viewer", one),
)

__all__ = ["NAV", "REASONS", "STATES", "WAYS", "lens", "source_types"]
