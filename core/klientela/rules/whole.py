"""The whole state as one pure function: claims, decisions and a ruleset in, the list and its figures out (R0).

In memory, without database, and brute force on purpose: all records are looked at together, every key is compared with
every key, nothing is remembered. What the journey keeps up to date step by step must equal this, so it is the oracle of
the property tests, and the shortest place to read how the rules fit together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec import UNSET, convert
from msgspec.structs import replace

from klientela.model.instants import Instant
from klientela.model.records import Address, Checkout, Consent, Order, Person, Thing
from klientela.rules import carriers as carriage
from klientela.rules import guests, precedence, things
from klientela.rules.hand import UNIT_OF
from klientela.rules.identity import Clustering, Link, Node, cluster
from klientela.rules.precedence import Member, Summary
from klientela.rules.publish import (
    ADDRESS,
    EMAIL,
    GUEST_MAIL,
    LINK,
    NEVER,
    NUMBER,
    PHONE,
    RULE_OF,
    STRENGTH,
    Canon,
    Published,
    is_account,
    publish,
)
from klientela.rules.ruleset import Policy, Ruleset
from klientela.rules.totals import Settled, settle

RecordKey = tuple[str, str, str]
"""Source uid, entity, external id: the name of a record for ever."""

PublicId = Callable[[str, str, str], bytes]
"""The public id of a record by its key; the instance's secret is behind it (R23)."""

OPERATOR = "operator"
"""The channel of what operators say."""

LIMITED = {EMAIL: 0, GUEST_MAIL: 0, PHONE: 1, ADDRESS: 2}
"""Kinds of keys that have a limit, and its place in `Ruleset.limits` (R20)."""


class Said(NamedTuple):
    """A claim: what one channel said of a record, in the source's own `reading` of that number.

    `rank` orders channels without version (R0b); None: what the channel's name says.
    """

    source: str
    entity: str
    external_id: str
    channel: str
    version: Instant | None
    reading: int
    fact: Person | Order | Checkout | Thing
    rank: int | None = None

    @property
    def key(self) -> RecordKey:
        """The record it is about."""
        return (self.source, self.entity, self.external_id)


class Decided(NamedTuple):
    """An operator's decision that two records are one person (`must`) or are not (`cannot`), oldest first (R21)."""

    kind: str
    a: RecordKey
    b: RecordKey


class Worded(NamedTuple):
    """What an operator says of one record, oldest first: edit and pin {"field", "value"}, tag {"tag"}, consent (an
    event), inactive and active {} (R38, R42, R45); of an order edit and pin alone. More in `detail` means nothing."""

    kind: str
    key: RecordKey
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class PersonState:
    """A person record: what it says, what it publishes, where it stands by age."""

    fact: Person
    canon: Canon
    published: Published


@dataclass(frozen=True)
class OrderState:
    """One order: its carriers (the head first), whose it is, and what it counts."""

    key: RecordKey
    carriers: tuple[RecordKey, ...]
    order: Order
    settled: Settled
    policy: Policy  # the strictest of its carriers
    buyer: RecordKey | None  # whom the head names
    others: tuple[RecordKey, ...]  # whom the other carriers name
    owner: RecordKey | None

    @property
    def guest(self) -> bool:
        """Whether a per_order guest owns it."""
        return self.policy == "per_order" and self.owner is not None and self.owner[1] == "guest_order"


@dataclass
class Totals:
    """The figures of a customer under both policies; money by currency in minor units (R30, R31, R34)."""

    ltv: dict[str, int] = field(default_factory=dict)
    gross: dict[str, int] = field(default_factory=dict)
    of: dict[str, int] = field(default_factory=dict)  # orders of each currency, whether they count or not
    orders: int = 0
    gross_orders: int = 0
    last: Instant | None = None
    gross_last: Instant | None = None
    tests: int = 0
    times: list[Instant | None] = field(
        default_factory=list
    )  # of the orders that count, earliest first, undated before
    gross_times: list[Instant | None] = field(default_factory=list)


