"""A customer's profile: everything that is known, where it comes from, and what may be changed (A29, B01-B20, H2-H6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from starlette.responses import RedirectResponse, Response

from klientela.errors import Conflict, KlientelaError, UnknownThing
from klientela.flow import correct
from klientela.flow.consenting import CHANNELS, PURPOSES, STATES
from klientela.flow.enclosed import LARGEST
from klientela.flow.newcomer import MANUAL
from klientela.flow.remarks import MOST_FILES
from klientela.flow.sending import state_of
from klientela.model.numbers import whole
from klientela.settings import View
from klientela.store import facts, operation, rows
from klientela.store.contact import may_contact
from klientela.store.database import Db
from klientela.store.locate import locate
from klientela.store.profile import profile
from klientela.store.rows import members_of
from klientela.store.spoken import spoken
from klientela_web import sheet
from klientela_web.asking import Asking
from klientela_web.ways import get

NEWEST = 30
"""Entries of the activity before it is opened whole."""


class Wrong(NamedTuple):
    """A form of the page that could not be done: which one, why, and what changed meanwhile."""

    form: str
    message: str
    hint: str | None
    meanwhile: Sequence[Mapping[str, Any]] = ()


def show(asking: Asking) -> Response:
    """The profile. Any id that was ever shown leads here; an old one to the address of who is meant now (T34)."""
    return page(asking)


def page(asking: Asking, wrong: Wrong | None = None, status: int = 200) -> Response:
    """The profile, with the form that could not be done filled as it was."""
    _, view = asking.view()
    with asking.store.reading() as db:
        number = locate(db, asking.store.key, asking.path["id"]).customer
        found = profile(db, number, view, key=asking.store.key, rates=asking.house.config.rates(), now=operation.now())
        if found["id"] != asking.path["id"] and asking.request.method == "GET":
            return RedirectResponse(_address(asking, found["id"]), 302)
        for one in found["messages"]:
            one["state"] = state_of(one, operation.now()) if one["purpose"] and one["source"] == MANUAL else None
        around = _around(asking, db, number, found, view)
    return asking.show("profile.html", status=status, found=found, wrong=wrong, **around, **_drawn(asking, found, view))


def again(asking: Asking, form: str, error: KlientelaError, fields: Sequence[str] = ()) -> Response:
    """The page once more with what was typed and why it was refused; whoever saves later is told what changed (R40b)."""
    if isinstance(error, UnknownThing):
        raise error
    meanwhile: list[dict[str, Any]] = []
    version = whole(asking.field("version"))
    if fields and isinstance(error, Conflict) and version is not None:
        _, view = asking.view()
        with asking.store.reading() as db:
            number = locate(db, asking.store.key, asking.path["id"]).customer
            found = profile(db, number, view, key=asking.store.key)
        meanwhile = sheet.since(found, version, fields, asking.words)
    status = 409 if isinstance(error, Conflict) else 400
    return page(asking, Wrong(form, asking.told(error), error.hint, meanwhile), status)


def _address(asking: Asking, public: str) -> str:
    query = asking.request.url.query
    return f"/customers/{public}" + (f"?{query}" if query else "")


def _around(asking: Asking, db: Db, number: int, found: Mapping[str, Any], view: View) -> dict[str, Any]:
    """What else is read of the store for the page."""
    house, key = asking.house, asking.store.key
    titles = asking.titles
    sources = facts.sources(db).values()
    types = {row.label: row.type for row in sources}
    held = [row[0] for row in members_of(db, [number], "p.id").get(number, [])]
    bought = [row[0] for row in db.rows(f"SELECT id FROM orders WHERE owner {db.among}", (db.pack(held),))]
    others = [locate(db, key, one["with"]).customer for one in found["shares"]]
    named = {row["id"]: row["name"] for row in rows.rows(db, sorted(set(others)), rows.lens(db, view))}
    overlay = house.config.settings.edit.policy == "overlay"
    return {
        "badges": sheet.badges(found, types, titles),
        "source_types": types,
        "named": lambda label: sheet.source_title(label, types.get(label, ""), titles) if label else "",
        "rights": correct.rights_of(db, key, number, titles=titles, overlay=overlay),
        "verdicts": _verdicts(db, key, found),
        "holding": {word.since for word in spoken(db, [*held, *bought]) if word.holds},
        "shared_names": named,
    }


def _verdicts(db: Db, key: bytes, found: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Of each consent that was granted: why a contact is refused all the same (R46)."""
    told = {}
    for channel, purposes in found["consents"].items():
        for purpose, state in purposes.items():
            if state == "granted":
                with suppress(Conflict):  # while records wait to be looked at nobody can tell
                    answer = may_contact(db, key, found["id"], channel, purpose)
                    if not answer.allowed:
                        told[channel, purpose] = answer.reason
    return told


def _drawn(asking: Asking, found: Mapping[str, Any], view: View) -> dict[str, Any]:
    """What follows from the profile alone."""
    most = None if asking.text("orders") == "all" else view.profile_orders
    bought, left = sheet.purchases(found, most)
    return {
        "view": view,
        "bought": bought,
        "left": left,
        "sheet": sheet,
        "channels": CHANNELS,
        "purposes": PURPOSES,
        "states": STATES,
        "most_files": MOST_FILES,
        "largest": LARGEST >> 20,
        "newest": None if asking.text("activity") == "all" else NEWEST,
        "offers": _offers(asking),
        "address": lambda **other: _with(asking, found["id"], other),
    }


def _with(asking: Asking, public: str, other: Mapping[str, Any]) -> str:
    kept = {name: asking.text(name) for name in ("view", "orders", "activity")}
    return asking.link(f"/customers/{public}", **{**kept, **other})


_ELSEWHERE = {"place": "/orders/new"}


def _offers(asking: Asking) -> set[str]:
    """The rooms beside this one that this house has."""
    there = {getattr(route, "path", "") for route in asking.request.app.routes}
    found = {name for name, path in _ELSEWHERE.items() if path in there}
    return {*found, "message"} if offered(asking) else found


def offered(asking: Asking) -> bool:
    """Whether messages can be sent, and by who asks."""
    person = asking.person
    return person is not None and person.may("editor") and asking.house.config.settings.mail.host is not None


WAYS = (get("/customers/{id}", "viewer", show),)

__all__ = ["NEWEST", "WAYS", "Wrong", "again", "offered", "page"]
