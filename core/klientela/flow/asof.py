"""What was known at an earlier time: the facts of then, derived by the functions of every sync into a store beside (D26).

Nothing that came later is in it: no claim, no decision, no rule, no import, and what was taken back later still holds.
Only what was erased is gone in the past too, and names of sources are those of today.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from klientela.errors import Misconfigured, UnknownThing
from klientela.flow.rebuild import derive, first_seen
from klientela.model.instants import Instant, iso
from klientela.rules.rates import Rates
from klientela.store import past
from klientela.store.database import Db, Store
from klientela.store.locate import locate
from klientela.store.past import Moment
from klientela.store.profile import profile
from klientela.store.rows import View, members_of
from klientela.store.scratch import scratch

Progress = Callable[[int], None]


class Past(NamedTuple):
    """A store as it was. `moment`: the newest change that is in it; None before the first one."""

    store: Store
    moment: Moment | None

    def as_dict(self) -> dict[str, Any]:
        """`as_of` of the documents: the newest change that was known, and when it was made."""
        return {
            "seq": None if self.moment is None else self.moment.seq,
            "at": None if self.moment is None else iso(self.moment.at),
        }


@contextmanager
def as_of(store: Store, at: Instant, *, progress: Progress | None = None) -> Iterator[Past]:
    """The store as it was at a time, to be read like any other; it is gone at the end.

    Misconfigured for a time that is yet to come. Everything is derived, in constant memory: who is who hangs on all who
    share a value with him, and what was shared then is in no index.
    """
    with store.reading() as db:
        moment = _moment(db, at)
        with at_change(store, db, moment.seq if moment else 0, history=False, progress=progress) as other:
            yield Past(other, moment)


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
        with at_change(store, db, moment.seq if moment else 0, progress=progress) as other:
            with other.reading() as then:
                number = _located(db, then, store.key, named, at)
            if moment is not None:
                _with_files(db, other, number, moment.seq)
            with other.reading() as then:
                found = profile(then, number, view, key=store.key, rates=rates, now=at)
    return {**found, "as_of": Past(other, moment).as_dict()}


@contextmanager
def at_change(
    store: Store, db: Db, seq: int, *, history: bool = True, progress: Progress | None = None
) -> Iterator[Store]:
    """The store as it was after a change, by its number; 0: before the first one. `history`: with what was closed by
    then, which only histories show."""
    with scratch(store, db, partial(past.copy_facts, upto=seq, history=history)) as other:
        derive(other, progress)
        with other.step("first seen") as step:
            first_seen(step.db)
        yield other


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


def _with_files(db: Db, other: Store, customer: int, seq: int) -> None:
    """The files that had come with a customer's letters by then; nobody else's are copied."""
    with other.step("files") as step:
        members = [row[0] for row in members_of(step.db, [customer], "p.id").get(customer, ())]
        things = step.db.rows(f"SELECT id FROM thing WHERE owner {step.db.among}", (step.db.pack(members),))
        past.copy_files(db, step, [*members, *(row[0] for row in things)], seq)


__all__ = ["Past", "as_of", "at_change", "customer_as_of"]
