"""Random small worlds: few names, addresses and numbers, so that everything meets everything; and ways to bring them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Any, NamedTuple

from hypothesis import strategies as st
from msgspec import UNSET, to_builtins

from klientela.kit import (
    Address,
    Booking,
    Campaign,
    Checkout,
    Consent,
    Gone,
    Letter,
    Line,
    Message,
    Number,
    Order,
    Origin,
    Person,
    Record,
    RecordRef,
    Scan,
)
from klientela.model.records import Thing
from klientela.rules.ruleset import RULES, Ruleset, SourceRules
from klientela.rules.whole import Decided, RecordKey, Said, Worded

SOURCES = ("alfa", "beta", "gama")
DAY = 86_400_000_000
NOON = 1_772_000_000_000_000  # in March 2026

NAMES = (
    (None, None),
    ("Max", "Muster"),
    ("M.", "Muster"),
    ("Muster", "Max"),
    ("Max", None),
    (None, "Muster"),
    ("Anna", "Müller"),
    ("Anna", "Mueller"),
    ("Ben", "Müller"),
    ("Dr. Eva", "Lang"),
    ("Ewa", "Lang"),
    ("", " "),
)
MAILS = (
    None,
    "max@example.org",
    " Max@Example.org",
    "max+shop@example.org",
    "anna@example.org",
    "m.u@gmail.com",
    "mu@googlemail.com",
    "info@example.org",
    "x1@marketplace.amazon.de",
    "stop@example.org",
    "-",
)
PHONES = (None, "+49 171 5550123", "0171/5550123", "+48 501 228 855", "000", "030 998877")
PLACES = (
    Address(street="Lindenstr. 5", zip="10969", city="Berlin", country="DE"),
    Address(street="Lindenstraße", house_number="5", zip="10969", city="berlin", country="Deutschland"),
    Address(street="Lindenstr. 7", zip="10969", city="Berlin"),
    Address(street="ul. Długa 12/4", zip="00-238", city="Warszawa", country="PL", company="ACME", first_name="Ola"),
    Address(city="Öhringen", phone="0171/5550123"),
    Address(street="Lindenstr. 5", zip="10969", city="Berlin", country="DE", kind="billing"),
    Address(street="Ulmenweg 1", zip="01067", city="Dresden", country="DE", kind="shipping"),
)
ORIGINS = (
    Origin(platform="shopify", shop="S1", id="1", name="#1"),
    Origin(platform="Shopify", shop="S1", id="2", name="2"),
    Origin(platform="shopify", shop="S1", name="1"),
    Origin(platform="ebay", shop="S2", id="1"),
    Origin(platform="ebay", shop="S2", id="3", name="#2"),
)
SAME_AS: tuple[dict[str, str], ...] = ({}, {"S1": "alfa"}, {"S1": "alfa", "S2": "beta"}, {"S2": "alfa"})
PEOPLE = (  # names, mails, phones, places that go together
    (NAMES[1:6], MAILS[1:4], PHONES[1:3], PLACES[:2]),
    (NAMES[6:8], MAILS[4:6], PHONES[1:3], PLACES[:2]),
    (NAMES[8:9], MAILS[3:5], PHONES[3:], PLACES[2:3]),
    (NAMES[9:11], MAILS[5:7], PHONES[3:4], PLACES[3:4]),
    (NAMES[:1], MAILS[1:6], PHONES[1:2], PLACES[:1]),
)
NUMBERS = (Number("K-77"), Number("K-77", "club"), Number("k-77"), Number("1"), Number("-"))
CONSENTS = (
    Consent(channel="email", purpose="promotion", state="granted", at=NOON),
    Consent(channel="email", purpose="promotion", state="denied", at=NOON),
    Consent(channel="email", purpose="promotion", state="denied", at=NOON - DAY),
    Consent(channel="email", purpose="promotion", state="granted"),
    Consent(channel="sms", purpose="system", state="granted", basis="import"),
)
WORDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("inactive", {}),
    ("inactive", {}),
    ("active", {}),
    *(
        ("consent", to_builtins(one))
        for one in (
            Consent(
                channel="email", purpose="promotion", state="granted", at=NOON + DAY, basis="operator", evidence="x"
            ),
            Consent(channel="email", purpose="promotion", state="denied", at=NOON + DAY, basis="operator"),
            Consent(channel="email", purpose="promotion", state="granted", at=NOON + 2 * DAY, basis="bulk"),
            Consent(channel="post", purpose="promotion", state="granted", at=NOON, basis="bulk"),
        )
    ),
)
"""What operators say of records: kind and detail."""
FIELDS: tuple[tuple[str, Any], ...] = (
    ("phone", "+49 171 5550123"),
    ("phone", "030 998877"),
    ("phone", None),
    ("first_name", "Max"),
    ("first_name", None),
    ("last_name", "Muster"),
    ("last_name", "Müller"),
    ("company", "Hand AG"),
    ("company", None),
    ("crm_id", "H1"),
    ("birthday", "1980-12-31"),
    ("address", to_builtins(PLACES[0])),
    ("address", to_builtins(PLACES[3])),
    ("address", {"city": "Ulm"}),
    ("address", None),
    *((kind, value) for kind in ("billing", "shipping") for value in (*map(to_builtins, PLACES[1:4]), None)),
)
HERE = "manual"
"""Where orders are kept that were placed by hand."""
PLACED = ("h1", "h2")
"""The keys under which they are."""
HANDS: tuple[tuple[str, dict[str, Any]], ...] = (
    *((kind, {"field": field, "value": value}) for kind in ("edit", "pin") for field, value in FIELDS),
    *(("tag", {"tag": tag}) for tag in ("hand", "vip", "hand")),
)
"""What they change with their own hands: fields that match and fields that do not."""
OF_ORDERS: tuple[tuple[str, dict[str, Any]], ...] = tuple(
    (kind, {"field": field, "value": value})
    for kind in ("edit", "pin")
    for field, value in (
        ("state", "cancelled"),
        ("state", "paid"),
        ("state", "offer"),
        ("phone", "+49 171 5550123"),
        ("phone", None),
        ("first_name", "Max"),
        ("last_name", "Müller"),
        ("last_name", None),
        ("company", "Hand AG"),
        ("address", to_builtins(PLACES[0])),
        ("address", None),
        ("billing", to_builtins(PLACES[1])),
        ("billing", None),
        ("shipping", {"city": "Ulm"}),
    )
)
"""What they change of orders: how they count, and who their guest rows are."""
TIMES = (UNSET, None, NOON - 2 * DAY, NOON - DAY, NOON, NOON + 9 * 3_600_000_000)
STATES = (UNSET, "open", "paid", "cancelled", "returned", "offer", "deleted", "void")


def short(thing: Any) -> str:
    """A record or ruleset by what it says, without what it leaves at its default."""
    if isinstance(thing, (Person, Order, Checkout, Thing, Gone, Address, Consent, Number, Origin, RecordRef)):
        said = [f"{n}={short(getattr(thing, n))}" for n in thing.__struct_fields__ if getattr(thing, n) is not UNSET]
        plain = {f"{n}={short(d)}" for n, d in zip(type(thing).__struct_fields__, _defaults(type(thing)), strict=True)}
        return f"{type(thing).__name__}({', '.join(one for one in said if one not in plain)})"
    if isinstance(thing, (Ruleset, SourceRules)):
        base = type(thing)()
        said = [f"{n}={short(v)}" for n, v in vars(thing).items() if n in vars(base) and v != getattr(base, n)]
        return f"{type(thing).__name__}({', '.join(said)})"
    if isinstance(thing, dict):
        return "{" + ", ".join(f"{key!r}: {short(value)}" for key, value in thing.items()) + "}"
    if isinstance(thing, (list, tuple)) and not hasattr(thing, "_fields"):
        return "[" + ", ".join(map(short, thing)) + "]"
    return repr(thing)


def _defaults(kind: Any) -> list[Any]:
    missing = len(kind.__struct_fields__) - len(kind.__struct_defaults__)
    return [object()] * missing + list(kind.__struct_defaults__)


@dataclass(frozen=True)
class Turn:
    """Something that happens on the way; what has no effect on the end is thrown in on purpose."""

    what: str  # bring | keep | import | take back | decide | for_now | withdraw | say | say_for_now | unsay | rules
    # erase | redact | release: `size` says which, undrained erases everybody who may be the same
    # answer: a shop says which of its orders it made of one that was placed here
    source: str = ""
    records: tuple[Record, ...] = ()
    size: int = 250
    decision: Decided | None = None
    word: Worded | None = None
    ruleset: Ruleset | None = None
    answer: tuple[RecordKey, str] | None = None
    drain: bool = True

    def __repr__(self) -> str:
        if self.records:
            return f"{self.what} {self.source} {short(self.records)} by {self.size}"
        if self.what == "take back":
            return f"take back what was imported into {self.source}{'' if self.drain else ' (left undone)'}"
        if self.what in ("erase", "redact", "release"):
            return f"{self.what} {self.source} number {self.size}{'' if self.drain else ' and everybody'}"
        said = self.decision or self.word or self.ruleset or self.answer
        return f"{self.what} {short(said)}{'' if self.drain else ' (left undone)'}"


@dataclass(frozen=True)
class Way:
    """One order in which a world may come about."""

    start: Ruleset
    turns: tuple[Turn, ...]

    def __repr__(self) -> str:
        return "\n    ".join(["start " + short(self.start), *map(repr, self.turns)])

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """As for a plan."""
        _print(self, printer)


def _print(thing: Any, printer: Any) -> None:
    for number, line in enumerate(repr(thing).split("\n")):
        if number:
            printer.break_()
        printer.text(line)


@dataclass(frozen=True)
class Plan:
    """A world that is to be: what is claimed, decided and ruled in the end, and two ways there."""

    claims: tuple[tuple[str, Record], ...]
    decisions: tuple[Decided, ...]
    ruleset: Ruleset
    ways: tuple[Way, ...]
    words: tuple[Worded, ...] = ()
    kept: tuple[tuple[str, Record], ...] = ()  # what a file brings that stays
    answers: tuple[tuple[RecordKey, str], ...] = ()  # what shops said to orders that were placed here

    def __repr__(self) -> str:
        ways = "".join(f"\n  way {number}: {way!r}" for number, way in enumerate(self.ways, 1))
        return f"{short(self.ruleset)}, decisions {list(self.decisions)}, words {list(self.words)}{ways}"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """How Hypothesis prints it: field by field it were a thousand lines."""
        _print(self, printer)

    def said(self) -> list[Said]:
        """The claims as the function takes them."""
        return [
            Said(source, _entity(record), record.external_id, record.channel or "all", record.version, 0, record)  # type: ignore[union-attr,arg-type]
            for source, record in self.claims
        ] + [
            Said(source, _entity(record), record.external_id, "import:1", record.version, 0, record)  # type: ignore[union-attr,arg-type]
            for source, record in self.kept
        ]


def _key(source: str, record: Any) -> RecordKey:
    return source, _entity(record), record.external_id


def _entity(record: Any) -> str:
    return record.entity if isinstance(record, Person) else record.entity_default


# -- records ---------------------------------------------------------------------------------------------------------


def _some(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


class _Dice:
    """What a record says, out of two numbers: a draw for each field would cost more than the test itself.

    `seed` chooses every value, a bit of `keep` lets a field be said at all, so that a failure shrinks to few fields.
    Of `twins` the fields that matching looks at are one of two sets, the others as free as ever.
    """

    def __init__(self, draw: st.DrawFn, twins: bool = False) -> None:
        self.random = self.known = Random(draw(st.integers(0, 2**16)))
        self.keep = draw(st.one_of(st.integers(0, 2**24 - 1), st.just(2**24 - 1)))
        self.twins = twins
        if twins:
            self.known = Random(draw(st.sampled_from((7, 7, 8))))
        self.who = self.known.choice(PEOPLE[:-1] if twins else PEOPLE)

    def of(self, *values: Any) -> Any:
        """One of the values, or UNSET."""
        self.keep, kept = divmod(self.keep, 2)
        value = self.random.choice(values)
        return value if kept else UNSET

    def key(self, *values: Any) -> Any:
        """The same for a field that matching looks at."""
        self.keep, kept = divmod(self.keep, 2)
        value = self.known.choice(values)
        return value if kept or self.twins else UNSET

    def likely(self, mine: Sequence[Any], any_: Sequence[Any]) -> Any:
        """Mostly one of the person's own values."""
        return self.key(self.known.choice(mine if self.known.random() < 0.7 else any_))

    def name(self) -> tuple[str | None, str | None]:
        """Mostly one of the person's own names."""
        return self.known.choice(self.who[0] if self.known.random() < 0.8 else NAMES)

    def some(self, values: Sequence[Any], most: int = 2) -> Any:
        """A list of up to `most` of the values, or UNSET."""
        return self.of([self.random.choice(values) for _ in range(self.random.randint(0, most))])

    def places(self, most: int) -> Any:
        """Mostly the person's own addresses, or UNSET."""
        mine = self.who[3] if self.known.random() < 0.7 else PLACES
        return self.key([self.known.choice(mine) for _ in range(self.known.randint(0, most))])


