"""What operators say of records: laid over what sources say, taken back without a trace, on both stores (R0b, R27, R38)."""

from __future__ import annotations

from typing import Any

import pytest

from klientela.flow import decide, hands
from klientela.flow.hands import Word
from klientela.flow.rebuild import rebuild
from klientela.store import Store, facts
from klientela.store.database import Step
from klientela.store.invariants import invariants
from klientela.store.profile import profile, resolve_id
from tests.cases.seen import Desk, account, contact, guest_order, view
from tests.shops import bring, use

ANNA = account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 30 111", created_at=1, version=5)


def record(step: Step, ext: str, entity: int = facts.CUSTOMER) -> int:
    row = step.db.one("SELECT id FROM record WHERE ext = ? AND entity = ?", (ext, entity))
    assert row is not None
    return int(row[0])


def say(store: Store, kind: str, ext: str, entity: int = facts.CUSTOMER, **detail: Any) -> int:
    made = hands.say(store, kind, lambda step: [Word(kind, record(step, ext, entity), detail)], {}).seq
    assert made is not None
    return made


def whole(store: Store) -> None:
    assert rebuild(store, check=True).differences == []


@pytest.mark.parametrize("kind", ["edit", "pin"])
def test_a_value_of_an_operator_stands_before_that_of_the_source_until_it_is_taken_back(
    store: Store, kind: str
) -> None:
    bring(store, "S", [ANNA])
    before = Desk(store).everything()
    seq = say(store, kind, "1", field="phone", value="+49 30 222")
    again = say(store, kind, "1", field="company", value="Ahorn KG")
    assert (Desk(store).row("1")["phone"], Desk(store).row("1")["company"]) == ("+49 30 222", "Ahorn KG")
    bring(store, "S", [account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 30 333", created_at=1, version=6)])
    assert Desk(store).row("1")["phone"] == "+49 30 222"
    whole(store)
    decide.undo(store, seq)
    assert (Desk(store).row("1")["phone"], Desk(store).row("1")["company"]) == ("+49 30 333", "Ahorn KG")
    bring(store, "S", [account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 30 111", created_at=1, version=7)])
    back = decide.undo(store, again).seq
    assert Desk(store).everything() == before
    assert back is not None
    decide.undo(store, back)
    assert Desk(store).row("1")["company"] == "Ahorn KG"
    whole(store)


def test_R27_a_pinned_value_stands_before_those_of_all_other_records(store: Store) -> None:
    bring(store, "S", [ANNA])
    bring(store, "L", [contact("2", "Anna", "Ahorn", email="anna@x.de", created_at=0, company="Alt", version=9)])
    say(store, "edit", "1", field="company", value="Edited")
    assert Desk(store).row("1")["company"] == "Alt", "the newer record's"
    say(store, "pin", "1", field="company", value="Pinned")
    assert Desk(store).row("1")["company"] == "Pinned"
    with store.reading() as db:
        told = profile(db, resolve_id(db, store.key, "S/customer/1"), view(), key=store.key)["provenance"]["company"]
    assert (told["pinned"], told["record"]) == (True, "S/customer/1")
    whole(store)


def test_tags_of_operators_are_added_and_an_address_replaces_the_first_one_whole(store: Store) -> None:
    bring(store, "S", [contact("1", "Anna", "Ahorn", email="a@x.de", tags=["shop"])])
    say(store, "tag", "1", tag="vip")
    assert Desk(store).row("1")["tags"] == ["shop", "vip"]
    seq = say(store, "edit", "1", field="address", value={"street": "Weg 1", "zip": "01067", "city": "Dresden"})
    assert Desk(store).row("1")["city"] == "Dresden"
    bring(store, "S", [contact("1", "Anna", "Ahorn", email="a@x.de", tags=["new"])])
    assert (Desk(store).row("1")["tags"], Desk(store).row("1")["city"]) == (["new", "vip"], "Dresden")
    decide.undo(store, seq)
    assert Desk(store).row("1")["city"] is None
    whole(store)


def test_a_guest_row_takes_what_operators_say(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest_order("o1", "g@x.de", first_name="Gero")])
    seq = say(store, "pin", "o1", facts.GUEST_ORDER, field="phone", value="+49 30 444")
    assert [row["phone"] for row in Desk(store).rows()] == ["+49 30 444"]
    bring(store, "S", [guest_order("o1", "g@x.de", 900, first_name="Gero", last_name="Gast")])
    assert [(row["phone"], row["last_name"]) for row in Desk(store).rows()] == [("+49 30 444", "Gast")]
    whole(store)
    decide.undo(store, seq)
    assert [row["phone"] for row in Desk(store).rows()] == [None]
    whole(store)


def test_a_record_of_which_only_operators_speak_is_nobody(store: Store) -> None:
    bring(store, "S", [guest_order("o1", "g@x.de")])
    with store.step("stub") as step:
        facts.ensure(step, facts.ensure_source(step, "S", "memory").id, facts.CUSTOMER, ["absent"])
    say(store, "tag", "absent", tag="vip")
    assert len(Desk(store).rows()) == 1
    whole(store)
    bring(store, "S", [account("absent", "Anna", "Ahorn")])
    assert Desk(store).row("absent")["tags"] == ["vip"], "said before anybody came"
    whole(store)


def test_a_source_cannot_say_what_only_operators_say(store: Store) -> None:
    report = bring(
        store, "S", [account("1", "A", pinned=["phone"]), account("2", "B", inactive=True), account("3", "C")]
    )
    assert (report.rejected, len(Desk(store).rows())) == (2, 1)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE decision SET to_seq = 1",
        'UPDATE decision SET detail = \'{"field": "phone", "value": "030 4242424"}\'',
        "DELETE FROM claim WHERE to_seq IS NULL",
    ],
)
def test_a_claim_that_is_not_what_was_decided_is_found_and_put_right(store: Store, damage: str) -> None:
    bring(store, "S", [ANNA])
    say(store, "edit", "1", field="phone", value="+49 30 222")
    with store.reading() as db:
        assert [one.level for one in invariants(db, store.key, "EUR") if one.check == "hands"] == ["ok"]
    with store.step("damage") as step:
        assert step.db.run(damage) == 1
    with store.reading() as db:
        assert [one.count for one in invariants(db, store.key, "EUR") if one.check == "hands"] == [1]
    assert "1 record carries other values by hand than was decided" in rebuild(store, check=True).differences
    assert not rebuild(store).equal
    whole(store)
    shown = {"UPDATE decision SET to_seq = 1": "+49 30 111", "DELETE FROM claim WHERE to_seq IS NULL": "+49 30 222"}
    assert Desk(store).row("1")["phone"] == shown.get(damage, "030 4242424")
