"""The gallery of parts: every macro in both themes, on rows that are made up here. For who builds at the page; admins only,
for it is no room of the house (docs/decisions/0024)."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from klientela.settings.views import COLUMNS, PRESETS, View
from klientela_web.asking import Asking
from klientela_web.drawing import charts
from klientela_web.ways import get

_CONSENTS = {"email": {"promotion": "granted", "system": "denied"}}
_EUROS = [{"amount": "1234.50", "currency": "EUR"}]
ROW: dict[str, Any] = {
    "id": "00000000-0000-5000-8000-000000000001", "name": "Anna Ahorn", "first_name": "Anna", "last_name": "Ahorn",
    "email": "anna@example.com", "phone": "+49 30 23125000", "company": "Ahorn KG", "city": "Wien", "country": "AT",
    "status": "registered", "test_order": True, "sources": ["Shop", "Market", "List"], "orders": 38, "ltv": _EUROS,
    "ltv_approx": {"amount": "1250.00", "currency": "EUR"}, "gross": {"sum": _EUROS}, "gross_approx": None,
    "last_order": "2026-06-18T12:00:00Z", "joined": "2025-01-05T12:00:00Z", "crm_id": "C-1", "customer_number": "K-1",
    "modules": ["Shop"], "tags": ["vip"], "consents": _CONSENTS, "qr_scanned": "2026-06-20T12:00:00Z", "inactive": False,
    "records": [{"source": "Shop", "entity": "customer", "external_id": "1"}],
}  # fmt: skip
BARE: dict[str, Any] = {
    **ROW, "id": "00000000-0000-5000-8000-000000000002", "name": "nobody@example.com", "first_name": None, "last_name": None,
    "email": "nobody@example.com", "phone": None, "company": None, "city": None, "country": "XK", "status": "guest",
    "test_order": False, "sources": ["Pushed"], "orders": 0, "ltv": [], "ltv_approx": None, "last_order": None, "joined": None,
    "crm_id": None, "modules": [], "tags": [], "consents": {"email": {"promotion": "denied", "system": "unknown"}},
    "qr_scanned": None, "inactive": True,
}  # fmt: skip
_LINE = {"title": "Green tea", "sku": "TEA-1", "quantity": 2, "unit_price": "12.50", "total": "25.00"}
ORDER: dict[str, Any] = {
    "number": "1001", "key": "Shop/order/1", "state": "paid", "test": False, "why_not": None, "badge": None, "currency": "EUR",
    "lines": [_LINE], "carriers": [{"source": "Shop", "external_id": "1"}], "customer": {"id": ROW["id"], "name": "Anna Ahorn"},
}  # fmt: skip
ORDERS = (
    ORDER,
    {**ORDER, "test": True, "why_not": "test"},
    {**ORDER, "number": None, "state": "cancelled", "why_not": "cancelled", "customer": None},
    {**ORDER, "badge": "recovered", "state": "returned", "why_not": "refunded"},
)
TYPES = {"Shop": "shopify", "Market": "billbee", "List": "csv", "Pushed": "api", "Site": "wix"}


def show(asking: Asking) -> Response:
    """The gallery."""
    line = [3.0, 5.0, 4.0, 8.0, 12.0, 11.0, 15.0]
    labels = [str(number) for number in range(1, 8)]
    return asking.show(
        "kit.html",
        rows=[ROW, BARE],
        orders=ORDERS,
        columns=list(COLUMNS),
        view=View.model_validate(PRESETS["default"]),
        source_types=TYPES,
        file={"sha256": "0" * 64, "name": "letter.pdf", "size": 40_123},
        chart=charts.area("Customers", labels, line, line[::-1], now="now", then="then"),
        spark=charts.spark(line),
        pictures={},
        first_seen={BARE["id"]: "2026-11-16T08:30:00Z"},
    )


WAYS = (get("/_kit", "admin", show),)

__all__ = ["BARE", "ORDER", "ORDERS", "ROW", "TYPES", "WAYS"]
