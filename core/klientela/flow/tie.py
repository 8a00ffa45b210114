"""Edges that sources assert: one customer merged into another upstream (M5), the buyers of one order (M6, R18)."""

from __future__ import annotations

from klientela.store import facts
from klientela.store import tables as t
from klientela.store.database import Db, Step
from klientela.store.facts import Loaded

_GUEST_ORDER = facts.GUEST_ORDER


def tie(step: Step, persons: list[Loaded], buyers: set[int]) -> set[int]:
    """Bring the links of these persons and of these buyers, whom another carrier's order names, up to date.

    Returns the records at either end of what changed.
    """
    db = step.db
    told = [item for item in persons if item.fact is not None and item.fact.merged_into]
    standing = db.one("SELECT EXISTS (SELECT 1 FROM link) OR EXISTS (SELECT 1 FROM carrier)")
    if not told and (standing is None or not standing[0]):
        return set()
    changed = _compare(db, "upstream", "a", {item.id for item in persons}, _upstream(step, told))
    return changed | _compare(db, "same_order", "b", buyers, _same_order(db, buyers))


def _upstream(step: Step, told: list[Loaded]) -> set[tuple[int, int]]:
    """(who was merged, into whom); the survivor is registered where it has not come yet (R0d)."""
    by_source: dict[int, list[Loaded]] = {}
    for item in told:
        by_source.setdefault(item.source, []).append(item)
    found = set()
    for source, items in by_source.items():
        ids = facts.ensure(step, source, facts.CUSTOMER, [item.fact.merged_into for item in items])
        found |= {(item.id, ids[item.fact.merged_into]) for item in items}
    return {(a, b) for a, b in found if a != b}


def _same_order(db: Db, buyers: set[int]) -> set[tuple[int, int]]:
    """(whose the order is, whom another of its carriers names), but for orders of per_order guests."""
    if not buyers:
        return set()
    differs = "o.owner IS NOT o.buyer" if db.sqlite else "o.owner IS DISTINCT FROM o.buyer"
    return set(
        db.rows(
            "SELECT DISTINCT o.owner, o.buyer FROM orders o JOIN carrier c ON c.record = o.id "
            "JOIN record r ON r.id = o.owner "
            f"WHERE o.buyer {db.among} AND {differs} AND c.head <> c.record "
            f"AND NOT (c.flags & {t.STRICT} <> 0 AND r.entity = ?)",
            (db.pack(buyers), _GUEST_ORDER),
        )
    )


def _compare(db: Db, reason: str, end: str, records: set[int], wanted: set[tuple[int, int]]) -> set[int]:
    if not records:
        return set()
    standing = set(db.rows(f"SELECT a, b FROM link WHERE reason = ? AND {end} {db.among}", (reason, db.pack(records))))
    gone, fresh = standing - wanted, wanted - standing
    db.delete(t.link, [(a, b, reason) for a, b in sorted(gone)], key=("a", "b", "reason"))
    db.insert(t.link, ("a", "b", "reason"), [(a, b, reason) for a, b in sorted(fresh)])
    return {record for pair in gone | fresh for record in pair}
