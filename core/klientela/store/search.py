"""The search: what a term means (R54), the index that answers it, and the facets that filters read while walking.

Both databases answer with the same predicate: a term of three or more letters stands anywhere in a word of `hay`, a
shorter one at the beginning of a word; or the row's country is meant; or the row has a record of a source that is
meant. SQLite finds texts and facets in one FTS5 trigram index, PostgreSQL finds texts in a pg_trgm index over `hay`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from klientela.rules.geo import countries_like
from klientela.rules.text import search_text, sort_key
from klientela.store.database import Db
from klientela.store.facts import SourceRow

# -- facets: what is filtered by, as bits beside every sort key -----------------------------------------------------

COUNTRY = 0x3FF
"""Bits that hold the country: 0 for none, else 1 + its two letters as a number of base 26."""
LISTED = 1 << 10
"""In `tally` only: manual, or the owner of an order that counts under gross (a view of orderers lists it, K6)."""
REGISTERED = 1 << 11
MANUAL = 1 << 12
_FIRST_SOURCE = 13
SLOTS = 49
"""Sources have bits of their own up to this many; beyond, two share one and `posting` decides."""


def country_bits(code: str | None) -> int:
    """The bits of an ISO 3166-1 alpha-2 code; 0 for anything else."""
    if code is None or len(code) != 2 or not (code.isascii() and code.isalpha() and code.isupper()):
        return 0
    return 1 + (ord(code[0]) - 65) * 26 + ord(code[1]) - 65


def country_code(bits: int) -> str | None:
    """The inverse of `country_bits`; other bits are ignored."""
    if not bits & COUNTRY:
        return None
    first, second = divmod((bits & COUNTRY) - 1, 26)
    return chr(65 + first) + chr(65 + second)


def source_bit(source: int) -> int:
    """The bit of a source."""
    return 1 << _slot(source)


def _slot(source: int) -> int:
    return _FIRST_SOURCE + (source - 1) % SLOTS


def facet(country: str | None, registered: bool, manual: bool, sources: Iterable[int]) -> int:
    """The facets of a row: `customer.facet`. `sources` are ids."""
    bits = country_bits(country) | (REGISTERED if registered else 0) | (MANUAL if manual else 0)
    for source in sources:
        bits |= 1 << _slot(source)
    return bits


def tally_facet(customer_facet: int, gross_orders: int) -> int:
    """The facets of a row with its figures: `tally.facet`. A stored `tally.facet` may be given instead."""
    bits = customer_facet & ~LISTED
    return bits | LISTED if gross_orders > 0 or bits & MANUAL else bits


# -- the index ------------------------------------------------------------------------------------------------------

_MARK = "\x1f"  # white space to every fold: stands in no term and no text

_ALIKE = re.compile("[\ufffd-\uffff]")
"""FTS5 reads the two that are no characters as the sign for what could not be read; PostgreSQL tells them apart."""


def _document(hay: str, bits: int) -> str:
    """What the trigram index reads. Two blanks before a word make the beginnings of words trigrams: `  a` and ` an`."""
    return hay.replace(" ", "  ") + _facet_words(bits)


@lru_cache(maxsize=4096)
def _facet_words(bits: int) -> str:
    code = country_code(bits)
    words = [f"C{code}"] if code else []
    words += [f"S{slot:02d}" for slot in range(_FIRST_SOURCE, _FIRST_SOURCE + SLOTS) if bits >> slot & 1]
    return _MARK + _MARK.join(words)


def create(dialect: str) -> list[str]:
    """The statements that make the index of an empty store."""
    if dialect == "sqlite":
        return ["CREATE VIRTUAL TABLE search USING fts5(text, content='', tokenize='trigram case_sensitive 1')"]
    return ["CREATE EXTENSION IF NOT EXISTS pg_trgm"]


def late(dialect: str) -> list[str]:
    """The statements that wait until the first load of an empty store is over."""
    if dialect == "sqlite":
        return []
    # a search reads the list of pending entries from end to end: it must stay short
    return [
        "CREATE INDEX IF NOT EXISTS customer_hay ON customer USING gin (hay gin_trgm_ops) "
        "WITH (gin_pending_list_limit = 512)"
    ]


def index(db: Db, rows: Sequence[tuple[int, str, int]]) -> None:
    """Add rows: (customer id, hay, facet). PostgreSQL's index follows the table by itself."""
    if db.sqlite:
        db.many("INSERT INTO search (rowid, text) VALUES (?, ?)", [(i, _document(hay, bits)) for i, hay, bits in rows])


def remove(db: Db, rows: Sequence[tuple[int, str, int]]) -> None:
    """Take rows out: (customer id, hay, facet) exactly as they were added."""
    if db.sqlite:
        db.many(
            "INSERT INTO search (search, rowid, text) VALUES ('delete', ?, ?)",
            [(i, _document(hay, bits)) for i, hay, bits in rows],
        )


def clear(db: Db) -> None:
    """Empty the index, before a rebuild fills it again."""
    if db.sqlite:
        db.run("INSERT INTO search (search) VALUES ('delete-all')")


def optimize(db: Db) -> None:
    """Merge the index into one segment: what was taken out is in none of them any more."""
    if db.sqlite:
        db.run("INSERT INTO search (search) VALUES ('optimize')")


