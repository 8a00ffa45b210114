"""What operators said of guest rows, while another guest policy makes those rows nobody, and when they come back (R6-R13, R24,
R45, R46; docs/decisions/0015)."""

from __future__ import annotations

from typing import Any

import pytest

from klientela.flow import consenting, correct, decide, inactive, remarks
from klientela.flow.crowd import Whom
from klientela.flow.erase import erase
from klientela.flow.rebuild import rebuild
from klientela.kit import Address, Consent
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import Store
from klientela.store.contact import Answer, may_contact
from klientela.store.locate import locate
from klientela.store.profile import profile
from tests.cases.seen import Desk, account, at, contact, guest, guest_order, view
from tests.shops import bring, use

ROW = "S/guest_order/o1"
HOME = Address(street="Ahornweg", house_number="3", zip="01099", city="Dresden", country="DE")
YES = Consent(channel="email", purpose="promotion", state="granted", at=at("2021-01-01 12:00"))
BY_POST = Consent(channel="post", purpose="promotion", state="granted", at=at("2021-01-01 12:00"))
GERD: dict[str, Any] = {"email": "g@x.de", "phone": "+49 351 4712345", "addresses": [HOME], "consents": [YES, BY_POST]}


def other_policy(store: Store, policy: str) -> None:
    Desk(store).apply(Ruleset(sources={"S": SourceRules(guests=policy)}))  # type: ignore[arg-type]


def order_of(customer: str | None, version: int = 1, **more: Any) -> Any:
    return guest_order("o1", "g@x.de", customer=customer, first_name="Gerd", last_name="Gast", version=version, **more)


def say_everything(store: Store, key: str) -> int:
    """A word of each kind; the number of the denial."""
    remarks.note(store, key, "a note")
    remarks.remark(store, key, "a remark")
    remarks.tag(store, [key], "vip")
    correct.pin(store, key, "company", "Hand AG", overlay=True)
    inactive.deactivate(store, Whom([key]))
    return deny(store, key)


def deny(store: Store, key: str, channel: str = "email") -> int:
    made = consenting.consent(store, Whom([key]), channel, "promotion", "denied", evidence="on the phone")
    assert made.seq is not None
    return made.seq


def told(store: Store, key: str) -> dict[str, Any]:
    """What the profile tells of a customer's words."""
    with store.reading() as db:
        found = profile(db, locate(db, store.key, key).customer, view(), key=store.key)
    return {
        "notes": [one["text"] for one in found["notes"]],
        "remark": (found["remark"] or {}).get("text"),
        "tags": found["tags"],
        "company": found["company"],
        "inactive": found["inactive"],
        "consent": (found["consents"].get("email") or {}).get("promotion", "unknown"),
    }


ALL = {"notes": ["a note"], "remark": "a remark", "tags": ["vip"], "company": "Hand AG", "inactive": True}
NOTHING: dict[str, Any] = {"notes": [], "remark": None, "tags": [], "company": None, "inactive": False}


def ask(store: Store, key: str, channel: str = "email") -> Answer:
    with store.reading() as db:
        return may_contact(db, store.key, key, channel, "promotion")


def whole(store: Store) -> None:
    assert rebuild(store, check=True).differences == []


def test_words_on_a_guest_row_are_back_with_it(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest("7", "Gerd", "Gast", **{**GERD, "consents": []}), order_of("7")])
    say_everything(store, ROW)
    before = told(store, ROW)
    assert before == {**ALL, "consent": "denied"}
    other_policy(store, "merge")
    assert Desk(store).people() == {frozenset(("S/7",))}
    assert told(store, "S/customer/7") == {**NOTHING, "consent": "unknown"}, "they sleep"
    whole(store)
    bring(store, "S", [order_of("7", 2, total=500)])
    other_policy(store, "per_order")
    assert told(store, ROW) == before
    whole(store)


def test_a_grant_of_a_guest_row_that_is_nobody_allows_nothing(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest("7", "Gerd", "Gast", email="g@x.de"), order_of("7")])
    bring(store, "T", [contact("8", "Gerd", "Anders", email="g@x.de")])
    consenting.consent(store, Whom([ROW]), "email", "promotion", "granted", evidence="on the phone")
    assert ask(store, ROW).allowed
    other_policy(store, "merge")
    for key in ("S/customer/7", "T/customer/8", ROW):
        assert not ask(store, key).allowed, key
    whole(store)


