"""What other rules would do is what `rules apply` then does, and the old rules bring the old ids back (T07, T68, D4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from klientela.errors import Conflict
from klientela.flow import rules, work
from klientela.flow.diff import diff, preview
from klientela.flow.rebuild import rebuild
from klientela.kit import Order, Origin, Person
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import Store
from tests import town
from tests.cases.seen import Desk, account, contact, guest_order, order
from tests.shops import bring, use
from tests.town import DAY


def people(store: Store) -> dict[str, frozenset[str]]:
    """Each customer by its id, and its records."""
    return {
        row["id"]: frozenset("/".join((r["source"], r["entity"], r["external_id"])) for r in row["records"])
        for row in Desk(store).rows(size=500)
    }


def seen(before: dict[str, frozenset[str]], after: dict[str, frozenset[str]]) -> dict[str, Any]:
    """Joined and split, by looking at two lists."""
    joined, split = set(), set()
    for new, members in after.items():
        olds = tuple(sorted(old for old, theirs in before.items() if theirs & members))
        if len(olds) > 1:
            joined.add((olds, new))
    for old, members in before.items():
        news = tuple(sorted(new for new, theirs in after.items() if theirs & members))
        if len(news) > 1:
            split.add((old, news))
    return {"joined": joined, "split": split}


def said(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "joined": {(tuple(one["customers"]), one["into"]) for one in found["joined"]},
        "split": {(one["customer"], tuple(one["into"])) for one in found["split"]},
    }


RULES = replace(town.RULES, sources={**town.RULES.sources, "market": SourceRules(guests="merge")})
OTHERS = [
    {"rules": ("email",)},
    {"rules": ("phone", "address")},
    {"limits": (10, 10, 50)},
    {"mailbox_folding": False, "blocked": frozenset(("familie@y.example",))},
    {"same_source": "merge"},
    {"sources": {**RULES.sources, "shop": SourceRules(guests="merge")}},
    {"sources": {**RULES.sources, "main": SourceRules(guests="per_order", guest_rule="state")}},
    {"sources": {**RULES.sources, "shop": SourceRules(guests="per_source")}},
    {"retroactive_link": "always"},
    {"sources": {**RULES.sources, "market": SourceRules(guests="merge", same_as={"77": "main", "9": "shop"})}},
    {"sources": {**RULES.sources, "list": SourceRules(guests="merge", priority=200)}},
]
NAMES = [
    "email", "no-email", "limits", "blocked", "same_source", "guests-merge", "guest_rule", "per_source", "retroactive",
    "same_as", "priority",
]  # fmt: skip


def values_only(other: dict[str, Any]) -> bool:
    """Whether rules decide nothing but whose value is shown."""
    return other is OTHERS[-1]


def settle(store: Store) -> Store:
    """The town with somebody for each rule, and a marketplace that passes on orders of its shops."""
    town.live(store)
    bring(store, "main", [
        Person(external_id="uwe", kind="account", first_name="Uwe", last_name="Ohm", phone="+49 30 5551234",
               email="uwe@x.example", company="Ohm KG", version=10 * DAY),
        Person(external_id="paula", kind="guest", first_name="Paula", last_name="Pult", email="paula@x.example"),
        Order(external_id="o10", customer="paula", total=300, currency="EUR", placed_at=DAY, guest=True,
              first_name="Paula", last_name="Pult", email="paula@x.example"),
    ])  # fmt: skip
    bring(store, "list", [
        Person(external_id="20", kind="contact", first_name="Uwe", last_name="Ohm", phone="030 5551234", company="Ohm"),
        Person(external_id="21", kind="contact", first_name="I.", last_name="Roth", email="familie@y.example"),
    ])  # fmt: skip
    bring(store, "shop", [
        Person(external_id="gerd", kind="account", first_name="Gerd", last_name="Gast", email="gerd@x.example"),
    ])  # fmt: skip
    bring(store, "market", [
        Person(external_id="m1", first_name="Anna", last_name="Mueller", email="anna@m.example", version=DAY),
        Person(external_id="m2", first_name="Greta", last_name="Gast", email="greta@m.example", version=DAY),
        Order(external_id="b1", customer="m1", total=1002, currency="EUR", placed_at=2 * DAY,
              origin=Origin(platform="shop", shop="77", id="o2")),
        Order(external_id="b2", customer="m2", total=700, currency="EUR", placed_at=DAY,
              origin=Origin(platform="shop", shop="9", id="g1")),
    ])  # fmt: skip
    return store


@pytest.mark.parametrize("other", OTHERS, ids=NAMES)
def test_a_diff_is_exactly_what_apply_does(store: Store, other: dict[str, Any]) -> None:
    settle(store)
    before, wanted = people(store), replace(RULES, **other)
    export = Desk(store).everything()
    found = diff(store, wanted)
    assert any(found[kind] for kind in ("joined", "split", "appeared", "vanished")) or values_only(other)
    assert people(store) == before, "a diff writes nothing"
    assert Desk(store).everything() == export
    would = preview(store, wanted)
    assert "seq" not in would
    seq = rules.apply(store, wanted)
    assert seq is not None
    work.drain(store)
    after = people(store)
    changed = sorted(customer for customer, members in after.items() if before.get(customer) != members)
    assert [one["id"] for one in rules.touched(store, seq)] == changed, "nothing more and nothing less"
    assert would == {"customers": rules.touched(store, seq), "ruleset": found["ruleset"]}
    assert said(found) == seen(before, after)
    assert set(found["appeared"]) == {new for new, m in after.items() if not any(m & old for old in before.values())}
    assert set(found["vanished"]) == {old for old, m in before.items() if not any(m & new for new in after.values())}
    back = diff(store, RULES)
    assert said(back) == seen(after, before)
    Desk(store).apply(RULES)
    assert Desk(store).everything() == export, "the same ids and values again"
    assert said(diff(store, RULES)) == {"joined": set(), "split": set()}


def test_T68_who_fell_apart_on_the_way_and_came_together_again_is_as_before(store: Store) -> None:
    standing = use(store, sources={"S": "merge"})
    bring(store, "S", [
        account("1", "Gerd", "Gast", email="g@x.de", email_verified=True),
        guest_order("o1", "g@x.de", first_name="Gerd", last_name="Gast"),
        guest_order("o2", "other@x.de", first_name="Gerd", last_name="Gast"),
    ])  # fmt: skip
    wanted = replace(standing, sources={"S": SourceRules(guests="per_order")}, retroactive_link="always")
    before = people(store)
    for one in (wanted, standing):
        would = preview(store, one)["customers"]
        seq = rules.apply(store, one)
        assert seq is not None
        work.drain(store)
        assert people(store) == before
        assert rules.touched(store, seq) == would == []


@pytest.mark.parametrize("other", OTHERS, ids=NAMES)
def test_the_way_back_leaves_no_trace_though_syncs_came_in_between(
    store: Store, new_store: Callable[[], Store], other: dict[str, Any]
) -> None:
    plain = new_store()
    for one in (store, plain):
        settle(one)
    Desk(store).apply(replace(RULES, **other))
    assert Desk(store).everything() != Desk(plain).everything()
    for one in (store, plain):
        bring(one, "main", [
            Person(external_id="new", kind="account", first_name="Eva", last_name="Lang", email="eva@two.example",
                   version=12 * DAY),
            Person(external_id="ben", kind="account", first_name="Ben", last_name="Müller", email="ben@x.example",
                   phone="+49 351 8472913", version=12 * DAY),
            Order(external_id="o20", customer="new", total=700, currency="EUR", placed_at=12 * DAY),
        ])  # fmt: skip
        bring(one, "shop", [
            Order(external_id="g9", guest=True, first_name="Gerd", last_name="Gast", email="gerd@x.example", total=800,
                  currency="EUR", placed_at=12 * DAY),
        ])  # fmt: skip
        bring(one, "market", [
            Order(external_id="b3", customer="m2", total=800, currency="EUR", placed_at=12 * DAY,
                  origin=Origin(platform="shop", shop="9", id="g9")),
        ])  # fmt: skip
    Desk(store).apply(RULES)
    assert Desk(store).everything() == Desk(plain).everything()
    assert rebuild(store, check=True).differences == []


def test_T07_two_guest_orders_become_one_and_two_again(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest_order("1", "g@x.de", first_name="Gisa"), guest_order("2", "g@x.de", first_name="Gisa")])
    before = people(store)
    merging = Ruleset(sources={"S": SourceRules(guests="merge")})
    (joined,) = diff(store, merging)["joined"]
    assert sorted(joined["customers"]) == sorted(before)
    assert joined["revenue"] == [{"amount": "20.00", "currency": "EUR"}]
    Desk(store).apply(merging)
    assert len(people(store)) == 1
    Desk(store).apply(Ruleset(sources={"S": SourceRules(guests="per_order")}))
    assert people(store) == before


def test_T68_the_rule_address_switched_off_lists_those_that_fall_apart_by_revenue(store: Store) -> None:
    home: dict[str, Any] = {"street": "Lindenstr. 5", "zip": "10969", "country": "DE"}
    from klientela.kit import Address

    for number, name in enumerate(("Ina", "Udo", "Ada")):
        place = Address(**{**home, "street": f"Weg {number}"})
        bring(store, "A", [contact(name, name, "Roth", addresses=[place]), order(name, 1000 * number, customer=name)])
        bring(store, "B", [contact(name, name, "Roth", addresses=[place])])
    before = people(store)
    assert len(before) == 3
    found = diff(store, Ruleset(rules=("email", "number", "phone")))
    assert [one["revenue"][0]["amount"] for one in found["split"]] == ["20.00", "10.00", "0.00"]
    Desk(store).apply(Ruleset(rules=("email", "number", "phone")))
    assert len(people(store)) == 6
    Desk(store).apply(Ruleset())
    assert people(store) == before


def test_a_diff_waits_until_the_list_says_what_the_rules_say(store: Store) -> None:
    town.build(store)
    rules.apply(store, replace(RULES, rules=("email",)))
    with pytest.raises(Conflict, match="wait on the worklist"):
        diff(store, RULES)


def test_R23_the_id_of_a_guest_row_leads_to_its_customer_when_guests_are_merged(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest_order("o1", "g@x.de", first_name="Gerd"), guest_order("o2", "g@x.de", first_name="Gerd")])
    bring(store, "S", [account("7", "Gerd", "Gast", email="g@x.de")])
    bring(store, "S", [guest_order("o1", "g@x.de", customer="7", first_name="Gerd", version=9)])
    desk = Desk(store)
    ids_of = {row["id"] for row in desk.rows()}
    assert len(ids_of) == 3
    desk.apply(Ruleset(sources={"S": SourceRules(guests="merge")}))
    for public in ids_of:
        assert desk.by_id(public)["id"] in {row["id"] for row in desk.rows()}
    desk.apply(Ruleset(sources={"S": SourceRules(guests="per_order")}))
    assert {row["id"] for row in desk.rows()} == ids_of


def test_T07_guest_rows_that_become_one_customer_are_told_as_joined_and_back_as_split(store: Store) -> None:
    """Their buyer has a record of his own here, which makes no row while each order is one."""
    use(store, sources={"S": "per_order"})
    guest = contact("g", "Gerd", "Gast", email="g@x.de")
    bring(
        store,
        "S",
        [replace_kind(guest), *(guest_order(f"o{n}", "g@x.de", customer="g", first_name="Gerd") for n in "12")],
    )
    desk = Desk(store)
    two = sorted(row["id"] for row in desk.rows())
    assert len(two) == 2
    merged = Ruleset(sources={"S": SourceRules(guests="merge")})
    found = diff(store, merged)
    assert [one["customers"] for one in found["joined"]] == [two]
    assert (found["split"], found["appeared"], found["vanished"]) == ([], [], [])
    assert found["joined"][0]["revenue"][0]["amount"] == "20.00"
    desk.apply(merged)
    assert [row["id"] for row in desk.rows()] == [found["joined"][0]["into"]]
    back = diff(store, Ruleset(sources={"S": SourceRules(guests="per_order")}))
    assert [(one["customer"], sorted(one["into"])) for one in back["split"]] == [(found["joined"][0]["into"], two)]


def replace_kind(person: Person) -> Person:
    """As a guest of a source that knows accounts."""
    return msgspec.structs.replace(person, kind="guest")
