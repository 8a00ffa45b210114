"""Mark customers inactive, or take their marks off: the mark is a decision on the oldest record (R41, R42)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from klientela.errors import Conflict
from klientela.flow import hands
from klientela.flow.crowd import Whom, anchors, customers
from klientela.flow.desk import Decided
from klientela.flow.hands import Word
from klientela.rules.hand import ACTIVE, INACTIVE
from klientela.store.database import Db, Step, Store
from klientela.store.rows import members_of


def deactivate(store: Store, whom: Whom, *, actor: str = "operator", dry_run: bool = False) -> Decided:
    """Customers stand in the inactive list only, whatever their sources say, until somebody takes the mark off.

    `about` tells how many had the mark already. Conflict where all of them had.
    """
    told: dict[str, Any] = {"already": 0}

    def words(step: Step) -> list[Word]:
        meant = customers(step, whom)
        has = marked(step.db, meant)
        told["already"] = len(has)
        if len(has) == len(meant):
            raise Conflict(
                "this customer is marked inactive already" if whom.one else "all of them are marked inactive already",
                hint="`klientela active` takes the mark off",
            )
        # also who had a mark: that one may be taken back, and this decision stays what it is
        return [Word(INACTIVE, record, {}) for _, record in sorted(anchors(step.db, meant).items())]

    made = hands.say(store, "inactive", words, {}, actor=actor, dry_run=dry_run)
    made.about = told
    return made


def activate(store: Store, whom: Whom, *, actor: str = "operator", dry_run: bool = False) -> Decided:
    """Take the marks off all present records of customers, as one decision; taken back, the marks hold again.

    `about` tells how many had none. Conflict where nobody had one.
    """
    told: dict[str, Any] = {"already": 0}

    def words(step: Step) -> list[Word]:
        meant = customers(step, whom, inactive=True)
        has = marked(step.db, meant)
        told["already"] = len(meant) - len(has)
        if not has:
            raise Conflict(
                "this customer is not marked inactive" if whom.one else "none of them is marked inactive",
                hint="`klientela customers --inactive` shows who is",
            )
        return reviving(has)

    made = hands.say(store, "active", words, {}, actor=actor, dry_run=dry_run)
    made.about = told
    return made


def marked(db: Db, numbers: Iterable[int]) -> dict[int, list[int]]:
    """The customers among these that are marked inactive, with the records that carry the mark."""
    of = {row[0]: customer for customer, found in members_of(db, numbers, "p.id").items() for row in found}
    newest: dict[int, str] = dict(
        db.rows(
            f"SELECT a, kind FROM decision WHERE to_seq IS NULL AND kind IN ('{INACTIVE}', '{ACTIVE}') "
            f"AND a {db.among} ORDER BY id",
            (db.pack(of),),
        )
    )
    found: dict[int, list[int]] = {}
    for record, kind in sorted(newest.items()):
        if kind == INACTIVE:
            found.setdefault(of[record], []).append(record)
    return found


def reviving(marks: dict[int, list[int]]) -> list[Word]:
    """What takes these marks off."""
    return [Word(ACTIVE, record, {}) for records in marks.values() for record in records]


__all__ = ["activate", "deactivate", "marked", "reviving"]