@dataclass(frozen=True)
class Customer:
    """A row of the list, and the records that make it."""

    public: bytes
    anchor: RecordKey
    members: tuple[RecordKey, ...]
    status: str
    manual: bool
    inactive: bool
    first_name: str | None
    last_name: str | None
    emails: tuple[str, ...]
    phone: str | None
    company: str | None
    city: str | None
    country: str | None
    number: str | None
    crm_id: str | None
    joined: Instant | None
    sources: tuple[str, ...]
    tags: tuple[str, ...]
    modules: tuple[str, ...]
    consents: Mapping[str, Mapping[str, str]]
    orders: tuple[RecordKey, ...]
    guest: bool  # one guest order that no rule joins to anybody (R36)
    totals: Totals
    scanned: Instant | None

    @property
    def email(self) -> str | None:
        """The primary one."""
        return self.emails[0] if self.emails else None

    @property
    def display(self) -> str:
        """What stands for the customer in the list (A09)."""
        name = " ".join(part for part in (self.last_name, self.first_name) if part)
        return name or self.email or self.phone or self.anchor[2]


@dataclass
class World:
    """Everything that follows."""

    persons: dict[RecordKey, PersonState]
    asleep: dict[
        RecordKey, Person
    ]  # what operators say of records that are nobody: only an objection of it counts (R45)
    stubs: set[RecordKey]  # buyers that orders name and nobody has described (R0d)
    orders: dict[RecordKey, OrderState]
    checkouts: dict[RecordKey, Checkout]
    things: dict[RecordKey, things.Hung]
    clusters: list[tuple[RecordKey, ...]]  # all of them, also those that make no row; members oldest first
    customers: list[Customer]  # sorted by public id
    edges: list[tuple[RecordKey, RecordKey, str]]  # what holds the clusters together, and the rule
    apart: set[tuple[RecordKey, RecordKey, str]]  # older, younger, same_source or decision
    divided: list[tuple[RecordKey, ...]]  # components that a constraint made several customers
    crowded: set[int]  # keys above their limit
    unmatched: set[RecordKey]  # carriers of an unmapped or unknown shop's order, credit notes of unknown orders

    def customer_of(self, key: RecordKey) -> Customer:
        """The customer of a record. KeyError when it makes no row."""
        for one in self.customers:
            if key in one.members:
                return one
        raise KeyError(key)


def whole(
    claims: Iterable[Said],
    decisions: Sequence[Decided],
    ruleset: Ruleset,
    public_id: PublicId,
    words: Sequence[Worded] = (),
    answers: Mapping[RecordKey, str] = MappingProxyType({}),
) -> World:
    """The state that these claims, decisions and rules make, in whatever order the claims are given.

    `answers`: orders that shops said they made of one that was placed here, and under which key it was placed (S19).
    """
    live = _by_record([*claims, *_claimed(words)])
    facts = {key: effective(said) for key, said in live.items() if any(one.channel != OPERATOR for one in said)}
    facts |= {key: replace(facts[key], placed_as=placed) for key, placed in answers.items() if key in facts}
    told = {key: fact for key, fact in facts.items() if isinstance(fact, Person)}
    states, unmatched = _orders(facts, told, ruleset)
    rows = {key: corrected(row, live.get(key, ())) for key, row in _guest_rows(states, ruleset).items()}
    hidden = _hidden(states, told, ruleset)
    policies = {one.owner: one.policy for one in states if one.owner in rows}
    persons = {}
    for key, person in {**told, **rows}.items():
        canon = Canon(person.created_at if isinstance(person.created_at, int) else NEVER, *key)
        made = publish(person, key[0], ruleset, hidden=key in hidden, policy=policies.get(key))
        persons[key] = PersonState(person, canon, made)
    crowded = _crowded(persons.values(), ruleset)
    handles = {key: place for place, key in enumerate(sorted(persons), 1)}
    twins = _twins(persons, decisions)
    result = _cluster(persons, twins, handles, decisions, _asserted(told, states), crowded, ruleset)
    named = {handle: key for key, handle in handles.items()}
    clusters = [
        tuple(sorted((key for h in group for key in twins[named[h]]), key=lambda k: persons[k].canon))
        for group in result.clusters
    ]
    named_too = [*(key for one in decisions for key in (one.a, one.b)), *(one.key for one in words)]
    connected = {key[0] for key in (*facts, *named_too)}
    hung = things.hung(facts, connected)
    customers = [
        _customer(members, persons, states, hung, ruleset, public_id)
        for members in clusters
        if any(persons[key].published.shown for key in members)
    ]
    return World(
        persons=persons,
        asleep={
            key: one.fact
            for key, said in live.items()
            for one in said
            if one.channel == OPERATOR and key not in persons and isinstance(one.fact, Person)
        },
        stubs={key for one in states for key in (one.buyer, *one.others) if key is not None} - facts.keys(),
        orders={one.key: one for one in states},
        checkouts={key: fact for key, fact in facts.items() if isinstance(fact, Checkout)},
        things=hung,
        clusters=sorted(clusters),
        customers=sorted(customers, key=lambda one: one.public),
        edges=[*_twin_edges(persons, twins), *((named[e.a], named[e.b], e.rule) for e in result.edges)],
        apart={_pair(named[a], named[b], persons, reason) for a, b, reason in result.apart},
        divided=[tuple(sorted(key for h in group for key in twins[named[h]])) for group in result.divided],
        crowded=crowded,
        unmatched=unmatched,
    )