@pytest.mark.parametrize("channel", ["email", "phone", "post"])
def test_a_denial_of_a_guest_row_that_is_nobody_holds_for_whose_the_order_is(store: Store, channel: str) -> None:
    use(store, sources={"S": "per_order"})
    yes = Consent(channel=channel, purpose="promotion", state="granted", at=at("2021-01-01 12:00"))  # type: ignore[arg-type]
    gerd = {**GERD, "consents": [yes]}
    phone: dict[str, Any] = {"phone": "+49 351 4712345", "addresses": [HOME]}
    bring(store, "S", [guest("7", "Gerd", "Gast", **gerd), order_of("7", **phone)])
    seq = deny(store, ROW, channel)
    other_policy(store, "merge")
    assert Desk(store).people() == {frozenset(("S/7",))}
    answer = ask(store, "S/customer/7", channel)
    assert not answer.allowed
    assert "as a guest" in answer.reason
    later = consenting.consent(store, Whom(["S/customer/7"]), channel, "promotion", "granted", evidence="by letter")
    assert ask(store, "S/customer/7", channel).allowed, "the person has lifted it"
    assert later.seq is not None
    decide.undo(store, later.seq)
    assert not ask(store, "S/customer/7", channel).allowed
    decide.undo(store, seq)
    assert ask(store, "S/customer/7", channel).allowed, "it was taken back"
    whole(store)


def test_a_denial_of_a_guest_row_that_is_nobody_holds_for_others_at_that_very_address(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest("7", "Gerd", "Gast", email="other@x.de"), order_of("7")])
    bring(store, "T", [contact("8", "Rita", "Anders", email="G@x.de", consents=[YES]),
                       contact("9", "Udo", "Fern", email="u@x.de", consents=[YES])])  # fmt: skip
    assert ask(store, "T/customer/8").allowed
    seq = deny(store, ROW)
    there = ask(store, "T/customer/8")
    assert "another customer objects" in there.reason
    other_policy(store, "merge")
    asleep = ask(store, "T/customer/8")
    assert not asleep.allowed
    assert "somebody objects" in asleep.reason
    assert ask(store, "T/customer/9").allowed
    whole(store)
    rebuild(store)
    assert not ask(store, "T/customer/8").allowed, "a rebuild forgets nothing"
    other_policy(store, "per_order")
    assert ask(store, "T/customer/8").reason == there.reason
    other_policy(store, "merge")
    decide.undo(store, seq)
    assert ask(store, "T/customer/8").allowed
    whole(store)


def test_a_denial_by_post_of_a_guest_row_that_is_nobody_holds_for_others_at_that_address(store: Store) -> None:
    """It names no address: that of the row was its order's, which still tells it."""
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest("7", "Gerd", "Gast", email="other@x.de"), order_of("7", addresses=[HOME])])
    away = Address(street="Birkenweg", house_number="1", zip="01099", city="Dresden", country="DE")
    bring(store, "T", [contact("8", "Rita", "Anders", addresses=[HOME], consents=[BY_POST]),
                       contact("9", "Udo", "Fern", addresses=[away], consents=[BY_POST])])  # fmt: skip
    assert ask(store, "T/customer/8", "post").allowed
    seq = deny(store, ROW, "post")
    assert "another customer objects" in ask(store, "T/customer/8", "post").reason
    other_policy(store, "merge")
    assert ask(store, "T/customer/8", "post").reason.startswith(
        "somebody objects to promotion by post at that very postal"
    )
    assert ask(store, "T/customer/9", "post").allowed, "another address"
    bring(store, "S", [order_of("7", 2, addresses=[away])])
    assert (ask(store, "T/customer/8", "post").allowed, ask(store, "T/customer/9", "post").allowed) == (True, False)
    decide.undo(store, seq)
    assert ask(store, "T/customer/9", "post").allowed
    whole(store)


def test_an_erasure_takes_the_denial_of_a_guest_row_that_is_nobody(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest("7", "Gerd", "Gast", email="other@x.de"), order_of("7")])
    bring(store, "T", [contact("8", "Rita", "Anders", email="G@x.de", consents=[YES])])
    deny(store, ROW)
    other_policy(store, "merge")
    erase(store, "S/customer/7", reason="asked")
    with store.reading() as db:
        assert db.rows("SELECT * FROM objection") == []
    assert ask(store, "T/customer/8").allowed
    whole(store)


def test_words_on_an_account_stay_with_it_though_a_guest_row_is_older(store: Store) -> None:
    """A guest's order was placed before the account was made, so the row is the customer's oldest record."""
    use(store, sources={"S": "merge"})
    gerd = account("7", "Gerd", "Gast", created_at=at("2021-06-01 12:00"), email="g@x.de")
    bring(store, "S", [gerd, order_of(None, placed_at=at("2020-01-01 12:00"))])
    assert len(Desk(store).people()) == 1
    say_everything(store, "S/customer/7")
    before = told(store, "S/customer/7")
    assert before == {**ALL, "consent": "denied"}
    other_policy(store, "per_order")
    assert len(Desk(store).people()) == 1, "the row is somebody else now; the account stands in the inactive list"
    assert told(store, "S/customer/7") == before
    assert told(store, ROW) == {**NOTHING, "consent": "unknown"}
    assert not ask(store, ROW).allowed
    other_policy(store, "merge")
    assert told(store, "S/customer/7") == before
    whole(store)
