"""Cases of operators' decisions on both stores: merge, split, undo (T31, T32, T34, T35; R21, R24b)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from klientela.errors import Conflict, Misconfigured, UnknownThing
from klientela.flow import decide
from klientela.flow.rebuild import rebuild
from klientela.flow.review import review
from klientela.kit import Address
from klientela.store import Store, ledger
from tests.cases.seen import Desk, account, contact, order
from tests.shops import bring

ANNA = account("1", "Anna", "Ahorn", email="anna@x.de", created_at=1)
TWIN = contact("2", "Anna", "Ahorn", email="anna@x.de", created_at=2, tags=["list"])


@pytest.fixture
def joined(store: Store) -> Store:
    """Two records of two sources that share an e-mail, with an order each."""
    bring(store, "S", [ANNA, order("o1", 1000, customer="1")])
    bring(store, "L", [TWIN, order("o2", 2500, customer="2")])
    assert Desk(store).people() == {frozenset(("S/1", "L/2"))}
    return store


def state(store: Store) -> list[dict[str, Any]]:
    return Desk(store).everything()


def whole(store: Store) -> None:
    """What is stored is what follows, and the log's chain stands."""
    assert rebuild(store, check=True).differences == []
    with store.reading() as db:
        assert list(ledger.verify(db)) == []


def test_T31_a_split_stays_and_gives_each_side_its_id_orders_and_values_back(joined: Store) -> None:
    desk, before = Desk(joined), state(joined)
    one, two = desk.public("1"), desk.public("2", "L")
    made = decide.split(joined, one, ["L/customer/2"], reason="twins")
    assert {c["id"] for c in made.customers} == {one, two}
    for again in range(2):
        rows = {row["id"]: row for row in desk.rows()}
        assert rows.keys() == {one, two}
        assert (rows[one]["ltv"][0]["amount"], rows[two]["ltv"][0]["amount"]) == ("10.00", "25.00")
        assert (rows[one]["tags"], rows[two]["tags"]) == ([], ["list"])
        if not again:
            bring(joined, "S", [ANNA])  # a full sync, and a rebuild
            bring(joined, "L", [TWIN])
            rebuild(joined)
    whole(joined)
    assert made.seq is not None
    decide.undo(joined, made.seq)
    assert state(joined) == before, "an undo leaves nothing behind"
    whole(joined)


def test_T32_orders_that_come_after_the_join_are_with_their_own_side(joined: Store) -> None:
    bring(joined, "L", [order(f"n{n}", 500, customer="2") for n in range(3)])
    desk = Desk(joined)
    decide.split(joined, desk.public("1"), ["L/customer/2"], reason="two people")
    assert (desk.row("1")["orders"], desk.row("2", "L")["orders"]) == (1, 4)


def test_T34_every_id_ever_shown_keeps_resolving(store: Store) -> None:
    bring(store, "S", [ANNA])
    bring(store, "L", [contact("2", "Berta", "Buche", email="berta@x.de", created_at=2)])
    desk = Desk(store)
    one, two = desk.public("1"), desk.public("2", "L")
    made = decide.merge(store, one, two, reason="married")
    assert [c["id"] for c in made.customers] == [one]
    assert desk.by_id(two)["id"] == one, "the id that went leads to who stayed"
    assert made.seq is not None
    decide.undo(store, made.seq)
    assert desk.by_id(two)["id"] == two, "and lives again"
    whole(store)


def _chain(phone: bool) -> list[Any]:
    """A-B, B-C and C-D share an e-mail each; or A-B only a phone."""
    shared: dict[str, Any] = {"phone": "+49 30 9135728"} if phone else {}
    mails = {"A": ["a@x.de"] if phone else ["ab@x.de"], "B": ["bc@x.de"], "C": ["bc@x.de", "cd@x.de"], "D": ["cd@x.de"]}
    if not phone:
        mails["B"] = ["ab@x.de", "bc@x.de"]
    return [
        contact(name, "Ina", "Roth", email=mails[name][0], emails=mails[name][1:], created_at=place,
                **(shared if name in "AB" else {}))
        for place, name in enumerate("ABCD")
    ]  # fmt: skip


@pytest.mark.parametrize(("phone", "sides"), [(False, ("AB", "CD")), (True, ("A", "BCD"))])
def test_T35_what_remains_falls_as_the_edges_say_and_is_shown_first(store: Store, phone: bool, sides: Any) -> None:
    bring(store, "S", _chain(phone))
    desk = Desk(store)
    assert desk.people() == {frozenset(f"S/{name}" for name in "ABCD")}
    wanted = {frozenset(f"S/{name}" for name in side) for side in sides}
    shown = decide.split(store, desk.public("A"), ["S/customer/C"], reason="not her", dry_run=True)
    assert shown.as_dict().keys() == {"customers"}
    assert {frozenset(f"S/{r['external_id']}" for r in c["records"]) for c in shown.customers} == wanted
    assert len(desk.rows()) == 1, "a dry run writes nothing"
    decide.split(store, desk.public("A"), ["S/customer/C"], reason="not her")
    assert desk.people() == wanted
    for name in "ABCD":
        assert desk.by_id(desk.public(name))["id"], "no id dangles"
    whole(store)


