"""Billbee's words into ours: a customer or an order of the account becomes a record.

Whatever is missing stays absent in the record, null means cleared, unknown states and kinds of payment never fail.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Raw, UnsetType

from klientela.kit import Address, Instant, Line, Number, Order, Origin, Person, instant, minor
from klientela_billbee.nodes import (
    AddressNode,
    Amount,
    ContactNode,
    CustomerNode,
    ItemNode,
    OrderNode,
    PlaceNode,
    Text,
    UserNode,
    Word,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OrderState = Literal["open", "paid", "cancelled", "returned", "offer", "deleted", "void"]

EMBEDDED = "embedded"
"""The channel of what an order says of its buyer: without version, behind the list of customers (R0b)."""
BUYER = "buyer"
"""The channel of the number a platform gives the buyer of an order; its version is the order's."""

_customer = msgspec.json.Decoder(CustomerNode)
_order = msgspec.json.Decoder(OrderNode)

_MAIL, _PHONE = 1, 2  # kinds of CustomerMetaData
_BUSINESS = 1  # kind of customer
_BILLING = 1  # kind of address
_STATES: dict[int, OrderState] = {6: "deleted", 8: "cancelled", 14: "offer", 17: "returned"}
_GOING = frozenset({*range(1, 18), None, UNSET})  # no state is no news
_PAID = 3
_SANE = 15  # digits before the point, at most: more is damage, and costs as much to compute with as somebody likes
_CREDIT_NOTE = re.compile(r"(?P<original>.+)-GS\d*", re.IGNORECASE)
_CURRENCY = re.compile(r"[A-Z]{3}")
_PARTICLES = _words("von van vom zu zum zur de der den del della di da dos du la le ten ter af av el al bin")
_MARKETPLACES = _words(
    "amazon ebay etsy avocadostore kaufland real hood otto zalando rakuten manomano cdiscount fruugo wish wayfair "
    "limango galaxus conrad temu tiktok allegro bol fnac idealo check24 kauflux yatego crowdfox"
)
"""Platforms that know a buyer by one id in all their shops. Everywhere else ids may count from 1 in each shop."""


@dataclass(slots=True)
class House:
    """What translating needs to know beside the payload; `zone` is that of times without one."""

    zone: ZoneInfo
    currency: str  # of amounts whose order names none
    tests: Collection[int]  # kinds of payment of test orders
    test_tags: Collection[str] = ()  # tags of test orders
    strange: list[str] = field(default_factory=list)  # ids of orders whose total is none of those we can explain
    unheard: set[str] = field(default_factory=set)  # states that nobody has told us of


class Sale(NamedTuple):
    """An order, what it says of its buyer, and the reference it makes to another order, still unresolved."""

    order: Order
    persons: list[Person]
    shop: str | None
    credits: str | None  # the number of the order that is credited
    cancels: str | None  # the id, at the shop, of the order that is cancelled


def person(raw: Raw) -> Person:
    """A customer of the account's own list, with the addresses that the reader added."""
    node = _customer.decode(raw)
    live = [] if node.addresses is UNSET else [one for one in node.addresses if not _archived(one)]
    live.sort(key=lambda one: one.address_type != _BILLING)
    made = _person(node, [(_text(one.first_name), _text(one.last_name)) for one in live])
    if node.addresses is not UNSET:
        made.addresses = [place for one in live if (place := _place(one)) is not None]
        if made.company is UNSET or not made.company:
            made.company = next((place.company for place in made.addresses if place.company), None)
    return made


