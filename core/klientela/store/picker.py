"""The page of an order out of bitmaps: what matches is a few ANDs, and where a page begins in an order a few counts.

The bits of a term's text may name too many: each three characters of it stand in the row, not always side by side.
Then rows are read to be sure. The answer is always that of `Finder`'s other roads; this one does not care where in the
order the matches hide, nor how far down the page is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from klientela.store import bitmaps, filters, products
from klientela.store import search as searching
from klientela.store.bitmaps import BITS, State
from klientela.store.database import Db
from klientela.store.matches import FIND, LIMITS, Found, Matches, Wanted
from klientela.store.rows import Lens
from klientela.store.search import Term
from klientela.store.sorting import Sort


class _Late(NamedTuple):
    """A match among the customers that changed since: where it stands in the order."""

    missing: bool
    bucket: int
    id: int


class _Run(NamedTuple):
    """Customers that follow each other in the order, in no order among themselves: bits, and late ones."""

    bits: int
    late: list[int]


class _Walk:
    """The matches in an order, run by run; what is skipped is counted, not looked at."""

    def __init__(self, axis: list[int], late: list[_Late], *, turned: bool, skip: int, enough: int) -> None:
        self.axis = axis  # the bits of the bucket numbers, the lowest first
        self.late = sorted(late)
        self.turned = turned
        self.skip = skip
        self.enough = enough
        self.begun = False

    def runs(self, bits: int, missing: bool) -> Iterator[_Run]:
        """Those that have the leading key, or those that lack it."""
        late = [one for one in self.late if one.missing == missing]
        at = [one.bucket for one in late]
        stack = [(bits, 0, BITS)]
        while stack:
            some, first, left = stack.pop()
            begin, end = bisect_left(at, first), bisect_left(at, first + (1 << left))
            found = some.bit_count()
            count = found + end - begin
            if not count:
                continue
            if not self.begun and self.skip >= count:
                self.skip -= count
            elif not left or count <= self.enough:
                self.begun = True
                yield _Run(some, [one.id for one in late[begin:end]])
            else:
                ones = some & self.axis[left - 1]
                low = (some ^ ones, first, left - 1)
                high = (ones, first + (1 << (left - 1)), left - 1)
                stack += (low, high) if self.turned else (high, low)


class Picker(Matches):
    """Answers questions out of the bitmaps. What one question read serves others `like` it, in the same transaction."""

    def __init__(self, db: Db, wanted: Wanted, by: Lens, like: Picker | None = None) -> None:
        super().__init__(db, wanted, by, like)
        self.loaded: dict[str, int] = like.loaded if like is not None else {}
        self._rarely: dict[tuple[str, ...], dict[str, int]] = like._rarely if like is not None else {}
        self._standing: list[tuple[State, list[int]] | None] = like._standing if like is not None else []

    def picked(self, order: Sort, offset: int, size: int) -> Found | None:
        """The ids at `offset` of an order, and the total; None where bitmaps cannot tell."""
        usable = self._usable()
        if usable is None:
            return None
        now, changed = usable
        sure, unsure, terms = self._candidates(now)
        late: list[_Late] = []
        if changed:
            mask = self._bits(changed)
            sure, unsure = sure ^ (sure & mask), unsure ^ (unsure & mask)
            late = self._late(order)
        total = sure.bit_count() + len(late)
        if unsure and (total <= LIMITS.few or unsure.bit_count() <= LIMITS.read):
            need = max(LIMITS.read, LIMITS.few + 1 - total)
            read, ids = self._read(unsure, terms, need)
            sure, unsure = sure | self._bits(ids), unsure ^ (unsure & read)
            total += len(ids)
        capped = total > LIMITS.few and self.known() is None
        ids = self._down(order, now, (sure, unsure, terms), late, offset, size) if offset < total or unsure else []
        return Found(ids, LIMITS.few if capped else total, capped=capped)

    def whole(self) -> tuple[State, int, list[int]] | None:
        """The bits of all that match, and the ids of those among them that changed since; None where bitmaps cannot
        tell."""
        usable = self._usable()
        if usable is None:
            return None
        now, changed = usable
        sure, unsure, terms = self._candidates(now)
        late: list[int] = []
        if changed:
            mask = self._bits(changed)
            sure, unsure = sure ^ (sure & mask), unsure ^ (unsure & mask)
            late = self._late_ids()
        if unsure:
            sure |= self._bits(self._read(unsure, terms, unsure.bit_count())[1])
        return now, sure, late

    def _late_ids(self) -> list[int]:
        """The ids of the matches among the customers that changed since."""
        return [row[0] for row in self._of_changed("tally", ())]

    def _usable(self) -> tuple[State, list[int]] | None:
        """The state of the bitmaps and who changed since; None where there are none, or too many changed."""
        if not self._standing:
            self._standing.append(self._read_standing())
        return self._standing[0]

    def _read_standing(self) -> tuple[State, list[int]] | None:
        now = bitmaps.state(self.db)
        if now is None or now.upto is not None:
            return None
        changed = [
            row[0] for row in self.db.rows("SELECT DISTINCT id FROM unmapped LIMIT ?", (bitmaps.LIMITS.most + 1,))
        ]
        return None if len(changed) > bitmaps.LIMITS.most else (now, changed)

    # -- what matches -------------------------------------------------------------------------------------------------

    def _candidates(self, now: State) -> tuple[int, int, list[Term]]:
        """The bits of those that surely match, of those that may, and the terms that these must be asked about."""
        wanted = self.wanted
        every = {"inactive" if wanted.inactive else "live"}
        if wanted.listed:
            every.add("listed")
        if wanted.source is not None:
            every.add(f"source:{wanted.source}")
        texts = {term.text: bitmaps.grams_of_term(term.text) for term in wanted.terms}
        few = [term for term in wanted.terms if not all(map(now.maps, texts[term.text]))]
        asked_of = tuple(term.text for term in few)
        if asked_of not in self._rarely:
            self._rarely[asked_of] = self._rare(few)
        rare = self._rarely[asked_of]
        plans = [_plan(term, now, texts[term.text]) for term in wanted.terms]
        picks = [filters.bitmaps_of(pick) for pick in wanted.picks]
        asked = every.union(
            *(names for plan in plans for names in plan), *(names for pick in picks for names, _ in pick)
        )
        self.loaded.update(bitmaps.load(self.db, asked - self.loaded.keys(), now.last))
        stored = self.loaded
        may = stored[every.pop()]
        for name in every:
            may &= stored[name]
        for pick in picks:
            may = _passing(may, pick, stored)
        sure = may
        unsure = []
        for term, (needed, enough, others) in zip(wanted.terms, plans, strict=True):
            hits, surely = may, 0
            if term.text in rare:
                hits = surely = rare[term.text]
            else:
                for name in needed:
                    hits &= stored[name]
                for name in enough:
                    surely |= stored[name]
                if len(texts[term.text]) == 1 and needed:
                    surely = hits
                else:
                    unsure.append(term)
            for name in others:
                hits |= stored[name]
                surely |= stored[name]
            may, sure = may & hits, sure & surely
        sure &= may
        return sure, may ^ sure, unsure

    def _rare(self, terms: list[Term]) -> dict[str, int]:
        """The bits of those terms whose text few rows hold, found by the search index; plain terms together."""
        plain = [term for term in terms if term.plain]
        found = {}
        for group in [plain, *([term] for term in terms if not term.plain)]:
            if not group:
                continue
            self._mode(FIND)
            if self.db.sqlite:
                sql, params = "SELECT rowid FROM search WHERE search MATCH ?", [" AND ".join(x.phrase for x in group)]
            else:
                sql = f"SELECT id FROM customer WHERE {' AND '.join('hay LIKE ?' for _ in group)}"
                params = [term.like for term in group]
            ids = [row[0] for row in self.db.rows(f"{sql} LIMIT ?", (*params, 2 * LIMITS.few + 1))]
            if len(ids) <= 2 * LIMITS.few:
                found.update(dict.fromkeys((term.text for term in group), self._bits(ids)))
        return found

    def _bits(self, ids: Sequence[int]) -> int:
        return bitmaps.bits_of(ids, max(ids) + 1) if ids else 0

    def _late(self, order: Sort) -> list[_Late]:
        """The matches among the customers that changed since, row by row."""
        scale = bitmaps.scales(self.db, [order.axis])[order.axis]
        found = self._of_changed(order.table, bitmaps.columns_of(order.axis))
        return [_Late(*scale.place(bitmaps.row_with(bitmaps.columns_of(order.axis), row[1:])), row[0]) for row in found]

    def _of_changed(self, table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """Id and columns of a table, of the matches among the customers that changed since."""
        texts = "c" if self.wanted.terms and table != "customer" else "k"
        join = f" {self._then} customer c ON c.id = u.id" if texts == "c" else ""
        where, params = self._terms("k", texts)
        more, picked = self._filters("k", table, bought=False)
        self._mode(FIND)
        found = self.db.rows(
            f"SELECT {', '.join(f'k.{column}' for column in ('id', *columns))} "
            f"FROM (SELECT DISTINCT id FROM unmapped) AS u {self._then} {table} k ON k.id = u.id{join} "
            f"WHERE k.inactive = ?{more}{where}",
            (self.inactive, *picked, *params),
        )
        asked = [pick for pick in self.wanted.picks if pick.facet == "product"]
        if not asked or not found:
            return found
        bought = products.of_customers(self.db, (row[0] for row in found))
        for pick in asked:
            meant = {key for value in pick.values for key in products.keys_meant(value)}
            found = [row for row in found if not meant.isdisjoint(bought.get(row[0], ()))]
        return found

    def _read(self, bits: int, terms: list[Term], need: int) -> tuple[int, list[int]]:
        """Ask customers until so many are sure to match: which were asked, and who matches."""
        asked = 0
        found: list[int] = []
        for some in bitmaps.batches(bits, need + need // 64 + 100):
            found += self._sure(some, terms)
            asked |= self._bits(some)
            if len(found) >= need:
                break
        return asked, found

    def _sure(self, ids: list[int], terms: list[Term]) -> list[int]:
        """Those of some customers that all terms hit."""
        if not terms or not ids:
            return ids
        where, params = self._terms("c", "c", terms, source=False)
        these = "json_each(?) AS j" if self.db.sqlite else "unnest(?::bigint[]) AS j (value)"
        self._mode(FIND)
        sql = f"SELECT c.id FROM {these} {self._then} customer c ON c.id = j.value WHERE TRUE{where}"
        return [row[0] for row in self.db.rows(sql, (self.db.pack(ids), *params))]

    # -- where it stands ----------------------------------------------------------------------------------------------

    def _down(
        self, order: Sort, now: State, found: tuple[int, int, list[Term]], late: list[_Late], offset: int, size: int
    ) -> list[int]:
        """A page of an order of what matches; where that is unsure, everything before the page is made sure too."""
        sure, unsure, terms = found
        nullable = len(order.segments) > 1
        names = [f"{order.axis}/{bit}" for bit in range(BITS)]
        stored = bitmaps.load(self.db, [*names, *([f"{order.axis}/null"] if nullable else [])], now.last)
        bits = sure | unsure
        without = bits & stored[f"{order.axis}/null"] if nullable else 0
        walk = _Walk(
            [stored[name] for name in names],
            late,
            turned=order.turned,
            skip=0 if unsure else offset,
            enough=max(400, size, offset // 4 if unsure else 0),
        )
        sides = ((False, bits ^ without), (True, without))
        runs = (run for missing, those in sides for run in walk.runs(those, missing))
        if unsure:
            return self._surely_down(order, runs, unsure, terms, offset, size)
        ids: list[int] = []
        for run in runs:
            ids += bitmaps.numbers(run.bits)
            ids += run.late
            if len(ids) >= walk.skip + size:
                break
        return self._sorted(order, ids, walk.skip, size)

    def _surely_down(
        self, order: Sort, runs: Iterator[_Run], unsure: int, terms: list[Term], offset: int, size: int
    ) -> list[int]:
        """A page of runs some of whose customers only may match: these are asked, so many at once as the page needs."""
        ids: list[int] = []
        waiting: list[tuple[list[int], list[int]]] = []  # of each run who surely matches, and who may
        might = 0
        for run in runs:
            doubtful = run.bits & unsure
            waiting.append(([*bitmaps.numbers(run.bits ^ doubtful), *run.late], bitmaps.numbers(doubtful)))
            might += sum(map(len, waiting[-1]))
            if might < offset + size:
                continue
            ids, offset = self._asked(ids, waiting, terms, offset)
            waiting = []
            might = len(ids)
            if might >= offset + size:
                break
        ids, offset = self._asked(ids, waiting, terms, offset)
        return self._sorted(order, ids, offset, size)

    def _asked(
        self, ids: list[int], waiting: list[tuple[list[int], list[int]]], terms: list[Term], offset: int
    ) -> tuple[list[int], int]:
        """Those found and those of further runs that match, without whole runs before the page; what is left to skip."""
        hits = set(self._sure([number for _, some in waiting for number in some], terms))
        for sure, some in waiting:
            found = [*sure, *(number for number in some if number in hits)]
            if len(ids) <= offset:  # all found so far stand before the page
                offset -= len(ids)
                ids = found
            else:
                ids += found
        return ids, offset


def _passing(may: int, pick: list[tuple[tuple[str, ...], bool]], stored: Mapping[str, int]) -> int:
    """Those of some customers that a filter lets pass."""
    passing = 0
    for names, there in pick:
        hits = 0
        for name in names:
            hits |= stored[name]
        hits &= may
        passing |= hits if there else may ^ hits
    return passing


def _plan(term: Term, now: State, grams: list[str]) -> tuple[list[str], list[str], list[str]]:
    """The bitmaps that a term's text must be in, those of which each is enough, and what else it may hit by."""
    needed = [f"text:{gram}" for gram in grams if now.maps(gram)]
    enough = [f"word:{word}" for word in sorted(now.words) if term.needle in word]
    countries = [f"country:{searching.country_code(code)}" for code in term.countries]
    return needed, enough, [*countries, *(f"source:{source}" for source in term.sources)]


__all__ = ["Picker"]
