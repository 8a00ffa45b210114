"""Ways with erasures that random ones seldom take, by name: in each something that came before or comes after must not bring
the person back, nor take anybody along."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from klientela.kit import Address, Letter, Origin, Record, RecordRef, Scan
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.rules.whole import Decided, Worded
from tests.properties.journeys import (
    BACK,
    BACK_LATER,
    GUEST,
    MERGE,
    ONE,
    PER_ORDER,
    TWO,
    _file,
    _guest_order,
    _order,
    _person,
    _turn,
)
from tests.properties.worlds import DAY, NOON, Turn, Way

EVA: dict[str, Any] = {"email": "eva@example.org", "first_name": "Eva", "last_name": "Lang"}
BEN: dict[str, Any] = {"email": "ben@example.org", "first_name": "Ben", "last_name": "Roth"}
ORDER = ("alfa", "order", "1")
PHONE = "+49 171 5550123"
SECOND = Turn("erase", size=1)
"""Erase the second customer by the key of its oldest record."""
FIRST = Turn("erase", size=0)
EVERYBODY = replace(FIRST, drain=False)
"""Erase the first one, and all who may be the same."""
RELEASE = Turn("release", size=0)


def _life(start: Ruleset, *turns: list[Record] | Ruleset | Decided | Worded | Turn) -> Way:
    return Way(start, tuple(map(_turn, turns)))


def _beta(*records: Any) -> Turn:
    return Turn("bring", "beta", records)


def _passed_on(**origin: str) -> Turn:
    """Another source passes on an order, in words of its own."""
    words = {"email": "relay@example.org", "first_name": "R.", "last_name": "Elay", "placed_at": NOON}
    return _beta(_order("8", origin=Origin(platform="shopify", shop="S1", **origin), **words))


LIFELINES = {
    "two that were one are parted, and one goes": _life(
        MERGE,
        [_person("2", created_at=NOON)],
        [_person("1", first_name="M.", created_at=NOON - DAY)],
        Decided("cannot", ONE, TWO),
        SECOND,
        [_person("1", first_name="M.", created_at=NOON - DAY), _person("2", created_at=NOON)],
    ),
    "a shop asks for the oldest of a customer": _life(
        MERGE,
        [_person("1", created_at=1), _order("1", customer="1")],
        _beta(_person("1", created_at=2), _person("2", created_at=3)),
        Turn("redact", "alfa", size=0),
        [_person("1", created_at=1), _order("1", customer="1")],
        _beta(_person("3", created_at=1)),
    ),
    "a new account of theirs orders before it is told": _life(
        MERGE,
        [_person("1", phone=PHONE), _person("2", **EVA)],
        FIRST,
        [_order("7", customer="7", email="max@example.org", first_name="Max", last_name="Muster")],
        [_person("7"), _order("8", customer="7", email="max@example.org", company="ACME")],
        [_person("2", **EVA), _order("9", customer="2", email="max@example.org", company="ACME")],
    ),
    "who is there takes over the address, on one page": _life(
        MERGE,
        [_person("1"), _person("2", **EVA)],
        FIRST,
        [_person("7", 1, **BEN), _person("7", 2, **{**BEN, "email": "max@example.org"})],
    ),
    "an import that was taken back spoke of them and of others": _life(
        MERGE,
        [_person("1", phone=PHONE), _person("2", **EVA)],
        _file(_person("3", phone=PHONE, emails=["eva@example.org"])),
        BACK,
        FIRST,
        [_person("8", **EVA), _person("9", phone=PHONE, email=None)],
    ),
    "a decision that named them parted two who are alike": _life(
        MERGE,
        [_person("1", **EVA), _person("2"), _person("3")],
        Decided("cannot", ONE, TWO),
        FIRST,
        [_person("4")],
    ),
    "they come back when the tombstone is lifted, without what was decided": _life(
        MERGE,
        [_person("1"), _person("2", **EVA)],
        Turn("for_now", decision=Decided("must", ONE, TWO)),
        Turn("say_for_now", word=Worded("inactive", ONE, {})),
        FIRST,
        Turn("unsay", word=Worded("inactive", ONE, {})),
        Turn("withdraw", decision=Decided("must", ONE, TWO)),
        RELEASE,
        [_person("1"), _person("2", **EVA)],
    ),
    "two share an address, and one comes back by another key": _life(
        MERGE,
        [_person("1"), _person("2", **{**EVA, "email": "max@example.org"})],
        FIRST,
        _beta(_person("9"), _person("8", first_name="Udo", last_name="Alt")),
        [_person("1"), _person("2", 2, **{**EVA, "email": "max@example.org"})],
    ),
    "a phone that stands in another's address is shared": _life(
        MERGE,
        [_person("1", phone=PHONE), _person("2", addresses=[Address(city="Ulm", phone=PHONE)], **EVA)],
        FIRST,
        _beta(_person("9", phone=PHONE, **BEN)),
    ),
    "one channel calls an order theirs": _life(
        MERGE,
        [_person("1"), _person("2", **EVA)],
        _file(_order("1", customer="2", company="ACME"), _order("2", customer="2", company="ACME")),
        [_order("1", None, customer="1", channel="hook", email="max@example.org")],
        FIRST,
        [_order("2", None, customer="1", channel="hook", email="max@example.org")],
        BACK,
    ),
    "what they were called before": _life(
        MERGE,
        [_person("1", company="ACME", email="m@example.com")],
        [_person("1", 2, company="ACME"), _person("2", **EVA)],
        [_person("1", 3, company=None)],
        FIRST,
        _beta(_person("7", email="m@example.com", first_name="Moritz")),
    ),
    "a file that named them is taken back": _life(
        MERGE,
        _file(_person("1", company="ACME"), _person("2", **EVA), _order("3", customer="1")),
        [_person("1")],
        FIRST,
        BACK_LATER,
        _file(_person("1", 9, **BEN), _person("2", **EVA), _order("3", customer="1")),
        [_person("1", 9, **BEN)],
        BACK,
    ),
    "words on a guest row while another policy makes it nobody": _life(
        PER_ORDER,
        [_person("1"), _guest_order(guest=True), _person("2", **EVA)],
        Worded("tag", GUEST, {"tag": "vip"}),
        Ruleset(sources={"alfa": SourceRules()}),
        FIRST,
        PER_ORDER,
        [_person("1"), _guest_order(2, guest=True)],
    ),
    "an order comes again whose row was erased while nobody spoke of it": _life(
        PER_ORDER,
        [_person("1"), _person("2", **EVA)],
        _file(_guest_order(customer=None, guest=True, email="eva@example.org")),
        Worded("pin", GUEST, {"field": "phone", "value": PHONE}),
        [_person("1", 2, phone=PHONE)],
        BACK,
        FIRST,
        [_guest_order(customer=None, guest=True, first_name="Udo", last_name="Alt")],
    ),
    "an import that was taken back had orders of theirs and of another": _life(
        MERGE,
        [_person("1")],
        _file(
            _guest_order(customer=None, guest=True, email="max@example.org"),
            _order("2", customer="9", guest=True, email="max@example.org", first_name="Ida", last_name="Ost"),
        ),
        BACK,
        FIRST,
        [_guest_order(customer=None, guest=True, email="max@example.org")],
    ),
    "another source passes on an order of theirs in words of its own": _life(
        Ruleset(sources={"alfa": SourceRules(guests="per_order"), "beta": SourceRules(same_as={"S1": "alfa"})}),
        [_guest_order(customer=None, guest=True, email="max@example.org")],
        FIRST,
        _passed_on(id="1"),
        [_guest_order(customer=None, guest=True, email="max@example.org")],
    ),
    "and does so before anybody knows which shop it means": _life(
        PER_ORDER,
        [_guest_order(customer=None, guest=True, email="max@example.org", number="#1001")],
        FIRST,
        _passed_on(name="1001"),
        Ruleset(sources={"alfa": SourceRules(guests="per_order"), "beta": SourceRules(same_as={"S1": "alfa"})}),
    ),
    "another source tells of a letter to whom a shop asks to erase": _life(
        MERGE,
        [_person("1"), _person("2", **EVA)],
        _beta(Letter(external_id="1", customer=RecordRef("alfa", "customer", "1")), Scan(external_id="1", letter="1")),
        Turn("redact", "alfa", size=0),
        _beta(Letter(external_id="1", customer=RecordRef("alfa", "customer", "1")), Scan(external_id="1", letter="1")),
    ),
    "somebody was merged into one who sleeps": _life(
        MERGE,
        [_person("1", merged_into="2", **EVA), _person("3", phone=PHONE)],
        _file(_person("2", phone=PHONE)),
        Decided("cannot", ONE, TWO),
        BACK,
        SECOND,
    ),
    "what one channel called theirs made a guest's row": _life(
        PER_ORDER,
        [_person("1"), _person("2", **EVA)],
        [_order("1", 2, customer=None, guest=True)],
        [_order("1", None, channel="hook", customer="1", first_name="Udo", last_name="Alt", guest=True)],
        FIRST,
        [_order("1", None, channel="hook", customer="1", first_name="Udo", last_name="Alt", guest=True)],
    ),
    "the shop says that somebody new is one of them": _life(
        MERGE,
        [_person("1"), _person("2", **EVA)],
        FIRST,
        [_person("7", merged_into="1", **BEN), _person("2", 2, merged_into="1", **EVA)],
    ),
    "all who may be the same, while work waits": _life(
        MERGE,
        [_person("1"), _person("2", first_name=None), _person("3", phone=PHONE, **BEN)],
        Turn("say", word=Worded("edit", TWO, {"field": "last_name", "value": "Muster"}), drain=False),
        Turn("decide", decision=Decided("cannot", ONE, TWO), drain=False),
        EVERYBODY,
        [_person("1"), _person("2", first_name=None), _person("3", 2, **BEN)],
        SECOND,
    ),
    "an operator corrected what they ordered": _life(
        MERGE,
        [_person("1"), _order("1", customer="1")],
        Worded("edit", ORDER, {"field": "phone", "value": PHONE}),
        Worded("edit", ORDER, {"field": "state", "value": "cancelled"}),
        Turn(
            "say_for_now", word=(once := Worded("pin", ORDER, {"field": "company", "value": "Hand AG", "note": "now"}))
        ),
        Turn("unsay", word=once),
        FIRST,
        [_order("1", 6, customer="1", phone=PHONE)],
        Worded("edit", ORDER, {"field": "state", "value": "paid"}),
    ),
}


__all__ = ["LIFELINES"]
