"""Letters, scans, messages and bookings: whose they are, what they are part of and when. They decide nothing (R24).

A letter may come before its customer, a scan before its letter: what is referred to is registered without a claim (R0d),
and who came last finds the others. The only figure they move is the last scan of a letter to a customer (A19).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from klientela.model.records import Booking, Letter, RecordRef
from klientela.store import bitmaps, facts, locate, things
from klientela.store import tables as t
from klientela.store.database import Step
from klientela.store.facts import Loaded
from klientela.store.filters import segments_of

Key = tuple[int, int, str]
"""Source, entity and external id."""


class Place(NamedTuple):
    """A row of `thing` without its id."""

    owner: int | None
    part_of: int | None
    at: int | None


_NOWHERE = Place(None, None, None)


def hang(step: Step, changed: Sequence[Loaded]) -> None:
    """Bring the places of these records up to date, those of scans of these letters, and who scanned last. Comes behind
    everything that moves records between customers."""
    if changed:
        _Hang(step).run(changed)


class _Hang:
    def __init__(self, step: Step) -> None:
        self.step = step
        self.db = step.db
        self.names: dict[str, int] = dict(self.db.rows("SELECT name, source FROM source_name"))

    def run(self, changed: Sequence[Loaded]) -> None:
        reached = {item.id: item for item in changed}
        reached.update(self._scans_of([item.id for item in changed if item.entity == facts.LETTER], reached))
        wanted = self._places(reached)
        standing = {
            row[0]: Place(*row[1:])
            for row in self.db.rows(
                f"SELECT id, owner, part_of, at FROM thing WHERE id {self.db.among}", (self.db.pack(reached),)
            )
        }
        gone = [(number,) for number in sorted(standing.keys() - wanted.keys())]
        self.db.delete(t.thing, gone)
        rows = [(number, *place) for number, place in sorted(wanted.items()) if standing.get(number) != place]
        self.db.upsert(t.thing, ("id", "owner", "part_of", "at"), rows, ("id",))
        scans = [number for number, item in reached.items() if item.entity == facts.SCAN]
        self._tell([(standing.get(number, _NOWHERE), wanted.get(number, _NOWHERE)) for number in scans])

    def _scans_of(self, letters: Sequence[int], reached: Mapping[int, Loaded]) -> dict[int, Loaded]:
        """Scans that came before their letter, or whose letter goes to somebody else now."""
        if not letters:
            return {}
        found = self.db.rows(f"SELECT id FROM thing WHERE part_of {self.db.among}", (self.db.pack(letters),))
        return facts.load(self.db, [number for (number,) in found if number not in reached])

    # -- places ------------------------------------------------------------------------------------------------------

    def _places(self, reached: Mapping[int, Loaded]) -> dict[int, Place]:
        items = {number: item for number, item in reached.items() if item.fact is not None}
        named = {number: (self._owner(item), self._whole(item)) for number, item in items.items()}
        records = self._records(key for pair in named.values() for key in pair if key is not None)
        made = {
            number: Place(
                None if owner is None else records[owner], None if whole is None else records[whole], _when(item.fact)
            )
            for number, item in items.items()
            for owner, whole in (named[number],)
        }
        scans = {number: place for number, place in made.items() if items[number].entity == facts.SCAN}
        addressees = self._addressees({place.part_of for place in scans.values()} - reached.keys())
        addressees |= {n: place.owner for n, place in made.items() if items[n].entity == facts.LETTER}
        for number, place in scans.items():
            owner = addressees.get(place.part_of) if place.part_of is not None else None
            if owner is not None:  # the letter tells better than the scanner whom it was sent to
                made[number] = place._replace(owner=owner)
        return made

    def _owner(self, item: Loaded) -> Key | None:
        if item.entity == facts.CAMPAIGN:
            return None
        return self._key(item.source, facts.CUSTOMER, item.fact.customer)

    def _whole(self, item: Loaded) -> Key | None:
        """What it is part of: a scan of its letter, letters and messages of their campaign."""
        if item.entity == facts.SCAN:
            return self._key(item.source, facts.LETTER, item.fact.letter)
        if item.entity in (facts.LETTER, facts.MESSAGE):
            return self._key(item.source, facts.CAMPAIGN, item.fact.campaign)
        return None

    def _key(self, source: int, entity: int, ref: Any) -> Key | None:
        """The record a reference means; None for none, and for one of a source that nobody has connected yet."""
        if not ref:
            return None
        if not isinstance(ref, RecordRef):
            return source, entity, ref
        other = self.names.get(ref.source)
        return None if other is None else (other, facts.NUMBER_OF[ref.entity], ref.external_id)

    def _records(self, keys: Iterable[Key]) -> dict[Key, int]:
        by_kind: dict[tuple[int, int], set[str]] = {}
        for source, entity, ext in keys:
            by_kind.setdefault((source, entity), set()).add(ext)
        return {
            (source, entity, ext): number
            for (source, entity), exts in by_kind.items()
            for ext, number in facts.ensure(self.step, source, entity, sorted(exts)).items()
        }

    def _addressees(self, letters: Iterable[int | None]) -> dict[int, int | None]:
        """Whom letters that came before were sent to."""
        packed = self.db.pack({number for number in letters if number is not None})
        return dict(self.db.rows(f"SELECT id, owner FROM thing WHERE id {self.db.among}", (packed,)))

    # -- the last scan -----------------------------------------------------------------------------------------------

    def _tell(self, scans: Sequence[tuple[Place, Place]]) -> None:
        """Move the last scan of those customers whose scans these are, or were."""
        moved = [(old, new) for old, new in scans if (old.owner, old.at) != (new.owner, new.at)]
        owners = {place.owner for pair in moved for place in pair if place.owner is not None}
        if not owners:
            return
        customers = locate.customers_of(self.db, owners)
        packed = self.db.pack(set(customers.values()))
        kinds: dict[int, tuple[int, int, int, int, int | None]] = {
            row[0]: row[1:]
            for row in self.db.rows(
                f"SELECT id, facet, inactive, orders, tests, scanned FROM tally WHERE id {self.db.among}", (packed,)
            )
        }
        standing: dict[int, int | None] = {number: kind[-1] for number, kind in kinds.items()}
        now = dict(standing)
        again = set()
        for old, new in moved:
            if old.at is not None and old.owner in customers and standing.get(customers[old.owner]) == old.at:
                again.add(customers[old.owner])  # it was the last one: the rest must be read anew
            if new.at is not None and new.owner in customers and customers[new.owner] in now:
                number = customers[new.owner]
                now[number] = max(new.at, now[number] or new.at)
        now |= {number: at for number, at in things.last_scans(self.db, again).items() if number in now}
        rows = [(at, number) for number, at in sorted(now.items()) if standing[number] != at]
        self.db.update(t.tally, ("scanned",), rows)
        bitmaps.touch(self.db, (), (number for _, number in rows))
        found: Counter[str] = Counter()
        for at, number in rows:
            found.subtract(segments_of(*kinds[number]))
            found.update(segments_of(*kinds[number][:4], at))
        self.db.upsert(
            t.figure,
            ("name", "part", "day", "value"),
            [("segment", part, 0, value) for part, value in sorted(found.items()) if value],
            ("name", "part", "day"),
            add=("value",),
        )


def _when(fact: Any) -> int | None:
    """When it happened: a letter when it was sent, a booking when it begins."""
    at = fact.sent_at if type(fact) is Letter else fact.starts_at if type(fact) is Booking else fact.at
    return at if isinstance(at, int) else None


__all__ = ["hang"]
