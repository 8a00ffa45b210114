"""Changing the rules: what the configuration wants against what is in force, and the way from one to the other (R0)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from klientela.rules.ruleset import Ruleset
from klientela.store import facts, ids
from klientela.store.database import Db, Step, Store
from klientela.store.ledger import Line, write
from klientela.store.rows import records_of

_SOME = 500
_Told = tuple[str, bytes | None, bytes | None]  # kind, customer, other: of the log


def by_uid(db: Db, wanted: Ruleset) -> Ruleset:
    """The wanted ruleset with its sources named by their uid for ever instead of their label of today; `same_as` may still
    say a name that a source had, which is nobody else's (R23)."""
    uids = {row.label: row.uid for row in facts.sources(db).values()}
    ever = {name: row.uid for name, row in facts.by_any_name(db).items()}
    made = {
        uids.get(name, name): replace(rules, same_as={shop: ever.get(to, to) for shop, to in rules.same_as.items()})
        for name, rules in wanted.sources.items()
    }
    return replace(wanted, sources=made)


def adopt(store: Store, wanted: Ruleset) -> bool:
    """Take over what needs no decision: everything in an empty store, and the settings of sources without records.

    True when the rules in force are the wanted ones afterwards; False when `rules apply` is needed for the rest.
    """
    with store.reading() as db:
        standing = store.ruleset(db)
        aim = by_uid(db, wanted)
        if standing.canonical() == _like(aim, standing).canonical():
            return True
        made = _without_asking(db, standing, aim)
    if made.canonical() != standing.canonical():
        with store.step("rules of new sources") as step:
            put(step, made)
            _of_targets(step, _targets(made) - _targets(standing))
    return made.canonical() == _like(aim, made).canonical()


def _targets(rules: Ruleset) -> set[str]:
    return {uid for one in rules.sources.values() for uid in one.same_as.values()}


def _of_targets(step: Step, uids: set[str]) -> None:
    """Orders that came before anybody passed them on publish their keys from now on (R29)."""
    for uid in sorted(uids):
        step.db.run(
            "INSERT INTO work (kind, subject, reason) SELECT 'order', r.id, 'same_as' FROM record r "
            "JOIN source s ON s.id = r.source WHERE s.uid = ? AND r.entity = ? AND r.channel IS NOT NULL "
            "ON CONFLICT DO NOTHING",
            (uid, facts.ORDER),
        )


def _without_asking(db: Db, standing: Ruleset, aim: Ruleset) -> Ruleset:
    if db.one("SELECT 1 FROM record LIMIT 1") is None:
        return aim
    filled = {
        row[0]
        for row in db.rows("SELECT uid FROM source s WHERE EXISTS (SELECT 1 FROM record r WHERE r.source = s.id)")
    }
    sources = dict(standing.sources)
    for uid, rules in aim.sources.items():
        if uid not in filled:
            sources[uid] = rules
    return replace(standing, sources=sources)


def _like(aim: Ruleset, standing: Ruleset) -> Ruleset:
    """The aim with what only the store still knows: sources that left the configuration keep their rules."""
    return replace(aim, sources={**{u: r for u, r in standing.sources.items() if u not in aim.sources}, **aim.sources})


def aim(db: Db, wanted: Ruleset) -> Ruleset:
    """The ruleset that `apply` would put in force."""
    row = db.one("SELECT r.canonical FROM ruleset r JOIN meta m ON m.name = 'ruleset' AND m.value = CAST(r.id AS TEXT)")
    standing = Ruleset.parse(row[0]) if row else Ruleset()
    return _like(by_uid(db, wanted), standing)


def put(step: Step, rules: Ruleset) -> int:
    """Make a ruleset the one in force; from this moment every write uses it."""
    db = step.db
    row = db.one("SELECT id FROM ruleset WHERE digest = ?", (rules.digest,))
    number = row[0] if row else step.new_ids("ruleset", 1)[0]
    if row is None:
        db.run(
            "INSERT INTO ruleset (id, digest, canonical) VALUES (?, ?, ?)", (number, rules.digest, rules.canonical())
        )
    db.run("UPDATE meta SET value = ? WHERE name = 'ruleset'", (str(number),))
    return int(number)


