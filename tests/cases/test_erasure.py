"""Cases of persons' rights on both stores: erasure, household, export (T64, T65, T67; R56-R59)."""

from __future__ import annotations

from typing import Any

import pytest

from klientela.errors import Conflict, Misconfigured, UnknownThing
from klientela.flow import decide
from klientela.flow.erase import carry_out, erase, release
from klientela.flow.rebuild import rebuild
from klientela.kit import Address
from klientela.store import Store, ledger
from tests.cases.seen import Desk, account, contact, order
from tests.shops import bring

HOME = Address(street="Ahornweg", house_number="3", zip="01099", city="Dresden", country="DE")
ANNA = account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 351 4712345", addresses=[HOME], created_at=1)
AGAIN = contact("9", "Anna", "Ahorn", email="anna@x.de", created_at=2)
BEN = account("2", "Ben", "Birke", email="anna@x.de", phone="+49 351 4712345", created_at=3)
CARLA = account("3", "Carla", "Buche", email="carla@x.de", created_at=4)
SHOP = [ANNA, CARLA, order("o1", 1000, customer="1"), order("o2", 700, customer="3"), order("o3", 500, customer="1")]


def whole(store: Store) -> None:
    """What is stored is what follows, and the log's chain stands."""
    assert rebuild(store, check=True).differences == []
    with store.reading() as db:
        assert list(ledger.verify(db)) == []


def revenue(store: Store) -> Any:
    with store.reading() as db:
        return db.rows("SELECT count(*), sum(gross), sum(ltv) FROM orders")


def test_T64_nobody_who_was_erased_comes_back_and_the_shops_totals_stay(store: Store) -> None:
    bring(store, "S", SHOP)
    bring(store, "B", [AGAIN])
    desk, before = Desk(store), revenue(store)
    made = erase(store, desk.public("1"), reason="asked by letter")
    assert made.records == 2
    assert made.orders == 2
    assert desk.people() == {frozenset(("S/3",))}
    assert revenue(store) == before
    whole(store)
    for name, records, dropped in (("S", SHOP, 1), ("B", [AGAIN], 1), ("N", [contact("77", email="Anna@X.de")], 1)):
        assert bring(store, name, records).suppressed == dropped
    assert desk.people() == {frozenset(("S/3",))}
    assert revenue(store) == before
    whole(store)
