"""The audit log: lines chained over commitments, with the personal part beside it so that it can be erased."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec

from klientela.model.words import agree
from klientela.store import tables as t
from klientela.store.database import Db, Step

GENESIS = bytes(32)
_encode = msgspec.json.encode


class Line(msgspec.Struct, frozen=True, gc=False):
    """One thing that was decided. `customer` and `other` are public ids; `body` is the part that may be erased."""

    kind: str
    rule: str | None
    customer: bytes | None
    other: bytes | None
    body: dict[str, Any]


def link(
    prev: bytes,
    seq: int,
    n: int,
    kind: str,
    rule: str | None,
    customer: bytes | None,
    other: bytes | None,
    commitment: bytes,
) -> bytes:
    """The hash of a line: over the line before it and everything that is not personal."""
    text = f"{seq}\0{n}\0{kind}\0{rule or ''}\0{(customer or b'').hex()}\0{(other or b'').hex()}\0"
    return sha256(prev + text.encode() + commitment).digest()


def commit(salt: bytes, body: str) -> bytes:
    """The commitment to a line's personal part: it proves the part while it is there, and says nothing once erased."""
    return sha256(salt + body.encode()).digest()


def write(step: Step, lines: list[Line]) -> None:
    """Append lines to the log."""
    if not lines:
        return
    db, seq = step.db, step.seq
    row = db.one("SELECT hash FROM audit ORDER BY seq DESC, n DESC LIMIT 1")
    prev = bytes(row[0]) if row else GENESIS
    salts = os.urandom(16 * len(lines))
    public, private = [], []
    for place, line in enumerate(lines):
        n = step.lines + place + 1
        body = _encode(line.body, order="sorted").decode()
        salt = salts[16 * place : 16 * place + 16]
        commitment = commit(salt, body)
        here = link(prev, seq, n, line.kind, line.rule, line.customer, line.other, commitment)
        public.append((n, line.kind, line.rule, line.customer, line.other, commitment, prev, here))
        private.append((n, salt, body))
        prev = here
    step.lines += len(lines)
    db.insert(t.audit, ("n", "kind", "rule", "customer", "other", "commitment", "prev", "hash"), public, {"seq": seq})
    db.insert(t.audit_private, ("n", "salt", "body"), private, {"seq": seq})


def verify(db: Db) -> Iterator[str]:
    """One sentence for each thing that does not hold; nothing when the log is whole."""
    prev = GENESIS
    for seq, n, kind, rule, customer, other, commitment, stored_prev, stored, salt, body in db.stream(
        "SELECT a.seq, a.n, a.kind, a.rule, a.customer, a.other, a.commitment, a.prev, a.hash, p.salt, p.body "
        "FROM audit a LEFT JOIN audit_private p ON p.seq = a.seq AND p.n = a.n ORDER BY a.seq, a.n"
    ):
        if bytes(stored_prev) != prev:
            yield f"line {seq}.{n} does not follow the line before it: a line was changed, removed or moved"
        if link(bytes(stored_prev), seq, n, kind, rule, _b(customer), _b(other), bytes(commitment)) != bytes(stored):
            yield f"line {seq}.{n} was changed: its hash does not fit"
        if body is not None and commit(bytes(salt), body) != bytes(commitment):
            yield f"the personal part of line {seq}.{n} was changed: its commitment does not fit"
        prev = bytes(stored)
    loose = db.one(
        "SELECT count(*) FROM audit_private p WHERE NOT EXISTS "
        "(SELECT 1 FROM audit a WHERE a.seq = p.seq AND a.n = p.n)"
    )
    if loose and loose[0]:
        yield agree(loose[0], "{} personal [part belongs|parts belong] to no line: lines were removed")


def _b(value: Any) -> bytes | None:
    return bytes(value) if value is not None else None
