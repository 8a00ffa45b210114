"""What plugins that propose pairs for the review queue are given and give back (R24c): customers as values that can be
compared, and pairs of them with a reason. Proposals are for people to decide; nothing is ever joined by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """A postal address, folded: `DE`, `20875`, `rosenstr`, `92a`. Streets end in `str`, however they were spelt."""

    country: str
    zip: str
    street: str
    number: str


class Somebody(NamedTuple):
    """A customer as values to compare; each kind sorted, so that nothing tells in which order they came.

    id         the public id, by which a proposal names the customer
    names      folded first and last names of the records, titles dropped; a part may be empty
    companies  folded
    emails     mailboxes as the rules fold them (R15), without those that never match (R19): relays, role boxes
    phones     in E.164
    places     complete addresses
    """

    id: str
    names: tuple[tuple[str, str], ...] = ()
    companies: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()


class Proposal(NamedTuple):
    """Two customers, by their ids, that may be one person. `reason` completes "They are proposed because …" in a few
    words and without personal data; `score` from 0 to 1 says how sure it is: the surest are shown first."""

    one: str
    two: str
    reason: str
    score: float = 0.5


class Proposals(NamedTuple):
    """What a plugin proposes, and sentences for the operator: that it did not compare everything, for example."""

    pairs: Sequence[Proposal]
    remarks: Sequence[str] = ()


__all__ = ["Place", "Proposal", "Proposals", "Somebody"]
