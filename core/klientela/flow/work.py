"""The worklist: what a change meant for many others, finished in bounded transactions that no read hides."""

from __future__ import annotations

import threading

from klientela.failpoints import failpoint
from klientela.flow.derive import Deriver
from klientela.flow.figures import days_anew
from klientela.store import facts, locate
from klientela.store import tables as t
from klientela.store.database import Db, Step, Store

BATCH = 500
_STRETCH = 20_000

KIND_OF = (
    f"CASE WHEN entity = {facts.ORDER} THEN 'order' WHEN entity = {facts.CHECKOUT} THEN 'checkout' "
    f"WHEN entity > {facts.CHECKOUT} THEN 'thing' ELSE 'person' END"
)
"""In SQL over `record`: as what a record stands on the worklist."""


def left(db: Db) -> int:
    """How many records wait to be looked at anew."""
    row = db.one("SELECT count(*) FROM work")
    return int(row[0]) if row else 0


def drain(store: Store, *, stop: threading.Event | None = None) -> int:
    """Work until nothing is left or somebody says stop; how many records were done."""
    done = 0
    while stop is None or not stop.is_set():
        with store.reading() as db:
            if db.one("SELECT 1 FROM work LIMIT 1") is None:
                break
        with store.step("worklist") as step:
            count = some(step, Deriver(step.db, store.ruleset(step.db)))
            failpoint("work.before_commit")
        failpoint("work.after_commit")
        done += count
    return done


def some(step: Step, deriver: Deriver) -> int:
    """Do one batch inside a step. Persons come before orders: whose order it is hangs on the buyer's state; figures of
    each day come last, when everything they count is in its place."""
    db = step.db
    rows = db.rows("SELECT kind, subject FROM work ORDER BY kind DESC, subject LIMIT ?", (BATCH,))
    if not rows:
        return 0
    kind = rows[0][0]
    batch = [row[1] for row in rows if row[0] == kind]
    if kind == "figures":
        days_anew(step, deriver.ruleset)
        db.run("DELETE FROM work WHERE kind = 'figures'")
        return len(batch)
    if kind == "aliases":
        _aliases(step, batch[0])
        return len(batch)
    loaded = [item for _, item in sorted(facts.load(db, batch).items())]
    persons, orders, carts, things = (loaded if kind == one else [] for one in ("person", "order", "checkout", "thing"))
    deriver.page(step, persons, orders, carts, set(), things, force=True)
    db.run(f"DELETE FROM work WHERE kind = ? AND subject {db.among}", (kind, db.pack(batch)))
    return len(batch)


def _aliases(step: Step, after: int) -> None:
    """Write the aliases of one stretch of records, for a store that was made before they were kept."""
    db = step.db
    records = [
        row[0]
        for row in db.rows(
            "SELECT id FROM person WHERE id > ? AND (customer IS NOT NULL OR node IS NOT NULL) ORDER BY id LIMIT ?",
            (after, _STRETCH),
        )
    ]
    db.upsert(t.alias, ("pub8", "record"), locate.aliases(db, records, step.store.key), ("pub8", "record"))
    db.run("DELETE FROM work WHERE kind = 'aliases'")
    if len(records) == _STRETCH:
        db.insert(t.work, ("kind", "subject", "reason"), [("aliases", records[-1], "upgrade")])
