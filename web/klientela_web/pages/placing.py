"""Placing an order for a customer: kept here, sent to a shop that takes orders, and what to do where nobody knows whether
it arrived (S19, S20)."""

from __future__ import annotations

from contextlib import closing

from starlette.responses import Response

from klientela.errors import KlientelaError, Misconfigured
from klientela.flow.ordering import place
from klientela.flow.placing import record_of, send, settle, takers
from klientela.store import orderlist, rows
from klientela.store.outbox import REFUSED, TAKEN, Handed
from klientela_web.asking import Asking
from klientela_web.pages.orders import lens
from klientela_web.ways import get, post

_LINES = 6  # of an empty form


def ask(asking: Asking) -> Response:
    """The empty form of an order for a customer (S19)."""
    return _form(asking, asking.text("customer").strip())


def write(asking: Asking) -> Response:
    """Keep the order here, and send it where the form says (S19, S20)."""
    customer, to = asking.field("customer").strip(), asking.field("to")
    lines = list(zip(*(asking.fields(name) for name in ("title", "quantity", "price")), strict=False))
    try:
        if to:
            _may_be_written(asking, to)
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
    w = asking.words
    if not to:
        return asking.go(f"/orders/{key}", w("The order is kept here; no shop was told of it."), undo=made.seq)
    try:
        handed = _send(asking, key, to)
    except KlientelaError as error:  # before the shop was asked for anything
        said = w("The order is kept here and was not sent: %(why)s.", why=asking.told(error))
        return asking.go(f"/orders/{key}", said, undo=made.seq)
    return asking.go(f"/orders/{key}", _said(asking, handed), undo=made.seq if handed.state == REFUSED else None)


def again(asking: Asking) -> Response:
    """Send an order that is kept here: for the first time, or once more by who has looked into the shop."""
    key, to = asking.field("key") or "-", asking.field("to")
    with asking.store.reading() as db:
        record_of(db, key)
    try:
        _may_be_written(asking, to)
        handed = _send(asking, key, to, looked=asking.field("looked") == "yes")
    except KlientelaError as error:
        return asking.go(f"/orders/{key}", asking.words("Not sent: %(why)s.", why=asking.told(error)))
    return asking.go(f"/orders/{key}", _said(asking, handed))


def looked(asking: Asking) -> Response:
    """What somebody found who looked into the shop."""
    key = asking.field("key") or "-"
    there = asking.field("there") == "yes"
    with asking.store.reading() as db:
        record_of(db, key)
    try:
        settle(asking.store, key, there=there, actor=asking.actor)
    except KlientelaError as error:
        return asking.go(f"/orders/{key}", asking.words("Not noted: %(why)s.", why=asking.told(error)))
    w = asking.words
    said = (
        w("It is noted that the shop has the order.")
        if there
        else w("It is noted that the shop has not got the order.")
    )
    return asking.go(f"/orders/{key}", said)


def _may_be_written(asking: Asking, source: str) -> None:
    if source not in takers(asking.house.config.settings, asking.house.plugins):
        raise Misconfigured(f"orders are not written into {source[:60]!r}", hint="Set write_orders = true for it.")


def _send(asking: Asking, key: str, to: str, *, looked: bool = False) -> Handed:
    house = asking.house
    made = house.plugins.make(to, house.config.settings.sources[to], shop=house.config.shop())
    with closing(made):
        return send(asking.store, key, made, looked=looked, actor=asking.actor)


def _said(asking: Asking, handed: Handed) -> str:
    w = asking.words
    if handed.state == TAKEN:
        if handed.ext is None:
            return w("%(source)s has taken the order as a draft.", source=handed.source)
        return w("%(source)s has taken the order; it comes with the next sync.", source=handed.source)
    if handed.state == REFUSED:
        return w(
            "The order is kept here; %(source)s did not take it: %(why)s.",
            source=handed.source,
            why=asking.words.heard(handed.error or ""),
        )
    return w("It is not known whether %(source)s has taken the order.", source=handed.source)


def _form(asking: Asking, customer: str, wrong: str | None = None, status: int = 200) -> Response:
    with asking.store.reading() as db:
        if not customer:
            raise Misconfigured("nobody is named to order", hint="The row of a customer has a way to place an order.")
        found = orderlist.whose(db, asking.store.key, customer)
        row = next(iter(rows.rows(db, found[:1], lens(db), records=True, key=asking.store.key)), None)
    if row is None:
        raise Misconfigured("this customer stands in no list, so nothing can be ordered")
    typed = list(zip(*(asking.fields(name) for name in ("title", "quantity", "price")), strict=False))
    shops = takers(asking.house.config.settings, asking.house.plugins)
    own = next((one["source"] for one in row["records"] if one["source"] in shops), "")
    return asking.show(
        "new_order.html",
        status=status,
        row=row,
        lines=[*typed, *[("", "1", "")] * (_LINES - len(typed))],
        field=asking.field,
        currency=asking.house.config.settings.shop.currency,
        shops=shops,
        to=asking.field("to", own),
        wrong=wrong,
    )


WAYS = (
    get("/orders/new", "editor", ask),
    post("/orders/new", "editor", write),
    post("/orders/send", "editor", again),
    post("/orders/looked", "operator", looked),
)

__all__ = ["WAYS"]
