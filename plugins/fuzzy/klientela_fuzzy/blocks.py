"""Who is compared with whom: customers that share a ZIP, a house number and the beginning of the name, or the name of
a mailbox. A large block is compared in the order of the names, each with the next few, so that the work grows with the
number of customers and not with its square."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from klientela.kit import Somebody

LARGE = 50
"""Customers of a block from which on not everybody in it is compared with everybody."""
NEXT = 20
"""With how many neighbours each is compared there."""
MOST = 8
"""Values of a kind that are looked at of one customer."""


class Blocks:
    """The customers in blocks. `large`: how many blocks were too large to be compared whole, once pairs were read."""

    def __init__(self, people: Iterable[Somebody]) -> None:
        self.large = 0
        self._blocks: dict[str, list[Somebody]] = {}
        for one in people:
            if one.names:
                short = one._replace(names=one.names[:MOST], emails=one.emails[:MOST], places=one.places[:MOST])
                for key in keys(short):
                    self._blocks.setdefault(key, []).append(short)

    def pairs(self) -> Iterator[tuple[Somebody, Somebody]]:
        """Pairs to compare, the smaller id first; some come more than once."""
        for members in self._blocks.values():
            if len(members) <= LARGE:
                chosen: Iterable[tuple[Somebody, Somebody]] = combinations(members, 2)
            else:
                self.large += 1
                chosen = _neighbours(sorted(members, key=_by_name))
            for one, two in chosen:
                yield (one, two) if one.id < two.id else (two, one)


def keys(one: Somebody) -> set[str]:
    """The blocks a customer is in."""
    found = set()
    for place in one.places:
        found.add(f"zip {place.country} {place.zip}")
        for pair in one.names:
            for first, last in (pair, pair[::-1]):  # some forms swap them
                if last:
                    found.add(f"house {place.number} {last[:3]} {first[:1]}")
    found.update(f"mailbox {name}" for name in map(telling, one.emails) if name)
    return found


def telling(email: str) -> str | None:
    """The name of a mailbox that says more than its owner's name: one with at least two digits."""
    local = email.rpartition("@")[0]
    return local if sum(letter.isdigit() for letter in local) >= 2 and len(local) >= 6 else None


def _by_name(one: Somebody) -> tuple[str, str, str]:
    first, last = one.names[0]
    return last, first, one.id


def _neighbours(members: list[Somebody]) -> Iterator[tuple[Somebody, Somebody]]:
    for place, one in enumerate(members):
        for two in members[place + 1 : place + 1 + NEXT]:
            yield one, two
