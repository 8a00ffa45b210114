"""Fills a pretend account with people who never lived, and with what they bought in its shops."""

from __future__ import annotations

from dataclasses import replace

from klientela.kit import DAY, HOUR, SECOND, Instant
from klientela.testing.backstage import Strangers
from klientela_billbee.sandbox.carry import assign
from klientela_billbee.sandbox.shop import Shop
from klientela_billbee.sandbox.things import (
    ARCHIVED,
    CLOSED,
    OFFERED,
    ORDERED,
    PAID,
    SHIPPED,
    Address,
    Customer,
    Item,
    Order,
)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = _words(
    "Agnes Bruno Ceren Dieter Elżbieta Falko Gülay Henrike Ilse Jakub Kerstin Lászlo Mareike Norbert Olga Piotr Quirin "
    "Rüdiger Svenja Thore Undine Volker Wanda Yannick Zofia"
)
LAST = _words(
    "Albrecht Böhm Czerny Dörfler Engel Fuß Grünwald Hölzl Iwańska Jansen Kłos Lorenz Mäder Niemöller Ostrowski Pfaff "
    "Quast Rößler Südhof Thiele Ulbrich Vogt Wróbel Ziegler"
)
TOWNS = (
    ("10115", "Berlin", "DE"),
    ("04109", "Leipzig", "DE"),
    ("70173", "Stuttgart", "DE"),
    ("24103", "Kiel", "DE"),
    ("8010", "Graz", "AT"),
    ("3011", "Bern", "CH"),
    ("31-008", "Kraków", "PL"),
)
STREETS = ("Birkenallee", "Kirchstr.", "Am Mühlbach", "Feldweg", "Große Gasse", "ul. Zielona", "Rosenstraße")
GOODS = (
    ("Seife Lavendel", "SEIFE-LAV", 690),
    ("Handtuch grau", "HANDT-GR", 1995),
    ("Kissen", "KISSEN-1", 3450),
    ("Tee „Föhn“", "TEE-F", 799),
    ("Leuchte", "LEUCHTE-3", 12900),
)
MAILS = ("mail.example", "post.example", "web.example")
_PHONES = ("+4930231256",)  # a hundred numbers that are kept for fiction


