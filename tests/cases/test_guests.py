"""Status and guests: T01-T06, T08, T14-T19, T29b, T71, T72, T76."""

from __future__ import annotations

from typing import Any

import pytest

from klientela.kit import Order, Person
from klientela.rules.ruleset import SourceRules
from klientela.store import Store
from tests.cases.desk import DAY, euros, names, one, rows
from tests.shops import bring, use

ANNA = Person(external_id="a", kind="account", first_name="Anna", last_name="Adler", email="anna@x.de", created_at=1)


def bought(number: int, customer: str | None = None, **more: Any) -> Order:
    """An order of 10 EUR on day `number`: logged in when it has a customer, a guest's when it has none."""
    values: dict[str, Any] = {"total": 1000, "currency": "EUR", "placed_at": number * DAY, "version": number, **more}
    return Order(external_id=str(number), customer=customer, guest=customer is None, **values)


def guest(number: int, **more: Any) -> Order:
    """A guest order of g@x.de."""
    return bought(number, first_name="Gerd", last_name="Gast", email="g@x.de", **more)


def test_T01_an_account_is_one_row_whatever_it_orders(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [ANNA, *(bought(n, "a") for n in range(1, 4))])
    row = one(store)
    assert (row["status"], row["orders"], row["ltv"]) == ("registered", 3, euros("30.00"))


def test_T02_guest_orders_are_rows_of_their_own(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest(1), guest(2)])
    assert [(r["status"], r["orders"]) for r in rows(store)] == [("guest", 1), ("guest", 1)]


def test_T03_registering_later_is_not_retroactive(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest(1), guest(2)])
    account = Person(external_id="g", kind="account", first_name="Gerd", last_name="Gast", email="g@x.de")
    bring(store, "S", [account, bought(3, "g")])
    assert sorted((r["status"], r["orders"]) for r in rows(store)) == [("guest", 1), ("guest", 1), ("registered", 1)]


@pytest.mark.parametrize("policy", ["per_order", "per_source"])
def test_T04_T05_an_order_placed_logged_out_is_not_the_accounts(store: Store, policy: str) -> None:
    use(store, sources={"S": policy})
    bring(store, "S", [ANNA, *(bought(n, "a") for n in range(1, 4))])
    before = one(store)
    out = Order(
        external_id="9", customer="a", guest=True, first_name="Anna", last_name="Adler", email="anna@x.de",
        total=1000, currency="EUR", placed_at=9 * DAY,
    )  # fmt: skip
    bring(store, "S", [out])
    anna, other = sorted(rows(store), key=lambda r: r["status"], reverse=True)
    assert (anna["orders"], anna["last_order"], anna["ltv"]) == (3, before["last_order"], before["ltv"])
    assert (other["status"], other["orders"]) == ("guest", 1)


def test_T06_nothing_joins_a_per_order_guest(store: Store) -> None:
    use(store, sources={"S": "per_order", "CSV": "merge"})
    bring(store, "S", [guest(1), guest(2)])
    bring(store, "CSV", [Person(external_id="1", kind="contact", first_name="Gerd", last_name="Gast", email="g@x.de")])
    found = rows(store)
    assert sorted(r["sources"] for r in found) == [["CSV"], ["S"], ["S"]]


@pytest.mark.parametrize(
    ("link", "verified", "expected"),
    [("never", True, 3), ("verified_email", False, 3), ("verified_email", True, 1), ("always", False, 1)],
)
def test_T08_the_retroactive_link_asks_for_a_verified_address(
    store: Store, link: str, verified: bool, expected: int
) -> None:
    use(store, retroactive_link=link, sources={"S": "per_order"})
    account = Person(
        external_id="g", kind="account", first_name="Gerd", last_name="Gast", email="g@x.de", email_verified=verified
    )
    bring(store, "S", [guest(1), guest(2), account])
    assert len(rows(store)) == expected


def test_T08_the_link_never_ties_guests_to_each_other_or_to_strangers(store: Store) -> None:
    use(store, retroactive_link="always", sources={"S": "per_order"})
    stranger = Person(external_id="h", kind="account", first_name="Hans", last_name="Huber", email="g@x.de")
    bring(store, "S", [guest(1), guest(2), stranger])
    assert len(rows(store)) == 3


def test_per_source_guests_of_one_address_are_one_customer_and_nobody_elses(store: Store) -> None:
    use(store, sources={"S": "per_source", "CSV": "merge"})
    bring(store, "S", [guest(1), guest(2)])
    bring(store, "CSV", [Person(external_id="1", kind="contact", first_name="Gerd", last_name="Gast", email="g@x.de")])
    assert sorted((r["sources"], r["orders"]) for r in rows(store)) == [(["CSV"], 0), (["S"], 2)]


def test_T14_the_test_dot_does_not_ask_for_the_status(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [ANNA, bought(1, "a", test=True), *(bought(n, "a") for n in range(2, 7))])
    row = one(store)
    assert (row["test_order"], row["status"], row["orders"]) == (True, "registered", 5)
    bring(store, "S", [bought(1, "a", version=99)])
    assert one(store)["test_order"] is False


