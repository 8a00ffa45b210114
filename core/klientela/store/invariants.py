"""What must always hold between the derived tables, looked at by reading them: `doctor` asks it of a living store.

`rebuild --check` derives everything once more and is the stronger question; this one needs no second store, and says
which promise is broken.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from klientela.store import facts, handclaims, ids, things
from klientela.store.database import Db
from klientela.store.finding import Finding
from klientela.store.rows import NEVER, answer_parts, members_of
from klientela.store.tables import ENTITIES, SHOWN, UNDATED

_BATCH = 500
_RESOLVED = "COALESCE(n.customer, p.customer, p.id)"
_PERSONS = "FROM person p LEFT JOIN node n ON n.id = p.node"
_ANEW = "`klientela rebuild` makes it anew"

# check, what is fine, how many break it, what is said then
_HOLDS: tuple[tuple[str, str, str, str], ...] = (
    (
        "identity",
        "every record of a node is like its node",
        f"SELECT count(*) {_PERSONS} WHERE p.node IS NOT NULL AND "
        "(n.id IS NULL OR p.customer IS NOT NULL OR n.name <> p.name OR n.keys <> p.keys)",
        "{} records do not fit the node they are in",
    ),
    (
        "identity",
        "every node knows how many records it has and which is its smallest",
        "SELECT count(*) FROM node n WHERE n.n <> (SELECT count(*) FROM person p WHERE p.node = n.id) "
        "OR n.first <> (SELECT min(p.id) FROM person p WHERE p.node = n.id)",
        "{} nodes do not know their records",
    ),
    (
        "identity",
        "every person is in exactly one customer, whose number is its smallest record's",
        f"SELECT count(*) {_PERSONS} LEFT JOIN person h ON h.id = {_RESOLVED} LEFT JOIN node m ON m.id = h.node "
        f"WHERE h.id IS NULL OR h.id > p.id OR COALESCE(m.customer, h.customer, h.id) <> {_RESOLVED}",
        "{} persons are in no customer of their own kind",
    ),
    (
        "identity",
        "every person that is somebody has a row in the list",
        f"SELECT count(*) {_PERSONS} LEFT JOIN customer c ON c.id = {_RESOLVED} "
        f"WHERE (p.flags & {SHOWN}) <> 0 AND c.id IS NULL",
        "{} persons have no row in the list",
    ),
    (
        "identity",
        "every customer has members and counts them right",
        "SELECT count(*) FROM customer c WHERE c.n <> "
        "(SELECT count(*) FROM person p WHERE p.id = c.id AND p.node IS NULL AND p.customer IS NULL) + "
        "(SELECT count(*) FROM person p WHERE p.customer = c.id) + "
        "(SELECT COALESCE(sum(n.n), 0) FROM node n WHERE n.customer = c.id)",
        "{} customers do not count their records right",
    ),
    (
        "identity",
        "every mark is of a node that is there",
        "SELECT count(*) FROM mark k LEFT JOIN person p ON p.id = k.handle AND p.node IS NULL "
        "LEFT JOIN node n ON n.id = k.handle WHERE COALESCE(p.name, n.name, '-') <> k.name",
        "{} marks belong to nobody who is there",
    ),
    (
        "identity",
        "every key of everybody has its mark",
        "SELECT abs((SELECT count(*) FROM mark) "
        "- (SELECT COALESCE(sum(length(keys) / 9), 0) FROM person WHERE node IS NULL) "
        "- (SELECT COALESCE(sum(length(keys) / 9), 0) FROM node))",
        "{} marks are missing or too many",
    ),
    (
        "identity",
        "what is kept apart is there, and apart",
        "SELECT count(*) FROM "
        "(SELECT a AS h FROM apart UNION ALL SELECT b FROM apart UNION ALL SELECT handle FROM comp) AS x "
        "LEFT JOIN person p ON p.id = x.h AND p.node IS NULL LEFT JOIN node n ON n.id = x.h "
        "WHERE p.id IS NULL AND n.id IS NULL",
        "{} constraints name nodes that are gone",
    ),
    (
        "identity",
        "every objection is of a person who is there, or what operators said of a record that is nobody",
        "SELECT count(*) FROM objection o LEFT JOIN person p ON p.id = o.record WHERE p.id IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM claim c WHERE c.record = o.record AND c.to_seq IS NULL)",
        "{} objections belong to nobody who is there",
    ),
    (
        "orders",
        "every order is settled, and of a record we know",
        "SELECT abs((SELECT count(*) FROM record WHERE entity = 4 AND channel IS NOT NULL) "
        "- (SELECT count(*) FROM orders)) + (SELECT count(*) FROM orders o LEFT JOIN record r ON r.id = o.owner "
        "WHERE o.owner IS NOT NULL AND r.id IS NULL)",
        "{} orders are not settled, or of nobody we know",
    ),
    (
        "orders",
        "every letter, scan, message and booking is kept with what it belongs to",
        "SELECT abs((SELECT count(*) FROM record WHERE entity > 5 AND channel IS NOT NULL) "
        "- (SELECT count(*) FROM thing)) + (SELECT count(*) FROM thing x JOIN record r ON r.id = x.id AND r.entity = 7 "
        "JOIN thing l ON l.id = x.part_of WHERE l.owner <> x.owner OR (l.owner IS NOT NULL AND x.owner IS NULL))",
        "{} letters, scans, messages or bookings are not where they belong",
    ),
    (
        "figures",
        "every customer has its figures",
        "SELECT (SELECT count(*) FROM customer c LEFT JOIN tally y ON y.id = c.id "
        "WHERE y.id IS NULL OR y.pub8 <> c.pub8 OR y.inactive <> c.inactive) + "
        "(SELECT count(*) FROM tally y LEFT JOIN customer c ON c.id = y.id WHERE c.id IS NULL)",
        "{} customers and their figures do not fit",
    ),
    (
        "figures",
        "the numbers of customers are kept right",
        "SELECT abs((SELECT count(*) FROM customer WHERE inactive = 0) - {customers}) + "
        "abs((SELECT count(*) FROM customer WHERE inactive = 1) - {inactive}) + "
        "abs((SELECT count(*) FROM customer WHERE inactive = 0 AND status = 1) - {registered}) + "
        "abs((SELECT count(*) FROM customer WHERE inactive = 0 AND status = 0) - {guests})",
        "the stored numbers of customers are {} off",
    ),
    (
        "figures",
        "the numbers of buyers and their revenue are kept right",
        "SELECT abs((SELECT COALESCE(sum(ltv), 0) FROM tally WHERE orders > 0 AND inactive = 0) - {ltv}) + "
        "abs((SELECT count(*) FROM tally WHERE orders > 0 AND inactive = 0) - {buyers}) + "
        "abs((SELECT count(*) FROM tally WHERE orders > 1 AND inactive = 0) - {repeat})",
        "the stored numbers of buyers and their revenue are {} off",
    ),
    (
        "figures",
        "the days on which customers first bought are kept right",
        "SELECT abs((SELECT count(first) FROM tally WHERE inactive = 0 AND guest = 0) - {first}) + "
        "abs((SELECT count(second) FROM tally WHERE inactive = 0 AND guest = 0) - {second}) + "
        "abs((SELECT count(first) FROM tally WHERE inactive = 0 AND guest = 1) - {guest_rows}) + "
        "abs((SELECT COALESCE(sum(gross - ltv), 0) FROM tally WHERE inactive = 0) - {over})",
        "the stored days of first orders are {} off",
    ),
    (
        "figures",
        "the numbers of the tabs are kept right",
        "SELECT abs((SELECT count(*) FROM tally WHERE inactive = 0) - {all}) + "
        "abs((SELECT count(*) FROM tally WHERE orders > 1 AND inactive = 0) - {several}) + "
        "abs((SELECT count(*) FROM tally WHERE scanned IS NOT NULL AND inactive = 0) - {scanned}) + "
        "abs((SELECT count(*) FROM tally WHERE tests > 0 AND inactive = 0) - {test})",
        "the stored numbers of the tabs are {} off",
    ),
    (
        "figures",
        "the orders of each day are kept right",
        "SELECT abs((SELECT count(*) FROM orders WHERE ltv IS NOT NULL) - {orders}) + "
        "abs((SELECT COALESCE(sum(ltv), 0) FROM orders) - {revenue})",
        "the stored figures of the days are {} off",
    ),
)
_FIGURES = {
    "customers": "name = 'customers' AND part = ''",
    "inactive": "name = 'customers' AND part = 'inactive'",
    "registered": "name = 'customers' AND part = 'status:registered'",
    "guests": "name = 'customers' AND part = 'status:guest'",
    "ltv": "name = 'ltv' AND part = ''",
    "buyers": "name = 'buyers' AND part = '1'",
    "repeat": "name = 'buyers' AND part = '2'",
    "first": "name = 'first'",
    "second": "name = 'second'",
    "guest_rows": "name = 'guests'",
    "over": "name = 'ltv_over' AND part = ''",
    "all": "name = 'segment' AND part = 'all'",
    "several": "name = 'segment' AND part = 'repeat'",
    "scanned": "name = 'segment' AND part = 'scanned'",
    "test": "name = 'segment' AND part = 'test'",
    "orders": "name = 'orders'",
    "revenue": "name = 'revenue'",
}


def invariants(db: Db, key: bytes, currency: str, *, sample: int = 50_000) -> Iterator[Finding]:
    """A finding for each promise. Ids and figures are computed anew for at most `sample` customers, spread evenly."""
    kept = {name: f"COALESCE((SELECT sum(value) FROM figure WHERE {where}), 0)" for name, where in _FIGURES.items()}
    for check, fine, sql, wrong in _HOLDS:
        row = db.one(sql.format(**kept) if check == "figures" else sql)
        yield _finding(check, int(row[0] or 0) if row else 0, wrong, fine)
    anchors = badges = sums = 0
    for batch in _batches(db, sample):
        anchors += _anchors(db, key, batch)
        badges += _badges(db, batch)
        sums += _sums(db, currency, batch)
    yield _finding(
        "hands",
        len(handclaims.astray(db)),
        "{} records carry other values by hand than the decisions about them say",
        "what stands by hand is what operators decided",
    )
    row = db.one("SELECT count(*) FROM posting p LEFT JOIN customer c ON c.id = p.customer WHERE c.id IS NULL")
    badges += int(row[0]) if row else 0
    for check, count, wrong, fine in (
        ("identity", anchors, "{} customers do not have the id of their oldest record", "ids are of the oldest record"),
        ("figures", sums, "the figures of {} customers are not those of their orders", "figures are sums of orders"),
        (
            "figures",
            _answers(db),
            "the stored numbers of consents are {} off",
            "the numbers of consents are kept right",
        ),
        ("badges", badges, "{} badges of sources are wrong", "every customer has the badges of its sources"),
    ):
        yield _finding(check, count, wrong, fine)


def _finding(check: str, count: int, wrong: str, fine: str) -> Finding:
    if count:
        return Finding(check, "error", f"{wrong.format(count)}; {_ANEW}", count)
    return Finding(check, "ok", fine)


def _batches(db: Db, sample: int) -> Iterator[list[tuple[Any, ...]]]:
    """Rows (id, pub, pub8, anchor, sources) of customers, a batch at a time."""
    row = db.one("SELECT count(*) FROM customer")
    every = max(1, int(row[0] if row else 0) // sample)
    last = 0
    while True:
        rows = db.rows(
            "SELECT id, pub, pub8, anchor, sources FROM customer WHERE id > ? AND id % ? = 0 ORDER BY id LIMIT ?",
            (last, every, _BATCH),
        )
        if not rows:
            return
        last = rows[-1][0]
        yield rows


def _anchors(db: Db, key: bytes, batch: Sequence[tuple[Any, ...]]) -> int:
    """How many customers do not carry the id of their smallest canonical key (R22, R23)."""
    uids = {number: row.uid for number, row in facts.sources(db).items()}
    wrong = 0
    members = members_of(db, [row[0] for row in batch], "p.id, p.created, r.source, r.entity, r.ext")
    for customer, pub, eight, anchor, _ in batch:
        canons = [
            ((NEVER if born is None else born, uids[source], ENTITIES[entity], ext), number)
            for number, born, source, entity, ext in members.get(customer, ())
        ]
        if not canons:
            wrong += 1
            continue
        oldest = min(canons)
        public = ids.public_id(*oldest[0][1:], key)
        wrong += (oldest[1], public, ids.pub8(public)) != (anchor, bytes(pub), eight)
    return wrong


def _badges(db: Db, batch: Sequence[tuple[Any, ...]]) -> int:
    """How many customers' postings, or sources in the row, are not those of their records."""
    customers = [row[0] for row in batch]
    of: dict[int, set[int]] = {}
    for customer, members in members_of(db, customers, "r.source").items():
        of[customer] = {source for (source,) in members}
    posted: dict[int, set[int]] = {}
    for source in facts.sources(db):
        for (customer,) in db.rows(
            f"SELECT customer FROM posting WHERE source = ? AND customer {db.among}", (source, db.pack(customers))
        ):
            posted.setdefault(customer, set()).add(source)
    return sum(not (of.get(row[0], set()) == posted.get(row[0], set()) == set(json.loads(row[4]))) for row in batch)