@st.composite
def _person(
    draw: st.DrawFn, ext: str, entity: str, version: int | None, channel: str | None, twins: bool = False
) -> Person:
    dice = _Dice(draw, twins)
    _, mails, phones, _ = dice.who
    first, last = dice.name()
    full = channel != "embedded"  # a person inside an order says less
    return Person(
        external_id=ext,
        entity=entity,  # type: ignore[arg-type]
        version=version,
        channel=channel,
        first_name=dice.key(first),
        last_name=dice.key(last),
        email=dice.likely(mails, MAILS),
        kind=dice.of(*(("guest", "contact") if twins else ("account", "account", "guest", "contact")))
        if full
        else UNSET,
        phone=dice.likely(phones, PHONES),
        addresses=dice.places(2),
        numbers=dice.key(UNSET, [], [NUMBERS[0]], [NUMBERS[1]], [NUMBERS[2], NUMBERS[3]], [NUMBERS[4]]),
        created_at=dice.of(*TIMES) if full else UNSET,
        company=dice.of(UNSET, None, "ACME", "Acme GmbH"),
        tags=dice.of(UNSET, UNSET, [], ["vip"], ["b2b", "vip"]),
        consents=UNSET if twins else dice.some(CONSENTS),
        email_verified=dice.of(UNSET, True, False),
        emails=dice.key(*([mail] for mail in MAILS if mail)) if full and not twins else UNSET,
        phones=dice.key(UNSET, ["0171 5550123"]),
        crm_id=dice.of(UNSET, "C1", "C2"),
        modules=dice.of(UNSET, UNSET, ["shop"]),
        merged_into=dice.of(*(UNSET,) * 8, None, "1", "2", "9"),
    )


