"""The operator's desk: what could not be taken, with the reason."""

from __future__ import annotations

from typing import Any

from klientela.model.instants import iso
from klientela.store.database import Db


def quarantined(db: Db, source: str | None = None) -> list[dict[str, Any]]:
    """Records that could not be taken, as `quarantine --json` shows them: oldest first within their source.

    `payload` is the record as it came and may hold personal data; `line` and `column` say where in a file.
    """
    where, params = ("WHERE s.label = ?", (source,)) if source is not None else ("", ())
    rows = db.rows(
        "SELECT s.label, q.stream, q.key, q.reason, q.line, q.col, q.attempts, q.first_at, q.last_at, q.payload "
        f"FROM quarantine q JOIN source s ON s.id = q.source {where} ORDER BY s.label, q.id",
        params,
    )
    return [
        {
            "source": label,
            "stream": stream,
            "key": key,
            "reason": reason,
            "line": line,
            "column": column,
            "attempts": attempts,
            "first_seen": iso(first),
            "last_seen": iso(last),
            "payload": payload,
        }
        for label, stream, key, reason, line, column, attempts, first, last, payload in rows
    ]