# -- facts -------------------------------------------------------------------------------------------------------------


def _by_record(claims: Iterable[Said]) -> dict[RecordKey, list[Said]]:
    """The newest claim of each channel, by record (R0a)."""
    live: dict[tuple[RecordKey, str], Said] = {}
    for said in claims:
        place = (said.key, said.channel)
        if place not in live or _newness(live[place]) <= _newness(said):
            live[place] = said
    found: dict[RecordKey, list[Said]] = {}
    for (key, _), said in live.items():
        found.setdefault(key, []).append(said)
    return found


def _newness(said: Said) -> tuple[Any, ...]:
    return (said.version is not None, said.version or 0, said.reading)


def rank_of(said: Said) -> int:
    """The fixed rank of a channel: own streams, embedded, webhooks, later imports before earlier ones (R0b)."""
    if said.rank is not None:
        return said.rank
    if said.channel.startswith("import:"):
        return 1_000_000 - int(said.channel.removeprefix("import:"))
    if said.channel.startswith("webhook:"):
        return 20
    return {"embedded": 10}.get(said.channel, 0)


def effective(claims: Sequence[Said]) -> Any:
    """One record out of its live claims: each field from the first channel that carries it (R0b)."""
    by_operators = [said for said in claims if said.channel == OPERATOR]
    claims = [said for said in claims if said.channel != OPERATOR]
    order = sorted(claims, key=lambda c: (c.version is None, -(c.version or 0), rank_of(c), c.channel))
    first = order[0].fact
    kind: Any = type(first)
    fixed = {"external_id", "version", "channel", "entity"}
    values: dict[str, Any] = {}
    for name in kind.__struct_fields__:
        carried = [getattr(c.fact, name) for c in order if getattr(c.fact, name) is not UNSET]
        if carried and name not in fixed:
            values[name] = carried[0]
    born = [c.fact.created_at for c in order if isinstance(c.fact, Person) and isinstance(c.fact.created_at, int)]
    if born:
        values["created_at"] = min(born)  # R22
    if isinstance(first, Person):
        values["entity"] = first.entity
    return corrected(kind(external_id=first.external_id, version=order[0].version, **values), by_operators)


def _claimed(words: Sequence[Worded]) -> list[Said]:
    """What operators say of each record, as one claim of theirs: of a field and of the mark the newest word holds, tags
    and consents are all of them."""
    found = []
    for key in dict.fromkeys(word.key for word in words):
        mine = [word for word in words if word.key == key]
        fields = {word.detail["field"]: word for word in mine if word.kind in ("edit", "pin")}
        says: dict[str, Any] = {name: word.detail["value"] for name, word in fields.items() if name != "address"}
        for kind in ("billing", "shipping"):
            if says.get(kind):
                says[kind] = convert({**says[kind], "kind": kind}, Address)
        if "address" in fields:
            place = fields["address"].detail["value"]
            says["addresses"] = [convert(place, Address)] if place else []
        if any(word.kind == "pin" for word in fields.values()):
            says["pinned"] = sorted({UNIT_OF.get(name, name) for name, word in fields.items() if word.kind == "pin"})
        if any(word.kind == "tag" for word in mine):
            says["tags"] = [word.detail["tag"] for word in mine if word.kind == "tag"]
        if any(word.kind == "consent" for word in mine):
            says["consents"] = [convert(word.detail, Consent) for word in mine if word.kind == "consent"]
        marks = [word.kind for word in mine if word.kind in ("inactive", "active")]
        if marks and marks[-1] == "inactive":
            says["inactive"] = True
        if key[1] == "order":
            found.append(Said(*key, OPERATOR, None, 0, Order(external_id=key[2], **says)))
        else:
            person = Person(external_id=key[2], entity=key[1], **says)  # type: ignore[arg-type]
            found.append(Said(*key, OPERATOR, None, 0, person))
    return found


