"""The review queue: what the rules would not join by themselves and a person may want to decide (R24c). Read only: it
follows from the marks and is stored nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, groupby
from typing import Any, NamedTuple

from klientela.model.records import Person
from klientela.rules.names import nearly
from klientela.rules.publish import NUMBER, RULE_OF, value_of
from klientela.rules.ruleset import Ruleset
from klientela.rules.values import mask
from klientela.store import facts, ids
from klientela.store.database import Db, Store
from klientela.store.facts import SourceRow
from klientela.store.identity import unpack_keys
from klientela.store.locate import record_keys

_BATCH = 500
_SENTENCES = {
    "same_source": "two accounts of one shop that the rules would join (R20b)",
    "names": "they share the {rule} {value}, and their names are nearly one (R24c)",
    "crowded": "{names} different names carry the {rule} {value}, so it joins only equal names (R20)",
}


class _Pair(NamedTuple):
    """Two nodes that might be one person, by their smallest records' numbers, and what they share."""

    a: int
    b: int
    key: int | None


def review(store: Store, *, reveal: bool = False) -> dict[str, Any]:
    """`{"items": […]}`: one item for each pair of customers, one for each crowded value.

    `{"kind": "same_source"|"names"|"crowded", "customers": [ids], "records": [keys], "rule", "value", "names",
    "sentence"}`; values are masked unless `reveal`; of a value that very many carry the first 500 are named. A pair
    that an operator decided is no item.
    """
    with store.reading() as db:
        return {"items": list(_Queue(db, store, reveal).items())}


