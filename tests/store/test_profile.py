"""The profile: orders and why they do not count, carts, who shares what, where values come from, what changed."""

from __future__ import annotations

from typing import Any

import pytest

from klientela.errors import UnknownThing
from klientela.kit import Address, Checkout, Consent, Line, Number, Order, Person
from klientela.model.instants import MINUTE
from klientela.settings.views import PRESETS, View
from klientela.store import Store
from klientela.store.overview import listing
from klientela.store.profile import profile, resolve_id
from tests.shops import bring, use

VIEW = View(**PRESETS["autoletter"])  # type: ignore[arg-type]
ANNA = Person(external_id="1", version=1, kind="account", first_name="Anna", last_name="Lang", email="anna@example.com")


def of(store: Store, search: str) -> dict[str, Any]:
    """The profile of the one customer a search finds."""
    with store.reading() as db:
        (row,) = listing(db, VIEW, search=search).rows
        made = profile(db, resolve_id(db, store.key, row["id"]), VIEW, key=store.key)
        first_seen = {name for name in row if name not in made}
        assert not first_seen
        assert {name: made[name] for name in row} == row
        return made


def euro(cents: int) -> list[dict[str, str]]:
    return [{"amount": f"{cents // 100}.{cents % 100:02d}", "currency": "EUR"}]


def test_t16_t17_t18_totals_and_why_an_order_does_not_count(store: Store) -> None:
    use(store)

    def order(number: str, total: int, **more: Any) -> Order:
        return Order(
            external_id=number,
            number=f"#{number}",
            customer="1",
            total=total,
            currency="EUR",
            placed_at=int(number),
            **more,
        )

    bring(
        store,
        "main",
        [
            ANNA,
            order("100", 10000, lines=[Line(title="Tea", sku="T1", quantity=2, unit_price=5000, total=10000)]),
            order("101", 5000, test=True),
            order("102", 3000, state="cancelled"),
            order("103", 2000, refunded=2000, state="returned"),
        ],
    )
    made = of(store, "anna")
    assert made["totals"] == {"ltv": euro(10000), "gross": {"sum": euro(20000), "count": 4, "average": euro(5000)}}
    assert (made["orders"], made["ltv"]) == (1, euro(10000))
    assert [(o["number"], o["why_not"], o["counts"]) for o in made["order_list"]] == [
        ("#103", "refunded", {"ltv": False, "gross": True}),
        ("#102", "cancelled", {"ltv": False, "gross": True}),
        ("#101", "test", {"ltv": False, "gross": True}),
        ("#100", None, {"ltv": True, "gross": True}),
    ]
    oldest = made["order_list"][-1]
    assert oldest["lines"] == [{"title": "Tea", "sku": "T1", "quantity": 2, "unit_price": "50.00", "total": "100.00"}]
    assert oldest["carriers"] == [{"id": oldest["id"], "source": "main", "external_id": "100"}]
    assert (oldest["total"], oldest["currency"], oldest["placed_at"], oldest["test"]) == (
        "100.00",
        "EUR",
        "1970-01-01T00:00:00.000100Z",
        False,
    )
    assert [o["test"] for o in made["order_list"]] == [False, False, True, False]


def test_t19_nobody_divides_by_no_orders(store: Store) -> None:
    use(store)
    bring(store, "main", [ANNA])
    made = of(store, "anna")
    assert made["totals"] == {"ltv": euro(0), "gross": {"sum": euro(0), "count": 0, "average": None}}
    assert made["order_list"] == made["checkouts"] == made["shares"] == made["history"] == []


def test_averages_keep_currencies_apart_and_round_half_up(store: Store) -> None:
    use(store)
    money = [(100, "EUR"), (101, "EUR"), (1000, "JPY"), (0, "JPY"), (1, "JPY")]
    orders = [
        Order(external_id=str(i), customer="1", total=t, currency=c, placed_at=i) for i, (t, c) in enumerate(money)
    ]
    bring(store, "main", [ANNA, *orders])
    assert of(store, "anna")["totals"]["gross"]["average"] == [
        {"amount": "1.01", "currency": "EUR"},
        {"amount": "334", "currency": "JPY"},
    ]


