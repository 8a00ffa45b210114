"""Renaming a source: its uid, and with it every id, stays; its label is what people see (R23)."""

from __future__ import annotations

from klientela.errors import Conflict, Misconfigured, UnknownThing
from klientela.store import facts
from klientela.store.database import Store

BUILT_IN = "manual"
"""The type of the one source that is always there, and its name."""


def rename(store: Store, old: str, new: str, *, actor: str = "operator") -> None:
    """Give a source another label. UnknownThing for a name no source has, Conflict for one another source ever had,
    Misconfigured for the source that is always there: whatever is added by hand looks for it by its name."""
    if new == BUILT_IN != old:
        raise Misconfigured("the name manual belongs to the customers you add by hand", hint="Choose another name.")
    with store.step("sources rename", actor=actor) as step:
        db = step.db
        row = db.one("SELECT id, type FROM source WHERE label = ?", (old,))
        if row is None:
            known = ", ".join(label for (label,) in db.rows("SELECT label FROM source ORDER BY label")) or "none yet"
            raise UnknownThing(f"there is no source {old!r} in the store", hint=f"The sources are: {known}.")
        if row[1] == BUILT_IN and new != BUILT_IN:
            raise Misconfigured(
                f"the source {old!r} holds the customers you add by hand and keeps its name",
                hint="Only sources of the configuration are renamed.",
            )
        owner = db.one("SELECT source FROM source_name WHERE name = ?", (new,))
        if owner is not None and owner[0] != row[0]:
            raise Conflict(
                f"the name {new!r} belonged to another source before",
                hint="Choose a name that no source ever had; ids hang on it.",
            )
        db.run("UPDATE source SET label = ? WHERE id = ?", (new, row[0]))
        facts.name_source(step, new, row[0])
