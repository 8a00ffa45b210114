"""Bitmaps of a large list: for each thing a customer may be, one bit per customer, so that every question is a few ANDs.

A bitmap has a name, and the customer with id 7 is its bit 7. It is stored in parts of `SPAN` ids; a part that is
absent is empty. There are bitmaps of

- `live` and `inactive`: which list a customer stands in; `listed`: an orderer or manual (K6);
- `source:N`, `country:DE`, and what else is filtered by: `registered`, `repeat`, `scanned`, `test`,
  `consent:email:promotion:granted`, `tag#HASH`, `module#HASH`, `country#HASH` (store/filters.py),
  and `product:KEY`, bought in an order that counts (store/products.py);
- `text:ber`: the searched text has these three characters, two blanks before every word. Kept are beginnings of words,
  and what many customers have: a term with other characters hits few, and the search index finds those at once;
- `word:berlin`: the text has this between anything but letters and digits; the frequent ones;
- `AXIS/0` … `AXIS/9`: the bits of the customer's *bucket* in an order, of which there are 1024 by rising key;
  `AXIS/null` where the leading key is missing.

They are an index, not data: customers that changed since stand in `unmapped` and are looked at one by one.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from klientela.store import tables as t
from klientela.store.database import Db
from klientela.store.filters import bitmap_of, values_in
from klientela.store.search import LISTED

SPAN = 32_000
"""Ids in one part: 4,000 bytes fill a page of SQLite and half a page of PostgreSQL."""
BITS = 10
BUCKETS = 1 << BITS
_OWN = -1  # the part that holds what belongs to a name as a whole
_STATE = "state"


@dataclass
class Limits:
    """When bitmaps pay."""

    least: dict[str, int] = field(default_factory=lambda: {"sqlite": 150_000, "postgresql": 50_000})
    """Lists with fewer customers have none: every question is answered soon enough without."""
    frequent: float = 0.006
    """The share of the customers from which on three characters, or a word, have a bitmap."""
    grams: int = 1_000
    """Three characters that have one, beginnings of words aside."""
    words: int = 300
    merge: int = 1_000
    """Changed customers that are looked at one by one before they are put into the bitmaps."""
    most: int = 6_000
    """With more of them the bitmaps are not used."""


LIMITS = Limits()


# -- what stands where ----------------------------------------------------------------------------------------------


class State(NamedTuple):
    """How far the bitmaps are. `upto`: parts before this one hold every customer; None: all do."""

    upto: int | None
    last: int  # the last part
    customers: int  # of both lists when they were made
    grams: frozenset[str]
    words: frozenset[str]

    def maps(self, gram: str) -> bool:
        """Whether there is a bitmap of three characters, be it empty."""
        return gram in self.grams or _begins(gram)


def state(db: Db) -> State | None:
    """The state of the bitmaps; None where there are none."""
    found = own(db, [_STATE]).get(_STATE)
    if found is None:
        return None
    upto, last, customers, grams, words = found
    return State(upto, last, customers, frozenset(grams), frozenset(words))


def keep_state(db: Db, now: State) -> None:
    """Store the state."""
    keep_own(db, _STATE, [now.upto, now.last, now.customers, sorted(now.grams), sorted(now.words)])


def own(db: Db, names: Iterable[str]) -> dict[str, Any]:
    """What belongs to some names as a whole."""
    rows = db.blobs(f"SELECT name, body FROM bitmap WHERE part = {_OWN} AND name {db.among_text}", (db.pack(names),))
    return {name: msgspec.msgpack.decode(body) for name, body in rows}


def keep_own(db: Db, name: str, value: Any) -> None:
    """Store what belongs to a name as a whole."""
    db.upsert(t.bitmap, ("name", "part", "body"), [(name, _OWN, msgspec.msgpack.encode(value))], ("name", "part"))


_BOUGHT, _MOST = "product/counts", "product/most"


def bought(db: Db) -> dict[str, int]:
    """How many customers each bitmap of a product has."""
    return dict(own(db, [_BOUGHT]).get(_BOUGHT, {}))


def most_bought(db: Db) -> list[tuple[str, int]]:
    """Of those to be told the first, as `keep_bought` was told them."""
    return [(name, count) for name, count in own(db, [_MOST]).get(_MOST, ())]


def keep_bought(db: Db, counts: Mapping[str, int], most: Sequence[tuple[str, int]]) -> None:
    """Store both."""
    keep_own(db, _BOUGHT, {name: count for name, count in sorted(counts.items()) if count})
    keep_own(db, _MOST, most)


def touch(db: Db, rows: Iterable[int], figures: Iterable[int]) -> None:
    """Note customers whose row changed, and those of whom figures did, where there are bitmaps."""
    if db.one(f"SELECT 1 FROM bitmap WHERE part = {_OWN} AND name = '{_STATE}'") is None:
        return
    changed = [*((number, 1) for number in sorted(set(rows))), *((number, 0) for number in sorted(set(figures)))]
    db.upsert(t.unmapped, ("id", "whole"), changed, ("id", "whole"))


def clear(db: Db) -> None:
    """Forget all bitmaps."""
    db.run("DELETE FROM bitmap")
    db.run("DELETE FROM unmapped")


def load(db: Db, names: Iterable[str], last: int) -> dict[str, int]:
    """Some bitmaps, each one number whose bit n is the customer with id n; `last` is the last part."""
    parts: dict[str, list[bytes]] = {name: [] for name in names}
    blank = bytes(SPAN // 8)
    for name, part, body in db.blobs(
        f"SELECT name, part, body FROM bitmap WHERE part {db.among} AND name {db.among_text} ORDER BY part",
        (db.pack(range(last + 1)), db.pack(parts)),
    ):
        there = parts[name]
        if len(there) < part:
            there += [blank] * (part - len(there))
        there.append(body if len(body) == SPAN // 8 else unpack(body).to_bytes(SPAN // 8, "little"))
    return {name: int.from_bytes(b"".join(there), "little") for name, there in parts.items()}


class Crowd:
    """Some customers, of whom it is asked again and again how many have the bits of other bitmaps."""

    def __init__(self, bits: int) -> None:
        data = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
        size = SPAN // 8
        parts = {part: data[part * size : (part + 1) * size] for part in range(-(-len(data) // size))}
        self._of = {part: int.from_bytes(some, "little") for part, some in parts.items() if any(some)}
        self._digits: dict[int, bytes] = {}
        self.first: dict[str, int] = {}
        """One of them that has the bit, by the name of each bitmap that was counted and is not empty."""

    def counts(self, db: Db, names: Iterable[str]) -> dict[str, int]:
        """How many of them each of some bitmaps has."""
        size = SPAN // 8
        found = dict.fromkeys(names, 0)
        for name, part, body in db.blobs(
            f"SELECT name, part, body FROM bitmap WHERE part {db.among} AND name {db.among_text} ORDER BY part",
            (db.pack(self._of), db.pack(found)),
        ):
            if len(body) == size:
                both = self._of[part] & int.from_bytes(body, "little")
                count = both.bit_count()
                if count and name not in self.first:
                    self.first[name] = part * SPAN + (both & -both).bit_length() - 1
            else:
                if part not in self._digits:  # a byte for each, so that a place is one look
                    self._digits[part] = f"{self._of[part]:b}".encode()[::-1].ljust(SPAN, b"0")
                digits, places = self._digits[part], array("H", body)
                count = sum(map(digits.__getitem__, places)) - _ZERO * len(places)
                if count and name not in self.first:
                    self.first[name] = part * SPAN + next(place for place in places if digits[place] != _ZERO)
            found[name] += count
        return found


# -- numbers and bits -----------------------------------------------------------------------------------------------

_SOME = re.compile(rb"[^\0]", re.DOTALL)
_ZERO = ord("0")
_PLACES = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


def numbers(bits: int) -> list[int]:
    """The set bits, ascending."""
    data = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    found: list[int] = []
    for hit in _SOME.finditer(data):
        start = hit.start()
        base = start * 8
        found += [base + place for place in _PLACES[data[start]]]
    return found


def batches(bits: int, size: int) -> Iterator[list[int]]:
    """The set bits, ascending, about so many at a time; who stops early has not paid for the rest."""
    width = SPAN * 4
    data = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    found: list[int] = []
    for start in range(0, len(data), width // 8):
        found += [start * 8 + place for place in numbers(int.from_bytes(data[start : start + width // 8], "little"))]
        while len(found) >= size:
            yield found[:size]
            found = found[size:]
    if found:
        yield found


def bits_of(places: Sequence[int], width: int = SPAN) -> int:
    """A number with these bits set, all below `width`."""
    if len(places) * 32 < width:
        few = bytearray((width + 7) // 8)
        for place in places:
            few[place >> 3] |= 1 << (place & 7)
        return int.from_bytes(few, "little")
    marked = bytearray(width + -width % 8)
    for place in places:
        marked[place] = 1
    wide = int.from_bytes(marked, "little")  # a byte for each: eight at a time are pushed together
    wide |= wide >> 7
    wide |= wide >> 14
    wide |= wide >> 28
    return int.from_bytes(wide.to_bytes(len(marked), "little")[::8], "little")


_FEW = 500
"""Bits that are stored as their places, two bytes each."""


def pack(bits: int) -> bytes:
    """One part of a bitmap as it is stored."""
    if bits.bit_count() < _FEW:
        return array("H", numbers(bits)).tobytes()
    return bits.to_bytes(SPAN // 8, "little")


def unpack(body: bytes) -> int:
    """One part of a bitmap out of what is stored."""
    if len(body) == SPAN // 8:
        return int.from_bytes(body, "little")
    marked = bytearray(SPAN // 8)
    for place in array("H", body):
        marked[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(marked, "little")


def has_none(body: bytes, places: set[int]) -> bool:
    """Whether a part that is stored as places surely has none of these."""
    return len(body) != SPAN // 8 and places.isdisjoint(array("H", body))


# -- what a customer is ---------------------------------------------------------------------------------------------

_COLUMNS = (
    "c.id", "c.inactive", "c.hay", "c.sources", "c.country", "t.facet", "c.pub8", "c.s_name", "c.s_email",
    "c.s_company", "c.s_city", "c.status", "c.since", "t.ltv", "t.last", "t.s_last", "t.orders", "t.gross_day",
    "t.gross_orders", "c.tags", "c.modules", "c.consents", "t.tests", "t.scanned",
)  # fmt: skip
_AT = {name.partition(".")[2]: place for place, name in enumerate(_COLUMNS)}
ID, INACTIVE, HAY, SOURCES, COUNTRY, FACET = range(6)
_PUB8, STATUS, ORDERS, TAGS, MODULES, CONSENTS, TESTS, SCANNED = (
    _AT[name] for name in ("pub8", "status", "orders", "tags", "modules", "consents", "tests", "scanned")
)

Values = tuple[Any, ...]


def _column(name: str) -> tuple[int, Callable[[Values], Any]]:
    place = _AT[name]
    return place, lambda row: (row[place], row[_PUB8])


def _list_key(row: Values) -> Any:
    last = row[_AT["last"]]
    return (-row[_AT["ltv"]], last is None, -(last or 0), row[_AT["s_last"]], row[_PUB8])


def _cockpit_key(row: Values) -> Any:
    day = row[_AT["gross_day"]]
    return (None if day is None else -day, row[_AT["s_last"]], row[_PUB8])


AXES: Mapping[str, tuple[int, Callable[[Values], Any]]] = {
    "list": (_AT["ltv"], _list_key),
    "cockpit": (_AT["gross_day"], _cockpit_key),
    "pub8": (_PUB8, lambda row: row[_PUB8]),
    **{
        name: _column(name)
        for name in (
            "s_name", "s_email", "s_company", "s_city", "country", "status", "since", "orders", "last", "gross_orders",
        )
    },
}  # fmt: skip
"""Each order by its name (`Sort.axis`): the place of its leading key in a row, and its rising key."""


OF_FIGURES = ("list", "cockpit", "orders", "last", "gross_orders")
"""Orders by figures: while nothing else of a customer changed, it stays where it is in all others."""


def facts(db: Db, where: str, params: Sequence[Any] = ()) -> list[Values]:
    """Rows that `Marker` reads, of customers `c` with their figures `t`."""
    then = "CROSS JOIN" if db.sqlite else "JOIN"
    return db.rows(
        f"SELECT {', '.join(_COLUMNS)} FROM customer c {then} tally t ON t.id = c.id WHERE {where}", tuple(params)
    )


def columns_of(axis: str) -> tuple[str, ...]:
    """The columns of an order's key; its table has them all."""
    return {"list": ("ltv", "last", "s_last", "pub8"), "cockpit": ("gross_day", "s_last", "pub8")}.get(
        axis, ("pub8",) if axis == "pub8" else (axis, "pub8")
    )