def corrected(fact: Any, claims: Iterable[Said]) -> Any:
    """A record with what operators say of it: their values instead of the sources', their tags and consents besides."""
    for said in claims:
        if said.channel != OPERATOR:
            continue
        for name in fact.__struct_fields__:
            word, stood = getattr(said.fact, name), getattr(fact, name)
            if word is UNSET or name in ("external_id", "version", "channel", "entity"):
                continue
            if name in ("tags", "consents"):
                word = [*(stood or ()), *word]
            elif name == "addresses":
                word = [*word, *(stood or ())[1:]]
            elif name in ("billing", "shipping"):
                fact = replace(fact, addresses=_placed_by_kind(fact, name, word))
                continue
            fact = replace(fact, **{name: word})
    return fact


def _placed_by_kind(fact: Any, kind: str, word: Address | None) -> list[Address]:
    """What operators say is somebody's address of a kind stands where the first of that kind stood, or last; where they
    say there is none, there is none."""
    stood = list(fact.addresses or ()) if fact.addresses is not UNSET else []
    same = [place for place in stood if place.kind == kind]
    if word is None:
        return [place for place in stood if place not in same]
    if not same:
        return [*stood, word]
    stood[stood.index(same[0])] = word
    return stood


# -- orders ------------------------------------------------------------------------------------------------------------


def _orders(
    facts: Mapping[RecordKey, Any], told: Mapping[RecordKey, Person], ruleset: Ruleset
) -> tuple[list[OrderState], set[RecordKey]]:
    """The orders, and the carriers that belong to none we know."""
    found = [carriage.Carrier(key[0], key[2], fact) for key, fact in facts.items() if isinstance(fact, Order)]
    corrected = carriage.correct(found)
    papers = [c for c in corrected.carriers if (c.source, c.external_id) in corrected.papers]
    plain = [c for c in corrected.carriers if c not in papers]
    groups = carriage.group(plain, ruleset)
    loose = {(source, "order", ext) for source, ext in corrected.loose}
    for one in groups:
        if one.head.order.origin:
            loose |= {(c.source, "order", c.external_id) for c in one.carriers}
    alone = [carriage.Group((c,)) for c in papers]
    return [_order(one, told, ruleset) for one in (*groups, *alone)], loose


def _order(one: carriage.Group, told: Mapping[RecordKey, Person], ruleset: Ruleset) -> OrderState:
    head, order = one.head, carriage.told(one)
    rules = ruleset.of(head.source)
    policy = guests.strictest(guests.policy_of(c.order, ruleset.of(c.source)) for c in one.carriers)
    buyer = owner = (head.source, "customer", head.order.customer) if head.order.customer else None
    others = [(c.source, "customer", c.order.customer) for c in one.carriers[1:] if c.order.customer]
    account = buyer is not None and buyer in told and is_account(told[buyer], rules)
    if guests.is_own_row(head.order, rules, policy, account):
        owner = (head.source, "guest_order", head.external_id) if guests.guest_person(order, rules) else None
    return OrderState(
        key=(head.source, "order", head.external_id),
        carriers=tuple((c.source, "order", c.external_id) for c in one.carriers),
        order=order,
        settled=settle(order, ruleset.currency),
        policy=policy,
        buyer=buyer,
        others=tuple(dict.fromkeys(others)),
        owner=owner,
    )


