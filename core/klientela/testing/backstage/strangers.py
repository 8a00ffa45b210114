"""People who never lived, drawn from a seed, and what they do as time passes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from klientela.testing.backstage.state import Backstage

S = TypeVar("S", bound=Backstage)
T = TypeVar("T", bound="Strangers")
K = TypeVar("K", int, str)
V = TypeVar("V")

PREFIXES = ("+493023125", "+496990009", "+494066969", "+498999998")
"""Numbers that German regulators reserve for fiction: never anybody's."""


class Strangers:
    """A seeded stream of people: the same seed gives the same ones for ever. A plugin adds addresses and purchases.

    prefixes, digits   their telephone numbers: each prefix with every number of so many digits behind it
    """

    def __init__(self, seed: int, prefixes: Sequence[str] = PREFIXES, digits: int = 3) -> None:
        self.dice = random.Random(seed)
        self._phones = [f"{prefix}{number:0{digits}}" for prefix in prefixes for number in range(10**digits)]
        self.dice.shuffle(self._phones)

    def phone(self) -> str | None:
        """A number that nobody else has; None when the fictional ones are used up."""
        return self._phones.pop() if self._phones else None

    def pick(self, shelf: Mapping[K, V]) -> V | None:
        """One of a shelf's objects; None if it is empty."""
        return shelf[self.dice.choice(sorted(shelf))] if shelf else None


def happen(shop: S, people: T, events: Mapping[Callable[[S, T], str | None], int], steps: int = 1) -> list[str]:
    """Let a number of things happen, one after the other; answers what they were.

    `events`: what may happen, each with its weight. One says what it did, or None if there was nothing to do it to.
    """
    happened = []
    with shop.lock:
        for _ in range(steps):
            event = people.dice.choices(list(events), list(events.values()))[0]
            happened.append(event(shop, people) or "nothing")
    return happened