def check(db: Db, sample: int = 500) -> list[str]:
    """What is wrong with the index, as sentences; needs a writing transaction of its own on SQLite, whose integrity check
    harms the index when it runs between two changes of one transaction (seen with 3.40).

    The structure, the number of texts, and for rows spread over the whole list whether they are found by their texts.
    """
    if not db.sqlite:
        return _check_postgresql(db)
    wrong = []
    try:
        db.run("INSERT INTO search (search) VALUES ('integrity-check')")
    except db.connection.DatabaseError:
        return ["the search index is damaged: `klientela rebuild` makes it anew"]
    row = db.one("SELECT (SELECT count(*) FROM search_docsize), (SELECT count(*) FROM customer), max(id) FROM customer")
    texts, customers, last = row if row else (0, 0, None)
    if texts != customers:
        wrong.append(
            f"the search index holds {texts} texts for {customers} customers: `klientela rebuild` makes it anew"
        )
    lost = 0
    for start in range(0, last or 0, max(1, (last or 0) // sample)):
        found = db.one("SELECT id, hay, facet FROM customer WHERE id > ? ORDER BY id LIMIT 1", (start,))
        if found is None:
            break
        words = [w for w in found[1].split() if len(w) >= 3] or found[1].split()
        query = " AND ".join([_phrase(word) for word in words] + _tokens(found[2]))
        if query and db.one("SELECT 1 FROM search WHERE search MATCH ? AND rowid = ?", (query, found[0])) is None:
            lost += 1
    if lost:
        wrong.append(f"the search does not find {lost} customers it was asked for: `klientela rebuild` makes it anew")
    return wrong


def _check_postgresql(db: Db) -> list[str]:
    row = db.one(
        "SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE c.relname = 'customer_hay' AND i.indrelid = 'customer'::regclass"
    )
    if row is not None and not row[0]:
        return ["the search index customer_hay is not valid: `REINDEX INDEX customer_hay` makes it anew"]
    return []


# -- terms ----------------------------------------------------------------------------------------------------------


class Term(NamedTuple):
    """One word of a search. It hits a row by its text, or by one of the countries, or by one of the sources."""

    text: str
    countries: tuple[int, ...]  # as facet bits
    sources: tuple[int, ...]  # ids

    @property
    def needle(self) -> str:
        """What must stand in `hay`, where each word has one blank before it."""
        return self.text if len(self.text) >= 3 else " " + self.text

    @property
    def mask(self) -> int:
        """The bits of its sources."""
        bits = 0
        for source in self.sources:
            bits |= source_bit(source)
        return bits

    @property
    def plain(self) -> bool:
        """Whether it can hit by text only."""
        return not self.countries and not self.sources

    def hits(self, hay: str, country: str | None, sources: Iterable[int]) -> bool:
        """The predicate both databases answer with."""
        return (
            self.needle in hay
            or (bool(self.countries) and country_bits(country) in self.countries)
            or not set(self.sources).isdisjoint(sources)
        )

    @property
    def phrase(self) -> str:
        """Its text as an FTS5 expression."""
        return _phrase(self.text)

    @property
    def match(self) -> str:
        """The term as an FTS5 expression; may find too much where sources share a slot."""
        found = [_phrase(self.text)]
        for bits in self.countries:
            found += _tokens(bits)
        found += sorted({f'"S{_slot(source):02d}"' for source in self.sources})
        return found[0] if len(found) == 1 else "(" + " OR ".join(found) + ")"

    @property
    def like(self) -> str:
        """Its text as a LIKE pattern."""
        escaped = self.needle.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"%{escaped}%"


def _phrase(text: str) -> str:
    blanks = {1: "  ", 2: " "}.get(len(text), "")
    return '"' + blanks + text.replace('"', '""') + '"'


def _tokens(bits: int) -> list[str]:
    return [f'"{word}"' for word in _document("", bits).split(_MARK) if word]


def match_source(source: int) -> str:
    """A source as an FTS5 expression."""
    return f'"S{_slot(source):02d}"'


def terms(query: str | None, sources: Mapping[int, SourceRow]) -> list[Term]:
    """The words of a search, each with the countries and sources it names (R54); all of them must hit.

    Characters that SQLite's index takes for one another (`_ALIKE`) are never asked for: of a word that holds one its
    readable parts are, which finds that word too.
    """
    if not query:
        return []
    found: dict[str, Term] = {}
    for word in _readable(sort_key(query.replace("\0", " ")).split()):
        if word not in found:
            countries = sorted(country_bits(code) for code in countries_like(word))
            named = sorted(row.id for row in sources.values() if _names(row, word))
            found[word] = Term(word, tuple(countries), tuple(named))
    return list(found.values())


def _readable(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        first, *others = _ALIKE.split(word)
        if first:
            yield first
        yield from (part for part in others if len(part) >= 3)  # a shorter one would have to begin a word


def _names(source: SourceRow, word: str) -> bool:
    """Whether a source is called like that: by its label, its first name or its type."""
    called = " ".join((source.label, source.uid, source.type))
    hay = search_text(called, called.replace("-", " ").replace("_", " ").replace(".", " "))
    return (word if len(word) >= 3 else " " + word) in hay
