"""What nobody can see is nothing said: reasons, evidence, notes, tags and names of such characters alone are as empty ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from klientela.errors import Misconfigured
from klientela.flow import consenting, decide, erase, newcomer, ordering, remarks, requests
from klientela.flow.crowd import Whom
from klientela.rules.text import visible
from klientela.store import Store, users
from tests.cases.seen import Desk, account
from tests.shops import bring, use

ONE, TWO = "S/customer/1", "S/customer/2"
NOTHING = [
    "",
    " \t\n",
    "\u200b",
    "\u00ad",
    "\ufeff",
    "\u2060",
    "\u200e\u202a",
    "\u034f\ufe0f",
    "\u3164",
    "\u2800",
    "\U000e0020",
]


@pytest.fixture
def desk(store: Store) -> Desk:
    use(store)
    bring(store, "S", [account("1", "Anna", "Ahorn", email="a@x.example"), account("2", "Bernd", "Birke")])
    remarks.remark(store, ONE, "ruft gern an")
    return Desk(store)


@pytest.mark.parametrize("text", NOTHING, ids=ascii)
def test_characters_without_a_shape_are_not_seen(text: str) -> None:
    assert not visible(text)
    assert visible(text + "ß")
    assert visible(text + "👍")


def test_what_nobody_can_see_is_no_reason_no_evidence_no_note_no_tag_and_no_name(store: Store, desk: Desk) -> None:
    ways: dict[str, Callable[[str], object]] = {
        "a decision needs a reason": lambda text: decide.merge(store, ONE, TWO, reason=text),
        "an erasure needs a reason": lambda text: erase.erase(store, TWO, reason=text),
        "a release needs a reason": lambda text: erase.release(store, TWO, reason=text),
        "an answer needs a reason": lambda text: requests.answer(store, {}, 1, reason=text),
        "a consent needs evidence": lambda text: consenting.consent(
            store, Whom((ONE,)), "email", "promotion", "granted", evidence=text
        ),
        "a note needs a text or a file": lambda text: remarks.note(store, ONE, text),
        "a tag needs at least one character": lambda text: remarks.tag(store, [ONE], text),
        "nothing says who the customer is": lambda text: newcomer.add(store, {"first_name": text, "last_name": text}),
        "is no e-mail address": lambda text: newcomer.add(store, {}, email=f"{text.strip()}@{text.strip()}.example"),
        "a user needs a name": lambda text: _new_user(store, text),
        "every line needs a product": lambda text: ordering.place(store, ONE, [(text, "1", "5")], currency="EUR"),
    }  # fmt: skip
    before = _kept(store)
    for sentence, way in ways.items():
        for text in NOTHING:
            with pytest.raises(Misconfigured) as caught:
                way(text)
            assert sentence in caught.value.message, (ascii(text), sentence)
    assert _kept(store) == before


def test_a_remark_that_nobody_can_see_removes_the_remark_as_an_empty_one_does(store: Store, desk: Desk) -> None:
    remarks.remark(store, ONE, "\u200b\u2060")
    assert desk.profile("1")["remark"] is None


def _kept(store: Store) -> list[object]:
    with store.reading() as db:
        return [
            db.one(f"SELECT count(*) FROM {table}") for table in ("decision", "batch", "account", "person", "audit")
        ]


def _new_user(store: Store, name: str) -> None:
    with store.step("user", actor="ada") as step:
        users.add(step, name, "a long enough password", "viewer")
