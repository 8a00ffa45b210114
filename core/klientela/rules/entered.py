"""What people type into a field: a value as it is kept, or one sentence on what is wrong with it."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from klientela.rules import geo
from klientela.rules.orderhand import STATES
from klientela.rules.rights import CALLED
from klientela.rules.text import clean, visible

PLACE = ("street", "house_number", "line2", "zip", "city", "region", "country")
"""The parts of an address, which is changed as a whole (R25)."""

OF_KINDS = {f"{kind}_{part}": (kind, part) for kind in ("billing", "shipping") for part in PLACE}
"""The parts of the billing and the delivery address by the names people set them with: the kind, and the part (C21)."""

LONGEST = {
    "first_name": 200, "last_name": 200, "company": 200, "phone": 50, "birthday": 10, "crm_id": 200,
    "street": 200, "house_number": 20, "line2": 200, "zip": 20, "city": 200, "region": 200, "country": 100,
}  # fmt: skip
"""The fields an operator may set, and the most characters of each. The e-mail is never among them (R37)."""

OF_ORDERS = ("first_name", "last_name", "company", "phone", "state", *PLACE)
"""Those of an order, beside the parts of its two addresses: nothing by which it is counted or known again (R38)."""

LONGEST_TEXT = 10_000
LONGEST_TAG = 200
_PHONE = re.compile(r"\+?[\d\s()./\-\u2010-\u2015\u00a0]*(?:(?:ext|x|app|w)\.?\s*\d+)?", re.IGNORECASE)
_FEWEST_DIGITS = 3
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]{2,}")


def value(field: str, text: str) -> str | None:
    """The value of a field as it is kept; None where the text is empty, which clears it. A country becomes its code.

    ValueError with a sentence where it is none.
    """
    name = CALLED.get(field, field)
    field = OF_KINDS.get(field, ("", field))[1]
    known = clean(text)
    if field == "state":
        return _state(known)
    if not visible(known):
        return None
    if len(known) > LONGEST[field]:
        raise ValueError(f"the {name} is longer than {LONGEST[field]} characters")
    if _controls(known):
        raise ValueError(f"the {name} holds a character that cannot be printed")
    if field == "country":
        return _country(known)
    if field == "phone":
        _phone(known)
    if field == "birthday":
        _birthday(known)
    return known


def email(text: str) -> str:
    """The e-mail of a new customer, as it was typed. ValueError with a sentence where it is none."""
    known = text.strip()
    if len(known) > 320 or not _EMAIL.fullmatch(known) or any(map(_hidden, re.split("[@.]", known))):
        raise ValueError(f"{known!r} is no e-mail address")
    return known


def tag(text: str) -> str:
    """A tag. ValueError with a sentence where it is none; a comma would part it in two."""
    known = clean(text)
    if not visible(known):
        raise ValueError("a tag needs at least one character")
    if len(known) > LONGEST_TAG:
        raise ValueError(f"the tag is longer than {LONGEST_TAG} characters")
    if "," in known or _controls(known):
        raise ValueError("a tag holds no comma and no character that cannot be printed")
    return known


def words(what: str, text: str) -> str:
    """A remark or a note: lines of text; empty where nothing of it can be seen. ValueError with a sentence where it is none."""
    known = unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()
    if len(known) > LONGEST_TEXT:
        raise ValueError(f"the {what} is longer than {LONGEST_TEXT} characters")
    if _controls(known.replace("\n", "").replace("\t", "")):
        raise ValueError(f"the {what} holds a character that cannot be printed")
    return known if visible(known) else ""


def _hidden(part: str) -> bool:
    return bool(part) and not visible(part)


def _controls(text: str) -> bool:
    return any(unicodedata.category(one) in ("Cc", "Cs") for one in text)


def _country(text: str) -> str:
    code = geo.country(text)
    if code is None:
        raise ValueError(f"{text!r} is no country we know; its code of two letters is always understood")
    return code


def _state(text: str) -> str:
    if text not in STATES:
        raise ValueError(f"the state of an order is one of {', '.join(STATES)}")
    return text


def _phone(text: str) -> None:
    if sum(one.isdigit() for one in text) < _FEWEST_DIGITS:
        raise ValueError(f"a phone number has at least {_FEWEST_DIGITS} digits")
    if not _PHONE.fullmatch(text):
        raise ValueError(f"{text!r} is no phone number")


def _birthday(text: str) -> None:
    try:
        right = date.fromisoformat(text).isoformat() == text
    except ValueError:
        right = False
    if not right:
        raise ValueError(f"{text!r} is no date; a birthday is written as 1980-12-31")


__all__ = ["LONGEST", "LONGEST_TAG", "LONGEST_TEXT", "OF_KINDS", "OF_ORDERS", "PLACE", "email", "tag", "value", "words"]
