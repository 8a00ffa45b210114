"""A store as an operator sees it, and short words for the people and orders of the cases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from klientela.flow import history, rules, work
from klientela.flow.why import why
from klientela.kit import UNSET, Order, Person, UnsetType, instant
from klientela.rules.ruleset import Ruleset
from klientela.settings.views import PRESETS, View
from klientela.store import Store, ids
from klientela.store.checkup import examine
from klientela.store.database import Db
from klientela.store.export import customers as exported
from klientela.store.overview import listing
from klientela.store.profile import profile, resolve_id

BERLIN = "+01:00"
Text = str | UnsetType | None


def at(text: str) -> int:
    """`at("2026-03-01 09:00")`: an instant, Berlin winter time unless an offset is given."""
    return instant(text if text[-1] == "Z" or "+" in text else f"{text}{BERLIN}")


def view(name: str = "autoletter") -> View:
    """A view of the list as every installation has it."""
    return View.model_validate(PRESETS[name])


def account(ext: str, first: Text = UNSET, last: Text = UNSET, **more: Any) -> Person:
    """A registered account of a shop."""
    return Person(external_id=ext, kind="account", first_name=first, last_name=last, **more)


def guest(ext: str, first: Text = UNSET, last: Text = UNSET, **more: Any) -> Person:
    """A customer object of a guest."""
    return Person(external_id=ext, kind="guest", first_name=first, last_name=last, **more)


def contact(ext: str, first: Text = UNSET, last: Text = UNSET, **more: Any) -> Person:
    """A person of a source that knows no accounts."""
    return Person(external_id=ext, kind="contact", first_name=first, last_name=last, **more)


def order(ext: str, total: int = 1000, **more: Any) -> Order:
    """An order of 10.00 EUR, paid, placed in March 2026."""
    made: dict[str, Any] = {"currency": "EUR", "state": "paid", "placed_at": at("2026-03-01 12:00"), **more}
    return Order(external_id=ext, total=total, **made)


def guest_order(ext: str, email: str, total: int = 1000, **more: Any) -> Order:
    """An order placed logged out."""
    return order(ext, total, guest=True, email=email, **more)


class Reading:
    """One reading of a store, in the place of the store: for what is only there while it is read."""

    def __init__(self, store: Store, db: Db) -> None:
        self.key = store.key
        self.db = db

    @contextmanager
    def reading(self) -> Iterator[Db]:
        """The same reading again."""
        yield self.db


class Desk:
    """A store as an operator sees it."""

    def __init__(self, store: Store | Reading) -> None:
        self.store: Any = store

    def rows(self, name: str = "autoletter", **asked: Any) -> list[dict[str, Any]]:
        """The rows of a view."""
        asked.setdefault("size", 100)
        with self.store.reading() as db:
            return listing(db, view(name), records=True, key=self.store.key, **asked).rows

    def row(self, ext: str, source: str = "S", entity: str = "customer") -> dict[str, Any]:
        """The row that a record stands in."""
        found = [r for r in self.rows() if (source, entity, ext) in _keys(r)]
        assert len(found) == 1, f"{source}/{entity}/{ext} is in {len(found)} rows"
        return found[0]

    def people(self) -> set[frozenset[str]]:
        """Who is one customer: the records of each row, as `source/external_id`."""
        return {frozenset(f"{r['source']}/{r['external_id']}" for r in row["records"]) for row in self.rows()}

    def profile(self, ext: str, source: str = "S", entity: str = "customer") -> dict[str, Any]:
        """The profile a record stands in."""
        with self.store.reading() as db:
            customer = resolve_id(db, self.store.key, f"{source}/{entity}/{ext}")
            return profile(db, customer, view(), key=self.store.key)

    def by_id(self, public: str) -> dict[str, Any]:
        """The profile behind any id ever shown."""
        with self.store.reading() as db:
            return profile(db, resolve_id(db, self.store.key, public), view(), key=self.store.key)

    def why(self, ext: str, source: str = "S") -> set[tuple[str, str | None]]:
        """The rules and values that hold a customer together."""
        with self.store.reading() as db:
            customer = resolve_id(db, self.store.key, f"{source}/customer/{ext}")
            told = why(db, self.store, customer, reveal=True)
        return {(edge["rule"], edge["value"]) for edge in told["edges"]}

    def audit(self) -> list[dict[str, Any]]:
        """The audit's lines."""
        with self.store.reading() as db:
            assert history.verify(db)["problems"] == []
            return list(history.lines(db, self.store.key))

    def kinds(self, *names: str) -> list[dict[str, Any]]:
        """The audit's lines of some kinds."""
        return [line for line in self.audit() if line["kind"] in names]

    def doctor(self, name: str) -> list[Any]:
        """What `doctor` finds under a name that is not simply well."""
        return [one for one in examine(self.store) if one.check == name and one.level != "ok"]

    def everything(self) -> list[dict[str, Any]]:
        """The export, which holds nothing of order and time."""
        with self.store.reading() as db:
            return list(exported(db, view(), key=self.store.key, records=True))

    def count(self, table: str) -> int:
        """How many rows a table has."""
        with self.store.reading() as db:
            row = db.one(f"SELECT count(*) FROM {table}")
            assert row is not None
            return int(row[0])

    def apply(self, ruleset: Ruleset) -> None:
        """`rules apply`, worked off."""
        rules.apply(self.store, ruleset)
        work.drain(self.store)

    def public(self, ext: str, source: str = "S", entity: str = "customer") -> str:
        """The public id of a record."""
        return ids.text(ids.public_id(source, entity, ext, self.store.key))


def _keys(row: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(r["source"], r["entity"], r["external_id"]) for r in row["records"]}