class Town(Strangers):
    """A seeded stream of people, addresses and purchases. The same seed gives the same people for ever."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, _PHONES, digits=2)

    def address(self, first: str | None, last: str | None, kind: int = 1) -> Address:
        """A home."""
        zip_code, city, country = self.dice.choice(TOWNS)
        return Address(
            kind=kind,
            first_name=first,
            last_name=last,
            company=f"{last} GmbH" if last and self.dice.random() < 0.08 else None,
            addition="2. Stock" if self.dice.random() < 0.1 else None,
            street=self.dice.choice(STREETS),
            number=str(self.dice.randint(1, 180)),
            zip=zip_code,
            city=city,
            country=country,
        )

    def basket(self) -> list[Item]:
        """What somebody buys; sometimes with a rebate, sometimes with a coupon."""
        items = []
        for _ in range(self.dice.choice((1, 1, 2, 3))):
            title, sku, price = self.dice.choice(GOODS)
            quantity = self.dice.choice((1, 1, 2, 12))
            rebate = price * quantity // 10 if self.dice.random() < 0.15 else 0
            items.append(Item(title=title, sku=sku, quantity=quantity, price=price, rebate=rebate))
        if self.dice.random() < 0.05:
            items.append(Item(title="Gutschein", price=-300, coupon=True))
        return items

    def mail(self, first: str, last: str) -> str:
        """A mailbox."""
        local = "".join(letter for letter in f"{first}.{last}" if letter.isascii())
        return f"{local.lower()}{self.dice.randint(1, 9999)}@{self.dice.choice(MAILS)}"


def settle_in(shop: Shop, town: Town, customers: int) -> None:
    """Fill an account with a number of customers and their orders: of the shop, of the market, tests, offers."""
    present = shop.clock.now()
    for _ in range(customers):
        _move_in(shop, town)
    for number in sorted(shop.customers):
        for _ in range(town.dice.choices((0, 1, 2, 4), (25, 45, 20, 10))[0]):
            buy(shop, town, shop.customers[number], _before(town, present))
    for _ in range(customers // 5):
        buy_at_market(shop, town, _before(town, present))
    orders = [shop.orders[number] for number in sorted(shop.orders)]
    for order in orders:
        _fate(shop, town, order)
    for order in shop.orders.values():  # all of it happened before now, so a window that ends now holds it
        order.modified_at = min(order.modified_at, present - SECOND)
    if not shop.clock.running:
        shop.clock.advance((present - shop.clock.now()) // SECOND)


def _move_in(shop: Shop, town: Town) -> Customer:
    dice = town.dice
    first, last = dice.choice(FIRST), dice.choice(LAST)
    home = town.address(first, last)
    parcels = [town.address(first, last, 2)] if dice.random() < 0.2 else []
    business = dice.random() < 0.08
    return shop.customer(
        first_name=first,
        last_name=last,
        business=business,
        company=f"{last} Handels-GmbH" if business else None,
        email=town.mail(first, last) if dice.random() < 0.93 else None,
        phone=town.phone() if dice.random() < 0.4 else None,
        addresses=[home, *parcels] if dice.random() < 0.95 else [],
    )


def _before(town: Town, moment: Instant) -> Instant:
    """Some second of the two years before a moment."""
    return moment - town.dice.randint(3600, 700 * 24 * 3600) * SECOND


def buy(shop: Shop, town: Town, buyer: Customer, placed: Instant) -> Order:
    """An order of the account's own shop."""
    dice = town.dice
    home = replace(buyer.addresses[0], id=0) if buyer.addresses else None
    return shop.order(
        customer=buyer,
        store=shop.home,
        buyer=str(buyer.number),
        order_email=buyer.email,
        items=town.basket(),
        shipping_cost=dice.choice((0, 490, 490)),
        billing=home,
        shipping=replace(home, id=0, kind=2) if home and dice.random() < 0.9 else None,
        state=dice.choice((ORDERED, PAID, SHIPPED, CLOSED, ARCHIVED)),
        paid_at=placed + HOUR if dice.random() < 0.8 else None,
        test=dice.random() < 0.03,
        tags=["Geschenk"] if dice.random() < 0.05 else [],
        created_at=placed,
        modified_at=min(shop.clock.now(), placed + dice.randint(0, 72) * HOUR),
    )


def buy_at_market(shop: Shop, town: Town, placed: Instant) -> Order:
    """An order of the marketplace: a relay address that is another one with each order, and an id of the buyer's."""
    dice = town.dice
    before = [one for one in shop.orders.values() if one.store == shop.market.id and one.buyer]
    again = dice.choice(before) if before and dice.random() < 0.4 else None
    if again is not None and again.billing is not None:
        buyer, home = again.buyer, replace(again.billing, id=0)
    else:
        buyer = f"A{dice.randrange(10**12):012}"
        home = town.address(dice.choice(FIRST), dice.choice(LAST))
    relay = f"{dice.randrange(16**10):010x}@marketplace.amazon.de"
    known = replace(home, id=0)
    if again is not None and dice.random() < 0.5:
        known.number = f"{known.number}a"  # written otherwise, so it is another customer here
    return shop.order(
        customer=assign(shop, relay, known),
        store=shop.market,
        buyer=buyer,
        order_email=relay,
        items=town.basket(),
        billing=known,
        state=dice.choice((PAID, SHIPPED, CLOSED)),
        paid_at=placed,
        created_at=placed,
        modified_at=min(shop.clock.now(), placed + dice.randint(0, 72) * HOUR),
    )


def _fate(shop: Shop, town: Town, order: Order) -> None:
    """What became of an order that was placed long ago."""
    changed, fate = order.modified_at, town.dice.random()
    late = changed + DAY
    if fate < 0.03:
        shop.order(shop.credit(order, order.total // 2 or 1).id, modified_at=late)
    elif fate < 0.05:
        shop.order(shop.cancel_by_paper(order).id, modified_at=late)
    elif fate < 0.08:
        shop.order(shop.cancel(order).id, modified_at=late)
    elif fate < 0.10:
        shop.order(order.id, state=OFFERED, modified_at=changed)
    elif fate < 0.12:
        shop.delete(order)
        shop.order(order.id, modified_at=late)