def test_T15_only_the_guest_row_with_the_test_order_has_the_dot(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest(1, test=True), guest(2)])
    assert sorted(r["test_order"] for r in rows(store)) == [False, True]
    assert {r["status"] for r in rows(store)} == {"guest"}


def test_T16_T17_gross_and_ltv(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    orders = [
        bought(1, "a", total=10000),
        bought(2, "a", total=5000, test=True),
        bought(3, "a", total=3000, state="cancelled"),
        bought(4, "a", total=2000, refunded=2000, state="returned"),
    ]
    bring(store, "S", [ANNA, *orders])
    row = one(store, "cockpit")
    assert (row["gross"]["sum"], row["gross"]["count"], row["orders"]) == (euros("200.00"), 4, 4)
    row = one(store)
    assert (row["ltv"], row["orders"]) == (euros("100.00"), 1)
    with store.reading() as db:
        why = db.rows("SELECT why FROM orders ORDER BY placed")
    assert why == [(None,), ("test",), ("cancelled",), ("refunded",)]


def test_T18_refunded_and_then_cancelled_is_never_negative(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [ANNA, bought(1, "a"), bought(2, "a", refunded=1000, current_total=0, state="cancelled")])
    assert one(store)["ltv"] == euros("10.00")


def test_T19_a_customer_without_orders(store: Store) -> None:
    use(store)
    bring(store, "S", [ANNA])
    row = one(store)
    assert (row["ltv"], row["orders"], row["last_order"], row["gross"]["count"]) == (euros("0.00"), 0, None, 0)


def test_T29b_thirty_guest_orders_of_one_person_are_one_customer(store: Store) -> None:
    use(store, sources={"S": "merge"})
    bring(store, "S", [guest(n) for n in range(1, 31)])
    assert one(store)["orders"] == 30


def test_T71_an_order_before_its_customer(store: Store) -> None:
    use(store, sources={"S": "merge"})
    bring(store, "S", [Order(external_id="1", customer="a", total=1000, currency="EUR", placed_at=DAY)])
    assert rows(store) == []
    bring(store, "S", [ANNA])
    row = one(store)
    assert (row["name"], row["orders"]) == ("Anna Adler", 1)


@pytest.mark.parametrize("policy", ["merge", "per_order", "per_source"])
def test_T72_a_guest_becomes_an_account_and_stays_the_same_record(store: Store, policy: str) -> None:
    use(store, sources={"SH": SourceRules(guests=policy, guest_rule="state"), "CSV": policy})  # type: ignore[arg-type]
    for name in ("SH", "CSV"):
        bring(store, name, [Person(external_id="7", kind="guest", first_name=name, last_name="Gast", version=1)])
    before = {r["name"]: (r["id"], r["status"]) for r in rows(store)}
    assert {status for _, status in before.values()} == {"guest"}
    for name in ("SH", "CSV"):
        bring(store, name, [Person(external_id="7", kind="account", first_name=name, last_name="Gast", version=2)])
    after = {r["name"]: (r["id"], r["status"]) for r in rows(store)}
    assert {n: (i, "registered") for n, (i, _) in before.items()} == after


def test_state_rule_groups_orders_by_the_latest_state(store: Store) -> None:
    use(store, sources={"SH": SourceRules(guests="per_order", guest_rule="state")})
    person = {"external_id": "7", "first_name": "Eva", "last_name": "Lang", "email": "e@l.de"}
    order = Order(
        external_id="1", customer="7", first_name="Eva", last_name="Lang", total=1000, currency="EUR", placed_at=DAY
    )
    bring(store, "SH", [Person(kind="guest", version=1, **person), order])
    assert [(r["status"], r["orders"]) for r in rows(store)] == [("guest", 1)]
    bring(store, "SH", [Person(kind="account", version=2, **person)])
    assert [(r["status"], r["orders"]) for r in rows(store)] == [("registered", 1)]
    bring(store, "SH", [Person(kind="guest", version=3, **person)])
    assert [(r["status"], r["orders"]) for r in rows(store)] == [("guest", 1)]


def test_an_order_without_any_contact_makes_no_row(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [bought(1)])
    assert rows(store) == []
    with store.reading() as db:
        assert db.rows("SELECT value FROM figure WHERE name = 'revenue'") == [(1000,)]


def test_T76_ten_thousand_orders_of_one_buyer_newest_first(store: Store) -> None:
    use(store, sources={"S": "merge"})
    bring(store, "S", [guest(n) for n in range(3000, 0, -1)])
    second = bring(store, "S", [guest(3001)])
    for number in (-5, 3002):
        assert bring(store, "S", [guest(number)]).members_read <= second.members_read <= 1
    row = one(store)
    assert (row["orders"], row["ltv"]) == (3003, euros("30030.00"))
    assert names(store) == ["Gerd Gast"]
