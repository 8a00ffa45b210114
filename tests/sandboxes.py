"""What the tests of all sandboxes share: reading a source, heavy weather, and an order that is placed in a shop."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from klientela.flow.ordering import place
from klientela.flow.sync import Report, sync
from klientela.kit import SECOND, Instant, Page, Source, Window
from klientela.store import Store, facts
from klientela.testing import conformance
from klientela.testing.backstage import Backstage
from klientela.testing.conformance import Trouble
from tests.cases.seen import Desk
from tests.shops import use

WEATHER = ("429", "429-date", "html", "truncated", "truncated-json", "500", "reset")
"""Faults of the wire that pass."""

Link = Callable[[Any, Callable[[str], Any]], Any]
"""`link(app, make)`: serve an application over real HTTP, and the source that `make` makes of its address."""


def pages(source: Source, stream: str, window: Window | None = None, position: Any = None) -> list[Page]:
    """All pages of a stream."""
    one = next(one for one in source.streams() if one.name == stream)
    return list(one.read(window or Window(), position))


def records(source: Source, stream: str, window: Window | None = None, position: Any = None) -> list[Any]:
    """All records of a stream."""
    return [record for page in pages(source, stream, window, position) for record in page.records]


def standing(store: Store, name: str) -> list[facts.Loaded]:
    """What a store holds of a source's objects that are not gone."""
    with store.reading() as db:
        rows = db.rows(
            "SELECT r.id FROM record r JOIN source s ON s.id = r.source "
            "WHERE s.label = ? AND r.gone = 0 AND r.channel IS NOT NULL",
            (name,),
        )
        return list(facts.load(db, [row[0] for row in rows]).values())


def weather(
    box: Backstage,
    dice: random.Random,
    mischief: Sequence[str],
    *,
    wire: tuple[float, float] = (0.1, 0.3),
    inside: tuple[float, float] = (0.1, 0.4),
) -> None:
    """Some faults for one run: three of the wire and two of `mischief`, each with a share of the answers in these bounds."""
    box.calm()
    for kind in dice.sample(WEATHER, 3):
        box.faults.always(kind, dice.uniform(*wire))
    for kind in dice.sample(mischief, 2):
        box.fault(kind, dice.uniform(*inside))


def says_why(report: Report) -> str:
    """The status of a run; one that did not end well says so in a sentence."""
    if report.status != "ok":
        assert report.error is not None
        assert len(report.error["message"].split()) > 3, report.error
    return report.status


def kept(
    store: Store, source: Source, *, people: str = "customers", discount: str = "3.00", voucher: str = "SPRING"
) -> str:
    """The first of the stream `people` orders 2 x 12.50 here, and the order is not sent yet; its key."""
    use(store)
    assert sync(store, source).status == "ok"
    number = records(source, people)[0].external_id
    key = f"{source.name}/customer/{number}"
    return place(store, key, [("Tea", "2", "12.50")], "EUR", voucher=voucher, discount=discount)[1]


def revenue(store: Store) -> tuple[str, int]:
    """What the one customer spent, and in how many orders."""
    (row,) = Desk(store).rows()
    return row["ltv"][0]["amount"] if isinstance(row["ltv"], list) else row["ltv"]["amount"], row["orders"]


class SandboxSubject(conformance.HttpSubject):
    """A sandbox with objects of its own, which begins empty, for the conformance suite.

    A plugin's subject makes `box`, says what each trouble of one record does to its row in `changes`, and under which name
    (`name_of`) a row is found; `bent` is to be called with each row on its way out.
    """

    box: Any
    changes: ClassVar[Mapping[Trouble, Callable[[dict[str, Any]], None]]] = {}
    ids: dict[str, Any]
    odd: dict[Any, Callable[[dict[str, Any]], None]]

    def __init__(self, box: Backstage) -> None:
        self.box = box
        self.ids = {}
        self.odd = {}
        super().__init__(box.faults)

    def name_of(self, key: str) -> Any:
        """What a row says it is; by default its id."""
        return self.ids[key]

    def bent(self, name: Any, row: dict[str, Any]) -> None:
        """Do to the row of that name what its trouble does."""
        if name in self.odd:
            self.odd[name](row)

    def reach(self, when: Instant) -> None:
        """Let the shop's clock stand just after a time, at least."""
        ahead = when + SECOND - self.box.clock.now()
        if ahead > 0:
            self.box.advance_clock(ahead / SECOND)

    def trouble(self, kind: Trouble, key: str = "") -> None:
        if kind in conformance.WIRE:
            super().trouble(kind)
        elif key:
            self.odd[self.name_of(key)] = self.changes[kind]
        else:
            self.box.fault(kind)

    def calm(self) -> None:
        self.box.calm()
        self.odd.clear()