def _guest_rows(orders: Iterable[OrderState], ruleset: Ruleset) -> dict[RecordKey, Person]:
    """The persons that orders make (R6)."""
    rows = {}
    for one in orders:
        if one.owner is not None and one.owner[1] == "guest_order":
            person = guests.guest_person(one.order, ruleset.of(one.key[0]))
            assert person is not None  # noqa: S101 - it owns the order because it is somebody
            rows[one.owner] = person
    return rows


def _hidden(orders: Sequence[OrderState], told: Mapping[RecordKey, Person], ruleset: Ruleset) -> set[RecordKey]:
    """Buyers who are no account and all of whose known orders are owned by per_order guests (R13, R29)."""
    hidden = set()
    for key, person in told.items():
        mine = [one for one in orders if key in (one.buyer, one.owner, *one.others)]
        if mine and all(one.guest for one in mine) and not is_account(person, ruleset.of(key[0])):
            hidden.add(key)
    return hidden


# -- who is the same person --------------------------------------------------------------------------------------------


def _asserted(told: Mapping[RecordKey, Person], orders: Iterable[OrderState]) -> list[tuple[RecordKey, RecordKey, str]]:
    """Edges that a source asserts: upstream merges (M5) and the buyers of one order's carriers (M6)."""
    found = []
    for key, person in told.items():
        if person.merged_into:
            found.append((key, (key[0], "customer", person.merged_into), "upstream"))
    for one in orders:
        if one.owner is not None and not one.guest:
            found += [(one.owner, other, "same_order") for other in one.others]
    return found


def _crowded(persons: Iterable[PersonState], ruleset: Ruleset) -> set[int]:
    """Keys that more different names carry than the limit allows (R20)."""
    names: dict[tuple[int, int], set[str]] = {}
    for state in persons:
        for key in state.published.keys:
            if key.kind in LIMITED and state.published.name:
                names.setdefault((key.hash, LIMITED[key.kind]), set()).add(state.published.name)
    return {hash_ for (hash_, place), found in names.items() if len(found) > ruleset.limits[place]}


def _twins(
    persons: Mapping[RecordKey, PersonState], decisions: Sequence[Decided]
) -> dict[RecordKey, tuple[RecordKey, ...]]:
    """The nodes that edges go between, each by its oldest record: records of equal name and equal keys are one, but for
    accounts and for records that a decision names."""
    named = {key for one in decisions for key in (one.a, one.b)}
    alike: dict[object, list[RecordKey]] = {}
    for key, state in persons.items():
        made = state.published
        several = made.name and not made.account and key not in named and any(k.kind != LINK for k in made.keys)
        alike.setdefault((made.name, made.keys) if several else key, []).append(key)
    found = {}
    for members in alike.values():
        members.sort(key=lambda key: persons[key].canon)
        found[members[0]] = tuple(members)
    return found


def _twin_edges(
    persons: Mapping[RecordKey, PersonState], twins: Mapping[RecordKey, tuple[RecordKey, ...]]
) -> list[tuple[RecordKey, RecordKey, str]]:
    """What holds each node together: the strongest of the keys that its records share."""
    found = []
    for first, members in twins.items():
        kinds = [key.kind for key in persons[first].published.keys if key.kind != LINK]
        found += [(first, other, RULE_OF[min(kinds, key=STRENGTH.__getitem__)]) for other in members[1:]]
    return found


def _cluster(
    persons: Mapping[RecordKey, PersonState],
    twins: Mapping[RecordKey, tuple[RecordKey, ...]],
    handles: Mapping[RecordKey, int],
    decisions: Sequence[Decided],
    asserted: Sequence[tuple[RecordKey, RecordKey, str]],
    crowded: set[int],
    ruleset: Ruleset,
) -> Clustering:
    """Every node under the handle of its oldest record."""
    nodes = [
        Node(handles[key], persons[key].canon, made.name, made.keys, key[0] if made.account else None)
        for key in twins
        for made in (persons[key].published,)
    ]
    of = {key: handles[first] for first, members in twins.items() for key in members}
    newest = {frozenset((one.a, one.b)): one for one in decisions}  # R21: the newest on a pair wins
    links = [Link(of[a], of[b], reason) for a, b, reason in asserted if a in of and b in of and of[a] != of[b]]
    cannots = []
    for one in newest.values():
        if one.a in of and one.b in of and one.kind == "must":
            links.append(Link(of[one.a], of[one.b], "operator"))
        elif one.a in of and one.b in of:
            cannots.append((of[one.a], of[one.b]))
    return cluster(nodes, links, cannots, crowded, same_source=ruleset.same_source)


