"""Orders: all of them or one customer's, and one with its lines, its carriers, why it counts or not, and what may be
changed of it by hand (C30-C33, R38)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args
from urllib.parse import quote

from starlette.responses import Response

from klientela.errors import Conflict, KlientelaError
from klientela.flow import correct
from klientela.flow.desk import Decided
from klientela.flow.placing import here, takers
from klientela.model.instants import iso
from klientela.model.records import OrderState
from klientela.settings.views import PRESETS, View
from klientela.store import facts, orderlist, rows
from klientela.store.database import Db
from klientela.store.orderlist import Cursor, Listed
from klientela_web import sheet
from klientela_web.asking import Asking
from klientela_web.pages.hands import SAID, changed, version
from klientela_web.pages.profile import Wrong
from klientela_web.ways import Nav, get, post

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
    """One order, with what may be changed of it by hand (C30, R38)."""
    return page(asking, asking.path["key"])


def page(asking: Asking, key: str, wrong: Wrong | None = None, status: int = 200) -> Response:
    """The order, with the form that could not be done filled as it was. UnknownThing for none."""
    house = asking.house
    overlay, titles = house.config.settings.edit.policy == "overlay", asking.titles
    with asking.store.reading() as db:
        found = orderlist.order(db, key, lens(db), key=asking.store.key)
        types = source_types(db)
        kept = here(db, found)
        rights = correct.rights_of_order(db, key, asking.store.graves(), titles=titles, overlay=overlay)
    shops = takers(house.config.settings, house.plugins)
    sent_at = iso(kept.handed.at) if kept is not None and kept.handed is not None else None
    return asking.show(
        "order.html", status=status, order=found, found=found, order_key=found["key"], source_types=types, placed=kept,
        sent_at=sent_at, shops=shops, rights=rights, wrong=wrong, sheet=sheet, states=STATES,
        named=lambda label: sheet.source_title(label, types.get(label, ""), titles) if label else "",
        changes=sheet.changes(found, asking.words),
    )  # fmt: skip


def _edit(asking: Asking, key: str) -> Decided:
    fields = changed(asking)
    if not fields:
        return Decided()
    return correct.edit(asking.store, key, fields, titles=asking.titles, as_of=version(asking), actor=asking.actor)


def _pin(asking: Asking, key: str) -> Decided:
    return correct.pin(
        asking.store, key, asking.field("field"), asking.field("value"),
        overlay=asking.house.config.settings.edit.policy == "overlay", titles=asking.titles,
        as_of=version(asking), actor=asking.actor,
    )  # fmt: skip


def _unpin(asking: Asking, key: str) -> Decided:
    return correct.unpin(asking.store, key, asking.field("field"), as_of=version(asking), actor=asking.actor)


_WRITES: dict[str, Callable[[Asking, str], Decided]] = {"edit": _edit, "pin": _pin, "unpin": _unpin}


def _answer(form: str) -> Callable[[Asking], Response]:
    def write(asking: Asking) -> Response:
        key = asking.field("key") or "-"
        with asking.store.reading() as db:
            found = orderlist.order(db, key, lens(db), key=asking.store.key)
        try:
            made = _WRITES[form](asking, key)
        except KlientelaError as error:
            return _again(asking, form, error, found)
        path, said = f"/orders/{quote(found['key'])}", asking.words(SAID[form][1])
        if made.seq is None:
            return asking.go(path, asking.words("It was so already, so nothing was written."))
        return asking.go(path, said, undo=made.seq)

    return write


def _again(asking: Asking, form: str, error: KlientelaError, found: dict[str, Any]) -> Response:
    """The page once more with what was typed and why it was refused; whoever saves later is told what changed (R40b)."""
    fields, seen = list(changed(asking)) if form == "edit" else [asking.field("field")], version(asking)
    meanwhile = []
    if isinstance(error, Conflict) and seen is not None:
        meanwhile = sheet.since(found, seen, fields, asking.words)
    status = 409 if isinstance(error, Conflict) else 400
    return page(asking, found["key"], Wrong(form, asking.told(error), error.hint, meanwhile), status)


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
    *(post(f"/orders/{form}", "editor", _answer(form)) for form in _WRITES),
)

__all__ = ["NAV", "REASONS", "STATES", "WAYS", "lens", "source_types"]
