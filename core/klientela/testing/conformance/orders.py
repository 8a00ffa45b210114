"""Checks on sources that write: an order placed here stands in the shop once, whatever becomes of the answer (S19)."""

from __future__ import annotations

from klientela.errors import Conflict, Misconfigured
from klientela.flow import ordering, placing
from klientela.model.instants import HOUR
from klientela.rules.totals import OTHER_CARRIER
from klientela.store import facts
from klientela.store.locate import customers_of
from klientela.store.outbox import REFUSED, TAKEN, UNKNOWN, Handed
from klientela.testing.conformance.bench import START, Bench, demand
from klientela.testing.conformance.subject import NotApplicable, Trouble

READS = "it only reads"
"""Why a source that does not write has none of these checks."""

_WORTH = 2200  # what an order of these checks comes to, in minor units


def order_placed(bench: Bench) -> None:
    """An order that is placed here is written once, and is known again when it comes back: same person, counted once."""
    _Desk(bench).placed()


def order_lost(bench: Bench) -> None:
    """An order whose answer is lost is not known to be there: nothing sends it again by itself, and its mark finds it."""
    desk = _Desk(bench)
    kinds: tuple[Trouble, ...] = ("lost", "unsure")
    for kind in kinds:
        desk.lost(kind)


def order_refused(bench: Bench) -> None:
    """An order that the shop refuses, or that nobody allowed to be written, is not there; it can be sent once it may."""
    _Desk(bench).refused()


class _Desk:
    """Somebody who places orders for customers of a shop."""

    def __init__(self, bench: Bench) -> None:
        reader = bench.source()
        if not reader.writes:
            raise NotApplicable(READS)
        self.bench, self.reader, self.source = bench, reader, bench.writer()
        self.label = reader.name
        bench.people(2)
        bench.good(bench.sync(reader), "the first run")

    # -- the checks --------------------------------------------------------------------------

    def placed(self) -> None:
        key = self.order("p0")
        handed = self.send(key)
        demand(handed.state == TAKEN, f"an order that nothing hinders ended {handed.state!r}: {handed.error}")
        self.stands("an order was sent", 1)
        for what in ("an order that was sent", "after another run, the order"):
            ext = self.comes_back(handed, "p0", what)
            demand(handed.ext in (None, ext), f"{what} came back as {ext}, not as {handed.ext}, which `place` answered")
            demand(
                self.figures("p0") == (1, _WORTH), f"{what} comes back as {self.figures('p0')[1]} instead of {_WORTH}"
            )

    def lost(self, kind: Trouble) -> None:
        """The answer to an order does not come; where the shop has it, it is known by its mark alone."""
        who = "p0" if kind == "lost" else "p1"
        before, key = self.bench.subject.written(), self.order(who)
        self.bench.subject.trouble(kind)
        handed = self.send(key)
        self.bench.subject.calm()
        demand(
            handed.state == UNKNOWN,
            f"an order whose answer is lost ended {handed.state!r} ({handed.error}): `place` must raise NotKnown",
        )
        there = self.bench.subject.written() - before
        demand(there <= 1, f"an order whose answer was lost is in the shop {there} times: it was sent again")
        try:
            self.send(key)
        except Conflict:
            pass
        else:
            demand(False, "an order of which nobody knows was sent again")
        self.stands("nobody looked after an order whose answer was lost", before + there)
        if there:
            self.comes_back(handed, who, "an order whose answer was lost")
            return
        handed = self.send(key, looked=True)
        demand(handed.state == TAKEN, f"an order that is sent again ended {handed.state!r}: {handed.error}")
        self.stands("somebody looked and sent an order again", before + 1)
        self.comes_back(handed, who, "an order that was sent again")

    def refused(self) -> None:
        key = self.order("p0")
        try:
            placing.send(self.bench.store, key, self.reader)
        except Misconfigured:
            pass
        else:
            demand(False, "an order was written although nobody set write_orders: its default must be false")
        self.stands("an order was not allowed to be written", 0)
        self.bench.subject.trouble("denied")
        handed = self.send(key)
        self.bench.subject.calm()
        self.stands("an order was refused", 0)
        demand(
            handed.state == REFUSED,
            f"an order that the shop refused ended {handed.state!r} ({handed.error}): `place` must raise SourceRefused",
        )
        self.bench.sentence("an order that the shop refused", handed.error, "send it again")
        handed = self.send(key)
        demand(handed.state == TAKEN, f"an order that was refused, sent again, ended {handed.state!r}: {handed.error}")
        self.stands("a refused order was sent again", 1)

    # -- what it does and sees -----------------------------------------------------------------

    def order(self, who: str) -> str:
        """Place one for somebody: 2 x 12.50 less 3.00; its key."""
        entity = facts.entity_name(self.person(who)[1])
        name = f"{self.label}/{entity}/{self.bench.ids[who]}"
        return ordering.place(self.bench.store, name, [("Tea", "2", "12.50")], "EUR", discount="3.00")[1]

    def send(self, key: str, *, looked: bool = False) -> Handed:
        return placing.send(self.bench.store, key, self.source, looked=looked)

    def stands(self, when: str, count: int) -> None:
        """How many orders were placed in the shop, which is asked itself."""
        found = self.bench.subject.written()
        demand(found == count, f"after {when}, the shop has {found} orders that were placed here instead of {count}")

    def comes_back(self, handed: Handed, who: str, what: str) -> str:
        """A run brings the order: it is that person's, and stands in the place of the one kept here; its id."""
        if handed.ext is None:
            self.bench.subject.accept()
        self.bench.put("later", START + 24 * HOUR, last_name="Later")  # a shop whose clock stands still moves on
        self.bench.good(self.bench.sync(self.reader), "the run after an order was written")
        with self.bench.store.reading() as db:
            rows = db.rows(
                "SELECT r.ext, o.owner FROM orders o JOIN record r ON r.id = o.id JOIN source s ON s.id = r.source "
                "WHERE s.label = ? AND (o.why IS NULL OR o.why <> ?)",
                (self.label, OTHER_CARRIER),
            )
            customers = customers_of(db, [owner for _, owner in rows if owner is not None])
        demand(bool(rows), f"{what} does not come back with a run, or its own word does not count")
        mine = [ext for ext, owner in rows if customers.get(owner) == self.customer(who)]
        demand(len(mine) == 1, f"{what} came back as somebody else's: say whose it is, as `order.customer` does")
        count = self.figures(who)[0]
        demand(count == 1, f"{what} counts {count} times: give its mark back as `placed_as`, and answer its own id")
        return str(mine[0])

    def figures(self, who: str) -> tuple[int, int]:
        """How many orders of a person count, and what they are worth."""
        with self.bench.store.reading() as db:
            row = db.one("SELECT orders, ltv FROM tally WHERE id = ?", (self.customer(who),))
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def customer(self, who: str) -> int:
        number = self.person(who)[0]
        with self.bench.store.reading() as db:
            return customers_of(db, [number])[number]

    def person(self, who: str) -> tuple[int, int]:
        """The record of a person, and what kind it is of."""
        with self.bench.store.reading() as db:
            for number, entity in db.rows(
                "SELECT r.id, r.entity FROM record r JOIN source s ON s.id = r.source WHERE s.label = ? AND r.ext = ?",
                (self.label, self.bench.ids[who]),
            ):
                if entity in facts.PERSONS:
                    return int(number), int(entity)
        raise AssertionError("the first run brought everybody")


CHECKS = (order_placed, order_lost, order_refused)