@st.composite
def _order(
    draw: st.DrawFn,
    ext: str,
    version: int | None,
    channel: str | None,
    twins: bool = False,
    carried: bool = False,
    placed: bool = False,
) -> Order:
    dice = _Dice(draw, twins)
    _, mails, phones, _ = dice.who
    first, last = dice.name()
    return Order(
        external_id=ext,
        version=version,
        channel=channel,
        customer=dice.of(*((None, None, None, "1") if twins else ("1", "1", "2", "2", "3", None))),
        guest=dice.of(UNSET, True, True, False),
        total=dice.of(0, 1000, 2500),
        email=dice.likely(mails, MAILS),
        first_name=dice.key(first),
        last_name=dice.key(last),
        placed_at=dice.of(*TIMES),
        state=dice.of(UNSET, "open", "paid", *STATES),
        test=dice.of(False, False, True),
        currency=dice.of("EUR", "EUR", "CHF"),
        phone=dice.likely(phones, PHONES),
        addresses=dice.places(1),
        company=dice.of(UNSET, UNSET, "ACME"),
        kind=dice.of(UNSET, "guest", "contact"),
        number=dice.of(None, "#1", "#2"),
        refunded=dice.of(UNSET, UNSET, 0, 1000, 9999),
        current_total=dice.of(UNSET, UNSET, None, 0, 500),
        credits=dice.of(*(UNSET,) * 8, "9", *("12" if carried else ())),
        cancels=dice.of(*(UNSET,) * 16, "9", *("13" if carried else ())),
        origin=dice.of(UNSET, None, *ORIGINS, *ORIGINS) if carried else UNSET,
        lines=dice.of(UNSET, [], *LINES),
        placed_as=dice.of(UNSET, *PLACED, *PLACED) if placed else UNSET,
    )


