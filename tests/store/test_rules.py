"""Other rules, applied: exactly the customers they concern change, and changing back gives the same ids (D4, T68)."""

from __future__ import annotations

from dataclasses import replace

from klientela.flow import rules, work
from klientela.flow.rebuild import rebuild
from klientela.kit import Address, Person
from klientela.rules.ruleset import Ruleset
from klientela.store import Store
from tests.cases.desk import rows
from tests.shops import bring, use

HOME = Address(street="Lindenstr. 5", zip="01067", city="Dresden", country="DE")


def _apply(store: Store, wanted: Ruleset) -> int | None:
    seq = rules.apply(store, wanted)
    work.drain(store)
    return seq


def test_T68_rules_there_and_back(store: Store) -> None:
    ruleset = use(store, sources={"A": "merge", "B": "merge"})
    last = ("Amsel", "Biber", "Dachs", "Fuchs", "Igel")
    people = [
        Person(external_id=name, kind="contact", first_name="Eva", last_name=name, addresses=[HOME]) for name in last
    ]
    bring(store, "A", people)
    bring(store, "B", people[:3])
    before = {(r["id"], tuple(r["sources"])) for r in rows(store)}
    assert len(before) == 5
    seq = _apply(store, replace(ruleset, rules=("email", "number", "phone")))
    assert seq is not None
    assert len(rows(store)) == 8
    assert [len(c["records"]) for c in rules.touched(store, seq)] == [1] * 6
    bring(store, "B", people)
    assert len(rows(store)) == 10
    assert rebuild(store, check=True).differences == []
    _apply(store, ruleset)
    after = rows(store)
    assert {r["id"] for r in after} == {i for i, _ in before}
    assert {tuple(r["sources"]) for r in after} == {("A", "B")}
    assert rebuild(store, check=True).differences == []


def test_a_guest_policy_there_and_back_keeps_the_ids(store: Store) -> None:
    from tests.cases.test_guests import guest

    ruleset = use(store, sources={"S": "per_order"})
    bring(store, "S", [guest(1), guest(2)])
    before = {r["id"] for r in rows(store)}
    merged = replace(ruleset, sources={"S": replace(ruleset.of("S"), guests="merge")})
    _apply(store, merged)
    (one,) = rows(store)
    assert one["orders"] == 2
    _apply(store, ruleset)
    assert {r["id"] for r in rows(store)} == before
    assert rebuild(store, check=True).differences == []


def test_the_same_rules_change_nothing(store: Store) -> None:
    ruleset = use(store)
    bring(store, "A", [Person(external_id="1", kind="contact", first_name="Eva", last_name="Lang")])
    assert _apply(store, ruleset) is None


def test_a_new_source_takes_its_settings_at_once_and_an_old_one_waits(store: Store) -> None:
    ruleset = use(store, sources={"S": "per_order"})
    bring(store, "S", [Person(external_id="1", kind="account", first_name="Eva", last_name="Lang")])
    old = replace(ruleset.of("S"), guests="merge")
    new = replace(ruleset.of("S"), guests="per_source")
    assert rules.adopt(store, replace(ruleset, sources={"S": old, "N": new})) is False
    with store.reading() as db:
        standing = store.ruleset(db)
    assert (standing.of("S").guests, standing.of("N").guests) == ("per_order", "per_source")


def test_who_is_only_kept_apart_is_no_other_customer(store: Store) -> None:
    """Two accounts of one shop that a rule more would join: an item for review, and both are who they were."""
    ruleset = use(store, rules=("email",))
    bring(store, "A", [
        Person(external_id=n, kind="account", first_name="Eva", last_name="Igel", email=f"e{n}@x.de", addresses=[HOME])
        for n in "12"
    ])  # fmt: skip
    seq = _apply(store, replace(ruleset, rules=("email", "address")))
    assert seq is not None
    with store.reading() as db:
        assert db.rows("SELECT kind FROM audit WHERE seq > ?", (seq,)) == [("kept_apart",)]
    assert rules.touched(store, seq) == []
