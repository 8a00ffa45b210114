"""Orders: all of them or one customer's, and one with its lines, its carriers and why it counts or not (C30-C33)."""

from __future__ import annotations

from typing import Any, get_args

from starlette.responses import Response

from klientela.errors import KlientelaError, Misconfigured
from klientela.flow.newcomer import MANUAL
from klientela.flow.ordering import place
from klientela.model.records import OrderState
from klientela.settings.views import PRESETS, View
from klientela.store import facts, orderlist, rows
from klientela.store.database import Db
from klientela.store.orderlist import Cursor, Listed
from klientela_web.asking import Asking
from klientela_web.ways import Nav, get, post

_SIZE = 50
_LINES = 6  # of an empty form
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
    return asking.show("order.html", order=found, source_types=types, kept_here=found["type"] == MANUAL)


# -- placing one ---------------------------------------------------------------------------------------------------------


def ask(asking: Asking) -> Response:
    """The empty form of an order for a customer (S19)."""
    return _form(asking, asking.text("customer").strip())


def write(asking: Asking) -> Response:
    """Keep the order here (S19, S20). No shop is told of it, and it says so."""
    customer = asking.field("customer").strip()
    lines = list(zip(*(asking.fields(name) for name in ("title", "quantity", "price")), strict=False))
    try:
        made, key = place(
            asking.store,
            customer,
            lines,
            asking.house.config.settings.shop.currency,
            voucher=asking.field("voucher"),
            discount=asking.field("discount"),
            actor=asking.actor,
        )
    except KlientelaError as error:
        return _form(asking, customer, asking.told(error), 400)
    return asking.go(f"/orders/{key}", asking.words("The order is kept here; no shop was told of it."), undo=made.seq)


def _form(asking: Asking, customer: str, wrong: str | None = None, status: int = 200) -> Response:
    with asking.store.reading() as db:
        by = lens(db)
        if not customer:
            raise Misconfigured("nobody is named to order", hint="The row of a customer has a way to place an order.")
        found = orderlist.whose(db, asking.store.key, customer)
        row = next(iter(rows.rows(db, found[:1], by)), None)
    if row is None:
        raise Misconfigured("this customer stands in no list, so nothing can be ordered")
    typed = list(zip(*(asking.fields(name) for name in ("title", "quantity", "price")), strict=False))
    return asking.show(
        "new_order.html",
        status=status,
        row=row,
        lines=[*typed, *[("", "1", "")] * (_LINES - len(typed))],
        field=asking.field,
        currency=asking.house.config.settings.shop.currency,
        wrong=wrong,
    )


def lens(db: Db) -> rows.Lens:
    """How customers are named here: as in the list that nobody configured."""
    return rows.lens(db, View.model_validate(PRESETS["default"]))


def source_types(db: Db) -> dict[str, Any]:
    """The type of each source by its name, for the badges."""
    return {row.label: row.type for row in facts.sources(db).values()}


NAV = (Nav("/orders", "Orders", "receipt"),)
WAYS = (
    get("/orders", "viewer", show),
    get("/orders/new", "editor", ask),
    post("/orders/new", "editor", write),
    get("/orders/{key:path}", "viewer", one),
)

__all__ = ["NAV", "REASONS", "STATES", "WAYS", "lens", "source_types"]
