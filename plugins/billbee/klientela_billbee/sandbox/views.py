"""How the interface shows an account's objects: fields, their typos, times and money as Billbee writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from klientela.kit import Instant, decimal
from klientela_billbee.sandbox.shop import Shop
from klientela_billbee.sandbox.things import Address, Customer, Event, Item, Order, Store

Node = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COUNTRIES = {"DE": "Germany", "AT": "Austria", "CH": "Switzerland", "PL": "Poland", "BE": "Belgium"}


def money(amount: int, currency: str) -> Decimal:
    """A JSON number."""
    return Decimal(decimal(amount, currency))


def moment(at: Instant | None) -> str | None:
    """A time as orders carry it: with the offset of UTC."""
    return None if at is None else _time(at).isoformat()


def naive(at: Instant, zone: ZoneInfo) -> str:
    """A time as events carry it: in the account's zone, without saying so."""
    return _time(at).astimezone(zone).replace(tzinfo=None).isoformat(timespec="milliseconds")


def _time(at: Instant) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def customer(one: Customer) -> Node:
    """A Customer."""
    mail = _contact(one.id, 1, one.email)
    phone, phone2 = _contact(one.id, 2, one.phone), _contact(one.id, 2, one.phone2)
    return {
        "Id": one.id,
        "Name": one.name,
        "Email": one.email,
        "Tel1": one.phone,
        "Tel2": one.phone2,
        "Number": one.number,
        "PriceGroupId": None,
        "LanguageId": None,
        "VatId": None,
        "Type": 1 if one.business else 0,
        "DefaultMailAddress": mail,
        "DefaultCommercialMailAddress": mail,
        "DefaultStatusUpdatesMailAddress": mail,
        "DefaultPhone1": phone,
        "DefaultPhone2": phone2,
        "DefaultFax": None,
        "MetaData": [entry for entry in (mail, phone, phone2) if entry],
        "ArchivedAt": None,
        "RestoredAt": None,
    }


def _contact(owner: int, kind: int, value: str | None) -> Node | None:
    if not value:
        return None
    return {
        "Id": owner % 1_000_000_000 + kind,
        "TypeId": kind,
        "TypeName": "EMail" if kind == 1 else "Phone",
        "SubType": "",
        "Value": value,
    }


def home(owner: Customer, one: Address) -> Node:
    """A CustomerAddress."""
    return {
        "Id": one.id,
        "AddressType": one.kind,
        "CustomerId": owner.id,
        "Company": one.company,
        "FirstName": one.first_name,
        "LastName": one.last_name,
        "Name2": None,
        "Street": one.street,
        "Housenumber": one.number,
        "Zip": one.zip,
        "City": one.city,
        "State": None,
        "CountryCode": one.country,
        "Email": one.email,
        "Tel1": one.phone,
        "Tel2": None,
        "Fax": None,
        "AddressAddition": one.addition,
        "ArchivedAt": moment(one.archived_at),
        "RestoredAt": None,
    }


def _address(one: Address | None, order: Order) -> Node | None:
    if one is None:
        return None
    return {
        "BillbeeId": one.id,
        "City": one.city,
        "Street": one.street,
        "Company": one.company,
        "Line2": None,
        "Zip": one.zip,
        "State": None,
        "Country": _COUNTRIES.get(one.country or "", one.country),
        "CountryISO2": one.country,
        "FirstName": one.first_name,
        "LastName": one.last_name,
        "Phone": one.phone,
        "Email": one.email or order.order_email,
        "HouseNumber": one.number,
        "NameAddition": one.addition,
    }


def _item(one: Item, currency: str) -> Node:
    return {
        "BillbeeId": one.id,
        "TransactionId": None,
        "Product": {"Id": str(one.id), "BillbeeId": one.id, "Title": one.title, "SKU": one.sku, "IsDigital": False},
        "Quantity": Decimal(f"{one.quantity}.0"),
        "TotalPrice": money(one.total, currency),
        "UnrebatedTotalPrice": money(one.price * one.quantity, currency),
        "TaxAmount": Decimal("0.0"),
        "TaxIndex": 1,
        "Discount": Decimal("0.0"),
        "Attributes": [],
        "IsCoupon": one.coupon,
    }


def _user(shop: Shop, order: Order, *, buyer: bool) -> Node | None:
    store = shop.stores.get(order.store or 0)
    if store is None:
        return None
    where = order.billing or order.shipping
    return {
        "Platform": store.platform,
        "BillbeeShopName": store.name,
        "BillbeeShopId": store.id,
        "Id": order.buyer if buyer else "1",
        "Nick": None,
        "FirstName": where.first_name if buyer and where else None,
        "LastName": where.last_name if buyer and where else None,
        "Email": order.order_email if buyer else None,
    }


def order(shop: Shop, one: Order) -> Node:
    """An Order."""
    store = shop.stores.get(one.store or 0)
    whose = shop.customers.get(one.customer or 0)
    return {
        "BillBeeOrderId": one.id,
        "BillBeeParentOrderId": None,
        "Id": one.ident,
        "OrderNumber": one.number,
        "State": one.state,
        "VatMode": 0,
        "CreatedAt": moment(one.created_at),
        "ShippedAt": None,
        "ConfirmedAt": None,
        "PayedAt": moment(one.paid_at),
        "SellerComment": one.note,
        "Comments": [],
        "InvoiceNumber": None,
        "InvoiceAddress": _address(one.billing, one),
        "ShippingAddress": _address(one.shipping, one),
        "PaymentMethod": one.payment,
        "ShippingCost": money(one.shipping_cost, one.currency),
        "TotalCost": money(one.total, one.currency),
        "AdjustmentCost": Decimal("0.0"),
        "AdjustmentReason": None,
        "OrderItems": [_item(item, one.currency) for item in one.items],
        "Currency": one.currency,
        "Seller": _user(shop, one, buyer=False),
        "Buyer": _user(shop, one, buyer=True),
        "UpdatedAt": moment(one.modified_at),
        "TaxRate1": Decimal("19.0"),
        "TaxRate2": Decimal("7.0"),
        "Tags": list(one.tags),
        "LanguageCode": "DE",
        "PaidAmount": money(one.total if one.paid_at else 0, one.currency),
        "IsCancelationFor": one.cancels,
        "CustomerNumber": None if whose is None else str(whose.number),
        "Customer": None if whose is None else customer(whose),
        "Payments": [],
        "ShippingIds": [],
        "History": [],
        "LastModifiedAt": moment(one.modified_at),
        "ArchivedAt": None,
        "RestoredAt": None,
        "ApiAccountId": None if store is None else store.id % 100_000_000,
        "ApiAccountName": None if store is None else store.name,
    }


def event(shop: Shop, one: Event) -> Node:
    """An Event."""
    return {
        "Id": one.id,
        "Created": naive(one.at, shop.zone),
        "TypeId": one.kind,
        "TypeText": {5: "Auftrag gelöscht", 16: "Kunden zusammengeführt", 24: "Auftrag storniert"}.get(one.kind, ""),
        "EmployeeId": None,
        "EmployeeName": None,
        "OrderId": one.order,
    }


def account(one: Store, now: Instant) -> Node:
    """A ShopAccount."""
    return {"Id": one.id, "AccountType": 1, "Name": one.name, "LastSyncDate": moment(now), "LastSyncState": 0}
