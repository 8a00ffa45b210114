"""Journeys that random worlds seldom take, by name: in each a change must take back what an earlier one brought."""

from __future__ import annotations

from typing import Any

from klientela.kit import Address, Checkout, Consent, Gone, Letter, Order, Origin, Person, Record, Scan
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.rules.whole import Decided, RecordKey, Worded
from tests.properties.worlds import DAY, HERE, NOON, Plan, Turn, Way, placed_here

MERGE = Ruleset()
PER_ORDER = Ruleset(sources={"alfa": SourceRules(guests="per_order")})
BY_STATE = Ruleset(sources={"alfa": SourceRules(guests="per_order", guest_rule="state")})
ALL_ACCOUNTS = Ruleset(sources={"alfa": SourceRules(guests="per_order", guest_rule="customer_null")})
ONE, TWO, THREE, FIVE = (("alfa", "customer", ext) for ext in "1235")
GUEST = ("alfa", "guest_order", "1")
THERE = Address(street="Lindenstr. 5", zip="10969", city="Berlin", country="DE", kind="shipping")
DENIED = Consent(channel="email", purpose="promotion", state="denied", at=NOON)


def _journey(start: Ruleset, *turns: list[Record] | Ruleset | Decided | Worded | Turn) -> Plan:
    """What shop alfa brings, page by page, and the rules and decisions that come in between."""
    way = Way(start, tuple(map(_turn, turns)))
    final = next((turn.ruleset for turn in reversed(way.turns) if turn.ruleset is not None), start)
    brought = [(turn.source, record) for turn in way.turns if turn.what == "bring" for record in turn.records]
    claims = tuple(one for one in brought if not isinstance(one[1], Gone))
    decisions = tuple(turn.decision for turn in way.turns if turn.what == "decide" and turn.decision is not None)
    words = tuple(turn.word for turn in way.turns if turn.what == "say" and turn.word is not None)
    kept = tuple((HERE, record) for turn in way.turns if turn.what == "keep" for record in turn.records)
    answers = tuple(turn.answer for turn in way.turns if turn.answer is not None)
    return Plan(claims, decisions, final, (way,), words, kept, answers)


def _turn(what: list[Record] | Ruleset | Decided | Worded | Turn) -> Turn:
    if isinstance(what, list):
        return Turn("bring", "alfa", tuple(what))
    if isinstance(what, Worded):
        return Turn("say", word=what)
    if isinstance(what, Ruleset):
        return Turn("rules", ruleset=what)
    return Turn("decide", decision=what) if isinstance(what, Decided) else what


def _person(ext: str, version: int | None = 1, **says: Any) -> Person:
    says = {"kind": "guest", "first_name": "Max", "last_name": "Muster", "email": "max@example.org", **says}
    return Person(external_id=ext, version=version, **says)


def _order(ext: str, version: int | None = 1, **says: Any) -> Order:
    return Order(external_id=ext, version=version, **{"total": 1000, "state": "paid", "currency": "EUR", **says})


def _guest_order(version: int = 1, **says: Any) -> Order:
    says = {"customer": "1", "placed_at": NOON, "first_name": "Max", "last_name": "Muster", **says}
    return _order("1", version, **says)


def _file(*records: Record) -> Turn:
    """An import that does not stay."""
    return Turn("import", "alfa", records)


def _placed(buyer: RecordKey) -> tuple[Turn, Decided]:
    """An order that somebody places by hand for a buyer."""
    return Turn("keep", HERE, placed_here("h1", placed_at=NOON)), Decided("must", buyer, (HERE, "customer", "h1"))


ANSWER = Turn("answer", answer=(("alfa", "order", "7"), "h1"))
"""The shop says which order it made of that one."""
LATE = Turn("answer", answer=(("alfa", "order", "7"), "h1"), drain=False)

BACK = Turn("take back", "alfa")
BACK_LATER = Turn("take back", "alfa", drain=False)
"""Its claims are closed; its records find their turn on the worklist after what comes next."""

