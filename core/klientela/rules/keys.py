"""Match keys: what of a record may say that it is somebody we know (R15-R19)."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from struct import Struct

from klientela.rules.text import clean, fold_words

RELAYS = (
    "marketplace.amazon.*",
    "members.ebay.*",
    "relay.ebay.*",
    "privaterelay.appleid.com",
    "mail.otto.market",
    "kunden.otto.de",
    "customer.kaufland.de",
    "kaufland-marktplatz.de",
    "real-markt.de",
    "etsy-mail.com",
    "conversations.etsy.com",
    "user.allegro.pl",
    "allegromail.pl",
    "allegromail.com",
    "relay.firefox.com",
    "mozmail.com",
    "duck.com",
    "anonaddy.me",
    "simplelogin.com",
    "marketplace.zalando.*",
    "shopify-relay.com",
    "hood.de.invalid",
    "rakuten-relay.*",
    "relay.walmart.com",
    "cdiscount.relay",
    "mp.conrad.de",
    "message.manomano.com",
    "mail.cdiscount.com",
    "notification.fnacdarty.com",
)
_RELAY = re.compile("(?:^|\\.)(?:" + "|".join(re.escape(r).replace(r"\*", r"[a-z.]+") for r in RELAYS) + ")$")
ROLES = frozenset(
    (
        "info",
        "noreply",
        "no-reply",
        "donotreply",
        "do-not-reply",
        "kontakt",
        "contact",
        "office",
        "service",
        "support",
        "sales",
        "shop",
        "bestellung",
        "bestellungen",
        "order",
        "orders",
        "hello",
        "hallo",
        "admin",
        "administrator",
        "webmaster",
        "postmaster",
        "hostmaster",
        "rechnung",
        "rechnungen",
        "invoice",
        "buchhaltung",
        "accounting",
        "einkauf",
        "verkauf",
        "vertrieb",
        "sekretariat",
        "zentrale",
        "empfang",
        "team",
        "newsletter",
        "marketing",
        "abuse",
        "root",
        "biuro",
        "sklep",
        "zamowienia",
        "kundenservice",
        "kundendienst",
        "mailer-daemon",
        "mail",
        "email",
        "post",
        "test",
        "tests",
        "example",
        "nobody",
        "none",
    )
)
_JUNK = re.compile(r"^(?:[-_.0x ]*|null|none|n/?a|nil|unknown|unbekannt|keine?|brak|-+)$")
_JUNK_BEGINS = frozenset("-_.0x nukb")  # nearly every value begins otherwise, and the pattern need not be asked
_MAILBOX = re.compile(r"^[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]{2,}$")
_GMAIL = frozenset(("gmail.com", "googlemail.com"))


@lru_cache(maxsize=8192)
def _domain(text: str) -> str:
    if text.isascii():
        return text.rstrip(".")
    try:
        return text.encode("idna").decode("ascii").rstrip(".")
    except UnicodeError:
        return text


def mailbox(text: str | None, folding: bool = True) -> str | None:
    """The mailbox an address is delivered to, as a key (R15); None where there is none.

    >>> mailbox(" Max.Mustermann+shop@GoogleMail.com ")
    'maxmustermann@gmail.com'
    """
    if not text:
        return None
    value = clean(text).lower().rstrip(".")
    if not _MAILBOX.match(value):
        return None
    local, _, domain = value.rpartition("@")
    domain = _domain(domain)
    if folding:
        local = local.partition("+")[0] or local
        if domain in _GMAIL:
            local, domain = local.replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


def is_relay(box: str) -> bool:
    """A marketplace's forwarding address: no key, never the primary e-mail, never a marketing target (R19)."""
    return _relay_domain(box.rpartition("@")[2])


@lru_cache(maxsize=8192)
def _relay_domain(domain: str) -> bool:
    return _RELAY.search(domain) is not None


def _role(local: str) -> bool:
    return local in ROLES or (("_" in local or "." in local) and local.replace("_", "-").replace(".", "-") in ROLES)


def mailbox_blocked(box: str, extra: frozenset[str]) -> bool:
    """Whether a mailbox never matches: relays, role boxes, placeholders, the operator's list (R19)."""
    local, _, domain = box.rpartition("@")
    return (
        _role(local)
        or _junk(local)
        or _relay_domain(domain)
        or domain in ("example.invalid", "invalid.invalid", "localhost.localdomain")
        or (bool(extra) and (box in extra or domain in extra or "@" + domain in extra))
    )


def placeholder(text: str) -> bool:
    """Empty, `-`, zeros, `null`, `n/a` …: a value that is none (R19)."""
    return _junk(text.strip().lower())


def _junk(low: str) -> bool:
    return not low or (low[0] in _JUNK_BEGINS and _JUNK.match(low) is not None)


_HOUSE = re.compile(r"^(?P<street>.*?\D)[\s,]*(?P<house>\d+\s*[a-z]?(?:\s*[-/+]\s*\d*\s*[a-z]?)*)$", re.IGNORECASE)
_LEADING = re.compile(r"^(?P<house>\d+\s*[a-z]?)[\s,]+(?P<street>\D.*)$", re.IGNORECASE)
_STREET_WORD = re.compile(r"(?:strasse|str|ulica|ul|street|st)$")
_PREFIX = re.compile(r"^(?:ul|ulica|al|aleja|os|osiedle|pl|plac) ")


def split_house(street: str) -> tuple[str, str | None]:
    """`Lindenstr. 5 a` -> (`Lindenstr.`, `5 a`); a street without number keeps None.

    >>> split_house("ul. Długa 12/4")
    ('ul. Długa', '12/4')
    """
    found = _HOUSE.match(street.strip()) or _LEADING.match(street.strip())
    if found is None:
        return street.strip(), None
    return found["street"].strip(" ,"), found["house"].strip()


@lru_cache(maxsize=16384)
def _street(text: str) -> str:
    low = _PREFIX.sub("", fold_words(text))
    return _STREET_WORD.sub("str", low.replace(" ", ""))


def address(country: str | None, zip_code: str | None, street: str | None, house: str | None) -> str | None:
    """Country, ZIP, street and house number as one key (R17); None unless all four are there."""
    if not (country and zip_code and street):
        return None
    if not house:
        street, house = split_house(street)
        if not house:
            return None
    number = fold_words(house).replace(" ", "")
    zip_folded = fold_words(zip_code).replace(" ", "")
    name = _street(street)
    if not (number and zip_folded and name) or placeholder(zip_folded):
        return None
    return f"{country}|{zip_folded}|{name}|{number}"


def number(value: str, space: str) -> str | None:
    """A customer number inside its namespace (R16); None for placeholders."""
    folded = clean(value).casefold()
    return None if not folded or placeholder(folded) else f"{space}|{folded}"


def number_blocked(folded: str, text: str, extra: frozenset[str]) -> bool:
    """Whether a customer number, `folded` with its namespace and as it came, is on the operator's list (R19)."""
    return bool(extra) and not extra.isdisjoint((folded, text, clean(text).casefold()))


_FIRST_8 = Struct(">q")


def key64(kind: str, value: str) -> int:
    """The key as it stands in the identity tables: 8 bytes of sha256, no personal data."""
    number: int = _FIRST_8.unpack_from(sha256(f"{kind}\0{value}".encode()).digest())[0]
    return number