def persons() -> st.SearchStrategy[Person]:
    """Any person."""
    return _person("1", "customer", None, None)


def orders() -> st.SearchStrategy[Order]:
    """Any order."""
    return _order("1", None, None)


@st.composite
def _cart(draw: st.DrawFn, ext: str, version: int | None) -> Checkout:
    dice = _Dice(draw)
    return Checkout(
        external_id=ext,
        version=version,
        customer=dice.of(None, "1", "7"),
        at=dice.of(*TIMES),
        completed_at=dice.of(*TIMES),
        value=100,
    )


LINES = (
    [Line(title="T-Shirt", sku="T1")],
    [Line(title="t-shirt", quantity=2), Line(sku="T2")],
    [Line(title="Hose", sku="T1"), Line()],
)
REFERRED = (("customer", "1"), ("customer", "2"), ("contact", "1"), ("guest_order", "1"))


@st.composite
def _thing(draw: st.DrawFn, kind: Any, ext: str, said: tuple[str | None, int | None], sources: Sequence[str]) -> Record:
    """A letter, a scan … to or of people of any of these sources, some of whom nobody ever describes."""
    dice = _Dice(draw)
    channel, version = said

    def ref(*values: Any) -> Any:
        return dice.of(*values, *(RecordRef(source, *key) for source in sources for key in REFERRED))

    more: dict[str, Any] = {"external_id": ext, "version": version, "channel": channel}
    if kind is not Campaign:
        more["customer"] = ref(None, UNSET, "1", "1", "2", "7")
    if kind in (Letter, Message):
        more["campaign"] = dice.of(None, "1", "2", *(RecordRef(source, "campaign", "1") for source in sources))
    if kind is Scan:
        more["letter"] = dice.of(None, "1", "2", "2", *(RecordRef(source, "letter", "1") for source in sources))
    more[{Letter: "sent_at", Booking: "starts_at"}.get(kind, "at")] = dice.of(*TIMES)
    made: Record = kind(**more)
    return made