_SUMS = (
    "ltv", "orders", "last", "gross", "gross_orders", "gross_last", "tests", "scanned", "first", "second", "gross_first",
    "gross_second", "other",
)  # fmt: skip


def _answers(db: Db) -> int:
    """How far the figures of consents are from what the rows of the list say."""
    kept: Counter[str] = Counter(dict(db.rows("SELECT part, value FROM figure WHERE name = 'consents'")))
    for text, count in db.stream(
        "SELECT consents, count(*) FROM customer WHERE consents IS NOT NULL AND inactive = 0 GROUP BY consents"
    ):
        kept.subtract(dict.fromkeys(answer_parts(text), count))
    return sum(map(abs, kept.values()))


def _sums(db: Db, currency: str, batch: Sequence[tuple[Any, ...]]) -> int:
    """How many customers' figures are not the sums over their orders, and the last of their scans."""
    customers = [row[0] for row in batch]
    owner = {
        number: customer for customer, members in members_of(db, customers, "p.id").items() for (number,) in members
    }
    counted: dict[int, _Count] = {customer: _Count() for customer in customers}
    for number, *order in db.rows(
        f"SELECT owner, currency, placed, test, gross, ltv FROM orders WHERE owner {db.among}", (db.pack(owner),)
    ):
        counted[owner[number]].add(*order, home=currency)
    for number, at in things.scans_by_owner(db, owner):
        counted[owner[number]].scanned = _later(counted[owner[number]].scanned, at)
    stored = {
        row[0]: (*row[1:-1], json.loads(row[-1]) if row[-1] else {})
        for row in db.rows(f"SELECT id, {', '.join(_SUMS)} FROM tally WHERE id {db.among}", (db.pack(customers),))
    }
    return sum(stored.get(customer) != counted[customer].values() for customer in customers)


