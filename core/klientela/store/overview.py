"""The list: one page of customers by view, search, filter and order, bounded in time whatever the store's size.

Three roads lead to a page, and which one is taken never changes the answer:

- nothing is filtered: walk the order's index from its nearer end, no table is read;
- at most `FEW` customers match: they are found by their index and sorted;
- more match: walk the order's index with the filter, for so many rows as make it likely; where the matches turn out to
  hide at the far end, find them all and sort them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from klientela.errors import Misconfigured
from klientela.store import rows as customer_rows
from klientela.store import search as searching
from klientela.store.database import Db
from klientela.store.rows import Lens, View, lens, source_named
from klientela.store.search import COUNTRY, LISTED, SLOTS, Term
from klientela.store.sorting import Sort, sort_of

FEW = 10_000
"""Filtered totals are counted up to here; so many matches are sorted rather than walked for."""
_WALK = {"sqlite": 4_000, "postgresql": 10_000}
"""Rows of an order whose texts are read before the walk is given up: so many as cost less than to find all matches."""
_LONG_WALK = {"sqlite": 32_000, "postgresql": 40_000}
"""The same for a page further down."""
_FURTHER = 100_000
"""Rows of an order that are looked up among all matches."""
_NAMED = 2_000
"""Rows found by the text of a term that also names a country or a source, up to which they are named one by one."""


class Listing(NamedTuple):
    """A page of the list. `total_capped`: there are more than `total`, and nobody counted on."""

    total: int
    total_capped: bool
    rows: list[dict[str, Any]]


class Wanted(NamedTuple):
    """What is asked of every row."""

    inactive: bool
    listed: bool  # only orderers and manual customers (K6)
    source: int | None
    terms: tuple[Term, ...]


def listing(
    db: Db,
    view: View,
    *,
    search: str | None = None,
    sort: str | None = None,
    page: int = 1,
    size: int = 25,
    source: str | None = None,
    inactive: bool = False,
    records: bool = False,
    key: bytes = b"",
) -> Listing:
    """One page of the list. `sort` is `KEY[:asc|:desc]`, else the view's; `source` a source's name; `inactive` asks for
    the inactive list, whose rows stand nowhere else (R41). `records` adds the member records, whose ids need the
    instance `key`. Misconfigured or UnknownThing with a sentence for what cannot be asked.
    """
    if page < 1 or not 1 <= size <= 1000:
        raise Misconfigured("a page has a number from 1 on and 1 to 1000 rows")
    by = lens(db, view)
    order = sort_of(sort or view.sort, view.totals)
    wanted = Wanted(
        inactive,
        view.include == "orderers_and_manual",
        None if source is None else source_named(by.sources, source).id,
        tuple(searching.terms(search, by.sources)),
    )
    if db.sqlite:  # half the price of a page; the connection keeps the mapping, a sync alone never makes one
        db.run("PRAGMA mmap_size = 2147418112")
    found = Finder(db, wanted, by).page(order, (page - 1) * size, size)
    made = customer_rows.rows(db, found.ids, by, records=records, key=key)
    return Listing(found.total, found.capped, made)


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


_WALKING = ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")
_FIND = ("seqscan", "hashjoin", "mergejoin")
_SCAN = ()


class Finder:
    """Finds the customers that match, in an order."""

    def __init__(self, db: Db, wanted: Wanted, by: Lens) -> None:
        self.db = db
        self.figures: dict[str, int] = dict(
            db.rows("SELECT part, value FROM figure WHERE name = 'customers' AND day = 0")
        )
        self.shared_slots = max(by.sources, default=0) > SLOTS
        self.wanted = wanted
        self.inactive = int(wanted.inactive)
        self.named: dict[str, list[int]] = {}
        self._no_limit = -1 if db.sqlite else None
        if not db.sqlite:  # one page is no work for several processes or a compiler
            db.rows(
                "SELECT set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true), "
                "set_config('plan_cache_mode', 'force_custom_plan', true)"
            )

    @property
    def everybody(self) -> int:
        """How many rows the active or the inactive list has."""
        return self.figures.get("inactive" if self.wanted.inactive else "", 0)

    def page(self, order: Sort, offset: int, size: int) -> Found:
        """The ids at `offset` of an order, and the total."""
        if self.wanted.terms:
            return self._searched(order, offset, size)
        total = self._known()
        if total is None:
            few = self.matching(FEW + 1)
            if len(few) <= FEW:
                return Found(self._sorted(order, few, offset, size), len(few), capped=False)
            return Found(self._walked(order, offset, size, None), FEW, capped=True)
        if total <= FEW and self.wanted.source is not None:
            return Found(self._sorted(order, self.matching(total), offset, size), total, capped=False)
        return Found(self._walked(order, offset, size, total), total, capped=False)

    def matching(self, limit: int | None = None) -> list[int]:
        """The ids of all that match, in no order; no more than `limit`."""
        count = self._no_limit if limit is None else limit
        if self.db.sqlite and self.wanted.terms and not self._doubtful:
            return [
                row[0]
                for row in self.db.rows("SELECT rowid FROM search WHERE search MATCH ? LIMIT ?", (self._match(), count))
            ]
        hits = self._hits("tally" if self.db.sqlite else "customer")
        self._mode(_FIND)
        return [row[0] for row in self.db.rows(f"SELECT {hits.alias}.id {hits.sql} LIMIT ?", (*hits.params, count))]

    # -- not searched -------------------------------------------------------------------------------------------------

    def _known(self) -> int | None:
        """The exact number of rows, where the figures or one walk know it."""
        wanted = self.wanted
        if wanted.source is None and not wanted.listed:
            return self.everybody
        if wanted.inactive or (wanted.listed and wanted.source is not None):
            return None
        if wanted.source is not None:
            return self.figures.get(f"source:{wanted.source}", 0)
        counted = self.figures.get("listed")
        if counted is None:
            self._mode(_WALKING)
            row = self.db.one(f"SELECT count(*) FROM tally WHERE inactive = 0 AND (facet & {LISTED}) <> 0")
            counted = row[0] if row else 0
        return counted

    def _walked(self, order: Sort, offset: int, size: int, total: int | None) -> list[int]:
        """Walk the order's index with the facets it holds, from the nearer end where the total is known."""
        backwards = total is not None and offset > total // 2
        count = size if total is None else min(size, total - offset)
        if count <= 0:
            return []
        start = total - offset - count if total is not None and backwards else offset
        where, params = self._facets(order.table)
        parts, values = [], []
        for segment in order.segments[::-1] if backwards else order.segments:
            parts.append(
                f"SELECT id FROM {order.table} WHERE inactive = ?{segment.where}{where} "
                f"ORDER BY {segment.order(backwards)}"
            )
            values += [self.inactive, *params]
        self._mode(_WALKING)
        union = parts[0] if len(parts) == 1 else " UNION ALL ".join(f"SELECT id FROM ({part}) AS s" for part in parts)
        ids = [row[0] for row in self.db.rows(f"{union} LIMIT ? OFFSET ?", (*values, count, start))]
        return ids[::-1] if backwards else ids

    def _facets(self, table: str) -> tuple[str, list[Any]]:
        """Source and include as conditions on a row of a walked table."""
        sql = self._listed(table, table)
        params: list[Any] = []
        if self.wanted.source is not None:
            found, params = self._of_sources((self.wanted.source,), table)
            sql += f" AND {found}"
        return sql, params

    def _listed(self, alias: str, table: str) -> str:
        """The condition of a view of orderers."""
        if not self.wanted.listed:
            return ""
        bits = f"{alias}.facet" if table == "tally" else f"(SELECT y.facet FROM tally y WHERE y.id = {alias}.id)"
        return f" AND ({bits} & {LISTED}) <> 0"

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

    # -- searched -----------------------------------------------------------------------------------------------------

    def _searched(self, order: Sort, offset: int, size: int) -> Found:
        share = self._share()
        if not self._surely_many(share):
            few = self.matching(FEW + 1)
            if len(few) <= FEW:
                return Found(self._sorted(order, few, offset, size), len(few), capped=False)
            if self.db.sqlite:  # ids are given as records come: those of the first matches tell how many follow
                share = len(few) / max(few)
        self._name_texts()
        found = self._walk(order, offset, size, max(share, 0.01))
        if found is None and self._name_texts(short=True):
            found = self._walk(order, offset, size, max(share, 0.01))
        if found is None and order.table == "customer" and share * self.everybody > 7 * FEW:
            found = self._walk_among(order, offset, size)
        return Found(self._all_sorted(order, offset, size) if found is None else found, FEW, capped=True)

    def _share(self) -> float:
        """PostgreSQL: about which share of the rows matches, by a sample of the pages; 0 where it is not worth it."""
        if self.db.sqlite or self.everybody < 20 * FEW:
            return 0
        where, params = self._terms("c", "c")
        row = self.db.one(
            f"SELECT count(*), count(*) FILTER (WHERE TRUE{where}) "
            "FROM customer c TABLESAMPLE SYSTEM (0.2) REPEATABLE (1)",
            params,
        )
        return row[1] / row[0] if row is not None and row[0] else 0

    def _surely_many(self, share: float) -> bool:
        """PostgreSQL: whether more than `FEW` match, where that is found out sooner than by the search index, which
        names all matches before the first."""
        wanted = self.wanted
        if self.db.sqlite:
            return False
        if len(wanted.terms) == 1 and wanted.source is None and not wanted.listed and not wanted.inactive:
            (term,) = wanted.terms
            if not term.plain and self._about(term, FEW + 1) > FEW:
                return True
        return share > (1 / 3 if wanted.listed else 1 / 10) and self._many_at_once()

    def _many_at_once(self) -> bool:
        """PostgreSQL: whether more than `FEW` match among the first rows of the table."""
        where, params = self._terms("c", "c")
        self._mode(_SCAN)
        row = self.db.one(
            f"SELECT count(*) FROM (SELECT 1 FROM (SELECT * FROM customer LIMIT ?) AS c WHERE c.inactive = ?"
            f"{where}{self._listed('c', 'customer')} LIMIT ?) AS found",
            (10 * FEW, self.inactive, *params, FEW + 1),
        )
        return row is not None and row[0] > FEW

    def _name_texts(self, *, short: bool = False) -> bool:
        """Find the few rows whose text holds a term that names a country or a source: then facets decide the rest.

        On PostgreSQL `short` terms wait until they are needed: pg_trgm takes the dot of an address for the end of a
        word and finds far too much for two letters. True if a term became decided.
        """
        before = len(self.named)
        for term in self.wanted.terms:
            if term.plain or term.text in self.named:
                continue
            if self.db.sqlite or short or len(term.text) > 2:
                self._mode(_FIND)
                sql, text = "SELECT id FROM customer WHERE hay LIKE ? LIMIT ?", term.like
                if self.db.sqlite:
                    sql, text = "SELECT rowid FROM search WHERE search MATCH ? LIMIT ?", term.phrase
                rows = self.db.rows(sql, (text, _NAMED + 1))
                if len(rows) <= _NAMED:
                    self.named[term.text] = [row[0] for row in rows]
        return len(self.named) > before

    def _segments(self, order: Sort) -> tuple[str, list[Any]]:
        """All rows of the list in an order, as a subquery of their ids and facets."""
        parts = [
            f"SELECT id, facet FROM (SELECT id, facet FROM {order.table} WHERE inactive = ?{segment.where} "
            f"ORDER BY {segment.order()}) AS s"
            for segment in order.segments
        ]
        return " UNION ALL ".join(parts), [self.inactive] * len(parts)

    def _walk(self, order: Sort, offset: int, size: int, share: float) -> list[int] | None:
        """Look at the first rows of an order; None when they do not hold enough matches to fill the page.

        Where facets decide, no row is read but the index, and the walk may go to its end.
        """
        need = offset + size
        decided = [term for term in self.wanted.terms if term.text in self.named]
        texts = [term for term in self.wanted.terms if term.text not in self.named]
        usual = _WALK[self.db.dialect]
        rows_read = max(usual, int(1.4 * need / share))
        if rows_read > max(usual, _LONG_WALK[self.db.dialect]) and texts:
            return None
        rows, values = self._segments(order)
        facets, known = self._terms("u", "u", decided)
        join = where = ""
        params: list[Any] = []
        if texts:
            join = f" {self._then} customer c ON c.id = w.id"
            where, params = self._terms("w", "c", texts, source=False)
        self._mode(_WALKING)
        found = self.db.rows(
            f"SELECT w.id FROM (SELECT id, facet FROM ({rows}) AS u "
            f"WHERE TRUE{self._listed('u', order.table)}{facets} LIMIT ?) AS w{join} WHERE TRUE{where} LIMIT ?",
            (*values, *known, rows_read if texts else self._no_limit, *params, need),
        )
        return [row[0] for row in found[offset:]] if not texts or len(found) == need else None

    def _walk_among(self, order: Sort, offset: int, size: int) -> list[int] | None:
        """SQLite: look further along an order, for rows among all that the search index finds."""
        if not self.db.sqlite or self.shared_slots:
            return None
        rows, values = self._segments(order)
        found = self.db.rows(
            f"SELECT w.id FROM (SELECT id, facet FROM ({rows}) AS u LIMIT ?) AS w "
            "WHERE w.id IN (SELECT rowid FROM search WHERE search MATCH ?)"
            f"{self._listed('w', order.table)} LIMIT ?",
            (*values, _FURTHER, self._match(), offset + size),
        )
        return [row[0] for row in found[offset:]] if len(found) == offset + size else None

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

    # -- matches found by their indexes -------------------------------------------------------------------------------

    @property
    def _then(self) -> str:
        """A join whose left side comes first."""
        return "CROSS JOIN" if self.db.sqlite else "JOIN"

    @property
    def _doubtful(self) -> bool:
        """SQLite: whether what the search index finds must be looked at once more."""
        wanted = self.wanted
        return wanted.inactive or wanted.listed or self.shared_slots or self.figures.get("inactive", 0) > 0

    def _hits(self, table: str) -> _Hits:
        """All matches, with their rows of a table."""
        wanted = self.wanted
        if not wanted.terms and wanted.source is not None and not wanted.inactive:
            sql = f"FROM posting p {self._then} {table} t ON t.id = p.customer WHERE p.source = ? AND t.inactive = ?"
            return _Hits(sql + self._listed("t", table), [wanted.source, self.inactive], "t")
        if not wanted.terms or (wanted.inactive and self.everybody <= FEW):
            where, params = self._terms("c", "c")
            sql = f"FROM {table} t {self._then} customer c ON c.id = t.id WHERE t.inactive = ?"
            return _Hits(sql + self._listed("t", table) + where, [self.inactive, *params], "t")
        return self._hits_sqlite(table) if self.db.sqlite else self._hits_postgresql(table)

    def _match(self) -> str:
        parts = [term.match for term in self.wanted.terms]
        if self.wanted.source is not None:
            parts.append(searching.match_source(self.wanted.source))
        return " AND ".join(parts)

    def _hits_sqlite(self, table: str) -> _Hits:
        join, where = "", self._listed("t", table)
        params: list[Any] = []
        if self.shared_slots:
            join = " CROSS JOIN customer c ON c.id = t.id"
            more, params = self._terms("c", "c")
            where += more
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
        if term is None or (plain and self._about(term) > FEW // 2):
            where, params = self._terms("c", "c", mixed)
            likes = "".join(" AND c.hay LIKE ?" for _ in plain)
            sql = f"FROM customer c{join} WHERE c.inactive = ?{likes}{where}{self._listed(alias, table)}"
            return _Hits(sql, [self.inactive, *(term.like for term in plain), *params], alias)
        where, params = self._terms("c", "c")
        ways = ["SELECT id FROM customer WHERE hay LIKE ?"]
        values: list[Any] = [term.like]
        if term.countries:
            ways.append(f"SELECT id FROM customer WHERE inactive = ? AND country {self.db.among_text}")
            values += [self.inactive, self.db.pack(map(searching.country_code, term.countries))]
        if term.sources:
            ways.append(f"SELECT customer FROM posting WHERE source {self.db.among}")
            values.append(self.db.pack(term.sources))
        sql = (
            f"FROM ({' UNION '.join(ways)}) AS d JOIN customer c ON c.id = d.id{join} "
            f"WHERE c.inactive = ?{where}{self._listed(alias, table)}"
        )
        return _Hits(sql, [*values, self.inactive, *params], alias)

    def _about(self, term: Term, enough: int = 10 * FEW) -> int:
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
        self._mode(_FIND)
        rows = self.db.rows(
            f"SELECT t.id FROM {these} {self._then} {order.table} t ON t.id = j.value "
            f"ORDER BY {order.final} LIMIT ? OFFSET ?",
            (self.db.pack(ids), size, offset),
        )
        return [row[0] for row in rows]

    def _all_sorted(self, order: Sort, offset: int, size: int) -> list[int]:
        """A page of all matches, however many: the last resort, whose cost grows with the matches alone."""
        hits = self._hits(order.table)
        self._mode(_FIND)
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

    def _mode(self, off: tuple[str, ...]) -> None:
        """PostgreSQL: which plans are no option for the next query. Its statistics know nothing of what hides where."""
        if self.db.sqlite:
            return
        calls = ", ".join(
            f"set_config('enable_{what}', '{'off' if what in off else 'on'}', true)"
            for what in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")
        )
        self.db.rows(f"SELECT {calls}")
