"""A small town: shops, a list and their people, with everything that makes identity hard, and what happens there."""

from __future__ import annotations

from klientela.flow import rules, work
from klientela.kit import (
    Address,
    Booking,
    Campaign,
    Checkout,
    Consent,
    File,
    Gone,
    Letter,
    Message,
    Number,
    Order,
    Origin,
    Person,
    Record,
    RecordRef,
    Scan,
)
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import Store
from tests.shops import bring

DAY = 86_400_000_000
HOME = Address(street="Lindenstr. 5", zip="01067", city="Dresden", country="DE")

RULES = Ruleset(
    limits=(3, 3, 5),
    sources={
        "main": SourceRules(guests="merge"),
        "shop": SourceRules(guests="per_order"),
        "list": SourceRules(guests="merge", priority=50),
    },
)


def accounts() -> list[Record]:
    """Registered accounts: a household, two accounts of one person, many names behind one phone."""
    made: list[Record] = [
        Person(external_id="anna", kind="account", first_name="Anna", last_name="Müller", email="anna@x.example",
               phone="+49 351 8472913", addresses=[HOME], created_at=5 * DAY, version=10 * DAY, tags=["vip"]),
        Person(external_id="ben", kind="account", first_name="Ben", last_name="Müller", email="ben@x.example",
               phone="+49 351 8472913", addresses=[HOME], created_at=6 * DAY, version=10 * DAY),
        Person(external_id="eva1", kind="account", first_name="Eva", last_name="Lang", email="eva@one.example",
               phone="+49 30 9135728", created_at=7 * DAY, version=10 * DAY),
        Person(external_id="eva2", kind="account", first_name="Eva", last_name="Lang", email="eva@two.example",
               phone="+49 30 9135728", created_at=8 * DAY, version=10 * DAY),
        Person(external_id="mayer", kind="account", first_name="Jonas", last_name="Hartwig", email="j@h.example",
               version=10 * DAY),
    ]  # fmt: skip
    made += [
        Person(external_id=f"many{n}", kind="account", first_name=name, last_name=last, email="familie@y.example",
               version=10 * DAY)
        for n, (name, last) in enumerate((("Ida", "Roth"), ("Otto", "Vogel"), ("Paul", "Kern"), ("Rosa", "Blum")))
    ]  # fmt: skip
    return made


def listed() -> list[Record]:
    """The rows of a list: some are people of the shop, some are nobody's."""
    return [
        Person(external_id="1", kind="contact", first_name="Anna", last_name="Müller", email="Anna@X.example",
               company="ACME", numbers=[Number("K-1")]),
        Person(external_id="2", kind="contact", first_name="Anna", last_name="Müller", email="anna@x.example",
               company="ACME", numbers=[Number("K-1")]),
        Person(external_id="3", kind="contact", first_name="Eva", last_name="Lang", email="eva@one.example",
               emails=["eva@two.example"]),
        Person(external_id="4", kind="contact", email="ben@x.example",
               consents=[Consent(channel="email", purpose="promotion", state="denied", at=3 * DAY)]),
        Person(external_id="5", kind="contact", first_name="Ida", last_name="Roth", email="familie@y.example"),
        Person(external_id="5a", kind="contact", first_name="Udo", last_name="Zwei", email="udo@x.example"),
        Person(external_id="5b", kind="contact", first_name="Udo", last_name="Zwei", email="Udo@x.example", tags=["b"]),
        Person(external_id="6", kind="contact", first_name="Jonny", last_name="Hartwick", email="j@h.example"),
        Person(external_id="7", kind="contact", first_name="Zoe", last_name="Amt", email="info@firma.example"),
        Person(external_id="8", kind="contact", first_name="Kurt", last_name="Amt", email="info@firma.example"),
    ]  # fmt: skip


def orders() -> list[Record]:
    """Orders of accounts, of guests, of nobody, and carts."""
    made: list[Record] = [
        Order(external_id=f"o{n}", customer="anna", total=1000 + n, currency="EUR", placed_at=n * DAY, version=10 * DAY)
        for n in range(4)
    ]
    made += [
        Order(external_id="o7", customer="ben", total=500, currency="CHF", placed_at=9 * DAY, test=True),
        Order(external_id="o8", customer="eva2", total=900, refunded=900, currency="EUR", placed_at=9 * DAY),
        Order(external_id="o9", customer="later", total=100, currency="EUR", placed_at=9 * DAY),
        Checkout(external_id="c1", customer="anna", at=9 * DAY, currency="EUR", value=8000),
    ]
    return made


def guests() -> list[Record]:
    """Orders of a shop where each guest order is a row."""
    return [
        Order(external_id=f"g{n}", guest=True, first_name="Gerd", last_name="Gast", email="gerd@x.example",
              total=700, currency="EUR", placed_at=n * DAY)
        for n in range(3)
    ]  # fmt: skip


