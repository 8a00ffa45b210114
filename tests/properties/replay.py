"""Who is whom by the log alone: its lines read from the first to the last, without a look at any other table."""

from __future__ import annotations

import json

from klientela.errors import UnknownThing
from klientela.rules.whole import RecordKey
from klientela.store import Store, ids
from klientela.store.profile import resolve_id
from klientela.store.tables import ENTITIES

Membership = dict[RecordKey, str]
"""Record -> the public id of its customer, also of those that make no row."""


def replayed(store: Store) -> Membership:
    """What the lines of the log say."""
    found: Membership = {}
    with store.reading() as db:
        for kind, customer, other, body in db.rows(
            "SELECT a.kind, a.customer, a.other, p.body FROM audit a "
            "LEFT JOIN audit_private p ON p.seq = a.seq AND p.n = a.n "
            "ORDER BY a.seq, a.n"
        ):
            one, two = (None if public is None else ids.text(bytes(public)) for public in (customer, other))
            said = (
                json.loads(body)["records"] if body is not None else []
            )  # an erasure took what a line says of records
            records: list[RecordKey] = [tuple(record.split("\0")) for record in said]
            _line(found, kind, one, two, records)
    return found


def _line(found: Membership, kind: str, one: str | None, two: str | None, records: list[RecordKey]) -> None:
    if kind in ("founded", "joined", "merged", "renamed") and two is not None and one is not None:
        _rename(found, two, one)
    if kind in ("founded", "joined") and one is not None:
        found.update(dict.fromkeys(records, one))
    elif kind == "split" and two is not None:
        found.update(dict.fromkeys(records, two))
    elif kind == "left":
        for record in records:
            found.pop(record, None)
        if one is not None and two is not None:
            _rename(found, one, two)


def _rename(found: Membership, old: str, new: str) -> None:
    found.update({record: new for record, public in found.items() if public == old})


def standing(store: Store) -> Membership:
    """What the tables of identity say."""
    of: dict[int, list[tuple[tuple[int, bytes, bytes, bytes], RecordKey]]] = {}
    with store.reading() as db:
        for customer, created, uid, entity, ext in db.rows(
            "SELECT COALESCE(n.customer, p.customer, p.id), p.created, s.uid, r.entity, r.ext FROM person p "
            "LEFT JOIN node n ON n.id = p.node JOIN record r ON r.id = p.id JOIN source s ON s.id = r.source"
        ):
            key = (uid, ENTITIES[entity], ext)
            age = (2**62 if created is None else created, *(part.encode() for part in key))
            of.setdefault(customer, []).append((age, key))
    found: Membership = {}
    for members in of.values():
        public = ids.text(ids.public_id(*min(members)[1], store.key))
        found.update(dict.fromkeys((key for _, key in members), public))
    return found


def lost_ids(store: Store) -> list[str]:
    """Records whose public id does not lead to their customer, where that one stands in the list (R23)."""
    members = standing(store)
    with store.reading() as db:
        listed = {ids.text(bytes(pub)): number for number, pub in db.rows("SELECT id, pub FROM customer")}
        lost = []
        for key, customer in sorted(members.items()):
            if customer not in listed:
                continue
            try:
                found = resolve_id(db, store.key, ids.text(ids.public_id(*key, store.key)))
            except UnknownThing:
                found = None
            if found != listed[customer]:
                lost.append("/".join(key))
    return lost