def row_with(columns: Sequence[str], values: Sequence[Any]) -> Values:
    """A row that has nothing but these columns."""
    row: list[Any] = [None] * len(_COLUMNS)
    for column, value in zip(columns, values, strict=True):
        row[_AT[column]] = value
    return tuple(row)


def sources_of(row: Values) -> list[int]:
    """The sources of a row."""
    text: str = row[SOURCES]
    return list(map(int, text[1:-1].split(","))) if len(text) > 2 else []


_LONG = 1000


def _threes(length: int) -> list[slice]:
    return [slice(place, place + 3) for place in range(length - 2)]


_THREE = _threes(_LONG)


def grams(hay: str) -> set[str]:
    """All combinations of three characters in a searched text, two blanks before each word."""
    text = hay.replace(" ", "  ")
    return set(map(text.__getitem__, _THREE[: len(text) - 2] if len(text) < _LONG else _threes(len(text))))


def grams_of_term(text: str) -> list[str]:
    """Those that a term's text is made of; a term of one or two letters begins a word."""
    blanks = {1: "  ", 2: " "}.get(len(text), "")
    whole = blanks + text
    return sorted({whole[place : place + 3] for place in range(len(whole) - 2)})


_WORD = re.compile(r"[^\W_]{4,}")


def words_of(hay: str) -> set[str]:
    """The words of a searched text that are long enough to need a bitmap of their own."""
    return set(_WORD.findall(hay))


