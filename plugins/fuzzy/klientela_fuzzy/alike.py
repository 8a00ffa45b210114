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


class Alike(NamedTuple):
    """How sure, from 0 to 1, and why, without naming any value."""

    score: float
    reason: str


def alike(one: Somebody, two: Somebody) -> Alike | None:
    """What speaks for these two being one person, at its surest; None when too little does."""
    name = _names(one, two)
    if not name:
        return None
    spelt = "the same name" if name == 1 else "nearly the same name"
    place = _places(one, two)
    if place is not None:
        letters, what = place
        return Alike(name * (1 - _EACH * letters), f"{spelt}, and addresses that differ in {what} alone")
    if _mailbox(one, two):
        return Alike(name * _MAILBOX, f"{spelt}, and the same mailbox name at another provider")
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
    spelling = "the street's spelling"
    what = f"{spelling} and the ZIP" if code and street else "the ZIP" if code else spelling
    return code + street, what


def _mailbox(one: Somebody, two: Somebody) -> bool:
    """Whether a telling mailbox name of one is one of the other's, at another provider."""
    if set(one.emails) & set(two.emails):
        return False
    mine = {telling(email) for email in one.emails} - {None}
    return any(telling(email) in mine for email in two.emails)
