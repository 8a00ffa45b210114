"""How many customers each value of each facet has under a search and filters, most frequent first.

Four roads, and which one is taken never changes the answer: of a whole list every sync keeps the counts; few matches are
read row by row; many of a large list are counted by its bitmaps; of a list without them the rows are grouped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from functools import cached_property
from typing import Any, NamedTuple

from klientela.rules.products import is_title
from klientela.store import bitmaps, products
from klientela.store.bitmaps import Crowd
from klientela.store.database import Db
from klientela.store.filters import FACETS, OPEN, STATES, Pick, bitmap_of, figure_of, part_of, values_in
from klientela.store.finder import Finder
from klientela.store.matches import FIND, SCAN, Wanted
from klientela.store.rows import Lens
from klientela.store.search import LISTED

READ = 2_000
READ_A_PART = 60
"""So many matches are read row by row rather than counted by bitmaps: at most, and for each part that bitmaps have."""
OFFERED = 50
"""Of more values of a facet than that only those are offered that most customers of the whole list have: the tail, of which
few have any, would be all that there is to count. Products are held against the last time that bitmaps were brought up to
date; of a list without bitmaps all are offered."""
_AT_ONCE = 48
"""Bitmaps of values that are read together, the most frequent first."""

_COLUMNS = {
    "country": "c.country",
    "status": "c.status",
    "tag": "c.tags",
    "consent": "c.consents",
    "module": "c.modules",
    "scanned": "CASE WHEN y.scanned IS NULL THEN 0 ELSE 1 END",
    "sources": "c.sources",
}
_PLACES = {facet: place for place, facet in enumerate(_COLUMNS)}


class Counts(NamedTuple):
    """How many match, and how many of them have each value of each facet; sources by their ids."""

    total: int
    of: dict[str, Counter[str]]


def counted(db: Db, by: Lens, wanted: Wanted, top: int) -> dict[str, list[dict[str, Any]]]:
    """`{facet: [{"value", "label", "count"}]}`: the `top` values of each facet, the chosen ones always among them. What
    is chosen of a facet does not narrow its own values: they are alternatives."""
    groups: dict[tuple[Pick, ...], list[str]] = {}
    for facet in FACETS:
        others = tuple(pick for pick in wanted.picks if pick.facet != facet)
        groups.setdefault(others, []).append(facet)
    chosen = {pick.facet: pick.values for pick in wanted.picks}
    found = {}
    late = _Late(db, wanted, by)
    for picks, facets in groups.items():
        finder = _Counting(db, wanted._replace(picks=picks), by, late)
        plain = [facet for facet in facets if facet != "product"]
        counts = finder.counts(plain, top, chosen)
        for facet in plain:
            found[facet] = _told(counts, facet, chosen.get(facet, ()), top, by, finder.offered(facet))
        if "product" in facets:
            found["product"] = finder.bought(top, chosen.get("product", ()))
    return {facet: found[facet] for facet in FACETS}


def _told(
    counts: Counts, facet: str, chosen: Sequence[Any], top: int, by: Lens, offered: Set[str] | None
) -> list[dict[str, Any]]:
    of = counts.of[facet]
    if facet == "sources":
        of = Counter({by.sources[int(number)].label: count for number, count in of.items()})
        chosen = [by.sources[number].label for number in chosen]
    order = sorted(
        (-count, value) for value, count in of.items() if count > 0 and (offered is None or value in offered)
    )
    values = [value for _, value in order[:top]]
    values += [
        value
        for value in chosen
        if value not in values and (of[value] or facet != "consent") and part_of(facet, value) is not None
    ]
    told = [{"value": value, "label": value, "count": of[value]} for value in values]
    for value in chosen:
        if facet == "consent" and value.endswith(":unknown"):
            asked = value.removesuffix("unknown")
            answered = sum(of[asked + state] for state in STATES[:2])
            told.append({"value": value, "label": value, "count": counts.total - answered})
    return told


class _Late(Finder):
    """The customers that changed since the bitmaps were made, read once for all the questions about one list: which of them
    match but for the choice of one facet, and what their rows and orders say."""

    def __init__(self, db: Db, wanted: Wanted, by: Lens) -> None:
        super().__init__(db, wanted, by)
        self._read_of: set[int] = set()
        self._bought_by: dict[int, set[bytes]] = {}

    @cached_property
    def _failing(self) -> dict[int, frozenset[Pick]]:
        """The choices that a customer does not meet, none or one, by its id."""
        picks = [pick for pick in self.wanted.picks if pick.facet != "product"]
        bought = [pick for pick in self.wanted.picks if pick.facet == "product"]
        conditions = [self._pick(pick, "k", "tally") for pick in picks]
        where, params = self._terms("k", "c")
        listed = f" AND (k.facet & {LISTED}) <> 0" if self.wanted.listed else ""
        join = f" {self._then} customer c ON c.id = u.id" if self.wanted.terms else ""
        self._mode(FIND)
        rows = self.db.rows(
            f"SELECT {', '.join(['k.id', *(sql for sql, _ in conditions)])} "
            f"FROM (SELECT DISTINCT id FROM unmapped) AS u {self._then} tally k ON k.id = u.id{join} "
            f"WHERE k.inactive = ?{listed}{where}",
            (*(value for _, some in conditions for value in some), self.inactive, *params),
        )
        found = {
            number: frozenset(pick for pick, holds in zip(picks, meets, strict=True) if not holds)
            for number, *meets in rows
        }
        found = {number: failing for number, failing in found.items() if len(failing) < 2}
        if bought and found:
            self._read_products(found)
            of = self._bought_by
            for pick in bought:
                keys = {key for value in pick.values for key in products.keys_meant(value)}
                for number, failing in found.items():
                    if keys.isdisjoint(of.get(number, ())):
                        found[number] = failing | {pick}
        return {number: failing for number, failing in found.items() if len(failing) < 2}

    def matching_late(self, picks: Iterable[Pick]) -> list[int]:
        """Those that meet these of the choices."""
        asked = set(picks)
        return [number for number, failing in self._failing.items() if asked.isdisjoint(failing)]

    def purchases(self, ids: Iterable[int]) -> dict[int, set[bytes]]:
        """What each of some of them bought, by its id."""
        self._read_products(ids)
        return {number: self._bought_by[number] for number in ids if number in self._bought_by}

    def _read_products(self, ids: Iterable[int]) -> None:
        fresh = set(ids) - self._read_of
        self._read_of |= fresh
        self._bought_by.update(products.of_customers(self.db, fresh) if fresh else {})

    @cached_property
    def _said(self) -> dict[int, tuple[Any, ...]]:
        """What the rows of all of them say of each facet, in the order of `_COLUMNS`."""
        these = "SELECT value AS id FROM json_each(?)" if self.db.sqlite else "SELECT unnest(?::bigint[]) AS id"
        self._mode(FIND)
        rows = self.db.rows(
            f"SELECT h.id, {', '.join(_COLUMNS.values())} FROM ({these}) AS h {self._then} customer c ON c.id = h.id "
            f"{self._then} tally y ON y.id = h.id",
            (self.db.pack(self._failing),),
        )
        return {number: tuple(said) for number, *said in rows}

    def counts(self, facets: Sequence[str], ids: Sequence[int]) -> Counts:
        """How many of some of them have each value."""
        if not ids:
            return Counts(0, {facet: Counter() for facet in facets})
        rows = [self._said[number] for number in ids]
        found = {}
        for facet in facets:
            place = _PLACES[facet]
            found[facet] = _values(facet, Counter(row[place] for row in rows if row[place] is not None))
        return Counts(len(rows), found)


class _Counting(Finder):
    """Counts values among the customers that match."""

    def __init__(self, db: Db, wanted: Wanted, by: Lens, late: _Late) -> None:
        super().__init__(db, wanted, by, late)
        self._known: dict[str, list[tuple[str, int]]] = {}
        self._changed = late

    def _late_ids(self) -> list[int]:
        return self._changed.matching_late(self.wanted.picks)

    @property
    def _few(self) -> int:
        """So many matches are read row by row: bitmaps cost by the length of the list, rows by the matches."""
        usable = self._usable()
        return min(READ, READ_A_PART * (usable[0].last + 1)) if usable is not None else READ

    def counts(self, facets: Sequence[str], top: int, chosen: dict[str, tuple[Any, ...]]) -> Counts:
        """The counts of at least the `top` values of each facet and of the chosen ones."""
        if not self.wanted.terms and not self.wanted.filtered:
            return self._kept(facets)
        if not facets:
            return Counts(0, {})
        mapped = self.matches
        if mapped is None:
            hits = self._hits("customer")
            self._mode(FIND if self.wanted.terms else SCAN)
            return self._grouped(facets, f"SELECT {hits.alias}.id AS id {hits.sql}", hits.params)
        bits, late = mapped
        if bits.bit_count() + len(late) <= self._few:
            return self._of_rows(facets, [*bitmaps.numbers(bits), *late])
        return self._mapped(facets, bits, self._changed.counts(facets, late), top, chosen)

    @cached_property
    def matches(self) -> tuple[int, list[int]] | None:
        """All that match, by bitmaps: their bits, and the ids of those that changed since."""
        found = self.whole()
        return None if found is None else found[1:]

    @cached_property
    def crowd(self) -> Crowd:
        """Those of them that did not change since."""
        return Crowd(self.matches[0] if self.matches else 0)

    # -- of a whole list ----------------------------------------------------------------------------------------------

    def _kept(self, facets: Sequence[str]) -> Counts:
        found = {facet: Counter(dict(self._overall(facet))) for facet in facets}
        return Counts(self.everybody, found)

    def offered(self, facet: str) -> Set[str] | None:
        """The values that may be offered; None for all."""
        if facet not in OPEN or len(self._overall(facet)) <= OFFERED:
            return None
        return {value for value, _ in self._overall(facet)[:OFFERED]}

    def _overall(self, facet: str) -> list[tuple[str, int]]:
        """The values of a facet in the whole list with their counts, most frequent first."""
        if facet not in self._known:
            self._known[facet] = self._read_overall(facet)
        return self._known[facet]

    def _read_overall(self, facet: str) -> list[tuple[str, int]]:
        if facet == "scanned":
            scanned = self.figures.get("inactive:scanned" if self.wanted.inactive else "scanned", 0)
            return [("yes", scanned), ("no", self.everybody - scanned)]
        rows = self.db.rows(
            "SELECT part, value FROM figure WHERE name = ? AND part > ? AND part < ? AND day = 0 AND value > 0 "
            "ORDER BY value DESC, part",
            (figure_of(self.wanted.inactive), f"{facet}:", f"{facet};"),
        )
        return [(part.partition(":")[2], value) for part, value in rows]

    # -- row by row ---------------------------------------------------------------------------------------------------

    def _of_rows(self, facets: Sequence[str], ids: list[int]) -> Counts:
        if not ids:
            return Counts(0, {facet: Counter() for facet in facets})
        self._mode(FIND)
        these = "SELECT value AS id FROM json_each(?)" if self.db.sqlite else "SELECT unnest(?::bigint[]) AS id"
        return self._grouped(facets, these, [self.db.pack(ids)])

    def _grouped(self, facets: Sequence[str], ids: str, params: Iterable[Any]) -> Counts:
        columns = [_COLUMNS[facet] for facet in facets]
        join = f" {self._then} tally y ON y.id = h.id" if "scanned" in facets else ""
        total = 0
        found: dict[str, Counter[Any]] = {facet: Counter() for facet in facets}
        for *values, count in self.db.rows(
            f"SELECT {', '.join(columns)}, count(*) FROM ({ids}) AS h {self._then} customer c ON c.id = h.id{join} "
            f"GROUP BY {', '.join(map(str, range(1, len(columns) + 1)))}",
            tuple(params),
        ):
            total += count
            for of, value in zip(found.values(), values, strict=True):
                if value is not None:
                    of[value] += count
        return Counts(total, {facet: _values(facet, of) for facet, of in found.items()})

    # -- by bitmaps ---------------------------------------------------------------------------------------------------

    def _mapped(
        self, facets: Sequence[str], bits: int, late: Counts, top: int, chosen: dict[str, tuple[Any, ...]]
    ) -> Counts:
        total, crowd = bits.bit_count(), self.crowd
        found = dict(late.of)
        plain = {"status": "registered", "scanned": "scanned"}
        names = [plain[facet] for facet in facets if facet in plain]
        names += [f"source:{number}" for number in self.sources] if "sources" in facets else []
        of = crowd.counts(self.db, names)
        for facet in facets:
            if facet == "sources":
                found[facet].update({str(number): of[f"source:{number}"] for number in self.sources})
            elif facet in plain:
                yes, no = ("registered", "guest") if facet == "status" else ("yes", "no")
                found[facet].update({yes: of[plain[facet]], no: total - of[plain[facet]]})
            else:
                self._most(facet, found[facet], crowd, top, chosen.get(facet, ()))
        return Counts(total + late.total, found)

    def _most(self, facet: str, found: Counter[str], crowd: Crowd, top: int, chosen: Sequence[Any]) -> None:
        """Count the values that may be among the first: no value has more matches than customers in all."""
        overall = self._overall(facet)
        must = set(chosen)
        if facet == "consent":
            must |= {value.removesuffix("unknown") + state for value in chosen for state in STATES[:2]}
        here = overall[:OFFERED] if facet in OPEN else overall
        start = 0
        while start < len(here) and not _decided(found, top, here[start][1]):
            self._count(facet, found, [value for value, _ in here[start : start + _AT_ONCE]], crowd)
            start += _AT_ONCE
        self._count(
            facet, found, [value for value, _ in [*here[start:], *overall[len(here) :]] if value in must], crowd
        )

    def _count(self, facet: str, found: Counter[str], values: Sequence[str], crowd: Crowd) -> None:
        names = {value: bitmap_of(facet, value) for value in values}
        counts = crowd.counts(self.db, names.values()) if names else {}
        found.update({value: counts[name] for value, name in names.items()})

    # -- products -----------------------------------------------------------------------------------------------------

    def bought(self, top: int, chosen: Sequence[str]) -> list[dict[str, Any]]:
        """What is told of products: those that most customers bought, and the chosen ones."""
        meant = {text: products.keys_meant(text) for text in chosen}
        if self.matches is None:
            hits = self._hits("customer")
            self._mode(FIND if self.wanted.terms else SCAN)
            of = products.of_all(self.db, f"SELECT {hits.alias}.id {hits.sql}", hits.params)
            found = _of_sets(of, _counts_in(of), top, meant)
        else:
            bits, late = self.matches
            self._mode(FIND)
            if bits.bit_count() + len(late) <= self._few:
                ids = [*bitmaps.numbers(bits), *late]
                of = products.of_customers(self.db, ids)
                found = _of_sets(of, self._offered_of(_counts_in(of)), top, meant)
            else:
                found = self._bought(bits, self._changed.purchases(late), top, meant)
        names = products.names(self.db, {key: customer for key, (_, customer) in found.most.items()})
        spelled = {keys[0]: text for text, keys in meant.items()}  # as it was chosen, so that it is known again
        told: list[dict[str, Any]] = [
            {"value": spelled.get(key, names[key]), "label": names[key], "count": found.most[key][0]} for key in names
        ]
        told.sort(key=lambda one: (-one["count"], one["label"]))
        told += [
            {"value": text, "label": text, "count": found.chosen[text]}
            for text, keys in meant.items()
            if names.keys().isdisjoint(keys)
        ]
        return told

    @cached_property
    def _products(self) -> list[tuple[bytes, int]]:
        """How many customers bitmaps know of each product, most frequent first."""
        found = ((products.key_in(name), count) for name, count in bitmaps.most_bought(self.db))
        return [(key, count) for key, count in found if key is not None]

    def _offered_of(self, counts: Counter[bytes]) -> Counter[bytes]:
        """Without the products that are not offered."""
        if len(self._products) <= OFFERED:
            return counts
        offered = {key for key, _ in self._products[:OFFERED]}
        return Counter({key: count for key, count in counts.items() if key in offered})

    def _bought(
        self, bits: int, late: dict[int, set[bytes]], top: int, meant: dict[str, tuple[bytes, bytes]]
    ) -> _Bought:
        """The same by bitmaps, where no product has more matches than customers in all."""
        found = self._offered_of(_counts_in(late))
        bounds = Counter(found)
        bounds.update(dict(self._products[:OFFERED]))
        here = sorted(((count, key) for key, count in bounds.items() if count > 0), reverse=True)
        start = 0
        while start < len(here) and not _decided(found, top, here[start][0]):
            names = {key: products.bitmap_of(key) for _, key in here[start : start + _AT_ONCE]}
            counts = self.crowd.counts(self.db, names.values())
            found.update({key: counts[name] for key, name in names.items()})
            start += _AT_ONCE
        asked = {products.bitmap_of(key) for keys in meant.values() for key in keys}
        stored = bitmaps.load(self.db, asked, bits.bit_length() // bitmaps.SPAN) if asked else {}
        first = self.crowd.first
        return _Bought(
            {
                key: (count, first[name] if (name := products.bitmap_of(key)) in first else _who(late, key))
                for key, count in _first(found, top)
            },
            {
                text: ((stored[products.bitmap_of(title)] | stored[products.bitmap_of(sku)]) & bits).bit_count()
                + sum(not some.isdisjoint((title, sku)) for some in late.values())
                for text, (title, sku) in meant.items()
            },
        )


class _Bought(NamedTuple):
    """The most frequent products, each with its count and one who bought it; the counts of the chosen ones."""

    most: dict[bytes, tuple[int, int]]
    chosen: dict[str, int]


def _decided(found: Counter[Any], top: int, most: int) -> bool:
    """Whether none that has at most so many can be among the first."""
    best = sorted(found.values(), reverse=True)[:top]
    return len(best) == top and best[-1] > most


def _of_sets(
    of: dict[int, set[bytes]], counts: Counter[bytes], top: int, meant: dict[str, tuple[bytes, bytes]]
) -> _Bought:
    """The same out of what each customer bought."""
    most = _first(counts, top)
    return _Bought(
        {key: (count, _who(of, key)) for key, count in most},
        {text: sum(not some.isdisjoint(keys) for some in of.values()) for text, keys in meant.items()},
    )


def _counts_in(of: dict[int, set[bytes]]) -> Counter[bytes]:
    return Counter(key for keys in of.values() for key in keys if is_title(key))


def _first(counts: Counter[bytes], top: int) -> list[tuple[bytes, int]]:
    return sorted(((key, n) for key, n in counts.items() if n > 0), key=lambda pair: (-pair[1], pair[0]))[:top]


def _who(of: dict[int, set[bytes]], key: bytes) -> int:
    return min(customer for customer, keys in of.items() if key in keys)


def _values(facet: str, of: Counter[Any]) -> Counter[str]:
    """Counts of what rows hold as counts of the values in it."""
    if facet == "status":
        return Counter({"registered": of[1], "guest": of[0]})
    if facet == "scanned":
        return Counter({"yes": of[1], "no": of[0]})
    found: Counter[str] = Counter()
    for text, count in of.items():
        for value in (text,) if facet == "country" else values_in(facet, text):
            if part_of(facet, value) is not None:
                found[str(value)] += count
    return found
