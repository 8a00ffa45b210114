"""Billbee's words into ours: an order becomes a record, and what it says of its buyer becomes others.

Whatever is missing stays absent in the record, null means cleared, unknown states and kinds of payment never fail.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Raw, UnsetType

from klientela.kit import Address, Line, Number, Order, Origin, Person, take_mark
from klientela_billbee.nodes import AddressNode, BuyerNode, ItemNode, OrderNode, Text, UserNode
from klientela_billbee.persons import person_of
from klientela_billbee.values import SANE, first_moment, moment_of, money, somewhere, text_of, word_of

OrderState = Literal["open", "paid", "cancelled", "returned", "offer", "deleted", "void"]

EMBEDDED = "embedded"
"""The channel of what an order says of its buyer: without version, behind the list of customers (R0b)."""
BUYER = "buyer"
"""The channel of the number a platform gives the buyer of an order; its version is the order's."""

_order = msgspec.json.Decoder(OrderNode)

_STATES: dict[int, OrderState] = {6: "deleted", 8: "cancelled", 14: "offer", 17: "returned"}
_GOING = frozenset({*range(1, 18), None, UNSET})  # no state is no news
_PAID = 3
_CREDIT_NOTE = re.compile(r"(?P<original>.+)-GS\d*", re.IGNORECASE)
_CURRENCY = re.compile(r"[A-Z]{3}")
_MARKETPLACES = frozenset(
    {"amazon", "ebay", "etsy", "avocadostore", "kaufland", "real", "hood", "otto", "zalando", "rakuten", "manomano"}
    | {"cdiscount", "fruugo", "wish", "wayfair", "limango", "galaxus", "conrad", "temu", "tiktok", "allegro", "bol"}
    | {"fnac", "idealo", "check24", "kauflux", "yatego", "crowdfox"}
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


def sale(raw: Raw, house: House) -> Sale:
    """An order. Its buyer is a customer of the account; where it names none, the order's own contact remains."""
    node = _order.decode(raw)
    number, shop = text_of(node.order_number), shop_of(node)
    contact = _contact(node)
    currency = _currency(node.currency, house)
    total = _total(node, currency, house)
    credits_, cancels = _references(node, total)
    buyer = node.customer
    mark, paper = _mark(node), bool(credits_ or cancels)
    placed: dict[str, Any] = {} if mark.key is None or paper else {"placed_as": mark.key}
    made = Order(
        external_id=str(node.bill_bee_order_id),
        version=first_moment(house.zone, node.last_modified_at, node.updated_at),
        number=number,
        customer=_number(buyer),
        kind="contact",  # who has no customer object is no more a guest than who has one (R13)
        first_name=contact.first_name,
        last_name=contact.last_name,
        company=contact.company,
        email=contact.email,
        phone=contact.phone,
        addresses=contact.addresses,
        placed_at=moment_of(node.created_at, house.zone),
        currency=currency,
        total=total,
        state=_state(node, house),
        test=_test(node, house),
        lines=_lines(node, currency),
        tags=mark.tags,
        origin=None if paper or mark.here else _origin(node, shop),
        **placed,
    )
    return Sale(made, _buyers(node, made, contact, shop), shop, credits_, cancels)


def _number(buyer: BuyerNode | UnsetType | None) -> Text:
    """The id of an order's customer, as far as it was told."""
    told = buyer.id if isinstance(buyer, BuyerNode) else buyer
    return str(told) if isinstance(told, int) else told


class _Mark(NamedTuple):
    """The key of an order that was placed here (S19); the other tags; whether it was written into this very account."""

    key: str | None
    tags: list[str] | UnsetType
    here: bool


def _mark(node: OrderNode) -> _Mark:
    """By the id that it was written with, or by a tag, which an order carried from another shop may have as well."""
    ident = text_of(node.id)
    by_id = take_mark([ident] if isinstance(ident, str) else [])[0]
    by_tag, others = take_mark(node.tags or ())
    return _Mark(by_id or by_tag, UNSET if node.tags is UNSET else others, by_id is not None)


def shop_of(node: OrderNode) -> str | None:
    """The BillbeeShopId of an order, as text."""
    for user in (node.seller, node.buyer):
        if isinstance(user, UserNode) and isinstance(user.billbee_shop_id, int):
            return str(user.billbee_shop_id)
    return str(node.api_account_id) if isinstance(node.api_account_id, int) else None


def is_paper(node: OrderNode) -> bool:
    """Whether it is a credit note or a cancellation rather than an order."""
    return bool(node.is_cancelation_for) or _CREDIT_NOTE.fullmatch(text_of(node.order_number) or "") is not None


def decode_order(raw: Raw) -> OrderNode:
    """An order as it came. msgspec.ValidationError."""
    return _order.decode(raw)


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
    named = next((one for one in nodes if text_of(one.first_name) or text_of(one.last_name)), None)
    mails = [text_of(one.email) for one in nodes]
    mails += [text_of(user.email) for user in (node.buyer,) if isinstance(user, UserNode)]
    mails += [text_of(one.email) for one in (node.customer,) if isinstance(one, BuyerNode)]
    return _Contact(
        first_name=word_of(named.first_name) if named is not None else nothing,
        last_name=word_of(named.last_name) if named is not None else nothing,
        company=next((text for one in nodes if (text := text_of(one.company))), nothing),
        email=next((text for text in mails if text), nothing),
        phone=next((text for one in nodes if (text := text_of(one.phone))), nothing),
        addresses=UNSET if nothing is UNSET and not places else places,
    )


def _address(one: AddressNode, kind: Literal["billing", "shipping"]) -> Address | None:
    extra = [text for word in (one.name_addition, one.line2) if (text := text_of(word))]
    made = Address(
        first_name=word_of(one.first_name),
        last_name=word_of(one.last_name),
        company=word_of(one.company),
        street=word_of(one.street),
        house_number=word_of(one.house_number),
        line2=", ".join(extra) or None,
        zip=word_of(one.zip),
        city=word_of(one.city),
        region=word_of(one.state),
        country=word_of(one.country_iso) or word_of(one.country),
        phone=word_of(one.phone),
        kind=kind,
    )
    return made if somewhere(made) else None


def _buyers(node: OrderNode, order: Order, contact: _Contact, shop: str | None) -> list[Person]:
    """What an order says of its buyer: the customer object it holds, and his number at the platform."""
    buyer = node.customer
    if not isinstance(buyer, BuyerNode) or not isinstance(buyer.id, int):
        return []
    spelled = [(contact.first_name, contact.last_name)]
    if contact.addresses is not UNSET:
        spelled += [(one.first_name, one.last_name) for one in contact.addresses]
    made = person_of(buyer, spelled)
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
    if not isinstance(user, UserNode) or not user.platform or not (value := text_of(user.id)):
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
    ident, name = text_of(node.id), text_of(node.order_number)
    if not platform or not shop or not (ident or name):
        return None
    return Origin(platform=platform.strip().casefold(), shop=shop, id=ident or None, name=name or None)


def _references(node: OrderNode, total: int | UnsetType) -> tuple[str | None, str | None]:
    """The number of the order this one credits, and the shop's id of the order it cancels (R29b)."""
    cancels = text_of(node.is_cancelation_for) or None
    if cancels in (text_of(node.id), text_of(node.order_number)):
        cancels = None  # it speaks of itself: its state tells
    found = _CREDIT_NOTE.fullmatch(text_of(node.order_number) or "")
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
    if quantity and not -SANE < quantity.adjusted() < SANE:
        raise ValueError("a quantity is out of range")
    whole = one.unrebated_total_price if isinstance(one.unrebated_total_price, Decimal) else one.total_price
    price = money(whole, currency)
    unit = None if price is None else price if not quantity else int((price / quantity).to_integral_value())
    title = text_of(product.title) if product else None
    return Line(
        title=title or ("Gutschein" if one.is_coupon is True else None),
        sku=word_of(product.sku) if product else None,
        quantity=int(quantity) if quantity == quantity.to_integral_value() else float(quantity),
        unit_price=unit,
        total=money(one.total_price, currency),
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
    told = money(node.total_cost, currency)
    if node.order_items is UNSET or not node.order_items:
        return UNSET if told is None else told
    prices = [money(one.total_price, currency) for one in node.order_items]
    if None in prices and told is not None:
        return told
    items = sum(price for price in prices if price is not None)
    shipping, adjustment = money(node.shipping_cost, currency) or 0, money(node.adjustment_cost, currency) or 0
    if told == items + shipping + adjustment:
        return told
    if told is not None and told not in (items, items + shipping, items + adjustment):
        house.strange.append(str(node.bill_bee_order_id))
    return items + shipping
