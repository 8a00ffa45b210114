"""The imports there were: batches of one file each, with what they brought, and which of them were taken back (R50b)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec import UNSET

from klientela.model.instants import iso
from klientela.model.records import Consent, Person
from klientela.store import facts
from klientela.store.database import Db
from klientela.store.facts import Loaded


def batches(db: Db) -> list[dict[str, Any]]:
    """All imports, the newest first.

    `{"batch", "source", "file", "at", "actor", "seq", "subscribe", "read", "new", "changed", "unchanged", "undone"}`;
    the four counts are null where an erasure emptied the log, `undone` is `{"seq", "at", "actor"}` or null.
    """
    made = []
    for number, source, name, subscribe, seq, at, actor, undone, undone_at, undone_by, body in db.rows(
        "SELECT b.id, s.label, b.name, b.subscribe, b.from_seq, x.at, x.actor, b.withdrawn_seq, y.at, y.actor, "
        "(SELECT p.body FROM audit a JOIN audit_private p ON p.seq = a.seq AND p.n = a.n "
        "WHERE a.seq = b.from_seq AND a.kind = 'imported') "
        "FROM batch b JOIN source s ON s.id = b.source LEFT JOIN txn x ON x.seq = b.from_seq "
        "LEFT JOIN txn y ON y.seq = b.withdrawn_seq ORDER BY b.id DESC"
    ):
        detail: dict[str, Any] = json.loads(body).get("detail", {}) if body is not None else {}
        made.append(
            {
                "batch": number,
                "source": source,
                "file": name,
                "at": iso(at),
                "actor": actor,
                "seq": seq,
                "subscribe": bool(subscribe),
                **{count: detail.get(count) for count in ("read", "new", "changed", "unchanged")},
                "undone": None if undone is None else {"seq": undone, "at": iso(undone_at), "actor": undone_by},
            }
        )
    return made


def written_by(db: Db, seq: int) -> tuple[int, str] | None:
    """The batch that a change was, and its name; None for a change that was no import."""
    row = db.one("SELECT id, name FROM batch WHERE from_seq = ?", (seq,)) if 0 < seq < 2**31 else None
    return None if row is None else (row[0], row[1])


class Brought(NamedTuple):
    """With which import something came: the batch, who imported it, and when (microseconds UTC)."""

    batch: int
    actor: str | None
    at: int | None

    def as_dict(self) -> dict[str, Any]:
        """As profiles tell it."""
        return {"batch": self.batch, "actor": self.actor, "at": None if self.at is None else iso(self.at)}


def answers(db: Db, members: Mapping[int, Loaded]) -> dict[tuple[int, Consent], Brought]:
    """The imports that stand behind imported consents: by record and event, the first that brought it. Who and when are
    the rest of the evidence beside file and row (R44)."""
    imported = [number for number, item in members.items() if any(one.basis == "import" for one in _said(item.fact))]
    if not imported:
        return {}
    packed = db.pack(imported)
    found: dict[tuple[int, Consent], Brought] = {}
    for number, entity, body, *came in db.rows(
        "SELECT c.record, r.entity, c.body, b.id, x.actor, x.at FROM claim c JOIN record r ON r.id = c.record "
        "JOIN batch b ON b.channel = c.channel LEFT JOIN txn x ON x.seq = b.from_seq "
        f"WHERE c.to_seq IS NULL AND c.body IS NOT NULL AND c.record {db.among} UNION ALL "
        "SELECT r.id, r.entity, r.body, b.id, x.actor, x.at FROM record r "
        "JOIN batch b ON b.channel = r.channel LEFT JOIN txn x ON x.seq = b.from_seq "
        f"WHERE r.body IS NOT NULL AND r.id {db.among} ORDER BY 4",
        (packed, packed),
    ):
        for event in _said(facts.decode(entity, bytes(body))):
            found.setdefault((number, event), Brought(*came))
    return found


def _said(fact: Any) -> list[Consent]:
    return fact.consents if isinstance(fact, Person) and fact.consents is not UNSET and fact.consents else []


__all__ = ["Brought", "answers", "batches", "written_by"]