def sale(raw: Raw, house: House) -> Sale:
    """An order. Its buyer is a customer of the account; where it names none, the order's own contact remains."""
    node = _order.decode(raw)
    number, shop = _text(node.order_number), shop_of(node)
    contact = _contact(node)
    currency = _currency(node.currency, house)
    total = _total(node, currency, house)
    version = _first_moment(house.zone, node.last_modified_at, node.updated_at)
    credits_, cancels = _references(node, total)
    buyer = node.customer
    made = Order(
        external_id=str(node.bill_bee_order_id),
        version=version if isinstance(version, int) else None,
        number=number,
        customer=str(buyer.id) if isinstance(buyer, CustomerNode) else buyer,
        kind="contact",  # who has no customer object is no more a guest than who has one (R13)
        first_name=contact.first_name,
        last_name=contact.last_name,
        company=contact.company,
        email=contact.email,
        phone=contact.phone,
        addresses=contact.addresses,
        placed_at=_moment(node.created_at, house.zone),
        currency=currency,
        total=total,
        state=_state(node, house),
        test=_test(node, house),
        lines=_lines(node, currency),
        tags=node.tags if node.tags is not None else [],
        origin=None if credits_ or cancels else _origin(node, shop),
    )
    return Sale(made, _buyers(node, made, contact, shop), shop, credits_, cancels)


def moment(text: str | None, zone: ZoneInfo) -> Instant | None:
    """A time as Billbee writes it; None for none. ValueError when unreadable."""
    found = _moment(text, zone)
    return found if isinstance(found, int) else None


def shop_of(node: OrderNode) -> str | None:
    """The BillbeeShopId of an order, as text."""
    for user in (node.seller, node.buyer):
        if isinstance(user, UserNode) and isinstance(user.billbee_shop_id, int):
            return str(user.billbee_shop_id)
    return str(node.api_account_id) if isinstance(node.api_account_id, int) else None


def is_paper(node: OrderNode) -> bool:
    """Whether it is a credit note or a cancellation rather than an order."""
    return bool(node.is_cancelation_for) or _CREDIT_NOTE.fullmatch(_text(node.order_number) or "") is not None


def decode_order(raw: Raw) -> OrderNode:
    """An order as it came. msgspec.ValidationError."""
    return _order.decode(raw)


# -- people ------------------------------------------------------------------------------------------------------


def _person(node: CustomerNode, known: Sequence[tuple[Text, Text]]) -> Person:
    """A customer object. `known` are first and last names that its addresses spell out."""
    first, last, company = _names(node, known)
    mails = _contacts(node, _MAIL, node.email)
    phones = _contacts(node, _PHONE, node.tel1, node.tel2)
    number = _text(node.number)
    mail = _main(_text(node.email), node.default_mail_address, mails)
    phone = _main(_text(node.tel1), node.default_phone1, phones)
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


def _names(node: CustomerNode, known: Sequence[tuple[Text, Text]]) -> tuple[Text, Text, Text]:
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


def _contacts(node: CustomerNode, kind: int, *fields: Word) -> list[str] | UnsetType:
    """All addresses of one kind, each once, those of the fields first. Absent where nothing is told of them."""
    if node.meta_data is UNSET and all(one is UNSET for one in fields):
        return UNSET
    found = [text for one in fields if (text := _text(one))]
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
    extra = [text for word in (one.name2, one.address_addition) if (text := _text(word))]
    made = Address(
        first_name=_word(one.first_name),
        last_name=_word(one.last_name),
        company=_word(one.company),
        street=_word(one.street),
        house_number=_word(one.housenumber),
        line2=", ".join(extra) or None,
        zip=_word(one.zip),
        city=_word(one.city),
        region=_word(one.state),
        country=_word(one.country_code),
        phone=_word(one.tel1),
        kind="billing" if one.address_type == _BILLING else "shipping",
    )
    return made if _somewhere(made) else None


# -- orders ------------------------------------------------------------------------------------------------------


class _Contact(NamedTuple):
    """Who an order is for, from its addresses: the name whole, from the first address that has one (R25)."""

    first_name: Text
    last_name: Text
    company: Text
    email: Text
    phone: Text
    addresses: list[Address] | UnsetType


