"""Rows written straight into the tables of the list, and the list as a plain filter and sort over them: the oracle."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from klientela.kit import Line, Order
from klientela.rules.products import packed
from klientela.rules.text import search_text, sort_key
from klientela.store import Store, bitmaps, facts, filters, ids, search
from klientela.store import tables as t
from klientela.store.database import Db

SOURCES = (("main", "shopify"), ("my-depot", "billbee"), ("news", "csv"))
FIRST = ("Anna", "Änne", "Ben", "Bo", None)
LAST = ("Öztürk", "Oster", "Ozan", "Berliner", "Müller", "Li", None)
TOWNS = (
    ("Berlin", "DE"),
    ("Bern", "CH"),
    ("Łódź", "PL"),
    ("Polanów", "PL"),
    ("Ulm", "DE"),
    (None, None),
    ("Utopia", "Utopia"),
)
COMPANIES = ("Shopify Fans", "ACME & Co", "Über GmbH", None, None)
WORDS = (
    "berlin",
    "ber",
    "be",
    "b",
    "an",
    "anna",
    "änne",
    "OZ",
    "öz",
    "müller",
    "mueller",
    "muller",
    "shopify",
    "billbee",
    "depot",
    "my",
    "news",
    "csv",
    "de",
    "pl",
    "polen",
    "poland",
    "deutschland",
    "schweiz",
    "gmx.de",
    "@gm",
    ".de",
    "%",
    "_",
    "a%",
    "'",
    '"',
    "zzz",
    "li",
    "acme",
    "&",
    "ü",
    "u",
    "utopia",
)


TAGS = ("vip", 'the "best"', 'the "best', "best", "back\\slash", "vip, old", "Ärger", "registered", "a" * 300)
LINES = (
    ("T-Shirt", "TS-1"), ("t-shirt", "TS-2"), ("Hose", "HO"), (None, "ho"), ("Mütze", None), ("Schuh", "TS-1"), (None, None),
)  # fmt: skip
"""Titles and SKUs: some are one product in two spellings, some SKUs lead to several."""
MODULES = ("Shop", "Terminplan")
ANSWERS = (
    ("email", "promotion", "granted"), ("email", "promotion", "denied"), ("email", "system", "granted"),
    ("sms", "promotion", "granted"),
)  # fmt: skip


@dataclass(slots=True)
class Row:
    """What the list knows of one customer."""

    id: int
    pub: bytes
    first: str | None
    last: str | None
    email: str | None
    company: str | None
    city: str | None
    country: str | None
    registered: bool
    manual: bool
    inactive: bool
    sources: list[int]
    joined: int | None
    seen: int
    ltv: int
    orders: int
    newest: int | None
    gross: int
    gross_orders: int
    gross_newest: int | None
    tags: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    consents: tuple[tuple[str, str, str], ...] = ()  # channel, purpose, state
    tests: int = 0
    scanned: int | None = None
    lines: tuple[tuple[tuple[str | None, str | None], bool], ...] = ()  # one an order: title, SKU, whether it counts

    @property
    def hay(self) -> str:
        return search_text(self.first, self.last, self.email, self.company, self.city)

    @property
    def display(self) -> str:
        return " ".join(x for x in (self.last, self.first) if x) or self.email or f"x{self.id}"

    @property
    def pub8(self) -> int:
        return ids.pub8(self.pub)


def invent(count: int, seed: int, sources: int = 3) -> list[Row]:
    """Rows with many equals, many missing values, and every kind of customer."""
    r = random.Random(seed)
    more = random.Random(seed + 1_000_000)
    made = []
    for number in range(1, count + 1):
        first, last = r.choice(FIRST), r.choice(LAST)
        city, country = r.choice(TOWNS)
        orders = r.choice((0, 0, 1, 2, 3))
        gross_orders = orders + r.choice((0, 0, 1))
        day = 86_400_000_000
        made.append(
            Row(
                number,
                ids.public_id("main", "customer", str(number), b""),
                first,
                last,
                r.choice((None, f"{sort_key(first or 'x')}{number % 7}@gmx.de", f"bo{number % 5}@berlin.example")),
                r.choice(COMPANIES),
                city,
                country,
                r.random() < 0.6,
                r.random() < 0.1,
                r.random() < 0.1,
                sorted(r.sample(range(1, sources + 1), r.choice((1, 1, 2)))),
                r.choice((None, r.randrange(5) * day)),
                r.randrange(5) * day,
                r.choice((0, 100, 100, 250)) if orders else 0,
                orders,
                r.choice((None, r.randrange(20) * day // 3)) if orders else None,
                300 * gross_orders,
                gross_orders,
                r.randrange(20) * day // 3 if gross_orders else None,
                tuple(sorted(more.sample(TAGS, more.choice((0, 0, 0, 1, 1, 3))))),
                tuple(sorted(more.sample(MODULES, more.choice((0, 1, 1, 2))))),
                tuple({one[:2]: one for one in more.sample(ANSWERS, more.choice((0, 0, 1, 3)))}.values()),
                more.choice((0, 0, 0, 1, 2)),
                more.choice((None, None, None, 77)),
                tuple((more.choice(LINES), more.random() < 0.8) for _ in range(more.choice((0, 1, 1, 3)))),
            )
        )
    return made


def put(store: Store, rows: Sequence[Row], sources: Sequence[tuple[str, str]] = SOURCES) -> None:
    """Write the rows as the journey would."""
    with store.step("test") as step:
        db = step.db
        db.insert(
            t.source,
            ("id", "uid", "label", "type", "connected"),
            [(i, n, n, k, 1) for i, (n, k) in enumerate(sources, 1)],
        )
        _write(db, rows)


def replace(store: Store, old: Sequence[Row], new: Sequence[Row]) -> None:
    """Write other rows in the place of some, as the journey would."""
    with store.step("test") as step:
        db = step.db
        numbers = db.pack(row.id for row in old)
        for table, column in (("customer", "id"), ("tally", "id"), ("posting", "customer")):
            db.run(f"DELETE FROM {table} WHERE {column} {db.among}", (numbers,))
        db.run(f"DELETE FROM record WHERE id IN (SELECT id FROM orders WHERE owner {db.among})", (numbers,))
        db.run(f"DELETE FROM orders WHERE owner {db.among}", (numbers,))
        db.run(f"DELETE FROM person WHERE id {db.among}", (numbers,))
        search.remove(db, [(row.id, row.hay, _facet(row)) for row in old])
        _keep(db, old, -1)
        _write(db, new)
        bitmaps.touch(db, [row.id for row in (*old, *new)], [])


def _facet(row: Row) -> int:
    return search.facet(row.country, row.registered, row.manual, row.sources)


def _figures(rows: Sequence[Row]) -> Counter[tuple[str, str]]:
    figures: Counter[tuple[str, str]] = Counter()
    for row in rows:
        figures.update(
            ("customers", part)
            for part in (["inactive"] if row.inactive else ["", *(f"source:{s}" for s in row.sources)])
        )
        kind = (
            search.tally_facet(_facet(row), row.gross_orders),
            int(row.inactive),
            row.orders,
            row.tests,
            row.scanned,
        )
        figures.update(("segment", part) for part in filters.segments_of(*kind))
        told = (row.country, int(row.registered), json.dumps(row.sources), *_texts(row))
        figures.update((filters.figure_of(row.inactive), part) for part in filters.parts_of(*told))
    return figures


def _texts(row: Row) -> tuple[str | None, ...]:
    """Tags, modules and consents as the row of the list keeps them."""
    said: dict[str, dict[str, str]] = {}
    for channel, purpose, state in row.consents:
        said.setdefault(channel, {})[purpose] = state
    return tuple(
        json.dumps(found, sort_keys=True, ensure_ascii=False) if found else None
        for found in (list(row.tags), list(row.modules), said)
    )


def _keep(db: Db, rows: Sequence[Row], sign: int) -> None:
    db.upsert(
        t.figure,
        ("name", "part", "day", "value"),
        [(name, part, 0, sign * value) for (name, part), value in sorted(_figures(rows).items())],
        ("name", "part", "day"),
        add=("value",),
    )


def _write(db: Db, rows: Sequence[Row]) -> None:
    customers, tallies, texts, postings = [], [], [], []
    for row in rows:
        facet = _facet(row)
        number = ids.short_number(row.pub)
        customers.append(
            (
                row.id,
                row.pub,
                row.pub8,
                row.id,
                1,
                row.first,
                row.last,
                row.email,
                None,
                row.company,
                row.city,
                row.country,
                int(row.registered),
                int(row.manual),
                int(row.inactive),
                number,
                row.joined,
                row.seen,
                json.dumps(row.sources),
                *_texts(row),
                f"x{row.id}",
                row.hay,
                facet,
                sort_key(row.display),
                sort_key(row.email) if row.email else None,
                sort_key(row.company) if row.company else None,
                sort_key(row.city) if row.city else None,
            )
        )
        tallies.append(
            (
                row.id,
                row.pub8,
                sort_key(row.last) if row.last else "\uffff",
                int(row.inactive),
                search.tally_facet(facet, row.gross_orders),
                row.ltv,
                row.orders,
                row.newest,
                _day(row.newest),
                row.gross,
                row.gross_orders,
                row.gross_newest,
                _day(row.gross_newest),
                row.tests,
                row.scanned,
            )
        )
        texts.append((row.id, row.hay, facet))
        postings += [(source, row.id) for source in row.sources]
    db.insert(
        t.customer,
        (
            "id",
            "pub",
            "pub8",
            "anchor",
            "n",
            "first_name",
            "last_name",
            "email",
            "phone",
            "company",
            "city",
            "country",
            "status",
            "manual",
            "inactive",
            "number",
            "joined",
            "seen",
            "sources",
            "tags",
            "modules",
            "consents",
            "fallback",
            "hay",
            "facet",
            "s_name",
            "s_email",
            "s_company",
            "s_city",
        ),
        customers,
    )
    db.insert(
        t.tally,
        (
            "id",
            "pub8",
            "s_last",
            "inactive",
            "facet",
            "ltv",
            "orders",
            "last",
            "last_day",
            "gross",
            "gross_orders",
            "gross_last",
            "gross_day",
            "tests",
            "scanned",
        ),
        tallies,
    )
    db.insert(t.posting, ("source", "customer"), sorted(postings))
    _keep(db, rows, 1)
    search.index(db, texts)
    _write_orders(db, rows)


def _write_orders(db: Db, rows: Sequence[Row]) -> None:
    """An order for each line, told by the first source."""
    records, orders = [], []
    for row in rows:
        for place, ((title, sku), counts) in enumerate(row.lines):
            number = 10_000_000 + row.id * 10 + place
            lines = [Line(title=title, sku=sku)]
            body = facts.encode(Order(external_id=str(number), lines=lines))
            records.append((number, 1, facts.ORDER, str(number), 0, 1, 0, body))
            orders.append((number, row.id, "EUR", 100, 100 if counts else None, "open", 0, packed(lines)))
    persons = [(row.id, "", b"", 0, 0) for row in rows]
    db.insert(t.person, ("id", "name", "keys", "flags", "seen"), persons)
    db.insert(t.record, ("id", "source", "entity", "ext", "gone", "seq", "more", "body"), records)
    db.insert(t.orders, ("id", "owner", "currency", "gross", "ltv", "state", "test", "products"), orders)


def _day(moment: int | None) -> int | None:
    return None if moment is None else moment // 86_400_000_000


def expected(
    rows: Sequence[Row],
    *,
    query: str | None,
    sort: str,
    totals: str,
    listed: bool,
    source: int | None,
    inactive: bool,
    sources: dict[int, facts.SourceRow],
    segment: str = "all",
    asked: Mapping[str, Sequence[str]] | None = None,
) -> list[int]:
    """The ids of the whole list, in order: the rules once more, row by row."""
    terms = search.terms(query, sources)
    hits = [
        row
        for row in rows
        if row.inactive == (inactive or segment == "inactive")
        and (not listed or row.manual or row.gross_orders > 0)
        and (source is None or source in row.sources)
        and all(term.hits(row.hay, row.country, row.sources) for term in terms)
        and stands_in(row, segment)
        and all(
            not values or not said(row, facet, sources).isdisjoint(meant(facet, values))
            for facet, values in (asked or {}).items()
        )
    ]
    return [row.id for row in sorted(hits, key=lambda row: _key(row, sort, totals))]


def stands_in(row: Row, segment: str) -> bool:
    """Whether a row has its place under a tab, of whichever list."""
    return {
        "all": True,
        "inactive": True,
        "registered": row.registered,
        "guest": not row.registered,
        "repeat": row.orders >= 2,
        "scanned": row.scanned is not None,
        "test": row.tests >= 1,
    }[segment]


def said(row: Row, facet: str, sources: dict[int, facts.SourceRow]) -> set[str]:
    """The values that a row has of a facet, in the words people ask by."""
    if facet == "consent":
        answers = {(channel, purpose): state for channel, purpose, state in row.consents}
        found = {
            f"{channel}:{purpose}:{answers.get((channel, purpose), 'unknown')}"
            for channel in filters.CHANNELS
            for purpose in filters.PURPOSES
        }
        return found | {f"any:{purpose}:{state}" for (_, purpose), state in answers.items()}
    if facet == "product":
        bought = [line for line, counts in row.lines if counts]
        return {sort_key(title or sku or "") for title, sku in bought if title or sku} | {
            f"sku {sort_key(sku)}" for _, sku in bought if sku
        }
    return {
        "country": {row.country} if row.country else set(),
        "status": {"registered" if row.registered else "guest"},
        "tag": set(row.tags),
        "module": set(row.modules),
        "scanned": {"no" if row.scanned is None else "yes"},
        "sources": {sources[number].label for number in row.sources},
    }[facet]


def meant(facet: str, values: Sequence[str]) -> set[str]:
    """What people mean by the values of a facet, in the words of `said`."""
    if facet != "product":
        return set(values)
    return {form for value in values for form in (sort_key(value), f"sku {sort_key(value)}")}


ASKED: dict[str, tuple[str, ...]] = {
    "country": ("DE", "PL", "Utopia", "FR"),
    "status": ("registered", "guest"),
    "tag": (*TAGS, "nobody"),
    "consent": (
        *(f"{c}:promotion:{s}" for c in ("email", "sms", "any") for s in ("granted", "denied")),
        "email:system:granted",
        "email:system:unknown",
        "email:promotion:unknown",
        "post:system:unknown",
    ),
    "module": MODULES,
    "product": ("T-SHIRT", "hose", "ts-1", "Ho", "mutze", "nothing of the kind"),
    "scanned": ("yes", "no"),
    "sources": tuple(name for name, _ in SOURCES),
}


def ask(r: random.Random) -> tuple[str, dict[str, list[str]]]:
    """A segment and filters, often none."""
    segment = r.choice(("all", "all", "all", *filters.SEGMENTS))
    facets = r.sample(sorted(ASKED), r.choice((0, 0, 1, 1, 2, 3)))
    return segment, {facet: r.sample(ASKED[facet], r.choice((1, 1, min(2, len(ASKED[facet]))))) for facet in facets}


class _Down:
    """Turns an order around."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Down) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Down) and bool(self.value == other.value)


