"""Renaming a source: its uid, and with it every id, stays; its label is what people see (R23)."""

from __future__ import annotations

from klientela.errors import Conflict, UnknownThing
from klientela.store import facts
from klientela.store.database import Store


def rename(store: Store, old: str, new: str, *, actor: str = "operator") -> None:
    """Give a source another label. UnknownThing for a name no source has, Conflict for one another source ever had."""
    with store.step("sources rename", actor=actor) as step:
        db = step.db
        row = db.one("SELECT id FROM source WHERE label = ?", (old,))
        if row is None:
            known = ", ".join(label for (label,) in db.rows("SELECT label FROM source ORDER BY label")) or "none yet"
            raise UnknownThing(f"there is no source {old!r} in the store", hint=f"The sources are: {known}.")
        owner = db.one("SELECT source FROM source_name WHERE name = ?", (new,))
        if owner is not None and owner[0] != row[0]:
            raise Conflict(
                f"the name {new!r} belonged to another source before",
                hint="Choose a name that no source ever had; ids hang on it.",
            )
        db.run("UPDATE source SET label = ? WHERE id = ?", (new, row[0]))
        facts.name_source(step, new, row[0])
