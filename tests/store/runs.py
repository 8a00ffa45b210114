"""Runs in the books of a store, as tests need them."""

from __future__ import annotations

import json

from klientela.model.instants import SECOND, Instant
from klientela.store import facts, operation
from klientela.store.database import Store


def ran(
    store: Store, name: str, started: Instant, status: str = "ok", error: str | None = None, ended: bool = True
) -> None:
    """A run in the books."""
    with store.step("test") as step:
        source = facts.ensure_source(step, name, "csv").id
        counts = dict.fromkeys(operation.COUNTS, 0)
        row = {
            "source": source, "status": status, "started": started, "finished": started + SECOND if ended else None,
            "error": json.dumps({"kind": error, "message": "m", "hint": None}) if error else None, **counts,
        }  # fmt: skip
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        step.db.run(f"INSERT INTO run ({names}) VALUES ({marks})", tuple(row.values()))


def state(store: Store, name: str) -> operation.SourceState | None:
    return {found.name: found for found in operation.states(store)}.get(name)
