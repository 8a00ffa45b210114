"""Decide whose record it is: what a page's persons mean for nodes, clusters and customers (R14-R24).

Reads only what the page reaches: the carriers of its keys and the customers and components they touch. Writes nothing;
the result is a value that `project` carries out and `audit` writes down.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from klientela.flow.values import Case, Change, Resolution
from klientela.rules.identity import Edge, Handle, Link, cluster
from klientela.rules.names import compatible
from klientela.rules.precedence import Summary, merge, summary
from klientela.rules.publish import ADDRESS, EMAIL, GUEST_MAIL, LINK, NUMBER, PHONE, Canon, Key
from klientela.store import tables as t
from klientela.store.database import Step
from klientela.store.identity import Held, Person, Realm, member, pack_keys, unpack_keys

LIMITED = {EMAIL: 0, GUEST_MAIL: 0, PHONE: 1, ADDRESS: 2}  # kind of key -> place in Ruleset.limits


class Resolver:
    """Resolves the cases of one page."""

    def __init__(self, step: Step, realm: Realm, *, force: bool = False) -> None:
        self.step = step
        self.force = force
        self.realm = realm
        self.ruleset = realm.ruleset
        self.out = Resolution(realm, force)
        self.seeds: set[Handle] = set()
        self.content: set[Handle] = set()  # nodes whose facts changed
        self.recount: dict[Handle, set[int]] = {}  # shared node -> records that left it
        self.joined: dict[Handle, set[int]] = {}
        self.dissolved: set[Handle] = set()
        self.old_customers: set[int] = set()
        self.decided: set[int] = set()
        self.left: set[int] = set()
        self.kinds: dict[int, int] = {}  # touched key -> kind
        self.old_members: dict[int, list[Handle]] = {}

    def run(self, cases: dict[int, Case], fresh: Container[int] = (), linked: Iterable[int] = ()) -> Resolution:
        """The resolution of these cases. `fresh` are records that were registered just now: nobody knows them yet;
        `linked` those whose asserted edges changed."""
        realm = self.realm
        realm.load_persons(number for number in cases if number not in fresh)
        realm.load_held({p.node for i in cases if (p := realm.persons.get(i)) is not None and p.node is not None})
        changed = self._sort_out(cases)
        self._load_keys(changed)
        self.decided = self._named_by_decisions([case.loaded.id for case in changed])
        known = self._but_strangers(sorted(changed, key=lambda c: c.loaded.id))
        self._load_twins(known)
        for case in known:
            self._detach(case)
            self._attach(case)
        self._recount()
        self._seed(linked)
        self._crowds()
        self._reach()
        self.out.looked_at |= self.dissolved
        return self.out

    # -- what changed ------------------------------------------------------------

    def _sort_out(self, cases: dict[int, Case]) -> list[Case]:
        """Cases whose identity changed; the others only refresh the facts of their node."""
        realm = self.realm
        changed = []
        for number, case in cases.items():
            old = realm.persons.get(number)
            if old is None:
                if case.loaded.fact is not None:
                    changed.append(case)
                continue
            if case.loaded.fact is not None and not self.force and self._same(old, case):
                self._refresh(old, case)
            else:
                changed.append(case)
        return changed

    def _same(self, old: Person, case: Case) -> bool:
        published = case.published
        return (
            old.name == published.name
            and old.created == _created(case.canon)
            and old.flags == _flags(case)
            and old.keys == pack_keys(published.keys)
        )

    def _refresh(self, old: Person, case: Case) -> None:
        realm = self.realm
        if old.node is None:
            held = realm.hold_person(old, case.loaded)
            self.content.add(held.handle)
            if old.customer is not None:
                self.seeds.add(held.handle)
            return
        node = realm.held[old.node]
        one = summary(member(case.loaded, case.canon), self.ruleset)
        if node.summary is not None and absorbs(node.summary, one, case.canon, old.created):
            node.summary = merge(node.summary, one)
        else:
            self.recount.setdefault(old.node, set())
        node.dirty = True
        self.content.add(old.node)
        self.seeds.add(old.node)

    def _load_keys(self, changed: list[Case]) -> None:
        kinds = self.kinds
        for case in changed:
            for kind, hash_ in case.published.keys:
                kinds[hash_] = kind
            old = self.realm.persons.get(case.loaded.id)
            if old is not None:
                for kind, hash_ in _keys(old):
                    kinds[hash_] = kind
        self.realm.load_carriers(kinds)

    def _seed(self, records: Iterable[int]) -> None:
        """Begin at these records too, as far as they are anybody."""
        self.realm.load_persons(records)
        self.seeds.update(self._handle(r) for r in records if self._is_somebody(r))

    # -- strangers -------------------------------------------------------------------

    def _but_strangers(self, changed: list[Case]) -> list[Case]:
        """The cases without those that share nothing with anybody: each of these is a customer of its own, and nothing
        more needs to be read or weighed. Most records of a first load are such."""
        realm, out = self.realm, self.out
        tied = realm.tied([case.loaded.id for case in changed])
        once: set[int] = set()
        shared: set[int] = set()
        for case in changed:
            for _, hash_ in case.published.keys:
                (shared if hash_ in once else once).add(hash_)
        carriers, persons = realm.carriers, realm.persons
        shared.update(hash_ for hash_ in once if carriers[hash_])
        now = self.step.at
        rest = []
        for case in changed:
            loaded, published = case.loaded, case.published
            number = loaded.id
            if (
                number in persons
                or number in tied
                or loaded.fact is None
                or any(hash_ in shared for _, hash_ in published.keys)
            ):
                rest.append(case)
                continue
            keys, name = published.keys, published.name
            person = Person(number, _created(case.canon), name, pack_keys(keys), _flags(case), None, None, now)
            persons[number] = out.persons[number] = person
            out.new_persons.add(number)
            out.founded.append(number)
            account = realm.sources[loaded.source].uid if published.account else None
            shown = published.shown
            realm.held[number] = Held(
                number, name, keys, account, case.canon, number, None, now, shown, loaded=loaded, new_customer=number
            )
            for _, hash_ in keys:
                carriers[hash_][number] = name
                out.marks_new[hash_, name, number] = None
            out.looked_at.add(number)
            out.changes.append(Change(number, [number], [], True, [], True))
        return rest

    # -- leaving and joining nodes -------------------------------------------------

    def _detach(self, case: Case) -> None:
        number = case.loaded.id
        old = self.realm.persons.get(number)
        if old is None:
            return
        if old.node is None:
            customer = old.customer if old.customer is not None else number
            self._unmark(number, old.name, _keys(old))
            self.realm.held.pop(number, None)
            self.dissolved.add(number)
        else:
            node = self.realm.held[old.node]
            customer = node.customer if node.customer is not None else number
            node.n -= 1
            node.dirty = True
            self.recount.setdefault(old.node, set()).add(number)
            self.joined.get(old.node, set()).discard(number)
            if node.n == 0:
                node.gone = True
                self._unmark(node.handle, node.name, node.keys)
                self.dissolved.add(node.handle)
            else:
                self.seeds.add(node.handle)
        self.out.before[number] = customer
        self.old_customers.add(customer)

    def _attach(self, case: Case) -> None:
        number = case.loaded.id
        old = self.realm.persons.get(number)
        customer = self.out.before.get(number)
        if case.loaded.fact is None:
            if old is not None:
                self.out.left.append(number)
                self.left.add(number)
            return
        published = case.published
        seen = old.seen if old is not None else self.step.at
        row = Person(
            number, _created(case.canon), published.name, pack_keys(published.keys), _flags(case), None, None, seen
        )
        self.out.persons[number] = row
        if old is None:
            self.out.new_persons.add(number)
            self.out.founded.append(number)
        self.realm.persons[number] = row
        held = self._into_node(case, row, seen)
        if held is None:
            uid = self.realm.sources[case.loaded.source].uid
            held = Held(
                number,
                published.name,
                published.keys,
                uid if published.account else None,
                case.canon,
                number,
                customer,
                seen,
                published.shown,
                loaded=case.loaded,
            )
            self.realm.held[number] = held
            self.dissolved.discard(number)
            self._mark(held)
        self.seeds.add(held.handle)
        self.content.add(held.handle)

    def _into_node(self, case: Case, row: Person, seen: int) -> Held | None:
        """A node of equal name and keys that takes the record in; None when it stays a node of its own."""
        published = case.published
        number = case.loaded.id
        if not _sharable(published.name, published.keys, published.account) or number in self.decided:
            return None
        twins = self._twins(published.name, published.keys)
        if not twins:
            return None
        twin, *others = twins
        one = summary(member(case.loaded, case.canon), self.ruleset)
        if twin.handle > 0:
            other = twin.handle
            twin = self._share(twin)
        else:
            other = twin.first
        for lone in others:
            self._move_in(lone, twin)
            _widen(twin, self.realm.summary_of(lone), lone.canon, lone.first, lone.seen)
        _widen(twin, one, case.canon, number, seen)
        row.node = twin.handle
        self.joined.setdefault(twin.handle, set()).add(number)
        self.recount.get(twin.handle, set()).discard(number)
        self.out.joined_node[number] = (twin.handle, other)
        return twin

    def _load_twins(self, cases: list[Case]) -> None:
        """Read at once what each of them would look at by itself."""
        twins: set[Handle] = set()
        for case in cases:
            published = case.published
            if case.loaded.fact is not None and _sharable(published.name, published.keys, published.account):
                twins |= self._alike(published.name, published.keys)
        self.realm.load_held(twins)
        self.realm.load_persons([handle for handle in twins if handle > 0])

    def _alike(self, name: str, keys: tuple[Key, ...]) -> set[Handle]:
        """Who carries all these keys under this name."""
        carriers = self.realm.carriers
        common: set[Handle] | None = None
        for key in keys:
            same = {handle for handle, other in carriers[key.hash].items() if other == name}
            common = same if common is None else common & same
            if not common:
                break
        return common or set()

    def _twins(self, name: str, keys: tuple[Key, ...]) -> list[Held]:
        """The nodes of equal name and keys that others may join: the shared one, and lone records that a decision named
        until now."""
        candidates = sorted(self._alike(name, keys))
        if not candidates:
            return []
        self.realm.load_held(candidates)
        decided = self._named_by_decisions([h for h in candidates if h > 0])
        found = [self.realm.held[h] for h in candidates if h in self.realm.held and h not in decided]
        return [held for held in found if not held.gone and held.keys == keys and held.account is None]

    def _share(self, lone: Held) -> Held:
        """Turn a lone record into a shared node, so that another can join it."""
        made = self.realm.summary_of(lone)
        node = Held(
            self.step.new_node(), lone.name, lone.keys, None, lone.canon, lone.first, lone.customer, lone.seen, True,
            summary=made, dirty=True,
        )  # fmt: skip
        self.realm.held[node.handle] = node
        self.out.new_nodes.add(node.handle)
        self._move_in(lone, node)
        self._mark(node)
        return node

    def _move_in(self, lone: Held, node: Held) -> None:
        """A lone record stands in a shared node from now on."""
        self._unmark(lone.handle, lone.name, lone.keys)
        self.realm.load_persons([lone.handle])
        row = self.realm.persons[lone.handle]
        row.node, row.customer = node.handle, None
        self.out.persons[lone.handle] = row
        self.joined.setdefault(node.handle, set()).add(lone.handle)
        lone.gone = True
        self.dissolved.add(lone.handle)
        self.seeds.discard(lone.handle)
        self.content.discard(lone.handle)
        if lone.customer is not None:
            self.old_customers.add(lone.customer)

    def _mark(self, held: Held) -> None:
        for key in held.keys:
            self.realm.carriers.setdefault(key.hash, {})[held.handle] = held.name
            mark = (key.hash, held.name, held.handle)
            if mark in self.out.marks_gone:
                del self.out.marks_gone[mark]
            else:
                self.out.marks_new[mark] = None

    def _unmark(self, handle: Handle, name: str, keys: tuple[Key, ...]) -> None:
        for key in keys:
            self.realm.carriers.setdefault(key.hash, {}).pop(handle, None)
            mark = (key.hash, name, handle)
            if mark in self.out.marks_new:
                del self.out.marks_new[mark]
            else:
                self.out.marks_gone[mark] = None

    def _recount(self) -> None:
        """Nodes that lost a record or whose record changed for the worse: their summary is read anew."""
        for handle, gone in self.recount.items():
            node = self.realm.held[handle]
            if node.gone:
                continue
            stored = self.realm.records_in(handle) if handle not in self.out.new_nodes else []
            records = sorted(({*stored} - gone) | self.joined.get(handle, set()))
            made, _ = self.realm.summarise(records)
            node.summary, node.canon, node.first, node.n = made, made.canon, records[0], len(records)
            node.dirty = True
            self.content.add(handle)

    def _named_by_decisions(self, records: list[int]) -> set[int]:
        """Records that a must or cannot names: each is a node of its own."""
        if not self.realm.has_links or not records:
            return set()
        db = self.realm.db
        packed = db.pack(records)
        return {
            row[0]
            for row in db.rows(
                f"SELECT a FROM decision WHERE to_seq IS NULL AND b IS NOT NULL AND a {db.among} UNION "
                f"SELECT b FROM decision WHERE to_seq IS NULL AND b {db.among}",
                (packed, packed),
            )
        }

    # -- limits ----------------------------------------------------------------------

    def _crowds(self) -> None:
        """Keys that crossed their limit in either direction (R20); all their carriers are looked at anew."""
        realm, limits, kinds = self.realm, self.ruleset.limits, self.kinds
        watched = [
            h
            for h, kind in kinds.items()
            if kind in LIMITED and (realm.has_crowds or len(realm.carriers.get(h, ())) > min(limits))
        ]
        standing = realm.crowded(watched)
        for hash_ in watched:
            kind = kinds[hash_]
            names = {name for name in realm.carriers.get(hash_, {}).values() if name}
            over = len(names) > limits[LIMITED[kind]]
            if over != (hash_ in standing):
                self.out.crowds[hash_] = (kind, over)
                self.seeds.update(realm.carriers[hash_])
                realm.has_crowds = True

    def _crowded_now(self, hashes: set[int]) -> set[int]:
        found = self.realm.crowded(hashes)
        for key, (_, over) in self.out.crowds.items():
            if over:
                found.add(key)
            else:
                found.discard(key)
        return found

    # -- reaching what the page touches ------------------------------------------------

    def _reach(self) -> None:
        realm = self.realm
        realm.load_held(self.seeds - self.dissolved)
        seeds = {h for h in self.seeds if h in realm.held and not realm.held[h].gone}
        hashes = {key.hash for h in seeds for key in realm.held[h].keys}
        realm.load_carriers(hashes)
        crowded = self._crowded_now({h for h in hashes if len(realm.carriers[h]) > 1})
        tied = realm.tied([h for h in seeds if h > 0])
        near: set[Handle] = set()
        quiet: list[Held] = []
        for handle in sorted(seeds):
            held = realm.held[handle]
            mates = self._neighbours(held, crowded)
            if mates or held.customer is not None or handle in tied or handle < 0:
                near.add(handle)
                near |= mates
            else:
                quiet.append(held)
        nodes = self._closure(near)
        alone = [h for h in self.content if h not in seeds and h not in nodes]
        quiet = [held for held in quiet if held.handle not in nodes]
        for held in quiet:
            self._found_alone(held)
        for handle in alone:
            held = realm.held[handle]
            held.new_customer = held.customer
            assert held.customer is not None  # noqa: S101 - it has a row
            self.out.changes.append(Change(held.customer, [handle], [held.customer], True, [], False))
        if nodes or self.old_customers:
            self._cluster(nodes)

    def _neighbours(self, held: Held, crowded: set[int]) -> set[Handle]:
        found: set[Handle] = set()
        for key in held.keys:
            holders = self.realm.carriers[key.hash]
            if len(holders) < 2:
                continue
            over = key.hash in crowded
            for handle, name in holders.items():
                if handle != held.handle and handle not in found and _may_join(held.name, name, key.kind, over):
                    found.add(handle)
        return found

    def _found_alone(self, held: Held) -> None:
        held.new_customer = held.first
        self.out.looked_at.add(held.handle)
        self.out.changes.append(Change(held.first, [held.handle], [], True, [], True))

    def _closure(self, near: set[Handle]) -> set[Handle]:
        """All nodes of every customer and divided component that the page touches."""
        realm = self.realm
        nodes: set[Handle] = set()
        seen_customers: set[int] = set()
        frontier = set(near)
        customers = set(self.old_customers)
        while frontier or customers - seen_customers:
            realm.load_held(frontier)
            frontier = {h for h in frontier if h in realm.held and not realm.held[h].gone}
            nodes |= frontier
            customers |= {c for h in frontier if (c := realm.held[h].customer) is not None}
            fresh = customers - seen_customers
            seen_customers |= fresh
            mates = realm.handles_of_customers(fresh)
            self.old_members.update(mates)
            reached = {h for handles in mates.values() for h in handles}
            reached |= set(realm.comp_mates([*frontier, *reached, *self.dissolved]))
            reached |= self._linked([*frontier, *reached])
            frontier = reached - nodes - self.dissolved
        return nodes

    def _linked(self, handles: list[Handle]) -> set[Handle]:
        """Nodes that an asserted edge or a decision ties to these."""
        if not self.realm.has_links or not handles:
            return set()
        pairs = self._pairs(handles)
        records = {r for a, b, _ in pairs for r in (a, b)}
        self.realm.load_persons(records)
        return {self._handle(r) for r in records if self._is_somebody(r)}

    def _is_somebody(self, record: int) -> bool:
        """Whether a record that is in hand is a person, now that the page has its word."""
        return record in self.realm.persons and record not in self.left

    def _handle(self, record: int) -> Handle:
        person = self.realm.persons[record]
        return person.node if person.node is not None else record

    def _pairs(self, handles: list[Handle]) -> list[tuple[int, int, str]]:
        db = self.realm.db
        records = [h for h in handles if h > 0]
        for handle in handles:
            if handle < 0:
                records += self.realm.records_in(handle)
                records += self.joined.get(handle, ())
        packed = db.pack(records)
        found = db.rows(
            f"SELECT a, b, reason FROM link WHERE a {db.among} UNION SELECT a, b, reason FROM link WHERE b {db.among}",
            (packed, packed),
        )
        found += db.rows(
            "SELECT a, b, kind FROM decision WHERE to_seq IS NULL AND b IS NOT NULL AND kind IN ('must', 'cannot') "
            f"AND (a {db.among} OR b {db.among}) ORDER BY id",  # the newest on a pair comes last, and wins (R21)
            (packed, packed),
        )
        return [(row[0], row[1], row[2]) for row in found]

    # -- clusters ------------------------------------------------------------------------

    def _cluster(self, nodes: set[Handle]) -> None:
        realm, out = self.realm, self.out
        ordered = sorted(nodes, key=lambda h: realm.held[h].canon)
        helds = [realm.held[h] for h in ordered]
        links, cannots = self._given(ordered)
        crowded = self._crowded_now({key.hash for held in helds for key in held.keys})
        result = cluster(
            [held.as_node() for held in helds], links, cannots, crowded, same_source=self.ruleset.same_source
        )
        out.looked_at |= nodes
        out.apart += result.apart
        for component in result.divided:
            number = min(realm.held[h].first for h in component)
            out.comps.update(dict.fromkeys(component, number))
        edges: dict[Handle, list[Edge]] = {}
        of: dict[Handle, int] = {}
        for members in result.clusters:
            number = min(realm.held[h].first for h in members)
            for handle in members:
                of[handle] = number
                realm.held[handle].new_customer = number
        for edge in result.edges:
            edges.setdefault(of[edge.a], []).append(edge)
        parts = self._parts()
        olds: dict[int, list[int]] = {}
        for customer, now in parts.items():
            for place in now:
                if place is not None:
                    olds.setdefault(place, []).append(customer)
        moved = {*out.before, *out.joined_node, *out.founded}
        standing = {c.customer for c in out.changes}
        for members in result.clusters:
            number = of[members[0]]
            standing.add(number)
            before = sorted(olds.get(number, ()))
            whole = all(parts[customer] == {number} for customer in before)
            new = before != [number] or not whole or any(r in moved for r in self._own_records(members))
            if new or not self.content.isdisjoint(members):
                out.changes.append(Change(number, members, before, whole, edges.get(number, []), new))
        out.vanished |= {c for c in parts if c not in standing}
        out.splits = {c: sorted(n for n in now if n is not None) for c, now in parts.items() if len(now - {None}) > 1}

    def _parts(self) -> dict[int, set[int | None]]:
        """Where the records of each old customer are now; None for those that are nobody any more."""
        parts: dict[int, set[int | None]] = {}
        for customer, handles in self.old_members.items():
            now = parts.setdefault(customer, set())
            for handle in handles:
                if handle > 0:
                    now.add(self._now(handle))
                elif handle not in self.dissolved:
                    now.add(self._node_now(handle))
        for record, customer in self.out.before.items():
            parts.setdefault(customer, set()).add(self._now(record))
        return {customer: now for customer, now in parts.items() if now}

    def _now(self, record: int) -> int | None:
        if not self._is_somebody(record):
            return None
        person = self.realm.persons[record]
        return self._node_now(person.node if person.node is not None else record)

    def _node_now(self, handle: Handle) -> int | None:
        held = self.realm.held.get(handle)
        return held.new_customer if held is not None and not held.gone else None

    def _given(self, handles: list[Handle]) -> tuple[list[Link], list[tuple[Handle, Handle]]]:
        if not self.realm.has_links:
            return [], []
        links, cannots = [], []
        standing = {}
        for a, b, reason in self._pairs(handles):
            decided = reason in ("must", "cannot")
            standing[frozenset((a, b)), "decided" if decided else reason] = (a, b, reason)
        for a, b, reason in standing.values():
            self.realm.load_persons([a, b])
            if not (self._is_somebody(a) and self._is_somebody(b)):
                continue
            one, two = self._handle(a), self._handle(b)
            if reason == "cannot":
                cannots.append((one, two))
            else:
                links.append(Link(one, two, "operator" if reason == "must" else reason))
        return sorted(set(links)), sorted(set(cannots))

    def _own_records(self, members: list[Handle]) -> list[int]:
        found = [h for h in members if h > 0]
        for handle in members:
            if handle < 0:
                found += self.joined.get(handle, ())
        return found


def _created(canon: Canon) -> int | None:
    return None if canon.created == 2**62 else canon.created


def _flags(case: Case) -> int:
    return (t.ACCOUNT if case.published.account else 0) | (t.SHOWN if case.published.shown else 0)


def _keys(person: Person) -> tuple[Key, ...]:
    return unpack_keys(person.keys)


def _widen(node: Held, one: Summary, canon: Canon, record: int, seen: int) -> None:
    assert node.summary is not None  # noqa: S101 - shared nodes carry one
    node.n += 1
    node.canon, node.first, node.seen = min(node.canon, canon), min(node.first, record), min(node.seen, seen)
    node.summary = merge(node.summary, one)
    node.dirty = True


def _sharable(name: str, keys: tuple[Key, ...], account: bool) -> bool:
    """Whether a record may share a node with others of equal name and keys: no account, and not by the link alone."""
    return bool(name) and not account and any(key.kind != LINK for key in keys)


def _may_join(one: str, two: str, kind: int, crowded: bool) -> bool:
    if crowded:
        return one == two and one != ""
    if kind in (NUMBER, LINK):
        return True
    if not one or not two:
        return kind in (EMAIL, GUEST_MAIL)
    return compatible(one, two)


def absorbs(whole: Summary, one: Summary, canon: Canon, created: int | None) -> bool:
    """Whether merging a record's new summary into its node's gives what reading all records anew would give.

    True when every slot the record won before is won again with the same value, and it cannot have been the only
    one to bring what is united (tags, consents).
    """
    if whole.tags or whole.modules or whole.consents:
        return False
    if whole.created is not None and created == whole.created and one.created != created:
        return False
    if (
        (whole.guest and not one.guest)
        or (whole.registered and not one.registered)
        or (whole.inactive and not one.inactive)
        or whole.canon == canon != one.canon
    ):
        return False
    for unit in ("name", "company", "birthday", "crm_id", "city", "country", "address"):
        slot = getattr(whole, unit)
        if slot is not None and _won(slot[0], canon) and not _again(slot, getattr(one, unit)):
            return False
    for unit in ("emails", "phones", "addresses", "numbers"):
        for key, slot in getattr(whole, unit).items():
            if _won(slot[0], canon) and not _again(slot, getattr(one, unit).get(key)):
                return False
    return True


def _won(rank: tuple[object, ...], canon: Canon) -> bool:
    return canon.external_id in rank and canon.source in rank and canon.entity in rank


def _again(slot: tuple[tuple[object, ...], object], mine: tuple[tuple[object, ...], object] | None) -> bool:
    return mine is not None and mine[1] == slot[1] and mine[0] <= slot[0]
