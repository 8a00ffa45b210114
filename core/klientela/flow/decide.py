"""An operator decides about identity: these are one person, these are not, take that decision back (R21, R24b).

A decision is a pair of record keys that holds whether or not the records are there; what follows from it is derived in
the same transaction, by the same functions as every page. Nothing moves: a decision withdrawn leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from klientela.errors import Conflict, Misconfigured, UnknownThing
from klientela.flow import hands
from klientela.flow.desk import Decided, Desk, Pair, anchor, found, member, members
from klientela.flow.hands import Word
from klientela.flow.inactive import marked, reviving
from klientela.flow.proposing import Proposer
from klientela.flow.review import PROPOSED, review
from klientela.rules import hand
from klientela.rules.text import visible
from klientela.store import tables as t
from klientela.store.database import Db, Step, Store
from klientela.store.locate import customers_of, locate, record_keys

MUST, CANNOT, LEFT = "must", "cannot", "left"
_NO_NUMBER = 2**63  # what the databases cannot count to


class _Said(NamedTuple):
    """An active decision on a pair, and the change it was made by."""

    id: int
    pair: Pair
    seq: int
    reason: str | None


def merge(
    store: Store,
    one: str,
    two: str,
    *,
    reason: str,
    inactive: bool | None = None,
    actor: str = "operator",
    dry_run: bool = False,
) -> Decided:
    """Two customers are one person: `must` between their oldest records. Ids or record keys name them.

    `inactive`: what becomes of a mark that one of them has; True leaves it, so that both are inactive, False takes it
    off in the same decision (R42). UnknownThing for an id nobody has, Conflict where they are one already, an active
    decision says otherwise, or one is marked and nobody said what becomes of it.
    """

    def pairs(step: Step) -> list[Pair]:
        first, second = (found(step, text) for text in (one, two))
        if first.customer == second.customer:
            raise Conflict("they are one customer already", hint=f"`klientela why {one}` says why")
        return [Pair(MUST, anchor(step.db, first.customer), anchor(step.db, second.customer))]

    return _decide(store, "merge", pairs, reason, actor, dry_run, marks=_Marks(inactive))


def one_is_inactive(store: Store, one: str, two: str) -> bool:
    """Whether one of two customers is marked inactive and the other is not. UnknownThing for an id nobody has."""
    with store.reading() as db:
        both = {locate(db, store.key, text).customer for text in (one, two)}
        return len(both & marked(db, both).keys()) == 1 < len(both)


def split(
    store: Store,
    customer: str,
    records: Sequence[str],
    *,
    reason: str,
    actor: str = "operator",
    dry_run: bool = False,
) -> Decided:
    """Some records of a customer are another person: `must` among them, `cannot` between each and the oldest of the rest.

    What remains falls as its edges say. `records` are keys `source/entity/external_id` of that customer.
    """

    def pairs(step: Step) -> list[Pair]:
        whole = found(step, customer)
        named = list(dict.fromkeys(member(step, key, whole) for key in records))
        if not named:
            raise Misconfigured("no record is named", hint="Name records with --record source/entity/external_id.")
        rest = [number for number in members(step.db, whole.customer) if number not in named]
        if not rest:
            raise Conflict(
                "these are all the records of that customer, so nothing would be split", hint="Leave one out."
            )
        return [
            *(Pair(MUST, named[0], number) for number in named[1:]),
            *(Pair(CANNOT, number, rest[0]) for number in named),
        ]

    return _decide(store, "split", pairs, reason, actor, dry_run)


def accept(
    store: Store,
    which: int | str,
    *,
    reason: str = "reviewed",
    as_of: str | None = None,
    inactive: bool | None = None,
    actor: str = "operator",
    dry_run: bool = False,
    proposers: Sequence[Proposer] = (),
) -> Decided:
    """The pair of the review queue's item is one person (R24c). `which` is the item's key, or its number from 1 on as the
    queue shows it now; `as_of` the `version` of the queue that was looked at: Conflict where it is another one by now.

    `inactive` as for `merge`, `proposers` are those the queue is shown with. `about` names the `item` by its key.
    """
    item = _item(store, which, as_of, proposers)
    if item["kind"] == "crowded":
        raise Conflict(
            f"item {which} is a value that many names carry, not a pair of customers",
            hint="`klientela merge` joins two of them; `klientela review reject` takes the item off the list",
        )
    return _about(item, _decide(store, "accept", _pair(item, MUST), reason, actor, dry_run, marks=_Marks(inactive)))


def reject(
    store: Store,
    which: int | str,
    *,
    reason: str = "reviewed",
    as_of: str | None = None,
    actor: str = "operator",
    dry_run: bool = False,
    proposers: Sequence[Proposer] = (),
) -> Decided:
    """The pair of the item is not one person, or its value is as it should be: it never comes back (R24c). `which` and
    the others as for `accept`."""
    item = _item(store, which, as_of, proposers)
    if item["kind"] == "crowded":
        return _about(item, _leave(store, item, reason, actor, dry_run))
    return _about(item, _decide(store, "reject", _pair(item, CANNOT), reason, actor, dry_run))


def _pair(item: Mapping[str, Any], kind: str) -> Callable[[Step], list[Pair]]:
    def pairs(step: Step) -> list[Pair]:
        one, two = (found(step, key).record for key in item["records"])
        return [Pair(kind, one, two)]

    return pairs


def _about(item: Mapping[str, Any], made: Decided) -> Decided:
    made.about = {**made.about, "item": item["key"]}
    return made


def _item(store: Store, which: int | str, as_of: str | None, proposers: Sequence[Proposer]) -> dict[str, Any]:
    """An item by its key or number. Read before anything is locked: plugins may take their time."""
    queue = review(store, proposers=proposers)
    items: list[dict[str, Any]] = queue["items"]
    if as_of is not None and as_of != queue["version"]:
        raise Conflict(
            f"the review queue is another one than {as_of}: somebody decided, or something was read",
            hint="`klientela review` shows it as it is; an item's key stays the same wherever it stands",
        )
    if isinstance(which, str):
        item = next((one for one in items if one["key"] == which.casefold()), None)
        if item is None:
            raise UnknownThing(
                f"no item of the review queue has the key {which}; perhaps it was decided meanwhile",
                hint="`klientela review` shows what is left",
            )
        return item
    if not 1 <= which <= len(items):
        raise UnknownThing(
            f"there is no item {which} in the review queue, it has {len(items)}", hint="`klientela review` shows it"
        )
    item = items[which - 1]
    if queue["failed"] and item["kind"] == PROPOSED:
        raise Conflict(
            f"the plugin {queue['failed'][0]} failed just now, so item {which} may be another one than you saw",
            hint="`klientela review` shows the items with their keys, which never move",
        )
    return item


def _leave(store: Store, item: dict[str, Any], reason: str, actor: str, dry_run: bool) -> Decided:
    """Nobody needs to be asked about a crowded value again."""
    with Desk(store, "reject", actor, dry_run) as desk:
        step = desk.step
        record = found(step, item["records"][0]).record
        row = (step.new_ids("decision", 1)[0], LEFT, record, item["value_key"], step.seq)
        step.db.insert(t.decision, ("id", "kind", "a", "detail", "from_seq"), [row])
        desk.done("decided", [], {"decision": "reject", "reason": reason, "rule": item["rule"]})
    return desk.result


def undo(store: Store, seq: int, *, actor: str = "operator", dry_run: bool = False) -> Decided:
    """Take a decision back, by the number of its change; of an undo: let the decision hold again.

    Conflict for what is undone already, for an automatic join, and where a decision that holds again would contradict
    others. A decision can always be taken back, in any order: should what it had overruled contradict later decisions,
    a `cannot` stands before a `must` (R22).
    """
    if not 0 < seq < _NO_NUMBER:
        raise _unknown(seq)
    with Desk(store, "undo", actor, dry_run) as desk:
        step = desk.step
        _no_import(step.db, seq)
        standing = step.db.rows(
            "SELECT id, kind, a, b, to_seq, detail FROM decision WHERE from_seq = ? ORDER BY id",
            (seq,),
        )
        rows = _withdraw(step, seq, standing) if standing else _again(step, seq)
        pairs = [Pair(kind, a, b) for kind, a, b in rows if b is not None]
        if not standing:
            _consistent(step.db, pairs)
        hands.renew(step, [a for kind, a, _ in rows if kind in hand.KINDS])
        spoken_of = sorted({a for _, a, b in rows if b is None})
        desk.done("undone", pairs, {"undo": seq}, records=spoken_of)
    return desk.result


def of_identity(db: Db, seq: int) -> bool:
    """Whether a change decided, or took back, who is one person; other decisions are about values."""
    rows = db.rows("SELECT kind FROM decision WHERE from_seq = ? OR to_seq = ?", (seq, seq))
    return any(kind in (MUST, CANNOT, LEFT) for (kind,) in rows)


# -- writing ------------------------------------------------------------------------------------------------------------


class _Marks(NamedTuple):
    """What becomes of an inactive mark that one of two customers has; None: nobody said it."""

    stay: bool | None

    def words(self, step: Step, pairs: Sequence[Pair]) -> list[Word]:
        """What is said of records besides. Conflict where it must be asked first."""
        db = step.db
        both = set(customers_of(db, [number for pair in pairs for number in (pair.a, pair.b)]).values())
        marks = marked(db, both)
        if self.stay is None and 0 < len(marks) < len(both):
            raise Conflict(
                "one of the two is marked inactive and the other is not",
                hint="Say --inactive to leave the mark, so that the joined customer is inactive, or --active to take "
                "it off in the same decision",
            )
        return reviving(marks) if self.stay is False else []


def _decide(
    store: Store,
    word: str,
    pairs: Callable[[Step], list[Pair]],
    reason: str,
    actor: str,
    dry_run: bool,
    marks: _Marks | None = None,
) -> Decided:
    if not visible(reason):
        raise Misconfigured("a decision needs a reason", hint="Give one with --reason TEXT; it is kept in the log.")
    with Desk(store, word, actor, dry_run) as desk:
        made = pairs(desk.step)
        words = [] if marks is None else marks.words(desk.step, made)
        _write(desk.step, made, reason)
        _consistent(desk.step.db, made)
        hands.write(desk.step, words)
        spoken_of = hands.renew(desk.step, [one.record for one in words])
        more = {"active": True} if words else {}
        desk.done("decided", made, {"decision": word, "reason": reason, **more}, records=spoken_of)
    return desk.result


def _write(step: Step, pairs: Sequence[Pair], reason: str | None) -> None:
    numbers = step.new_ids("decision", len(pairs))
    step.db.insert(
        t.decision,
        ("id", "kind", "a", "b", "detail", "from_seq"),
        [(number, *pair, reason, step.seq) for number, pair in zip(numbers, pairs, strict=True)],
    )


def _withdraw(step: Step, seq: int, standing: Sequence[tuple[Any, ...]]) -> list[tuple[str, int, int | None]]:
    active = [row for row in standing if row[4] is None]
    if not active:
        raise Conflict(
            f"the decision {seq} was taken back already, by {standing[0][4]}",
            hint=f"`klientela undo {standing[0][4]}` lets it hold again",
        )
    step.db.run(
        f"UPDATE decision SET to_seq = ? WHERE id {step.db.among}", (step.seq, step.db.pack([row[0] for row in active]))
    )
    return [(row[1], row[2], row[3]) for row in active]


def _again(step: Step, seq: int) -> list[tuple[str, int, int | None]]:
    """Undo of an undo: what it took back is decided anew."""
    db = step.db
    rows = db.rows("SELECT kind, a, b, detail FROM decision WHERE to_seq = ? ORDER BY id", (seq,))
    if not rows:
        raise _no_decision(db, seq)
    standing = set(db.rows("SELECT kind, a, b, detail FROM decision WHERE to_seq IS NULL"))
    if standing.issuperset(rows):
        raise Conflict(f"what {seq} took back holds again already", hint="`klientela audit` shows by which change")
    numbers = step.new_ids("decision", len(rows))
    columns = ("id", "kind", "a", "b", "detail", "from_seq")
    db.insert(t.decision, columns, [(n, *row, step.seq) for n, row in zip(numbers, rows, strict=True)])
    return [(row[0], row[1], row[2]) for row in rows]


def _no_import(db: Db, seq: int) -> None:
    """Conflict where the change is an import or took one back: a batch goes as a whole, with its edits (R50b)."""
    row = db.one("SELECT id, withdrawn_seq FROM batch WHERE ? IN (from_seq, withdrawn_seq)", (seq,))
    if row is None:
        return
    if row[1] == seq:
        raise Conflict(f"{seq} took the import {row[0]} back", hint="Importing its file once more brings it back.")
    raise Conflict(
        f"{seq} is the import {row[0]}", hint=f"`klientela import undo {row[0]}` takes the whole batch back."
    )


def _no_decision(db: Db, seq: int) -> Exception:
    kinds = {row[0] for row in db.rows("SELECT DISTINCT kind FROM audit WHERE seq = ?", (seq,))}
    if "erased" in kinds:
        return Conflict(
            f"{seq} is an erasure, which cannot be undone",
            hint="`klientela person release` lets later syncs bring data again",
        )
    if "decided" in kinds:
        return Conflict(f"the decision {seq} was about somebody who was erased since")
    if kinds & {"merged", "joined", "founded"}:
        return Conflict(
            f"{seq} is no operator's decision but what the rules did", hint="`klientela split` takes records apart"
        )
    if "rules_changed" in kinds:
        return Conflict(
            f"{seq} changed the rules, which is no decision that can be undone",
            hint="`klientela rules apply` with the rules of before brings the customers of before back",
        )
    if kinds:
        return Conflict(f"{seq} is no decision that can be undone ({', '.join(sorted(kinds))})")
    return _unknown(seq)


def _unknown(seq: int) -> UnknownThing:
    return UnknownThing(f"there is no decision {seq}", hint="`klientela audit` shows them with their numbers")


# -- what holds together ------------------------------------------------------------------------------------------------


def _active(db: Db) -> list[_Said]:
    """Active decisions on pairs; of several on one pair the newest holds (R21)."""
    newest: dict[frozenset[int], _Said] = {}
    for number, kind, a, b, seq, detail in db.rows(
        "SELECT id, kind, a, b, from_seq, detail FROM decision WHERE to_seq IS NULL AND b IS NOT NULL "
        "AND kind IN ('must', 'cannot') ORDER BY id"
    ):
        newest[frozenset((a, b))] = _Said(number, Pair(kind, a, b), seq, detail)
    return list(newest.values())


def _consistent(db: Db, fresh: Iterable[Pair]) -> None:
    """Conflict, naming the older decision, where what is decided contradicts itself over several pairs."""
    said = _active(db)
    of: dict[int, dict[int, _Said]] = {}
    for one in said:
        if one.pair.kind == MUST:
            of.setdefault(one.pair.a, {})[one.pair.b] = one
            of.setdefault(one.pair.b, {})[one.pair.a] = one
    news = set(fresh)
    for one in said:
        if one.pair.kind != CANNOT:
            continue
        chain = _chain(of, one.pair.a, one.pair.b)
        if chain is None:
            continue
        other = next((link for link in chain if link.pair not in news), chain[0]) if one.pair in news else one
        keys = record_keys(db, [other.pair.a, other.pair.b])
        same = "are" if other.pair.kind == MUST else "are not"
        raise Conflict(
            f"that contradicts decision {other.seq}: {keys[other.pair.a]} and {keys[other.pair.b]} {same} one person",
            hint=f"`klientela undo {other.seq}` takes it back",
        )


def _chain(of: dict[int, dict[int, _Said]], start: int, end: int) -> list[_Said] | None:
    """The decisions by which two records are one person; None if they are not."""
    came: dict[int, tuple[int, _Said]] = {}
    frontier = [start]
    while frontier:
        here = frontier.pop(0)
        if here == end:
            path = []
            while here != start:
                here, link = came[here]
                path.append(link)
            return path
        for there, link in of.get(here, {}).items():
            if there != start and there not in came:
                came[there] = (here, link)
                frontier.append(there)
    return None