def _contact(node: OrderNode) -> _Contact:
    billing, shipping = node.invoice_address, node.shipping_address
    nothing: UnsetType | None = UNSET if billing is UNSET or shipping is UNSET else None
    nodes = [one for one in (billing, shipping) if isinstance(one, AddressNode)]
    places = [
        made
        for one, kind in ((billing, "billing"), (shipping, "shipping"))
        if isinstance(one, AddressNode) and (made := _address(one, "billing" if kind == "billing" else "shipping"))
    ]
    named = next((one for one in nodes if _text(one.first_name) or _text(one.last_name)), None)
    mails = [_text(one.email) for one in nodes]
    mails += [_text(user.email) for user in (node.buyer,) if isinstance(user, UserNode)]
    mails += [_text(one.email) for one in (node.customer,) if isinstance(one, CustomerNode)]
    return _Contact(
        first_name=_word(named.first_name) if named is not None else nothing,
        last_name=_word(named.last_name) if named is not None else nothing,
        company=next((text for one in nodes if (text := _text(one.company))), nothing),
        email=next((text for text in mails if text), nothing),
        phone=next((text for one in nodes if (text := _text(one.phone))), nothing),
        addresses=UNSET if nothing is UNSET and not places else places,
    )


def _address(one: AddressNode, kind: Literal["billing", "shipping"]) -> Address | None:
    extra = [text for word in (one.name_addition, one.line2) if (text := _text(word))]
    made = Address(
        first_name=_word(one.first_name),
        last_name=_word(one.last_name),
        company=_word(one.company),
        street=_word(one.street),
        house_number=_word(one.house_number),
        line2=", ".join(extra) or None,
        zip=_word(one.zip),
        city=_word(one.city),
        region=_word(one.state),
        country=_word(one.country_iso) or _word(one.country),
        phone=_word(one.phone),
        kind=kind,
    )
    return made if _somewhere(made) else None


def _somewhere(one: Address) -> bool:
    """Whether an address names a place."""
    return bool(one.street or one.line2 or one.zip or one.city or one.company or one.country)


def _buyers(node: OrderNode, order: Order, contact: _Contact, shop: str | None) -> list[Person]:
    """What an order says of its buyer: the customer object it holds, and his number at the platform."""
    if not isinstance(node.customer, CustomerNode):
        return []
    spelled = [(contact.first_name, contact.last_name)]
    if contact.addresses is not UNSET:
        spelled += [(one.first_name, one.last_name) for one in contact.addresses]
    made = _person(node.customer, spelled)
    made.channel = EMBEDDED
    own = made.numbers or [] if made.numbers is not UNSET else []
    platform = _platform_number(node, shop)
    if platform is None or order.version is None:
        return [made]
    told = Person(external_id=made.external_id, version=order.version, channel=BUYER, numbers=[*own, platform])
    return [made, told]


def _platform_number(node: OrderNode, shop: str | None) -> Number | None:
    """The buyer's id at the platform (R16, R19), which holds where the e-mail is a relay or changes with each order."""
    user = node.buyer
    if not isinstance(user, UserNode) or not user.platform or not (value := _text(user.id)):
        return None
    platform = user.platform.strip().casefold()
    if platform.split(".")[0].split(" ")[0] in _MARKETPLACES:
        return Number(value, platform)
    return Number(value, f"{platform}:{shop}") if shop else None


def _origin(node: OrderNode, shop: str | None) -> Origin | None | UnsetType:
    """Where the order was placed; None for one that began in Billbee itself."""
    if node.seller is UNSET and node.buyer is UNSET:
        return UNSET
    users = [one for one in (node.seller, node.buyer) if isinstance(one, UserNode)]
    platform = next((one.platform for one in users if one.platform), None)
    ident, name = _text(node.id), _text(node.order_number)
    if not platform or not shop or not (ident or name):
        return None
    return Origin(platform=platform.strip().casefold(), shop=shop, id=ident or None, name=name or None)


def _references(node: OrderNode, total: int | UnsetType) -> tuple[str | None, str | None]:
    """The number of the order this one credits, and the shop's id of the order it cancels (R29b)."""
    cancels = _text(node.is_cancelation_for) or None
    if cancels in (_text(node.id), _text(node.order_number)):
        cancels = None  # it speaks of itself: its state tells
    found = _CREDIT_NOTE.fullmatch(_text(node.order_number) or "")
    credits_ = found["original"] if found and (total is UNSET or total <= 0) else None
    return credits_, None if credits_ else cancels


