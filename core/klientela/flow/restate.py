"""Says once more who is whom where an erasure took the lines that told it: the log alone says it of all who are left (R56)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from klientela.rules.publish import NEVER, Canon
from klientela.store import facts, ids, ledger
from klientela.store.database import Db, Step
from klientela.store.ledger import Line
from klientela.store.locate import customers_of
from klientela.store.rows import members_of
from klientela.store.tables import ENTITIES

_TELL = frozenset(("founded", "joined", "split"))
"""Kinds of lines whose records say in whose customer they are from then on."""


def companions(db: Db, persons: set[int]) -> set[int]:
    """Who is in one customer with some records that go, and stays: it may go by another id then, of which nothing is told,
    for the line would name the one it went by."""
    customers = set(customers_of(db, persons).values())
    return {number for rows in members_of(db, customers, "p.id").values() for (number,) in rows} - persons


def told(kind: str, body: Any) -> list[str]:
    """The records, as the log writes them, of which a line says in whose customer they are."""
    return list(body["records"]) if kind in _TELL else []


def restate(step: Step, lost: Iterable[str], beside: set[int]) -> None:
    """Write in which customer records are now: those of lines that were taken (`lost`, as the log writes them), and others
    by number. Who is nobody is left out."""
    db = step.db
    records = customers_of(db, beside | _numbers(db, set(lost)))
    members = members_of(db, set(records.values()), "p.id, p.created, r.source, r.entity, r.ext")
    uids = {number: row.uid for number, row in facts.sources(db).items()}
    lines = []
    for found in members.values():
        aged = sorted(
            (Canon(NEVER if created is None else created, uids[source], ENTITIES[entity], ext), number)
            for number, created, source, entity, ext in found
        )
        oldest = aged[0][0]
        mine = sorted("\0".join(canon[1:]) for canon, number in aged if number in records)
        body = {"records": mine, "detail": {"after": "an erasure"}}
        public = ids.public_id(oldest.source, oldest.entity, oldest.external_id, step.store.key)
        lines.append(Line("joined", None, public, None, body))
    ledger.write(step, sorted(lines, key=lambda line: line.customer or b""))


def _numbers(db: Db, lost: set[str]) -> set[int]:
    """Records by their key."""
    sources = {row.uid: number for number, row in facts.sources(db).items()}
    wanted: dict[tuple[int, int], list[str]] = {}
    for uid, entity, ext in (one.split("\0", 2) for one in lost):
        if uid in sources and entity in facts.NUMBER_OF:
            wanted.setdefault((sources[uid], facts.NUMBER_OF[entity]), []).append(ext)
    return {
        row.id for (source, entity), exts in wanted.items() for row in facts.known(db, source, entity, exts).values()
    }


__all__ = ["companions", "restate", "told"]
