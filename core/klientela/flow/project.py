"""Carry the decisions out: persons, nodes and marks, the list and its figures, by difference to what stands."""

from __future__ import annotations

from typing import Any

from klientela.flow import listrow, tally
from klientela.flow.aside import Aside, Owned
from klientela.flow.listrow import (
    CONSENTS,
    FACET,
    HAY,
    INACTIVE,
    JOINED,
    PUB8,
    SOURCES,
    STATUS,
    TOLD,
    Row,
    answers_of,
    sources_of,
)
from klientela.flow.tally import Days, Tally
from klientela.flow.values import Change, Moved, Resolution, Written
from klientela.rules.identity import Handle
from klientela.rules.precedence import Summary, merge
from klientela.rules.publish import not_joinable
from klientela.rules.ruleset import Ruleset
from klientela.rules.totals import OTHER_CARRIER, Settled
from klientela.store import bitmaps, facts, filters, locate, search, things
from klientela.store import tables as t
from klientela.store.database import Step
from klientela.store.identity import Realm, write_nodes

FACETS = (filters.figure_of(False), filters.figure_of(True))


class Projector:
    """Projects one page; kept for a run so that its caches live."""

    def __init__(self, ruleset: Ruleset, source_ids: dict[str, int]) -> None:
        self.ruleset = ruleset
        self.days = Days(ruleset)
        self.rows = listrow.Rows(ruleset, source_ids)

    def run(self, step: Step, out: Resolution, moved: list[Moved], fresh: set[int]) -> Written:
        """Write everything that follows from a resolution and from orders that moved or changed."""
        page = Projected(step, out, self)
        page.identity()
        page.rows(moved, fresh)
        return page.written


