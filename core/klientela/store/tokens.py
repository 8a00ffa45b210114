"""Tokens: who may push or read. The secret is shown once; what is kept is its hash, and nobody is found by anything else."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from klientela.errors import Conflict, UnknownThing
from klientela.model.instants import HOUR, Instant, iso
from klientela.store import tables as t
from klientela.store.database import Db, Step

PREFIX = "klt_"
"""What every token begins with, so that a scanner for lost secrets knows one."""

_BYTES = 32
_USED_EVERY = HOUR  # how exactly the last use is told: a write for each request would be dear


class Token(NamedTuple):
    """A token as it is kept."""

    id: int
    name: str
    source: int | None
    scopes: tuple[str, ...]
    used: Instant | None


def new(step: Step, name: str, scopes: Sequence[str], source: int | None) -> str:
    """Make a token; the secret, which is kept nowhere. Conflict when one has or had the name."""
    if step.db.one("SELECT 1 FROM token WHERE name = ?", (name,)) is not None:
        raise Conflict(
            f"there is or was a token named {name!r}", hint="Choose another name; logs speak of tokens by it."
        )
    secret = PREFIX + secrets.token_urlsafe(_BYTES)
    step.db.insert(
        t.token,
        ("id", "name", "source", "scopes", "hash", "created"),
        [(step.new_ids("token", 1)[0], name, source, " ".join(scopes), _hash(secret), step.at)],
    )
    return secret


def find(db: Db, secret: str) -> Token | None:
    """The token of a secret, unless it was revoked.

    Found by the hash: how long that takes tells nothing of the secret, for nobody can choose what it hashes to.
    """
    row = db.one(
        "SELECT id, name, source, scopes, used FROM token WHERE hash = ? AND revoked IS NULL", (_hash(secret),)
    )
    return Token(row[0], row[1], row[2], tuple(row[3].split()), row[4]) if row else None


def revoke(step: Step, name: str) -> None:
    """End a token for ever. UnknownThing when there is none of the name; ending it twice is no error."""
    if not step.db.run("UPDATE token SET revoked = coalesce(revoked, ?) WHERE name = ?", (step.at, name)):
        raise UnknownThing(f"there is no token {name!r}", hint="`klientela token list` shows them.")


def touch(step: Step, token: int) -> None:
    """Note that it was used, to the hour."""
    step.db.run(
        "UPDATE token SET used = ? WHERE id = ? AND (used IS NULL OR used < ?)",
        (step.at, token, step.at - _USED_EVERY),
    )


def stale(token: Token, now: Instant) -> bool:
    """Whether its last use is worth noting anew."""
    return token.used is None or token.used < now - _USED_EVERY


def listed(db: Db) -> list[dict[str, Any]]:
    """All tokens, revoked ones too: `{"name", "source", "scopes", "created", "used", "revoked"}`, times ISO 8601."""
    return [
        {
            "name": name,
            "source": label,
            "scopes": scopes.split(),
            "created": iso(created),
            "used": iso(used) if used is not None else None,
            "revoked": iso(revoked) if revoked is not None else None,
        }
        for name, label, scopes, created, used, revoked in db.rows(
            "SELECT k.name, s.label, k.scopes, k.created, k.used, k.revoked FROM token k "
            "LEFT JOIN source s ON s.id = k.source ORDER BY k.name"
        )
    ]


def _hash(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


__all__ = ["PREFIX", "Token", "find", "listed", "new", "revoke", "stale", "touch"]