class _Count:
    """The orders of one customer, counted the plain way (R30, R31, R35)."""

    def __init__(self) -> None:
        self.ltv = self.orders = self.gross = self.gross_orders = self.tests = 0
        self.last: int | None = None
        self.scanned: int | None = None
        self.gross_last: int | None = None
        self.other: dict[str, list[int]] = {}
        self.times: list[int] = []
        self.gross_times: list[int] = []

    def add(
        self, currency: str, placed: int | None, test: int, gross: int | None, ltv: int | None, *, home: str
    ) -> None:
        """One more order."""
        self.tests += bool(test)
        when = UNDATED if placed is None else placed
        if ltv is not None:
            self.times.append(when)
            self.orders += 1
            self.last = _later(self.last, placed)
        if gross is not None:
            self.gross_times.append(when)
            self.gross_orders += 1
            self.gross_last = _later(self.gross_last, placed)
        if currency == home:
            self.ltv += ltv or 0
            self.gross += gross or 0
        else:
            slot = self.other.setdefault(currency, [0, 0, 0])
            slot[:] = slot[0] + (ltv or 0), slot[1] + (gross or 0), slot[2] + 1

    def values(self) -> tuple[Any, ...]:
        """As `tally` keeps them."""
        firsts, under_gross = ((*sorted(times)[:2], None, None)[:2] for times in (self.times, self.gross_times))
        return (
            self.ltv, self.orders, self.last, self.gross, self.gross_orders, self.gross_last, self.tests, self.scanned,
            *firsts, *((None, None) if firsts == under_gross else under_gross), self.other,
        )  # fmt: skip


def _later(one: int | None, two: int | None) -> int | None:
    return max((x for x in (one, two) if x is not None), default=None)


__all__ = ["invariants"]
