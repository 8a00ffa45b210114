"""What the operators' claim of each record must be: a function of the decisions that hold (docs/decisions/0015), and of what
lists without versions have said again since (0016)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import Any, NamedTuple

from msgspec import UNSET

from klientela.rules import orderhand
from klientela.rules.hand import KINDS, Say, fold
from klientela.rules.objections import mark_of, objections
from klientela.store import facts
from klientela.store import tables as t
from klientela.store.database import Db, Step

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
    lifting: list[tuple[int, int, dict[str, Any]]] = []
    for record, kind, text, since in db.rows(
        f"SELECT a, kind, detail, from_seq FROM decision WHERE to_seq IS NULL AND kind IN ({_AMONG_KINDS}) AND a {db.among} "
        "ORDER BY id",
        (packed,),
    ):
        detail = json.loads(text)
        says.setdefault(record, []).append(Say(kind, detail))
        if detail.get("lifts"):
            lifting.append((record, since, detail))
    if lifting:
        _leave_out_what_was_said_anew(db, lifting)
    found = {}
    for number, source, entity, ext in db.rows(
        f"SELECT id, source, entity, ext FROM record WHERE id {db.among}", (packed,)
    ):
        said = says.get(number, ())
        made = orderhand.fold(ext, said) if entity == facts.ORDER else fold(ext, facts.entity_name(entity), said)
        body = None if made is None else facts.encode(made)
        found[number] = HandClaim(source, body, None if body is None else sha256(body).digest()[:16])
    return found


def _leave_out_what_was_said_anew(db: Db, lifting: Sequence[tuple[int, int, dict[str, Any]]]) -> None:
    """A grant that names an objection answers it no more once the list that told of it has stopped to and tells of it
    again, in whatever words (R45). `lifting`: record, since when the grant holds, its detail, which is changed."""
    anew: dict[int, list[tuple[int, str]]] = {}
    for record, since, mark in _said_anew(db, {record for record, _, _ in lifting}):
        anew.setdefault(record, []).append((since, mark))
    for record, since, detail in lifting:
        later = {mark for when, mark in anew.get(record, ()) if when > since}
        detail["lifts"] = [mark for mark in detail["lifts"] if mark not in later]


def _said_anew(db: Db, records: Iterable[int]) -> Iterator[tuple[int, int, str]]:
    """The objections without a time that a channel without versions said when it had not said them before: record, when,
    mark. What a channel says for the first time is no news: the same list may be imported again."""
    packed = db.pack(sorted(records))
    before: tuple[int, int] | None = None
    stood: set[str] = set()
    for record, channel, since, body in db.rows(
        f"SELECT record, channel, from_seq, body FROM claim WHERE version IS NULL AND body IS NOT NULL AND record {db.among} "
        "UNION ALL SELECT id, channel, seq, body FROM record WHERE version IS NULL AND body IS NOT NULL "
        f"AND channel IS NOT NULL AND id {db.among} ORDER BY 1, 2, 3",
        (packed, packed),
    ):
        person = facts.decode(facts.CUSTOMER, bytes(body))
        if person.consents is UNSET:
            continue
        now = {mark_of(one) for one in objections(person) if one.at is None}
        if before == (record, channel):
            yield from ((record, since, mark) for mark in now - stood)
        before, stood = (record, channel), now


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


def renew(step: Step, records: Iterable[int]) -> list[int]:
    """Make the operators' claim of each record what the decisions that hold say. The records, sorted."""
    numbers = sorted(set(records))
    if not numbers:
        return numbers
    db = step.db
    packed = db.pack(numbers)
    wanted = folded(db, numbers)
    channels = {
        source: facts.channel_id(step, source, facts.OPERATOR, facts.rank_of(facts.OPERATOR, 0))
        for source in sorted({one.source for one in wanted.values()})
    }
    standing = {
        (row[0], row[1]): row[2:]
        for row in db.rows(
            f"SELECT record, channel, hash, from_seq FROM claim WHERE to_seq IS NULL AND record {db.among}", (packed,)
        )
    }
    fresh = []
    for number, (source, body, digest) in wanted.items():
        channel = channels[source]
        stood = standing.pop((number, channel), None)
        if (None if stood is None else bytes(stood[0])) == digest:
            if stood is not None:
                standing[number, channel] = stood
            continue
        if stood is not None:
            _close(step, number, channel, stood[1])
        if body is not None:
            fresh.append((number, channel, step.seq, digest, 0, body))
            standing[number, channel] = (digest, step.seq)
    db.insert(t.claim, ("record", "channel", "from_seq", "hash", "gone", "body"), fresh)
    several = {record for record, _ in standing}
    db.update(t.record, ("more",), [(int(number in several), number) for number in wanted])
    return numbers


def _close(step: Step, record: int, channel: int, since: int) -> None:
    """The claim so far is history; one of this very step lived for no moment."""
    if since == step.seq:
        step.db.delete(t.claim, [(record, channel, since)], key=("record", "channel", "from_seq"))
    else:
        step.db.run(
            "UPDATE claim SET to_seq = ? WHERE record = ? AND channel = ? AND from_seq = ?",
            (step.seq, record, channel, since),
        )


def _chunks(numbers: Iterator[int]) -> Iterator[list[int]]:
    while some := list(islice(numbers, _BATCH)):
        yield some


__all__ = ["HandClaim", "astray", "folded", "renew"]