def _state(node: OrderNode, house: House) -> OrderState | UnsetType:
    """Billbee's state in ours. States nobody has heard of are those of an order that goes its way."""
    if node.state is UNSET and node.payed_at is UNSET:
        return UNSET
    if isinstance(node.state, int) and node.state in _STATES:
        return _STATES[node.state]
    if node.state not in _GOING:
        house.unheard.add(str(node.state))
    return "paid" if node.payed_at or node.state == _PAID else "open"


def _test(node: OrderNode, house: House) -> bool | UnsetType:
    """A kind of payment, or a tag of the operator's, makes an order a test order."""
    if node.tags and not {tag.casefold() for tag in node.tags}.isdisjoint(map(str.casefold, house.test_tags)):
        return True
    return UNSET if node.payment_method is UNSET else node.payment_method in house.tests


def _lines(node: OrderNode, currency: str) -> list[Line] | UnsetType:
    if node.order_items is UNSET:
        return UNSET
    return [_line(one, currency) for one in node.order_items or ()]


def _line(one: ItemNode, currency: str) -> Line:
    product = one.product or None
    quantity = one.quantity if isinstance(one.quantity, Decimal) else Decimal(1)
    if quantity and not -_SANE < quantity.adjusted() < _SANE:
        raise ValueError("a quantity is out of range")
    whole = one.unrebated_total_price if isinstance(one.unrebated_total_price, Decimal) else one.total_price
    price = _money(whole, currency)
    unit = None if price is None else price if not quantity else int((price / quantity).to_integral_value())
    title = _text(product.title) if product else None
    return Line(
        title=title or ("Gutschein" if one.is_coupon is True else None),
        sku=_word(product.sku) if product else None,
        quantity=int(quantity) if quantity == quantity.to_integral_value() else float(quantity),
        unit_price=unit,
        total=_money(one.total_price, currency),
    )


# -- money -------------------------------------------------------------------------------------------------------


def _currency(said: Text, house: House) -> str:
    """The order's currency; that of the house where it names none."""
    code = said.strip().upper() if isinstance(said, str) else ""
    return code if _CURRENCY.fullmatch(code) else house.currency


def _total(node: OrderNode, currency: str, house: House) -> int | UnsetType:
    """What the buyer paid (R30): items and shipping together.

    TotalCost is documented as without shipping and recorded with it, so it is only held against our own sum; it is
    taken where there are no items to sum up.
    """
    told = _money(node.total_cost, currency)
    if node.order_items is UNSET or not node.order_items:
        return UNSET if told is None else told
    prices = [_money(one.total_price, currency) for one in node.order_items]
    if None in prices and told is not None:
        return told
    items = sum(price for price in prices if price is not None)
    shipping, adjustment = _money(node.shipping_cost, currency) or 0, _money(node.adjustment_cost, currency) or 0
    if told == items + shipping + adjustment:
        return told
    if told is not None and told not in (items, items + shipping, items + adjustment):
        house.strange.append(str(node.bill_bee_order_id))
    return items + shipping


def _money(amount: Amount, currency: str) -> int | None:
    """Minor units; None where there is no amount."""
    if not isinstance(amount, Decimal):
        return None
    if amount and amount.adjusted() >= _SANE:
        raise ValueError("an amount of money is out of range")
    return minor(amount, currency)


# -- values ------------------------------------------------------------------------------------------------------


def _text(word: Word) -> Text:
    """Trimmed text; None for nothing but blanks."""
    if isinstance(word, (str, int)):
        return str(word).strip() or None
    return word


def _word(word: Word) -> str | None:
    """The same for fields that are chosen whole with others: absent is nothing."""
    return _text(word) or None


def _moment(text: Text, zone: ZoneInfo) -> Instant | UnsetType | None:
    """An instant. Their "no time" is null, empty or the first day of the year 1."""
    if not isinstance(text, str):
        return text
    return None if not text.strip() or text.startswith("0001-") else instant(text, zone)


def _first_moment(zone: ZoneInfo, *texts: Text) -> Instant | UnsetType | None:
    """The first of some times that is told."""
    return next((found for text in texts if isinstance(found := _moment(text, zone), int)), None)
