"""Campaigns and the letters of each: how many there are, to whom, how far, and who scanned them (B12-B14, T63)."""

from __future__ import annotations

import hmac
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from msgspec import UNSET

from klientela.errors import UnknownThing
from klientela.model.instants import iso
from klientela.model.records import Campaign, Letter
from klientela.store import facts, rows
from klientela.store.database import Db
from klientela.store.facts import Loaded, SourceRow
from klientela.store.locate import customers_of
from klientela.store.orderlist import Cursor
from klientela.store.tables import EARLIEST, ENTITIES

NONE = "none"
"""The key of the letters that belong to no campaign."""
_LETTERS = f"thing l JOIN record r ON r.id = l.id AND r.entity = {facts.LETTER}"


@dataclass(slots=True)
class Page:
    """Campaigns or letters, newest first, and where the next page begins."""

    items: list[dict[str, Any]] = field(default_factory=list)
    after: Cursor | None = None


# -- the code on a letter ------------------------------------------------------------------------------------------------


class Coded(NamedTuple):
    """The letter whose code somebody scanned."""

    source: str  # its label
    external_id: str
    url: str | None


def token(key: bytes, item: Loaded, sources: dict[int, SourceRow]) -> str:
    """What stands in the code on a letter: its number, and a proof by the instance's key that we gave it out. It is the
    same for as long as the store and its key are kept."""
    return f"{item.id:x}-{_proof(key, sources[item.source].uid, item.ext)}"


def coded(db: Db, key: bytes, text: str) -> Coded:
    """The letter of a token. UnknownThing for any that we never gave out, and for a letter that is no more."""
    number, _, proof = text.partition("-")
    digits = set(number) <= set("0123456789abcdef") and 0 < len(number) < 16
    item = facts.load(db, [int(number, 16)]).get(int(number, 16)) if digits else None
    if item is not None and item.entity == facts.LETTER and item.fact is not None:
        source = facts.sources(db)[item.source]
        if hmac.compare_digest(_proof(key, source.uid, item.ext).encode(), proof.encode()):
            return Coded(source.label, item.ext, item.fact.url or None)
    raise UnknownThing("there is no letter with this code")


def _proof(key: bytes, uid: str, ext: str) -> str:
    digest = hmac.new(key, f"code\0{uid}\0letter\0{ext}".encode(), sha256).digest()
    return b32encode(digest[:10]).decode().lower()


# -- campaigns -----------------------------------------------------------------------------------------------------------


def campaigns(db: Db, *, after: Cursor | None = None, size: int = 50) -> Page:
    """Campaigns by when they began, newest first: `{"key", "title", "at", "until", "letters", "scanned", "scans",
    "last_scan"}`; `scanned` counts letters, `scans` scans. Also those that only letters speak of."""
    sources = facts.sources(db)
    place = f"coalesce(x.at, {EARLIEST})"
    where, values = "", [db.pack(sorted(sources)), facts.CAMPAIGN]
    if after is not None:
        where, values = f"AND ({place}, c.id) < (?, ?) ", [*values, *after]
    found = db.rows(
        f"SELECT {place}, c.id FROM record c LEFT JOIN thing x ON x.id = c.id WHERE c.source {db.among} "
        "AND c.entity = ? AND (x.id IS NOT NULL OR EXISTS (SELECT 1 FROM thing l WHERE l.part_of = c.id)) "
        f"{where}ORDER BY {place} DESC, c.id DESC LIMIT ?",
        (*values, size + 1),
    )
    numbers = [number for _, number in found[:size]]
    loaded = facts.load(db, numbers)
    counts = _counts(db, numbers)
    return Page(
        [{**_campaign(loaded[number], sources), **counts[number]} for number in numbers],
        Cursor(*found[size - 1]) if len(found) > size else None,
    )


def loose(db: Db) -> int:
    """How many letters belong to no campaign."""
    row = db.one(f"SELECT count(*) FROM {_LETTERS} WHERE l.part_of IS NULL")
    return int(row[0]) if row else 0


def campaign(db: Db, text: str) -> tuple[int | None, dict[str, Any]]:
    """A campaign by its key, `source/campaign/external_id`, as in the list; `none` are the letters of no campaign.
    UnknownThing for none such."""
    if text == NONE:
        nothing = dict.fromkeys(("source", "title", "at", "until", "note", "scanned", "scans", "last_scan"))
        return None, {**nothing, "key": NONE, "letters": loose(db)}
    parts = text.split("/", 2)
    row = None
    if len(parts) == 3 and parts[1] == ENTITIES[facts.CAMPAIGN]:
        row = db.one(
            "SELECT r.id FROM record r JOIN source s ON s.id = r.source WHERE s.label = ? AND r.entity = ? AND r.ext = ?",
            (parts[0], facts.CAMPAIGN, parts[2]),
        )
    if row is None:
        raise UnknownThing(f"there is no campaign {text}", hint="The list of campaigns shows those there are.")
    number = int(row[0])
    made = _campaign(facts.load(db, [number])[number], facts.sources(db))
    return number, {**made, **_counts(db, [number])[number]}


