"""The contacts that orders name and those that vanished: who is a guest, and whom Wix has merged into somebody else.

An order keeps the id of the contact it was placed with. Where no contact of that id is known, and where a sweep finds
one no more, Wix is asked for it: it answers a merged-away id with the contact that stayed (R18).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Raw, Struct

from klientela.kit import Person, Recall, Record
from klientela_wix import translate
from klientela_wix.client import NotThere, Wix
from klientela_wix.nodes import OneContact

CONTACT = "/contacts/v4/contacts/"
MERGED = "merged"
"""The channel by which Wix says that a contact was merged away."""

_ID = re.compile(r"[0-9A-Za-z-]{1,100}")


class _Buyer(Struct, rename="camel"):
    contact_id: str | None = None


class _Bought(Struct, rename="camel"):
    buyer_info: _Buyer | None = None


_bought = msgspec.json.Decoder(_Bought)


class Buyers:
    """The buyers of one page of orders after the other."""

    def __init__(self, wix: Wix) -> None:
        self._wix = wix
        self._settled: set[str] = set()  # known as merged away already: nothing more is to be said
        self._away: dict[str, str] = {}  # merged away -> the one that stayed
        self._nobody: set[str] = set()

    def look(self, rows: Iterable[Raw], recall: Recall) -> None:
        """Find out about the contacts of some orders, asking only for those that nobody has read yet."""
        names = {name for raw in rows if (name := _contact_of(raw)) is not None}
        known = recall("customer", sorted(names)) if names else {}
        self._settled = {name for name, one in known.items() if isinstance(one, Person) and one.merged_into}
        for name in sorted(names - known.keys() - self._away.keys() - self._nobody):
            stays = whereabouts(self._wix, name)
            if stays is None:
                self._nobody.add(name)
            elif stays != name:
                self._away[name] = stays

    def say(self, records: list[Record], contact: str | None) -> list[Record]:
        """The records of one order, and of its contact what is true of it."""
        if contact is None:
            return records
        alone: list[Record] = [one for one in records if not isinstance(one, Person)]
        if contact in self._settled or contact in self._nobody:
            return alone
        if contact in self._away:
            return [*alone, merged_away(contact, self._away[contact])]
        return records


def merged_away(contact: str, stays: str) -> Person:
    """What is said of a contact that was merged into another."""
    return Person(external_id=contact, channel=MERGED, merged_into=stays)


def after(wix: Wix, contacts: Iterable[str]) -> Iterator[Record]:
    """What became of contacts that are in no list any more: those that were merged away; the others were deleted."""
    for name in contacts:
        stays = whereabouts(wix, name) if _ID.fullmatch(name) else None
        if stays is not None and stays != name:
            yield merged_away(name, stays)


def whereabouts(wix: Wix, contact: str) -> str | None:
    """The id of the contact that answers to an id: its own, that of the contact it was merged into, or None."""
    try:
        return translate.key(wix.get(f"{CONTACT}{contact}", OneContact).contact)
    except NotThere:
        return None


def _contact_of(raw: Raw) -> str | None:
    """The contact that an order names, if it is an id that can be asked for."""
    try:
        buyer = _bought.decode(raw).buyer_info
    except msgspec.ValidationError:
        return None  # the order will be rejected
    name = buyer.contact_id if buyer else None
    return name if name and _ID.fullmatch(name) else None
