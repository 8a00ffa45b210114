"""A customer of the account becomes a person: one line of name, several ways to reach him, addresses from another list."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, UnsetType

from klientela.kit import Address, Number, Person
from klientela_billbee.nodes import BuyerNode, ContactNode, CustomerNode, PlaceNode, Text, Word
from klientela_billbee.values import somewhere, text_of, word_of

_customer = msgspec.json.Decoder(CustomerNode)

_MAIL, _PHONE = 1, 2  # kinds of CustomerMetaData
_BUSINESS = 1  # kind of customer
_BILLING = 1  # kind of address
_PARTICLES = frozenset(
    {"von", "van", "vom", "zu", "zum", "zur", "de", "der", "den", "del", "della", "di", "da", "dos", "du", "la", "le"}
    | {"ten", "ter", "af", "av", "el", "al", "bin"}
)


def person(raw: Raw) -> Person:
    """A customer of the account's own list, with the addresses that the reader added."""
    node = _customer.decode(raw)
    live = [] if node.addresses is UNSET else [one for one in node.addresses if not _archived(one)]
    live.sort(key=lambda one: one.address_type != _BILLING)
    made = person_of(node, [(text_of(one.first_name), text_of(one.last_name)) for one in live])
    if node.addresses is not UNSET:
        made.addresses = [place for one in live if (place := _place(one)) is not None]
        if made.company is UNSET or not made.company:
            made.company = next((place.company for place in made.addresses if place.company), None)
    return made


def person_of(node: BuyerNode, known: Sequence[tuple[Text, Text]]) -> Person:
    """A customer object. `known` are first and last names that its addresses spell out."""
    first, last, company = _names(node, known)
    mails = _contacts(node, _MAIL, node.email)
    phones = _contacts(node, _PHONE, node.tel1, node.tel2)
    number = text_of(node.number)
    mail = _main(text_of(node.email), node.default_mail_address, mails)
    phone = _main(text_of(node.tel1), node.default_phone1, phones)
    return Person(
        external_id=str(node.id),
        kind="contact",
        first_name=first,
        last_name=last,
        company=company,
        email=mail,
        emails=mails if mails is UNSET else [one for one in mails if one != mail],
        phone=phone,
        phones=phones if phones is UNSET else [one for one in phones if one != phone],
        numbers=UNSET if number is UNSET else [Number(number)] if number else [],
    )


def _names(node: BuyerNode, known: Sequence[tuple[Text, Text]]) -> tuple[Text, Text, Text]:
    """First name, last name, company. Billbee keeps one line; addresses know where the last name begins."""
    named = [(first or None, last or None) for first, last in known if first or last]
    if not isinstance(node.name, str) or not node.name.strip():
        if named:
            return *named[0], UNSET
        nothing: UnsetType | None = UNSET if node.name is UNSET else None
        return nothing, nothing, UNSET
    line = " ".join(node.name.split())
    for first, last in named:
        if _folded(f"{first or ''} {last or ''}") in (_folded(line), _folded(f"{last or ''} {first or ''}")):
            return first, last, UNSET
    if node.type == _BUSINESS:
        return *(named[0] if named else (None, None)), line
    return *split_name(line), UNSET


def split_name(line: str) -> tuple[str | None, str | None]:
    """`Anna von Berg` -> (Anna, von Berg), `Berg, Anna` -> (Anna, Berg); a single word is taken for the first name."""
    if "," in line:
        last, _, first = (part.strip() for part in line.partition(","))
        return first or None, last or None
    words = line.split()
    cut = len(words) - 1
    while cut > 1 and words[cut - 1].casefold() in _PARTICLES:
        cut -= 1
    return (words[0], None) if not cut else (" ".join(words[:cut]), " ".join(words[cut:]))


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _contacts(node: BuyerNode, kind: int, *fields: Word) -> list[str] | UnsetType:
    """All addresses of one kind, each once, those of the fields first. Absent where nothing is told of them."""
    if node.meta_data is UNSET and all(one is UNSET for one in fields):
        return UNSET
    found = [text for one in fields if (text := text_of(one))]
    fax = _value(node.default_fax)
    for one in node.meta_data or () if node.meta_data is not UNSET else ():
        if one.type_id == kind and one.value and one.value.strip() and one.value != fax:
            found.append(one.value.strip())
    return list(dict.fromkeys(found))


def _main(own: Text, default: ContactNode | UnsetType | None, known: list[str] | UnsetType) -> Text:
    """The primary address of a kind: its own field, else the default one, else the first that is known."""
    if own:
        return own
    if found := _value(default):
        return found
    return known[0] if own is None and known is not UNSET and known else own


def _value(one: ContactNode | UnsetType | None) -> str | None:
    return (one.value or "").strip() or None if isinstance(one, ContactNode) else None


def _archived(one: PlaceNode) -> bool:
    """Put away, and not taken out again since."""
    if not one.archived_at:
        return False
    return not one.restored_at or one.restored_at < one.archived_at


def _place(one: PlaceNode) -> Address | None:
    extra = [text for word in (one.name2, one.address_addition) if (text := text_of(word))]
    made = Address(
        first_name=word_of(one.first_name),
        last_name=word_of(one.last_name),
        company=word_of(one.company),
        street=word_of(one.street),
        house_number=word_of(one.housenumber),
        line2=", ".join(extra) or None,
        zip=word_of(one.zip),
        city=word_of(one.city),
        region=word_of(one.state),
        country=word_of(one.country_code),
        phone=word_of(one.tel1),
        kind="billing" if one.address_type == _BILLING else "shipping",
    )
    return made if somewhere(made) else None
