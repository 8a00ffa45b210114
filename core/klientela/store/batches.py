"""The imports there were: batches of one file each, with what they brought, and which of them were taken back (R50b)."""

from __future__ import annotations

import json
from typing import Any

from klientela.model.instants import iso
from klientela.store.database import Db


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


__all__ = ["batches"]