def test_t24_who_shares_an_address_and_a_phone_is_a_relation(store: Store) -> None:
    use(store)
    home = [Address(street="Lindenstr. 5", zip="10969", city="Berlin", country="DE")]
    bring(
        store,
        "main",
        [
            Person(
                external_id="1",
                kind="account",
                first_name="Anna",
                last_name="Müller",
                email="anna@example.com",
                phone="+49 30 901820",
                addresses=home,
            ),
            Person(
                external_id="2",
                kind="account",
                first_name="Ben",
                last_name="Müller",
                email="ben@example.com",
                phone="030 901820",
                addresses=home,
            ),
            Person(external_id="3", kind="account", first_name="Cleo", last_name="Roth", email="cleo@example.com"),
        ],
    )
    anna, ben = of(store, "anna"), of(store, "ben@")
    assert anna["shares"] == [{"rule": "address", "with": ben["id"]}, {"rule": "phone", "with": ben["id"]}]
    assert ben["shares"] == [{"rule": "address", "with": anna["id"]}, {"rule": "phone", "with": anna["id"]}]
    assert of(store, "cleo")["shares"] == []


def test_t54_t55_an_abandoned_cart_becomes_an_order(store: Store) -> None:
    use(store)
    lines = [Line(title="Pot", quantity=1, total=8000)]
    cart = Checkout(external_id="c", version=1, customer="1", at=5 * MINUTE, currency="EUR", value=8000, lines=lines)
    bring(store, "main", [ANNA, cart])
    made = of(store, "anna")
    assert made["checkouts"] == [
        {
            "badge": "abandoned",
            "order": None,
            "at": "1970-01-01T00:05:00Z",
            "value": "80.00",
            "currency": "EUR",
            "lines": [{"title": "Pot", "sku": None, "quantity": 1, "unit_price": None, "total": "80.00"}],
        }
    ]
    assert (made["orders"], made["ltv"], made["gross"]["count"]) == (0, euro(0), 0)
    done = Checkout(
        external_id="c",
        version=2,
        customer="1",
        at=5 * MINUTE,
        completed_at=60 * MINUTE,
        currency="EUR",
        value=8000,
        lines=lines,
    )
    bring(store, "main", [done])
    assert [(c["badge"], c["order"]) for c in of(store, "anna")["checkouts"]] == [("recovered", None)]
    bring(
        store,
        "main",
        [
            Order(external_id="1002", number="1002", customer="1", total=8000, currency="EUR", placed_at=61 * MINUTE),
            Order(external_id="1003", number="1003", customer="1", total=8000, currency="EUR", placed_at=99 * MINUTE),
        ],
    )
    made = of(store, "anna")
    assert [(o["number"], o["badge"]) for o in made["order_list"]] == [("1003", None), ("1002", "recovered")]
    assert [(c["badge"], c["order"]) for c in made["checkouts"]] == [("recovered", made["order_list"][1]["id"])]
    assert (made["orders"], made["ltv"]) == (2, euro(16000))


def test_every_value_names_the_record_it_comes_from(store: Store) -> None:
    use(store)
    bring(
        store,
        "main",
        [
            Person(
                external_id="1",
                version=3_000_000,
                created_at=1,
                kind="account",
                first_name="Max",
                last_name="Muster",
                email="max@example.com",
                company=None,
                numbers=[Number("M1")],
            )
        ],
    )
    place = Address(street="Lindenstr.", house_number="5", zip="10969", city="Berlin", country="Germany")
    bring(
        store,
        "depot",
        [
            Person(
                external_id="B/7",
                version=1,
                created_at=9,
                kind="contact",
                first_name="Max",
                email="max@example.com",
                company="ACME",
                addresses=[place],
                emails=["second@example.com"],
            )
        ],
    )
    made = of(store, "acme")
    depot = {"source": "depot", "record": "depot/customer/B/7", "since": "1970-01-01T00:00:00.000001Z", "pinned": False}
    main = {"source": "main", "record": "main/customer/1", "since": "1970-01-01T00:00:03Z", "pinned": False}
    assert made["provenance"] == {
        "first_name": {"value": "Max", **main},
        "last_name": {"value": "Muster", **main},
        "email": {"value": "max@example.com", **main},
        "customer_number": {"value": "M1", **main},
        "company": {"value": "ACME", **depot},
        "city": {"value": "Berlin", **depot},
        "country": {"value": "DE", **depot},
        "address": {"value": "Lindenstr. 5, 10969 Berlin, Germany", **depot},
        "status": {"value": "registered", **main},
        "joined": {"value": "1970-01-01T00:00:00.000001Z", **main},
    }
    assert made["emails"] == [
        {"value": "max@example.com", "primary": True, "former": False},
        {"value": "second@example.com", "primary": False, "former": False},
    ]
    (address,) = made["addresses"]
    assert (address["street"], address["zip"], address["primary"]) == ("Lindenstr.", "10969", True)
    assert [r["external_id"] for r in made["records"]] == ["1", "B/7"]


