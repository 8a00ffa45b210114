"""A small shop whose people are erased, and what is looked at before and after."""

from __future__ import annotations

from typing import Any

from klientela.flow.importing import Into, import_records
from klientela.flow.rebuild import rebuild
from klientela.kit import Address, Consent
from klientela.store import Store, ledger
from tests.cases.seen import account, contact, order

HOME = Address(street="Ahornweg", house_number="3", zip="01099", city="Dresden", country="DE")
ANNA = account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 351 4712345", addresses=[HOME], created_at=1)
AGAIN = contact("9", "Anna", "Ahorn", email="anna@x.de", created_at=2)
BEN = account("2", "Ben", "Birke", email="anna@x.de", phone="+49 351 4712345", created_at=3)
CARLA = account("3", "Carla", "Buche", email="carla@x.de", created_at=4)
NO = Consent(channel="email", purpose="promotion", state="denied", basis="import")
SHOP = [ANNA, CARLA, order("o1", 1000, customer="1"), order("o2", 700, customer="3"), order("o3", 500, customer="1")]


def whole(store: Store) -> None:
    """What is stored is what follows, and the log's chain stands."""
    assert rebuild(store, check=True).differences == []
    with store.reading() as db:
        assert list(ledger.verify(db)) == []


def state(store: Store) -> list[Any]:
    """All that is stored, as far as facts, decisions and the log go."""
    with store.reading() as db:
        return [
            db.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in ("record", "claim", "decision", "audit", "meta")
        ]


def imported(store: Store, records: list[Any]) -> int:
    """Import records as a list; how many were dropped."""
    return import_records(store, Into("L", "csv"), records, name="list.csv", digest="0").counts["suppressed"]


def revenue(store: Store) -> Any:
    with store.reading() as db:
        return db.rows("SELECT count(*), sum(gross), sum(ltv) FROM orders")