THINGS: tuple[tuple[Any, str], ...] = (
    (Scan, "1"), (Scan, "2"), (Scan, "3"), (Letter, "1"), (Letter, "2"), (Message, "1"), (Booking, "1"), (Campaign, "1"),
)  # fmt: skip


@st.composite
def _things(draw: st.DrawFn, found: Sequence[tuple[str, Record]], most: int) -> list[tuple[str, Record]]:
    """Some things, of one or two sources, about records of sources that are there and of one that never is."""
    there = sorted({source for source, _ in found})
    made: list[tuple[str, Record]] = []
    for source, (kind, ext) in draw(_picked(list(product(SOURCES[:2], THINGS)), most)):
        for said in draw(_versions("order")):
            made.append((source, draw(_thing(kind, ext, said, (*there, *there, "nowhere")))))
    return made


def _channels(kind: str) -> tuple[str | None, ...]:
    return (None, None, None, "embedded", "hook") if kind == "person" else (None, None, None, "hook")


@st.composite
def _versions(draw: st.DrawFn, kind: str) -> list[tuple[str | None, int | None]]:
    """Channel and version of each claim of one record: versions differ within a channel, an unversioned one is alone."""
    first = draw(st.tuples(_some(_channels(kind)), _some((None, 5, 5))))
    more = draw(st.lists(st.tuples(_some(_channels(kind)), _some((4, 5, 6, None))), max_size=2))
    kept: list[tuple[str | None, int | None]] = []
    for channel, version in (first, *more):
        standing = [v for c, v in kept if c == channel]
        if not standing or (version is not None and version not in standing and None not in standing):
            kept.append((channel, version))
    return kept


@st.composite
def _picked(draw: st.DrawFn, pool: Sequence[Any], most: int, least: int = 0) -> list[Any]:
    """Some of a pool, often as many as may be: left to themselves lists are short."""
    most = min(most, len(pool))
    count = draw(st.one_of(st.integers(min(least, most), most), st.just(most)))
    return Random(draw(st.integers(0, 2**16))).sample(pool, count)


@dataclass(frozen=True)
class Focus:
    """What a world is mostly about: in one that holds a little of everything, the rare things hardly meet."""

    persons: tuple[Sequence[str], Sequence[str], Sequence[str]]  # sources, entities, external ids
    orders: tuple[Sequence[str], Sequence[str]]  # sources, external ids
    people: int = 99  # so many at most
    bought: int = 99
    twins: bool = False
    carried: bool = False  # all but the first source pass on orders
    guests: tuple[Any, ...] = ("merge", "merge", "per_order", "per_source")
    things: int = 0
    words: int = 3  # so much operators say of records at most
    placed: int = 0  # so many orders are placed here by hand, and may come back from shops


