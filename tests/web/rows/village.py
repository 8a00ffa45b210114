"""The people, orders, carts and letters that the tests of single feature rows look at; nobody changes them."""

from __future__ import annotations

import html
import re
from typing import Any

from playwright.sync_api import Page

from klientela.flow.crowd import Whom
from klientela.flow.inactive import deactivate
from klientela.flow.sync import sync
from klientela.kit import Address, Booking, Consent, Letter, Number, Person, RecordRef, Scan
from klientela.store import Store, capabilities
from tests.cases.seen import account, at, contact, guest_order, order
from tests.shops import bring, use
from tests.web.someone import Boutique, List

NOW = at("2026-03-11 12:00")
"""A Wednesday: the days of the tests are counted from it."""


def granted(*channels: str, purpose: str = "promotion", state: str = "granted") -> list[Consent]:
    return [Consent(channel=one, purpose=purpose, state=state, at=1) for one in channels]  # type: ignore[arg-type]


def shop_people() -> list[Person]:
    """Ten accounts of a shop; 1 to 4 have bought something, 5 and 6 as much as each other."""
    return [
        account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 30 111222", company="Ahorn KG", tags=["vip"],
                created_at=at("2025-01-05 12:00"), numbers=[Number("4711")], modules=["shop", "bookings"],
                addresses=[Address(city="Berlin", country="DE")],
                consents=[*granted("email", "post"), *granted("email", purpose="system", state="denied")]),
        account("2", "Ben", "Berg", email="ben@x.de", created_at=at("2025-02-05 12:00"), crm_id="CRM-2",
                addresses=[Address(city="Wien", country="AT")], consents=granted("email")),
        account("3", "Cleo", "Roth", email="cleo@x.de", created_at=at("2026-02-20 12:00"),
                addresses=[Address(city="Bonn", country="DE")]),
        account("4", "Dora", "Zander", email="dora@x.de", created_at=at("2026-03-08 09:30"), tags=["vip", "new"]),
        account("5", "Emil", "Zoll", email="emil@x.de", created_at=at("2025-05-05 12:00")),
        account("6", "Fred", "Abel", email="fred@x.de", created_at=at("2025-05-05 12:00")),
        account("7", None, None, email="only@x.de", phone="+49 351 8472914", created_at=at("2025-06-05 12:00")),
        account("8", None, None, phone="+49 351 8472913", created_at=at("2025-06-06 12:00")),
        account("9", "Greta", "Still", email="greta@x.de", created_at=at("2025-07-05 12:00")),
        account("10", " jo ANNE ", "o'neil-McX", email="jo@x.de", created_at=at("2025-07-06 12:00")),
    ]  # fmt: skip


def shop_orders() -> list[Any]:
    return [
        order("a1", 10000, customer="1", number="1001", placed_at=at("2026-01-10 12:00")),
        order("a2", 5000, customer="1", number="1002", placed_at=at("2026-03-02 12:00")),
        order("a3", 9900, customer="1", number="1003", placed_at=at("2026-03-03 12:00"), test=True),
        order("b1", 7000, customer="2", number="1004", placed_at=at("2026-03-09 12:00")),
        order("b2", 90000, customer="2", number="1005", placed_at=at("2026-03-10 12:00"), state="cancelled"),
        order("c1", 1000, customer="3", number="1006", placed_at=at("2026-03-04 09:00")),
        order("d1", 1000, customer="4", number="1007", placed_at=at("2026-03-04 18:00")),
        order("e1", 500, customer="5", number="1008", placed_at=at("2026-02-01 12:00")),
        order("f1", 500, customer="6", number="1009", placed_at=at("2026-02-01 12:00")),
    ]


def settle(store: Store) -> None:
    """Bring all of it into an empty store."""
    use(store, sources={"kiosk": "per_order"})
    capabilities.remember(store, {"shopify": ["accounts", "orders", "carts"], "csv": ["consents"]})
    assert sync(store, Boutique("main", [*shop_people(), *shop_orders()])).status == "ok"
    news = contact(
        "n1", "Nora", "News", email="nora@x.de", created_at=at("2025-08-05 12:00"), consents=granted("email")
    )
    anna = contact("7", "Anna", "Ahorn", email="Anna@X.de", created_at=at("2025-03-01 12:00"), crm_id="CRM-1")
    assert sync(store, List("list", [anna, news])).status == "ok"
    bring(store, "manual", [Person(external_id="m1", entity="manual", first_name="Mia", last_name="Hand",
                                   created_at=at("2025-09-05 12:00"))])  # fmt: skip
    bring(store, "kiosk", [guest_order(f"g{n}", "gast@x.de", 300 * n, first_name="Gerd", last_name="Gast", number=f"G{n}",
                                       test=n == 2, placed_at=at(f"2026-01-0{n} 12:00")) for n in (1, 2)])  # fmt: skip
    bring(store, "push", [
        Letter(external_id="L1", customer=RecordRef("main", "customer", "1"), title="Hello", status="sent",
               sent_at=at("2026-02-01 09:00")),
        Scan(external_id="1", letter="L1", at=at("2026-02-05 18:30")),
        Scan(external_id="2", letter="L1", at=at("2026-02-09 07:15")),
        Booking(external_id="b", customer=RecordRef("main", "customer", "10"), title="Cut", status="booked",
                booked_at=at("2026-02-01 10:00"), starts_at=at("2026-02-09 10:00")),
    ])  # fmt: skip
    deactivate(store, Whom(["main/customer/9"]), actor="operator paula")


def text(part: str) -> str:
    """What a piece of a page says to who reads it."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", part))).strip()


def cells(page: str) -> list[dict[str, str]]:
    """The rows of the list, each cell by its column, as it is written."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        dict(re.findall(r'<td class="c-(\w+)"[^>]*>(.*?)</td>\n?(?=<td|$)', one, re.DOTALL))
        for one in re.split(r"<tr[^>]*>", body)[1:]
    ]


def shown(page: str, column: str) -> list[str]:
    """What a column says, row by row."""
    return [text(row[column]) for row in cells(page)]


def names(page: str) -> list[str]:
    """Who stands in the list, in its order."""
    return [html.unescape(one) for one in re.findall(r'class="stretch" href="/customers/[^"]+">([^<]*)<', page)]


def heads(page: str) -> list[str]:
    """The columns, in their order."""
    return re.findall(r'<th scope="col" class="c-(\w+)"', page)


def colour(tab: Page, selector: str, what: str) -> tuple[int, int, int]:
    """A colour of the first such element, as red, green and blue up to 255, however the style sheet writes it."""
    found = tab.locator(selector).first.evaluate(
        """(element, what) => {
            const paper = document.createElement("canvas").getContext("2d");
            paper.fillStyle = getComputedStyle(element)[what];
            paper.fillRect(0, 0, 1, 1);
            return [...paper.getImageData(0, 0, 1, 1).data];
        }""",
        what,
    )
    return found[0], found[1], found[2]


__all__ = ["NOW", "cells", "colour", "heads", "names", "settle", "shown", "text"]
