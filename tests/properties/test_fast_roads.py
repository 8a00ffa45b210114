"""The fast roads against the general ones: whichever is taken, what comes out is the same."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from klientela.flow import listrow, rules, stage, tally
from klientela.flow.project import Projected
from klientela.flow.resolve import Resolver
from klientela.kit import Address, Checkout, Gone, Line, Number, Order, Page, Person, Rejected
from klientela.rules import precedence
from klientela.rules.publish import is_account
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import bitmaps, facts, mapping, open_store
from klientela.store import tables as t
from klientela.store.facts import Loaded
from klientela.store.identity import Held, member
from tests.shops import bring

# -- staging: a whole page at once, or record by record --------------------------------------------------------------

TEXTS = st.sampled_from(["", "1", "Max", "Müller", "a\x00b", "\ud800", "x" * 501, "ü" * 500, 7, None])
TIMES = st.sampled_from([UNSET, None, 0, 1_772_000_000_000_000, 253_402_300_800_000_000, -(10**30), 1.5, "2026"])
AMOUNTS = st.sampled_from([UNSET, 0, 1999, 2**53, 2**53 + 1, -(2**53) - 1, "9.99", None])


@st.composite
def _records(draw: st.DrawFn) -> Any:
    """One record, right in most fields and wrong in any."""
    kind = draw(st.sampled_from([Person, Order, Order, Person, Checkout, Gone, Rejected]))
    name = draw(st.one_of(st.sampled_from(["1", "2", "3"]), TEXTS))
    if kind is Gone:
        return Gone(entity="customer", external_id=name)
    if kind is Rejected:
        return Rejected(reason="no", key="9")
    time = draw(st.one_of(st.just(None), TIMES.filter(lambda value: value is not UNSET)))
    if kind is Person:
        return Person(
            external_id=name,
            version=time,
            entity=draw(st.sampled_from(["customer", "customer", "contact", "guest_order", "nobody"])),  # type: ignore[arg-type]
            created_at=draw(TIMES),
            first_name=draw(TEXTS),
            tags=draw(st.sampled_from([UNSET, [], ["vip"], [1]])),
            addresses=draw(st.sampled_from([UNSET, [Address(city="Łódź")], [Address(city=5)]])),  # type: ignore[arg-type]
            numbers=draw(st.sampled_from([UNSET, [Number("7")], [Number("7", 8)]])),  # type: ignore[arg-type]
        )
    if kind is Checkout:
        return Checkout(external_id=name, version=time, at=draw(TIMES), value=draw(AMOUNTS))
    return Order(
        external_id=name,
        version=time,
        placed_at=draw(TIMES),
        total=draw(AMOUNTS),
        currency=draw(st.sampled_from([UNSET, "EUR", "EUR", "CZK", "eur", "EURO", "", 3])),
        lines=draw(st.sampled_from([UNSET, [], [Line(title="Tea", total=5)], [Line(total=2**60)], [Line(total="x")]])),  # type: ignore[arg-type]
    )


@given(st.lists(_records(), max_size=4))
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_page_is_taken_as_its_records_are(records: list[Any]) -> None:
    rejects: list[Rejected] = []
    gone: list[Gone] = []
    singly = stage._one_by_one(Page(records), rejects, gone)
    together = stage._at_once(records)
    if together is not None:
        assert together == singly
        assert not rejects
        assert not gone
    elif singly and not rejects and not gone and len(singly) == 1:
        # only what is rare goes the long way without need
        assert set(singly) == {5} or any(getattr(record, "currency", None) == "CZK" for record in records)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Order(external_id="1", total=2**53 + 1), "an amount of money is out of range"),
        (Order(external_id="1", currency="eur"), "'eur' is no currency"),
        (Order(external_id="1", placed_at=10**18), "a time is out of range"),
        (Person(external_id="1", version=10**18), "the time of its last change is out of range"),
        (Person(external_id=""), "the record has no usable id"),
        (Person(external_id="x" * 501), "the record has no usable id"),
        (Person(external_id="1", first_name="a\x00"), "a field holds a NUL character"),
        (Person(external_id="1", note="x" * 2**20), "the record is larger than 1048576 bytes"),
        (Person(external_id="1", entity="guest_order"), "guest orders are made by the core, not by sources"),
        (msgspec.Raw(b""), "Raw is no kind of record"),
    ],
)
def test_what_cannot_be_taken_is_named(record: Any, reason: str) -> None:
    rejects: list[Rejected] = []
    assert stage._one_by_one(Page([record]), rejects, []) == {}
    assert [reject.reason for reject in rejects] == [reason]
    assert stage._at_once([record]) is None


# -- the list's row: a lone record's, or that of any customer ---------------------------------------------------------

NAMES = st.one_of(
    st.sampled_from([UNSET, None, "", " ", "Max", " Éva ", "Wiśniewska-Groß", "\u200b", "\u0301a", "ﬁn İ", "A\tB"]),
    st.text(max_size=6),
)
MAILS = st.sampled_from(
    [
        UNSET,
        None,
        "",
        " ",
        "Max.M+x@GMail.com ",
        "x@marketplace.amazon.de",
        "keine",
        "-",
        "ü@ß.de",
        "a b@c.de",
        "A@b.de, c",
    ]
)
PLACES = st.sampled_from(
    [
        UNSET,
        [],
        [Address()],
        [Address(city=" Łódź ", country="Polen")],
        [Address(city="", country=" ")],
        [Address(country=" Narnia ", zip="1", street="Weg 3", company="X")],
        [Address(city=" "), Address(city="Berlin")],
    ]
)


@st.composite
def _persons(draw: st.DrawFn) -> Person:
    return Person(
        external_id=draw(st.sampled_from(["1", "mail:a@b.de"])),
        version=draw(st.sampled_from([None, 5])),
        entity=draw(st.sampled_from(["customer", "contact", "manual"])),
        kind=draw(st.sampled_from([UNSET, "account", "guest", "contact"])),
        created_at=draw(st.sampled_from([UNSET, None, 0, 7])),
        first_name=draw(NAMES),
        last_name=draw(NAMES),
        company=draw(NAMES),
        email=draw(MAILS),
        phone=draw(st.sampled_from([UNSET, None, "", "000", " 0171/5550123 ", "+49 30 1"])),
        addresses=draw(PLACES),
        tags=draw(st.sampled_from([UNSET, [], ["b", "a", "b"]])),
        numbers=draw(st.sampled_from([UNSET, UNSET, [], [Number("7")]])),
        emails=draw(st.sampled_from([UNSET, UNSET, [], ["b@c.de"]])),
    )


@given(_persons(), st.sampled_from([None, "customer_null", "never"]), st.sampled_from(["registered", "guest"]))
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_plain_row_is_the_row(person: Person, guest_rule: Any, default: Any) -> None:
    ruleset = Ruleset(sources={"main": SourceRules(guest_rule=guest_rule, default_status=default)})
    rows = listrow.Rows(ruleset, {"main": 3})
    canon = facts.canon_of(person, "main", facts.NUMBER_OF[person.entity], person.external_id)
    loaded = Loaded(9, 3, facts.NUMBER_OF[person.entity], person.external_id, person.version, 0, person)
    account = "main" if is_account(person, ruleset.of("main")) else None
    held = Held(9, "", (), account, canon, 9, None, 11, True, loaded=loaded)
    plain = rows.plain(held, bytes(range(16)))
    if plain is not None:
        made = precedence.summary(member(loaded, canon), ruleset)
        assert plain == rows.weighed(made, bytes(range(16)), 9, [held])
    else:
        assert person.emails or person.numbers or len(person.addresses or ()) > 1


# -- the whole journey: with every fast road, and with none ------------------------------------------------------------

PEOPLE = [
    {"first_name": "Max", "last_name": "Muster", "email": "max@example.org"},
    {"first_name": "Max", "last_name": "Muster", "email": "max@example.org", "phone": "0171 5550123"},
    {"first_name": "Eva", "last_name": "Muster", "phone": "+49 171 5550123"},
    {"first_name": "Eva", "last_name": "Lang", "email": "eva@example.org", "company": "ACME"},
    {"email": "max@example.org"},
    {"first_name": "Ola", "last_name": "Łącka", "email": "ola@example.org", "kind": "guest"},
    {"phone": "0301 998877", "kind": "account"},
    {},
]


@st.composite
def _things(draw: st.DrawFn) -> Any:
    if draw(st.booleans()):
        return Person(
            external_id=draw(st.sampled_from("123456")),
            version=draw(st.integers(1, 5)),
            created_at=draw(st.sampled_from([None, 1_772_000_000_000_000, 1_772_100_000_000_000])),
            **draw(st.sampled_from(PEOPLE)),  # type: ignore[arg-type]
        )
    return Order(
        external_id=draw(st.sampled_from("123456789")),
        version=draw(st.integers(1, 5)),
        customer=draw(st.sampled_from([UNSET, *"1234567"])),
        placed_at=draw(st.sampled_from([None, 1_772_000_000_000_000, 1_772_100_000_000_000, 1_772_200_000_000_000])),
        total=draw(st.sampled_from([0, 1000, 2000])),
        refunded=draw(st.sampled_from([UNSET, UNSET, 1000])),
        state=draw(st.sampled_from([UNSET, "paid", "offer", "void"])),
        test=draw(st.sampled_from([False, False, True])),
        currency=draw(st.sampled_from(["EUR", "EUR", "CHF"])),
        first_name="Max",
        email=draw(st.sampled_from(["max@example.org", "neu@example.org"])),
    )


RULES = st.builds(
    lambda guests, limits, same: Ruleset(limits=limits, same_source=same, sources={"main": SourceRules(guests=guests)}),
    st.sampled_from(["merge", "merge", "per_order", "per_source"]),
    st.sampled_from([(10, 10, 50), (1, 1, 1)]),
    st.sampled_from(["review", "merge"]),
)


@given(st.lists(st.lists(_things(), min_size=1, max_size=12), min_size=1, max_size=4), st.integers(1, 7), RULES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_road_changes_the_state(loads: list[list[Any]], size: int, ruleset: Ruleset) -> None:
    """Several loads, in pages of any size: every derived table and every line of the log are the same."""
    fast = _state(loads, size, ruleset)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "_at_once", lambda records: None)
        patch.setattr(Resolver, "_but_strangers", lambda self, changed: changed)
        patch.setattr(listrow.Rows, "plain", lambda self, held, public: None)
        patch.setattr(Projected, "_born", lambda self, change, fresh, owners: False)
        patch.setattr(tally, "add_up", lambda db, moved, touched, currency, days: tally.Added(moved, {}, [], set(), {}))
        slow = _state(loads, size, ruleset)
    assert fast == slow


@given(st.lists(st.lists(_things(), min_size=1, max_size=12), min_size=2, max_size=4), st.integers(1, 7), RULES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whoever_changes_on_any_road_is_noted_for_the_bitmaps(
    loads: list[list[Any]], size: int, ruleset: Ruleset
) -> None:
    """Every bit of a customer that is not noted as changed says what its row says."""
    with TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/k.db") as store:
        assert rules.adopt(store, ruleset)
        bring(store, "main", [Person(external_id="first", kind="account", last_name="First")])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bitmaps.LIMITS, "least", {"sqlite": 1})
            patch.setattr(bitmaps.LIMITS, "merge", 4)
            for load in loads:
                mapping.upkeep(store)
                bring(store, "main", load, size=size)
                with store.reading() as db:
                    assert bitmaps.state(db) is not None
                    assert mapping.check(db) == []


def _state(loads: list[list[Any]], size: int, ruleset: Ruleset) -> dict[str, list[Any]]:
    with TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/k.db") as store:
        assert rules.adopt(store, ruleset)
        for load in loads:
            bring(store, "main", load, size=size)
        with store.reading() as db:
            found = {}
            for table in (*t.DERIVED, t.record, t.claim):
                names = [c.name for c in table.columns if c.name not in ("seen", "since")]
                found[table.name] = sorted(map(repr, db.rows(f"SELECT {', '.join(names)} FROM {table.name}")))
            found["audit"] = db.rows(
                "SELECT a.kind, a.rule, a.customer, a.other, p.body FROM audit a "
                "JOIN audit_private p ON p.seq = a.seq AND p.n = a.n ORDER BY a.seq, a.n"
            )
            found["search"] = sorted(db.rows("SELECT id FROM search_docsize"))
        return found