ANYTHING = Focus((SOURCES, ("customer", "contact", "manual"), "1234"), (SOURCES, "123456"))
CROWDS = Focus((SOURCES, ("customer",), "123456"), (SOURCES[:1], "12"), bought=1)
TWINS = Focus((SOURCES[:2], ("customer",), "1234"), (SOURCES[:2], "123"), twins=True)
GUESTS = Focus(
    (SOURCES[:1], ("customer",), "12"),
    (SOURCES[:1], "1234"),
    guests=("per_order", "per_order", "per_source", "merge"),
)
CARRIERS = Focus((SOURCES, ("customer",), "12"), (SOURCES, "123"), people=4, carried=True)
LETTERS = Focus(
    (SOURCES[:2], ("customer", "contact"), "12"),
    (SOURCES[:1], "12"),
    people=4,
    guests=("merge", "per_order"),
    things=8,
)
BY_HAND = Focus(
    (SOURCES[:2], ("customer", "contact"), "12"),
    (SOURCES[:1], "12"),
    guests=("merge", "per_order", "per_source"),
    words=8,
)
ORDERED = Focus(
    (SOURCES[:2], ("customer",), "12"),
    (SOURCES[:2], "12"),
    people=4,
    carried=True,
    guests=("merge", "per_order"),
    placed=2,
)
FOCI = (ANYTHING, CROWDS, TWINS, GUESTS, CARRIERS, LETTERS, BY_HAND, ORDERED)


@st.composite
def _claims(draw: st.DrawFn, most: int, focus: Focus) -> tuple[tuple[str, Record], ...]:
    found: list[tuple[str, Record]] = []
    for source, entity, ext in draw(_picked(list(product(*focus.persons)), min(most, focus.people), 1)):
        for channel, version in draw(_versions("person")):
            found.append((source, draw(_person(ext, entity, version, channel, focus.twins))))
    for source, ext in draw(_picked(list(product(*focus.orders)), min(most, focus.bought))):
        for channel, version in draw(_versions("order")):
            carried = focus.carried and source != SOURCES[0]
            found.append((source, draw(_order(ext, version, channel, focus.twins, carried, focus.placed > 0))))
    for source in draw(_some(((), (), ("alfa",), ("beta",)))):
        found.append((source, draw(_cart("1", draw(_some((None, 5)))))))
    found += draw(_things(found, min(most, focus.things)))
    return tuple(found)


# -- rules and decisions -----------------------------------------------------------------------------------------------


@st.composite
def rulesets(draw: st.DrawFn, guests: tuple[Any, ...] = ANYTHING.guests) -> Ruleset:
    """Any ruleset for the sources above; `guests` are the policies, the likely ones more than once."""
    dice = _Dice(draw)

    def of(default: Any, *others: Any) -> Any:
        value = dice.of(*others)
        return default if value is UNSET else value

    sources = {
        name: SourceRules(
            guests=of(guests[0], *guests),
            guest_rule=of(None, None, "state", "customer_null", "never"),
            priority=of(100, 1),
            default_status=of("registered", "registered", "guest"),
            nameless=of(None, None, "per_order", "per_source"),
            same_as={} if name == SOURCES[0] else of({}, *SAME_AS),
        )
        for name in SOURCES
    }
    return Ruleset(
        limits=of((10, 10, 50), (1, 2, 2), (2, 1, 1), (1, 1, 1)),
        rules=of(RULES, RULES, ("email",), ("number", "phone"), ("address",)),
        same_source=of("review", "merge"),
        mailbox_folding=of(True, False, True),
        retroactive_link=of("never", "never", "verified_email", "always"),
        blocked=of(frozenset(), frozenset(("stop@example.org",)), frozenset(("example.org", "+48501228855"))),
        timezone=of("Europe/Berlin", "Europe/Warsaw", "Asia/Tokyo"),
        currency=of("EUR", "EUR", "CHF"),
        sources=sources,
    )


def _keys(claims: Sequence[tuple[str, Record]]) -> list[RecordKey]:
    keys: list[RecordKey] = [("alfa", "customer", "9")]  # nobody brings this one
    for source, record in claims:
        keys.append((source, _entity(record), record.external_id))  # type: ignore[union-attr]
        if isinstance(record, Order):
            keys[-1] = (source, "guest_order", record.external_id)
    return sorted({key for key in keys if key[1] in ("customer", "contact", "manual", "guest_order")})


