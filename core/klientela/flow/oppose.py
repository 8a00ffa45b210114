"""Keep by which addresses records object, so that a contact with anybody at that very address can be checked (R46).

An objection that an operator wrote down outlives its record: a guest row that another policy made nobody, or a record only an
import had that was taken back. Nobody lifted it by that (R45), so it still stands at the address it names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from klientela.flow.values import Case
from klientela.rules.objections import objected
from klientela.store import facts
from klientela.store import tables as t
from klientela.store.database import Step


def oppose(step: Step, cases: Iterable[Case], fresh: Collection[int], region: str) -> None:
    """Bring the addresses of these persons' objections up to date; of `fresh` records there are none yet."""
    db = step.db
    known: list[int] = []
    now: set[tuple[int, int]] = set()
    nobody: list[int] = []
    for case in cases:
        fact = case.loaded.fact
        if case.loaded.id not in fresh:
            known.append(case.loaded.id)
        if fact is None:
            nobody.append(case.loaded.id)
        elif fact.consents:
            now.update((key, case.loaded.id) for key in objected(fact, region))
    if nobody:
        for number, said in facts.hands(db, nobody).items():
            now.update((key, number) for key in objected(said, region))
    stood: set[tuple[int, int]] = set()
    if known and db.one("SELECT 1 FROM objection LIMIT 1") is not None:
        stood.update(db.rows(f"SELECT key, record FROM objection WHERE record {db.among}", (db.pack(known),)))
    db.delete(t.objection, sorted(stood - now), key=("key", "record"))
    db.insert(t.objection, ("key", "record"), sorted(now - stood))


__all__ = ["oppose"]