def _campaign(item: Loaded, sources: dict[int, SourceRow]) -> dict[str, Any]:
    fact: Campaign | None = item.fact
    return {
        "key": f"{sources[item.source].label}/campaign/{item.ext}",
        "source": sources[item.source].label,
        "title": (fact.title or None) if fact is not None else None,
        "at": _time(fact.at) if fact is not None else None,
        "until": _time(fact.until) if fact is not None else None,
        "note": (fact.note or None) if fact is not None else None,
    }


def _counts(db: Db, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    made: dict[int, dict[str, Any]] = {
        number: {"letters": 0, "scanned": 0, "scans": 0, "last_scan": None} for number in numbers
    }
    packed = db.pack(numbers)
    for number, count in db.rows(
        f"SELECT l.part_of, count(*) FROM {_LETTERS} WHERE l.part_of {db.among} GROUP BY l.part_of", (packed,)
    ):
        made[number]["letters"] = count
    for number, scans, scanned, last in db.rows(
        "SELECT l.part_of, count(*), count(DISTINCT l.id), max(x.at) "
        f"FROM thing x JOIN record s ON s.id = x.id AND s.entity = {facts.SCAN} JOIN thing l ON l.id = x.part_of "
        f"JOIN record r ON r.id = l.id AND r.entity = {facts.LETTER} "
        f"WHERE l.part_of {db.among} GROUP BY l.part_of",
        (packed,),
    ):
        made[number].update(scans=scans, scanned=scanned, last_scan=None if last is None else iso(last))
    return made


# -- letters -------------------------------------------------------------------------------------------------------------


def letters(
    db: Db, campaign: int | None, by: rows.Lens, *, key: bytes, after: Cursor | None = None, size: int = 50
) -> Page:
    """The letters of a campaign, or of none, by when they were sent, newest first: with `customer`, `{"id", "name"}` or
    null, the times of their `scans`, newest first, and the `token` of the code on them."""
    place = f"coalesce(l.at, {EARLIEST})"
    where, values = ("l.part_of IS NULL", []) if campaign is None else ("l.part_of = ?", [campaign])
    if after is not None:
        where, values = f"{where} AND ({place}, l.id) < (?, ?)", [*values, *after]
    found = db.rows(
        f"SELECT {place}, l.id, l.owner FROM {_LETTERS} WHERE {where} ORDER BY {place} DESC, l.id DESC LIMIT ?",
        (*values, size + 1),
    )
    shown = found[:size]
    loaded = {n: item for n, item in facts.load(db, [n for _, n, _ in shown]).items() if item.fact is not None}
    of = customers_of(db, {owner for _, _, owner in shown if owner is not None})
    named = {number: row for number in sorted(set(of.values())) for row in rows.rows(db, [number], by)}
    scans = _scans(db, list(loaded))
    sources = dict(by.sources)
    return Page(
        [
            {
                **_letter(loaded[number], sources),
                "customer": _named(named.get(of.get(owner, 0))) if owner is not None else None,
                "scans": scans.get(number, []),
                "token": token(key, loaded[number], sources),
            }
            for _, number, owner in shown
            if number in loaded
        ],
        Cursor(*found[size - 1][:2]) if len(found) > size else None,
    )


def _named(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else {"id": row["id"], "name": row["name"]}


def _letter(item: Loaded, sources: dict[int, SourceRow]) -> dict[str, Any]:
    fact: Letter = item.fact
    file = fact.file or None
    return {
        "key": f"{sources[item.source].label}/letter/{item.ext}",
        **{name: getattr(fact, name) or None for name in ("title", "status", "error", "url")},
        "sent_at": _time(fact.sent_at),
        "file": None if file is None else {"sha256": file.sha256, "name": file.name, "type": file.type},
        "gone": bool(item.gone),
    }


def _scans(db: Db, letters: Sequence[int]) -> dict[int, list[str]]:
    made: dict[int, list[str]] = {}
    for letter, at in db.rows(
        f"SELECT x.part_of, x.at FROM thing x JOIN record r ON r.id = x.id AND r.entity = {facts.SCAN} "
        f"WHERE x.at IS NOT NULL AND x.part_of {db.among} ORDER BY x.at DESC",
        (db.pack(letters),),
    ):
        made.setdefault(letter, []).append(iso(at))
    return made


def _time(value: Any) -> str | None:
    return iso(value) if value is not UNSET and isinstance(value, int) else None


__all__ = ["NONE", "Coded", "Page", "campaign", "campaigns", "coded", "letters", "loose", "token"]