def _begins(gram: str) -> bool:
    """Whether three characters are the beginning of a word of plain letters or digits."""
    letters = gram.lstrip(" ")
    return len(letters) < 3 and letters.isascii() and letters.isalnum()


class Side:
    """Buckets by rising key: `first` holds the keys below the first bound, and each bound begins one more.

    Numbers are left over at both ends, where orders by a time grow.
    """

    def __init__(self, first: int, bounds: Iterable[Any]) -> None:
        self.first = first
        self.bounds = [tuple(bound) if isinstance(bound, list) else bound for bound in bounds]

    @property
    def last(self) -> int:
        """The bucket of the highest keys."""
        return self.first + len(self.bounds)


class Scale:
    """Which bucket of an order a customer falls into."""

    def __init__(self, axis: str, there: Side, missing: Side) -> None:
        self.axis = axis
        self.lead, self.key = AXES[axis]
        self.there, self.missing = there, missing

    def side(self, missing: bool) -> Side:
        """The buckets of the rows that have the leading key, or of those that have none."""
        return self.missing if missing else self.there

    def place(self, row: Values) -> tuple[bool, int]:
        """Whether the leading key is missing, and the bucket among the rows of which that is equally true."""
        missing = row[self.lead] is None
        side = self.missing if missing else self.there
        return missing, side.first + bisect_right(side.bounds, self.key(row))