def _key(row: Row, sort: str, totals: str) -> tuple[Any, ...]:
    key, _, way = sort.partition(":")
    gross = totals == "gross"
    if key in ("ltv", "autoletter"):
        return _list_key(row, way == "asc")
    if key == "cockpit" or (key == "last_order" and gross):
        return _cockpit_key(row, way == "asc")
    texts = {
        "name": row.display,
        "email": row.email,
        "company": row.company,
        "location": row.city,
        "city": row.city,
    }
    value: Any
    if key in texts:
        text = texts[key]
        value = sort_key(text) if text else None
    else:
        value = {
            "country": row.country,
            "status": int(row.registered),
            "id": row.pub8,
            "orders": row.gross_orders if gross else row.orders,
            "last_order": row.newest,
            "joined": row.joined if row.joined is not None else row.seen,
            "site123": row.joined if row.joined is not None else row.seen,
        }[key]
    down = way == "desc" or (not way and key in ("orders", "last_order", "joined", "site123"))
    turn = _Down if down else (lambda x: x)
    return (value is None, turn(value) if value is not None else 0, turn(row.pub8))


def _list_key(row: Row, turned: bool) -> tuple[Any, ...]:
    last = sort_key(row.last) if row.last else "\uffff"
    dated = (row.newest is None, -(row.newest or 0))
    if not turned:
        return (-row.ltv, *dated, last, row.pub8)
    return (row.ltv, _Down(dated), _Down(last), _Down(row.pub8))


def _cockpit_key(row: Row, turned: bool) -> tuple[Any, ...]:
    last = sort_key(row.last) if row.last else "\uffff"
    day = _day(row.gross_newest)
    if not turned:
        return (day is None, -(day or 0), last, row.pub8)
    return (day is None, day or 0, _Down(last), _Down(row.pub8))
