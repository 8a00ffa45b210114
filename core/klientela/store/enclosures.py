"""What hangs on one customer, as a profile shows it: letters with their scans and files, messages, bookings (B11-B14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET

from klientela.model.instants import iso
from klientela.model.records import Booking, File, Letter, Message, RecordRef, Scan
from klientela.store import facts, ids
from klientela.store.database import Db
from klientela.store.facts import Loaded, SourceRow


class _One(NamedTuple):
    """A thing with its place."""

    loaded: Loaded
    part_of: int | None
    at: int | None


def enclosures(db: Db, members: Sequence[int], sources: Mapping[int, SourceRow], key: bytes) -> dict[str, Any]:
    """`letters`, `scans`, `messages`, `bookings` and `files` of some person records, each newest first, then by key.

    A letter's `scans` are times; `file` and `files` name bytes by their SHA-256, `store/files.py` gives them.
    """
    return _Enclosures(db, sources, key, _read(db, members)).made()


def _read(db: Db, members: Sequence[int]) -> list[_One]:
    places = {
        row[0]: row[1:]
        for row in db.rows(f"SELECT id, part_of, at FROM thing WHERE owner {db.among}", (db.pack(members),))
    }
    loaded = facts.load(db, places)
    found = [_One(loaded[number], *place) for number, place in places.items() if loaded[number].fact is not None]
    return sorted(found, key=lambda one: (one.at is None, -(one.at or 0), one.loaded.source, one.loaded.ext))


class _Enclosures:
    def __init__(self, db: Db, sources: Mapping[int, SourceRow], key: bytes, found: Sequence[_One]) -> None:
        self.db = db
        self.sources = sources
        self.key = key
        self.found = found
        self.wholes = facts.load(db, {one.part_of for one in found if one.part_of is not None})
        self.orders = self._orders()
        self.scans: dict[int, list[_One]] = {}
        for one in self._of(facts.SCAN):
            if one.part_of is not None:
                self.scans.setdefault(one.part_of, []).append(one)

    def made(self) -> dict[str, Any]:
        """The lists, by their names in the profile."""
        return {
            "letters": [self._letter(one, one.loaded.fact) for one in self._of(facts.LETTER)],
            "scans": [self._scan(one, one.loaded.fact) for one in self._of(facts.SCAN)],
            "messages": [self._message(one, one.loaded.fact) for one in self._of(facts.MESSAGE)],
            "bookings": [self._booking(one, one.loaded.fact) for one in self._of(facts.BOOKING)],
            "files": self._files(),
        }

    def _of(self, entity: int) -> Iterable[_One]:
        return (one for one in self.found if one.loaded.entity == entity)

    # -- the lists ---------------------------------------------------------------------------------------------------

    def _letter(self, one: _One, fact: Letter) -> dict[str, Any]:
        scans = self.scans.get(one.loaded.id, ())
        return {
            **self._head(one.loaded),
            "title": _plain(fact.title),
            "status": _plain(fact.status),
            "error": _plain(fact.error),
            "sent_at": _time(fact.sent_at),
            "campaign": self._campaign(one),
            "order": self.orders.get(one.loaded.id),
            "scans": [iso(scan.at) for scan in scans if scan.at is not None],
            "file": _named(fact.file) if fact.file else None,
        }

    def _scan(self, one: _One, fact: Scan) -> dict[str, Any]:
        letter = self.wholes.get(one.part_of) if one.part_of is not None else None
        return {
            **self._head(one.loaded),
            "at": _time(fact.at),
            "letter": None if letter is None else self._public(letter),
            "url": _plain(fact.url),
        }

    def _message(self, one: _One, fact: Message) -> dict[str, Any]:
        return {
            **self._head(one.loaded),
            **{name: _plain(getattr(fact, name)) for name in _MESSAGE},
            "at": _time(fact.at),
            "campaign": self._campaign(one),
            "order": self.orders.get(one.loaded.id),
        }

    def _booking(self, one: _One, fact: Booking) -> dict[str, Any]:
        return {
            **self._head(one.loaded),
            **{name: _plain(getattr(fact, name)) for name in ("title", "status", "place", "people", "note")},
            **{name: _time(getattr(fact, name)) for name in ("booked_at", "starts_at", "ends_at")},
            "order": self.orders.get(one.loaded.id),
        }

    def _files(self) -> list[dict[str, Any]]:
        """Every file that ever came with one of these, also those that another one stands for now."""
        of = {one.loaded.id: one.loaded for one in self.found}
        place = {number: at for at, number in enumerate(of)}
        rows = self.db.rows(
            "SELECT a.record, a.sha256, a.name, f.type, length(f.bytes) FROM attachment a "
            f"JOIN file f ON f.sha256 = a.sha256 WHERE a.record {self.db.among}",
            (self.db.pack(of),),
        )
        return [
            {"sha256": bytes(digest).hex(), "name": name, "type": kind, "size": size, "record": self._key(of[record])}
            for record, digest, name, kind, size in sorted(rows, key=lambda row: (place[row[0]], bytes(row[1])))
        ]

    # -- what they share ---------------------------------------------------------------------------------------------

    def _head(self, item: Loaded) -> dict[str, Any]:
        return {
            "id": self._public(item),
            "source": self.sources[item.source].label,
            "record": self._key(item),
            "gone": bool(item.gone),
        }

    def _campaign(self, one: _One) -> dict[str, Any] | None:
        campaign = self.wholes.get(one.part_of) if one.part_of is not None else None
        if campaign is None:
            return None
        title = None if campaign.fact is None else _plain(campaign.fact.title)
        return {"id": self._public(campaign), "title": title}

    def _public(self, item: Loaded) -> str:
        uid = self.sources[item.source].uid
        return ids.text(ids.public_id(uid, facts.entity_name(item.entity), item.ext, self.key))

    def _key(self, item: Loaded) -> str:
        return f"{self.sources[item.source].label}/{facts.entity_name(item.entity)}/{item.ext}"

    def _orders(self) -> dict[int, str]:
        """The public ids of the orders that things name, where we know them."""
        names: dict[str, int] = dict(self.db.rows("SELECT name, source FROM source_name"))
        named: dict[int, tuple[int, str]] = {}
        for one in self.found:
            ref = getattr(one.loaded.fact, "order", None)
            if isinstance(ref, RecordRef) and ref.entity == "order" and ref.source in names:
                named[one.loaded.id] = (names[ref.source], ref.external_id)
            elif isinstance(ref, str):
                named[one.loaded.id] = (one.loaded.source, ref)
        known = {
            (source, ext)
            for source in {source for source, _ in named.values()}
            for ext, row in facts.known(
                self.db, source, facts.ORDER, [ext for of, ext in named.values() if of == source]
            ).items()
            if row.channel is not None
        }
        return {
            number: ids.text(ids.public_id(self.sources[source].uid, "order", ext, self.key))
            for number, (source, ext) in named.items()
            if (source, ext) in known
        }


_MESSAGE = ("by", "direction", "address", "subject", "text", "status", "purpose", "language", "error")


def _plain(value: Any) -> Any:
    return None if value is UNSET else value


def _time(value: Any) -> str | None:
    return iso(value) if isinstance(value, int) else None


def _named(file: File) -> dict[str, Any]:
    return {"sha256": file.sha256, "name": file.name, "type": file.type, "size": file.size}


__all__ = ["enclosures"]
