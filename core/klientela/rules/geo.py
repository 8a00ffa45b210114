"""Countries by any of their names, and phone numbers in E.164."""

from __future__ import annotations

import re
from functools import lru_cache

from klientela.rules.geo_data import ALIASES, NAMES, PLANS, ZONES
from klientela.rules.text import sort_key

_BY_NAME: dict[str, str] = {}
for _code, _names in NAMES.items():
    _BY_NAME[_code.lower()] = _code
    for _name in _names:
        if _name:
            _BY_NAME.setdefault(sort_key(_name), _code)
_BY_NAME.update(ALIASES)

_BY_CODE = {plan[0]: (region, plan) for region, plan in PLANS.items()}
_NOISE = re.compile(r"[\s()./\-\u2010-\u2015\u00a0'’]+")


def country(text: str | None) -> str | None:
    """ISO 3166-1 alpha-2 of a code or a German, English or Polish name; None when unknown."""
    if not text:
        return None
    return _BY_NAME.get(text.lower()) or _BY_NAME.get(sort_key(text))


def countries_like(term: str) -> set[str]:
    """Codes whose code equals the term, or one of whose names contains it as the beginning of a word (R54)."""
    found = {code for code in NAMES if code.lower() == term}
    if len(term) >= 3:
        found |= {
            code
            for code, names in NAMES.items()
            if any(word.startswith(term) for name in names for word in sort_key(name).split())
            or sort_key(" ".join(names)).startswith(term)
        }
    return found


def zone_country(zone: str) -> str:
    """The country a time zone lies in, as default region of phones and addresses; DE when it lies in none."""
    return ZONES.get(zone, "DE")


def phone(text: str | None, region: str) -> str | None:
    """E.164 of a possible number, else None. `region` is used where the number has no country code.

    >>> phone("+48 (501) 228855", "DE"), phone("0172/40745011", "DE")
    ('+48501228855', '+4917240745011')
    """
    if not text:
        return None
    digits = text if text[1:].isalnum() else _NOISE.sub("", text)
    plain = _plain(digits, region)
    if plain is not None:
        return plain if not _junk(plain) else None
    number = _library(text, region)
    return number if number is not None and not _junk(number) else None


def _plain(digits: str, region: str) -> str | None:
    """Our own road for plain plans, the same answer as the library (tested); None where the library must decide."""
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if digits.startswith("+"):
        known = _BY_CODE.get(digits[1:3]) or _BY_CODE.get(digits[1:4])
        if known is None:
            return None
        region, (code, trunk, lengths) = known
        rest = digits[1 + len(code) :]
    else:
        plan = PLANS.get(region)
        if plan is None:
            return None
        code, trunk, lengths = plan
        if not digits.startswith(trunk) if trunk else digits.startswith(code):
            return None
        rest = digits
    if trunk and rest.startswith(trunk):
        rest = rest[len(trunk) :]
    elif rest.startswith("0"):
        return None
    if 7 <= len(rest) <= 11 and len(rest) in lengths and rest.isascii() and rest.isdigit():
        return f"+{code}{rest}"
    return None


@lru_cache(maxsize=16384)
def _library(text: str, region: str) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_UP, _UP_FROM_1, _DOWN = "0123456789", "1234567890", "9876543210"


def _junk(number: str) -> bool:
    """Placeholders that are possible numbers: one digit repeated, counting up or down."""
    tail = number[-6:]
    return tail == tail[0] * len(tail) or tail in _UP or tail in _UP_FROM_1 or tail in _DOWN
