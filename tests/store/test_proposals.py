"""What plugins propose in the review queue (R24c): proposals only, one item for a pair, gone for good once rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

import klientela_fuzzy
from klientela.errors import Conflict, UnknownThing
from klientela.flow import decide
from klientela.flow.proposing import Proposer, people
from klientela.flow.review import review
from klientela.kit import Address, Number, Order, Person, Place, Proposal, Proposals, Somebody
from klientela.store import Store, ids
from klientela.store.export import customers as exported
from tests.cases.seen import view
from tests.shops import bring, use

Given = dict[str, Somebody]


def at(zip_: str = "20875", street: str = "Rosenstraße 92") -> list[Address]:
    return [Address(street=street, zip=zip_, city="Gifhorn", country="DE")]


def contact(ext: str, first: str, last: str, **fields: Any) -> Person:
    return Person(external_id=ext, kind="contact", first_name=first, last_name=last, **fields)


def public(store: Store, ext: str, source: str = "list") -> str:
    return ids.text(ids.public_id(source, "customer", ext, store.key))


def proposer(answer: Any, name: str = "own") -> Proposer:
    """A plugin that answers so; a function is given the customers by their ids."""

    def ask(given: Iterable[Somebody]) -> Sequence[Any]:
        known = {one.id: one for one in given}
        return [answer(known) if callable(answer) else answer]

    return Proposer(name, ask)


FUZZY = Proposer("fuzzy", lambda given: [klientela_fuzzy.klientela_proposals(given)])


def queue(store: Store, *plugins: Proposer) -> list[dict[str, Any]]:
    return review(store, proposers=plugins)["items"]  # type: ignore[no-any-return]


def rows(store: Store) -> list[dict[str, Any]]:
    with store.reading() as db:
        return list(exported(db, view(), key=store.key, records=True))


@pytest.fixture
def three(store: Store) -> Store:
    """Three customers who share nothing exactly."""
    use(store)
    bring(store, "list", [
        contact("1", "Sedat", "Brunnschmidt", addresses=at()),
        contact("2", "Sedat", "Brunnschmidt", addresses=at("20857")),
        contact("3", "Eva", "Lang", addresses=at("01067")),
    ])  # fmt: skip
    return store


def pair(store: Store, *exts: str, score: float = 0.5, reason: str = "they look alike") -> Proposal:
    one, two = (public(store, ext) for ext in exts)
    return Proposal(one, two, reason, score)


# -- proposals only ------------------------------------------------------------------------------------------------


def test_a_proposal_is_an_item_and_joins_nobody(three: Store) -> None:
    before = rows(three)
    (item,) = queue(three, FUZZY)
    reason = "the same name, and addresses that differ in the ZIP alone"
    assert item == {
        "kind": "proposed",
        "key": item["key"],
        "customers": sorted([public(three, "1"), public(three, "2")]),
        "records": ["list/customer/1", "list/customer/2"],
        "rule": None, "value": None, "names": 2, "plugin": "fuzzy", "score": 0.95, "reason": reason,
        "sentence": f"the plugin fuzzy proposes them: {reason} (R24c)",
    }  # fmt: skip
    assert rows(three) == before
    assert queue(three) == [], "nothing is kept: without the plugin there is no item"


def test_accepted_they_are_one_and_undone_they_are_proposed_again(three: Store) -> None:
    before = rows(three)
    dry = decide.accept(three, 1, dry_run=True, proposers=[FUZZY])
    assert (dry.seq, len(rows(three))) == (None, 3)
    made = decide.accept(three, 1, proposers=[FUZZY])
    assert len(rows(three)) == 2
    assert queue(three, FUZZY) == []
    assert made.seq is not None
    decide.undo(three, made.seq)
    assert rows(three) == before
    assert len(queue(three, FUZZY)) == 1


def test_a_rejected_pair_never_returns(three: Store) -> None:
    made = decide.reject(three, 1, proposers=[FUZZY])
    assert queue(three, FUZZY) == []
    bring(three, "shop", [contact("9", "Sedat", "Brunnschmidt", addresses=at("20857"))])  # one of the two grows
    assert queue(three, FUZZY) == []
    bring(three, "list", [contact("1", "Sedat", "Brunnschmitt", addresses=at())])  # the other is spelt in another way
    assert queue(three, FUZZY) == []
    assert made.seq is not None
    decide.undo(three, made.seq)
    assert len(queue(three, FUZZY)) == 1


def test_numbers_that_are_none(three: Store) -> None:
    for act in (decide.accept, decide.reject):
        with pytest.raises(UnknownThing, match="it has 1"):
            act(three, 2, proposers=[FUZZY])
        with pytest.raises(UnknownThing, match="it has 0"):
            act(three, 1)
    assert len(queue(three, FUZZY)) == 1


# -- one item for a pair -------------------------------------------------------------------------------------------


def test_of_several_proposals_the_surest_stands(three: Store) -> None:
    low, high = pair(three, "1", "2", score=0.3), pair(three, "2", "1", score=0.7, reason="surer")
    other = pair(three, "1", "3", score=0.9, reason="surest")
    plugins = [proposer(Proposals([low, other, low]), "a"), proposer(Proposals([high]), "b")]
    for asked in (plugins, plugins[::-1]):
        found = [(item["plugin"], item["reason"], item["score"]) for item in queue(three, *asked)]
        assert found == [("a", "surest", 0.9), ("b", "surer", 0.7)]


def test_what_another_item_is_about_is_not_proposed_again(store: Store) -> None:
    use(store)
    bring(store, "list", [
        contact("1", "Jonas", "Hartwig", email="j@x.example"), contact("2", "Jonny", "Hartwich", email="j@x.example"),
    ])  # fmt: skip
    bring(store, "shop", [
        Person(external_id=ext, kind="account", first_name="Eva", last_name="Lang", email=f"{ext}@x.example",
               phone="+49 351 8472913") for ext in ("7", "8")
    ])  # fmt: skip
    same = [public(store, ext, "shop") for ext in ("7", "8")]
    offered = proposer(Proposals([pair(store, "1", "2"), Proposal(*same, "alike")]))
    assert [item["kind"] for item in queue(store, offered)] == [item["kind"] for item in queue(store)]
    assert {item["kind"] for item in queue(store)} == {"same_source", "names"}


def test_two_records_of_one_customer_are_no_pair(store: Store) -> None:
    use(store)
    bring(
        store,
        "list",
        [contact("1", "Eva", "Lang", email="e@x.example"), contact("2", "Eva", "Lang", email="e@x.example")],
    )
    (row,) = rows(store)
    twice = proposer(Proposals([Proposal(row["id"], row["id"], "alike")]))
    other = next(public(store, ext) for ext in "12" if public(store, ext) != row["id"])
    hidden = proposer(Proposals([Proposal(row["id"], other, "alike")]))  # an id of a member is no customer it was given
    assert queue(store, twice) == queue(store, hidden) == []


# -- how many ------------------------------------------------------------------------------------------------------


def test_the_queue_stays_below_one_in_a_hundred_customers(store: Store) -> None:
    use(store)
    many = 1_301
    bring(store, "list", [contact(f"{n:04}", "Eva", f"N{n:04}") for n in range(many)], size=500)
    offered = [
        pair(store, f"{n:04}", f"{n + 1:04}", score=round(n / 100, 2), reason=f"reason {n}") for n in range(0, 60, 2)
    ]
    made = review(store, proposers=[proposer(Proposals(offered))])
    assert len(made["items"]) == 13
    assert [item["reason"] for item in made["items"]] == [f"reason {n}" for n in range(58, 32, -2)], "the surest first"
    assert made["remarks"] == ["17 further proposals follow when these are decided"]
    decide.reject(store, 1, proposers=[proposer(Proposals(offered))])
    made = review(store, proposers=[proposer(Proposals(offered))])
    assert [item["reason"] for item in made["items"]] == [f"reason {n}" for n in range(56, 30, -2)], "the next moves up"
    assert made["remarks"] == ["16 further proposals follow when these are decided"]


def test_few_customers_get_a_few_proposals(store: Store) -> None:
    use(store)
    bring(store, "list", [contact(str(n), "Eva", f"N{n}") for n in range(24)])
    offered = [pair(store, str(n), str(n + 1)) for n in range(0, 24, 2)]
    made = review(store, proposers=[proposer(Proposals(offered))])
    assert (len(made["items"]), len(made["remarks"])) == (10, 1)


# -- what a plugin is given ----------------------------------------------------------------------------------------


def given(store: Store) -> Given:
    seen: Given = {}

    def look(known: Given) -> Proposals:
        seen.update(known)
        return Proposals([])

    review(store, proposers=[proposer(look)])
    return seen


def test_a_plugin_is_given_folded_values_of_all_records_together(store: Store) -> None:
    use(store, blocked=frozenset({"+493518472913"}))
    bring(store, "list", [
        contact("1", "Dr. Änne", "Weiß", email="A.Weiss+shop@gmail.com", addresses=at(street="Rosenstr. 92 a"),
                company="Über & Co", phone="0351 8472913", numbers=[Number("K-7")]),
        contact("2", "Änne", "Weiss", emails=["aweiss@googlemail.com", "info@weiss.example"], phone="0351 8472914"),
        contact("3", "Ben", "Neu", email="abc@marketplace.amazon.de"),
    ])  # fmt: skip
    known = given(store)
    assert set(known) == {row["id"] for row in rows(store)}
    names = {one.names: one for one in known.values()}
    assert names[("aenne", "weiss"),] == Somebody(
        public(store, "1") if public(store, "1") in known else public(store, "2"),
        (("aenne", "weiss"),), ("ueber co",), ("aweiss@gmail.com",), ("+493518472914",),
        (Place("DE", "20875", "rosenstr", "92a"),),
    )  # fmt: skip
    assert names[("ben", "neu"),].emails == (), "a relay address is no value to compare"


@pytest.mark.parametrize("policy", ["per_order", "per_source"])
def test_whom_a_guest_policy_keeps_back_is_shown_to_no_plugin(store: Store, policy: str) -> None:
    """R7: nothing about such guests is offered, not even as a hint."""
    use(store, sources={"shop": policy})
    bring(store, "shop", [
        Person(external_id="7", kind="account", first_name="Sedat", last_name="Brunnschmidt", addresses=at()),
        Person(external_id="8", kind="guest", first_name="Sedat", last_name="Brunnschmidt", addresses=at("20857")),
        Order(external_id="o", guest=True, email="s@x.example", first_name="Sedat", last_name="Brunnschmidt", total=100,
              currency="EUR", placed_at=5, addresses=at("20876")),
    ])  # fmt: skip
    assert len(rows(store)) == 3
    assert set(given(store)) == {public(store, "7", "shop")}
    assert queue(store, FUZZY) == []


def test_the_queue_is_the_same_whatever_came_first(new_store: Callable[[], Store]) -> None:
    persons = [contact(str(n), "Sedat", "Brunnschmidt", addresses=at(zip_)) for n, zip_ in enumerate(
        ("20875", "20857", "20876", "01067"))] + [contact("9", "Eva", "Lang", email="eva1984@gmx.de"),
        contact("8", "Eva", "Lang", email="eva1984@web.de")]  # fmt: skip
    queues, seen = [], []
    for order in (persons, persons[::-1], persons[3:] + persons[:3]):
        store = new_store()
        use(store)
        for one in order:
            bring(store, "list", [one])
        queues.append(review(store, proposers=[FUZZY]))
        with store.reading() as db:
            seen.append(list(people(db, store.ruleset(db))))
    assert len(queues[0]["items"]) >= 3
    assert queues[0] == queues[1] == queues[2]
    assert seen[0] == seen[1] == seen[2], "a plugin cannot tell who came first"


# -- plugins that misbehave ----------------------------------------------------------------------------------------


def failing(error: BaseException) -> Proposer:
    def fail(known: Given) -> Proposals:
        raise error

    return proposer(fail, "bad")


@pytest.mark.parametrize("error", [ValueError("geheim"), SystemExit(3)])
def test_a_plugin_that_fails_costs_its_own_proposals(three: Store, error: BaseException) -> None:
    made = review(three, proposers=[failing(error), FUZZY])
    assert [item["plugin"] for item in made["items"]] == ["fuzzy"]
    assert made["failed"] == ["bad"]
    assert made["remarks"] == [f"the plugin bad could not propose anything ({type(error).__name__})"]


def test_while_one_fails_no_proposal_is_decided_by_its_number(three: Store) -> None:
    for act in (decide.accept, decide.reject):
        with pytest.raises(Conflict, match="item 1 may be another one than you saw"):
            act(three, 1, proposers=[failing(ValueError()), FUZZY])
    assert len(rows(three)) == 3
    assert len(queue(three, FUZZY)) == 1


@pytest.mark.parametrize("answer", [None, 7, "ab", [1], object()])
def test_an_answer_that_is_none_is_said(three: Store, answer: Any) -> None:
    made = review(three, proposers=[proposer(answer, "bad")])
    assert made["items"] == []
    assert len(made["remarks"]) == 1


def test_garbage_in_an_answer_is_left_out_and_said(three: Store) -> None:
    one, two, three_ = (public(three, ext) for ext in "123")
    unknown = "00000000-0000-5000-8000-000000000000"
    answer = Proposals(
        [
            Proposal(one, one, "the same"), Proposal(one, two, ""), Proposal(one, two, "x", float("nan")),
            Proposal(one, two, "x", "much"), None, ("a",), (1, 2, 3, 4, 5),  # type: ignore[arg-type, list-item]
            Proposal(one, unknown, "nobody"), Proposal("nonsense", two, "nobody"),
            Proposal(one, three_, "two\n\x1b[31mlines  " + "x" * 500, 7.0),
        ],
        ["compared\nlittle"],
    )  # fmt: skip
    made = review(three, proposers=[proposer(answer)])
    (item,) = made["items"]
    assert (item["score"], len(item["reason"])) == (1.0, 300)
    assert item["reason"].startswith("two [31mlines x")
    assert made["remarks"] == [
        "own: compared little",
        "7 proposals of the plugin own cannot be understood",
        "2 proposals name customers that do not exist",
    ]
