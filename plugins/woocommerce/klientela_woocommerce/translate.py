"""WooCommerce's words in ours: accounts and orders. It writes "" for what is not known, and UTC without saying so."""

from __future__ import annotations

from typing import Any, Literal

from klientela.kit import UNSET, Address, Instant, Line, Order, Person, UnsetType, instant, minor, take

Row = dict[str, Any]
State = Literal["open", "paid", "cancelled", "returned", "deleted", "void"]

_STATES: dict[str, State] = {
    "pending": "open",
    "on-hold": "open",
    "processing": "paid",
    "completed": "paid",
    "cancelled": "cancelled",
    "refunded": "returned",
    "failed": "void",
    "trash": "deleted",
}
_KINDS: tuple[Literal["billing", "shipping"], ...] = ("billing", "shipping")
_NOT_YET = frozenset({"checkout-draft", "auto-draft"})  # somebody is still typing
_STAFF = frozenset({"administrator", "editor", "author", "contributor", "shop_manager"})
_PLACE = {"street": "address_1", "line2": "address_2", "zip": "postcode", "region": "state"}
_ALIKE = ("first_name", "last_name", "company", "city", "country")


def person(row: Row) -> Person | None:
    """An account. Those of the shop's own people are none of ours until they buy something themselves."""
    if row.get("role") in _STAFF and row.get("is_paying_customer") is False:
        return None
    billing = row.get("billing")
    address: Row = billing if isinstance(billing, dict) else {}
    said = take(row, "first_name", "last_name", "email")
    for name in ("first_name", "last_name"):  # many accounts were made at the checkout, with an address alone
        said[name] = said.get(name) or address.get(name) or said.get(name, UNSET)
    return Person(
        external_id=str(_id(row)),
        version=_changed(row),
        kind="account",
        created_at=_time(row.get("date_created_gmt", UNSET)),
        addresses=_addresses(row),
        **said,
        **take(address, "company", "phone"),
    )


def order(row: Row) -> Order | None:
    """An order; None for one that is still being written. `customer_id` 0 is a guest (R13)."""
    status = row.get("status")
    if status in _NOT_YET:
        return None
    currency, billing = row["currency"], row.get("billing")
    buyer = row.get("customer_id", UNSET)
    return Order(
        external_id=str(_id(row)),
        version=_changed(row),
        customer=UNSET if buyer is UNSET else str(buyer) if buyer else None,
        guest=UNSET if buyer is UNSET else not buyer,
        addresses=_addresses(row),
        placed_at=_time(row.get("date_created_gmt", UNSET)),
        currency=currency,
        total=minor(row["total"], currency),
        refunded=_refunded(row.get("refunds", UNSET), currency),
        state=_state(status, row),
        lines=_lines(row.get("line_items", UNSET), currency),
        **take(row, "number"),
        **take(billing if isinstance(billing, dict) else {}, "first_name", "last_name", "company", "email", "phone"),
    )


def _id(row: Row) -> int:
    found = row["id"]
    if not isinstance(found, int) or found <= 0:
        raise ValueError("the id is no number")
    return found


def _changed(row: Row) -> Instant:
    """When it was changed; an account that never was has been made at some time."""
    return instant((row["date_modified_gmt"] or row["date_created_gmt"]).removesuffix("Z") + "Z")


def _time(text: str | None | UnsetType) -> Instant | None | UnsetType:
    return instant(text.removesuffix("Z") + "Z") if isinstance(text, str) and text else UNSET if text is UNSET else None


def _state(status: Any, row: Row) -> State | UnsetType:
    """Shops invent statuses of their own; whether such an order was paid still stands there."""
    if status is None:
        return UNSET
    return _STATES.get(status, "paid" if row.get("date_paid_gmt") else "open")


def _refunded(refunds: Any, currency: str) -> int | UnsetType:
    """The sum of what was paid back; each stands there as a negative amount."""
    return UNSET if refunds is UNSET else sum(abs(minor(one["total"], currency)) for one in refunds or ())


def _lines(items: Any, currency: str) -> list[Line] | UnsetType:
    return UNSET if items is UNSET else [_line(item, currency) for item in items or ()]


def _line(item: Row, currency: str) -> Line:
    """Amounts of a line are net; what the buyer paid is with tax. The price of one is told only as a float."""
    total = minor(item["total"], currency) + minor(item.get("total_tax") or "0", currency)
    quantity = item.get("quantity", 1)
    even = isinstance(quantity, int) and quantity > 0 and total % quantity == 0
    return Line(
        title=item.get("name") or None,
        sku=item.get("sku") or None,
        quantity=quantity,
        unit_price=total // quantity if even else None,
        total=total,
    )


def _addresses(row: Row) -> list[Address] | UnsetType:
    """Billing, then shipping where it is another; absent where neither is in the row."""
    told = [(kind, row[kind]) for kind in _KINDS if isinstance(row.get(kind), dict)]
    made: list[Address] = []
    for kind, place in told:
        if any(place.get(name) for name in ("address_1", "postcode", "city")):
            said = take(place, *_ALIKE, **_PLACE)
            known = made[0] if made else None
            one = Address(kind=kind, **said)
            if known is None or any(getattr(known, name) != getattr(one, name) for name in said):
                made.append(one)
    return made if told else UNSET
