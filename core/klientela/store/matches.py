"""Which customers match, found by their indexes: the same answer on both databases, by the road each is good at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from klientela.store import products
from klientela.store import search as searching
from klientela.store.database import Db
from klientela.store.filters import STATUSES, Pick, figure_of, part_of, picks_of
from klientela.store.rows import Lens, View, source_named
from klientela.store.search import COUNTRY, LISTED, REGISTERED, SLOTS, Term, country_bits
from klientela.store.sorting import Sort


@dataclass
class Limits:
    """Where one road ends and another begins; the answer is the same on each."""

    few: int = 10_000
    """Filtered totals are counted up to here; so many matches are sorted rather than walked for."""
    walk: dict[str, int] = field(default_factory=lambda: {"sqlite": 4_000, "postgresql": 10_000})
    """Rows of an order whose texts are read before the walk is given up: as many as cost less than all matches."""
    long_walk: dict[str, int] = field(default_factory=lambda: {"sqlite": 32_000, "postgresql": 40_000})
    """The same for a page further down."""
    further: int = 100_000
    """Rows of an order that are looked up among all matches."""
    named: int = 2_000
    """Rows found by the text of a term that also names a country or a source, up to which they are named one by one."""
    read: int = 1_000
    """Rows that bitmaps are unsure of which are all read at once."""
    near: int = 5_000
    """Rows from an end of an order that are walked rather than counted by bitmaps."""


LIMITS = Limits()


class Wanted(NamedTuple):
    """What is asked of every row."""

    inactive: bool
    listed: bool  # only orderers and manual customers (K6)
    source: int | None
    terms: tuple[Term, ...]
    picks: tuple[Pick, ...] = ()

    @property
    def filtered(self) -> bool:
        """Whether anything but the search says who is meant."""
        return self.listed or self.source is not None or bool(self.picks)


def wanted_of(
    by: Lens,
    view: View,
    *,
    search: str | None,
    segment: str,
    filters: Mapping[str, Sequence[str]],
    inactive: bool,
    source: str | None = None,
) -> Wanted:
    """What is asked, of a view and in people's words. Misconfigured or UnknownThing for what cannot be asked."""
    asked, picks = picks_of(by.sources, segment, filters, inactive)
    return Wanted(
        asked,
        view.include == "orderers_and_manual",
        None if source is None else source_named(by.sources, source).id,
        tuple(searching.terms(search, by.sources)),
        picks,
    )


class Found(NamedTuple):
    """The ids of a page and how many customers match."""

    ids: list[int]
    total: int
    capped: bool


class _Hits(NamedTuple):
    """All matches: FROM … WHERE …, its parameters, and the alias whose row each match is."""

    sql: str
    params: list[Any]
    alias: str


_OF_TALLY = {
    "repeat": ("orders", "> 1"),
    "test": ("tests", "> 0"),
    "scanned": ("scanned", "IS NOT NULL"),
    "scanned:yes": ("scanned", "IS NOT NULL"),
    "scanned:no": ("scanned", "IS NULL"),
}
"""Filters that figures decide: the column, and what it must say."""


def _column(of: str, column: str, alias: str, table: str) -> str:
    """A column of `customer` or `tally`, by the row in hand or by its id."""
    return f"{alias}.{column}" if of == table else f"(SELECT y.{column} FROM {of} y WHERE y.id = {alias}.id)"


# PostgreSQL: plans that are no option. Its statistics know nothing of what hides where.
WALKING = ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")
FIND = ("seqscan", "hashjoin", "mergejoin")
SCAN = ()


