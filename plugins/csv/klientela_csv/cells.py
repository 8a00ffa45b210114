"""One cell into one value of ours: times, amounts, words for yes and no, names.

What cannot be read raises ValueError with what was expected, never with what was found: cells are personal data,
and a reason travels into lists and logs.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from klientela.kit import Instant, instant

Kind = Literal["account", "guest", "contact"]
OrderState = Literal["open", "paid", "cancelled", "returned", "offer", "deleted", "void"]

_TRIGGERS = re.compile(r"'+[=+\-@\t\r]")


def unquote(cell: str) -> str:
    """Take back the apostrophe that keeps a spreadsheet from running a cell as a formula (R51).

    `'=1+1` was `=1+1`; `''=1` was `'=1`. Other apostrophes are part of the value (`'t Hart`).
    """
    return cell[1:] if _TRIGGERS.match(cell) else cell


def bare(cell: str) -> str:
    """Take away the one apostrophe that Shopify writes before ids, ZIPs and phones."""
    return cell[1:] if cell.startswith("'") else cell


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_YES = _words("1 yes y true t ja j wahr tak prawda x on subscribed granted opt-in optin")
_NO = _words("0 no n false f nein falsch nie fałsz off unsubscribed denied opt-out optout")
_NO_ANSWER = frozenset(
    ["never subscribed", "not_subscribed", "not subscribed", "not_set", "not set", "pending", "invalid", "unknown"]
)


def yes_no(cell: str) -> bool | None:
    """True, False, or None for an empty cell."""
    word = cell.strip().casefold()
    if not word:
        return None
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError("not understood: expected yes or no")


def consent(cell: str) -> bool | None:
    """Granted, denied, or None for what was never answered (R45: that is no event)."""
    return None if cell.strip().casefold() in _NO_ANSWER else yes_no(cell)


_ACCOUNT = _words("registered registriert account konto member mitglied zarejestrowany zarejestrowana")
_GUEST = frozenset(["guest", "gast", "gość", "gosc", "nicht registriert", "not registered", "niezarejestrowany"])


def kind(cell: str) -> Kind:
    """`registered` and `guest` in our three languages; an empty cell knows no accounts (R13)."""
    word = cell.strip().casefold()
    if not word:
        return "contact"
    if word in _ACCOUNT:
        return "account"
    if word in _GUEST:
        return "guest"
    raise ValueError("not understood: expected registered or guest")


_STATES: dict[str, OrderState] = {
    **dict.fromkeys(
        _words("open pending authorized partially_paid unpaid processing new offen neu unbezahlt otwarte nowe"), "open"
    ),
    **dict.fromkeys(
        _words(
            "paid partially_refunded completed complete closed fulfilled shipped bezahlt versendet abgeschlossen"
            " opłacone zapłacone zrealizowane wysłane"
        ),
        "paid",
    ),
    **dict.fromkeys(_words("cancelled canceled storniert abgebrochen anulowane"), "cancelled"),
    **dict.fromkeys(_words("returned refunded retourniert erstattet zwrócone"), "returned"),
    **dict.fromkeys(_words("offer quote angebot oferta"), "offer"),
    **dict.fromkeys(_words("deleted gelöscht usunięte"), "deleted"),
    **dict.fromkeys(_words("void voided"), "void"),
}


def state(cell: str) -> OrderState | None:
    """The state of an order, or None for an empty cell."""
    word = cell.strip().casefold().replace(" ", "_")
    if not word:
        return None
    if word not in _STATES:
        raise ValueError("not understood: expected open, paid, cancelled, returned, offer, deleted or void")
    return _STATES[word]


def is_refunded(cell: str) -> bool:
    """Whether the word alone says that everything was given back."""
    return _STATES.get(cell.strip().casefold().replace(" ", "_")) == "returned"


_DAY_FIRST = re.compile(
    r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})(?:,?\s+(?P<h>\d{1,2}):(?P<min>\d{2})(?::(?P<s>\d{2}))?(?: Uhr)?)?$"
)


def moment(cell: str, zone: ZoneInfo) -> Instant | None:
    """ISO 8601, Unix seconds or `18.11.2026 10:00`; `zone` for times that carry none. None for an empty cell.

    Slashes are refused unless the year leads: 03/04/2026 is two different days.
    """
    value = cell.strip()
    if not value or value.startswith("0000-00-00"):  # MySQL's way to say that there is no date
        return None
    try:
        found = _DAY_FIRST.match(value)
        if found:
            d, m, y, h, minute, s = (int(part or 0) for part in found.group("d", "m", "y", "h", "min", "s"))
            return instant(datetime(y, m, d, h, minute, s, tzinfo=zone).isoformat())
        if value[4:5] == "/":
            value = value.replace("/", "-")
        if value.endswith(" UTC"):
            value = value[:-4] + "+00:00"
        return instant(value, zone)
    except (ValueError, OverflowError):
        raise ValueError("no time we can read: expected 2026-11-18, 18.11.2026 10:00 or Unix seconds") from None


_SIGNS = {"€": "EUR", "zł": "PLN", "£": "GBP", "Kč": "CZK"}
_CURRENCY = re.compile(r"[A-Z]{3}|€|zł|£|Kč|\$")
_BLANKS = re.compile(r"[\s\u00a0\u202f\u2009'’]")
_NUMBER = re.compile(r"-?\d[\d.,]*$", re.ASCII)
_SIMPLE = re.compile(r"-?\d+(\.\d\d)?$", re.ASCII)
_ROUND = re.compile(r"[.,][-–—]+$")  # 12,- is a price in German


def currency(cell: str) -> str | None:
    """`eur`, `EUR` or `€` as ISO 4217, None for an empty cell."""
    value = cell.strip()
    if not value:
        return None
    code = _SIGNS.get(value, value.upper())
    if len(code) != 3 or not (code.isascii() and code.isalpha()):
        raise ValueError("no currency we know: expected a code of three letters such as EUR")
    return code


def amount(cell: str, comma: bool | None) -> tuple[str, str | None] | None:
    """`1.187,40 €` -> ("1187.40", "EUR"); None for an empty cell.

    `comma` decides only what the cell leaves open, one separator before exactly three digits (1.187); None: nobody
    knows, and being wrong by a thousand is worse than asking.
    """
    if _SIMPLE.match(cell):  # nearly every cell
        return cell, None
    value = _BLANKS.sub("", cell).replace("−", "-")
    if not value:
        return None
    signs = _CURRENCY.findall(value)
    if signs:
        value = _CURRENCY.sub("", value)
    value = _ROUND.sub("", value)
    if value.endswith("-"):
        value = "-" + value[:-1]
    if value.startswith("+"):
        value = value[1:]
    if len(signs) > 1 or not _NUMBER.match(value):
        raise ValueError("no amount we can read: expected a number such as 1187.40 or 1.187,40")
    return _plain(value, comma), _SIGNS.get(signs[0], signs[0]) if signs and signs[0] != "$" else None


def _plain(value: str, comma: bool | None) -> str:
    point = _decimal_point(value)
    if point is None:  # open: the file's style decides
        if comma is None:
            raise ValueError('the amount can be read in two ways: set decimal = "," or decimal = "." for the file')
        point = "," if comma else "."
    whole, found, rest = value.rpartition(point) if point in value else (value, "", "")
    groups = re.split(r"[.,]", whole)
    sizes = [len(group) for group in groups]
    sizes[0] -= groups[0].startswith("-")
    if point in whole or (len(groups) > 1 and (not 1 <= sizes[0] <= 3 or any(size != 3 for size in sizes[1:]))):
        raise ValueError("no amount we can read: its separators contradict each other")
    return "".join(groups) + ("." + rest if found and rest else "")


def _decimal_point(value: str) -> str | None:
    """The decimal separator a number shows by itself; "?" for a number that has none, None when it is open."""
    dots, commas = value.count("."), value.count(",")
    if dots and commas:
        return "," if value.rfind(",") > value.rfind(".") else "."
    if dots + commas != 1:
        return "?"  # none at all, or thousands only: 1.187.400
    sign = "." if dots else ","
    whole, _, rest = value.partition(sign)
    if len(rest) == 3 and whole.lstrip("-") != "0" and len(whole.lstrip("-")) <= 3:
        return None
    return sign


def decimal_evidence(cell: str) -> str | None:
    """The decimal separator that a cell proves, if it proves one."""
    value = _CURRENCY.sub("", _BLANKS.sub("", cell)).replace("−", "-")
    point = _decimal_point(value) if _NUMBER.match(value) else None
    return point if point in (".", ",") else None


def quantity(cell: str, comma: bool | None) -> int | float:
    """How many of a thing; 1 for an empty cell."""
    found = amount(cell, comma)
    if found is None:
        return 1
    value = float(found[0])
    return int(value) if value.is_integer() else value


_PARTICLES = _words("von van vom zu zur zum der den dem de del della di da dos du la le ten ter op und y i")
_FIRM = re.compile(
    r"\b(gmbh|mbh|ag|kg|kgaa|ohg|ug|gbr|e\.?\s?k\.?|e\.?\s?v\.?|ltd|inc|llc|s\.?a\.?|sp\.\s?z\s?o\.?\s?o\.?|s\.?r\.?o\.?)(?=\W|$)",
    re.IGNORECASE,
)


def split_name(cell: str) -> tuple[str | None, str | None, str | None]:
    """`Anna von Berg` -> (first, last, company): the last word and the particles before it are the last name."""
    value = " ".join(cell.split())
    if not value:
        return None, None, None
    if _FIRM.search(value):
        return None, None, value
    if "," in value:
        last, _, first = (part.strip() for part in value.partition(","))
        return first or None, last or None, None
    words = value.split(" ")
    cut = len(words) - 1
    while cut > 1 and words[cut - 1].casefold() in _PARTICLES:
        cut -= 1
    return " ".join(words[:cut]) or None, " ".join(words[cut:]), None


def tags(cell: str) -> list[str]:
    """`a, b`, `a;b` or Mailchimp's list of quoted names; each once, in their order."""
    value = cell.strip()
    if not value:
        return []
    parts = next(csv.reader([value], skipinitialspace=True)) if value.startswith('"') else re.split(r"[,;|]", value)
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