def test_what_a_source_changed_is_history_and_the_old_mail_is_former(store: Store) -> None:
    use(store)
    bring(store, "main", [ANNA])
    changed = Person(
        external_id="1",
        version=2,
        kind="account",
        first_name="Anna",
        last_name="Roth",
        email="roth@example.com",
        note="VIP",
        consents=[
            Consent(channel="email", purpose="promotion", state="granted", at=1, address="anna@example.com"),
            Consent(channel="email", purpose="promotion", state="denied", at=2),
        ],
    )
    bring(store, "main", [changed])
    made = of(store, "roth")
    changes = {c["field"]: (c["old"], c["new"]) for c in made["history"]}
    assert changes["last_name"] == ("Lang", "Roth")
    assert changes["email"] == ("anna@example.com", "roth@example.com")
    assert changes["note"] == (None, "VIP")
    assert set(changes) == {"last_name", "email", "note", "consents"}
    assert {(c["record"], c["actor"]) for c in made["history"]} == {("main/customer/1", made["history"][0]["actor"])}
    assert made["history"][0]["at"] is not None
    assert [(e["value"], e["primary"], e["former"]) for e in made["emails"]] == [
        ("roth@example.com", True, False),
        ("anna@example.com", False, True),
    ]
    assert [(e["state"], e["at"], e["address"]) for e in made["consent_events"]] == [
        ("denied", "1970-01-01T00:00:00.000002Z", None),
        ("granted", "1970-01-01T00:00:00.000001Z", "anna@example.com"),
    ]
    assert made["notes"] == [{"text": "VIP", "source": "main", "record": "main/customer/1"}]


def test_any_members_id_resolves_to_the_customer(store: Store) -> None:
    use(store)
    bring(store, "main", [ANNA])
    bring(store, "list", [Person(external_id="9", kind="contact", first_name="Anna", email="anna@example.com")])
    made = of(store, "anna")
    assert len(made["records"]) == 2
    with store.reading() as db:
        found = {resolve_id(db, store.key, record["id"]) for record in made["records"]}
        assert len(found) == 1
        with pytest.raises(UnknownThing, match="no customer has the id"):
            resolve_id(db, store.key, "1b4e28ba-2fa1-51d2-883f-0016d3cca427")
        with pytest.raises(UnknownThing, match="no customer has this id any more"):
            profile(db, 10**9, VIEW, key=store.key)


def test_a_buyer_of_many_guest_orders_is_one_profile(store: Store) -> None:
    use(store, sources={"main": "merge"})
    orders = [
        Order(
            external_id=str(i),
            guest=True,
            first_name="Eva",
            last_name="Lang",
            email="eva@example.com",
            total=100,
            currency="EUR",
            placed_at=i * MINUTE,
        )
        for i in range(40)
    ]
    bring(store, "main", orders)
    made = of(store, "eva")
    assert (len(made["order_list"]), len(made["records"]), made["orders"]) == (40, 40, 40)
    assert made["emails"] == [{"value": "eva@example.com", "primary": True, "former": False}]
    assert made["shares"] == []
    assert made["provenance"]["last_name"]["value"] == "Lang"
