"""The door: what a plugin that answers HTTP may ask of the house. The daemon stands behind it.

A plugin with `klientela_routes(door)` translates requests into these calls and their answers back; it never sees the
store. Every method may wait for the database, so call them from a thread, never from the event loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

from klientela.model.records import Record
from klientela.source import Shop

STREAMS = ("customers", "orders", "letters", "campaigns", "scans", "messages", "bookings")
"""What can be pushed, by the name in the path; each is a channel of its source."""

SCOPES = (*(f"push:{name}" for name in STREAMS), "read:customers")
"""What a token may be good for."""


class Caller(NamedTuple):
    """Who a token belongs to: its name, and the source it pushes into (None: it only reads)."""

    id: int
    name: str
    source: str | None


class Item(NamedTuple):
    """One pushed thing: the record, or a `Rejected` with the reason, and what came, for the quarantine."""

    record: Record
    raw: bytes


class Ticket(NamedTuple):
    """A request that wants to be answered once: its key, and a digest of everything it asks (32 bytes)."""

    key: str
    digest: bytes


class Outcome(NamedTuple):
    """What became of one pushed thing.

    status  accepted: it is stored; unchanged: the same, or something newer, was stored before; rejected: see `reason`
    id      its public id: that of a person's record leads to the customer
    key     its own id, as far as it has one
    """

    status: Literal["accepted", "unchanged", "rejected"]
    id: str | None = None
    key: str | None = None
    reason: str | None = None


class Taken(NamedTuple):
    """What became of all of them, in their order. `again`: a request with this ticket was answered so before; `remarks`:
    what an operator should know of it, which is no business of whoever pushes."""

    outcomes: Sequence[Outcome]
    again: bool = False
    remarks: Sequence[str] = ()


class Asked(NamedTuple):
    """A page of the list, as `klientela customers` takes it; None: the view's own. `filters`: values by facet."""

    view: str | None = None
    search: str | None = None
    sort: str | None = None
    source: str | None = None
    inactive: bool = False
    page: int = 1
    size: int | None = None
    segment: str = "all"
    filters: Mapping[str, Sequence[str]] = MappingProxyType({})


class Door(Protocol):
    """The house as seen from the street."""

    def admit(self, token: str | None, scope: str) -> Caller:
        """Whose token this is. NotAdmitted without a valid one, NotAllowed without the scope (one of `SCOPES`)."""
        ...

    def shop(self, caller: Caller) -> Shop:
        """Time zone and currency of what this caller pushes without saying them."""
        ...

    def take(self, caller: Caller, stream: str, items: Sequence[Item], ticket: Ticket | None = None) -> Taken:
        """Store pushed things and all that follows from them; when this returns it is committed.

        Conflict when the ticket's key belongs to another request. StoreError when the store cannot be written now:
        nothing of it is stored then.
        """
        ...

    def customers(self, caller: Caller, asked: Asked) -> Mapping[str, Any]:
        """The document of `klientela customers --json`. Misconfigured for what cannot be asked."""
        ...

    def customer(self, caller: Caller, id_: str, view: str | None = None) -> Mapping[str, Any]:
        """The document of `klientela customer ID --json`; any id ever shown. UnknownThing when there is nobody."""
        ...


__all__ = ["SCOPES", "STREAMS", "Asked", "Caller", "Door", "Item", "Outcome", "Taken", "Ticket"]
