"""Draft orders of a pretend shop: what the interface may write, and how a draft becomes an order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from klientela.kit import Instant, iso, minor
from klientela_shopify.sandbox.things import Address, Line, Order

if TYPE_CHECKING:
    from klientela_shopify.sandbox.shop import Shop

Node = dict[str, Any]
_FIRST = 9_900_001


@dataclass(slots=True, kw_only=True)
class Draft:
    """A draft order; `order` is what it became."""

    id: int
    name: str
    created_at: Instant
    customer: int | None = None
    email: str | None = None
    billing: Address | None = None
    shipping: Address | None = None
    lines: list[Line] = field(default_factory=list)
    discount: int = 0
    note: str | None = None
    tags: list[str] = field(default_factory=list)
    completed_at: Instant | None = None
    order: int | None = None

    @property
    def total(self) -> int:
        """What the buyer is to pay, in minor units."""
        return max(0, sum(line.discounted for line in self.lines) - self.discount)


class Wrong(Exception):
    """A change that the shop does not make: UserError."""

    def __init__(self, message: str, *where: str) -> None:
        super().__init__(message)
        self.said = {"field": list(where) or None, "message": message}


def create(shop: Shop, wanted: Mapping[str, Any]) -> Draft:
    """What `draftOrderCreate` makes of its input."""
    lines = [_line(shop, one) for one in wanted.get("lineItems") or ()]
    if not lines:
        raise Wrong("Add at least 1 product")
    email = wanted.get("email")
    if email is not None and "@" not in email:
        raise Wrong("Email is invalid", "email")
    buyer = (wanted.get("purchasingEntity") or {}).get("customerId")
    number = int(buyer.rpartition("/")[2]) if buyer else None
    if number is not None and number not in shop.customers:
        raise Wrong("Customer could not be found", "purchasingEntity", "customerId")
    made = Draft(
        id=_FIRST + len(shop.drafts),
        name=f"#D{1 + len(shop.drafts)}",
        created_at=shop.clock.now(),
        customer=number,
        email=email or (shop.customers[number].email if number is not None else None),
        billing=_address(wanted.get("billingAddress")),
        shipping=_address(wanted.get("shippingAddress")),
        lines=lines,
        discount=_discount(shop, wanted),
        note=wanted.get("note"),
        tags=list(wanted.get("tags") or ()),
    )
    shop.drafts[made.id] = made
    return made


def complete(shop: Shop, gid: str) -> Draft:
    """What `draftOrderComplete` does: an order with all that the draft holds, its tags too."""
    tail = gid.rpartition("/")[2]
    one = shop.drafts.get(int(tail)) if tail.isdigit() else None
    if one is None:
        raise Wrong("Draft order does not exist", "id")
    if one.order is not None:
        raise Wrong("This order has been paid", "id")
    fields: dict[str, Any] = {} if one.customer is None else {"customer": one.customer}
    order: Order = shop.order(
        total=one.total, lines=one.lines, email=one.email, billing=one.billing, shipping=one.shipping,
        note=one.note, tags=list(one.tags), source="shopify_draft_order", **fields,
    )  # fmt: skip
    one.order, one.completed_at = order.id, shop.clock.now()
    return one


def view(one: Draft, order: Node | None) -> Node:
    """A DraftOrder as the interface shows it."""
    return {
        "__typename": "DraftOrder",
        "id": f"gid://shopify/DraftOrder/{one.id}",
        "name": one.name,
        "createdAt": iso(one.created_at),
        "completedAt": None if one.completed_at is None else iso(one.completed_at),
        "email": one.email,
        "status": "OPEN" if one.order is None else "COMPLETED",
        "tags": one.tags,
        "order": order,
    }


def _line(shop: Shop, said: Mapping[str, Any]) -> Line:
    money = said.get("originalUnitPriceWithCurrency") or {"amount": "0", "currencyCode": shop.currency}
    if money["currencyCode"] != shop.currency:
        raise Wrong("Currency is not supported", "lineItems", "originalUnitPriceWithCurrency")
    if not said.get("title"):
        raise Wrong("Title can't be blank", "lineItems", "title")
    if said["quantity"] < 1:
        raise Wrong("Quantity must be greater than or equal to 1", "lineItems", "quantity")
    price = minor(str(money["amount"]), shop.currency)
    return Line(title=said["title"], sku=said.get("sku"), quantity=said["quantity"], price=price)


def _discount(shop: Shop, wanted: Mapping[str, Any]) -> int:
    """A discount given by hand, and the codes that the shop knows; those it does not know are skipped."""
    by_hand = wanted.get("appliedDiscount")
    amount = 0
    if by_hand is not None:
        if by_hand["valueType"] != "FIXED_AMOUNT":
            raise Wrong("Only fixed amounts are understood here", "appliedDiscount", "valueType")
        amount = minor(f"{by_hand['value']:.2f}", shop.currency)
    return amount + sum(shop.discounts.get(code, 0) for code in wanted.get("discountCodes") or ())


def _address(said: Mapping[str, Any] | None) -> Address | None:
    if said is None:
        return None
    return Address(
        first_name=said.get("firstName"), last_name=said.get("lastName"), company=said.get("company"),
        address1=said.get("address1"), address2=said.get("address2"), zip=said.get("zip"), city=said.get("city"),
        country=said.get("countryCode"), phone=said.get("phone"),
    )  # fmt: skip


__all__ = ["Draft", "Wrong", "complete", "create", "view"]