class Matches:
    """What is asked of every row, as conditions and as statements that find all matches."""

    def __init__(self, db: Db, wanted: Wanted, by: Lens, like: Matches | None = None) -> None:
        """`like`: another question of the same transaction; what both need is read once."""
        self.db = db
        self.figures: dict[str, int] = like.figures if like is not None else self._figures(db)
        self.shared_slots = max(by.sources, default=0) > SLOTS
        self.sources = by.sources
        self.wanted = wanted
        self.inactive = int(wanted.inactive)
        self.named: dict[str, list[int]] = {}
        self._no_limit = -1 if db.sqlite else None
        self._off: list[tuple[str, ...]] = like._off if like is not None else []
        if not db.sqlite and like is None:  # one page is no work for several processes or a compiler
            db.rows(
                "SELECT set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true), "
                "set_config('plan_cache_mode', 'force_custom_plan', true)"
            )

    @staticmethod
    def _figures(db: Db) -> dict[str, int]:
        return dict(db.rows("SELECT part, value FROM figure WHERE name IN ('customers', 'segment') AND day = 0"))

    @property
    def everybody(self) -> int:
        """How many rows the active or the inactive list has."""
        return self.figures.get("inactive" if self.wanted.inactive else "", 0)

    def known(self) -> int | None:
        """The exact number of rows, where a figure knows it: of a whole list, one source, one segment or one value."""
        wanted = self.wanted
        if wanted.terms:
            return None
        if wanted.source is not None:
            alone = not wanted.inactive and not wanted.listed and not wanted.picks
            return self.figures.get(f"source:{wanted.source}", 0) if alone else None
        if not wanted.picks:
            return self._segment("all") if wanted.listed else self.everybody
        (pick, *others) = wanted.picks
        if others or len(pick.values) > 1:
            return None
        if pick.facet in ("segment", "status"):
            return self._segment(pick.values[0])
        if pick.facet == "scanned":
            scanned = self._segment("scanned")
            return scanned if pick.values == ("yes",) else self._segment("all") - scanned
        return None if wanted.listed else self._of_value(pick)

    def _segment(self, name: str) -> int:
        wanted = self.wanted
        return self.figures.get(f"{'listed:' * wanted.listed}{'inactive:' * wanted.inactive}{name}", 0)

    def _of_value(self, pick: Pick) -> int | None:
        (value,) = pick.values
        part = part_of(pick.facet, value)
        if part is None or pick.facet == "product" or (pick.facet == "consent" and value.endswith(":unknown")):
            return None
        row = self.db.one(
            "SELECT value FROM figure WHERE name = ? AND part = ? AND day = 0",
            (figure_of(self.wanted.inactive), part),
        )
        return row[0] if row else 0

    def matching(self, limit: int | None = None) -> list[int]:
        """The ids of all that match, in no order; no more than `limit`."""
        count = self._no_limit if limit is None else limit
        if self.db.sqlite and self.wanted.terms and not self._doubtful:
            return [
                row[0]
                for row in self.db.rows("SELECT rowid FROM search WHERE search MATCH ? LIMIT ?", (self._match(), count))
            ]
        hits = self._hits("tally" if self.db.sqlite and not self._of_row else "customer")
        self._mode(FIND)
        return [row[0] for row in self.db.rows(f"SELECT {hits.alias}.id {hits.sql} LIMIT ?", (*hits.params, count))]

    def _terms(
        self, facets: str, texts: str, terms: Sequence[Term] | None = None, *, source: bool = True
    ) -> tuple[str, list[Any]]:
        """Terms and the source filter as conditions: facets of one alias, texts of another."""
        sql: list[str] = []
        params: list[Any] = []
        if source and self.wanted.source is not None:
            found, values = self._of_sources((self.wanted.source,), facets)
            sql.append(f" AND {found}")
            params += values
        for term in self.wanted.terms if terms is None else terms:
            found, values = self._term(term, facets, texts)
            sql.append(f" AND {found}")
            params += values
        return "".join(sql), params

    def _term(self, term: Term, facets: str, texts: str) -> tuple[str, list[Any]]:
        ways: list[str] = []
        params: list[Any] = []
        if term.countries:
            ways.append(f"({facets}.facet & {COUNTRY}) IN ({', '.join(map(str, term.countries))})")
        if term.sources:
            found, params = self._of_sources(term.sources, facets)
            ways.append(found)
        named = self.named.get(term.text)
        if named is None:
            ways.append(f"{'instr' if self.db.sqlite else 'strpos'}({texts}.hay, ?) > 0")
            params.append(term.needle)
        elif named:
            ways.append(f"{facets}.id {self.db.among}")
            params.append(self.db.pack(named))
        return f"({' OR '.join(ways)})", params

    def _of_sources(self, sources: tuple[int, ...], alias: str) -> tuple[str, list[Any]]:
        """Whether a row has a record of one of these sources."""
        mask = 0
        for source in sources:
            mask |= searching.source_bit(source)
        sql = f"({alias}.facet & ?) <> 0"
        params: list[Any] = [mask]
        if self.shared_slots:
            exact = f"SELECT 1 FROM posting o WHERE o.customer = {alias}.id AND o.source {self.db.among}"
            sql = f"({sql} AND EXISTS ({exact}))"
            params.append(self.db.pack(sources))
        return sql, params

    def _filters(self, alias: str, table: str, *, bare: bool = False, bought: bool = True) -> tuple[str, list[Any]]:
        """Who is meant beside search and source: the view's orderers, segments and facets, as conditions on a row of a
        table. `bare`: of the row nothing is at hand but its id and its facets; `bought`: products too, which reads all
        orders."""
        sql: list[str] = []
        params: list[Any] = []
        if self.wanted.listed:
            bits = f"{alias}.facet" if table == "tally" else f"(SELECT y.facet FROM tally y WHERE y.id = {alias}.id)"
            sql.append(f" AND ({bits} & {LISTED}) <> 0")
        for pick in self.wanted.picks:
            if pick.facet == "product" and not bought:
                continue
            found, values = self._pick(pick, alias, "" if bare else table)
            sql.append(f" AND {found}")
            params += values
        return "".join(sql), params

    def _pick(self, pick: Pick, alias: str, table: str) -> tuple[str, list[Any]]:
        if pick.facet == "sources":
            return self._of_sources(pick.values, alias)
        ways: list[str] = []
        params: list[Any] = []
        for value in pick.values:
            sql, values = self._value(pick.facet, value, alias, table)
            ways.append(sql)
            params += values
        return f"({' OR '.join(ways)})", params

    def _value(self, facet: str, value: str, alias: str, table: str) -> tuple[str, list[Any]]:
        """One value of a filter as a condition."""
        if facet in ("segment", "status") and value in STATUSES:
            return f"({alias}.facet & {REGISTERED}) {'<>' if value == 'registered' else '='} 0", []
        if facet == "segment" or facet == "scanned":
            column, says = _OF_TALLY[value if facet == "segment" else f"scanned:{value}"]
            return f"{_column('tally', column, alias, table)} {says}", []
        if facet == "country" and country_bits(value):
            return f"({alias}.facet & {COUNTRY}) = {country_bits(value)}", []
        if facet == "country":
            return f"{_column('customer', 'country', alias, table)} = ?", [value]
        if facet == "product":
            return products.condition(self.db, alias, value)
        if facet == "consent":
            return self._consent(value, _column("customer", "consents", alias, table))
        text = json.dumps(value, ensure_ascii=False)
        place = f"{'instr' if self.db.sqlite else 'strpos'}({_column('customer', facet + 's', alias, table)}, ?) > 0"
        return f"({place} OR {place})", [f"[{text}", f" {text}"]  # within a value a quote has a backslash before it

    def _consent(self, value: str, column: str) -> tuple[str, list[Any]]:
        channel, purpose, state = value.split(":")
        if self.db.sqlite:
            said = f"json_extract({column}, '$.{channel}.{purpose}')"
        else:
            said = f"({column}::json #>> '{{{channel},{purpose}}}')"
        return (f"{said} IS NULL", []) if state == "unknown" else (f"{said} = ?", [state])

    @property
    def _of_row(self) -> bool:
        """Whether a filter is decided by the row of the list rather than by its figures."""
        return any(
            pick.facet in ("tag", "module", "consent")
            or (pick.facet == "country" and not all(map(country_bits, pick.values)))
            for pick in self.wanted.picks
        )

    @property
    def _then(self) -> str:
        """A join whose left side comes first."""
        return "CROSS JOIN" if self.db.sqlite else "JOIN"

    @property
    def _doubtful(self) -> bool:
        """SQLite: whether what the search index finds must be looked at once more."""
        wanted = self.wanted
        return (
            wanted.inactive
            or wanted.listed
            or bool(wanted.picks)
            or self.shared_slots
            or self.figures.get("inactive", 0) > 0
        )

    def _hits(self, table: str) -> _Hits:
        """All matches, with their rows of a table."""
        wanted = self.wanted
        if not wanted.terms and wanted.source is not None and not wanted.inactive:
            sql = f"FROM posting p {self._then} {table} t ON t.id = p.customer WHERE p.source = ? AND t.inactive = ?"
            more, values = self._filters("t", table)
            return _Hits(sql + more, [wanted.source, self.inactive, *values], "t")
        if not wanted.terms or (wanted.inactive and self.everybody <= LIMITS.few):
            where, params = self._terms("c", "c")
            more, values = self._filters("t", table)
            join = f" {self._then} customer c ON c.id = t.id" if where else ""
            return _Hits(
                f"FROM {table} t{join} WHERE t.inactive = ?{more}{where}", [self.inactive, *values, *params], "t"
            )
        return self._hits_sqlite(table) if self.db.sqlite else self._hits_postgresql(table)

    def _match(self) -> str:
        parts = [term.match for term in self.wanted.terms]
        if self.wanted.source is not None:
            parts.append(searching.match_source(self.wanted.source))
        return " AND ".join(parts)

    def _hits_sqlite(self, table: str) -> _Hits:
        join = ""
        where, params = self._filters("t", table)
        if self.shared_slots:
            join = " CROSS JOIN customer c ON c.id = t.id"
            more, values = self._terms("c", "c")
            where += more
            params += values
        sql = (
            f"FROM search s CROSS JOIN {table} t ON t.id = s.rowid{join} WHERE search MATCH ? AND t.inactive = ?{where}"
        )
        return _Hits(sql, [self._match(), self.inactive, *params], "t")

    def _hits_postgresql(self, table: str) -> _Hits:
        alias = "c" if table == "customer" else "t"
        join = "" if table == "customer" else f" JOIN {table} t ON t.id = c.id"
        plain = [term for term in self.wanted.terms if term.plain]
        mixed = [term for term in self.wanted.terms if not term.plain]
        term = min(mixed, key=self._about, default=None)
        if term is None or (plain and self._about(term) > LIMITS.few // 2):
            where, params = self._terms("c", "c", mixed)
            more, picked = self._filters(alias, table)
            likes = "".join(" AND c.hay LIKE ?" for _ in plain)
            sql = f"FROM customer c{join} WHERE c.inactive = ?{likes}{where}{more}"
            return _Hits(sql, [self.inactive, *(term.like for term in plain), *params, *picked], alias)
        where, params = self._terms("c", "c")
        more, picked = self._filters(alias, table)
        ways = ["SELECT id FROM customer WHERE hay LIKE ?"]
        values: list[Any] = [term.like]
        if term.countries:
            ways.append(f"SELECT id FROM customer WHERE inactive = ? AND country {self.db.among_text}")
            values += [self.inactive, self.db.pack(map(searching.country_code, term.countries))]
        if term.sources:
            ways.append(f"SELECT customer FROM posting WHERE source {self.db.among}")
            values.append(self.db.pack(term.sources))
        sql = (
            f"FROM ({' UNION '.join(ways)}) AS d JOIN customer c ON c.id = d.id{join} WHERE c.inactive = ?{where}{more}"
        )
        return _Hits(sql, [*values, self.inactive, *params, *picked], alias)

    def _about(self, term: Term, enough: int = 10 * LIMITS.few) -> int:
        """How many rows one of the sources or countries that a term names has; no more than `enough` are counted."""
        found = max((self.figures.get(f"source:{source}", 0) for source in term.sources), default=0)
        for bits in term.countries:
            row = self.db.one(
                "SELECT count(*) FROM (SELECT 1 FROM customer WHERE inactive = ? AND country = ? LIMIT ?) AS c",
                (self.inactive, searching.country_code(bits), enough),
            )
            found = max(found, row[0] if row else 0)
        return found

    def _sorted(self, order: Sort, ids: list[int], offset: int, size: int) -> list[int]:
        """A page of ids in hand."""
        if offset >= len(ids):
            return []
        these = "json_each(?) AS j" if self.db.sqlite else "unnest(?::bigint[]) AS j (value)"
        self._mode(FIND)
        rows = self.db.rows(
            f"SELECT t.id FROM {these} {self._then} {order.table} t ON t.id = j.value "
            f"ORDER BY {order.final} LIMIT ? OFFSET ?",
            (self.db.pack(ids), size, offset),
        )
        return [row[0] for row in rows]

    def _all_sorted(self, order: Sort, offset: int, size: int) -> list[int]:
        """A page of all matches, however many: the last resort, whose cost grows with the matches alone."""
        hits = self._hits(order.table)
        self._mode(FIND)
        if self.db.sqlite:
            keys = ", ".join(f"{hits.alias}.{part}" for part in order.final.split(", "))
            sql = f"SELECT {hits.alias}.id {hits.sql} ORDER BY {keys} LIMIT ? OFFSET ?"
        else:  # or the planner would walk the order, in the belief that matches are spread evenly
            keys = ", ".join(f"{hits.alias}.{part.split(' ')[0]}" for part in order.final.split(", "))
            sql = (
                f"WITH hits AS MATERIALIZED (SELECT {hits.alias}.id, {keys} {hits.sql}) "
                f"SELECT id FROM hits ORDER BY {order.final} LIMIT ? OFFSET ?"
            )
        return [row[0] for row in self.db.rows(sql, (*hits.params, size, offset))]

    def plan(self, off: tuple[str, ...]) -> None:
        """Leave the planner as whoever goes on in this transaction needs it."""
        self._mode(off)

    def _mode(self, off: tuple[str, ...]) -> None:
        """PostgreSQL: which plans are no option for the next query."""
        if self.db.sqlite or self._off[-1:] == [off]:
            return
        self._off[:] = [off]
        calls = ", ".join(
            f"set_config('enable_{what}', '{'off' if what in off else 'on'}', true)"
            for what in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")
        )
        self.db.rows(f"SELECT {calls}")
