"""From what people write to the customer that is meant: any public id ever shown, or a record's key (R23)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from klientela.errors import UnknownThing
from klientela.store import facts, ids
from klientela.store.database import Db
from klientela.store.tables import ENTITIES
from klientela.store.tombstones import Graves

_RESOLVED = "COALESCE(n.customer, p.customer, p.id)"


class Found(NamedTuple):
    """A customer, and the record by whose id or key it was named."""

    customer: int
    record: int


def locate(db: Db, key: bytes, text: str) -> Found:
    """The customer that an id or a key (`source/entity/external_id`) means; `key` is the instance's.

    UnknownThing when there is none, with a sentence that says which of the two was understood, or that it is of somebody
    who was erased: an id ever shown leads to its customer or says that, and never to anybody else (R23, R56).
    """
    text = text.strip()
    try:
        public = UUID(text).bytes
    except ValueError:
        return _by_key(db, text)
    record = _by_id(db, key, public)
    if record is None:
        record = _once_a_row(db, key, public)
    customer = _customer(db, record) if record is not None else None
    if record is None or customer is None:
        graves = _graves(db)
        if graves is not None and graves.knows(ids.text(public)):
            raise _erased(text)
        raise UnknownThing(f"no customer has the id {text}", hint="`klientela customers --search NAME` finds people")
    return Found(customer, record)


def _customer(db: Db, record: int) -> int | None:
    """The customer of a record; of a guest row that other rules made nobody, whose order it was of: every id ever shown
    keeps leading somewhere (R23)."""
    found = customers_of(db, [record]).get(record)
    if found is not None:
        return found
    row = db.one(
        "SELECT o.owner FROM record g JOIN record x ON x.source = g.source AND x.ext = g.ext AND x.entity = ? "
        "JOIN orders o ON o.id = x.id WHERE g.id = ? AND g.entity = ?",
        (facts.ORDER, record, facts.GUEST_ORDER),
    )
    return customers_of(db, [row[0]]).get(row[0]) if row is not None and row[0] is not None else None


def _once_a_row(db: Db, key: bytes, public: bytes) -> int | None:
    """A guest row that is nobody now, by the id it had: there is no index of those who are gone, and few ask."""
    for number, uid, ext in db.stream(
        "SELECT r.id, s.uid, r.ext FROM record r JOIN source s ON s.id = r.source "
        "WHERE r.entity = ? AND r.body IS NULL",
        (facts.GUEST_ORDER,),
    ):
        if ids.public_id(uid, ENTITIES[facts.GUEST_ORDER], ext, key) == public:
            return int(number)
    return None


def customers_of(db: Db, records: Iterable[int]) -> dict[int, int]:
    """The customers of some person records; records that are nobody are left out."""
    return dict(
        db.rows(
            f"SELECT p.id, {_RESOLVED} FROM person p LEFT JOIN node n ON n.id = p.node WHERE p.id {db.among}",
            (db.pack(records),),
        )
    )


def aliases(db: Db, records: Iterable[int], key: bytes) -> list[tuple[int, int]]:
    """Rows of `alias` for some records: the first half of their public ids, and they themselves; sorted."""
    rows = db.rows(
        f"SELECT r.id, s.uid, r.entity, r.ext FROM record r JOIN source s ON s.id = r.source WHERE r.id {db.among}",
        (db.pack(records),),
    )
    return sorted((ids.pub8(ids.public_id(uid, ENTITIES[entity], ext, key)), n) for n, uid, entity, ext in rows)


def record_keys(db: Db, records: Iterable[int]) -> dict[int, str]:
    """Records as people write them: `source/entity/external_id`, with the source's name of today."""
    return {
        number: f"{label}/{ENTITIES[entity]}/{ext}"
        for number, label, entity, ext in db.rows(
            "SELECT r.id, s.label, r.entity, r.ext FROM record r JOIN source s ON s.id = r.source "
            f"WHERE r.id {db.among}",
            (db.pack(records),),
        )
    }


def _by_id(db: Db, key: bytes, public: bytes) -> int | None:
    eight = ids.pub8(public)
    # the order of the ids is one range for each of the two lists
    for anchor, pub in db.rows("SELECT anchor, pub FROM customer WHERE inactive IN (0, 1) AND pub8 = ?", (eight,)):
        if bytes(pub) == public:
            return int(anchor)
    for number, uid, entity, ext in db.rows(
        "SELECT r.id, s.uid, r.entity, r.ext FROM alias a JOIN record r ON r.id = a.record "
        "JOIN source s ON s.id = r.source WHERE a.pub8 = ?",
        (eight,),
    ):
        if ids.public_id(uid, ENTITIES[entity], ext, key) == public:
            return int(number)
    waiting = db.one("SELECT 1 FROM work WHERE kind = 'aliases' LIMIT 1") is not None
    return _by_reading(db, key, public) if waiting else None


def _by_reading(db: Db, key: bytes, public: bytes) -> int | None:
    """While the aliases of an older store are not all written: the ids of all records that are not alone."""
    for number, uid, entity, ext in db.stream(
        "SELECT p.id, s.uid, r.entity, r.ext FROM person p JOIN record r ON r.id = p.id "
        "JOIN source s ON s.id = r.source WHERE p.customer IS NOT NULL OR p.node IS NOT NULL"
    ):
        if ids.public_id(uid, ENTITIES[entity], ext, key) == public:
            return int(number)
    return None


def _by_key(db: Db, text: str) -> Found:
    parts = text.split("/", 2)
    if len(parts) != 3 or parts[1] not in ENTITIES:
        raise UnknownThing(
            f"{text!r} is neither the id of a customer nor the key of a record",
            hint="An id looks like 1b4e28ba-2fa1-51d2-883f-0016d3cca427, a key like main/customer/1001.",
        )
    label, entity, ext = parts
    row = db.one(
        "SELECT r.id FROM record r JOIN source s ON s.id = r.source WHERE s.label = ? AND r.entity = ? AND r.ext = ?",
        (label, facts.NUMBER_OF[entity], ext),
    )
    customer = None if row is None else _customer(db, row[0])
    if customer is None:
        graves, uid = _graves(db), _uid(db, label)
        if graves is not None and uid is not None and graves.holds(uid, entity, ext):
            raise _erased(text)
    if row is None:
        raise UnknownThing(f"there is no record {text}", hint="`klientela sources` shows the names of the sources")
    if customer is None:
        raise UnknownThing(f"the record {text} belongs to no customer", hint="It may be an order, or nobody yet (R0d)")
    return Found(customer, row[0])


def _graves(db: Db) -> Graves | None:
    return None if db.tombstones is None else db.tombstones.standing()


def _uid(db: Db, label: str) -> str | None:
    return next((row.uid for row in facts.sources(db).values() if row.label == label), None)


def _erased(text: str) -> UnknownThing:
    return UnknownThing(f"{text} was erased", hint="`klientela person release` lets later syncs bring the person again")


__all__ = ["Found", "aliases", "customers_of", "locate", "record_keys"]