JOURNEYS = {
    "an earlier order stops counting": _journey(
        MERGE,
        [_person("1")],
        [_order("1", customer="1", placed_at=NOON - DAY), _order("2", customer="1", placed_at=NOON)],
        [_order("1", 2, customer="1", placed_at=NOON - DAY, state="cancelled")],
    ),
    "the last order that counted stops counting": _journey(
        MERGE,
        [_person("1")],
        [
            _order("1", customer="1", placed_at=NOON - 2 * DAY),
            _order("2", customer="1", placed_at=NOON - DAY),
            _order("3", customer="1", placed_at=NOON, state="cancelled"),
        ],
        [_order("2", 2, customer="1", placed_at=NOON - DAY, state="cancelled")],
    ),
    "orders arrive from the latest to the earliest": _journey(
        MERGE, [_person("1")], [_order(str(n), customer="1", placed_at=NOON - n * DAY) for n in range(4)]
    ),
    "orders arrive later, and are earlier": _journey(
        MERGE,
        [_person("1")],
        [_order(str(n), customer="1", placed_at=NOON + n * DAY) for n in range(3)],
        [_order("8", customer="1", placed_at=NOON - DAY)],
        [_order("9", customer="1")],
    ),
    "an order in the middle stops counting": _journey(
        MERGE,
        [_person("1")],
        [_order(str(n), customer="1", placed_at=NOON + n * DAY) for n in range(4)],
        [_order("2", 2, customer="1", placed_at=NOON + 2 * DAY, state="cancelled")],
    ),
    "the last of many orders stops counting": _journey(
        MERGE,
        [_person("1")],
        [_order(str(n), customer="1", placed_at=NOON + n * DAY) for n in range(4)],
        [_order("4", customer="1", placed_at=NOON + 4 * DAY, state="cancelled")],
        [_order("3", 2, customer="1", placed_at=NOON + 3 * DAY, state="cancelled")],
    ),
    "the second of many orders stops counting": _journey(
        MERGE,
        [_person("1")],
        [_order(str(n), customer="1", placed_at=NOON - n * DAY, state="cancelled") for n in range(1, 3)],
        [_order(str(n), customer="1", placed_at=NOON + n * DAY) for n in range(4, 8)],
        [_order("5", 2, customer="1", placed_at=NOON + 5 * DAY, state="cancelled")],
    ),
    "gross counts an order that was earlier": _journey(
        MERGE,
        [_person("1")],
        [_order("2", customer="1", placed_at=NOON + DAY), _order("3", customer="1", placed_at=NOON + 2 * DAY)],
        [_order("1", customer="1", placed_at=NOON, state="cancelled")],
    ),
    "what gross alone counts goes again": _journey(
        MERGE,
        [_person("1")],
        [_order(str(n), customer="1", placed_at=NOON + n * DAY) for n in range(3)],
        [_order("8", customer="1", placed_at=NOON - DAY, state="cancelled"), _order("9", customer="1", total=0)],
        [_order("8", 2, customer="1", placed_at=NOON - DAY, state="offer")],
    ),
    "somebody joins a customer who ordered": _journey(
        MERGE,
        [_person("1")],
        [_order("1", customer="1", placed_at=NOON), _order("2", customer="1", placed_at=NOON + DAY)],
        [_person("2", first_name="M.")],
    ),
    "one of two buyers is inactive": _journey(
        MERGE,
        [_person("1"), _person("2", email="eva@example.org", first_name="Eva", last_name="Lang")],
        [_order("1", customer="1", placed_at=NOON - DAY), _order("2", customer="2", placed_at=NOON - DAY, total=70)],
        [_order("3", customer="1", placed_at=NOON), _order("4", customer="2", placed_at=NOON, state="cancelled")],
        Worded("inactive", ONE, {}),
    ),
    "guests order": _journey(PER_ORDER, [_guest_order()], [_order("2", email="eva@example.org", placed_at=NOON)]),
    "the buyer comes after the order": _journey(
        MERGE, [_order("1", customer="1", placed_at=NOON)], [_person("2"), _person("1", email="m@example.net")]
    ),
    "an order of nobody grows": _journey(
        MERGE, [_order("1", placed_at=NOON)], [_order("1", 2, placed_at=NOON, total=2500)]
    ),
    "a hidden buyer's only order finds another": _journey(
        PER_ORDER,
        [_person("1"), _person("2", email="eva@example.org", first_name="Eva", last_name="Lang", kind="account")],
        [_guest_order(guest=True)],
        [_guest_order(2, customer="2", guest=False)],
    ),
    "a guest becomes an account": _journey(
        BY_STATE,
        [_person("1"), _guest_order()],
        [_person("1", 2, kind="account")],
    ),
    "every customer object is an account from now on": _journey(
        BY_STATE,
        [_person("1"), _guest_order()],
        Turn("decide", decision=Decided("cannot", ONE, GUEST), drain=False),  # both wait, then the rules change
        ALL_ACCOUNTS,
    ),
    "one of two twins takes a value back": _journey(
        MERGE,
        [_person("1", created_at=NOON - DAY, company="ACME"), _person("2", created_at=NOON)],
        [_person("1", 2, created_at=NOON - DAY, company=None)],
    ),
    "a record changes as another joins it": _journey(
        MERGE,
        [_person("1", email="eva@example.org"), _person("2", first_name="M.")],
        [_person("1", 2), _person("2", 2, first_name="M.", company="ACME")],
    ),
    "an operator thinks better of it": _journey(
        MERGE,
        [_person("1"), _person("2", first_name="M.")],
        Decided("must", ONE, TWO),
        Decided("cannot", ONE, TWO),
    ),
    "what held two accounts apart moves over": _journey(
        MERGE,
        [_person("1", kind="account", created_at=1), _person("2", kind="account", created_at=2, email="m@example.com")],
        [_person("3", emails=["m@example.com"], created_at=3)],
        [_person("1", 2, kind="account", created_at=1, email="other@example.org")],
    ),
    "accounts of one shop may join from now on": _journey(
        MERGE,
        [
            _person("1", kind="account", phone="030 998877"),
            _person("2", kind="account", phone="030 998877", email=None),
        ],
        Ruleset(same_source="merge"),
    ),
    "the shop counts in another currency": _journey(
        MERGE, [_person("1")], [_order("1", customer="1", placed_at=NOON)], Ruleset(currency="CHF")
    ),
    "the shop's days begin elsewhere": _journey(
        MERGE, [_person("1")], [_order("1", customer="1", placed_at=NOON + DAY // 2)], Ruleset(timezone="Asia/Tokyo")
    ),
    "a shop speaks of one of several that are alike": _journey(
        MERGE,
        Decided("cannot", ONE, TWO),
        [_person("1"), _person("0"), _person("3"), _person("2", merged_into="3")],
    ),
    "a guest's order that names a customer where those that do not have a policy of their own": _journey(
        Ruleset(sources={"alfa": SourceRules(guests="per_order", nameless="per_source")}),
        [_guest_order(email="max@example.org")],
        Decided("cannot", ONE, GUEST),
    ),
    "a guest's order that a stricter carrier passes on": _journey(
        Ruleset(sources={"beta": SourceRules(guests="per_order", same_as={"S1": "alfa"})}),
        [_guest_order(customer=None, email="max@example.org", guest=True)],
        Turn("bring", "beta", (_guest_order(customer=None, origin=Origin(platform="shopify", shop="S1", id="1")),)),
        Decided("cannot", ONE, GUEST),
    ),
    "an order waits while its customer comes": _journey(
        MERGE,
        Turn("bring", "alfa", (_person("2"), _order("1", customer="1", placed_at=NOON), _person("1")), size=1),
    ),
    "a credit note comes before its order": _journey(
        MERGE,
        Turn("bring", "alfa", (_order("1"), _order("3", customer="1", credits="2"), _order("2")), size=1),
    ),
    "two that a decision named are like a third again": _journey(
        MERGE,
        Turn("for_now", decision=Decided("must", TWO, THREE)),
        Decided("cannot", ONE, FIVE),
        [_person("2"), _person("3"), _person("4", merged_into="5"), _person("5", first_name=None), _person("1")],
        Turn("withdraw", decision=Decided("must", TWO, THREE)),
    ),
    "what held two together is taken back": _journey(
        MERGE,
        [_person("1", phone="030 998877", created_at=NOON), _person("2", email="m@example.com", created_at=NOON)],
        _file(_person("3", emails=["m@example.com"], created_at=NOON - DAY), _order("1", customer="2", placed_at=NOON)),
        [_order("2", customer="2", placed_at=NOON - DAY), _order("3", customer="3", placed_at=NOON)],
        BACK,
    ),
    "an operator joins somebody of whom only the id is known": _journey(
        MERGE,
        [_person("1"), _person("2", first_name=None, last_name=None, email=None)],
        Decided("must", ONE, TWO),
    ),
    "the oldest of two is taken back": _journey(
        MERGE,
        [_person("1", phone="030 998877", created_at=NOON)],
        _file(_person("3", created_at=NOON - DAY)),
        BACK,
    ),
    "one of several that are alike is taken back": _journey(
        MERGE,
        _file(_person("1", company="ACME", tags=["vip"]), _person("4")),
        [_person("2"), _person("3"), _order("1", customer="1"), _order("2", customer="4")],
        BACK,
    ),
    "another joins those that wait to leave": _journey(
        MERGE,
        [_person("2")],
        _file(_person("1", company="ACME", created_at=NOON), _person("4"), _person("5"), _person("6")),
        BACK_LATER,
        [_person("3"), _person("2", 2, company="Acme GmbH")],
    ),
    "a shop merges one into another that is taken back": _journey(
        MERGE,
        [_person("1", email="eva@example.org", merged_into="3"), _person("2")],
        _file(_person("3"), _person("4")),  # both are alike with the second
        BACK,
    ),
    "an operator joined one that is taken back": _journey(
        MERGE,
        [_person("1"), _person("2", email="eva@example.org", first_name="Eva", last_name="Lang")],
        _file(_person("3", email="ben@example.org", first_name="Ben", last_name="Roth")),
        Decided("must", ONE, THREE),
        Decided("must", THREE, TWO),
        BACK,
    ),
    "what a shop says too stays, whoever came first": _journey(
        MERGE,
        [_person("1", email="eva@example.org")],
        _file(
            _person("1", None, company="ACME"),
            _person("2", None, company="ACME"),
            _order("1", None, customer="1", total=500),
        ),
        [_person("2", 2), _order("1", customer="2"), _person("1", 2)],
        Turn("bring", "alfa", (_person("2", None, channel="embedded", phone="030 998877"),)),
        BACK,
    ),
    "a file held as many names as a limit allows": _journey(
        Ruleset(limits=(2, 2, 2)),
        [_person("1"), _person("2", first_name="M.")],
        _file(_person("3", last_name="Lang", first_name="Eva"), _person("4", last_name="Roth", first_name="Udo")),
        [_person("5")],
        BACK,
    ),
    "an order that made a guest's row is taken back": _journey(
        PER_ORDER,
        [_person("1")],
        _file(_guest_order(guest=True), _order("2", customer="7", placed_at=NOON)),
        BACK,
    ),
    "an account that is taken back was a guest's": _journey(
        BY_STATE,
        _file(_person("1", kind="account")),
        [_guest_order(), _order("2", customer="1", placed_at=NOON, email="max@example.org")],
        BACK,
    ),
    "whose order it is was told by a file": _journey(
        Ruleset(sources={"beta": SourceRules(same_as={"S1": "alfa"})}),
        _file(_guest_order(customer="1"), _order("9", credits="2", total=300)),
        [_person("1"), _order("2", customer="1", placed_at=NOON, number="#2")],
        Turn(
            "bring",
            "beta",
            (
                _person("7", email="eva@example.org"),
                _order("5", customer="7", origin=Origin(platform="shopify", shop="S1", id="1")),
                _order("6", customer="7", origin=Origin(platform="shopify", shop="S1", id="1")),
            ),
        ),
        BACK,
    ),
    "a letter that a file brought was scanned": _journey(
        MERGE,
        [_person("1"), _person("2", email="eva@example.org", first_name="Eva", last_name="Lang")],
        _file(Letter(external_id="1", customer="1", sent_at=NOON), Scan(external_id="1", letter="1", at=NOON + DAY)),
        [
            Scan(external_id="2", letter="1", customer="2", at=NOON),
            Scan(external_id="3", customer="1", at=NOON - DAY),
        ],
        BACK,
    ),
    "a cart that a file brought": _journey(
        MERGE, [_person("1")], _file(Checkout(external_id="1", customer="1", at=NOON, value=100)), BACK
    ),
    "an operator edits what was pinned": _journey(
        MERGE,
        [_person("1", company="ACME"), _person("2", 2, company="Acme GmbH")],
        Worded("pin", ONE, {"field": "company", "value": "Pinned"}),
        Worded("edit", ONE, {"field": "company", "value": "Edited"}),
    ),
    "a guest's order comes again after an operator spoke of its row": _journey(
        PER_ORDER,
        [_guest_order(customer=None, guest=True)],
        Worded("pin", GUEST, {"field": "phone", "value": "030 998877"}),
        [_guest_order(2, customer=None, guest=True, email="max@example.org")],
    ),
    "an inactive customer orders": _journey(
        MERGE,
        [_person("1"), _order("1", customer="1", placed_at=NOON - DAY)],
        Worded("inactive", ONE, {}),
        [_order("2", customer="1", placed_at=NOON), _order("3", customer="1", placed_at=NOON)],
    ),
    "a customer is marked, and one of the orders changes": _journey(
        MERGE,
        [_person("1"), _order("1", customer="1", placed_at=NOON), _order("2", customer="1", placed_at=NOON - DAY)],
        Worded("inactive", ONE, {}),
        [_order("1", 2, customer="1", placed_at=NOON, state="cancelled")],
        Worded("active", ONE, {}),
        [_order("2", 2, customer="1", placed_at=NOON - DAY, state="cancelled")],
    ),
    "the mark of one of two who are alike is taken back": _journey(
        MERGE,
        [_person("1", created_at=NOON - DAY), _person("2", created_at=NOON)],
        Turn("say_for_now", word=Worded("inactive", TWO, {})),
        Turn("unsay", word=Worded("inactive", TWO, {})),
    ),
    "somebody joins an inactive customer": _journey(
        MERGE,
        [_person("1", consents=[DENIED]), _order("1", customer="1", placed_at=NOON)],
        [_person("2", email="eva@example.org", first_name="Eva", last_name="Lang", kind="account")],
        Worded("inactive", TWO, {}),
        Decided("must", ONE, TWO),
    ),
    "somebody joins an inactive customer and leaves again": _journey(
        MERGE,
        [_person("1", consents=[DENIED]), _order("1", customer="1", placed_at=NOON)],
        [_person("2", email="eva@example.org", first_name="Eva", last_name="Lang", kind="account")],
        Worded("inactive", TWO, {}),
        Turn("for_now", decision=Decided("must", ONE, TWO)),
        Turn("withdraw", decision=Decided("must", ONE, TWO)),
    ),
    "an operator corrects somebody's address": _journey(
        MERGE,
        [_person("1", email=None, addresses=[THERE]), _person("2", email=None, addresses=[THERE])],
        Worded("edit", ONE, {"field": "address", "value": {"street": "Ulmenweg 1", "zip": "01067", "city": "Dresden"}}),
    ),
    "an operator gives somebody another delivery address": _journey(
        MERGE,
        [_person("1", email=None, addresses=[THERE]), _person("2", email=None, addresses=[THERE])],
        Worded(
            "edit", ONE, {"field": "shipping", "value": {"street": "Ulmenweg 1", "zip": "01067", "city": "Dresden"}}
        ),
    ),
    "an operator says that somebody has no delivery address": _journey(
        MERGE,
        [_person("1", email=None, addresses=[THERE]), _person("2", email=None, addresses=[THERE])],
        Worded("pin", ONE, {"field": "shipping", "value": None}),
    ),
    "an order that was placed here comes back by its mark": _journey(
        MERGE, [_person("1")], *_placed(ONE), [_order("7", customer="1", placed_as="h1", placed_at=NOON + DAY)]
    ),
    "a shop answers to an order that was placed here, and brings its own": _journey(
        MERGE, [_person("1")], *_placed(ONE), ANSWER, [_order("7", customer="1", placed_at=NOON + DAY)]
    ),
    "a shop brings its order before it answers to the one that was placed here": _journey(
        MERGE,
        [_person("1")],
        *_placed(ONE),
        [_order("7", customer="1", placed_at=NOON + DAY)],
        LATE,
    ),
    "somebody is deleted in the shop, and comes again": _journey(
        MERGE, [_person("1")], [Gone(entity="customer", external_id="1")], [_person("2"), _person("1", 2)]
    ),
    "an objection is taken back": _journey(MERGE, [_person("1", consents=[DENIED])], [_person("1", 2, consents=[])]),
}
