"""Carry the decisions out: persons, nodes and marks, the list and its figures, by difference to what stands."""

from __future__ import annotations

import json
from typing import Any

from klientela.flow.buyers import Moved
from klientela.flow.resolve import Change, Resolution
from klientela.model.instants import HOUR, day
from klientela.model.records import Person
from klientela.rules import precedence
from klientela.rules.geo import country
from klientela.rules.identity import Handle
from klientela.rules.keys import placeholder
from klientela.rules.precedence import Summary, merge
from klientela.rules.publish import NEVER, is_guest
from klientela.rules.ruleset import Ruleset
from klientela.rules.text import clean, search_text, sort_key
from klientela.rules.totals import Settled
from klientela.store import ids, search
from klientela.store import tables as t
from klientela.store.database import Step
from klientela.store.identity import Held, Realm, write_nodes

LAST_OF_ALL = "\uffff"
_dump = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
_ROW = (
    "pub", "pub8", "anchor", "n", "first_name", "last_name", "email", "phone", "company", "city", "country", "status",
    "manual", "inactive", "number", "crm_id", "joined", "seen", "sources", "tags", "modules", "consents", "fallback",
    "hay", "facet", "s_name", "s_email", "s_company", "s_city",
)  # fmt: skip
_FIGURES = ("ltv", "orders", "last", "last_day", "gross", "gross_orders", "gross_last", "gross_day", "tests", "other")
_TALLY = ("pub8", "s_last", "facet", *_FIGURES)


class Tally:
    """The figures of one customer. `other` holds [ltv, gross, orders] of further currencies, where there are any."""

    __slots__ = ("gross", "gross_last", "gross_orders", "last", "ltv", "orders", "other", "recount", "tests")

    def __init__(
        self,
        ltv: int = 0,
        orders: int = 0,
        last: int | None = None,
        gross: int = 0,
        gross_orders: int = 0,
        gross_last: int | None = None,
        tests: int = 0,
        other: dict[str, list[int]] | None = None,
    ) -> None:
        self.ltv = ltv
        self.orders = orders
        self.last = last
        self.gross = gross
        self.gross_orders = gross_orders
        self.gross_last = gross_last
        self.tests = tests
        self.other = other
        self.recount = False

    def add(self, order: Settled, currency: str) -> None:
        """Count an order."""
        placed = order.placed
        if order.ltv is not None:
            self.orders += 1
            if placed is not None and (self.last is None or placed > self.last):
                self.last = placed
        if order.gross is not None:
            self.gross_orders += 1
            if placed is not None and (self.gross_last is None or placed > self.gross_last):
                self.gross_last = placed
        self.tests += order.test
        if order.currency == currency:
            self.ltv += order.ltv or 0
            self.gross += order.gross or 0
        else:
            self._foreign(order, 1)

    def take(self, order: Settled, currency: str) -> None:
        """Take an order out again; where it was the last one, the rest must be read anew."""
        if order.ltv is not None:
            self.orders -= 1
            self.recount |= order.placed is not None and order.placed == self.last
        if order.gross is not None:
            self.gross_orders -= 1
            self.recount |= order.placed is not None and order.placed == self.gross_last
        self.tests -= order.test
        if order.currency == currency:
            self.ltv -= order.ltv or 0
            self.gross -= order.gross or 0
        else:
            self._foreign(order, -1)

    def _foreign(self, order: Settled, sign: int) -> None:
        if self.other is None:
            self.other = {}
        slot = self.other.setdefault(order.currency, [0, 0, 0])
        slot[0] += sign * (order.ltv or 0)
        slot[1] += sign * (order.gross or 0)
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
        if other.other:
            mine = self.other or {}
            for currency, amounts in other.other.items():
                slot = mine.get(currency, [0, 0, 0])
                mine[currency] = [a + b for a, b in zip(slot, amounts, strict=True)]
            self.other = mine

    def row(self, zone: Days) -> tuple[Any, ...]:
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
        return cls(ltv, orders, last, gross, gross_orders, gross_last, tests, json.loads(other) if other else None)


def _text(value: Any) -> str | None:
    return (value.strip() or None) if value else None


def _later(one: int | None, two: int | None) -> int | None:
    if one is None or two is None:
        return two if one is None else one
    return max(one, two)


