"""From here on every tab and every value that the list is filtered by is counted by delta; an older store counts once.

Bitmaps of a large list know nothing of such filters yet: the next run of a source makes them anew.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

LISTED, REGISTERED = 1 << 10, 1 << 11
LONGEST = 200


def upgrade() -> None:
    """The figures `segment`, `facet` and `facet:inactive`."""
    bind = op.get_bind()
    found = Counter({("segment", part): count for part, count in _segments(bind).items()})
    for row in bind.exec_driver_sql(
        "SELECT inactive, status, sources, country, tags, modules, consents, count(*) FROM customer "
        "GROUP BY inactive, status, sources, country, tags, modules, consents"
    ):
        name = "facet:inactive" if row[0] else "facet"
        for facet, value in _values(*row[1:-1]):
            if len(str(value)) <= LONGEST:
                found[name, f"{facet}:{value}"] += row[-1]
    mark = "?" if bind.dialect.name == "sqlite" else "%s"
    for (name, part), count in sorted(found.items()):
        bind.exec_driver_sql(
            f"INSERT INTO figure (name, part, day, value) VALUES ({mark}, {mark}, 0, {mark})", (name, part, count)
        )
    bind.exec_driver_sql("DELETE FROM bitmap")
    bind.exec_driver_sql("DELETE FROM unmapped")


def _segments(bind: sa.Connection) -> Counter[str]:
    found: Counter[str] = Counter()
    flag = "CASE WHEN {} THEN 1 ELSE 0 END"
    columns = ["inactive", f"facet & {LISTED}", f"facet & {REGISTERED}"]
    columns += [flag.format(what) for what in ("orders > 1", "scanned IS NOT NULL", "tests > 0")]
    for inactive, listed, registered, repeat, scanned, test, count in bind.exec_driver_sql(
        f"SELECT {', '.join(columns)}, count(*) FROM tally GROUP BY {', '.join(columns)}"
    ):
        names = ["all", "registered" if registered else "guest"]
        names += [name for name, there in (("repeat", repeat), ("scanned", scanned), ("test", test)) if there]
        for name in names:
            whole = f"inactive:{name}" if inactive else name
            found[whole] += count
            if listed:
                found[f"listed:{whole}"] += count
    return found


def _values(
    status: int, sources: str, country: str | None, tags: str | None, modules: str | None, consents: str | None
) -> Iterator[tuple[str, Any]]:
    yield "status", "registered" if status else "guest"
    for source in json.loads(sources):
        yield "sources", source
    if country:
        yield "country", country
    for facet, text in (("tag", tags), ("module", modules)):
        for value in json.loads(text or "[]"):
            yield facet, value
    for channel, said in json.loads(consents or "{}").items():
        for purpose, state in said.items():
            yield "consent", f"{channel}:{purpose}:{state}"
