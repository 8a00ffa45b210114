"""The page of an order: by walking its index, or by sorting what matches; bounded in time whatever the store's size.

Four roads lead to a page, and which one is taken never changes the answer:

- a large list has bitmaps (picker.py), which answer everything but the first and the last pages of a whole order;
- the other three are for lists without them:
- nothing is searched: walk the order's index from its nearer end, facets are in it, no table is read;
- at most `LIMITS.few` customers match: they are found by their index and sorted;
- more match: walk the order's index with the filter, for so many rows as make it likely; where the matches turn out to
  hide at the far end, find them all and sort them.
"""

from __future__ import annotations

from typing import Any

from klientela.store.matches import FIND, LIMITS, SCAN, WALKING, Found
from klientela.store.picker import Picker
from klientela.store.sorting import Sort


class Finder(Picker):
    """Finds the customers that match, in an order."""

    def page(self, order: Sort, offset: int, size: int) -> Found:
        """The ids at `offset` of an order, and the total."""
        if not self._near(offset):
            found = self.picked(order, offset, size)
            if found is not None:
                return found
        if self.wanted.terms:
            return self._searched(order, offset, size)
        total = self.known()
        if total is None:
            few = self.matching(LIMITS.few + 1)
            if len(few) <= LIMITS.few:
                return Found(self._sorted(order, few, offset, size), len(few), capped=False)
            return Found(self._walked(order, offset, size, None), LIMITS.few, capped=True)
        if total <= LIMITS.few and (self.wanted.source is not None or self.wanted.picks):
            return Found(self._sorted(order, self.matching(total), offset, size), total, capped=False)
        return Found(self._walked(order, offset, size, total), total, capped=False)

    def _near(self, offset: int) -> bool:
        """Whether a few entries of the order's index are the page."""
        return (
            not self.wanted.terms and not self.wanted.filtered and min(offset, self.everybody - offset) <= LIMITS.near
        )

    # -- not searched -------------------------------------------------------------------------------------------------

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
        self._mode(WALKING)
        union = parts[0] if len(parts) == 1 else " UNION ALL ".join(f"SELECT id FROM ({part}) AS s" for part in parts)
        ids = [row[0] for row in self.db.rows(f"{union} LIMIT ? OFFSET ?", (*values, count, start))]
        return ids[::-1] if backwards else ids

    def _facets(self, table: str) -> tuple[str, list[Any]]:
        """Source and filters as conditions on a row of a walked table."""
        sql, params = self._filters(table, table)
        if self.wanted.source is not None:
            found, values = self._of_sources((self.wanted.source,), table)
            sql += f" AND {found}"
            params += values
        return sql, params

    # -- searched -----------------------------------------------------------------------------------------------------

    def _searched(self, order: Sort, offset: int, size: int) -> Found:
        share = self._share()
        if not self._surely_many(share):
            few = self.matching(LIMITS.few + 1)
            if len(few) <= LIMITS.few:
                return Found(self._sorted(order, few, offset, size), len(few), capped=False)
            if self.db.sqlite:  # ids are given as records come: those of the first matches tell how many follow
                share = len(few) / max(few)
        self._name_texts()
        found = self._walk(order, offset, size, max(share, 0.01))
        if found is None and self._name_texts(short=True):
            found = self._walk(order, offset, size, max(share, 0.01))
        if found is None and order.table == "customer" and share * self.everybody > 7 * LIMITS.few:
            found = self._walk_among(order, offset, size)
        return Found(self._all_sorted(order, offset, size) if found is None else found, LIMITS.few, capped=True)

    def _share(self) -> float:
        """PostgreSQL: about which share of the rows matches, by a sample of the pages; 0 where it is not worth it."""
        if self.db.sqlite or self.everybody < 20 * LIMITS.few:
            return 0
        where, params = self._terms("c", "c")
        row = self.db.one(
            f"SELECT count(*), count(*) FILTER (WHERE TRUE{where}) "
            "FROM customer c TABLESAMPLE SYSTEM (0.2) REPEATABLE (1)",
            params,
        )
        return row[1] / row[0] if row is not None and row[0] else 0

    def _surely_many(self, share: float) -> bool:
        """PostgreSQL: whether more than `LIMITS.few` match, where that is found out sooner than by the search index,
        which names all matches before the first."""
        wanted = self.wanted
        if self.db.sqlite:
            return False
        if len(wanted.terms) == 1 and not wanted.filtered and not wanted.inactive:
            (term,) = wanted.terms
            if not term.plain and self._about(term, LIMITS.few + 1) > LIMITS.few:
                return True
        return share > (1 / 3 if wanted.listed or wanted.picks else 1 / 10) and self._many_at_once()

    def _many_at_once(self) -> bool:
        """PostgreSQL: whether more than `LIMITS.few` match among the first rows of the table."""
        where, params = self._terms("c", "c")
        more, values = self._filters("c", "customer")
        self._mode(SCAN)
        row = self.db.one(
            f"SELECT count(*) FROM (SELECT 1 FROM (SELECT * FROM customer LIMIT ?) AS c WHERE c.inactive = ?"
            f"{where}{more} LIMIT ?) AS found",
            (10 * LIMITS.few, self.inactive, *params, *values, LIMITS.few + 1),
        )
        return row is not None and row[0] > LIMITS.few

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
                self._mode(FIND)
                sql, text = "SELECT id FROM customer WHERE hay LIKE ? LIMIT ?", term.like
                if self.db.sqlite:
                    sql, text = "SELECT rowid FROM search WHERE search MATCH ? LIMIT ?", term.phrase
                rows = self.db.rows(sql, (text, LIMITS.named + 1))
                if len(rows) <= LIMITS.named:
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
        usual = LIMITS.walk[self.db.dialect]
        rows_read = max(usual, int(1.4 * need / share))
        if rows_read > max(usual, LIMITS.long_walk[self.db.dialect]) and texts:
            return None
        rows, values = self._segments(order)
        facets, known = self._terms("u", "u", decided)
        more, picked = self._filters("u", order.table, bare=True)
        join = where = ""
        params: list[Any] = []
        if texts:
            join = f" {self._then} customer c ON c.id = w.id"
            where, params = self._terms("w", "c", texts, source=False)
        self._mode(WALKING)
        found = self.db.rows(
            f"SELECT w.id FROM (SELECT id, facet FROM ({rows}) AS u "
            f"WHERE TRUE{more}{facets} LIMIT ?) AS w{join} WHERE TRUE{where} LIMIT ?",
            (*values, *picked, *known, rows_read if texts else self._no_limit, *params, need),
        )
        return [row[0] for row in found[offset:]] if not texts or len(found) == need else None

    def _walk_among(self, order: Sort, offset: int, size: int) -> list[int] | None:
        """SQLite: look further along an order, for rows among all that the search index finds."""
        if not self.db.sqlite or self.shared_slots:
            return None
        rows, values = self._segments(order)
        more, picked = self._filters("w", order.table, bare=True)
        found = self.db.rows(
            f"SELECT w.id FROM (SELECT id, facet FROM ({rows}) AS u LIMIT ?) AS w "
            "WHERE w.id IN (SELECT rowid FROM search WHERE search MATCH ?)"
            f"{more} LIMIT ?",
            (*values, LIMITS.further, self._match(), *picked, offset + size),
        )
        return [row[0] for row in found[offset:]] if len(found) == offset + size else None