class Days:
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
        self.days = Days(ruleset)
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
        rows = [(p.created, p.name, p.keys, p.flags, p.node, p.customer, p.seen, p.id) for p in out.persons.values()]
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
            standing = set(db.rows(f"SELECT a, b FROM apart WHERE a {db.among} OR b {db.among}", (packed, packed)))
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
                now[number] = Tally.of(tallies[number][3:])
        self._count(moved, customers, now, set(changes))
        again = [number for number, tally in now.items() if tally.recount]
        if again:
            self._recount(again, changes, now)
        keys: dict[int, tuple[int, str, int]] = {c: r[:3] for c, r in tallies.items()}
        gone = [c for c in involved if c in self.old_rows and not shown.get(c, False)]
        for number, change in changes.items():
            if not shown[number]:
                continue
            row, s_last = self._row(change)
            keys[number] = (row[1], s_last, row[_FACET])
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
        if self.out.force or not change.whole or not known or any(record not in fresh for record in newcomers):
            tally.recount = True
            return tally
        for customer in change.olds:
            tally.join(Tally.of(tallies[customer][3:]))
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
            if item.old is not None and before is not None and before in now and not now[before].recount:
                now[before].take(item.old, currency)
            if item.new is not None and after is not None and after in now and not now[after].recount:
                now[after].add(item.new, currency)
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
        if len(helds) == 1 and helds[0].summary is None:
            plain = self._plain_row(change, helds[0])
            if plain is not None:
                return plain
        made: Summary = realm.summary_of(helds[0])
        for held in helds[1:]:
            made = merge(made, realm.summary_of(held))
        public = self.public_of(change)
        first, last = made.name[1] if made.name else (None, None)
        emails = precedence.ordered(made.emails)
        phone = precedence.best_of(made.phones)
        email = emails[0] if emails else None
        city = (made.address[1].city if made.address else None) or (made.city[1] if made.city else None)
        country_ = self._country(made)
        registered = precedence.status(made) == "registered"
        sources = sorted(self.projector.source_ids[uid] for uid in made.sources)
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
            country_,
            int(registered),
            int(made.manual),
            0,
            precedence.best_of(made.numbers) or ids.short_number(public),
            made.crm_id[1] if made.crm_id else None,
            made.created,
            min(h.seen for h in helds),
            json.dumps(sources),
            _dump(made.tags) if made.tags else None,
            _dump(made.modules) if made.modules else None,
            _dump(states) if states else None,
            made.canon.external_id if not (first or last or email or phone) else None,
            search_text(first, last, *emails, company, city),
            search.facet(country_, bool(registered), made.manual, sources),
            sort_key(display),
            sort_key(email) if email else None,
            sort_key(company) if company else None,
            sort_key(city) if city else None,
        )
        return row, s_last or LAST_OF_ALL

    def _plain_row(self, change: Change, held: Held) -> tuple[tuple[Any, ...], str] | None:
        """The row of a lone record that needs no weighing up: nine of ten. None where the general way must go; the
        property tests hold both against each other."""
        assert held.loaded is not None  # noqa: S101 - a lone node has its record
        person: Person = held.loaded.fact
        if person.emails or person.phones or person.consents or person.numbers or person.crm_id or person.modules:
            return None
        places = person.addresses or ()
        if len(places) > 1:
            return None
        first, last, email, phone, company = map(_text, (
            person.first_name, person.last_name, person.email, person.phone, person.company
        ))  # fmt: skip
        if phone is not None and placeholder(phone):
            phone = None
        if email is not None:
            email = clean(email)
        city = nation = None
        if places:
            city, nation = _text(places[0].city), _text(places[0].country)
            nation = country(nation) or nation
        canon = held.canon
        rules = self.ruleset.of(canon.source)
        if held.account is not None or person.entity == "manual":
            registered = True
        else:
            registered = not is_guest(person, rules) and rules.default_status == "registered"
        public = self.public_of(change)
        display = " ".join([x for x in (last, first) if x]) or email or phone or canon.external_id
        tags = person.tags
        row = (
            public,
            ids.pub8(public),
            held.handle,
            1,
            first,
            last,
            email,
            phone,
            company,
            city,
            nation,
            int(registered),
            int(person.entity == "manual"),
            0,
            ids.short_number(public),
            None,
            canon.created if canon.created != NEVER else None,
            held.seen,
            f"[{held.loaded.source}]",
            _dump(sorted(set(tags))) if tags else None,
            None,
            None,
            canon.external_id if not (first or last or email or phone) else None,
            search_text(first, last, email, company, city),
            search.facet(nation, registered, person.entity == "manual", (held.loaded.source,)),
            sort_key(display),
            sort_key(email) if email else None,
            sort_key(company) if company else None,
            sort_key(city) if city else None,
        )
        return row, (sort_key(last) if last else "") or LAST_OF_ALL

    def _country(self, made: Summary) -> str | None:
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
        self, now: dict[int, Tally], tallies: dict[int, tuple[Any, ...]], keys: dict[int, tuple[int, str, int]]
    ) -> None:
        days = self.projector.days
        fresh, money, figures, full = [], [], [], []
        for number in sorted(now):
            tally = now[number]
            row = tally.row(days)
            old = tallies.get(number)
            pub8, s_last, bits = keys[number]
            key = (pub8, s_last, search.tally_facet(bits, tally.gross_orders))
            if old is None:
                fresh.append((number, *key, *row))
            elif old[:3] != key:
                full.append((*key, *row, number))
            elif old[3:] == row:
                continue
            elif old[4:7] == row[1:4] and old[8:] == row[5:]:
                money.append((row[0], row[4], number))  # only sums moved: the other indexes stay untouched
            else:
                figures.append((*row, number))
        self.db.insert(t.tally, ("id", *_TALLY), fresh)
        self.db.update(t.tally, ("ltv", "gross"), money)
        self.db.update(t.tally, _FIGURES, figures)
        self.db.update(t.tally, _TALLY, full)

    def _postings_and_search(
        self, gone: list[int], fresh: list[tuple[Any, ...]], changed: list[tuple[Any, ...]]
    ) -> None:
        db = self.db
        place, text = _SOURCES, _ROW.index("hay")
        drop, add = [], []
        old_text, new_text = [], []
        for number in gone:
            old = self.old_rows[number]
            drop += [(source, number) for source in json.loads(old[place])]
            old_text.append((number, old[text], old[_FACET]))
        for row in fresh:
            add += [(source, row[0]) for source in json.loads(row[1 + place])]
            new_text.append((row[0], row[1 + text], row[1 + _FACET]))
        for row in changed:
            number, old = row[-1], self.old_rows[row[-1]]
            if old[place] != row[place]:
                before, after = set(json.loads(old[place])), set(json.loads(row[place]))
                drop += [(source, number) for source in sorted(before - after)]
                add += [(source, number) for source in sorted(after - before)]
            if old[text] != row[text] or old[_FACET] != row[_FACET]:
                old_text.append((number, old[text], old[_FACET]))
                new_text.append((number, row[text], row[_FACET]))
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
        ltv = once = again = 0
        for number in gone:
            if number in tallies and (orders := tallies[number][4]):
                ltv, once, again = ltv - tallies[number][3], once - 1, again - (orders > 1)
        for number, tally in now.items():
            old = tallies.get(number)
            if old is not None and (orders := old[4]):
                ltv, once, again = ltv - old[3], once - 1, again - (orders > 1)
            if tally.orders:
                ltv, once, again = ltv + tally.ltv, once + 1, again + (tally.orders > 1)
        for name, part, value in (("ltv", "", ltv), ("buyers", "1", once), ("buyers", "2", again)):
            self._figure(name, part, value)

    def _count_orders(self, moved: list[Moved]) -> None:
        """Revenue and transactions per day, also of orders that make no row (R13b)."""
        figures, day_of = self.figures, self.projector.days.day
        for item in moved:
            for settled, sign in ((item.old, -1), (item.new, 1)):
                if settled is not None and settled.ltv is not None:
                    when = day_of(settled.placed) or 0
                    key = ("revenue", settled.currency, when)
                    figures[key] = figures.get(key, 0) + sign * settled.ltv
                    key = ("orders", "", when)
                    figures[key] = figures.get(key, 0) + sign


_INACTIVE, _STATUS, _SOURCES, _JOINED, _FACET = (
    _ROW.index(c) for c in ("inactive", "status", "sources", "joined", "facet")
)