def scales(db: Db, axes: Iterable[str]) -> dict[str, Scale]:
    """The stored scales of some axes."""
    found = own(db, [f"{axis}/bounds" for axis in axes])
    return {
        (axis := name.partition("/")[0]): Scale(axis, Side(*there), Side(*missing))
        for name, (there, missing) in found.items()
    }


def keep_scale(db: Db, scale: Scale) -> None:
    """Store a scale."""
    sides = [[side.first, side.bounds] for side in (scale.there, scale.missing)]
    keep_own(db, f"{scale.axis}/bounds", sides)


def bucket_names(axis: str, bucket: int) -> list[str]:
    """The bitmaps that say of a customer that it is in a bucket."""
    return [f"{axis}/{bit}" for bit in range(BITS) if bucket >> bit & 1]


_TOLD = (("tag", TAGS), ("module", MODULES), ("consent", CONSENTS))


@lru_cache(maxsize=4096)
def _bitmaps_in(facet: str, text: str) -> tuple[str, ...]:
    return tuple(bitmap_of(facet, value) for value in values_in(facet, text))


def _counted(row: Values) -> list[str]:
    """What figures say, orders aside."""
    found = ["listed"] if row[FACET] & LISTED else []
    if row[ORDERS] > 1:
        found.append("repeat")
    if row[TESTS]:
        found.append("test")
    if row[SCANNED] is not None:
        found.append("scanned")
    return found


