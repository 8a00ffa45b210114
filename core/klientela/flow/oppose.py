"""Keep by which addresses records object, so that a contact with anybody at that very address can be checked (R46)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from klientela.flow.values import Case
from klientela.rules.objections import objected
from klientela.store import tables as t
from klientela.store.database import Step


def oppose(step: Step, cases: Iterable[Case], fresh: Collection[int], region: str) -> None:
    """Bring the addresses of these persons' objections up to date; of `fresh` records there are none yet."""
    db = step.db
    known: list[int] = []
    now: set[tuple[int, int]] = set()
    for case in cases:
        fact = case.loaded.fact
        if case.loaded.id not in fresh:
            known.append(case.loaded.id)
        if fact is not None and fact.consents:
            now.update((key, case.loaded.id) for key in objected(fact, region))
    stood: set[tuple[int, int]] = set()
    if known and db.one("SELECT 1 FROM objection LIMIT 1") is not None:
        stood.update(db.rows(f"SELECT key, record FROM objection WHERE record {db.among}", (db.pack(known),)))
    db.delete(t.objection, sorted(stood - now), key=("key", "record"))
    db.insert(t.objection, ("key", "record"), sorted(now - stood))


__all__ = ["oppose"]