@st.composite
def _decisions(draw: st.DrawFn, keys: Sequence[RecordKey], most: int) -> tuple[Decided, ...]:
    if len(keys) < 2:
        return ()
    pair = st.tuples(_some(("must", "cannot")), _some(keys), _some(keys)).filter(lambda made: made[1] != made[2])
    return tuple(Decided(*made) for made in draw(st.lists(pair, min_size=draw(st.integers(0, most)), max_size=most)))


class Placed(NamedTuple):
    """Orders that are placed by hand: each with a person of its own who is said to be somebody, and what shops say to it."""

    kept: tuple[tuple[Record, ...], ...] = ()
    decisions: tuple[Decided, ...] = ()
    answers: tuple[tuple[RecordKey, str], ...] = ()

    def turns(self, drains: Random) -> list[Turn]:
        """What happens, in any order."""
        found = [Turn("keep", HERE, records) for records in self.kept]
        return found + [Turn("answer", answer=one, drain=drains.random() < 0.7) for one in self.answers]


@st.composite
def _placed(draw: st.DrawFn, focus: Focus, claims: Sequence[tuple[str, Record]]) -> Placed:
    """As `flow/ordering.py` keeps them."""
    dice = Random(draw(st.integers(0, 2**16)))
    keys = dice.sample(PLACED, draw(st.integers(1, focus.placed))) if focus.placed else []
    shops = dice.sample(list(product(*focus.orders)), len(keys))
    meant = [key for key in _keys(claims) if key[1] != "guest_order"]
    return Placed(
        tuple(placed_here(key, total=dice.choice((0, 700)), placed_at=dice.choice(TIMES[2:])) for key in keys),
        tuple(Decided("must", dice.choice(meant), (HERE, "customer", key)) for key in keys),
        tuple(((shop, "order", ext), key) for (shop, ext), key in zip(shops, keys, strict=True) if dice.random() < 0.5),
    )


def placed_here(key: str, **says: Any) -> tuple[Record, ...]:
    """What is kept of an order that somebody places by hand."""
    says = {"total": 700, "currency": "EUR", "state": "open", "number": f"L-{key}", **says}
    return Person(external_id=key, kind="guest"), Order(external_id=key, customer=key, placed_as=key, **says)


def _bought(claims: Sequence[tuple[str, Record]]) -> list[RecordKey]:
    return sorted({_key(source, record) for source, record in claims if isinstance(record, Order)})


@st.composite
def _words(
    draw: st.DrawFn, keys: Sequence[RecordKey], most: int, bought: Sequence[RecordKey] = ()
) -> tuple[Worded, ...]:
    def made(said: Any, key: RecordKey) -> Worded:
        return Worded(said[0], key, said[1])

    said = st.one_of(_some(WORDS), _some(HANDS), _some(HANDS))
    word = st.builds(made, said, _some(keys))
    if bought:
        word = st.one_of(word, word, word, st.builds(made, _some(OF_ORDERS), _some(bought)))
    return tuple(draw(st.lists(word, min_size=draw(st.integers(0, most)), max_size=most)))


# -- ways --------------------------------------------------------------------------------------------------------------


