"""What changed of somebody's records, when and through what: a view over closed claims (R39)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from klientela.model.instants import iso
from klientela.store import facts
from klientela.store.database import Db
from klientela.store.facts import SourceRow
from klientela.store.tables import ENTITIES

_SILENT = frozenset(("external_id", "version", "channel", "entity", "checkout_token"))


class _Claim(NamedTuple):
    seq: int
    gone: bool
    fact: Any  # None where an erasure emptied it


def history(db: Db, records: Sequence[int], sources: Mapping[int, SourceRow]) -> list[dict[str, Any]]:
    """Every change of a field that a source or an operator made, newest first.

    `{"at", "run", "actor", "record", "channel", "field", "old", "new"}`; a field that a claim says nothing about did
    not change. `gone` is a field too.
    """
    packed = db.pack(records)
    known = {
        row[0]: row[1:]
        for row in db.rows(
            "SELECT r.id, r.source, r.entity, r.ext, r.channel, r.seq, r.gone, r.body FROM record r "
            f"WHERE r.id {db.among}",
            (packed,),
        )
    }
    told: dict[tuple[int, int], list[_Claim]] = {}
    for record, channel, seq, gone, body in db.rows(
        "SELECT c.record, c.channel, c.from_seq, c.gone, c.body FROM claim c "
        f"WHERE c.record {db.among} ORDER BY c.record, c.channel, c.from_seq",
        (packed,),
    ):
        told.setdefault((record, channel), []).append(_claim(known[record][1], seq, gone, body))
    for record, channel in list(told):
        _, entity, _, own, seq, gone, body = known[record]
        if channel == own:
            told[record, channel].append(_claim(entity, seq, gone, body))
    made = []
    for (record, channel), claims in told.items():
        for old, new in pairwise(claims):
            made += [(new.seq, record, channel, *change) for change in _differences(old, new)]
    return _spoken(db, made, known, sources)


def _claim(entity: int, seq: int, gone: int, body: bytes | None) -> _Claim:
    return _Claim(seq, bool(gone), None if body is None else facts.decode(entity, body))


def _differences(old: _Claim, new: _Claim) -> list[tuple[str, Any, Any]]:
    found: list[tuple[str, Any, Any]] = []
    if old.gone != new.gone:
        found.append(("gone", old.gone, new.gone))
    if old.fact is None or new.fact is None:
        return found
    for name in new.fact.__struct_fields__:
        before, after = getattr(old.fact, name), getattr(new.fact, name)
        if name not in _SILENT and after is not UNSET and before != after:
            found.append((name, _plain(before), _plain(after)))
    return found


def _plain(value: Any) -> Any:
    return None if value is UNSET else msgspec.to_builtins(value)


def _spoken(
    db: Db,
    changes: list[tuple[int, int, int, str, Any, Any]],
    known: Mapping[int, tuple[Any, ...]],
    sources: Mapping[int, SourceRow],
) -> list[dict[str, Any]]:
    steps = {
        row[0]: row[1:]
        for row in db.rows(
            f"SELECT seq, at, run, actor FROM txn WHERE seq {db.among}", (db.pack({c[0] for c in changes}),)
        )
    }
    channels: dict[int, str] = dict(
        db.rows(f"SELECT id, name FROM channel WHERE id {db.among}", (db.pack({c[2] for c in changes}),))
    )
    made = []
    for seq, record, channel, name, old, new in sorted(changes, key=lambda c: (-c[0], c[1], c[3])):
        source, entity, ext = known[record][:3]
        at, run, actor = steps.get(seq, (None, None, None))
        made.append(
            {
                "at": None if at is None else iso(at),
                "run": run,
                "actor": actor,
                "record": f"{sources[source].label}/{ENTITIES[entity]}/{ext}",
                "channel": channels.get(channel),
                "field": name,
                "old": old,
                "new": new,
            }
        )
    return made
