"""What was known at an earlier time: the facts of then, derived by the functions of every sync (D26).

Nothing that came later is in it: no claim, no decision, no rule, no import, and what was taken back later still holds.
Only what was erased is gone in the past too, and names of sources are those of today.

There are two roads, and both say the same. Where little has happened since under the same rules, the store itself is
turned back inside a transaction that is never committed: what changed since follows like the news of any page. Else the
facts of then are copied into a store beside, and everything is derived anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from klientela.errors import Misconfigured, UnknownThing
from klientela.flow import work
from klientela.flow.derive import Deriver
from klientela.flow.rebuild import derive, first_seen
from klientela.model.instants import Instant, iso
from klientela.rules.rates import Rates
from klientela.rules.ruleset import Ruleset
from klientela.store import facts, past
from klientela.store.database import Db, Step, Store
from klientela.store.locate import locate
from klientela.store.past import Moment
from klientela.store.profile import profile
from klientela.store.rows import View, members_of
from klientela.store.scratch import scratch

TURNED_BACK = 2_000
"""Up to so many records that changed since the store is turned back; writers wait for as long as that takes."""

Progress = Callable[[int], None]


class Past(NamedTuple):
    """A store as it was, to be read. `moment`: the newest change that is in it; None before the first one."""

    db: Db
    moment: Moment | None

    def as_dict(self) -> dict[str, Any]:
        """`as_of` of the documents: the newest change that was known, and when it was made."""
        return {
            "seq": None if self.moment is None else self.moment.seq,
            "at": None if self.moment is None else iso(self.moment.at),
        }


@contextmanager
def as_of(store: Store, at: Instant, *, progress: Progress | None = None) -> Iterator[Past]:
    """The store as it was at a time; it is gone at the end. Misconfigured for a time that is yet to come."""
    with store.reading() as db:
        moment = _moment(db, at)
    seq = 0 if moment is None else moment.seq
    with turned_back(store, seq) as then:
        if then is not None:
            yield Past(then, moment)
            return
    with (
        store.reading() as db,
        beside(store, db, seq, history=False, progress=progress) as other,
        other.reading() as then,
    ):
        yield Past(then, moment)


def customer_as_of(
    store: Store,
    named: str,
    at: Instant,
    view: View,
    *,
    rates: Rates | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The contract's Profile of a customer, by any id or record key, as it was at a time, and `as_of`.

    `rates` are today's. UnknownThing where nothing was known of it yet, Misconfigured for a time that is yet to come.
    """
    with store.reading() as db:
        moment = _moment(db, at)
        seq = 0 if moment is None else moment.seq
        with turned_back(store, seq) as then:
            if then is not None:
                number = _located(db, then, store.key, named, at)
                return _profile(then, number, view, store.key, rates, at, moment)
        with beside(store, db, seq, progress=progress) as other:
            with other.reading() as then:
                number = _located(db, then, store.key, named, at)
            _with_files(db, other, number, seq)
            with other.reading() as then:
                return _profile(then, number, view, store.key, rates, at, moment)


def _profile(
    then: Db, customer: int, view: View, key: bytes, rates: Rates | None, at: Instant, moment: Moment | None
) -> dict[str, Any]:
    made = profile(then, customer, view, key=key, rates=rates, now=at)
    return {**made, "as_of": Past(then, moment).as_dict()}


def _moment(db: Db, at: Instant) -> Moment | None:
    if at > time.time_ns() // 1000:
        raise Misconfigured(f"{iso(at)} is yet to come", hint="Ask for a time that is past; without one you see now.")
    return past.newest(db, at)


def _located(db: Db, then: Db, key: bytes, named: str, at: Instant) -> int:
    try:
        return locate(then, key, named).customer
    except UnknownThing:
        locate(db, key, named)  # who is unknown today too is told so
        raise UnknownThing(
            f"nothing was known of {named} on {iso(at)}", hint=f"`klientela audit --customer {named}` says since when"
        ) from None


# -- a store beside ---------------------------------------------------------------------------------------------------


@contextmanager
def beside(
    store: Store, db: Db, seq: int, *, history: bool = True, progress: Progress | None = None
) -> Iterator[Store]:
    """The store as it was after a change, by its number; 0: before the first one. In constant memory.

    `history`: with what was closed by then, which only histories show. Who is who hangs on all who share a value with
    him, and what was shared then is in no index: so everything is derived.
    """
    with scratch(store, db, partial(past.copy_facts, upto=seq, history=history)) as other:
        derive(other, progress)
        with other.step("first seen") as step:
            first_seen(step.db)
        yield other


def _with_files(db: Db, other: Store, customer: int, seq: int) -> None:
    """The files that had come with a customer's letters by then; nobody else's are copied."""
    with other.step("files") as step:
        members = [row[0] for row in members_of(step.db, [customer], "p.id").get(customer, ())]
        things = step.db.rows(f"SELECT id FROM thing WHERE owner {step.db.among}", (step.db.pack(members),))
        past.copy_files(db, step, [*members, *(row[0] for row in things)], seq)


# -- the store itself ---------------------------------------------------------------------------------------------------


class _Rollback(Exception):
    """Ends the transaction: nothing of it is stored."""


@contextmanager
def turned_back(store: Store, seq: int) -> Iterator[Db | None]:
    """The store itself as it was after a change, inside a transaction that is rolled back at the end; None where too
    much has happened since, other rules held, or records still wait for those in force."""
    with store.reading() as db:
        few = _few(db, seq)
    with ExitStack() as stack:
        stack.enter_context(suppress(_Rollback))
        step = stack.enter_context(store.step("as of")) if few else None
        yield _back(step, seq) if step is not None else None
        if step is not None:
            raise _Rollback


def _few(db: Db, seq: int) -> bool:
    return not work.left(db) and past.changed_since(db, seq, TURNED_BACK) is not None


def _back(step: Step, seq: int) -> Db | None:
    db = step.db
    records = past.changed_since(db, seq, TURNED_BACK)
    if records is None or work.left(db):
        return None
    past.turn_back(step, seq, records)
    if not _same_rules(db, step.store.ruleset(db), seq):
        return None
    for start in range(0, len(records), work.BATCH):
        db.run(
            f"INSERT INTO work (kind, subject, reason) SELECT {work.KIND_OF}, id, 'as of' FROM record "
            f"WHERE id {db.among} ON CONFLICT DO NOTHING",
            (db.pack(records[start : start + work.BATCH]),),
        )
    deriver = Deriver(db, step.store.ruleset(db), quiet=True)
    while work.some(step, deriver):
        pass
    first_seen(db, [row[0] for row in db.rows("SELECT id FROM person WHERE seen = ?", (step.at,))])
    return db


def _same_rules(db: Db, standing: Ruleset, seq: int) -> bool:
    """Whether the rules in force decide of all who were known what those of then decided."""
    row = db.one("SELECT r.canonical FROM txn x JOIN ruleset r ON r.id = x.ruleset WHERE x.seq = ?", (seq,))
    if row is None:
        return True  # before the first change nobody was known
    then = Ruleset.parse(row[0])
    known = [
        source.uid
        for source in facts.sources(db).values()
        if db.one("SELECT 1 FROM record WHERE source = ? AND channel IS NOT NULL LIMIT 1", (source.id,)) is not None
    ]
    of_them = [replace(one, sources={uid: one.of(uid) for uid in known}) for one in (standing, then)]
    return of_them[0].canonical() == of_them[1].canonical()


__all__ = ["TURNED_BACK", "Past", "as_of", "beside", "customer_as_of", "turned_back"]
