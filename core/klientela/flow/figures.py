"""The figures per calendar day, counted anew: when the shop's time zone changed, every day is another one (R53), and a
store of an earlier version has not kept all of them."""

from __future__ import annotations

from typing import Any

from klientela.flow import tally
from klientela.flow.tally import Counts, Days, Tally
from klientela.rules.publish import not_joinable
from klientela.rules.ruleset import Ruleset
from klientela.rules.totals import Settled
from klientela.store import facts
from klientela.store import tables as t
from klientela.store.database import Db, Step
from klientela.store.identity import unpack_keys
from klientela.store.rows import members_of

_PLAIN = ("joined", "revenue", "orders", "first", "second", "guests", "aside", "ltv")
COUNTED = (*_PLAIN, *(f"{name}_over" for name in _PLAIN if name != "joined"))
"""What is counted here: all of it per day, but `ltv`."""

_FIRSTS = ("guest", "first", "second", "gross_first", "gross_second")
_BATCH = 1000


def days_anew(step: Step, ruleset: Ruleset) -> None:
    """Replace these figures by what the list and the orders say; they are read once, in bounded memory."""
    db, days = step.db, Days(ruleset)
    _firsts(db)
    counts: Counts = {}
    _customers(db, counts, days)
    _orders(db, counts, days)
    names = ", ".join(f"'{name}'" for name in COUNTED)
    db.run(f"DELETE FROM figure WHERE name IN ({names})")
    db.insert(
        t.figure, ("name", "part", "day", "value"), [(*key, value) for key, value in sorted(counts.items()) if value]
    )


def _customers(db: Db, counts: Counts, days: Days) -> None:
    for (joined,) in db.stream("SELECT joined FROM customer WHERE joined IS NOT NULL AND inactive = 0"):
        tally.add_to(counts, ("joined", "", days.told(joined)), 1)
    for guest, *row in db.stream(f"SELECT guest, {', '.join(tally.FIGURES)} FROM tally WHERE inactive = 0"):
        tally.count_tally(counts, Tally.of(tuple(row)), guest, 1, days)


def _orders(db: Db, counts: Counts, days: Days) -> None:
    for currency, placed, state, test, gross, ltv, why, aside in db.stream(
        "SELECT o.currency, o.placed, o.state, o.test, o.gross, o.ltv, o.why, "
        "CASE WHEN y.id IS NULL OR y.inactive = 1 THEN 1 ELSE 0 END "
        "FROM orders o LEFT JOIN person p ON p.id = o.owner LEFT JOIN node n ON n.id = p.node "
        "LEFT JOIN tally y ON y.id = COALESCE(n.customer, p.customer, p.id) "
        "WHERE o.ltv IS NOT NULL OR o.gross IS NOT NULL"
    ):
        order = Settled(currency, placed, state, bool(test), gross, ltv, why)
        tally.count_order(counts, "revenue", order, 1, days)
        if aside:
            tally.count_order(counts, "aside", order, 1, days)
        name = "orders_over" if ltv is None else "orders"
        tally.add_to(counts, (name, "", days.told(placed)), 1)


def _firsts(db: Db) -> None:
    """Who is a guest's row, and when the first orders were, as the orders say it."""
    last = -1
    while rows := db.rows(
        f"SELECT id, {', '.join(_FIRSTS)} FROM tally WHERE id > ? ORDER BY id LIMIT ?", (last, _BATCH)
    ):
        last = rows[-1][0]
        right = _firsts_of(db, [row[0] for row in rows])
        db.update(t.tally, _FIRSTS, [(*right[row[0]], row[0]) for row in rows if right[row[0]] != row[1:]])


def _firsts_of(db: Db, customers: list[int]) -> dict[int, tuple[Any, ...]]:
    made = {customer: Tally() for customer in customers}
    guests: set[int] = set()
    owner: dict[int, int] = {}
    for customer, members in members_of(db, customers, "p.id, p.keys, r.entity").items():
        owner.update((number, customer) for number, _, _ in members)
        (_, keys, entity), *others = members
        if not others and entity == facts.GUEST_ORDER and not_joinable(unpack_keys(bytes(keys))):
            guests.add(customer)
    for number, placed, gross, ltv in db.rows(
        f"SELECT owner, placed, gross, ltv FROM orders WHERE owner {db.among}", (db.pack(owner),)
    ):
        made[owner[number]].add(Settled("", placed, "", False, gross, ltv, None), "")
    return {customer: (int(customer in guests), *made[customer].firsts()) for customer in customers}