class Projected:
    """One page being written."""

    def __init__(self, step: Step, out: Resolution, projector: Projector) -> None:
        self.step = step
        self.db = step.db
        self.out = out
        self.realm: Realm = out.realm
        self.projector = projector
        self.ruleset = projector.ruleset
        self.figures: tally.Counts = {}
        self.changed_records: set[int] = set()  # records and customers whose membership this page may have moved
        founded: dict[Handle, list[int]] = {}
        for record in out.founded:
            held_in = self.realm.persons[record].node
            founded.setdefault(record if held_in is None else held_in, []).append(record)
        self.written = Written(out, step.store.key, founded)
        self.old_rows: dict[int, tuple[Any, ...]] = {}
        self.newly: set[int] = set()  # customers with an order that nobody knew
        held = self.realm.held
        # where shared nodes stood before this page
        self.stood = {h: held[h].customer for change in out.changes if change.olds for h in change.members if h < 0}

    # -- identity ----------------------------------------------------------------

    def identity(self) -> None:
        """Persons, nodes, marks, components, limits."""
        db, out, realm = self.db, self.out, self.realm
        pointing = [change for change in out.changes if len(change.members) > 1]
        realm.load_persons({handle for change in pointing for handle in change.members if handle > 0})
        for change in out.changes:
            several = len(change.members) > 1
            for handle in change.members:
                if several or handle not in out.new_persons:  # a new record by itself points nowhere
                    self._point(handle, change.customer, several)
        self._persons()
        db.delete(t.mark, list(out.marks_gone), key=("key", "name", "handle"))
        db.insert(t.mark, ("key", "name", "handle"), sorted(out.marks_new))
        dirty = [h for h in realm.held.values() if h.handle < 0 and (h.dirty or h.handle in out.new_nodes)]
        write_nodes(self.step, [h for h in dirty if not (h.gone and h.handle in out.new_nodes)], out.new_nodes)
        self._constraints()

    def _persons(self) -> None:
        db, out = self.db, self.out
        lone, fresh, changed = [], [], []
        gone = set(out.left)
        for number, p in out.persons.items():
            if number in gone:
                continue
            if number not in out.new_persons:
                changed.append((p.created, p.name, p.keys, p.flags, p.seen, p.node, p.customer, number))
            elif p.node is None and p.customer is None:
                lone.append((p.created, p.name, p.keys, p.flags, p.seen, number))
            else:
                fresh.append((p.created, p.name, p.keys, p.flags, p.seen, p.node, p.customer, number))
        columns = ("created", "name", "keys", "flags", "seen")
        db.insert(t.person, (*columns, "id"), lone)
        db.insert(t.person, (*columns, "node", "customer", "id"), fresh)
        db.update(t.person, (*columns, "node", "customer"), changed)
        db.delete(t.person, [(number,) for number in out.left])
        self._aliases(gone)

    def _aliases(self, gone: set[int]) -> None:
        """The public ids of all records that share a customer, so that any of them is found at once."""
        out = self.out
        shared = {n for n, p in out.persons.items() if n not in gone and (p.node is not None or p.customer is not None)}
        stood = self.realm.shared
        add, drop = shared - stood, stood & (gone | out.persons.keys()) - shared
        if not add and not drop:
            return
        made = locate.aliases(self.db, sorted(add | drop), self.step.store.key)
        self.db.delete(t.alias, [row for row in made if row[1] in drop], key=("pub8", "record"))
        self.db.insert(t.alias, ("pub8", "record"), [row for row in made if row[1] in add])

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
        owners = {r for m in moved for r in (m.old_owner, m.owner) if r is not None}
        born = [change for change in out.changes if self._born(change, fresh, owners)]
        customers_born = {change.customer for change in born}
        changes = {change.customer: change for change in out.changes if change.customer not in customers_born}
        involved = {*changes, *out.vanished, *(c for change in changes.values() for c in change.olds)}
        self.changed_records = {*involved, *out.persons}
        days = self.projector.days
        added = tally.add_up(db, moved, self.changed_records, self.ruleset.currency, days)
        shown = {number: self._shown(change) for number, change in changes.items()}
        gone, fresh_rows, changed_rows, keys = self._list(changes, shown, involved)
        now, tallies, owned = self._tallies(changes, shown, involved, added.left, fresh)
        self.written.stirred = added.stirred | self._stirred(now, tallies, keys)
        for number, key in keys.items():
            if key[tally.MARKED]:
                for handle in changes[number].members:
                    self.written.into_inactive.update(dict.fromkeys(self.written.founded.get(handle, ()), number))
        born_tallies = []
        for change in born:
            if self.realm.held[change.customer].shown:
                row, s_last = self._row(change)
                fresh_rows.append((change.customer, *row))
                facet = search.tally_facet(row[FACET], 0)
                born_tallies.append((change.customer, row[PUB8], s_last, facet, row[INACTIVE]))
        db.delete(t.customer, [(c,) for c in gone])
        db.delete(t.tally, [(c,) for c in gone])
        db.insert(t.customer, ("id", *listrow.COLUMNS), fresh_rows)
        db.update(t.customer, listrow.COLUMNS, changed_rows)
        self._write_tallies(now, tallies, keys)
        db.insert(t.tally, ("id", *tally.KEYS[: tally.GUEST]), born_tallies)
        self._postings_and_search(gone, fresh_rows, changed_rows)
        rows = (*gone, *(row[0] for row in fresh_rows), *(row[-1] for row in changed_rows))
        bitmaps.touch(db, rows, (*now, *added.customers))
        self._count_rows(gone, fresh_rows, changed_rows)
        self._count_tallies(gone, now, tallies, keys)
        self._count_segments(gone, now, tallies, keys, born_tallies, added)
        self._count_orders(moved)
        for key, value in added.figures.items():
            tally.add_to(self.figures, key, value)
        active = {number: not (keys[number] if number in keys else tallies[number])[tally.MARKED] for number in now}
        aside = Aside(self.written, tallies, changes, active, self.stood, days)
        aside.moved(added.left, owned)
        aside.turned(db, fresh, moved)
        for key, value in aside.counts.items():
            tally.add_to(self.figures, key, value)
        if self.figures:
            db.upsert(
                t.figure,
                ("name", "part", "day", "value"),
                [(*key, value) for key, value in sorted(self.figures.items()) if value],
                ("name", "part", "day"),
                add=("value",),
            )
            self._forget()

    def _forget(self) -> None:
        """No text of a source stays behind as the name of a figure that nobody counts in any more."""
        less = {part for (name, part, _), value in self.figures.items() if value < 0 and name in FACETS}
        if less:
            names = ", ".join(f"'{name}'" for name in FACETS)
            self.db.run(
                f"DELETE FROM figure WHERE name IN ({names}) AND value = 0 AND part {self.db.among_text}",
                (self.db.pack(sorted(less)),),
            )

    def _born(self, change: Change, fresh: set[int], owners: set[int]) -> bool:
        """Whether a customer is nothing but one record that nobody knew and nobody ordered by: it has no row yet, and
        no figures."""
        number = change.customer
        return change.members == [number] and not change.olds and number in fresh and number not in owners

    def _list(
        self, changes: dict[int, Change], shown: dict[int, bool], involved: set[int]
    ) -> tuple[list[int], list[Row], list[Row], dict[int, Row]]:
        """Rows to delete, to insert (id first) and to update (id last), and what tallies repeat of each row."""
        self._load_rows(involved)
        fresh_rows: list[Row] = []
        changed_rows: list[Row] = []
        keys: dict[int, Row] = {}
        for number, change in changes.items():
            if not shown[number]:
                continue
            row, s_last = self._row(change)
            keys[number] = (row[PUB8], s_last, row[FACET], row[INACTIVE], self._guest(change))
            old = self.old_rows.get(number)
            if old is None:
                fresh_rows.append((number, *row))
            elif old != row:
                changed_rows.append((*row, number))
        gone = [c for c in involved if c in self.old_rows and not shown.get(c, False)]
        return gone, fresh_rows, changed_rows, keys

    def _guest(self, change: Change) -> int:
        """Whether a customer is one guest order that no rule joins to anybody (R7, R36)."""
        if len(change.members) > 1 or change.customer != change.members[0]:
            return 0
        held = self.realm.held[change.customer]
        return int(held.loaded is not None and held.loaded.entity == facts.GUEST_ORDER and not_joinable(held.keys))

    def _tallies(
        self,
        changes: dict[int, Change],
        shown: dict[int, bool],
        involved: set[int],
        moved: list[Moved],
        fresh: set[int],
    ) -> tuple[dict[int, Tally], dict[int, Row], list[Owned]]:
        """The figures of customers that changed or whose orders did: as they are now, and as they were; and for each
        moved order the customers of its old and new owner, as they are now."""
        owners = {r for m in moved for r in (m.old_owner, m.owner) if r is not None}
        tallies = self._load_tallies(involved | owners)
        customers = self._owners(moved, tallies)
        only_orders = {c for pair in customers for c in pair if c is not None} - involved
        tallies.update(self._load_tallies(only_orders - tallies.keys()))
        for number in owners - only_orders - involved:
            tallies.pop(number, None)
        now = {number: self._base(change, tallies, fresh) for number, change in changes.items() if shown[number]}
        for number in only_orders:
            if number in tallies:
                now[number] = Tally.of(tallies[number][tally.FIRST :])
        self._count(moved, customers, now)
        for item, (_, after) in zip(moved, customers, strict=True):
            if item.old is None and item.new is not None and item.new.why_not != OTHER_CARRIER:
                if after is not None:
                    self.newly.add(after)
                elif item.owner is not None:
                    self.written.strays.add(item.owner)
        again = [number for number, figures in now.items() if figures.recount]
        if again:
            self._recount(again, changes, now)
        return now, tallies, customers

    def _stirred(self, now: dict[int, Tally], tallies: dict[int, Row], keys: dict[int, Row]) -> set[int]:
        """Those who ordered anew though they are marked inactive."""
        return {
            number
            for number in self.newly & now.keys()
            if (keys[number] if number in keys else tallies[number])[tally.MARKED]
        }

    def _shown(self, change: Change) -> bool:
        return any(self.realm.held[h].shown for h in change.members)

    def _owners(self, moved: list[Moved], tallies: dict[int, tuple[Any, ...]]) -> list[Owned]:
        """For each moved order the customers of its old and new owner, as they are after this page.

        A customer's id is the smallest record id of its members: a tally under an owner's own id is that owner's,
        unless this page moved it, and nothing more needs to be read.
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
                f"SELECT id, {', '.join(listrow.COLUMNS)} FROM customer WHERE id {self.db.among}",
                (self.db.pack(involved),),
            ):
                self.old_rows[row[0]] = row[1:]
                self.written.old_public[row[0]] = row[1]

    def _load_tallies(self, wanted: set[int]) -> dict[int, tuple[Any, ...]]:
        if not wanted:
            return {}
        return {
            row[0]: row[1:]
            for row in self.db.rows(
                f"SELECT id, {', '.join(tally.COLUMNS)} FROM tally WHERE id {self.db.among}",
                (self.db.pack(sorted(wanted)),),
            )
        }

    def _base(self, change: Change, tallies: dict[int, tuple[Any, ...]], fresh: set[int]) -> Tally:
        """The figures before this page's orders: of the old customers together, or to be read anew."""
        figures = Tally()
        newcomers = self._newcomers(change)
        known = all(c in tallies for c in change.olds)
        if self.out.force or not change.whole or not known or any(record not in fresh for record in newcomers):
            figures.recount = True
            return figures
        for customer in change.olds:
            figures.join(Tally.of(tallies[customer][tally.FIRST :]))
        return figures

    def _newcomers(self, change: Change) -> list[int]:
        if not change.moved:
            return []
        return [record for handle in change.members for record in self.written.founded.get(handle, ())]

    def _count(
        self,
        moved: list[Moved],
        customers: list[Owned],
        now: dict[int, Tally],
    ) -> None:
        currency = self.ruleset.currency
        for item, (before, after) in zip(moved, customers, strict=True):
            if item.old is not None and before is not None and before in now and not now[before].recount:
                now[before].take(item.old, currency)
            if item.new is not None and after is not None and after in now and not now[after].recount:
                now[after].add(item.new, currency)

    def _recount(self, again: list[int], changes: dict[int, Change], now: dict[int, Tally]) -> None:
        """Read the orders and scans of some customers anew."""
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
        if things.any_things(db):
            for record, at in things.scans_by_owner(db, lone):
                now[lone[record]].see(at)
            for node, at in things.scans_by_node(db, shared):
                now[shared[node]].see(at)

    def _row(self, change: Change) -> tuple[Row, str]:
        """The list row of a customer and its last name's sort key."""
        realm, rows = self.realm, self.projector.rows
        helds = [realm.held[h] for h in change.members]
        public = self.written.public_of(change)
        if len(helds) == 1 and helds[0].summary is None:
            plain = rows.plain(helds[0], public)
            if plain is not None:
                return plain
        made: Summary = realm.summary_of(helds[0])
        for held in helds[1:]:
            made = merge(made, realm.summary_of(held))
        return rows.weighed(made, public, self._anchor(change, made), helds)

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
        self,
        now: dict[int, Tally],
        tallies: dict[int, Row],
        keys: dict[int, Row],
    ) -> None:
        days = self.projector.days
        fresh, money, figures, full = [], [], [], []
        for number in sorted(now):
            row = now[number].row(days)
            old = tallies.get(number)
            pub8, s_last, bits, *marks = keys[number] if number in keys else tallies[number][: tally.FIRST]
            key = (pub8, s_last, search.tally_facet(bits, now[number].gross_orders), *marks)
            if old is None:
                fresh.append((number, *key, *row))
            elif old[: tally.FIRST] != key:
                full.append((*key, *row, number))
            elif (stood := old[tally.FIRST :]) == row:
                continue
            elif stood[1:4] == row[1:4] and stood[5:] == row[5:]:
                money.append((row[0], row[4], number))  # only sums moved: the other indexes stay untouched
            else:
                figures.append((*row, number))
        self.db.insert(t.tally, ("id", *tally.COLUMNS), fresh)
        self.db.update(t.tally, ("ltv", "gross"), money)
        self.db.update(t.tally, tally.FIGURES, figures)
        self.db.update(t.tally, tally.COLUMNS, full)

    def _postings_and_search(
        self, gone: list[int], fresh: list[tuple[Any, ...]], changed: list[tuple[Any, ...]]
    ) -> None:
        db = self.db
        drop, add = [], []
        old_text, new_text = [], []
        for number in gone:
            old = self.old_rows[number]
            drop += [(source, number) for source in sources_of(old)]
            old_text.append((number, old[HAY], old[FACET]))
        for row in fresh:
            new = row[1:]
            add += [(source, row[0]) for source in sources_of(new)]
            new_text.append((row[0], new[HAY], new[FACET]))
        for row in changed:
            number, old = row[-1], self.old_rows[row[-1]]
            if old[SOURCES] != row[SOURCES]:
                before, after = set(sources_of(old)), set(sources_of(row))
                drop += [(source, number) for source in sorted(before - after)]
                add += [(source, number) for source in sorted(after - before)]
            if old[HAY] != row[HAY] or old[FACET] != row[FACET]:
                old_text.append((number, old[HAY], old[FACET]))
                new_text.append((number, row[HAY], row[FACET]))
        db.delete(t.posting, drop, key=("source", "customer"))
        db.insert(t.posting, ("source", "customer"), sorted(add))
        search.remove(db, old_text)
        search.index(db, new_text)

    # -- figures --------------------------------------------------------------------

    def _figure(self, name: str, part: str, value: int, day_: int = 0) -> None:
        key = (name, part, day_)
        self.figures[key] = self.figures.get(key, 0) + value

    def _count_rows(self, gone: list[int], fresh: list[Row], changed: list[Row]) -> None:
        """Customers in all, by status, by source, by the day they joined, by their answers; alike rows are counted
        together. Those marked inactive count nowhere else (R41)."""
        alike: dict[tuple[int, int, str, int | None], int] = {}
        told: dict[Row, int] = {}
        day_of = self.projector.days.day

        def count(row: Row, sign: int) -> None:
            values = (row[INACTIVE], *map(row.__getitem__, TOLD))
            told[values] = told.get(values, 0) + sign
            kind = (row[INACTIVE], row[STATUS], row[SOURCES], day_of(row[JOINED]))
            alike[kind] = alike.get(kind, 0) + sign
            if row[CONSENTS] is not None and not row[INACTIVE]:
                for part in answers_of(row):
                    self._figure("consents", part, sign)

        for number in gone:
            count(self.old_rows[number], -1)
        for row in fresh:
            count(row[1:], 1)
        for row in changed:
            count(self.old_rows[row[-1]], -1)
            count(row, 1)
        for (inactive, status, sources, joined), value in alike.items():
            if inactive:
                self._figure("customers", "inactive", value)
                continue
            self._figure("customers", "", value)
            self._figure("customers", "status:registered" if status else "status:guest", value)
            for source in map(int, sources[1:-1].split(",")):
                self._figure("customers", f"source:{source}", value)
            if joined is not None:
                self._figure("joined", "", value, joined)
        for (inactive, *values), count_ in told.items():
            for part in filters.parts_of(*values) if count_ else ():
                self._figure(filters.figure_of(inactive), part, count_)

    def _count_tallies(
        self, gone: list[int], now: dict[int, Tally], tallies: dict[int, Row], keys: dict[int, Row]
    ) -> None:
        """Buyers, when they became such and what they bought, of the customers that are not marked inactive (R41)."""
        for number in (*gone, *now):
            old = tallies.get(number)
            if old is not None and not old[tally.MARKED]:
                self._count_tally(Tally.of(old[tally.FIRST :]), old[tally.GUEST], -1)
        for number, figures in now.items():
            key = keys[number] if number in keys else tallies[number]
            if not key[tally.MARKED]:
                self._count_tally(figures, key[tally.GUEST], 1)

    def _count_tally(self, made: Tally, guest: int, sign: int) -> None:
        if made.orders:
            self._figure("buyers", "1", sign)
            if made.orders > 1:
                self._figure("buyers", "2", sign)
        tally.count_tally(self.figures, made, guest, sign, self.projector.days)

    def _count_segments(
        self,
        gone: list[int],
        now: dict[int, Tally],
        tallies: dict[int, Row],
        keys: dict[int, Row],
        born: list[Row],
        added: tally.Added,
    ) -> None:
        """How many customers each tab of the list has."""
        alike: dict[tuple[int, int, int, int, int | None], int] = {}
        for number in (*gone, *now):
            old = tallies.get(number)
            if old is not None:
                kind = tally.kind(old)
                alike[kind] = alike.get(kind, 0) - 1
        for number, figures in now.items():
            bits, inactive = (keys[number] if number in keys else tallies[number])[tally.FACET : tally.GUEST]
            facet = search.tally_facet(bits, figures.gross_orders)
            kind = (facet, inactive, figures.orders, figures.tests, figures.scanned)
            alike[kind] = alike.get(kind, 0) + 1
        for row in born:
            kind = (*row[1 + tally.FACET : 1 + tally.GUEST], 0, 0, None)
            alike[kind] = alike.get(kind, 0) + 1
        parts = dict(added.segments)
        for kind, count in alike.items():
            for part in filters.segments_of(*kind) if count else ():
                parts[part] = parts.get(part, 0) + count
        for part, value in parts.items():
            self._figure("segment", part, value)

    def _count_orders(self, moved: list[Moved]) -> None:
        """Revenue and transactions per day, also of orders that make no row (R13b)."""
        day_of, quarters = self.projector.days.day, self.projector.days.quarters
        alike: dict[tuple[str, int | None], list[int]] = {}
        for item in moved:
            for settled, sign in ((item.old, -1), (item.new, 1)):
                if settled is None:
                    continue
                if settled.gross != settled.ltv:
                    self._count_over(settled, sign)
                if settled.ltv is not None:
                    placed = settled.placed
                    ordinal = None if placed is None else quarters.get(placed // tally.QUARTER) or day_of(placed)
                    kind = (settled.currency, ordinal)
                    if kind in alike:
                        sums = alike[kind]
                        sums[0] += sign * settled.ltv
                        sums[1] += sign
                    else:
                        alike[kind] = [sign * settled.ltv, sign]
        for (currency, when), (revenue, count) in alike.items():
            self._figure("revenue", currency, revenue, when or 0)
            self._figure("orders", "", count, when or 0)

    def _count_over(self, settled: Settled, sign: int) -> None:
        """What gross counts of an order beyond ltv."""
        when = self.projector.days.told(settled.placed)
        self._figure("revenue_over", settled.currency, sign * ((settled.gross or 0) - (settled.ltv or 0)), when)
        if settled.ltv is None:
            self._figure("orders_over", "", sign, when)
