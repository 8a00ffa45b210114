"""Money: integer minor units and an ISO 4217 currency; never a float (R34)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

# ISO 4217: currencies whose minor unit is not a hundredth.
_DIGITS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
_LIMIT = 2**62
_LONGEST = len(str(_LIMIT))


def digits(currency: str) -> int:
    """How many decimals the currency has."""
    return _DIGITS.get(currency, 2)


def minor(amount: str | int | Decimal, currency: str) -> int:
    """`minor("12.34", "EUR") == 1234`. ValueError for what is no amount, or has too many decimals."""
    if type(amount) is not str:
        return _minor(amount, currency)
    if amount[-3:-2] == "." and currency not in _DIGITS:  # how nearly every API writes nearly every amount
        plain = amount[:-3] + amount[-2:]
        if plain.isascii() and plain.isdigit() and len(plain) < 19:
            return int(plain)
    return _of_text(amount, currency)


@lru_cache(maxsize=16_384)
def _of_text(amount: str, currency: str) -> int:
    """A shop has few prices and many lines."""
    return _minor(amount, currency)


def _minor(amount: str | int | Decimal, currency: str) -> int:
    if isinstance(amount, str) and "_" in amount:  # Python would read 1_000
        raise ValueError(f"{amount!r} is no amount of money")
    try:
        value = Decimal(amount).scaleb(digits(currency))
        whole = _whole(value)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise ValueError(f"{amount!r} is no amount of money") from error
    if value != whole:
        # more decimals than the currency has: some APIs send 12.3400 or unit prices in tenths of a cent
        whole = int(value.to_integral_value(rounding="ROUND_HALF_UP"))
    if abs(whole) > _LIMIT:
        raise ValueError(f"{amount!r} is too large for an amount of money")
    return whole


def _whole(value: Decimal) -> int:
    """All before the point; 1E+999990 is a million digits when written out, so it never is."""
    if value.adjusted() >= _LONGEST:
        raise ValueError("too many digits")
    return int(value)


def decimal(amount: int, currency: str) -> str:
    """`decimal(1234, "EUR") == "12.34"`, the form in JSON."""
    places = digits(currency)
    if not places:
        return str(amount)
    sign, size = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{size // 10**places}.{size % 10**places:0{places}d}"


def average(total: int, count: int) -> int:
    """Minor units that each of `count` has of `total`, rounded half away from zero."""
    return int((Decimal(total) / count).quantize(Decimal(1), ROUND_HALF_UP))
