"""The review queue: what the rules would not join by themselves and a person may want to decide (R24c). Read only: it
follows from the marks, and from what plugins propose when it is looked at, and is stored nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import combinations, groupby
from typing import Any, NamedTuple
from uuid import UUID

from klientela.flow import proposing
from klientela.flow.proposing import Proposer
from klientela.model.records import Person
from klientela.model.words import agree
from klientela.rules.names import nearly
from klientela.rules.publish import NUMBER, RULE_OF, value_of
from klientela.rules.ruleset import Ruleset
from klientela.rules.values import mask
from klientela.store import facts, ids
from klientela.store.database import Db, Store
from klientela.store.facts import SourceRow
from klientela.store.identity import unpack_keys, unpack_summary
from klientela.store.locate import record_keys

_BATCH = 500
_SHARE = 100  # of so many customers one may be in the queue, same-source pairs aside (R24c)
_ALPHABET = "bcdfghjklmnpqrstvwxz"  # no vowels: a key is no word, and no number
_LETTERS = 8  # one in 25 thousand million: two items of one queue never have the same
_FEW = 10  # proposals are shown in any case, however few customers there are
PROPOSED = "proposed"
"""The kind of items that plugins propose."""
_SENTENCES = {
    "same_source": "two accounts of one shop that the rules would join (R20b)",
    "names": "they share the {rule} {value}, and their names are nearly one (R24c)",
    PROPOSED: "the plugin {plugin} proposes them: {reason} (R24c)",
    "crowded": "{names} different names carry the {rule} {value}, so it joins only equal names (R20)",
}


class _Pair(NamedTuple):
    """Two nodes that might be one person, by their handles, and what they share."""

    a: int
    b: int
    key: int | None


class _Candidate(NamedTuple):
    """What an item could show: two records, and the key they share with its rule and value."""

    records: list[str]
    key: int
    rule: str | None
    value: str | None


def review(store: Store, *, reveal: bool = False, proposers: Sequence[Proposer] = ()) -> dict[str, Any]:
    """`{"items": […], "remarks": [sentences], "failed": [plugins]}`: one item for each pair of customers, one for each
    crowded value.

    `{"kind": "same_source"|"names"|"crowded"|"proposed", "key", "customers": [ids], "records": [keys], "rule", "value",
    "names", "sentence"}`, of proposals with "plugin", "reason" and "score" too; values are masked unless `reveal`; of a
    value that very many carry the first 500 are named. A pair that an operator decided is no item.

    An item's `key` is that of its pair of customers or of its value, wherever it stands; its place in the list moves
    when others decide. `version` stands for the whole list as it is: another one where an item came, went or moved.

    `proposers` are asked now, what they propose comes last, the surest first, and only so many that the queue without
    same-source pairs stays below one in a hundred customers (ten are shown in any case); `remarks` says how many more
    there are, and what plugins had to say. `failed` names plugins that could not propose anything.
    """
    with store.reading() as db:
        queue = _Queue(db, store, reveal, proposers)
        items = [{"kind": one["kind"], "key": key_of(one), **one} for one in queue.items()]
        version = _letters(*(one["key"] for one in items))
        return {"items": items, "version": version, "remarks": queue.remarks, "failed": queue.failed}


def key_of(item: Mapping[str, Any]) -> str:
    """What an item is about, in eight letters: the pair of customers, or the value; never its place."""
    if "value_key" in item:
        return _letters("value", item["value_key"])
    return _letters("pair", *sorted(item["customers"]))


def is_key(text: str) -> bool:
    """Whether a text could be the key of an item."""
    return len(text) == _LETTERS and set(text.casefold()) <= set(_ALPHABET)


def _letters(*parts: str) -> str:
    number = int.from_bytes(sha256("\0".join(parts).encode()).digest())
    found = ""
    for _ in range(_LETTERS):
        number, place = divmod(number, len(_ALPHABET))
        found += _ALPHABET[place]
    return found


class _Queue:
    def __init__(self, db: Db, store: Store, reveal: bool, proposers: Sequence[Proposer]) -> None:
        self.db = db
        self.ruleset: Ruleset = store.ruleset(db)
        self.sources: dict[int, SourceRow] = facts.sources(db)
        self.reveal = reveal
        self.decided = self._decided()
        self.seen: set[tuple[int, int]] = set()
        self.proposers = proposers
        self.remarks: list[str] = []
        self.failed: list[str] = []

    def items(self) -> Iterator[dict[str, Any]]:
        """Same-source accounts, then crowded values, then names, each kind by what people see; then proposals."""
        many = 0
        for kind, found in (
            ("same_source", self._pairs("same_source", self._apart())),
            ("crowded", self._crowded()),
            ("names", self._pairs("names", self._nearly())),
        ):
            items = sorted(found, key=lambda item: (item["customers"], item["value"] or ""))
            many += len(items) if kind != "same_source" else 0
            yield from items
        if self.proposers:
            yield from self._proposed(many)

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
        """One item for each pair of customers: of the records it could name, the smallest by key."""
        best: dict[tuple[int, int], _Candidate] = {}
        batch: list[_Pair] = []
        for pair in pairs:
            batch.append(pair)
            if len(batch) == _BATCH:
                self._weigh(batch, best)
                batch = []
        self._weigh(batch, best)
        self.seen.update(best)
        publics = self._publics({customer for pair in best for customer in pair})
        for two, (records, _, rule, value) in best.items():
            if two[0] in publics and two[1] in publics:
                yield self._item(kind, sorted(publics[c] for c in two), records, rule, value)

    def _weigh(self, batch: list[_Pair], best: dict[tuple[int, int], _Candidate]) -> None:
        if not batch:
            return
        places = self._places({handle for pair in batch for handle in pair[:2]})
        keys = record_keys(self.db, {record for _, record in places.values()})
        for a, b, key in batch:
            if a not in places or b not in places:
                continue
            (one, first), (two, second) = places[a], places[b]
            customers = (min(one, two), max(one, two))
            if one == two or customers in self.seen or customers in self.decided:
                continue
            records = sorted((keys[first], keys[second]))
            standing = best.get(customers)
            if standing is not None and (standing.records, standing.key) <= (records, key or 0):
                continue
            rule, value = None, None
            if key is not None:
                rule, value = self._value(key, {first: keys[first], second: keys[second]})
                if rule is None:
                    continue
            best[customers] = _Candidate(records, key or 0, rule, value)

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
            "sentence": _SENTENCES[kind].format(rule=rule, value=shown, names=names, plugin=None, reason=None),
        }

    # -- what plugins propose --------------------------------------------------------------------------------------

    def _proposed(self, many: int) -> Iterator[dict[str, Any]]:
        """The surest proposals that nobody decided and no other item is about; `many` items stand without them."""
        asked = proposing.ask(self.db, self.ruleset, self.proposers)
        self.remarks += asked.remarks
        self.failed += asked.failed
        by_id = self._customers({pair for one in asked.pairs for pair in (one.one, one.two)})
        unknown = 0
        standing = []
        for pair in asked.pairs:
            if pair.one not in by_id or pair.two not in by_id:
                unknown += 1
                continue
            one, two = by_id[pair.one][0], by_id[pair.two][0]
            customers = (min(one, two), max(one, two))
            if customers not in self.seen and customers not in self.decided:
                standing.append(pair)
        if unknown:
            self.remarks.append(agree(unknown, "{} [proposal names|proposals name] customers that do not exist"))
        shown = standing[: self._room(many)]
        keys = record_keys(self.db, {by_id[one][1] for pair in shown for one in (pair.one, pair.two)})
        for pair in shown:
            records = sorted(keys[by_id[one][1]] for one in (pair.one, pair.two))
            yield self._proposal(pair, records)
        if len(standing) > len(shown):
            self.remarks.append(
                agree(
                    len(standing) - len(shown), "{} further [proposal follows|proposals follow] when these are decided"
                )
            )

    def _room(self, many: int) -> int:
        """How many proposals keep the queue below its share of the customers."""
        row = self.db.one("SELECT count(*) FROM customer")
        below = (int(row[0]) - 1) // _SHARE if row else 0
        return max(_FEW, below - many)

    def _proposal(self, pair: proposing.Pair, records: list[str]) -> dict[str, Any]:
        sentence = _SENTENCES[PROPOSED].format(plugin=pair.plugin, reason=pair.reason)
        item = self._item(PROPOSED, [pair.one, pair.two], records, None, None)
        said = {"plugin": pair.plugin, "reason": pair.reason, "score": round(pair.score, 3)}
        return {**item, **said, "sentence": sentence}

    def _customers(self, publics: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Customer and oldest record of public ids that stand in the list now."""
        halves: dict[int, str] = {}
        for text in publics:
            with suppress(ValueError):
                halves[ids.pub8(UUID(text).bytes)] = text
        return {
            text: (number, anchor)
            for number, public, anchor in self.db.rows(
                f"SELECT id, pub, anchor FROM customer WHERE pub8 {self.db.among}", (self.db.pack(halves),)
            )
            if (text := ids.text(bytes(public))) in publics
        }

    # -- values above their limit ----------------------------------------------------------------------------------

    def _crowded(self) -> Iterator[dict[str, Any]]:
        left = {row[0] for row in self.db.rows("SELECT detail FROM decision WHERE kind = 'left' AND to_seq IS NULL")}
        for (key,) in self.db.rows("SELECT key FROM crowded ORDER BY key"):
            if str(key) in left:
                continue
            carriers = self.db.rows("SELECT name, handle FROM mark WHERE key = ?", (key,))
            places = self._places([handle for _, handle in carriers])
            keys = record_keys(self.db, {record for _, record in places.values()})
            by_key = sorted((keys[record], customer, record) for customer, record in places.values())[:_BATCH]
            rule, value = self._value(key, {record: name for name, _, record in by_key[:20]})
            if rule is None:
                continue
            names = len({name for name, _ in carriers if name})
            publics = self._publics({customer for _, customer, _ in by_key})
            records = [name for name, _, _ in by_key]
            item = self._item("crowded", sorted(publics.values()), records, rule, value, names)
            yield {**item, "value_key": str(key)}

    # -- looking things up -----------------------------------------------------------------------------------------

    def _places(self, handles: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Node -> its customer and its canonically smallest record (R22), which no order of arrival changes."""
        db = self.db
        wanted = list(handles)
        lone, shared = [h for h in wanted if h > 0], [h for h in wanted if h < 0]
        found = {
            number: (customer, number)
            for number, customer in db.rows(
                f"SELECT id, COALESCE(customer, id) FROM person WHERE id {db.among}", (db.pack(lone),)
            )
        }
        nodes: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
        for number, customer, blob in db.rows(
            f"SELECT id, customer, summary FROM node WHERE id {db.among}", (db.pack(shared),)
        ):
            _, uid, entity, ext = unpack_summary(blob).canon
            nodes.setdefault((uid, entity), {})[ext] = (number, customer)
        sources = {source.uid: source.id for source in self.sources.values()}
        for (uid, entity), those in nodes.items():
            for ext, row in facts.known(db, sources[uid], facts.NUMBER_OF[entity], those).items():
                number, customer = those[ext]
                found[number] = (customer, row.id)
        return found

    def _publics(self, customers: Iterable[int]) -> dict[int, str]:
        return {
            number: ids.text(bytes(pub))
            for number, pub in self.db.rows(
                f"SELECT id, pub FROM customer WHERE id {self.db.among}", (self.db.pack(customers),)
            )
        }

    def _value(self, key: int, records: Mapping[int, str]) -> tuple[str | None, str | None]:
        """Which rule a key is of and the value behind it, by the first of its carriers; (None, None) for numbers.

        `records` maps their numbers to their keys, which say what is first.
        """
        db = self.db
        wanted = sorted(records, key=records.__getitem__)
        kinds = [
            k.kind
            for (blob,) in db.rows(f"SELECT keys FROM person WHERE id {db.among}", (db.pack(wanted),))
            for k in unpack_keys(bytes(blob))
            if k.hash == key
        ]
        if not kinds or kinds[0] == NUMBER:
            return None, None
        loaded = facts.load(db, wanted)
        for item in [loaded[number] for number in wanted if number in loaded]:
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