@st.composite
def _way(
    draw: st.DrawFn,
    claims: Sequence[tuple[str, Record]],
    decisions: Sequence[Decided],
    words: Sequence[Worded],
    final: Ruleset,
    kept: Sequence[tuple[str, Record]],
    detours: Focus | None,
    placed: Placed,
) -> Way:
    """A way: the claims in any order, some again, in syncs and pages of any size; decisions and rules in between."""
    again = draw(st.lists(st.integers(0, len(claims) - 1), max_size=3, unique=True))
    stream = [*draw(st.permutations(claims)), *(claims[place] for place in again)]
    turns: list[Turn] = []
    while stream:
        count = draw(st.integers(1, len(stream)))
        batch, stream = stream[:count], stream[count:]
        for source in dict.fromkeys(source for source, _ in batch):
            records = tuple(record for uid, record in batch if uid == source)
            turns.append(Turn("bring", source, records, size=draw(_some((1, 2, 3, 250)))))
    _insert(turns, draw, [Turn("decide", decision=one, drain=draw(st.booleans())) for one in decisions])
    _insert(turns, draw, [Turn("say", word=one, drain=draw(st.booleans())) for one in words])
    if placed.kept:
        dice = Random(draw(st.integers(0, 2**16)))
        happens = placed.turns(dice)
        dice.shuffle(happens)
        _insert(turns, draw, happens)
    if kept:
        _insert(turns, draw, [Turn("keep", kept[0][0], tuple(record for _, record in kept), draw(_some((1, 2, 250))))])
    start = final
    if detours is not None:
        start = draw(rulesets())
        changes = [*draw(st.lists(rulesets(), max_size=1)), final]
        _insert(turns, draw, [Turn("rules", ruleset=ruleset, drain=draw(st.booleans())) for ruleset in changes])
        for one in draw(_decisions(_keys(claims), 1)):
            for_now = [Turn(what, decision=one, drain=draw(st.booleans())) for what in ("for_now", "withdraw")]
            _insert(turns, draw, for_now)
        for word in draw(_words(_keys(claims), 1, _bought(claims))):
            word = word._replace(detail={**word.detail, "note": "for now"})
            _insert(
                turns, draw, [Turn(what, word=word, drain=draw(st.booleans())) for what in ("say_for_now", "unsay")]
            )
        for source, record in draw(st.lists(_some(claims), max_size=1)):
            gone = Gone(entity=_entity(record), external_id=record.external_id)
            turns.insert(draw(st.integers(0, len(turns))), Turn("bring", source, (gone,)))
        for source in draw(_picked(sorted({source for source, _ in claims}), 2)):
            _insert(turns, draw, draw(_import(source, detours, claims)))
    return Way(start, tuple(turns))


@st.composite
def _kept(draw: st.DrawFn, focus: Focus, claims: Sequence[tuple[str, Record]]) -> tuple[tuple[str, Record], ...]:
    """A file that stays, in few worlds: each record once, into a source that others speak for too."""
    if draw(st.integers(0, 3)):
        return ()
    source = draw(_some(sorted({source for source, _ in claims})))
    found = {_key(uid, record): (uid, record) for uid, record in draw(_claims(4, focus)) if uid == source}
    return tuple(found.values())


@st.composite
def _import(draw: st.DrawFn, source: str, focus: Focus, claims: Sequence[tuple[str, Record]]) -> list[Turn]:
    """A file that comes and is taken back later: some records of the world as they are, as others tell them, and such
    as nobody else brings."""
    found = [record for uid, record in draw(_claims(4, focus)) if uid == source]
    found += draw(st.lists(_some([record for uid, record in claims if uid == source]), max_size=2))
    if not found:
        return []
    return [
        Turn("import", source, tuple(found), size=draw(_some((1, 2, 250)))),
        Turn("take back", source, drain=draw(st.booleans())),
    ]


def _insert(turns: list[Turn], draw: st.DrawFn, more: Sequence[Turn]) -> None:
    """Put turns in at any places, in their order: the newest decision on a pair wins, and the last ruleset rules."""
    places = draw(st.lists(st.integers(0, len(turns)), min_size=len(more), max_size=len(more)))
    for shift, (place, turn) in enumerate(zip(sorted(places), more, strict=True)):
        turns.insert(place + shift, turn)


@st.composite
def plans(draw: st.DrawFn, most: int = 6, foci: Sequence[Focus] = FOCI) -> Plan:
    """A world of one of the foci and two ways to it: one with all detours, one straight."""
    focus = draw(_some(foci))
    claims = draw(_claims(most, focus))
    ruleset = draw(rulesets(focus.guests))
    placed = draw(_placed(focus, claims)) if focus.placed else Placed()
    decisions = (*draw(_decisions(_keys(claims), 3)), *placed.decisions)
    words = draw(_words(_keys(claims), focus.words, _bought(claims)))
    kept = draw(_kept(focus, claims))
    ways = (
        draw(_way(claims, decisions, words, ruleset, kept, detours=focus, placed=placed)),
        draw(_way(claims, decisions, words, ruleset, kept, detours=None, placed=placed)),
    )
    kept += tuple((HERE, record) for records in placed.kept for record in records)
    return Plan(claims, decisions, ruleset, ways, words, kept, placed.answers)