class _Names(dict[str, str]):
    """The bitmap of three characters, or nothing; found out once for each."""

    def __init__(self, now: State) -> None:
        self._now = now

    def __missing__(self, gram: str) -> str:
        name = self[gram] = f"text:{gram}" if self._now.maps(gram) else ""
        return name


class Marker:
    """Says of which bitmaps a customer is a part."""

    def __init__(self, now: State, by_axis: Mapping[str, Scale]) -> None:
        self._grams = _Names(now)
        self._figures = tuple(scale for axis, scale in by_axis.items() if axis in OF_FIGURES)
        self._words = now.words
        self._scales = tuple(by_axis.values())
        self._buckets = {axis: [bucket_names(axis, bucket) for bucket in range(BUCKETS)] for axis in by_axis}

    def names(self, row: Values) -> list[str]:
        """The names of the bitmaps with this customer's bit."""
        found = ["inactive" if row[INACTIVE] else "live"]
        if row[STATUS]:
            found.append("registered")
        if row[COUNTRY]:
            found.append(bitmap_of("country", row[COUNTRY]))
        for facet, place in _TOLD:
            if row[place] is not None:
                found += _bitmaps_in(facet, row[place])
        found += [f"source:{number}" for number in sources_of(row)]
        hay: str = row[HAY]
        found += filter(None, map(self._grams.__getitem__, grams(hay)))
        found += [f"word:{word}" for word in self._words & words_of(hay)]
        found += _counted(row)
        found += self._placed(row, self._scales)
        return found

    def figures(self, row: Values) -> list[str]:
        """Those of them that figures alone decide."""
        found = self._placed(row, self._figures)
        found += _counted(row)
        return found

    def _placed(self, row: Values, by: Iterable[Scale]) -> list[str]:
        found = []
        for scale in by:
            missing, bucket = scale.place(row)
            if missing:
                found.append(f"{scale.axis}/null")
            found += self._buckets[scale.axis][bucket]
        return found


FIGURES = (
    "listed",
    "repeat",
    "test",
    "scanned",
    *(f"{axis}/{bit}" for axis in OF_FIGURES for bit in (*range(BITS), "null")),
)
"""The bitmaps that figures decide."""
