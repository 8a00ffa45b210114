"""The list: T09-T13, T57, T59, T61."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from klientela.flow.rebuild import rebuild
from klientela.kit import Address, Order, Person, instant, iso
from klientela.settings import Settings
from klientela.store import Store
from klientela.store.overview import listing
from tests.cases.desk import DAY, MARCH, names, one
from tests.cases.seen import Desk
from tests.shops import bring, use

HOUR = DAY // 24


def _orderer(number: int, last: str, placed: int) -> list[Person | Order]:
    return [
        Person(external_id=str(number), kind="account", last_name=last),
        Order(external_id=f"o{number}", customer=str(number), total=1, currency="EUR", placed_at=placed),
    ]


def _manual(store: Store, *last_names: str) -> None:
    people = [Person(external_id=n, entity="manual", last_name=n) for n in last_names]
    bring(store, "manual", people)


def test_T09_T10_manual_customers_stand_at_the_end_in_both_directions(store: Store) -> None:
    use(store)
    bring(store, "S", [*_orderer(1, "Weber", MARCH), *_orderer(2, "Ahlers", MARCH + DAY)])
    _manual(store, "Zeta", "Adam")
    assert names(store, "cockpit") == ["Ahlers", "Weber", "Adam", "Zeta"]
    assert one(store, "cockpit", search="zeta")["status"] == "registered"
    for reversed_sort in ("last_order:asc", "cockpit:asc"):
        found = names(store, "cockpit", sort=reversed_sort)
        assert found[:2] == ["Weber", "Ahlers"]
        assert sorted(found[2:]) == ["Adam", "Zeta"]


def test_T11_one_day_is_ordered_by_last_name(store: Store) -> None:
    use(store)
    bring(store, "S", [*_orderer(1, "Weber", MARCH + 9 * HOUR), *_orderer(2, "Ahlers", MARCH + 18 * HOUR)])
    assert names(store, "cockpit") == ["Ahlers", "Weber"]


def test_T12_the_day_is_the_shops(store: Store) -> None:
    use(store, timezone="Europe/Berlin")
    late = MARCH + 23 * HOUR + HOUR // 2  # 2026-03-01T23:30Z is the second of March in Berlin
    bring(store, "S", [*_orderer(1, "Weber", MARCH + DAY + 9 * HOUR), *_orderer(2, "Ahlers", late)])
    assert names(store, "cockpit") == ["Ahlers", "Weber"]


def test_T13_umlauts_sort_as_their_letters(store: Store) -> None:
    use(store)
    people = [*_orderer(1, "Öztürk", MARCH), *_orderer(2, "Oster", MARCH), *_orderer(3, "Ozan", MARCH)]
    bring(store, "S", people)
    assert names(store, "cockpit") == ["Oster", "Ozan", "Öztürk"]


@pytest.mark.parametrize("placed", ["0001-01-01", "9999-12-31T23:59:59"])
def test_R53_a_date_that_stands_for_none_stops_nobody(store: Store, placed: str) -> None:
    """Some write the first or the last day there is; beside it the others are taken."""
    none = instant(placed, ZoneInfo("Europe/Berlin"))
    bring(store, "S", [*_orderer(1, "Weber", none), *_orderer(2, "Ahlers", MARCH)])
    assert set(names(store, "cockpit")) == {"Weber", "Ahlers"}
    assert Desk(store).profile("1")["order_list"][0]["placed_at"] == iso(none)
    assert rebuild(store, check=True).differences == []


def test_T57_currencies_are_never_added_up(store: Store) -> None:
    use(store)
    bring(
        store,
        "S",
        [
            Person(external_id="1", kind="account", last_name="Weber"),
            Order(external_id="1", customer="1", total=1000, currency="EUR", placed_at=MARCH),
            Order(external_id="2", customer="1", total=1000, currency="CHF", placed_at=MARCH),
        ],
    )
    row = one(store)
    assert row["ltv"] == [{"amount": "10.00", "currency": "EUR"}, {"amount": "10.00", "currency": "CHF"}]
    assert row["orders"] == 2


def test_T59_every_term_must_hit_somewhere(store: Store) -> None:
    use(store)
    berlin, bonn = Address(city="Berlin", country="DE"), Address(city="Bonn", country="DE")
    bring(store, "shopify", [Person(external_id="1", kind="account", last_name="Eins", addresses=[berlin])])
    bring(store, "shopify", [Person(external_id="2", kind="account", last_name="Zwei", addresses=[bonn])])
    bring(store, "list", [Person(external_id="3", kind="contact", last_name="Drei", addresses=[berlin])])
    assert names(store, search="berlin shopify") == ["Eins"]
    assert sorted(names(store, search="Deutschland")) == ["Drei", "Eins", "Zwei"]
    assert names(store, search="zw") == ["Zwei"]
    assert names(store, search="nobody") == []


def test_T61_paging_shows_each_row_once(store: Store) -> None:
    use(store)
    bring(store, "S", [Person(external_id=str(n), kind="account", last_name=f"Name {n}") for n in range(1001)])
    seen: list[str] = []
    with store.reading() as db:
        for page in range(1, 42):
            found = listing(db, Settings().views["autoletter"], page=page, size=25)
            assert found.total == 1001
            seen += [row["id"] for row in found.rows]
    assert len(seen) == len(set(seen)) == 1001
