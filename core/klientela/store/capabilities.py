"""What sources of each type can know, as their plugins said last: what none of a customer's can is absent, not zero (R33)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from klientela.store.database import Db, Store
from klientela.store.facts import SourceRow

_NAME = "capabilities"
_OURS = {"manual": frozenset({"accounts", "orders", "test_orders", "consents", "tags"})}
"""What an operator writes down: everything but carts. That such a customer has no orders is known (R3)."""

Can = Mapping[str, frozenset[str]]
"""Source type -> the names of its capabilities. A type that is not there said nothing: it may know everything."""


def remember(store: Store, types: Mapping[str, Sequence[str]]) -> None:
    """Keep what the installed plugins say; types whose plugin is no longer installed keep what they said."""
    with store.reading() as db:
        known = {name: sorted(can) for name, can in read(db).items()}
    wanted = known | {name: sorted(can) for name, can in types.items()}
    if wanted != known:
        with store.step("capabilities") as step:
            step.db.run(
                "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (_NAME, json.dumps(wanted, sort_keys=True)),
            )


def read(db: Db) -> Can:
    """What is known of all types."""
    row = db.one("SELECT value FROM meta WHERE name = ?", (_NAME,))
    told = json.loads(row[0]) if row else {}
    return {name: frozenset(can) for name, can in told.items()} | _OURS


def knows(can: Can, sources: Iterable[SourceRow], what: str) -> bool:
    """Whether any of the sources can know it."""
    return any(source.type not in can or what in can[source.type] for source in sources)