def _pair(
    a: RecordKey, b: RecordKey, persons: Mapping[RecordKey, PersonState], reason: str
) -> tuple[RecordKey, RecordKey, str]:
    low, high = sorted((a, b), key=lambda key: persons[key].canon)
    return low, high, reason


# -- the list ----------------------------------------------------------------------------------------------------------


def _customer(
    members: tuple[RecordKey, ...],
    persons: Mapping[RecordKey, PersonState],
    orders: Iterable[OrderState],
    hung: Mapping[RecordKey, things.Hung],
    ruleset: Ruleset,
    public_id: PublicId,
) -> Customer:
    made = reduce(precedence.merge, (_summary(persons[key], ruleset) for key in members))
    mine = [one for one in orders if one.owner in members]
    first, last = made.name[1] if made.name else (None, None)
    city, land = precedence.home(made)
    return Customer(
        public=public_id(*made.canon[1:]),
        anchor=(made.canon.source, made.canon.entity, made.canon.external_id),
        members=members,
        status=precedence.status(made),
        manual=made.manual,
        inactive=any(persons[key].fact.inactive is True for key in members),
        first_name=first,
        last_name=last,
        emails=tuple(precedence.ordered(made.emails)),
        phone=precedence.best_of(made.phones),
        company=made.company[1] if made.company else None,
        city=city,
        country=land,
        number=precedence.best_of(made.numbers),
        crm_id=made.crm_id[1] if made.crm_id else None,
        joined=made.created,
        sources=tuple(sorted(made.sources)),
        tags=tuple(made.tags),
        modules=tuple(made.modules),
        consents=precedence.consent_states(made),
        orders=tuple(sorted(one.key for one in mine)),
        guest=len(members) == 1 and members[0][1] == "guest_order" and not _matches(persons[members[0]]),
        totals=count(one.settled for one in mine),
        scanned=things.last_scan(hung, members),
    )


def _matches(state: PersonState) -> bool:
    """Whether a record publishes anything by which a rule of matching could join it (R7, R11)."""
    return any(key.kind in (EMAIL, NUMBER, PHONE, ADDRESS, GUEST_MAIL) for key in state.published.keys)


def _summary(state: PersonState, ruleset: Ruleset) -> Summary:
    return precedence.summary(Member(state.canon, state.fact.version, state.fact), ruleset)


def count(orders: Iterable[Settled]) -> Totals:
    """The figures of some orders."""
    made = Totals()
    for one in orders:
        made.of[one.currency] = made.of.get(one.currency, 0) + 1
        made.tests += one.test
        if one.ltv is not None:
            made.ltv[one.currency] = made.ltv.get(one.currency, 0) + one.ltv
            made.orders += 1
            made.last = _later(made.last, one.placed)
            made.times.append(one.placed)
        if one.gross is not None:
            made.gross[one.currency] = made.gross.get(one.currency, 0) + one.gross
            made.gross_orders += 1
            made.gross_last = _later(made.gross_last, one.placed)
            made.gross_times.append(one.placed)
    for times in (made.times, made.gross_times):
        times.sort(key=lambda at: (at is not None, at or 0))
    return made


def _later(one: Instant | None, two: Instant | None) -> Instant | None:
    return max((moment for moment in (one, two) if moment is not None), default=None)


class Diff(NamedTuple):
    """What another ruleset would do to the customers: old ids that come together, an old id that falls apart (R0)."""

    joined: list[tuple[tuple[bytes, ...], bytes]]
    split: list[tuple[bytes, tuple[bytes, ...]]]


def difference(before: World, after: World) -> Diff:
    """Customers that are joined and split between two worlds of the same records."""
    joined = []
    for one in after.customers:
        old = sorted({two.public for two in before.customers if set(two.members) & set(one.members)})
        if len(old) > 1:
            joined.append((tuple(old), one.public))
    split = []
    for one in before.customers:
        new = sorted({two.public for two in after.customers if set(two.members) & set(one.members)})
        if len(new) > 1:
            split.append((one.public, tuple(new)))
    return Diff(joined, split)