def build(store: Store, *, size: int = 250) -> Store:
    """The town on its first day."""
    assert rules.adopt(store, RULES)
    bring(store, "main", [*accounts(), *orders()], size=size)
    bring(store, "shop", guests(), size=size)
    bring(store, "list", listed(), size=size)
    return store


def live(store: Store, *, size: int = 250) -> Store:
    """What happens afterwards: changes, deletions, late customers, other rules and back."""
    build(store, size=size)
    bring(store, "main", [
        Person(external_id="later", kind="account", first_name="Lea", last_name="Spaet", email="lea@x.example"),
        Person(external_id="ben", kind="account", first_name="Ben", last_name="Müller", email="ben@new.example",
               version=11 * DAY),
        Order(external_id="o1", customer="anna", total=1001, refunded=1, currency="EUR", placed_at=DAY,
              version=11 * DAY),
        Gone(entity="customer", external_id="mayer"),
    ], size=size)  # fmt: skip
    bring(store, "list", [
        Person(external_id="2", kind="contact", first_name="Bernd", last_name="Anders", email="bernd@x.example"),
        Person(external_id="9", kind="contact", first_name="Paul", last_name="Kern", email="familie@y.example"),
    ], size=size)  # fmt: skip
    for changed in (
        Ruleset(**{**_fields(RULES), "rules": ("email",), "limits": (10, 10, 50)}),
        Ruleset(**{**_fields(RULES), "sources": {**RULES.sources, "shop": SourceRules(guests="merge")}}),
        RULES,
    ):
        rules.apply(store, changed)
        work.drain(store)
    return store


def passed_on(store: Store, *, size: int = 250) -> Store:
    """Then a marketplace comes that passes on orders of the shop, with papers, and merges two of its people."""
    live(store, size=size)
    rules.apply(store, Ruleset(**{**_fields(RULES), "sources": {
        **RULES.sources, "market": SourceRules(guests="merge", same_as={"77": "main"}),
    }}))  # fmt: skip
    bring(store, "market", [
        Person(external_id="m1", first_name="Anna", last_name="Mueller", email="relay@market.example", version=DAY),
        Person(external_id="m2", first_name="Leo", last_name="Berg", email="leo@x.example", merged_into="m3"),
        Person(external_id="m3", first_name="Leopold", last_name="Berg", email="leopold@x.example"),
        Order(external_id="b1", customer="m1", total=1002, currency="EUR", placed_at=2 * DAY,
              origin=Origin(platform="shop", shop="77", id="o2")),
        Order(external_id="b2", customer="m3", total=5000, currency="EUR", placed_at=3 * DAY,
              origin=Origin(platform="other", shop="9", id="x1")),
        Order(external_id="b3", customer="m3", total=-2000, currency="EUR", placed_at=4 * DAY, credits="b2"),
        Order(external_id="b4", customer="m3", total=100, currency="EUR", placed_at=4 * DAY, cancels="unknown"),
    ], size=size)  # fmt: skip
    work.drain(store)
    return store


def posted(store: Store, *, size: int = 250) -> Store:
    """And letters are sent and scanned, some before anybody knows whom they are to; one goes to somebody else."""
    passed_on(store, size=size)
    anna, guest = RecordRef("main", "customer", "anna"), RecordRef("shop", "guest_order", "g1")
    bring(store, "push", [
        Scan(external_id="s1", letter="l1", at=20 * DAY),
        Scan(external_id="s2", letter="l2", at=21 * DAY),
        Scan(external_id="s3", letter="l9", customer=RecordRef("market", "customer", "m2"), at=22 * DAY),
        Letter(external_id="l1", customer=anna, campaign="spring", status="sent", sent_at=19 * DAY,
               file=File(name="l1.pdf", content=b"%PDF-1.7 one")),
        Letter(external_id="l2", customer=guest, campaign="spring", version=DAY),
        Letter(external_id="l3", customer=RecordRef("main", "customer", "nobody")),
        Campaign(external_id="spring", title="Spring", at=18 * DAY),
        Message(external_id="m1", customer=RecordRef("list", "contact", "4"), by="email", at=23 * DAY),
        Booking(external_id="b1", customer=RecordRef("main", "customer", "eva2"), starts_at=24 * DAY),
        Scan(external_id="s4", letter="l2", at=23 * DAY),
    ], size=size)  # fmt: skip
    bring(store, "push", [Letter(external_id="l2", customer=anna, campaign="spring", version=2 * DAY)], size=size)
    bring(store, "main", [
        Person(external_id="anna", kind="account", first_name="Anna", last_name="Müller", email="anna@y.example",
               created_at=5 * DAY, version=12 * DAY),
    ], size=size)  # fmt: skip
    work.drain(store)
    return store


def _fields(ruleset: Ruleset) -> dict[str, object]:
    return {name: getattr(ruleset, name) for name in ruleset.__dataclass_fields__}
