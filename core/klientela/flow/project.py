"""Carry the decisions out: persons, nodes and marks, the list and its figures, by difference to what stands."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from klientela.flow.buyers import Moved
from klientela.flow.resolve import Change, Resolution
from klientela.model.instants import DAY, HOUR, day
from klientela.rules import precedence
from klientela.rules.identity import Handle
from klientela.rules.precedence import Summary, merge
from klientela.rules.ruleset import Ruleset
from klientela.rules.text import search_text, sort_key
from klientela.rules.totals import Settled
from klientela.store import ids, search
from klientela.store import tables as t
from klientela.store.database import Step
from klientela.store.identity import Realm, write_nodes

LAST_OF_ALL = "\uffff"
_ROW = tuple(c.name for c in t.customer.columns if c.name != "id")
_TALLY = ("pub8", "s_last", "ltv", "orders", "last", "last_day", "gross", "gross_orders", "gross_last", "gross_day", "tests", "other")


@dataclass(slots=True)
class Tally:
    """The figures of one customer."""

    ltv: int = 0
    orders: int = 0
    last: int | None = None
    gross: int = 0
    gross_orders: int = 0
    gross_last: int | None = None
    tests: int = 0
    other: dict[str, list[int]] = field(default_factory=dict)
    recount: bool = False

    def add(self, order: Settled, currency: str) -> None:
        """Count an order."""
        if order.ltv is not None:
            self.orders += 1
            self.last = _later(self.last, order.placed)
        if order.gross is not None:
            self.gross_orders += 1
            self.gross_last = _later(self.gross_last, order.placed)
        self.tests += order.test
        self._money(order, currency, 1)

    def take(self, order: Settled, currency: str) -> None:
        """Take an order out again; where it was the last one, the rest must be read anew."""
        if order.ltv is not None:
            self.orders -= 1
            self.recount |= order.placed is not None and order.placed == self.last
        if order.gross is not None:
            self.gross_orders -= 1
            self.recount |= order.placed is not None and order.placed == self.gross_last
        self.tests -= order.test
        self._money(order, currency, -1)

    def _money(self, order: Settled, currency: str, sign: int) -> None:
        ltv, gross = sign * (order.ltv or 0), sign * (order.gross or 0)
        if order.currency == currency:
            self.ltv += ltv
            self.gross += gross
            return
        slot = self.other.setdefault(order.currency, [0, 0, 0])
        slot[0] += ltv
        slot[1] += gross
        slot[2] += sign
        if not slot[2]:
            del self.other[order.currency]

    def join(self, other: Tally) -> None:
        """Add the figures of a customer that joined."""
        self.ltv += other.ltv
        self.orders += other.orders
        self.last = _later(self.last, other.last)
        self.gross += other.gross
        self.gross_orders += other.gross_orders
        self.gross_last = _later(self.gross_last, other.gross_last)
        self.tests += other.tests
        for currency, amounts in other.other.items():
            slot = self.other.setdefault(currency, [0, 0, 0])
            self.other[currency] = [a + b for a, b in zip(slot, amounts, strict=True)]

    def row(self, zone: _Days) -> tuple[Any, ...]:
        """The columns from `ltv` on."""
        other = json.dumps({c: self.other[c] for c in sorted(self.other)}) if self.other else None
        return (
            self.ltv, self.orders, self.last, zone.day(self.last), self.gross, self.gross_orders, self.gross_last,
            zone.day(self.gross_last), self.tests, other,
        )  # fmt: skip

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Tally:
        """From the columns ltv … other as stored."""
        ltv, orders, last, _, gross, gross_orders, gross_last, _, tests, other = row
        return cls(ltv, orders, last, gross, gross_orders, gross_last, tests, json.loads(other) if other else {})


def _later(one: int | None, two: int | None) -> int | None:
    if one is None or two is None:
        return two if one is None else one
    return max(one, two)


class _Days:
    """Calendar days in the shop's zone; offsets change on full hours, so one look-up serves an hour."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.zone = ruleset.zone
        self.hours: dict[int, int] = {}

    def day(self, moment: int | None) -> int | None:
        if moment is None:
            return None
        hour = moment // (HOUR // 4)
        known = self.hours.get(hour)
        if known is None:
            known = self.hours[hour] = day(moment, self.zone)
        return known


