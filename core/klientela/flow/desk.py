"""Where operators decide: one step in which what they say is written and all that follows from it is derived (R24b)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from klientela.errors import Conflict
from klientela.failpoints import failpoint
from klientela.flow.derive import Deriver
from klientela.store import facts, ids
from klientela.store import tables as t
from klientela.store.database import Db, Step, Store
from klientela.store.ledger import Line, write
from klientela.store.locate import Found, customers_of, locate
from klientela.store.rows import members_of, records_of


class Pair(NamedTuple):
    """That two records are one person (`must`) or are not (`cannot`)."""

    kind: str
    a: int
    b: int


@dataclass
class Decided:
    """What a decision led to: every customer it made another one, by id. `seq` None: a dry run, nothing is written."""

    seq: int | None = None
    customers: list[dict[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)  # what else this decision has to tell

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape of commands that decide (contract.md)."""
        made: dict[str, Any] = {} if self.seq is None else {"seq": self.seq}
        return {**made, "customers": self.customers, **self.about}


_TOGETHER = 500  # records that are derived at a time, however many one decision is about


class _Rollback(Exception):
    """Ends a dry run: everything it wrote is rolled back."""


class Desk:
    """One decision: a step in which it is written and everything that follows from it is derived."""

    def __init__(self, store: Store, word: str, actor: str, dry_run: bool) -> None:
        self.result = Decided()
        self._dry_run = dry_run
        self._open = store.step(word, actor=actor)
        self.store = store

    def __enter__(self) -> Desk:
        self.step: Step = self._open.__enter__()
        return self

    def done(self, kind: str, pairs: Sequence[Pair], detail: dict[str, Any], *, records: Iterable[int] = ()) -> None:
        """Write it into the log, derive, and remember whom it concerns. `records`: also these, in no pair."""
        step = self.step
        spoken_of = list(records)
        named = sorted({*spoken_of, *(number for pair in pairs for number in (pair.a, pair.b))})
        write(step, _lines(step.db, kind, pairs, detail, named, alone=bool(spoken_of) and not pairs))
        deriver = Deriver(step.db, self.store.ruleset(step.db))
        for start in range(0, len(named), _TOGETHER):
            some = facts.load(step.db, named[start : start + _TOGETHER])
            persons: list[facts.Loaded] = []  # an objection counts though its record is nobody
            orders: list[facts.Loaded] = []
            for _, item in sorted(some.items()):
                (orders if item.entity == facts.ORDER else persons).append(item)
            deriver.page(step, persons, orders, [], set(), force=True)
        failpoint("decision.derived")
        self.result.customers = _concerned(step, named)
        self.result.seq = None if self._dry_run else step.seq

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: Any) -> bool:
        if kind is None and self._dry_run:
            self._open.__exit__(_Rollback, _Rollback(), None)
            return False
        return bool(self._open.__exit__(kind, value, trace))


# -- who is meant -------------------------------------------------------------------------------------------------------


def found(step: Step, text: str) -> Found:
    """The record and customer an id or a record key means. UnknownThing otherwise."""
    return locate(step.db, step.store.key, text)


def member(step: Step, key: str, whole: Found) -> int:
    """A record of that customer, by its key. Conflict where it is of another."""
    meant = found(step, key)
    if meant.customer != whole.customer:
        raise Conflict(
            f"the record {key} is of another customer", hint="`klientela why ID` lists the records of a customer"
        )
    return meant.record


def members(db: Db, customer: int) -> list[int]:
    """The records of a customer, oldest first by canonical key (R22)."""
    sources = facts.sources(db)
    rows = members_of(db, [customer], "p.id, p.created, r.source, r.entity, r.ext")[customer]
    return [
        row[0]
        for row in sorted(
            rows,
            key=lambda row: (
                2**62 if row[1] is None else row[1], sources[row[2]].uid, facts.entity_name(row[3]), row[4].encode(),
            ),
        )
    ]  # fmt: skip


def anchor(db: Db, customer: int) -> int:
    """The oldest record of a customer."""
    return members(db, customer)[0]


def _canons(db: Db, records: Sequence[int]) -> dict[int, str]:
    """Records by their key for ever, as the log writes them."""
    return {
        number: f"{uid}\0{t.ENTITIES[entity]}\0{ext}"
        for number, uid, entity, ext in db.rows(
            f"SELECT r.id, s.uid, r.entity, r.ext FROM record r JOIN source s ON s.id = r.source WHERE r.id {db.among}",
            (db.pack(records),),
        )
    }


def _customers(db: Db, records: Iterable[int]) -> dict[int, int]:
    """The customers of some records, of an order that of its owner; who or what is nobody's is left out."""
    found = customers_of(db, records)
    owners: dict[int, int] = dict(
        db.rows(f"SELECT id, owner FROM orders WHERE owner IS NOT NULL AND id {db.among}", (db.pack(records),))
    )
    of = customers_of(db, set(owners.values())) if owners else {}
    return {**found, **{number: of[owner] for number, owner in owners.items() if owner in of}}


def _publics(db: Db, customers: Iterable[int]) -> dict[int, bytes]:
    rows = db.rows(f"SELECT id, pub FROM customer WHERE id {db.among}", (db.pack(customers),))
    return {row[0]: bytes(row[1]) for row in rows}


def _lines(
    db: Db, kind: str, pairs: Sequence[Pair], detail: dict[str, Any], named: Sequence[int], *, alone: bool
) -> list[Line]:
    """What the log says: one line of a decision about pairs, and of what is said of records `alone` one for each
    customer, so that each finds it under its own id."""
    canons = _canons(db, named)
    customers = _customers(db, named)
    public = _publics(db, set(customers.values()))
    if not alone:
        one, two = [*sorted(public.values()), None, None][:2]
        said = sorted([pair.kind, canons[pair.a], canons[pair.b]] for pair in pairs)
        return [Line(kind, None, one, two, {"records": sorted(canons.values()), "detail": {**detail, "pairs": said}})]
    by_customer: dict[bytes | None, list[str]] = {}
    for number in named:
        by_customer.setdefault(public.get(customers.get(number, 0)), []).append(canons[number])
    return [
        Line(kind, None, one, None, {"records": sorted(found), "detail": detail})
        for one, found in sorted(by_customer.items(), key=lambda item: item[0] or b"")
    ]


def _concerned(step: Step, named: Sequence[int]) -> list[dict[str, Any]]:
    """The customers that hold the named records now, and those the log of this change names."""
    db = step.db
    told = {
        ids.pub8(bytes(public))
        for row in db.rows("SELECT customer, other FROM audit WHERE seq = ?", (step.seq,))
        for public in row
        if public is not None
    }
    held = {row[0] for row in db.rows(f"SELECT id FROM customer WHERE pub8 {db.among}", (db.pack(sorted(told)),))}
    held |= set(_customers(db, named).values())
    publics = {
        number: ids.text(bytes(pub))
        for number, pub in db.rows(f"SELECT id, pub FROM customer WHERE id {db.among}", (db.pack(sorted(held)),))
    }
    records = records_of(db, publics, facts.sources(db), step.store.key)
    made = [{"id": public, "records": records[number]} for number, public in publics.items()]
    return sorted(made, key=lambda item: str(item["id"]))


__all__ = ["Decided", "Desk", "Pair", "anchor", "found", "member", "members"]
