"""What the operators' claim of each record must be: a function of the decisions that hold (docs/decisions/0015)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from klientela.rules import orderhand
from klientela.rules.hand import KINDS, Say, fold
from klientela.store import facts
from klientela.store.database import Db

_AMONG_KINDS = ", ".join(f"'{kind}'" for kind in KINDS)
_BATCH = 500


class HandClaim(NamedTuple):
    """Of a record of that source: the claim's body and digest, None where operators say nothing of it."""

    source: int
    body: bytes | None
    digest: bytes | None


def folded(db: Db, records: Iterable[int]) -> dict[int, HandClaim]:
    """What decisions say of some records now, the newest last."""
    packed = db.pack(sorted(set(records)))
    says: dict[int, list[Say]] = {}
    for record, kind, detail in db.rows(
        f"SELECT a, kind, detail FROM decision WHERE to_seq IS NULL AND kind IN ({_AMONG_KINDS}) AND a {db.among} "
        "ORDER BY id",
        (packed,),
    ):
        says.setdefault(record, []).append(Say(kind, json.loads(detail)))
    found = {}
    for number, source, entity, ext in db.rows(
        f"SELECT id, source, entity, ext FROM record WHERE id {db.among}", (packed,)
    ):
        said = says.get(number, ())
        made = orderhand.fold(ext, said) if entity == facts.ORDER else fold(ext, facts.entity_name(entity), said)
        body = None if made is None else facts.encode(made)
        found[number] = HandClaim(source, body, None if body is None else sha256(body).digest()[:16])
    return found


def astray(db: Db) -> list[int]:
    """The records that carry another claim of operators than the decisions about them say."""
    if not db.rows("SELECT 1 FROM channel WHERE name = ? LIMIT 1", (facts.OPERATOR,)):
        return []  # nobody ever said anything, for saying it makes the channel
    operators = f"SELECT c.record FROM claim c JOIN channel h ON h.id = c.channel AND h.name = '{facts.OPERATOR}'"
    ids = db.stream(
        f"SELECT a FROM decision WHERE to_seq IS NULL AND kind IN ({_AMONG_KINDS}) "
        f"UNION {operators} WHERE c.to_seq IS NULL"
    )
    wrong: list[int] = []
    for some in _chunks(row[0] for row in ids):
        told = {
            row[0]: bytes(row[1])
            for row in db.rows(
                "SELECT c.record, c.hash FROM claim c JOIN channel h ON h.id = c.channel "
                f"WHERE h.name = ? AND c.to_seq IS NULL AND c.record {db.among}",
                (facts.OPERATOR, db.pack(some)),
            )
        }
        wrong += [number for number, one in folded(db, some).items() if told.get(number) != one.digest]
    return wrong


def _chunks(numbers: Iterator[int]) -> Iterator[list[int]]:
    while some := list(islice(numbers, _BATCH)):
        yield some


__all__ = ["HandClaim", "astray", "folded"]
