"""What amounts of several currencies come to in one of them, by the rates of one day; exact, and marked as about (R34)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from klientela.model.money import digits

BASE = "EUR"
"""The currency that the European Central Bank's rates are told for one unit of."""


class About(NamedTuple):
    """A sum in one currency: minor units. None where `missing` currencies have no rate."""

    amount: int | None
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rates:
    """How much of each currency one euro was on `day` (ISO date); the euro itself is not among them."""

    day: str
    per_euro: Mapping[str, Decimal]

    def knows(self, currency: str) -> bool:
        """Whether amounts of it can be turned into others."""
        return currency == BASE or currency in self.per_euro

    def about(self, amounts: Mapping[str, int], currency: str) -> About:
        """The sum of amounts (minor units by currency) in one currency, rounded once and half up to its minor unit.

        Currencies without any amount need no rate, and the currency itself is taken as it is.
        """
        needed = {one: amount for one, amount in amounts.items() if amount}
        lacking = self._lacking({currency, *needed} if needed.keys() - {currency} else ())
        if lacking:
            return About(None, lacking)
        total = sum((self._in(one, amount, currency) for one, amount in needed.items()), Fraction(0))
        return About(_half_up(total), ())

    def _lacking(self, currencies: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(one for one in currencies if not self.knows(one)))

    def _in(self, one: str, amount: int, currency: str) -> Fraction:
        if one == currency:
            return Fraction(amount)
        units = Fraction(amount, 10 ** digits(one)) / self._of(one)
        return units * self._of(currency) * Fraction(10 ** digits(currency))

    def _of(self, currency: str) -> Fraction:
        return Fraction(1) if currency == BASE else Fraction(self.per_euro[currency])


def _half_up(value: Fraction) -> int:
    """To the nearest whole number, a half away from zero."""
    size = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return -size if value < 0 else size
