"""Whose letters, scans, messages and bookings are, and when somebody last scanned a letter."""

from __future__ import annotations

from collections.abc import Iterable

from klientela.store import facts
from klientela.store.database import Db
from klientela.store.rows import members_of

_SCANS = f"JOIN record r ON r.id = x.id AND r.entity = {facts.SCAN}"


def any_things(db: Db) -> bool:
    """Whether any source ever spoke of such things: shops without them pay nothing for them."""
    row = db.one("SELECT EXISTS (SELECT 1 FROM thing)")
    return row is not None and bool(row[0])


def owners(db: Db, records: Iterable[int]) -> set[int]:
    """Those of some records that things are about."""
    packed = db.pack(records)
    return {row[0] for row in db.rows(f"SELECT DISTINCT owner FROM thing WHERE owner {db.among}", (packed,))}


def scans_by_owner(db: Db, records: Iterable[int]) -> list[tuple[int, int]]:
    """When each of some person records last scanned a letter; those who never did are left out."""
    packed = db.pack(records)
    return db.rows(
        f"SELECT x.owner, max(x.at) FROM thing x {_SCANS} WHERE x.at IS NOT NULL AND x.owner {db.among} "
        "GROUP BY x.owner",
        (packed,),
    )


def scans_by_node(db: Db, nodes: Iterable[int]) -> list[tuple[int, int]]:
    """The same for the records of some nodes together."""
    return db.rows(
        f"SELECT p.node, max(x.at) FROM person p JOIN thing x ON x.owner = p.id {_SCANS} "
        f"WHERE x.at IS NOT NULL AND p.node {db.among} GROUP BY p.node",
        (db.pack(nodes),),
    )


def last_scans(db: Db, customers: Iterable[int]) -> dict[int, int | None]:
    """When each of some customers last scanned a letter, read from the scans themselves."""
    wanted = set(customers)
    if not wanted:
        return {}
    found: dict[int, int | None] = dict.fromkeys(wanted)
    owner = {n: customer for customer, members in members_of(db, wanted, "p.id").items() for (n,) in members}
    for record, at in scans_by_owner(db, owner):
        standing = found[owner[record]]
        found[owner[record]] = at if standing is None else max(standing, at)
    return found
