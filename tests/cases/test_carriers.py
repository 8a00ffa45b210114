"""Cases of one order that several sources carry, and of people a source merged, on both stores (R18, R29, R29b)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from klientela.flow.rebuild import rebuild
from klientela.kit import Order, Origin, Record
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import Store
from klientela.store.naming import rename
from tests.cases.seen import Desk, account, at, contact, order
from tests.shops import bring, use

RELAY = "k7@marketplace.amazon.de"
PLACED = at("2026-03-01 12:00")
Deed = Callable[[Store], Any]


def mapped(guests: str = "merge", shop: str = "BB-Shop-1") -> dict[str, Any]:
    """The rules: Billbee's shop is ours, or is not."""
    return {
        "SH": SourceRules(guests=guests, priority=10),  # type: ignore[arg-type]
        "BB": SourceRules(same_as={shop: "SH"} if shop else {}),
    }


def carried(**more: Any) -> Order:
    """The order as Billbee passes it on."""
    origin = Origin(platform="Shopify", shop="BB-Shop-1", id="5001", name="1001")
    made: dict[str, Any] = {"customer": "31", "number": "1001", "origin": origin, "placed_at": PLACED + 60_000_000}
    return order("900", 3990, **{**made, **more})


def ours(**more: Any) -> Order:
    """The order as the shop itself tells it."""
    return order("5001", 4000, **{"number": "#1001", "placed_at": PLACED, **more})


def deeds(*records: tuple[str, Record]) -> list[Deed]:
    return [lambda store, said=said: bring(store, said[0], [said[1]]) for said in records]


MAXI = ("BB", contact("31", "Maxi", "Muster", email=RELAY, phone="030 998877"))
MAX = ("SH", account("7", "Max", "Muster", email="max@x.de"))


def test_T20_one_order_with_two_carriers_is_counted_once_whatever_came_first(new_store: Callable[[], Store]) -> None:
    for one in permutations(deeds(("SH", ours(customer="7")), ("BB", carried()), MAXI, MAX)):
        store = new_store()
        use(store, sources=mapped())
        for deed in one:
            deed(store)
        desk = Desk(store)
        (row,) = desk.rows()
        assert (row["sources"], row["orders"], row["ltv"][0]["amount"]) == (["BB", "SH"], 1, "40.00")
        assert row["email"] == "max@x.de", "a relay address is never the primary one"
        (listed,) = desk.profile("7", "SH")["order_list"]
        assert [(c["source"], c["external_id"]) for c in listed["carriers"]] == [("SH", "5001"), ("BB", "900")]
        assert (listed["source"], listed["number"], listed["total"]) == ("SH", "#1001", "40.00")
        assert {rule for rule, _ in desk.why("7", "SH")} == {"same_order"}
        assert desk.doctor("carriers") == []
        assert rebuild(store, check=True).differences == []


def test_R23_a_mapping_holds_by_every_name_that_its_source_had(store: Store) -> None:
    use(store, sources=mapped())
    for deed in deeds(MAX, ("SH", ours(customer="7")), ("BB", carried()), MAXI):
        deed(store)
    rename(store, "SH", "shop")
    rename(store, "shop", "laden")
    for name in ("SH", "shop", "laden"):
        rules = mapped()
        wanted = Ruleset(sources={"laden": rules["SH"], "BB": SourceRules(same_as={"BB-Shop-1": name})})
        Desk(store).apply(wanted)
        (row,) = Desk(store).rows()
        assert (row["sources"], row["orders"]) == (["BB", "laden"], 1)


def test_T20_without_the_mapping_two_orders_and_a_line_in_doctor(store: Store) -> None:
    use(store, sources=mapped(shop=""))
    for deed in deeds(("SH", ours(customer="7")), ("BB", carried()), MAXI, MAX):
        deed(store)
    desk = Desk(store)
    assert desk.people() == {frozenset(("SH/7",)), frozenset(("BB/31",))}
    assert [row["orders"] for row in desk.rows()] == [1, 1]
    (finding,) = desk.doctor("carriers")
    assert "same_as" in finding.message
    desk.apply(Ruleset(sources=mapped()))
    assert (len(desk.rows()), desk.doctor("carriers")) == (1, []), "and the mapping brings them together afterwards"
    desk.apply(Ruleset(sources=mapped(shop="")))
    assert len(desk.rows()) == 2