class _Queue:
    def __init__(self, db: Db, store: Store, reveal: bool) -> None:
        self.db = db
        self.ruleset: Ruleset = store.ruleset(db)
        self.sources: dict[int, SourceRow] = facts.sources(db)
        self.reveal = reveal
        self.decided = self._decided()
        self.seen: set[tuple[int, int]] = set()

    def items(self) -> Iterator[dict[str, Any]]:
        """Same-source accounts, then crowded values, then names; each kind by what people see."""
        for found in (
            self._pairs("same_source", self._apart()),
            self._crowded(),
            self._pairs("names", self._nearly()),
        ):
            yield from sorted(found, key=lambda item: (item["customers"], item["value"] or ""))

    # -- pairs -----------------------------------------------------------------------------------------------------

    def _apart(self) -> Iterator[_Pair]:
        for a, b in self.db.rows("SELECT a, b FROM apart WHERE reason = 'same_source'"):
            yield _Pair(a, b, None)

    def _nearly(self) -> Iterator[_Pair]:
        """Carriers of one key whose names are just below the guard. Blocked values carry no marks."""
        crowded = {row[0] for row in self.db.rows("SELECT key FROM crowded")}
        marks = self.db.stream("SELECT key, name, handle FROM mark ORDER BY key, name, handle")
        for key, group in groupby(marks, key=lambda row: row[0]):
            carriers = [(name, handle) for _, name, handle in group if name]
            if len(carriers) < 2 or key in crowded:
                continue
            names = sorted({name for name, _ in carriers})
            close = {pair for pair in combinations(names, 2) if nearly(*pair)} if len(names) > 1 else set()
            for one, two in sorted(close):
                for a in [handle for name, handle in carriers if name == one]:
                    for b in [handle for name, handle in carriers if name == two]:
                        yield _Pair(a, b, key)

    def _pairs(self, kind: str, pairs: Iterator[_Pair]) -> Iterator[dict[str, Any]]:
        """One item for each pair of customers, in batches."""
        batch: list[_Pair] = []
        for pair in pairs:
            batch.append(pair)
            if len(batch) == _BATCH:
                yield from self._items(kind, batch)
                batch = []
        yield from self._items(kind, batch)

    def _items(self, kind: str, batch: list[_Pair]) -> Iterator[dict[str, Any]]:
        if not batch:
            return
        places = self._places({handle for pair in batch for handle in pair[:2]})
        publics = self._publics({customer for customer, _ in places.values()})
        keys = record_keys(self.db, {record for _, record in places.values()})
        for a, b, key in batch:
            if a not in places or b not in places:
                continue
            (one, first), (two, second) = places[a], places[b]
            pair = (min(one, two), max(one, two))
            if one == two or pair in self.seen or pair in self.decided:
                continue
            if one not in publics or two not in publics:
                continue
            self.seen.add(pair)
            rule, value = self._value(key, (first, second)) if key is not None else (None, None)
            if key is not None and rule is None:
                continue
            yield self._item(
                kind, sorted((publics[one], publics[two])), sorted((keys[first], keys[second])), rule, value
            )

    def _item(
        self, kind: str, customers: list[str], records: list[str], rule: str | None, value: str | None, names: int = 2
    ) -> dict[str, Any]:
        shown = value if value is None or self.reveal else mask(rule, value)
        return {
            "kind": kind,
            "customers": customers,
            "records": records,
            "rule": rule,
            "value": shown,
            "names": names,
            "sentence": _SENTENCES[kind].format(rule=rule, value=shown, names=names),
        }

    # -- values above their limit ----------------------------------------------------------------------------------

    def _crowded(self) -> Iterator[dict[str, Any]]:
        for (key,) in self.db.rows("SELECT key FROM crowded ORDER BY key"):
            carriers = self.db.rows("SELECT name, handle FROM mark WHERE key = ? ORDER BY name, handle", (key,))
            places = self._places([handle for _, handle in carriers[:_BATCH]])
            publics = self._publics({customer for customer, _ in places.values()})
            records = sorted(record for _, record in places.values())
            rule, value = self._value(key, records[:20])
            if rule is None:
                continue
            names = len({name for name, _ in carriers if name})
            keys = record_keys(self.db, records)
            yield self._item("crowded", sorted(publics.values()), sorted(keys.values()), rule, value, names)

    # -- looking things up -----------------------------------------------------------------------------------------

    def _places(self, handles: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Node -> its customer and its smallest record."""
        db = self.db
        wanted = list(handles)
        lone, shared = [h for h in wanted if h > 0], [h for h in wanted if h < 0]
        found = {
            number: (customer, number)
            for number, customer in db.rows(
                f"SELECT id, COALESCE(customer, id) FROM person WHERE id {db.among}", (db.pack(lone),)
            )
        }
        for number, customer, first in db.rows(
            f"SELECT id, customer, first FROM node WHERE id {db.among}", (db.pack(shared),)
        ):
            found[number] = (customer, first)
        return found

    def _publics(self, customers: Iterable[int]) -> dict[int, str]:
        return {
            number: ids.text(bytes(pub))
            for number, pub in self.db.rows(
                f"SELECT id, pub FROM customer WHERE id {self.db.among}", (self.db.pack(customers),)
            )
        }

    def _value(self, key: int, records: Iterable[int]) -> tuple[str | None, str | None]:
        """Which rule a key is of and the value behind it, by one of its carriers; (None, None) for numbers."""
        db = self.db
        wanted = list(records)
        kinds = [
            k.kind
            for (blob,) in db.rows(f"SELECT keys FROM person WHERE id {db.among}", (db.pack(wanted),))
            for k in unpack_keys(bytes(blob))
            if k.hash == key
        ]
        if not kinds or kinds[0] == NUMBER:
            return None, None
        for item in facts.load(db, wanted).values():
            if isinstance(item.fact, Person):
                value = value_of(item.fact, self.sources[item.source].uid, self.ruleset, key)
                if value is not None:
                    return RULE_OF[kinds[0]], value
        return RULE_OF[kinds[0]], None

    def _decided(self) -> set[tuple[int, int]]:
        """Pairs of customers about which an operator decided something."""
        return {
            (min(pair), max(pair))
            for pair in self.db.rows(
                "SELECT COALESCE(m.customer, p.customer, p.id), COALESCE(n.customer, q.customer, q.id) FROM decision d "
                "JOIN person p ON p.id = d.a LEFT JOIN node m ON m.id = p.node "
                "JOIN person q ON q.id = d.b LEFT JOIN node n ON n.id = q.node WHERE d.to_seq IS NULL"
            )
        }
