"""A pretend WooCommerce shop on loopback: accounts, orders, guests' orders, refunds and a trash, over REST v3.

Written from the vendor's facts, not from source.py: limits of time are exclusive and read as the shop's local time
unless `dates_are_gmt` is true, `any` leaves out the trash and drafts, pages hold at most 100 rows, errors are WordPress's.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import JSONResponse, Response

from klientela.kit import SECOND, Instant, instant, iso
from klientela.testing import PretendShop, Refused, Row

Query = Mapping[str, str]

KEY, SECRET = "ck_sandbox000000000000", "cs_sandbox000000000000"  # open nothing but a pretend shop
ZONE = ZoneInfo("Europe/Berlin")
_ORDERS_BY = ("date", "id", "include", "title", "slug")
_CUSTOMERS_BY = ("id", "include", "name", "registered_date")
_DRAFTS = ("checkout-draft", "auto-draft")
_GOODS = (("Kerze Bienenwachs", "KERZE-1", 990), ("Teekanne", "KANNE-2", 3450), ("Wolldecke", "DECKE-7", 7900))
_TOWNS = (("04109", "Leipzig"), ("28195", "Bremen"), ("40213", "Düsseldorf"), ("55116", "Mainz"))


class WooCommerceSandbox(PretendShop):
    """The shop. Hands that change it: `account`, `order`, `refund`, `say`, `drop`."""

    type = "woocommerce"
    key = KEY

    def routes(self) -> Mapping[str, Any]:
        """WordPress's index, and two lists."""
        return {
            "/wp-json/": self._index,
            "/wp-json/wc/v3/orders": self._orders,
            "/wp-json/wc/v3/customers": self._customers,
        }

    def settings(self, base_url: str) -> dict[str, Any]:
        """What to write into klientela.toml."""
        return {"type": self.type, "base_url": base_url, "consumer_key": KEY, "consumer_secret": SECRET}

    def knows(self, headers: Mapping[str, str], query: Query) -> bool:
        """HTTP Basic."""
        return headers.get("authorization") == "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()

    def stranger(self) -> Response:
        """WooCommerce's words."""
        return JSONResponse(_error("woocommerce_rest_cannot_view", "Sorry, you cannot list resources.", 401), 401)

    # -- hands -----------------------------------------------------------------------------

    def said(self, fields: Mapping[str, str | None]) -> dict[str, Any]:
        """Our fields in its words: the phone stands in the billing address, and "" is written for nothing."""
        told = {name: value or "" for name, value in fields.items()}
        made: dict[str, Any] = {name: told[name] for name in ("first_name", "last_name", "email") if name in told}
        if "phone" in told:
            made["billing"] = {"phone": told["phone"]}
        return made

    def put(self, shelf: str, said: Mapping[str, Any], id: str | None = None, at: Instant | None = None) -> Row:  # noqa: A002
        """An account has all fields from its first day on."""
        if shelf == "customers" and (id is None or id not in self.shelves.get(shelf, {})):
            row = super().put(shelf, _ACCOUNT, id, at)
            return super().put(shelf, said, row.id, row.at)
        return super().put(shelf, said, id, at)

    def account(self, at: Instant | None = None, **said: Any) -> Row:
        """Somebody makes an account, with these fields in the shop's words."""
        return self.put("customers", said, None, at)

    def order(self, buyer: Row | None = None, *, total: str = "34.50", at: Instant | None = None, **said: Any) -> Row:
        """Somebody buys: an account, or a guest (None) whose `billing` says who he is."""
        bill = {**_BLANK, **(self._bill(buyer) if buyer else {}), **said.pop("billing", {})}
        row = self.put(
            "orders",
            {
                "status": "processing",
                "currency": "EUR",
                "total": total,
                "customer_id": int(buyer.id) if buyer else 0,
                "billing": bill,
                "shipping": {name: value for name, value in bill.items() if name != "email"},
                "refunds": [],
                "line_items": [{"name": "Ware", "sku": "", "quantity": 1, "total": total, "total_tax": "0.00"}],
                **said,
            },
            None,
            at,
        )
        row.said.setdefault("number", row.id)
        if buyer is not None and buyer.id in self.shelves["customers"]:
            buyer.said["is_paying_customer"] = True
        return row

    def refund(self, row: Row, amount: str) -> None:
        """Pay something back."""
        refunds = [*row.said["refunds"], {"id": 9000 + len(row.said["refunds"]), "reason": "", "total": f"-{amount}"}]
        self.put("orders", {"refunds": refunds}, row.id)

    def say(self, row: Row, **said: Any) -> None:
        """Change an order: `status="trash"` puts it into the trash."""
        self.put("orders", said, row.id)

    def settle(self) -> Row:
        """Somebody with an account and some orders; now and then a guest among them."""
        zip_, city = self.dice.choice(_TOWNS)
        place = {"address_1": f"Marktweg {self.dice.randrange(1, 90)}", "postcode": zip_, "city": city, "country": "DE"}
        who = self.somebody()
        if self.dice.random() < 0.35:
            return self._buy(None, {**{name: value or "" for name, value in who.items()}, **place})
        said = self.said(who)
        row = self.account(**{**said, "billing": {**said.get("billing", {}), **place}})
        for _ in range(self.dice.choice((0, 1, 1, 2, 4))):
            self._buy(row, {})
        return row

    def happen(self) -> None:
        """Somebody new, another order, a change, a refund, a trip to the trash or out of it, an account closed."""
        people, orders = list(self.shelves.get("customers", {}).values()), list(self.shelves.get("orders", {}).values())
        kind = self.dice.choice(("new", "buy", "pay", "refund", "trash", "back", "move", "close"))
        if kind == "new" or not people or not orders:
            self.settle()
        elif kind == "buy":
            self._buy(self.dice.choice(people), {})
        elif kind == "move":
            self.put("customers", {"billing": {"city": self.dice.choice(_TOWNS)[1]}}, self.dice.choice(people).id)
        elif kind == "close" and len(people) > 20:
            gone = self.dice.choice(people)
            self.drop("customers", gone.id)
            for row in orders:  # WordPress makes them orders of nobody, and does not call that a change
                if row.said["customer_id"] == int(gone.id):
                    row.said["customer_id"] = 0
        elif kind == "refund":
            self.refund(self.dice.choice(orders), "1.00")
        else:
            self.say(self.dice.choice(orders), status={"trash": "trash", "back": "processing"}.get(kind, "completed"))

    def _buy(self, buyer: Row | None, billing: Mapping[str, Any]) -> Row:
        name, sku, price = self.dice.choice(_GOODS)
        count = self.dice.randrange(1, 4)
        total = f"{price * count // 100}.{price * count % 100:02}"
        line = {"name": name, "sku": sku, "quantity": count, "total": total, "total_tax": "0.00", "price": price / 100}
        return self.order(buyer, total=total, billing=billing, line_items=[line])

    def _bill(self, buyer: Row) -> dict[str, Any]:
        names = {name: buyer.said[name] for name in ("first_name", "last_name", "email")}
        return {**buyer.said["billing"], **names}

    # -- answers ----------------------------------------------------------------------------

    def _index(self, query: Query) -> Any:
        return {"name": "Laden", "home": f"https://{self.identity}.example", "namespaces": ["wp/v2", "wc/v3"]}

    def _customers(self, query: Query) -> Any:
        role = query.get("role", "customer")
        rows = [row for row in self.rows("customers") if role in ("all", row.said["role"])]
        return self._listed(rows, query, _CUSTOMERS_BY)

    def _orders(self, query: Query) -> Any:
        since, until = (self._limit(query, name) for name in ("modified_after", "modified_before"))
        statuses = query.get("status", "any").split(",")
        rows = [
            row
            for row in self.rows("orders", None if since is None else since + SECOND, until)
            if row.said["status"] in statuses or ("any" in statuses and row.said["status"] not in ("trash", *_DRAFTS))
        ]
        return self._listed(rows, query, _ORDERS_BY)

    def _limit(self, query: Query, name: str) -> Instant | None:
        if name not in query:
            return None
        try:
            return instant(query[name], ZoneInfo("UTC") if query.get("dates_are_gmt") == "true" else ZONE)
        except ValueError:
            raise _invalid(name) from None

    def _listed(self, rows: list[Row], query: Query, sorts: tuple[str, ...]) -> Response:
        size = _number(query, "per_page", 10, 1, 100)
        begin = _number(query, "offset", (_number(query, "page", 1, 1, 10**6) - 1) * size, 0, 10**6)
        if query.get("orderby", "id") not in sorts:
            raise _invalid("orderby")
        rows.sort(key=lambda row: int(row.id), reverse=query.get("order", "desc") == "desc")
        shown, _ = self.cut(rows, begin, size)
        total = len(rows) if "loop" not in self.troubles else 10**6
        made = [self._shown(row, query.get("_fields")) for row in shown]
        size = min(size, self.most)
        return JSONResponse(made, headers={"X-WP-Total": str(total), "X-WP-TotalPages": str(-(-total // size))})

    def _shown(self, row: Row, fields: str | None) -> dict[str, Any]:
        times = {"date_created": row.born, "date_modified": row.at}
        made: dict[str, Any] = {"id": int(row.id)}
        for name, moment in times.items():
            made[f"{name}_gmt"] = iso(moment).removesuffix("Z")
            made[name] = datetime.fromisoformat(iso(moment)).astimezone(ZONE).replace(tzinfo=None).isoformat()
        made |= row.shown()
        return made if fields is None else {name: made[name] for name in fields.split(",") if name in made}


_BLANK = dict.fromkeys(
    ("first_name", "last_name", "company", "address_1", "address_2", "city", "postcode", "state", "country", "email"),
    "",
) | {"phone": ""}
_ACCOUNT: dict[str, Any] = {
    "email": "",
    "first_name": "",
    "last_name": "",
    "role": "customer",
    "is_paying_customer": False,
    "billing": dict(_BLANK),
    "shipping": {name: "" for name in _BLANK if name != "email"},
}


def _number(query: Query, name: str, default: int, least: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or not least <= int(text) <= most:
        raise _invalid(name)
    return int(text)


def _invalid(name: str) -> Refused:
    return Refused(400, _error("rest_invalid_param", f"Invalid parameter(s): {name}", 400))


def _error(code: str, message: str, status: int) -> dict[str, Any]:
    return {"code": code, "message": message, "data": {"status": status}}
