"""From news to state: buyers, resolve, project and audit for one page, inside its step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from operator import add
from typing import NamedTuple

from klientela.failpoints import failpoint
from klientela.flow.audit import audit
from klientela.flow.blocked import Blocked
from klientela.flow.buyers import Owners
from klientela.flow.carry import carry
from klientela.flow.hang import hang
from klientela.flow.oppose import oppose
from klientela.flow.project import Projector
from klientela.flow.resolve import Resolver
from klientela.flow.tie import tie
from klientela.flow.values import Case, Written
from klientela.model.records import Checkout, Order
from klientela.model.words import agree
from klientela.rules.ruleset import Ruleset
from klientela.store import facts, ids
from klientela.store import tables as t
from klientela.store import things as hanging
from klientela.store.database import Db, Step
from klientela.store.facts import Loaded, SourceRow
from klientela.store.identity import Realm

_NAMED = 5  # customers that a remark names
_STRAYS = 100_000  # buyers that are remembered until somebody tells of them


class Derived(NamedTuple):
    """What a page led to."""

    merged: int = 0
    split: int = 0
    members_read: int = 0


class Deriver:
    """Derives pages under one ruleset; keeps its caches for a run. `quiet`: without audit lines, for a rebuild, which
    decides nothing; `hushed`: records of whom no line says that they leave, for an erasure."""

    def __init__(self, db: Db, ruleset: Ruleset, *, quiet: bool = False, hushed: Set[int] = frozenset()) -> None:
        self.ruleset = ruleset
        self.quiet = quiet
        self.hushed = hushed
        self.blocked = Blocked(ruleset)
        self.stirred: set[str] = set()  # ids of customers marked inactive who ordered anew
        self.strays: set[int] = set()  # buyers of new orders, while nobody has told of them
        self.waiting: list[Loaded] = []  # orders that only add, until `finish` or something else comes
        self._know_sources(db)

    def _know_sources(self, db: Db) -> None:
        self.sources: dict[int, SourceRow] = facts.sources(db)
        self.projector = Projector(self.ruleset, {row.uid: row.id for row in self.sources.values()})

    def page(
        self,
        step: Step,
        persons: list[Loaded],
        orders: list[Loaded],
        checkouts: list[Loaded],
        fresh: set[int],
        things: Sequence[Loaded] = (),
        *,
        force: bool = False,
        wait: bool = False,
    ) -> Derived:
        """Bring everything derived up to date with these changed records; those without a fact leave what is derived.
        `fresh`: registered in this step; `force`: look at all of them anew, also where name and keys are the same (other
        rules).

        `wait`: pages of new orders that only add to their buyers are put together until `finish` is called: they decide
        nothing and leave no line in the log, so that it does not matter how they are grouped.
        """
        if wait and not things and self._only_adds(persons, orders, checkouts, fresh):
            self.waiting += orders
            return Derived()
        fresh = fresh - self._awaited(persons)
        before = self.finish(step)
        if not (persons or orders or checkouts or things):
            return before
        made = self._page(step, persons, orders, checkouts, fresh, force, things)
        return Derived(*map(add, before, made))

    def _awaited(self, persons: list[Loaded]) -> set[int]:
        """Those of these persons whose orders came first and wait: they are no longer new when they are looked at."""
        named = {(item.source, item.fact.customer) for item in self.waiting}
        return {item.id for item in persons if item.entity == facts.CUSTOMER and (item.source, item.ext) in named}

    def _stir(self, db: Db, page: Written) -> None:
        """Note customers marked inactive who ordered anew, also where the order came before the person."""
        found = page.stirred | {number for record, number in page.into_inactive.items() if record in self.strays}
        if found:
            self.stirred |= _ids(db, found)
        if page.strays and len(self.strays) < _STRAYS and _any_inactive(db):
            self.strays |= page.strays

    def remarks(self) -> list[str]:
        """What an operator should know of all that was derived."""
        return [*self.blocked.remarks(), *self.again()]

    def again(self) -> list[str]:
        """A sentence where customers marked inactive ordered anew (R42)."""
        told = []
        if self.stirred:
            some = ", ".join(sorted(self.stirred)[:_NAMED])
            more = f" and {len(self.stirred) - _NAMED} more" if len(self.stirred) > _NAMED else ""
            told.append(
                agree(
                    len(self.stirred), "{} [customer|customers] marked inactive ordered again and [stays|stay] inactive"
                )
                + f": {some}{more}; `klientela active ID` takes the mark off"
            )
        return told

    def finish(self, step: Step) -> Derived:
        """Derive what waits; to be called in the same step."""
        if not self.waiting:
            return Derived()
        orders, self.waiting = self.waiting, []
        return self._page(step, [], orders, [], {item.id for item in orders}, False)

    def _only_adds(self, persons: list[Loaded], orders: list[Loaded], checkouts: list[Loaded], fresh: set[int]) -> bool:
        return (
            bool(orders)
            and not persons
            and not checkouts
            and all(item.id in fresh and item.fact.customer and not _speaks_of_another(item.fact) for item in orders)
            and not any(rules.same_as for rules in self.ruleset.sources.values())
            and {self.ruleset.of(self.sources[source].uid).guests for source in {item.source for item in orders}}
            == {"merge"}
        )

    def _page(
        self,
        step: Step,
        persons: list[Loaded],
        orders: list[Loaded],
        checkouts: list[Loaded],
        fresh: set[int],
        force: bool,
        things: Sequence[Loaded] = (),
    ) -> Derived:
        newest = step.db.one("SELECT max(id) FROM source")
        if newest is not None and newest[0] not in self.sources:
            self._know_sources(step.db)  # another run beside this one has connected a source meanwhile
        owners = Owners(step, self.ruleset, self.sources)
        carried = carry(step, self.ruleset, self.sources, owners.concerned(persons, orders, fresh))
        buyers = owners.run(persons, carried, fresh)
        linked = tie(step, persons, buyers.tied)
        realm = Realm.begin(step.db, self.ruleset, self.sources)
        out = Resolver(step, realm, force=force).run(buyers.cases, fresh, linked)
        known_new, fresh = fresh, fresh | _guests(step.db, buyers.cases.values())
        page = self.projector.run(step, out, buyers.moved, fresh)
        if not self.quiet:
            self._stir(step.db, page)
        failpoint("step.derived")
        merged, split = (0, 0) if self.quiet else audit(step, page, buyers.cases, hushed=self.hushed)
        if not force:
            self.blocked.look(buyers.cases.values(), self.sources)
        if checkouts:
            _checkouts(step, checkouts)
        hang(step, things)
        oppose(step, buyers.cases.values(), known_new, self.ruleset.country)
        failpoint("step.audited")
        return Derived(merged, split, realm.members_read)


def _any_inactive(db: Db) -> bool:
    return db.one("SELECT 1 FROM figure WHERE name = 'customers' AND part = 'inactive' AND value > 0") is not None


def _ids(db: Db, customers: Iterable[int]) -> set[str]:
    rows = db.rows(f"SELECT pub FROM customer WHERE id {db.among}", (db.pack(customers),))
    return {ids.text(bytes(row[0])) for row in rows}


def _speaks_of_another(order: Order) -> bool:
    return bool(order.origin or order.credits or order.cancels or order.placed_as)


def _guests(db: Db, cases: Iterable[Case]) -> set[int]:
    """Guest rows as good as new: each owns one order, which is among the moved ones, so that nothing older is waiting
    for it unless a letter came first."""
    rows = {case.loaded.id for case in cases if case.loaded.entity == facts.GUEST_ORDER}
    return rows - hanging.owners(db, rows) if rows and hanging.any_things(db) else rows


def _checkouts(step: Step, checkouts: list[Loaded]) -> None:
    """Keep carts with their buyers; they count nowhere (R32)."""
    step.db.delete(t.checkout, [(item.id,) for item in checkouts if item.fact is None])
    checkouts = [item for item in checkouts if item.fact is not None]
    wanted: dict[int, list[str]] = {}
    for item in checkouts:
        if item.fact.customer:
            wanted.setdefault(item.source, []).append(item.fact.customer)
    owners = {source: facts.ensure(step, source, facts.CUSTOMER, exts) for source, exts in wanted.items()}
    rows = []
    for item in checkouts:
        cart: Checkout = item.fact
        owner = owners[item.source][cart.customer] if cart.customer else None
        rows.append((item.id, owner, cart.at or None, cart.completed_at or None))
    step.db.upsert(t.checkout, ("id", "owner", "at", "completed"), rows, ("id",))
