"""Somebody with everything a profile can show: a shop account, a list entry, orders, a cart, a letter, scans, messages."""

from __future__ import annotations

from random import Random

from klientela.flow import consenting, correct, remarks
from klientela.flow.crowd import Whom
from klientela.flow.sync import sync
from klientela.kit import (
    Address,
    Booking,
    Campaign,
    Checkout,
    Consent,
    File,
    Letter,
    Line,
    Message,
    Person,
    RecordRef,
    Scan,
)
from klientela.store import Store
from tests.cases.seen import Desk, account, at, contact, order
from tests.shops import Shop, bring, use

ANNA = RecordRef("main", "customer", "A")
HOSTILE = '<script>alert("x")</script>'


class Boutique(Shop):
    """A shop whose values are locked."""

    type = "shopify"
    title = "Shopify"


class List(Shop):
    """A list that operators may edit."""

    type = "csv"
    title = "CSV"


def pdf() -> bytes:
    """A page that every reader can show, with bytes after its end that nobody may lose."""
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R "
        b"/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length 45 >>\nstream\nBT /F 24 Tf 40 100 Td (Welcome back, Anna) Tj ET\nendstream",
    ]
    made, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(made)
    made += b"xref\n0 5\n0000000000 65535 f \n" + table
    made += b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start
    return made + b"%" + Random(63).randbytes(9_000).replace(b"\n", b" ").replace(b"\r", b" ") + b"\x00\xff"


PDF = pdf()

HOME = Address(
    first_name="Anna", last_name="Ahorn", street="Lindenstr.", house_number="5", zip="10969", city="Berlin",
    country="DE", kind="billing",
)  # fmt: skip
WORK = Address(company="Ahorn KG", street="Hafenweg 9", zip="20457", city="Hamburg", country="DE", kind="shipping")
POST = Address(first_name="Anna", last_name="Ahorn", street="Postfach 12", zip="10900", city="Berlin", kind="letter")


def shop_says(version: int = 5, **more: object) -> Person:
    """Anna as her shop tells her."""
    says = {
        "email": "anna@x.de", "phone": "+49 30 111222", "created_at": at("2025-01-05 12:00"), "version": version,
        "addresses": [HOME, WORK, POST], "tags": ["vip"],
        "consents": [Consent(channel="email", purpose="promotion", state="granted", at=at("2025-02-01 10:00"))],
        **more,
    }  # fmt: skip
    return account("A", "Anna", "Ahorn", **says)


def listed(**more: object) -> Person:
    """Anna as a list tells her."""
    says = {"email": "anna@x.de", "created_at": at("2025-03-01 12:00"), "company": "Ahorn KG", **more}
    return contact("7", "Anna", "Ahorn", **says)


def mixed(store: Store) -> Desk:
    """Anna by a shop and by a list: name, e-mail, phone and address are the shop's, the company is the list's."""
    use(store)
    for source in (Boutique("main", [shop_says()]), List("list", [listed()])):
        assert sync(store, source).status == "ok"
    return Desk(store)


def orders(count: int = 11) -> list[object]:
    """Orders 1001 and up, one a month; the third is a test, the fourth cancelled."""
    return [
        order(
            f"o{n}", 1250 * (n + 1), customer="A", number=str(1001 + n), test=n == 2,
            state="cancelled" if n == 3 else "paid", placed_at=at(f"2025-{n + 1:02}-05 12:00"),
            lines=[
                Line(title="Green tea", sku="TEA-1", quantity=n + 1, unit_price=1000, total=1000 * (n + 1)),
                Line(title="Cup", quantity=1, unit_price=250, total=250),
            ],
        )
        for n in range(count)
    ]  # fmt: skip


def everything(store: Store) -> Desk:
    """Anna with all of it."""
    desk = mixed(store)
    carts = [
        Checkout(external_id="c1", customer="A", at=at("2025-10-20 18:00"), value=8000, currency="EUR",
                 lines=[Line(title="Tea pot", sku="POT-1", quantity=1, unit_price=8000, total=8000)]),
        Checkout(external_id="c2", customer="A", completed_at=at("2025-11-05 12:01"), value=13750, currency="EUR",
                 order="o10"),
    ]  # fmt: skip
    assert sync(store, Boutique("main", [shop_says(), *orders(), *carts])).status == "ok"  # type: ignore[list-item]
    bring(
        store,
        "push",
        [
            Campaign(external_id="spring", title="Spring 2025"),
            Letter(external_id="L1", customer=ANNA, campaign="spring", title="Welcome back", status="sent",
                   sent_at=at("2025-09-20 09:00"), file=File(name="letter.pdf", content=PDF)),
            Letter(external_id="L2", customer=ANNA, title="Autumn", status="failed", error="The address is unknown",
                   sent_at=at("2025-10-02 09:00")),
            Scan(external_id="1", letter="L1", at=at("2025-09-24 18:30"), url="https://shop.example/q"),
            Scan(external_id="2", letter="L1", at=at("2025-09-28 07:15")),
            Message(external_id="m1", customer=ANNA, by="email", direction="out", subject="Your order", at=at("2025-09-06 10:00"),
                    text="It is on its way.\nKind regards", address="anna@x.de"),
            Message(external_id="m2", customer=ANNA, by="email", direction="in", text="Thank you!", at=at("2025-09-06 12:00")),
            Booking(external_id="b1", customer=ANNA, title="Tea ceremony", status="booked", people=2, place="Room 3",
                    booked_at=at("2025-08-01 10:00"), starts_at=at("2025-08-09 18:00")),
        ],
    )  # fmt: skip
    who = "main/customer/A"
    remarks.remark(store, who, "Reliable; prefers letters.", actor="operator paula")
    remarks.note(store, who, f"Asked for a catalogue {HOSTILE}", [File(type="text/plain", name="wish.txt", content=b"tea")],
                 actor="operator paula")  # fmt: skip
    remarks.tag(store, [who], "tea lover", actor="operator paula")
    consenting.consent(
        store, Whom([who]), "post", "promotion", "granted", evidence="card at the fair", actor="operator paula"
    )
    correct.edit(store, who, {"company": "Ahorn & Co KG"}, actor="operator paula")
    return desk


__all__ = ["ANNA", "HOSTILE", "PDF", "Boutique", "List", "everything", "listed", "mixed", "orders", "shop_says"]