_MAILBOX = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*$")
# R19: what people write where they have no address; it matches nobody, so it may stay.
_NOTHING = re.compile(r"[-–—./0\s]*$|null$|none$|n/?a$|k\.\s?a\.$|keine?$|brak$", re.IGNORECASE)


def whole_id(cell: str) -> str:
    """An id or a number as it stands. ValueError for one that a spreadsheet has rounded: it names many at once."""
    if ("E+" in cell or "e+" in cell) and _ROUNDED.fullmatch(cell.strip()):
        raise ValueError(
            f"a spreadsheet has rounded it to {cell.strip()[:20]}; export it anew with this column as text"
        )
    return cell


_ROUNDED = re.compile(r"\d([.,]\d+)?[eE]\+\d{1,3}")


def is_mailbox(cell: str) -> bool:
    """Whether it looks like one e-mail address, or like the word for "none"."""
    value = cell.strip()
    return _MAILBOX.match(value) is not None or _NOTHING.match(value) is not None


_HIDDEN = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")


def mail_key(cell: str) -> str | None:
    """The mailbox as an id: trimmed, lower case, NFKC. Deliberately less than R15: ids must outlive rule changes.

    `a+x@…` and `a@…` are two records here; the core joins them by its own key.
    """
    value = _HIDDEN.sub("", unicodedata.normalize("NFKC", cell)).strip().lower()
    return value if len(value) <= 254 and _MAILBOX.match(value) else None


def phone_key(cell: str) -> str | None:
    """The digits of a phone number as an id, `00` as `+`; None for what is no number (R19: `0`, `-`)."""
    digits = re.sub(r"[^0-9]", "", cell)
    if len(digits.strip("0")) < 5 or len(digits) > 30:
        return None
    if cell.strip().startswith("+"):
        return "+" + digits
    return "+" + digits[2:] if digits.startswith("00") else digits