def test_R21_a_decision_against_the_closure_of_others_is_refused_naming_it(store: Store) -> None:
    bring(
        store, "S", [contact(name, name, "Roth", email=f"{name}@x.de", created_at=n) for n, name in enumerate("ABCD")]
    )
    for other in "BCD":
        decide.merge(store, "S/customer/A", f"S/customer/{other}", reason="same")
    parted = decide.split(store, "S/customer/A", ["S/customer/C", "S/customer/D"], reason="no").seq
    assert parted is not None
    assert len(Desk(store).rows()) == 2
    with pytest.raises(Conflict, match=f"decision {parted}"):
        decide.merge(store, "S/customer/B", "S/customer/D", reason="but yes")
    decide.undo(store, parted)
    assert len(Desk(store).rows()) == 1


def test_R21_the_newest_decision_on_a_pair_holds(store: Store) -> None:
    bring(store, "S", [contact(name, name, "Roth", email=f"{name}@x.de") for name in "AB"])
    for word in (1, 2, 1):
        if word == 1:
            decide.merge(store, "S/customer/A", "S/customer/B", reason="same")
        else:
            decide.split(store, "S/customer/A", ["S/customer/B"], reason="no")
        assert len(Desk(store).rows()) == word
    whole(store)


def test_R24b_undo_of_an_undo_lets_the_decision_hold_again(joined: Store) -> None:
    made = decide.split(joined, "S/customer/1", ["L/customer/2"], reason="twins").seq
    assert made is not None
    apart = state(joined)
    back = decide.undo(joined, made).seq
    assert back is not None
    again = decide.undo(joined, back).seq
    assert state(joined) == apart
    assert again is not None
    decide.undo(joined, again)
    assert len(Desk(joined).rows()) == 1


def test_decisions_hold_for_records_that_come_back_and_for_other_rules(store: Store) -> None:
    bring(store, "S", [ANNA])
    bring(store, "L", [contact("2", "Berta", "Buche", addresses=[Address(street="Weg 1", zip="01067", country="DE")])])
    decide.merge(store, "S/customer/1", "L/customer/2", reason="married")
    desk = Desk(store)
    from klientela.rules.ruleset import Ruleset

    desk.apply(Ruleset(rules=("email",)))
    assert len(desk.rows()) == 1
    whole(store)


BAD: list[tuple[Callable[[Store], object], type[Exception], str]] = [
    (lambda s: decide.merge(s, "S/customer/1", "L/customer/2", reason="x"), Conflict, "one customer already"),
    (lambda s: decide.merge(s, "S/customer/1", "S/customer/99", reason="x"), UnknownThing, "no record S/customer/99"),
    (lambda s: decide.split(s, "S/customer/1", ["S/customer/1", "L/customer/2"], reason="x"), Conflict, "all the records"),
    (lambda s: decide.split(s, "S/customer/1", ["Z/customer/9"], reason="x"), Conflict, "of another customer"),
    (lambda s: decide.split(s, "S/customer/1", [], reason="x"), Misconfigured, "no record is named"),
    (lambda s: decide.split(s, "S/customer/1", ["L/customer/2"], reason=" "), Misconfigured, "needs a reason"),
    (lambda s: decide.undo(s, 4711), UnknownThing, "no decision 4711"),
    (lambda s: decide.undo(s, 1), Conflict, "what the rules did"),
]  # fmt: skip


@pytest.mark.parametrize(("use", "kind", "words"), BAD)
def test_bad_uses_are_one_sentence_and_write_nothing(joined: Store, use: Any, kind: Any, words: str) -> None:
    bring(joined, "Z", [contact("9", "Zoe", "Zander", email="z@x.de")])
    before, lines = state(joined), Desk(joined).count("audit")
    with pytest.raises(kind, match=words):
        use(joined)
    assert (state(joined), Desk(joined).count("audit")) == (before, lines)


def test_what_is_undone_is_not_undone_again(joined: Store) -> None:
    made = decide.split(joined, "S/customer/1", ["L/customer/2"], reason="twins").seq
    assert made is not None
    decide.undo(joined, made)
    with pytest.raises(Conflict, match="taken back already"):
        decide.undo(joined, made)


def test_R24c_review_items_are_accepted_and_rejected_for_good(store: Store) -> None:
    twins = [account(str(n), "Eva", "Lang", email=f"eva{n}@x.de", phone="+49 30 9135728") for n in (1, 2, 3)]
    bring(store, "S", twins)
    items = review(store)["items"]
    assert [item["kind"] for item in items] == ["same_source"] * 3
    before = state(store)
    made = decide.accept(store, 1)
    assert len(Desk(store).rows()) == 2
    assert len(review(store)["items"]) < 3
    parted = decide.reject(store, 1)
    assert review(store)["items"] == []
    bring(store, "S", twins)
    rebuild(store)
    assert review(store)["items"] == [], "a rejected pair never returns"
    for one in (parted, made):
        assert one.seq is not None
        decide.undo(store, one.seq)
    assert (state(store), len(review(store)["items"])) == (before, 3)
    with pytest.raises(UnknownThing, match="no item 9"):
        decide.accept(store, 9)


def test_R24c_a_crowded_value_is_left_as_it_is(store: Store) -> None:
    names = [contact(str(n), f"N{chr(65 + n)}x", f"Last{chr(65 + n)}", email="alle@x.de") for n in range(12)]
    bring(store, "S", names)
    (item,) = review(store)["items"]
    assert item["kind"] == "crowded"
    with pytest.raises(Conflict, match="not a pair"):
        decide.accept(store, 1)
    made = decide.reject(store, 1)
    assert (review(store)["items"], made.customers) == ([], [])
    assert made.seq is not None
    back = decide.undo(store, made.seq)
    assert len(review(store)["items"]) == 1
    assert back.seq is not None
    decide.undo(store, back.seq)
    assert review(store)["items"] == []
