"""How many customers each value of each facet has under a search and filters, most frequent first.

Four roads, and which one is taken never changes the answer: of a whole list every sync keeps the counts; few matches are
read row by row; many of a large list are counted by its bitmaps; of a list without them the rows are grouped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from klientela.store import bitmaps
from klientela.store.database import Db
from klientela.store.filters import FACETS, STATES, Pick, bitmap_of, figure_of, part_of, values_in
from klientela.store.finder import Finder
from klientela.store.matches import FIND, SCAN, Wanted
from klientela.store.rows import Lens

READ = 2_000
"""So many matches are read row by row rather than counted by bitmaps."""
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
    for picks, facets in groups.items():
        finder = _Counting(db, wanted._replace(picks=picks), by)
        counts = finder.counts(facets, top, chosen)
        for facet in facets:
            found[facet] = _told(counts, facet, chosen.get(facet, ()), top, by)
    return {facet: found[facet] for facet in FACETS}


def _told(counts: Counts, facet: str, chosen: Sequence[Any], top: int, by: Lens) -> list[dict[str, Any]]:
    of = counts.of[facet]
    if facet == "sources":
        of = Counter({by.sources[int(number)].label: count for number, count in of.items()})
        chosen = [by.sources[number].label for number in chosen]
    order = sorted((-count, value) for value, count in of.items() if count > 0)
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


class _Counting(Finder):
    """Counts values among the customers that match."""

    def counts(self, facets: Sequence[str], top: int, chosen: dict[str, tuple[Any, ...]]) -> Counts:
        """The counts of at least the `top` values of each facet and of the chosen ones."""
        if not self.wanted.terms and not self.wanted.filtered:
            return self._kept(facets)
        mapped = self.whole()
        if mapped is None:
            hits = self._hits("customer")
            self._mode(FIND if self.wanted.terms else SCAN)
            return self._grouped(facets, f"SELECT {hits.alias}.id AS id {hits.sql}", hits.params)
        _, bits, late = mapped
        if bits.bit_count() + len(late) <= READ:
            return self._of_rows(facets, [*bitmaps.numbers(bits), *late])
        return self._mapped(facets, bits, self._of_rows(facets, late), top, chosen)

    # -- of a whole list ----------------------------------------------------------------------------------------------

    def _kept(self, facets: Sequence[str]) -> Counts:
        found = {facet: Counter(dict(self._overall(facet))) for facet in facets}
        return Counts(self.everybody, found)

    def _overall(self, facet: str) -> list[tuple[str, int]]:
        """The values of a facet in the whole list with their counts, most frequent first."""
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
        total = bits.bit_count()
        found = dict(late.of)
        plain = {"status": "registered", "scanned": "scanned"}
        names = [plain[facet] for facet in facets if facet in plain]
        names += [f"source:{number}" for number in self.sources] if "sources" in facets else []
        of = bitmaps.counts(self.db, names, bits)
        for facet in facets:
            if facet == "sources":
                found[facet].update({str(number): of[f"source:{number}"] for number in self.sources})
            elif facet in plain:
                yes, no = ("registered", "guest") if facet == "status" else ("yes", "no")
                found[facet].update({yes: of[plain[facet]], no: total - of[plain[facet]]})
            else:
                self._most(facet, found[facet], bits, top, chosen.get(facet, ()))
        return Counts(total + late.total, found)

    def _most(self, facet: str, found: Counter[str], bits: int, top: int, chosen: Sequence[Any]) -> None:
        """Count the values that may be among the first: no value has more matches than customers in all."""
        overall = self._overall(facet)
        must = set(chosen)
        if facet == "consent":
            must |= {value.removesuffix("unknown") + state for value in chosen for state in STATES[:2]}
        for start in range(0, len(overall), _AT_ONCE):
            some = overall[start : start + _AT_ONCE]
            best = sorted(found.values(), reverse=True)[:top]
            if len(best) == top and best[-1] > some[0][1]:
                some = [pair for pair in overall[start:] if pair[0] in must]
                start = len(overall)
            names = {value: bitmap_of(facet, value) for value, _ in some}
            of = bitmaps.counts(self.db, names.values(), bits)
            found.update({value: of[name] for value, name in names.items()})
            if start == len(overall):
                return


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
