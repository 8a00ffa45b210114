"""What was handed to shops: of each order that was placed here, where it was sent, and what the shop said to it.

A row is written and committed before the shop is asked, so that a crash in between leaves a question and no second order.
It holds nothing about the person.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from klientela.model.instants import MINUTE, Instant
from klientela.store import tables as t
from klientela.store.database import Db, Step
from klientela.store.facts import ORDER, Loaded

SENDING, UNKNOWN, TAKEN, REFUSED = "sending", "unknown", "taken", "refused"
"""Asked and not yet answered; nobody knows; the shop has it; the shop has it not, and it may be sent again."""

AWAY = (SENDING, UNKNOWN, TAKEN)
"""The states in which the shop has the order, or may have it."""


UNDERWAY = 15 * MINUTE
"""So long somebody may still be waiting for the shop's answer: longer than any call lasts."""


class Handed(NamedTuple):
    """An order that was sent to a shop: to which source, since when, under which key, and what came of it. `ext` is the
    order's external id there, `draft` that of what is no order yet, `error` one sentence: why not, why nobody knows, or
    what else there is to know of it."""

    record: int
    key: str
    source: str
    type: str
    state: str
    ext: str | None
    draft: str | None
    error: str | None
    at: Instant


_COLUMNS = "o.record, o.key, s.label, s.type, o.state, o.ext, o.draft, o.error, o.at"


def handed(db: Db, record: int) -> Handed | None:
    """What was sent of an order that is kept here; None where it never was."""
    row = db.one(
        f"SELECT {_COLUMNS} FROM outbox o JOIN source s ON s.id = o.source WHERE o.record = ?",
        (record,),
    )
    return None if row is None else Handed(*row)


def unsettled(db: Db, now: Instant) -> int:
    """Of how many orders nobody knows whether the shop took them."""
    row = db.one(
        "SELECT count(*) FROM outbox WHERE state = ? OR (state = ? AND at < ?)", (UNKNOWN, SENDING, now - UNDERWAY)
    )
    return int(row[0]) if row else 0


def away(db: Db, records: Iterable[int]) -> list[Handed]:
    """Those of some orders that a shop has or may have."""
    return [
        Handed(*row)
        for row in db.rows(
            f"SELECT {_COLUMNS} FROM outbox o JOIN source s ON s.id = o.source "
            f"WHERE o.state <> ? AND o.record {db.among} ORDER BY o.record",
            (REFUSED, db.pack(records)),
        )
    ]


def answered(db: Db, orders: Iterable[Loaded]) -> dict[tuple[int, str], str]:
    """Those of some orders that a shop made of one that was placed here: (source, external id) -> its key."""
    if db.one("SELECT 1 FROM outbox WHERE ext IS NOT NULL LIMIT 1") is None:
        return {}
    packed = db.pack(item.id for item in orders)
    return {
        (source, ext): key
        for source, ext, key in db.rows(
            "SELECT o.source, o.ext, o.key FROM record r JOIN outbox o ON o.source = r.source AND o.ext = r.ext "
            f"WHERE r.entity = ? AND r.id {db.among}",
            (ORDER, packed),
        )
    }


def begin(step: Step, record: int, key: str, source: int) -> None:
    """Write down that an order is about to be sent."""
    columns = ("record", "key", "source", "state", "ext", "draft", "error", "at")
    step.db.upsert(t.outbox, columns, [(record, key, source, SENDING, None, None, None, step.at)], ("record",))


def settle(
    step: Step, record: int, state: str, *, ext: str | None = None, draft: str | None = None, error: str | None = None
) -> None:
    """Write down what came of it."""
    step.db.run(
        "UPDATE outbox SET state = ?, ext = ?, draft = ?, error = ? WHERE record = ?",
        (state, ext, draft, error, record),
    )


__all__ = [
    "AWAY", "REFUSED", "SENDING", "TAKEN", "UNDERWAY", "UNKNOWN", "Handed", "answered", "away", "begin", "handed", "settle",
    "unsettled",
]  # fmt: skip