class Projector:
    """Projects one page; kept for a run so that its caches live."""

    def __init__(self, ruleset: Ruleset, source_ids: dict[str, int]) -> None:
        self.ruleset = ruleset
        self.days = _Days(ruleset)
        self.source_ids = source_ids

    def run(self, step: Step, out: Resolution, moved: list[Moved], fresh: set[int]) -> Projected:
        """Write everything that follows from a resolution and from orders that moved or changed."""
        page = Projected(step, out, self)
        page.identity()
        page.rows(moved, fresh)
        return page


class Projected:
    """One page being written; keeps old and new public ids for the audit."""

    def __init__(self, step: Step, out: Resolution, projector: Projector) -> None:
        self.step = step
        self.db = step.db
        self.out = out
        self.realm: Realm = out.realm
        self.projector = projector
        self.ruleset = projector.ruleset
        self.figures: dict[tuple[str, str, int], int] = {}
        self.changed_records: set[int] = set()  # records and customers whose membership this page may have moved
        self.founded: dict[Handle, list[int]] = {}
        for record in out.founded:
            held_in = self.realm.persons[record].node
            self.founded.setdefault(record if held_in is None else held_in, []).append(record)
        self.old_rows: dict[int, tuple[Any, ...]] = {}
        self.public: dict[int, bytes] = {}  # customers of this page -> public id, also of those that make no row
        self.old_public: dict[int, bytes] = {}

    # -- identity ----------------------------------------------------------------

    def identity(self) -> None:
        """Persons, nodes, marks, components, limits."""
        db, out, realm = self.db, self.out, self.realm
        for change in out.changes:
            several = len(change.members) > 1
            for handle in change.members:
                self._point(handle, change.customer, several)
        rows = [
            (p.created, p.name, p.keys, p.flags, p.node, p.customer, p.seen, p.id) for p in out.persons.values()
        ]
        columns = ("created", "name", "keys", "flags", "node", "customer", "seen")
        gone = set(out.left)
        db.insert(t.person, (*columns, "id"), [r for r in rows if r[-1] in out.new_persons and r[-1] not in gone])
        db.update(t.person, columns, [r for r in rows if r[-1] not in out.new_persons and r[-1] not in gone])
        db.delete(t.person, [(number,) for number in out.left])
        db.delete(t.mark, list(out.marks_gone), key=("key", "name", "handle"))
        db.insert(t.mark, ("key", "name", "handle"), sorted(out.marks_new))
        dirty = [h for h in realm.held.values() if h.handle < 0 and (h.dirty or h.handle in out.new_nodes)]
        for held in dirty:
            if held.new_customer is not None:
                held.customer = held.new_customer
        write_nodes(self.step, [h for h in dirty if not (h.gone and h.handle in out.new_nodes)], out.new_nodes)
        self._constraints()

    def _point(self, handle: Handle, customer: int, several: bool) -> None:
        held = self.realm.held[handle]
        if handle < 0:
            if held.customer != customer:
                held.dirty = True
            return
        self.realm.load_persons([handle])
        person = self.realm.persons[handle]
        wanted = customer if several else None
        if person.customer != wanted or handle in self.out.persons:
            person.customer = wanted
            self.out.persons[handle] = person

    def _constraints(self) -> None:
        db, out = self.db, self.out
        looked = [(h,) for h in out.looked_at]
        if self.realm.has_comps:
            db.delete(t.comp, looked, key=("handle",))
        db.insert(t.comp, ("handle", "comp"), sorted(out.comps.items()))
        standing: set[tuple[int, int]] = set()
        if self.realm.has_comps or out.apart:
            packed = db.pack(out.looked_at)
            standing = set(
                db.rows(f"SELECT a, b FROM apart WHERE a {db.among} OR b {db.among}", (packed, packed))  # type: ignore[arg-type]
            )
            db.delete(t.apart, sorted(standing), key=("a", "b"))
            db.insert(t.apart, ("a", "b", "reason"), [tuple(a) for a in out.apart])
        out.apart = [a for a in out.apart if (a.a, a.b) not in standing]
        db.upsert(t.crowded, ("key", "kind"), [(k, kind) for k, (kind, over) in out.crowds.items() if over], ("key",))
        db.delete(t.crowded, [(k,) for k, (_, over) in out.crowds.items() if not over], key=("key",))

    # -- the list ----------------------------------------------------------------

    def rows(self, moved: list[Moved], fresh: set[int]) -> None:
        """Customer rows, figures, postings, search."""
        db, out = self.db, self.out
        changes = {change.customer: change for change in out.changes}
        shown = {number: self._shown(change) for number, change in changes.items()}
        involved = {*changes, *out.vanished, *(c for change in out.changes for c in change.olds)}
        self._load_rows(involved)
        owners = {r for m in moved for r in (m.old_owner, m.owner) if r is not None}
        tallies = self._load_tallies(involved | owners)
        self.changed_records = {*involved, *out.persons}
        customers = self._owners(moved, tallies)
        only_orders = {c for pair in customers for c in pair if c is not None} - involved
        tallies.update(self._load_tallies(only_orders - tallies.keys()))
        for number in owners - only_orders - involved:
            tallies.pop(number, None)
        fresh_rows: list[tuple[Any, ...]] = []
        changed_rows: list[tuple[Any, ...]] = []
        now: dict[int, Tally] = {}
        for number, change in changes.items():
            if not shown[number]:
                continue
            now[number] = self._base(change, tallies, fresh)
        for number in only_orders:
            if number in tallies:
                now[number] = Tally.of(tallies[number][2:])
        self._count(moved, customers, now, set(changes))
        again = [number for number, tally in now.items() if tally.recount]
        if again:
            self._recount(again, changes, now)
        keys: dict[int, tuple[int, str]] = {c: (r[0], r[1]) for c, r in tallies.items()}
        gone = [c for c in involved if c in self.old_rows and not shown.get(c, False)]
        for number, change in changes.items():
            if not shown[number]:
                continue
            row, s_last = self._row(change)
            keys[number] = (row[_ROW.index("pub8")], s_last)
            old = self.old_rows.get(number)
            if old is None:
                fresh_rows.append((number, *row))
            elif old != row:
                changed_rows.append((*row, number))
        db.delete(t.customer, [(c,) for c in gone])
        db.delete(t.tally, [(c,) for c in gone])
        db.insert(t.customer, ("id", *_ROW), fresh_rows)
        db.update(t.customer, _ROW, changed_rows)
        self._write_tallies(now, tallies, keys)
        self._postings_and_search(gone, fresh_rows, changed_rows)
        self._count_rows(gone, fresh_rows, changed_rows)
        self._count_tallies(gone, now, tallies)
        self._count_orders(moved)
        if self.figures:
            db.upsert(
                t.figure,
                ("name", "part", "day", "value"),
                [(*key, value) for key, value in sorted(self.figures.items()) if value],
                ("name", "part", "day"),
                add=("value",),
            )

    def _shown(self, change: Change) -> bool:
        return any(self.realm.held[h].shown for h in change.members)

    def _owners(self, moved: list[Moved], tallies: dict[int, tuple[Any, ...]]) -> list[tuple[int | None, int | None]]:
        """For each moved order the customers of its old and new owner, as they are after this page.

        A customer's id is the smallest record id of its members: a tally under an owner's own id is that owner's, unless
        this page moved it, and nothing more needs to be read.
        """
        realm = self.realm
        settled = {r for m in moved for r in (m.old_owner, m.owner) if r is not None}
        unsure = {r for r in settled if r not in tallies or r in self.changed_records}
        realm.load_persons(unsure)
        nodes = {p.node for r in unsure if (p := realm.persons.get(r)) is not None and p.node is not None}
        realm.load_held(nodes)
        left = set(self.out.left)

        def customer(record: int | None) -> int | None:
            if record is None or record in left:
                return None
            if record not in unsure:
                return record
            person = realm.persons.get(record)
            if person is None:
                return None
            if person.node is not None:
                held = realm.held[person.node]
                return held.new_customer if held.new_customer is not None else held.customer
            return person.customer if person.customer is not None else person.id

        return [(customer(m.old_owner), customer(m.owner)) for m in moved]

    def _load_rows(self, involved: set[int]) -> None:
        if involved:
            for row in self.db.rows(
                f"SELECT id, {', '.join(_ROW)} FROM customer WHERE id {self.db.among}", (self.db.pack(involved),)
            ):
                self.old_rows[row[0]] = row[1:]
                self.old_public[row[0]] = row[1]

    def _load_tallies(self, wanted: set[int]) -> dict[int, tuple[Any, ...]]:
        if not wanted:
            return {}
        return {
            row[0]: row[1:]
            for row in self.db.rows(
                f"SELECT id, {', '.join(_TALLY)} FROM tally WHERE id {self.db.among}", (self.db.pack(sorted(wanted)),)
            )
        }

    def _base(self, change: Change, tallies: dict[int, tuple[Any, ...]], fresh: set[int]) -> Tally:
        """The figures before this page's orders: of the old customers together, or to be read anew."""
        tally = Tally()
        newcomers = self._newcomers(change)
        known = all(c in tallies for c in change.olds)
        if not change.whole or not known or any(record not in fresh for record in newcomers):
            tally.recount = True
            return tally
        for customer in change.olds:
            tally.join(Tally.of(tallies[customer][2:]))
        return tally

    def _newcomers(self, change: Change) -> list[int]:
        if not change.moved:
            return []
        return [record for handle in change.members for record in self.founded.get(handle, ())]

    def _count(
        self,
        moved: list[Moved],
        customers: list[tuple[int | None, int | None]],
        now: dict[int, Tally],
        changed: set[int],
    ) -> None:
        currency = self.ruleset.currency
        for item, (before, after) in zip(moved, customers, strict=True):
            if item.old is not None and before in now and not now[before].recount:  # type: ignore[index]
                now[before].take(item.old, currency)  # type: ignore[index]
            if item.new is not None and after in now and not now[after].recount:  # type: ignore[index]
                now[after].add(item.new, currency)  # type: ignore[index]
        _ = changed

    def _recount(self, again: list[int], changes: dict[int, Change], now: dict[int, Tally]) -> None:
        """Read the orders of some customers anew."""
        realm, db = self.realm, self.db
        unknown = [c for c in again if c not in changes]
        members = realm.handles_of_customers(unknown)
        members.update({c: changes[c].members for c in again if c in changes})
        lone = {h: c for c, handles in members.items() for h in handles if h > 0}
        shared = {h: c for c, handles in members.items() for h in handles if h < 0}
        for customer in again:
            now[customer] = Tally()
        columns = "o.currency, o.placed, o.state, o.test, o.gross, o.ltv, o.why"
        queries = []
        if lone:
            sql = f"SELECT o.owner, {columns} FROM orders o WHERE o.owner {db.among}"
            queries.append((sql, lone))
        if shared:
            sql = f"SELECT p.node, {columns} FROM person p JOIN orders o ON o.owner = p.id WHERE p.node {db.among}"
            queries.append((sql, shared))
        for sql, of in queries:
            for handle, currency, placed, state, test, gross, ltv, why in db.rows(sql, (db.pack(of),)):
                settled = Settled(currency, placed, state, bool(test), gross, ltv, why)
                now[of[handle]].add(settled, self.ruleset.currency)

    def _row(self, change: Change) -> tuple[tuple[Any, ...], str]:
        """The list row of a customer and its last name's sort key."""
        realm = self.realm
        helds = [realm.held[h] for h in change.members]
        made: Summary = realm.summary_of(helds[0])
        for held in helds[1:]:
            made = merge(made, realm.summary_of(held))
        public = self.public_of(change)
        first, last = made.name[1] if made.name else (None, None)
        emails = precedence.ordered(made.emails)
        phone = precedence.best_of(made.phones)
        email = emails[0] if emails else None
        city = (made.address[1].city if made.address else None) or (made.city[1] if made.city else None)
        country = self._country(made)
        company = made.company[1] if made.company else None
        display = " ".join(x for x in (last, first) if x) or email or phone or made.canon.external_id
        states = precedence.consent_states(made)
        s_last = sort_key(last) if last else ""
        row = (
            public,
            ids.pub8(public),
            self._anchor(change, made),
            sum(h.n for h in helds),
            first,
            last,
            email,
            phone,
            company,
            city,
            country,
            int(precedence.status(made) == "registered"),
            int(made.manual),
            0,
            precedence.best_of(made.numbers) or ids.short_number(public),
            made.crm_id[1] if made.crm_id else None,
            made.created,
            min(h.seen for h in helds),
            json.dumps(sorted(self.projector.source_ids[uid] for uid in made.sources)),
            json.dumps(made.tags, ensure_ascii=False) if made.tags else None,
            json.dumps(made.modules, ensure_ascii=False) if made.modules else None,
            json.dumps(states, sort_keys=True) if states else None,
            made.canon.external_id if not (first or last or email or phone) else None,
            search_text(first, last, *emails, company, city),
            sort_key(display),
            sort_key(email) if email else None,
            sort_key(company) if company else None,
            sort_key(city) if city else None,
        )
        return row, s_last or LAST_OF_ALL

    def _country(self, made: Summary) -> str | None:
        from klientela.rules.geo import country  # noqa: PLC0415

        if made.address and made.address[1].country:
            return country(made.address[1].country) or made.address[1].country.strip()
        return made.country[1] if made.country else None

    def public_of(self, change: Change) -> bytes:
        """The public id of a customer: that of its oldest record (R23)."""
        known = self.public.get(change.customer)
        if known is None:
            canon = min(self.realm.held[h].canon for h in change.members)
            known = ids.public_id(canon.source, canon.entity, canon.external_id, self.step.store.key)
            self.public[change.customer] = known
        return known

    def _anchor(self, change: Change, made: Summary) -> int:
        for handle in change.members:
            held = self.realm.held[handle]
            if held.handle > 0 and held.canon == made.canon:
                return held.handle
        row = self.db.one(
            "SELECT r.id FROM record r JOIN source s ON s.id = r.source WHERE s.uid = ? AND r.entity = ? AND r.ext = ?",
            (made.canon.source, t.ENTITIES.index(made.canon.entity), made.canon.external_id),
        )
        assert row is not None  # noqa: S101 - the anchor is a record of ours
        return int(row[0])

    # -- writing -------------------------------------------------------------------

    def _write_tallies(
        self, now: dict[int, Tally], tallies: dict[int, tuple[Any, ...]], keys: dict[int, tuple[int, str]]
    ) -> None:
        fresh, money, full = [], [], []
        for number in sorted(now):
            row = (*keys[number], *now[number].row(self.projector.days))
            old = tallies.get(number)
            if old is None:
                fresh.append((number, *row))
            elif old == row:
                continue
            elif (*old[:2], *old[3:6], *old[7:]) == (*row[:2], *row[3:6], *row[7:]):
                money.append((row[2], row[6], number))  # only sums moved: the other indexes stay untouched
            else:
                full.append((*row, number))
        self.db.insert(t.tally, ("id", *_TALLY), fresh)
        self.db.update(t.tally, ("ltv", "gross"), money)
        self.db.update(t.tally, _TALLY, full)

    def _postings_and_search(
        self, gone: list[int], fresh: list[tuple[Any, ...]], changed: list[tuple[Any, ...]]
    ) -> None:
        db = self.db
        place, text = _ROW.index("sources"), _ROW.index("hay")
        drop, add = [], []
        old_text, new_text = [], []
        for number in gone:
            old = self.old_rows[number]
            drop += [(source, number) for source in json.loads(old[place])]
            old_text.append((number, old[text]))
        for row in fresh:
            add += [(source, row[0]) for source in json.loads(row[1 + place])]
            new_text.append((row[0], row[1 + text]))
        for row in changed:
            number, old = row[-1], self.old_rows[row[-1]]
            if old[place] != row[place]:
                before, after = set(json.loads(old[place])), set(json.loads(row[place]))
                drop += [(source, number) for source in sorted(before - after)]
                add += [(source, number) for source in sorted(after - before)]
            if old[text] != row[text]:
                old_text.append((number, old[text]))
                new_text.append((number, row[text]))
        db.delete(t.posting, drop, key=("source", "customer"))
        db.insert(t.posting, ("source", "customer"), sorted(add))
        search.remove(db, old_text)
        search.index(db, new_text)

    # -- figures --------------------------------------------------------------------

    def _figure(self, name: str, part: str, value: int, day_: int = 0) -> None:
        key = (name, part, day_)
        self.figures[key] = self.figures.get(key, 0) + value

    def _count_rows(self, gone: list[int], fresh: list[tuple[Any, ...]], changed: list[tuple[Any, ...]]) -> None:
        for number in gone:
            self._count_row(self.old_rows[number], -1)
        for row in fresh:
            self._count_row(row[1:], 1)
        for row in changed:
            self._count_row(self.old_rows[row[-1]], -1)
            self._count_row(row[:-1], 1)

    def _count_row(self, row: tuple[Any, ...], sign: int) -> None:
        if row[_INACTIVE]:
            self._figure("customers", "inactive", sign)
            return
        self._figure("customers", "", sign)
        self._figure("customers", "status:registered" if row[_STATUS] else "status:guest", sign)
        for source in json.loads(row[_SOURCES]):
            self._figure("customers", f"source:{source}", sign)
        if row[_JOINED] is not None:
            self._figure("joined", "", sign, self.projector.days.day(row[_JOINED]) or 0)

    def _count_tallies(self, gone: list[int], now: dict[int, Tally], tallies: dict[int, tuple[Any, ...]]) -> None:
        for number in gone:
            if number in tallies:
                self._count_tally(tallies[number][2], tallies[number][3], -1)
        for number, tally in now.items():
            old = tallies.get(number)
            if old is not None:
                if (old[2], old[3]) == (tally.ltv, tally.orders):
                    continue
                self._count_tally(old[2], old[3], -1)
            self._count_tally(tally.ltv, tally.orders, 1)

    def _count_tally(self, ltv: int, orders: int, sign: int) -> None:
        if orders:
            self._figure("ltv", "", sign * ltv)
            self._figure("buyers", "1", sign)
            if orders > 1:
                self._figure("buyers", "2", sign)

    def _count_orders(self, moved: list[Moved]) -> None:
        """Revenue and transactions per day, also of orders that make no row (R13b)."""
        for item in moved:
            for settled, sign in ((item.old, -1), (item.new, 1)):
                if settled is not None and settled.ltv is not None:
                    when = self.projector.days.day(settled.placed) or 0
                    self._figure("revenue", settled.currency, sign * settled.ltv, when)
                    self._figure("orders", "", sign, when)


_INACTIVE, _STATUS, _SOURCES, _JOINED = (_ROW.index(c) for c in ("inactive", "status", "sources", "joined"))
_ = DAY
