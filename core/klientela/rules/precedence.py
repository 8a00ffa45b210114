"""Whose word counts: one profile out of many records (R4, R25-R28, R45).

A summary is a set of "best so far" slots. Merging two summaries is commutative, associative and idempotent, so a
customer of 10,000 records is kept up to date by merging one record in, and the result never depends on the order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import UNSET, Struct

from klientela.model.instants import Instant
from klientela.model.records import Address, Consent, Person
from klientela.rules import geo, keys
from klientela.rules.objections import lifted, mark_of
from klientela.rules.publish import NEVER, Canon, is_account, is_guest
from klientela.rules.ruleset import Ruleset
from klientela.rules.text import clean, fold_words

Rank = tuple[Any, ...]
"""Lower wins; compared as a tuple."""


class Member(NamedTuple):
    """One record as precedence sees it."""

    canon: Canon
    version: Instant | None
    person: Person


class Summary(Struct, omit_defaults=True):
    """The best of some records. Slots map a unit to [rank, value]; lists map a folded value to [rank, value]."""

    canon: Canon
    name: tuple[Rank, tuple[str | None, str | None]] | None = None
    company: tuple[Rank, str] | None = None
    birthday: tuple[Rank, str] | None = None
    crm_id: tuple[Rank, str] | None = None
    city: tuple[Rank, str] | None = None
    country: tuple[Rank, str] | None = None
    address: tuple[Rank, Address] | None = None
    emails: dict[str, tuple[Rank, str]] = {}
    phones: dict[str, tuple[Rank, str]] = {}
    addresses: dict[str, tuple[Rank, Address]] = {}
    numbers: dict[str, tuple[Rank, str]] = {}
    tags: list[str] = []
    modules: list[str] = []
    consents: dict[str, tuple[Instant | None, Instant | None, bool]] = {}  # newest denial, newest grant, imported grant
    sources: list[str] = []
    manual: bool = False
    inactive: bool = False
    registered: bool = False
    guest: bool = False
    default_registered: bool = False
    created: Instant | None = None


_NOT_PINNED: frozenset[str] = frozenset()


def summary(member: Member, ruleset: Ruleset) -> Summary:
    """The summary of one record."""
    person, canon = member.person, member.canon
    rules = ruleset.of(canon.source)
    age = -member.version if member.version is not None else NEVER
    tail: Rank = (rules.priority, age, *canon)
    pinned = frozenset(person.pinned) if person.pinned is not UNSET else _NOT_PINNED
    made = Summary(canon, sources=[canon.source], manual=person.entity == "manual")
    if canon.created != NEVER:
        made.created = canon.created
    made.inactive = person.inactive is True
    account = is_account(person, rules)
    made.registered = account or person.entity == "manual"
    made.guest = is_guest(person, rules)
    made.default_registered = rules.default_status == "registered"

    first, last = text_of(person.first_name), text_of(person.last_name)
    if first or last:
        made.name = ((_pin("name", pinned), 0 if first and last else 1, *canon), (first, last))
    made.company = _slot(text_of(person.company), "company", pinned, tail)
    made.birthday = _slot(text_of(person.birthday), "birthday", pinned, tail)
    made.crm_id = _slot(text_of(person.crm_id), "crm_id", pinned, tail)
    _emails(made, person, pinned, tail, ruleset)
    places = person.addresses if person.addresses is not UNSET and person.addresses else ()
    region = ruleset.country
    if places:
        region = _places(made, places, pinned, tail, ruleset)
    _phones(made, person, pinned, tail, region)
    if person.numbers is not UNSET and person.numbers:
        made.numbers = {
            f"{n.space or canon.source}\0{n.value}": ((_pin("number", pinned), i, *tail), n.value)
            for i, n in enumerate(person.numbers)
            if not keys.placeholder(n.value)
        }
    if person.tags is not UNSET and person.tags:
        made.tags = sorted(set(person.tags))
    if person.modules is not UNSET and person.modules:
        made.modules = sorted(set(person.modules))
    if person.consents is not UNSET and person.consents:
        _consents(made, person, member.version)
    return made


def text_of(value: Any) -> str | None:
    """A value without blanks around it; None where nothing is left."""
    return (value.strip() or None) if value else None


def _pin(unit: str, pinned: frozenset[str]) -> int:
    return 0 if unit in pinned else 1


def _slot(value: str | None, unit: str, pinned: frozenset[str], tail: Rank) -> tuple[Rank, str] | None:
    return ((_pin(unit, pinned), *tail), value) if value else None


def _emails(made: Summary, person: Person, pinned: frozenset[str], tail: Rank, ruleset: Ruleset) -> None:
    texts = [person.email] if person.email else []
    if person.emails is not UNSET and person.emails:
        texts += person.emails
    for place, text in enumerate(texts):
        box = keys.mailbox(text, ruleset.mailbox_folding)
        relay = 1 if box is not None and keys.is_relay(box) else 0
        rank = (_pin("email", pinned), relay, min(place, 1), *tail, place)
        _put(made.emails if made.emails else _fresh(made, "emails"), box or clean(text).lower(), rank, clean(text))


def _fresh(made: Summary, unit: str) -> dict[str, Any]:
    fresh: dict[str, Any] = {}
    setattr(made, unit, fresh)
    return fresh


def _put(slots: dict[str, Any], key: str, rank: Rank, value: Any) -> None:
    if key and (key not in slots or rank < slots[key][0]):
        slots[key] = (rank, value)


def _phones(made: Summary, person: Person, pinned: frozenset[str], tail: Rank, region: str) -> None:
    texts = [person.phone] if person.phone else []
    if person.phones is not UNSET and person.phones:
        texts += person.phones
    for place, text in enumerate(texts):
        value = text.strip()
        if value and not keys.placeholder(value):
            key = geo.phone(value, region) or fold_words(value)
            rank = (_pin("phone", pinned), min(place, 1), *tail, place)
            _put(made.phones if made.phones else _fresh(made, "phones"), key, rank, value)


def _places(made: Summary, places: Any, pinned: frozenset[str], tail: Rank, ruleset: Ruleset) -> str:
    region = geo.country(places[0].country) or ruleset.country
    made.addresses = {}
    pin = _pin("address", pinned)
    for place, address in enumerate(places):
        code = geo.country(address.country)
        rank = (pin, min(place, 1), *tail, place)
        parts = (code or address.country, address.zip, address.street, address.house_number, address.city)
        key = keys.address(code or ruleset.country, address.zip, address.street, address.house_number) or fold_words(
            " ".join(x for x in parts if x)
        )
        _put(made.addresses, key, rank, address)
        if made.address is None:
            made.address = (rank, address)
        city, land = text_of(address.city), code or text_of(address.country)
        if city and made.city is None:
            made.city = (rank, city)
        if land and made.country is None:
            made.country = (rank, land)
    return region


def home(made: Summary) -> tuple[str | None, str | None]:
    """City and country: those of the chosen address, else the best there are."""
    place = made.address[1] if made.address else None
    city = text_of(place.city) if place else None
    land = text_of(place.country) if place else None
    return (
        city or (made.city[1] if made.city else None),
        geo.country(land) or land or (made.country[1] if made.country else None),
    )


def _consents(made: Summary, person: Person, version: Instant | None) -> None:
    answered = lifted(person, version)
    found: dict[str, tuple[Instant | None, Instant | None, bool]] = {}
    for event in person.consents or ():
        slot = f"{event.channel} {event.purpose}"
        now: tuple[Instant | None, Instant | None, bool]
        if event.state == "denied":
            if event.at is None and answered and mark_of(event) in answered:
                continue  # the operator's grant that names it stands in its place
            now = (event.at if event.at is not None else NEVER, None, False)
        elif not explicit(event):
            now = (None, None, True)
        else:
            now = (None, event.at if event.at is not None else -NEVER, False)
        found[slot] = _join_consent(found[slot], now) if slot in found else now
    made.consents = found


def explicit(event: Consent) -> bool:
    """Whether a grant can lift an objection: the person's own at the shop, or an operator's with evidence (R45)."""
    if event.basis == "operator":
        return bool(event.evidence and event.evidence.strip())
    return event.basis == "shop"


def _join_consent(
    one: tuple[Instant | None, Instant | None, bool], two: tuple[Instant | None, Instant | None, bool]
) -> tuple[Instant | None, Instant | None, bool]:
    return _newest(one[0], two[0]), _newest(one[1], two[1]), one[2] or two[2]


def _newest(one: Instant | None, two: Instant | None) -> Instant | None:
    if one is None or two is None:
        return two if one is None else one
    return max(one, two)


def merge(one: Summary, two: Summary) -> Summary:
    """The summary of both."""
    return Summary(
        canon=min(one.canon, two.canon),
        name=_best(one.name, two.name),
        company=_best(one.company, two.company),
        birthday=_best(one.birthday, two.birthday),
        crm_id=_best(one.crm_id, two.crm_id),
        city=_best(one.city, two.city),
        country=_best(one.country, two.country),
        address=_best(one.address, two.address),
        emails=_union(one.emails, two.emails),
        phones=_union(one.phones, two.phones),
        addresses=_union(one.addresses, two.addresses),
        numbers=_union(one.numbers, two.numbers),
        tags=sorted({*one.tags, *two.tags}),
        modules=sorted({*one.modules, *two.modules}),
        consents={
            slot: _join_consent(one.consents.get(slot, _NOTHING), two.consents.get(slot, _NOTHING))
            for slot in sorted({*one.consents, *two.consents})
        },
        sources=one.sources if one.sources == two.sources else sorted({*one.sources, *two.sources}),
        manual=one.manual or two.manual,
        inactive=one.inactive or two.inactive,
        registered=one.registered or two.registered,
        guest=one.guest or two.guest,
        default_registered=one.default_registered or two.default_registered,
        created=min((c for c in (one.created, two.created) if c is not None), default=None),
    )


_NOTHING: tuple[Instant | None, Instant | None, bool] = (None, None, False)


def _best(one: Any, two: Any) -> Any:
    if one is None or two is None:
        return two if one is None else one
    return one if one[0] <= two[0] else two


def _union(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    if not two:
        return one
    result = dict(one)
    for key, slot in two.items():
        if key not in result or slot[0] < result[key][0]:
            result[key] = slot
    return result


def consent_states(made: Summary) -> dict[str, dict[str, str]]:
    """`{"email": {"promotion": "granted"}}`: only what was ever answered (R43, R45)."""
    states: dict[str, dict[str, str]] = {}
    for slot, (denied, granted, imported) in sorted(made.consents.items()):
        channel, purpose = slot.split(" ")
        lifted = denied is None or (granted is not None and granted > denied)
        state = "granted" if lifted and (granted is not None or imported) else "denied"
        states.setdefault(channel, {})[purpose] = state
    return states


def status(made: Summary) -> str:
    """R4: registered if any account or manual; else guest if any guest; else the sources' default."""
    if made.registered:
        return "registered"
    if made.guest:
        return "guest"
    return "registered" if made.default_registered else "guest"


def best_of(slots: dict[str, tuple[Rank, Any]]) -> Any:
    """The primary one of a list of values; None where there is none."""
    return min(slots.values(), key=lambda slot: slot[0])[1] if slots else None


def ordered(slots: dict[str, tuple[Rank, Any]]) -> list[Any]:
    """All values of a list, primary first."""
    return [value for _, value in sorted(slots.values(), key=lambda slot: slot[0])]