def apply(store: Store, wanted: Ruleset, *, actor: str = "operator") -> int | None:
    """Put the wanted rules in force and every record on the worklist, in one transaction. The change's seq, or None
    when there was nothing to change. The list follows as the worklist is drained."""
    with store.step("rules apply", actor=actor) as step:
        db = step.db
        standing = store.ruleset(db)
        goal = _like(by_uid(db, wanted), standing)
        if goal.canonical() == standing.canonical():
            return None
        put(step, goal)
        seq = step.seq  # drawn after: the change stands in the clock under the rules that hold from it on
        everything(step, "rules")
        if goal.timezone != standing.timezone:
            db.run("INSERT INTO work (kind, subject, reason) VALUES ('figures', 0, 'rules') ON CONFLICT DO NOTHING")
        detail = {"from": standing.digest, "to": goal.digest}
        write(step, [Line("rules_changed", None, None, None, {"records": [], "detail": detail})])
        return seq


def everything(step: Step, reason: str) -> None:
    """Put every record on the worklist, also those that are nobody and of which operators said something."""
    step.db.run(
        "INSERT INTO work (kind, subject, reason) SELECT CASE WHEN entity = 4 THEN 'order' ELSE 'person' END, id, ? "
        "FROM record WHERE (entity IN (0, 1, 2, 4) AND channel IS NOT NULL) "
        "OR (entity IN (0, 1, 2, 3) AND channel IS NULL AND body IS NULL AND more = 1) ON CONFLICT DO NOTHING",
        (reason,),
    )


def unfinished(db: Db) -> int | None:
    """The change of rules whose work is not finished yet; None when there is none."""
    if db.one("SELECT 1 FROM work WHERE reason = 'rules' LIMIT 1") is None:
        return None
    row = db.one("SELECT max(seq) FROM audit WHERE kind = 'rules_changed'")
    return None if row is None else row[0]


def touched(store: Store, seq: int) -> list[dict[str, Any]]:
    """The customers that a change of rules made, joined or split, as `{"id", "records"}`, by id: those the lines of the
    log name that the worklist wrote since, and that still are. Who fell apart on the way and came together again, whole,
    is as before (T68)."""
    with store.reading() as db:
        lines: list[_Told] = [
            (kind, bytes(customer) if customer else None, bytes(other) if other else None)
            for kind, customer, other in db.rows(
                "SELECT a.kind, a.customer, a.other FROM audit a JOIN txn x ON x.seq = a.seq "
                "WHERE a.seq > ? AND a.kind <> 'kept_apart' AND x.cause = 'worklist' ORDER BY a.seq, a.n",
                (seq,),
            )
        ]
        back = _back_again(lines)
        named = {ids.pub8(one) for line in lines if line[2] not in back for one in line[1:] if one is not None}
        found: dict[int, bytes] = {
            number: bytes(public)
            for some in _chunks(named)
            for number, public in db.rows(
                f"SELECT id, pub FROM customer WHERE inactive IN (0, 1) AND pub8 {db.among}", (db.pack(some),)
            )
        }
        records = records_of(db, found, facts.sources(db), store.key)
    made = [{"id": ids.text(public), "records": records[number]} for number, public in found.items()]
    return sorted(made, key=lambda item: str(item["id"]))


def _back_again(lines: Iterable[_Told]) -> set[bytes]:
    """Those of whom the lines say only that they were split off a customer, and then merged into the same one."""
    said: dict[bytes, list[_Told]] = defaultdict(list)
    for line in lines:
        for public in {line[1], line[2]}:
            if public is not None:
                said[public].append(line)
    return {part for part, told in said.items() if told == [("split", told[0][1], part), ("merged", told[0][1], part)]}


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(sorted(numbers))
    while some := list(islice(rest, _SOME)):
        yield some
