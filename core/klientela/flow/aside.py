"""Orders that no customer of the list's figures owns: those without a customer (R13b), and those of inactive ones (R41).

Revenue per day counts every order; what customers had brought by a day is that without these. So only the few are
counted: orders that move between owners, and those of customers who turn inactive, active, visible or invisible.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from klientela.flow import tally
from klientela.flow.tally import Counts, Days
from klientela.flow.values import Change, Moved, Written
from klientela.rules.identity import Handle
from klientela.rules.totals import Settled
from klientela.store.database import Db

Owned = tuple[int | None, int | None]
"""The customers of an order's old and new owner, as customers are after the page."""

_COLUMNS = "o.id, o.owner, o.currency, o.placed, o.state, o.test, o.gross, o.ltv, o.why"


class Aside:
    """Counts what a page moves. `tallies` are the figures as they were, `active` says of customers that have figures
    now whether they count, `stood` where shared nodes were."""

    def __init__(
        self,
        written: Written,
        tallies: Mapping[int, tuple[Any, ...]],
        changes: Mapping[int, Change],
        active: Mapping[int, bool],
        stood: Mapping[Handle, int | None],
        days: Days,
    ) -> None:
        self.out = written.out
        self.founded_in = written.founded
        self.tallies = tallies
        self.changes = changes
        self.active = active
        self.stood = stood
        self.days = days
        self.founded = set(written.out.founded)
        self.counts: Counts = {}

    def moved(self, items: Iterable[Moved], owned: Iterable[Owned]) -> None:
        """Orders that changed, or their owners did; not those that `tally.add_up` took."""
        for item, (before, after) in zip(items, owned, strict=True):
            if item.old is not None and not (item.old_owner is not None and self._counted(item.old_owner, before)):
                self._order(item.old, -1)
            if item.new is not None and not (after is not None and self.active.get(after, False)):
                self._order(item.new, 1)

    def turned(self, db: Db, fresh: Container[int], moved: Iterable[Moved]) -> None:
        """Orders that stayed as they are while their customer began or ceased to count."""
        lone: dict[int, bool] = {}
        shared: dict[int, bool] = {}
        for number, change in self.changes.items():
            now = self.active.get(number, False)
            if self._plain(change, now, fresh):
                continue
            for handle in change.members:
                (lone if handle > 0 else shared)[handle] = now
        lone.update(dict.fromkeys(self.out.left, False))
        if not lone and not shared:
            return
        changed = {item.id for item in moved}
        queries = (
            (f"SELECT o.owner, {_COLUMNS} FROM orders o WHERE o.owner {db.among}", lone),
            (
                f"SELECT p.node, {_COLUMNS} FROM person p JOIN orders o ON o.owner = p.id WHERE p.node {db.among}",
                shared,
            ),
        )
        for sql, handles in queries:
            if not handles:
                continue
            for handle, order, owner, currency, placed, state, test, gross, ltv, why in db.rows(
                sql, (db.pack(handles),)
            ):
                now = handles[handle]
                if order not in changed and now != self._was(owner, handle):
                    settled = Settled(currency, placed, state, bool(test), gross, ltv, why)
                    self._order(settled, -1 if now else 1)

    def _plain(self, change: Change, now: bool, fresh: Container[int]) -> bool:
        """Whether none of a customer's orders can have begun or ceased to count."""
        if any(self._did(old) != now for old in change.olds):
            return False
        if not now or not change.moved:
            return True
        return all(record in fresh for handle in change.members for record in self.founded_in.get(handle, ()))

    def _counted(self, record: int, customer: int | None) -> bool:
        """Whether an owner's orders counted before, who is in this customer now."""
        if customer is not None and customer not in self.changes and record not in self.out.before:
            return record not in self.founded and self._did(customer)
        person = self.out.realm.persons.get(record)
        return self._was(record, record if person is None or person.node is None else person.node)

    def _was(self, record: int, handle: Handle) -> bool:
        """Whether a record was of a customer that counted."""
        if record in self.out.before:
            return self._did(self.out.before[record])
        if record in self.founded:
            return False
        lone = self.out.realm.held.get(record)
        stood = self.stood.get(handle) if lone is None else lone.customer
        return stood is not None and self._did(stood)

    def _did(self, customer: int) -> bool:
        row = self.tallies.get(customer)
        return row is not None and not row[tally.MARKED]

    def _order(self, order: Settled, sign: int) -> None:
        tally.count_order(self.counts, "aside", order, sign, self.days)
