"""The audit log as people read it: the chained lines with their erasable part, moment, run and actor."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from klientela.model.instants import Instant, iso
from klientela.store import facts, ids, ledger
from klientela.store.database import Db
from klientela.store.locate import locate
from klientela.store.rows import members_of
from klientela.store.tables import ENTITIES

_FEW = (
    500  # ids that are compared as they are; SQLite takes no list of bytes, and as text each line costs twice the time
)
_LINE = "a.seq, a.n, x.at, x.run, x.actor, a.kind, a.customer, a.other, a.rule, p.body, a.commitment, a.prev, a.hash"
_FROM = "FROM audit a LEFT JOIN txn x ON x.seq = a.seq LEFT JOIN audit_private p ON p.seq = a.seq AND p.n = a.n"


def audit(db: Db, key: bytes, *, customer: str | None = None, since: Instant | None = None) -> dict[str, Any]:
    """`{"lines": […]}` as `audit --json` prints it, oldest first. `key` is the instance's.

    `customer`: any id or record key of one; its lines are those of all its records, also of before they joined.
    """
    return {"lines": list(lines(db, key, customer=customer, since=since))}


def lines(db: Db, key: bytes, *, customer: str | None = None, since: Instant | None = None) -> Iterator[dict[str, Any]]:
    """The lines one by one: constant memory, however long the log."""
    publics = None if customer is None else publics_of(db, key, locate(db, key, customer).customer)
    return read(db, publics, since)


def verify(db: Db) -> dict[str, Any]:
    """Whether the chain holds: `{"whole", "lines", "head", "problems"}`, with at most 20 sentences of what does not.

    `head` is the hash of the last line: who keeps it can prove the whole log.
    """
    problems = list(islice(ledger.verify(db), 20))
    count = db.one("SELECT count(*) FROM audit")
    last = db.one("SELECT hash FROM audit ORDER BY seq DESC, n DESC LIMIT 1")
    return {
        "whole": not problems,
        "lines": count[0] if count else 0,
        "head": bytes(last[0]).hex() if last else None,
        "problems": problems,
    }


def read(
    db: Db,
    publics: Iterable[bytes] | None = None,
    since: Instant | None = None,
    *,
    after: int | None = None,
    before: tuple[int, int] | None = None,
    kinds: Iterable[str] | None = None,
    newest: int | None = None,
) -> Iterator[dict[str, Any]]:
    """The lines about some public ids, or all; `after`: only those of later changes; `before`: only those before the line of
    this `seq` and `n`; `kinds`: only such. `newest`: only so many, the newest first."""
    where: list[str] = ["TRUE"]
    params: list[Any] = []
    if publics is not None:
        wanted = list(publics)
        if db.sqlite and len(wanted) <= _FEW:
            marks = ", ".join("?" * len(wanted))
            where.append(f"(a.customer IN ({marks}) OR a.other IN ({marks}))")
            params += [*wanted, *wanted]
        elif db.sqlite:
            among = "IN (SELECT value FROM json_each(?))"
            where.append(f"(hex(a.customer) {among} OR hex(a.other) {among})")
            params += [db.pack(public.hex().upper() for public in wanted)] * 2
        else:
            where.append("(a.customer = ANY(?::bytea[]) OR a.other = ANY(?::bytea[]))")
            params += [wanted, wanted]
    if since is not None:
        where.append("x.at >= ?")
        params.append(since)
    if after is not None:
        where.append("a.seq > ?")
        params.append(after)
    if before is not None:
        where.append("(a.seq < ? OR (a.seq = ? AND a.n < ?))")
        params += [before[0], before[0], before[1]]
    if kinds is not None:
        where.append(f"a.kind {db.among_text}")
        params.append(db.pack(kinds))
    order = "a.seq, a.n"
    if newest is not None:
        order = "a.seq DESC, a.n DESC LIMIT ?"
        params.append(newest)
    labels = {row.uid: row.label for row in facts.sources(db).values()}
    for row in db.stream(f"SELECT {_LINE} {_FROM} WHERE {' AND '.join(where)} ORDER BY {order}", params):
        yield _line(row, labels)


def publics_of(db: Db, key: bytes, customer: int) -> dict[bytes, int]:
    """The public ids of all records of a customer: its own is among them. Public id -> record."""
    uids = {number: row.uid for number, row in facts.sources(db).items()}
    return {
        ids.public_id(uids[source], ENTITIES[entity], ext, key): number
        for number, source, entity, ext in members_of(db, [customer], "p.id, r.source, r.entity, r.ext").get(
            customer, ()
        )
    }


def _line(row: tuple[Any, ...], labels: dict[str, str]) -> dict[str, Any]:
    seq, n, at, run, actor, kind, customer, other, rule, body, commitment, prev, hash_ = row
    private: dict[str, Any] = json.loads(body) if body is not None else {}
    records = [_key(record, labels) for record in private["records"]] if "records" in private else None
    return {
        "seq": seq,
        "n": n,
        "at": iso(at) if at is not None else None,
        "run": run,
        "actor": actor,
        "kind": kind,
        "customer": _id(customer),
        "other": _id(other),
        "records": records,
        "rule": rule,
        "value": private.get("value"),
        "detail": _detail(private.get("detail"), labels),
        "commitment": bytes(commitment).hex(),
        "prev": bytes(prev).hex(),
        "hash": bytes(hash_).hex(),
    }


def _detail(said: dict[str, Any] | None, labels: dict[str, str]) -> dict[str, Any] | None:
    """What else was written down; the record a newcomer joined is named as people write it."""
    if said is None:
        return None
    made = {name: value for name, value in said.items() if name != "with_"}
    if said.get("with_"):
        made["with"] = _key(said["with_"], labels)
    return made or None


def _key(record: str, labels: dict[str, str]) -> str:
    uid, _, rest = record.partition("\0")
    return f"{labels.get(uid, uid)}/{rest.replace(chr(0), '/', 1)}"


def _id(public: Any) -> str | None:
    return ids.text(bytes(public)) if public is not None else None


__all__ = ["audit", "lines", "publics_of", "read", "verify"]
