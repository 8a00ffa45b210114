"""What other rules would do is what `rules apply` then does, and the old rules bring the old ids back (T07, T68, D4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from klientela.errors import Conflict
from klientela.flow import rules
from klientela.flow.diff import diff
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import Store
from tests import town
from tests.cases.seen import Desk, contact, guest_order, order
from tests.shops import bring, use


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


OTHERS = [
    {"rules": ("email",)},
    {"rules": ("phone", "address")},
    {"limits": (10, 10, 50)},
    {"mailbox_folding": False, "blocked": frozenset(("familie@y.example",))},
    {"same_source": "merge"},
    {"sources": {**town.RULES.sources, "shop": SourceRules(guests="merge")}},
    {"sources": {**town.RULES.sources, "main": SourceRules(guests="per_order", guest_rule="state")}},
]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: ",".join(other))
def test_a_diff_is_exactly_what_apply_does(store: Store, other: dict[str, Any]) -> None:
    town.live(store)
    before, wanted = people(store), replace(town.RULES, **other)
    export = Desk(store).everything()
    found = diff(store, wanted)
    assert people(store) == before, "a diff writes nothing"
    Desk(store).apply(wanted)
    after = people(store)
    assert said(found) == seen(before, after)
    assert set(found["appeared"]) >= {new for new, m in after.items() if not any(m & old for old in before.values())}
    assert set(found["vanished"]) >= {old for old, m in before.items() if not any(m & new for new in after.values())}
    back = diff(store, town.RULES)
    assert said(back) == seen(after, before)
    Desk(store).apply(town.RULES)
    assert Desk(store).everything() == export, "the same ids and values again"
    assert said(diff(store, town.RULES)) == {"joined": set(), "split": set()}


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
    rules.apply(store, replace(town.RULES, rules=("email",)))
    with pytest.raises(Conflict, match="wait on the worklist"):
        diff(store, town.RULES)
