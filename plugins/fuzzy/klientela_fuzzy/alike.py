"""How much alike two customers are, and in what. Both parts of a name must be close, and an address or a mailbox must be
nearly the same; what is exactly the same is the matter of the rules, not of proposals."""

from __future__ import annotations

from typing import NamedTuple

from rapidfuzz.distance import OSA, JaroWinkler

from klientela.kit import Place, Somebody
from klientela_fuzzy.blocks import telling

CLOSE = 0.88
"""Jaro-Winkler from which a part of a name is the same, misspelt."""
_LETTERS = 2  # that a street may differ by; a long one, a short one by less
_MAILBOX = 0.85  # how sure the same telling mailbox name at another provider makes
_EACH = 0.05  # less sure for each letter

_ZIP, _STREET, _BOTH, _BOX = "zip", "street", "both", "mailbox"
_SAID = {
    (True, _ZIP): "the same name, and addresses that differ in the ZIP alone",
    (True, _STREET): "the same name, and addresses that differ in the street's spelling alone",
    (True, _BOTH): "the same name, and addresses that differ in the street's spelling and the ZIP alone",
    (True, _BOX): "the same name, and the same mailbox name at another provider",
    (False, _ZIP): "nearly the same name, and addresses that differ in the ZIP alone",
    (False, _STREET): "nearly the same name, and addresses that differ in the street's spelling alone",
    (False, _BOTH): "nearly the same name, and addresses that differ in the street's spelling and the ZIP alone",
    (False, _BOX): "nearly the same name, and the same mailbox name at another provider",
}
"""Whether the name is the same, and what speaks for them beside it: whole sentences, for they are translated."""


class Alike(NamedTuple):
    """How sure, from 0 to 1, and why, without naming any value."""

    score: float
    reason: str


def alike(one: Somebody, two: Somebody) -> Alike | None:
    """What speaks for these two being one person, at its surest; None when too little does."""
    name = _names(one, two)
    if not name:
        return None
    place = _places(one, two)
    if place is not None:
        letters, what = place
        return Alike(name * (1 - _EACH * letters), _SAID[name == 1, what])
    if _mailbox(one, two):
        return Alike(name * _MAILBOX, _SAID[name == 1, _BOX])
    return None


def _names(one: Somebody, two: Somebody) -> float:
    """The similarity of the closest names: that of the part that is less alike; 0 when they are not close."""
    return max(
        (
            min(_part(first_a, first_b), _part(last_a, last_b))
            for first_a, last_a in one.names
            for first, last in two.names
            for first_b, last_b in ((first, last), (last, first))
        ),
        default=0.0,
    )


def _part(one: str, two: str) -> float:
    if not one or not two:
        return 0.0
    return 1.0 if one == two else JaroWinkler.similarity(one, two, score_cutoff=CLOSE)


def _places(one: Somebody, two: Somebody) -> tuple[int, str] | None:
    """By how many letters the nearest addresses differ, and in what. None when one is the same, or none is near."""
    near = []
    for a in one.places:
        for b in two.places:
            if a == b:
                return None
            found = _near(a, b)
            if found is not None:
                near.append(found)
    return min(near, default=None)


def _near(a: Place, b: Place) -> tuple[int, str] | None:
    if a.country != b.country or a.number != b.number:
        return None
    code = OSA.distance(a.zip, b.zip, score_cutoff=1)
    street = OSA.distance(a.street, b.street, score_cutoff=_LETTERS)
    if code > 1 or street > min(_LETTERS, min(len(a.street), len(b.street)) // 4):
        return None
    return code + street, _BOTH if code and street else _ZIP if code else _STREET


def _mailbox(one: Somebody, two: Somebody) -> bool:
    """Whether a telling mailbox name of one is one of the other's, at another provider."""
    if set(one.emails) & set(two.emails):
        return False
    mine = {telling(email) for email in one.emails} - {None}
    return any(telling(email) in mine for email in two.emails)