def test_T20_a_source_mapped_to_a_shop_that_was_read_before(store: Store) -> None:
    """The mapping needs no `rules apply`: the source is new, and the shop's orders publish their keys from then on."""
    use(store, sources={"SH": SourceRules(priority=10)})
    bring(store, "SH", [MAX[1], ours(customer="7")])
    use(store, sources=mapped())
    bring(store, "BB", [MAXI[1], carried()])
    assert len(Desk(store).rows()) == 1


def test_T20_an_order_that_leaves_its_shop_counts_by_itself(store: Store) -> None:
    use(store, sources=mapped())
    bring(store, "SH", [MAX[1], ours(customer="7")])
    bring(store, "BB", [MAXI[1], carried()])
    bring(store, "BB", [carried(origin=None, version=9)])
    desk = Desk(store)
    assert desk.people() == {frozenset(("SH/7",)), frozenset(("BB/31",))}
    assert [row["orders"] for row in desk.rows()] == [1, 1]


@pytest.mark.parametrize("first", ["SH", "BB"])
def test_T78_a_guest_order_through_billbee_is_one_guest_row(store: Store, first: str) -> None:
    use(store, sources=mapped("per_order"))
    shop = [ours(guest=True, email="g@x.de", first_name="Gisa")]
    said: list[tuple[str, list[Record]]] = [("SH", [*shop]), ("BB", [MAXI[1], carried()])]
    for source, records in said if first == "SH" else said[::-1]:
        bring(store, source, records)
    desk = Desk(store)
    (row,) = desk.rows()
    assert (row["status"], row["orders"], [r["entity"] for r in row["records"]]) == ("guest", 1, ["guest_order"])
    bring(store, "BB", [order("901", 500, customer="31")])
    assert desk.people() == {frozenset(("SH/5001",)), frozenset(("BB/31",))}, "another order shows the buyer again"
    assert rebuild(store, check=True).differences == []


@pytest.mark.parametrize("papers_first", [False, True])
def test_R29b_credit_notes_and_cancellations_speak_of_another_order(store: Store, papers_first: bool) -> None:
    orders = [order("1", 5000, customer="31"), order("2", 900, customer="31")]
    papers = [order("3", -2000, customer="31", credits="1"), order("4", 900, customer="31", cancels="2")]
    for records in (papers, orders) if papers_first else (orders, papers):
        bring(store, "BB", [MAXI[1], *records])
    desk = Desk(store)
    (row,) = desk.rows()
    assert (row["orders"], row["ltv"][0]["amount"], row["gross"]["count"]) == (1, "30.00", 2)
    reasons = {o["carriers"][0]["external_id"]: o["why_not"] for o in desk.profile("31", "BB")["order_list"]}
    assert reasons == {"1": None, "2": "cancelled", "3": "credit note", "4": "cancelled"}
    assert desk.doctor("papers") == []
    bring(store, "BB", [order("5", -10, customer="31", credits="404")])
    assert len(desk.doctor("papers")) == 1
    assert rebuild(store, check=True).differences == []


def test_R18_people_a_source_merged_are_one_customer_and_fall_apart_when_it_says_so(store: Store) -> None:
    bring(store, "SH", [account("1", "Ina", "Roth", email="ina@x.de"), account("2", "Ina", "Berg", email="ib@x.de")])
    assert len(Desk(store).rows()) == 2
    bring(store, "SH", [account("1", "Ina", "Roth", email="ina@x.de", merged_into="2", version=5)])
    desk = Desk(store)
    assert desk.people() == {frozenset(("SH/1", "SH/2"))}
    assert {rule for rule, _ in desk.why("1", "SH")} == {"upstream"}
    bring(store, "SH", [account("1", "Ina", "Roth", email="ina@x.de", merged_into=None, version=6)])
    assert len(desk.rows()) == 2
    assert rebuild(store, check=True).differences == []


def test_R17b_a_profile_beside_somebody_without_a_name_shares_nothing(store: Store) -> None:
    """A record without a name joins at most one customer; whether it is another person nobody knows."""
    bring(
        store,
        "S",
        [
            contact("1", "Ada", "Alt", email="haus@x.de"),
            contact("2", "Udo", "Neu", email="haus@x.de"),
            contact("3", email="haus@x.de"),
            contact("4", phone="+49 30 9135728"),
            contact("5", "Ina", "Roth", phone="+49 30 9135728"),
        ],
    )
    desk = Desk(store)
    for ext, rules in (("1", ["email"]), ("2", ["email"]), ("4", []), ("5", [])):
        assert [one["rule"] for one in desk.profile(ext)["shares"]] == rules
