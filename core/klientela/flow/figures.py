"""The figures per calendar day, counted anew: when the shop's time zone changed, every day is another one (R53)."""

from __future__ import annotations

from collections import Counter

from klientela.flow.tally import Days
from klientela.rules.ruleset import Ruleset
from klientela.store import tables as t
from klientela.store.database import Step


def days_anew(step: Step, ruleset: Ruleset) -> None:
    """Replace the figures of each day by what the list and the orders say; they are read once, in constant memory."""
    db, day = step.db, Days(ruleset).day
    found: Counter[tuple[str, str, int]] = Counter()
    for (joined,) in db.stream("SELECT joined FROM customer WHERE joined IS NOT NULL AND inactive = 0"):
        found["joined", "", day(joined) or 0] += 1
    for currency, placed, ltv in db.stream("SELECT currency, placed, ltv FROM orders WHERE ltv IS NOT NULL"):
        when = day(placed) or 0
        found["revenue", currency, when] += ltv
        found["orders", "", when] += 1
    db.run("DELETE FROM figure WHERE name IN ('joined', 'revenue', 'orders')")
    db.insert(
        t.figure, ("name", "part", "day", "value"), [(*key, value) for key, value in sorted(found.items()) if value]
    )
