"""Guest rows that are old enough are erased: the rows that orders make, by the newest order of each (R59).

No rule reads a clock; whoever calls this does, and what follows is an erasure like any other. Its tombstones are of keys
alone: who comes back with a new order is welcome.
"""

from __future__ import annotations

from datetime import UTC, datetime

from klientela.flow import erase, reach
from klientela.flow.erase import Plan, telling_orders
from klientela.flow.reach import Reach
from klientela.model.instants import Instant, from_datetime
from klientela.store import cleaning, facts, tombstones
from klientela.store.database import Db, Step, Store

AT_ONCE = 200
"""Rows that are erased in one transaction."""

_OWNER = "COALESCE(n.customer, p.customer, p.id)"


def months_before(now: Instant, months: int) -> Instant:
    """So many calendar months before an instant, at the latest on the last day of a shorter month (UTC)."""
    then = datetime.fromtimestamp(now / 1e6, UTC)
    count = then.year * 12 + then.month - 1 - months
    year, month = divmod(count, 12)
    for day in range(then.day, 0, -1):
        try:
            return from_datetime(then.replace(year=year, month=month + 1, day=day))
        except ValueError:
            continue
    raise AssertionError("every month has a first day")


def overdue(db: Db, before: Instant, limit: int) -> list[int]:
    """Customers that consist of guest orders alone, all of which were placed before; oldest numbers first."""
    rows = db.rows(
        f"SELECT {_OWNER} AS owner FROM person p JOIN record r ON r.id = p.id LEFT JOIN node n ON n.id = p.node "
        f"LEFT JOIN orders o ON o.owner = p.id GROUP BY {_OWNER} "
        f"HAVING min(r.entity) = {facts.GUEST_ORDER} AND max(r.entity) = {facts.GUEST_ORDER} "
        "AND count(*) = count(o.placed) AND max(o.placed) < ? ORDER BY owner LIMIT ?",
        (before, limit),
    )
    return [row[0] for row in rows]


def retain(store: Store, before: Instant, *, actor: str = "daemon") -> int:
    """Erase all guest rows whose newest order was placed before; how many rows."""
    done = 0
    while store.tombstones is not None:
        with store.reading() as db:
            if not overdue(db, before, 1):
                break
        with store.step("retention", actor=actor) as step:
            rows = overdue(step.db, before, AT_ONCE)
            if not rows:
                break
            _erase(step, rows)
        done += len(rows)
    if done:
        cleaning.clean_up(store)
    return done


def _erase(step: Step, customers: list[int]) -> None:
    db, store = step.db, step.store
    whole = reach.of_customers(db, customers)
    rows = f"SELECT id FROM record WHERE entity = {facts.GUEST_ORDER} AND id {db.among}"
    persons = {row[0] for row in db.rows(rows, (db.pack(whole.persons),))}
    reached = Reach(persons, whole.bought, whole.things)
    rules = store.ruleset(db)
    traces = reach.traces_of(db, reached, rules.country, store.key)
    traces.names.clear()  # the same person may have an account
    plan = Plan(reached, traces, reach.others(db, reached, traces, rules), telling_orders(db, reached, traces))
    line = erase.tombstone(step, plan, values="none")
    erase.carry_through(step, plan, {"reason": "retention", "tombstone": line.id}, waiting=False)
    assert store.tombstones is not None  # noqa: S101 - asked by the caller
    tombstones.remember(db, store.tombstones.append(line))


__all__ = ["months_before", "overdue", "retain"]
