"""What shops are asked to erase, what waits meanwhile, and what the calendar erases (R57, R59), on both stores."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from klientela.errors import Conflict, UnknownThing
from klientela.flow import inbox
from klientela.flow.erase import erase
from klientela.flow.requests import answer, requests
from klientela.flow.retention import months_before, retain
from klientela.flow.stage import quarantine
from klientela.kit import Redact, Rejected
from klientela.notices import Notice
from klientela.store import Store, facts
from klientela.store import inbox as box
from tests.cases.erased import AGAIN, SHOP, revenue, whole
from tests.cases.seen import Desk, account, at, contact, guest_order, order
from tests.shops import bring, use
from tests.store.test_inbox import Crier, kept

# What shops are asked (R57) -----------------------------------------------------------------------------------------


def _asked(store: Store, **said: Any) -> Crier:
    """A shop that passes on what it was asked; the messages wait."""
    crier = Crier(**said)
    kept(store, *(Notice(name, "customers/redact", name) for name in said))
    return crier


def test_R57_what_a_shop_was_asked_to_erase_is_erased_there_alone(store: Store) -> None:
    bring(store, "shop", SHOP)
    bring(store, "B", [AGAIN, contact("5", "Emil", "Erle", email="emil@x.de")])
    before = revenue(store)
    assert Desk(store).people() >= {frozenset(("shop/1", "B/9"))}
    crier = _asked(store, a=[Redact(customer="1", orders=["o1", "o77"])])
    told = inbox.apply(store, crier, kept(store))
    assert (told.done, told.held, told.erased) == (1, 0, 1)
    assert Desk(store).people() == {frozenset(("B/9",)), frozenset(("shop/3",)), frozenset(("B/5",))}
    assert "4712345" not in repr(Desk(store).everything())
    assert revenue(store) == before
    assert bring(store, "shop", [*SHOP, order("o77", 100, email="anna@x.de")]).suppressed == 1
    assert bring(store, "B", [AGAIN]).suppressed == 0
    assert Desk(store).row("9", "B")["orders"] in (0, None)
    assert Desk(store).count("inbox WHERE state = 'done' AND body = ''") == 1
    whole(store)


def test_R56_a_message_that_waits_is_not_lost_because_two_of_its_words_are_a_name(store: Store) -> None:
    bring(store, "S", SHOP)
    kept(store, Notice("n", "x", '{"name": "Anna Weber", "street": "Ahorn 3"}'), Notice("m", "x", "Anna, anna@x.de"))
    erase(store, Desk(store).public("1"), reason="asked")
    assert Desk(store).count("inbox WHERE state = 'new' AND body LIKE '%Weber%'") == 1
    assert Desk(store).count("inbox WHERE body LIKE '%anna@x.de%'") == 0


@pytest.mark.parametrize("after", ["before it is looked", "while the shop's request is read"])
def test_R57_what_waits_behind_the_request_is_taken_before_it_is_carried_out(
    store: Store, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "_TOGETHER", 1)
    bring(store, "shop", SHOP)
    before = revenue(store)
    late = order("o9", 700, customer="1", email="anna@x.de")
    crier = _asked(store, a=[Redact(customer="1", orders=["o1", "o9"])])
    crier.said |= {"anna@x.de": [late]}  # the body names her, as that of every such message does
    notice = Notice("late", "orders/create", "anna@x.de")
    if after == "before it is looked":
        kept(store, notice)
    else:
        said = crier.said["a"]

        def meanwhile(recall: Any) -> Any:
            kept(store, notice)  # the second time it is known
            return said

        crier.said["a"] = meanwhile
    told = inbox.apply(store, crier, kept(store))
    assert (told.done, told.erased) == (2, 1)
    assert revenue(store) == [(4, *(amount + 700 for amount in before[0][1:]))]
    assert "anna" not in repr(Desk(store).everything()).casefold()
    whole(store)


def test_R57_what_waits_of_another_source_is_left_to_it(store: Store) -> None:
    bring(store, "shop", SHOP)
    with store.step("inbox") as step:
        other = facts.ensure_source(step, "B", "memory")
        box.keep(step.db, [(other.id, Notice("late", "orders/create", "anna@x.de"))], step.at)
        quarantine(step, other.id, "all", [Rejected(reason="no sense", key="77", payload="anna@x.de")])
    before = revenue(store)
    assert inbox.apply(store, _asked(store, a=[Redact(customer="1", orders=["o1"])]), kept(store)).erased == 1
    assert Desk(store).count("quarantine") == 1
    late = Crier(**{"anna@x.de": [order("b9", 700, email="anna@x.de")]})
    assert inbox.apply(store, late, other).done == 1
    assert revenue(store) == [(3 + 1, *(amount + 700 for amount in before[0][1:]))]
    assert Desk(store).count("inbox WHERE body <> ''") == 0
    whole(store)


def test_R57_requests_are_not_put_off_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(store, "shop", SHOP)
    numbers = count()

    def flood(recall: Any) -> Any:
        kept(store, Notice(f"n{next(numbers)}", "orders/create", "o"))
        return [Redact(customer="1")]

    crier = _asked(store, a=flood, o=[order("o9", 700)])
    told = inbox.apply(store, crier, kept(store))
    assert told.erased == 1
    assert next(numbers) > 10


def test_R57_a_request_for_a_copy_and_one_for_everybody_wait(store: Store) -> None:
    bring(store, "shop", SHOP)
    crier = _asked(store, a=[Redact(customer="1", wants="disclosure")], b=[Redact(customer=None)])
    told = inbox.apply(store, crier, kept(store))
    assert (told.done, told.held, told.erased) == (0, 2, 0)
    assert (inbox.apply(store, crier, kept(store)).held, len(Desk(store).people())) == (0, 2)


def test_R57_a_request_that_was_kept_before_is_carried_out(store: Store) -> None:
    bring(store, "shop", SHOP)
    crier = _asked(store, a=[Redact(customer="1")])
    with store.step("as it was") as step:
        step.db.run("UPDATE inbox SET state = 'held'")
    assert inbox.apply(store, crier, kept(store)).erased == 1
    assert Desk(store).people() == {frozenset(("shop/3",))}


def test_R57_an_operator_answers_what_waits(store: Store) -> None:
    bring(store, "shop", SHOP)
    bring(store, "B", [contact("5", "Emil", "Erle", email="emil@x.de")])
    before = revenue(store)
    crier = _asked(store, a=[Redact(customer="1", orders=["o1"], wants="disclosure")], b=[Redact(customer=None)])
    inbox.apply(store, crier, kept(store))
    copy, end = requests(store, {"shop": crier})
    assert (copy.as_dict()["customer"], copy.as_dict()["wants"]) == ("shop/customer/1", "disclosure")
    assert (end.as_dict()["customer"], end.as_dict()["wants"]) == (None, "erasure")
    for number, sources, said in ((10_000, {"shop": crier}, "no request"), (end.entry.id, {}, "nobody can read")):
        with pytest.raises((UnknownThing, Conflict), match=said):
            answer(store, sources, number, reason="done")
    waits = requests(store, {"shop": crier})
    for one, erased in ((copy, 0), (end, 2)):
        told = answer(store, {"shop": crier}, one.entry.id, reason="what if", dry_run=True)
        assert told == {"customers": [], "request": one.entry.id, "erased": erased}
    assert (requests(store, {"shop": crier}), len(Desk(store).people())) == (waits, 3)
    assert answer(store, {"shop": crier}, copy.entry.id, reason="sent by mail")["erased"] == 0
    assert len(Desk(store).people()) == 3
    assert answer(store, {"shop": crier}, end.entry.id, reason="we left the shop")["erased"] == 2
    assert Desk(store).people() == {frozenset(("B/5",))}
    assert revenue(store) == before
    assert requests(store, {"shop": crier}) == []
    assert bring(store, "shop", SHOP).suppressed == 2
    whole(store)


# Retention (R59) ----------------------------------------------------------------------------------------------------


def test_R59_the_order_of_who_comes_back_is_taken_though_it_waited(store: Store) -> None:
    use(store, sources={"shop": "per_order"})
    bring(store, "shop", [guest_order("g1", "gustav@x.de", placed_at=at("2024-01-31 10:00"))])
    late = guest_order("g2", "gustav@x.de", placed_at=at("2026-01-10 10:00"))
    row = kept(store, Notice("late", "orders/create", "gustav@x.de"))
    assert retain(store, months_before(at("2026-02-01 10:00"), 24)) == 1
    assert inbox.apply(store, Crier(**{"gustav@x.de": [late]}), row).done == 1
    assert Desk(store).people() == {frozenset(("shop/g2",))}
    assert Desk(store).count("inbox WHERE body <> ''") == 0
    whole(store)


def test_R59_guest_rows_are_erased_when_their_newest_order_is_old_enough(store: Store) -> None:
    use(store, sources={"G": "per_order", "H": "per_source"})
    old, new = at("2024-01-31 10:00"), at("2026-01-10 10:00")
    who = {"first_name": "Gustav", "last_name": "Ginster"}
    rows = [
        guest_order("g1", "gustav@x.de", placed_at=old, **who),
        guest_order("g2", "gustav@x.de", placed_at=new, **who),
    ]
    again = [guest_order("h1", "hanna@x.de", placed_at=old), guest_order("h2", "hanna@x.de", placed_at=new)]
    bring(
        store, "G", [*rows, account("1", "Anna", "Ahorn", email="anna@x.de"), order("o1", customer="1", placed_at=old)]
    )
    bring(store, "H", again)
    before = revenue(store)
    assert retain(store, months_before(at("2026-01-30 10:00"), 24)) == 0, "a day too early"
    assert retain(store, months_before(at("2026-02-01 10:00"), 24)) == 1
    assert Desk(store).people() == {frozenset(("G/g2",)), frozenset(("G/1",)), frozenset(("H/h1", "H/h2"))}
    assert revenue(store) == before
    late = guest_order("g3", "gustav@x.de", placed_at=at("2026-02-02 10:00"), **who)
    assert bring(store, "G", [*rows, late]).suppressed == 0
    assert Desk(store).people() >= {frozenset(("G/g2",)), frozenset(("G/g3",))}, "who comes back is welcome"
    assert frozenset(("G/g1",)) not in Desk(store).people()
    (line,) = Desk(store).kinds("erased")
    assert (line["actor"], line["detail"]["reason"], line["detail"]["people"]) == ("daemon", "retention", 1)
    assert retain(store, months_before(at("2026-02-01 10:00"), 24)) == 0
    whole(store)


@pytest.mark.parametrize(
    ("now", "months", "then"),
    [("2026-03-31 12:00Z", 1, "2026-02-28 12:00Z"), ("2026-01-15 12:00Z", 13, "2024-12-15 12:00Z"),
     ("2026-12-01 12:00Z", 12, "2025-12-01 12:00Z")],
)  # fmt: skip
def test_R59_months_are_those_of_the_calendar(now: str, months: int, then: str) -> None:
    assert months_before(at(now), months) == at(then)
