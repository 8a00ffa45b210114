"""Whose letters, scans, messages and bookings are, as one pure function of what was said (R24, A19)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

from klientela.model.instants import Instant
from klientela.model.records import Booking, Campaign, Letter, Message, RecordRef, Scan, Thing

RecordKey = tuple[str, str, str]


class Hung(NamedTuple):
    """Where one thing hangs: the person record it is about, what it is part of, when it happened."""

    owner: RecordKey | None
    part_of: RecordKey | None
    at: Instant | None


def hung(facts: Mapping[RecordKey, Any], connected: Container[str]) -> dict[RecordKey, Hung]:
    """Every thing with its place. References to sources that nobody ever connected mean nothing yet.

    A scan is of whom its letter was sent to; of whom it names itself, where no letter says that.
    """
    made: dict[RecordKey, Hung] = {}
    things: dict[RecordKey, Thing] = {k: f for k, f in facts.items() if isinstance(f, Thing)}

    def named(source: str, ref: RecordRef | str | object, entity: str) -> RecordKey | None:
        if isinstance(ref, RecordRef):
            return (ref.source, ref.entity, ref.external_id) if ref.source in connected else None
        return (source, entity, ref) if isinstance(ref, str) else None

    for key, fact in things.items():
        owner = None if isinstance(fact, Campaign) else named(key[0], fact.customer, "customer")
        whole = None
        if isinstance(fact, Letter | Message):
            whole = named(key[0], fact.campaign, "campaign")
        elif isinstance(fact, Scan):
            whole = named(key[0], fact.letter, "letter")
        at = fact.sent_at if isinstance(fact, Letter) else fact.starts_at if isinstance(fact, Booking) else fact.at
        made[key] = Hung(owner, whole, at if isinstance(at, int) else None)
    for key, place in list(made.items()):
        letter = made.get(place.part_of) if key[1] == "scan" and place.part_of is not None else None
        if letter is not None and letter.owner is not None:
            made[key] = place._replace(owner=letter.owner)
    return made


def last_scan(things: Mapping[RecordKey, Hung], members: Iterable[RecordKey]) -> Instant | None:
    """When one of some person records last scanned a letter."""
    among = set(members)
    found = (one.at for key, one in things.items() if key[1] == "scan" and one.owner in among)
    return max((at for at in found if at is not None), default=None)
