"""What the steps of the journey hand each other: values, so that no step needs to know another one."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from klientela.model.records import Order
from klientela.rules.identity import Apart, Edge, Handle
from klientela.rules.publish import Canon, Published
from klientela.rules.ruleset import Policy
from klientela.rules.totals import Settled
from klientela.store import ids
from klientela.store.facts import Loaded
from klientela.store.identity import Person, Realm


class Case(Struct, gc=False):
    """A person record whose state must be derived anew. `loaded.fact` None: it is nobody any more."""

    loaded: Loaded
    canon: Canon
    published: Published


class Moved(Struct, gc=False):
    """An order's old and new owner and figures; None where there was none, or is none any more."""

    id: int
    old_owner: int | None
    old: Settled | None
    owner: int | None
    new: Settled | None


@dataclass(slots=True)
class Buyers:
    """What changed orders and persons mean for owners."""

    cases: dict[int, Case] = field(default_factory=dict)
    moved: list[Moved] = field(default_factory=list)
    tied: set[int] = field(default_factory=set)  # buyers whom carriers name, where that may have changed


class Change(Struct, gc=False):
    """One customer after the page: its nodes, where they were before, what holds them together."""

    customer: int
    members: list[Handle]
    olds: list[int]  # customers its records were in before, without the new ones
    whole: bool  # every old customer is in it with all its nodes
    edges: list[Edge]
    moved: bool  # membership differs; else only its facts


@dataclass(slots=True)
class Carried:
    """Orders to derive anew, each as all its carriers together tell it (R29)."""

    orders: list[Loaded]
    left: list[Loaded] = field(default_factory=list)  # orders of which nobody speaks any more
    under: dict[int, int] = field(default_factory=dict)  # carriers whose word does not count first -> the one that does
    heads: dict[int, Order] = field(default_factory=dict)  # that one's own words, where there are several carriers
    policies: dict[int, Policy] = field(default_factory=dict)  # and the strictest policy of all of them


@dataclass(slots=True)
class Resolution:
    """Everything decided for one page."""

    realm: Realm
    force: bool = False  # other rules: nothing that stands may be built upon
    changes: list[Change] = field(default_factory=list)
    vanished: set[int] = field(default_factory=set)  # customers that exist no more
    before: dict[int, int] = field(default_factory=dict)  # record -> old customer, for records that moved node
    founded: list[int] = field(default_factory=list)  # records that were nobody's before
    left: list[int] = field(default_factory=list)  # records that are nobody any more
    joined_node: dict[int, tuple[Handle, int]] = field(default_factory=dict)  # record -> node, a record already in it
    persons: dict[int, Person] = field(default_factory=dict)  # rows to write
    new_persons: set[int] = field(default_factory=set)
    new_nodes: set[Handle] = field(default_factory=set)
    marks_gone: dict[tuple[int, str, Handle], None] = field(default_factory=dict)
    marks_new: dict[tuple[int, str, Handle], None] = field(default_factory=dict)
    crowds: dict[int, tuple[int, bool]] = field(default_factory=dict)  # key -> kind, crowded now
    comps: dict[Handle, int] = field(default_factory=dict)  # node -> divided component
    looked_at: set[Handle] = field(default_factory=set)  # nodes whose component was computed anew, or that are no more
    apart: list[Apart] = field(default_factory=list)
    splits: dict[int, list[int]] = field(default_factory=dict)  # old customer -> customers its nodes are in now


@dataclass(slots=True)
class Written:
    """What was carried out of a resolution, as far as the audit must know: who is called what, now and before."""

    out: Resolution
    key: bytes  # of the store: public ids hang on it
    founded: dict[Handle, list[int]]  # node -> records in it that were nobody's before
    public: dict[int, bytes] = field(default_factory=dict)  # customers of this page, also those that make no row
    old_public: dict[int, bytes] = field(default_factory=dict)
    stirred: set[int] = field(default_factory=set)  # customers marked inactive who ordered anew (R42)
    strays: set[int] = field(default_factory=set)  # buyers of new orders of whom nobody has told yet
    into_inactive: dict[int, int] = field(default_factory=dict)  # records that came into such a customer

    def public_of(self, change: Change) -> bytes:
        """The public id of a customer: that of its oldest record (R23)."""
        known = self.public.get(change.customer)
        if known is None:
            members, held = change.members, self.out.realm.held
            canon: Canon = held[members[0]].canon
            if len(members) > 1:
                canon = min(held[h].canon for h in members)
            known = ids.public_id(canon.source, canon.entity, canon.external_id, self.key)
            self.public[change.customer] = known
        return known
