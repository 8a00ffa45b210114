"""Derive everything from the facts once more: to see whether what is stored is what follows (R0), or to put it right.

Both ways go through the same functions as every sync: all records onto the worklist, and the worklist worked off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from klientela.flow import hands, rules, work
from klientela.flow.derive import Deriver
from klientela.model.words import agree
from klientela.store import bitmaps, facts, handclaims, ids, mapping, search
from klientela.store import tables as t
from klientela.store.comparison import differences
from klientela.store.database import Db, Step, Store
from klientela.store.ledger import Line, write
from klientela.store.locate import customers_of
from klientela.store.scratch import scratch

MOST = 20
"""So many differences are told."""
_LINES = 500

Progress = Callable[[int], None]

_WAITING = "{} [record waits|records wait] on the worklist: `klientela sync` finishes that first"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found. `equal`: the stored state was the one that follows; `differences`: at most `MOST` sentences
    where not; `seq`: of the change, where customers' members changed."""

    equal: bool
    differences: list[str]
    seq: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape of `klientela rebuild`."""
        return {"equal": self.equal, "differences": self.differences, "seq": self.seq}


def rebuild(store: Store, *, check: bool = False, actor: str = "operator", progress: Progress | None = None) -> Rebuilt:
    """Recompute everything derived from the stored records.

    `check`: into a temporary store beside, and compare; nothing is written. Else the derived tables are replaced in one
    transaction, during which other writers wait; audit lines are written only where customers' members really change.
    `progress` is told how many records are left.
    """
    if check:
        return _check(store, progress)
    done = _replace(store, actor, progress)
    mapping.upkeep(store)
    return done


def _check(store: Store, progress: Progress | None) -> Rebuilt:
    with store.reading() as db:
        left = work.left(db)
        if left:
            return Rebuilt(
                False,
                [agree(left, _WAITING)],
            )
        with scratch(store, db) as other:
            derive(other, progress)
            with other.reading() as anew:
                found = list(islice(differences(store, db, anew), MOST))
        found += mapping.check(db)
        found += _by_hand(db)
    with store.step("rebuild --check") as step:  # the index's own check is a writing statement that writes nothing
        found += search.check(step.db)
    return Rebuilt(not found, found[:MOST])


def _by_hand(db: Db) -> list[str]:
    """Whether what stands by hand is what operators decided; a claim is stored, though it follows from decisions."""
    wrong = len(handclaims.astray(db))
    return [agree(wrong, "{} [record carries|records carry] other values by hand than was decided")] if wrong else []


def derive(store: Store, progress: Progress | None) -> None:
    """Derive everything of a scratch store, step by step."""
    with store.step("rebuild") as step:
        rules.everything(step, "rebuild")
        deriver = Deriver(step.db, store.ruleset(step.db), quiet=True)
        _others(step, deriver)
    done = 1
    while done:
        with store.step("rebuild") as step:
            done = work.some(step, deriver)
            if progress:
                progress(work.left(step.db))


def _replace(store: Store, actor: str, progress: Progress | None) -> Rebuilt:
    with store.step("rebuild", actor=actor) as step:
        db = step.db
        found = _by_hand(db)
        hands.renew(step, handclaims.astray(db))
        _remember(db)
        for table in t.DERIVED:
            db.run(f"DELETE FROM {table.name}")
        search.clear(db)
        bitmaps.clear(db)
        db.run("DELETE FROM work")
        rules.everything(step, "rebuild")
        deriver = Deriver(db, store.ruleset(db), quiet=True)
        _others(step, deriver)
        while work.some(step, deriver):
            if progress:
                progress(work.left(db))
        first_seen(db)
        found += _tell(step)
        db.run("DROP TABLE rebuild_before")
        return Rebuilt(not found, found, step.seq if step.changed else None)


def _others(step: Step, deriver: Deriver) -> None:
    """Checkouts, letters and the like stand on no worklist: no rule says anything of them."""
    for entity in (facts.CHECKOUT, *sorted(facts.THINGS)):
        last = 0
        while rows := step.db.rows(
            "SELECT id FROM record WHERE entity = ? AND channel IS NOT NULL AND id > ? ORDER BY id LIMIT ?",
            (entity, last, work.BATCH),
        ):
            last = rows[-1][0]
            loaded = facts.load(step.db, [row[0] for row in rows])
            items = [item for _, item in sorted(loaded.items()) if item.fact is not None]
            carts, things = (items, []) if entity == facts.CHECKOUT else ([], items)
            deriver.page(step, [], [], carts, set(), things)


def first_seen(db: Db, persons: Sequence[int] | None = None) -> None:
    """When each record, node and customer first came: the commit of the record's first claim, not of this rebuild.
    `persons`: only these records, and the customers that they are in."""
    least = "min" if db.sqlite else "least"
    one, nodes, customers = "", "", ""
    these: tuple[Any, ...] = ()
    in_them: tuple[Any, ...] = ()
    if persons is not None:
        one = customers = f" WHERE id {db.among}"
        nodes = f" WHERE id IN (SELECT p.node FROM person p WHERE p.id {db.among})"
        these, in_them = (db.pack(persons),), (db.pack(set(customers_of(db, persons).values())),)
    db.run(
        "UPDATE person SET seen = COALESCE((SELECT x.at FROM txn x WHERE x.seq = (SELECT "
        f"{least}(r.seq, COALESCE((SELECT min(c.from_seq) FROM claim c WHERE c.record = r.id), r.seq)) "
        f"FROM record r WHERE r.id = person.id)), seen){one}",
        these,
    )
    db.run(f"UPDATE node SET seen = (SELECT min(p.seen) FROM person p WHERE p.node = node.id){nodes}", these)
    db.run(
        "UPDATE customer SET seen = (SELECT min(m.seen) FROM ("
        "SELECT p.seen FROM person p WHERE p.id = customer.id AND p.node IS NULL UNION ALL "
        "SELECT p.seen FROM person p WHERE p.customer = customer.id UNION ALL "
        f"SELECT n.seen FROM node n WHERE n.customer = customer.id) AS m){customers}",
        in_them,
    )


# -- who was where before, and who is where now ---------------------------------------------------------------------


def _members() -> str:
    return (
        "SELECT p.id AS id, COALESCE(n.customer, p.customer, p.id) AS customer "
        "FROM person p LEFT JOIN node n ON n.id = p.node"
    )


def _remember(db: Db) -> None:
    """Who is where, kept in a table of this transaction: constant memory."""
    temporary = "" if db.sqlite else "TEMPORARY "  # SQLite keeps temporary tables in memory
    db.run(
        f"CREATE {temporary}TABLE rebuild_before AS SELECT m.id AS id, m.customer AS customer, c.pub AS pub "
        f"FROM ({_members()}) AS m LEFT JOIN customer c ON c.id = m.customer"
    )
    db.run("CREATE UNIQUE INDEX rebuild_before_id ON rebuild_before (id)")


def _tell(step: Step) -> list[str]:
    """Audit lines for records that are in another customer now; the first ones as sentences."""
    found: list[str] = []
    lines: list[Line] = []
    for line in _moves(step.db):
        if len(found) < MOST:
            where = ids.text(line.customer) if line.customer else "no customer"
            found.append(f"{line.kind}: {agree(len(line.body['records']), '{} [record|records]')}, {where}")
        lines.append(line)
        if len(lines) >= _LINES:
            write(step, lines)
            lines = []
    write(step, lines)
    return found


def _moves(db: Db) -> Iterator[Line]:
    rows = db.stream(
        "SELECT COALESCE(n.customer, p.customer, p.id, 0), COALESCE(b.customer, 0), r.id, s.uid, r.entity, r.ext, "
        "c.pub, b.pub, (SELECT o.pub FROM customer o WHERE o.id = b.customer) "
        "FROM record r JOIN source s ON s.id = r.source "
        "LEFT JOIN person p ON p.id = r.id LEFT JOIN node n ON n.id = p.node "
        "LEFT JOIN customer c ON c.id = COALESCE(n.customer, p.customer, p.id) "
        "LEFT JOIN rebuild_before b ON b.id = r.id "
        "WHERE COALESCE(n.customer, p.customer, p.id, 0) <> COALESCE(b.customer, 0) ORDER BY 1, 2, 3"
    )
    for (now, before), group in groupby(rows, key=lambda row: row[:2]):
        members = list(group)
        body = {"records": ["\0".join((row[3], t.ENTITIES[row[4]], row[5])) for row in members]}
        public, old, standing = (bytes(pub) if pub is not None else None for pub in members[0][6:])
        if old is not None and old == public:
            continue  # the same customer: only the smallest of its record numbers went elsewhere
        if not before:
            yield Line("founded" if members[0][2] == now else "joined", None, public, None, body)
        elif not now:
            yield Line("left", None, old, None, body)
        elif standing is not None and standing == old:
            yield Line("split", None, old, public, body)
        else:
            yield Line("merged", None, public, old, body)
