"""The cases that name a Wix site, through its sandbox over real HTTP: guests, registering later, carts, consents."""

from __future__ import annotations

from typing import Any

from tests.cases.desk import VIEWS, rows
from tests.shops import use
from wix_helpers import Connect

from klientela.flow.sync import sync
from klientela.rules.ruleset import SourceRules
from klientela.store import Store
from klientela.store.profile import profile, resolve_id
from klientela_wix.sandbox import Sandbox

BUYER: dict[str, Any] = {"first_name": "Gerd", "last_name": "Gast", "email": "gerd@post.example"}
HOME: dict[str, Any] = {"first_name": "Gerd", "last_name": "Gast", "street": "Weg 1", "zip": "01067", "city": "Dresden"}


def pull(store: Store, connect: Connect, box: Sandbox, **options: Any) -> None:
    report = sync(store, connect(box), **options)
    assert report.status == "ok", report.error


def only(store: Store) -> dict[str, Any]:
    """The profile of the only customer."""
    (row,) = rows(store)
    with store.reading() as db:
        return profile(db, resolve_id(db, store.key, row["id"]), VIEWS["default"], key=store.key)


def by_status(store: Store) -> list[tuple[str, int]]:
    return sorted((row["status"], row["orders"]) for row in rows(store))


def test_under_merge_a_visitor_is_one_guest_and_a_member_one_account(store: Store, connect: Connect) -> None:
    use(store, sources={"main": "merge"})
    box = Sandbox()
    guest = box.contact(**BUYER)
    member = box.contact(first_name="Mia", last_name="Nord", email="mia@post.example")
    box.member(member)
    for buyer in (guest, guest, member):
        box.order(contact=buyer, billing=HOME, total="10.00")
    pull(store, connect, box)
    assert by_status(store) == [("guest", 2), ("registered", 1)]


def test_under_per_order_each_visitors_order_is_a_row_and_registering_changes_none(
    store: Store, connect: Connect
) -> None:
    use(store, sources={"main": SourceRules(guests="per_order")})
    box = Sandbox()
    buyer = box.contact(**BUYER)
    for _ in range(2):
        box.order(contact=buyer, billing=HOME, total="10.00")
    pull(store, connect, box)
    assert by_status(store) == [("guest", 1), ("guest", 1)]
    box.advance_clock(3600)
    box.member(buyer)  # R8: not retroactive
    box.order(contact=buyer, billing=HOME, total="30.00")
    pull(store, connect, box)
    assert by_status(store) == [("guest", 1), ("guest", 1), ("registered", 1)]
    box.advance_clock(3600)
    box.order(contact=buyer, visitor=box.new_id("visitor"), billing=HOME, total="5.00")  # R9: did not log in
    pull(store, connect, box)
    assert by_status(store) == [("guest", 1), ("guest", 1), ("guest", 1), ("registered", 1)]


def test_a_recovered_checkout_stands_beside_its_very_order(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox()
    buyer = box.contact(**BUYER)
    first, second = box.checkout(contact=buyer, total="12.00"), box.checkout(contact=buyer, total="12.00")
    box.checkout(contact=buyer, total="7.00")
    for cart in (second, first):  # the same amount twice: only the checkout's id tells which order is whose
        box.advance_clock(60)
        box.recover(cart)
    pull(store, connect, box)
    found = only(store)
    assert [one["badge"] for one in found["order_list"]] == ["recovered", "recovered"]
    number = {one["id"]: one["number"] for one in found["order_list"]}
    orders = {one.checkout_id: str(one.number) for one in box.orders.values()}
    carts = {one["at"]: one for one in found["checkouts"]}
    assert len(carts) == 3
    for cart in (first, second):
        shown = next(one for at, one in carts.items() if at == box.truth()["checkouts"][cart.id]["created_at"])
        assert (shown["badge"], number[shown["order"]]) == ("recovered", orders[cart.checkout_id])
    assert sorted((one["badge"], one["value"]) for one in carts.values()) == [
        ("abandoned", "7.00"),
        ("recovered", "12.00"),
        ("recovered", "12.00"),
    ]
    assert (found["orders"], found["gross"]["count"]) == (2, 2)


def test_money_states_and_tests_count_as_they_should(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox()
    buyer = box.contact(**BUYER)
    box.order(contact=buyer, total="100.00", refunded="40.00")
    box.order(contact=buyer, total="50.00", status="CANCELED")
    box.order(contact=buyer, total="25.00", demo=True)
    box.order(contact=buyer, total="9.00", refunded="9.00")
    box.order(contact=buyer, total="3.00", payment="NOT_PAID")
    pull(store, connect, box)
    found = only(store)
    assert found["ltv"] == [{"amount": "63.00", "currency": "EUR"}]
    assert found["gross"]["sum"] == [{"amount": "187.00", "currency": "EUR"}]
    assert found["test_order"] is True
    assert {(one["state"], one["why_not"]) for one in found["order_list"]} == {
        ("paid", None),
        ("paid", "test"),
        ("cancelled", "cancelled"),
        ("returned", "refunded"),
        ("open", None),
    }


def test_a_consent_follows_the_site(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox()
    one = box.contact(**BUYER, email_consent="NOT_SET")

    def promotion() -> str:
        pull(store, connect, box)
        box.advance_clock(3600)
        return str(only(store)["consents"]["email"]["promotion"])

    assert promotion() == "unknown"
    box.contact(one.id, email_consent="SUBSCRIBED")
    assert promotion() == "granted"
    box.contact(one.id, email_consent="UNSUBSCRIBED")
    assert promotion() == "denied"


def test_labels_are_tags_and_go_with_them(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox()
    one = box.contact(**BUYER, labels=["custom.vip", "contacts.contacted-me"])
    pull(store, connect, box)
    assert only(store)["tags"] == ["contacts.contacted-me", "vip"]
    box.advance_clock(3600)
    box.contact(one.id, labels=[])
    pull(store, connect, box)
    assert only(store)["tags"] == []
