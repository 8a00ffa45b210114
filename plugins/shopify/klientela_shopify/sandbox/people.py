"""Fills a pretend shop with people who never lived: accounts and guests, households, carts, returns, odd cases."""

from __future__ import annotations

import random
from dataclasses import replace

from klientela.kit import DAY, HOUR, MINUTE, SECOND, Instant
from klientela.testing.backstage import Strangers
from klientela_shopify.sandbox.shop import Shop
from klientela_shopify.sandbox.things import Address, Customer, Line, Order


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = _words(
    "Anna Ben Çağla Daniela Emre Frieda Grażyna Hélène Igor Jürgen Käthe Łukasz Małgorzata Noël Özlem Paweł Renée "
    "Sören Tomáš Ulrike Vera Wojciech Xenia Yasemin Zoë Jörg Björn Günter Sławomir Ágnes"
)
LAST = _words(
    "Öztürk Oster Ozan Müller Mueller Weiß Weiss Ahlers Weber Kowalski Wójcik Dąbrowska Nowak Şahin Yılmaz Groß "
    "Fröhlich Jäger Köhler Schäfer Bauer Lange Peters Sørensen Nguyễn Novák Szymańska Zając Hübner Krämer Brandt "
    "Voß"
)
TOWNS = (
    ("10115", "Berlin", "DE"),
    ("01067", "Dresden", "DE"),
    ("50667", "Köln", "DE"),
    ("80331", "München", "DE"),
    ("20095", "Hamburg", "DE"),
    ("1010", "Wien", "AT"),
    ("8001", "Zürich", "CH"),
    ("00-238", "Warszawa", "PL"),
    ("30-001", "Kraków", "PL"),
    ("1000", "Bruxelles", "BE"),
)
STREETS = (
    "Lindenstraße",
    "Hauptstr.",
    "Am Anger",
    "Gartenweg",
    "Schloßallee",
    "ul. Długa",
    "Bahnhofstr.",
    "Mühlgasse",
    "Römerplatz",
    "Ostring",
)
GOODS = (
    ("Kerze Lavendel", None, "KERZE-LAV", 3900),
    ("Tasse", "blau", "TASSE-1-BL", 1490),
    ("Tasse", "grün", "TASSE-1-GR", 1490),
    ("Notizbuch", "A5", "NOTIZ-A5", 1250),
    ("Umhängetasche", None, "TASCHE-2", 8900),
    ("Geschenkkarte", "Default Title", None, 2500),
    ("Teemischung „Föhn“", "100 g", "TEE-FOEHN", 799),
)
MAILS = ("mail.example", "post.example", "web.example")
TAGS = ("VIP", "newsletter", "Großhandel", "Messe")
_CHATS = {4: "SUBSCRIBED", 9: "UNSUBSCRIBED", 13: "PENDING"}  # of each sixteen customers, what they said of WhatsApp
ROAMING, LARGE = 2, 3  # which customer has a dozen homes, which one a purchase of many lines and returns


class Town(Strangers):
    """A seeded stream of people, addresses and purchases. The same seed gives the same people for ever."""

    def address(self, first: str | None, last: str | None) -> Address:
        """A home."""
        zip_code, city, country = self.dice.choice(TOWNS)
        street = self.dice.choice(STREETS)
        company = f"{last} GmbH" if last and self.dice.random() < 0.08 else None
        return Address(
            first_name=first,
            last_name=last,
            company=company,
            address1=f"{street} {self.dice.randint(1, 180)}",
            address2="2. Stock" if self.dice.random() < 0.1 else None,
            zip=zip_code,
            city=city,
            country=country,
        )

    def basket(self, size: int | None = None) -> list[Line]:
        """What somebody buys."""
        lines = []
        for _ in range(size or self.dice.choice((1, 1, 1, 2, 2, 3, 4))):
            title, variant, sku, price = self.dice.choice(GOODS)
            quantity = self.dice.choice((1, 1, 1, 2, 3))
            discounted = price * quantity * 9 // 10 if self.dice.random() < 0.15 else None
            lines.append(Line(title=title, variant=variant, sku=sku, quantity=quantity, price=price, total=discounted))
        return lines

    def before(self, moment: Instant, days: int) -> Instant:
        """Some second of the days before a moment."""
        return moment - self.dice.randint(1, days * 24 * 3600) * SECOND


def settle_in(shop: Shop, town: Town, customers: int) -> None:
    """Fill an empty shop with a number of customers, their orders and carts, and orders of nobody."""
    present = shop.clock.now()
    opened = present - SECOND  # everything happened before now, so a window that ends now holds it
    neighbour: Customer | None = None
    for count in range(customers):
        neighbour = _move_in(shop, town, count, neighbour, opened)
        for purchase in range(max(count == LARGE, _purchases(town, neighbour))):
            _buy(shop, town, neighbour, opened, large=count == LARGE and purchase == 0)
        if town.dice.random() < 0.15:
            _leave_cart(shop, town, neighbour, opened)
    for _ in range(customers // 6):
        _buy(shop, town, None, opened)
    for _ in range(customers // 40):
        _leave_cart(shop, town, None, opened)
    if not shop.clock.running:  # making the shop took no time
        shop.clock.advance((present - shop.clock.now()) // SECOND)


def _move_in(shop: Shop, town: Town, count: int, neighbour: Customer | None, opened: Instant) -> Customer:
    dice = town.dice
    born = town.before(opened, 700)
    kind = dice.random()
    first: str | None = dice.choice(FIRST)
    last: str | None = dice.choice(LAST)
    email: str | None = _mail(first, last, count, dice)
    phone = town.phone() if dice.random() < 0.5 else None
    addresses = [town.address(first, last) for _ in range(dice.choice((1, 1, 1, 1, 2, 3)))]
    state = dice.choices(("ENABLED", "DISABLED", "INVITED", "DECLINED"), (45, 45, 7, 3))[0]
    if kind < 0.08 and neighbour is not None and neighbour.addresses and neighbour.last_name:
        last = neighbour.last_name  # a household: one home, one telephone, two people
        home = replace(neighbour.addresses[0], id=0, first_name=first, last_name=last)
        addresses, phone, email = [home], neighbour.phone, _mail(first, last, count, dice)
    elif kind < 0.12:
        first = last = None  # a newsletter reader
        addresses, phone, state = [], None, "DISABLED"
    elif kind < 0.16 and (phone := phone or town.phone()):
        first = last = email = None  # a telephone and nothing else
        addresses, state = [], "DISABLED"
    elif kind < 0.20 and neighbour is not None and neighbour.last_name:
        first, last = neighbour.first_name, neighbour.last_name  # the same person with another mailbox
        addresses = [replace(address, id=0) for address in neighbour.addresses]
    if count == ROAMING:
        addresses = [town.address(first, last) for _ in range(12)]
    one = shop.customer(
        state=state,
        first_name=first,
        last_name=last,
        email=email,
        verified_email=dice.random() < 0.9,
        email_consent=dice.choices(
            ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SUBSCRIBED", "PENDING", "INVALID"), (40, 10, 42, 5, 3)
        )[0],
        sms_consent=dice.choices(("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SUBSCRIBED"), (10, 5, 85))[0],
        whatsapp_consent=_CHATS.get(count % 16, "NEVER_SUBSCRIBED"),
        consent_at=born + dice.randint(0, 30) * MINUTE,
        phone=phone,
        addresses=addresses,
        locale=dice.choice(("de", "de", "de", "pl", "en", "de-AT")),
        note="Stammkundin" if dice.random() < 0.05 else None,
        tags=sorted(dice.sample(TAGS, dice.choice((0, 0, 0, 1, 2)))),
        created_at=born,
        updated_at=min(opened, born + dice.randint(0, 60) * DAY),
    )
    one.default_address = dice.randrange(len(addresses)) if addresses else 0
    return one


def _mail(first: str | None, last: str | None, count: int, dice: random.Random) -> str:
    local = f"{first}.{last}{count}".replace("ß", "ss")
    plain = "".join(letter for letter in local if letter.isascii())
    return f"{plain.lower()}@{dice.choice(MAILS)}"


def _purchases(town: Town, customer: Customer) -> int:
    if customer.state == "INVITED" or (customer.first_name is None and customer.email is not None):
        return 0
    return town.dice.choices((0, 1, 2, 3, 6), (20, 40, 22, 12, 6))[0]


def _buy(shop: Shop, town: Town, buyer: Customer | None, opened: Instant, *, large: bool = False) -> Order:
    dice = town.dice
    since = buyer.created_at if buyer else opened - 700 * DAY
    placed = min(opened, since + dice.randint(0, max(0, (opened - since) // SECOND)) * SECOND)
    home: Address | None = None
    email = phone = None
    source = "web"
    if buyer is not None:
        email, phone = buyer.email, buyer.phone if dice.random() < 0.3 else None
        home = replace(buyer.addresses[0], id=0) if buyer.addresses else None
    elif dice.random() < 0.3:
        source = "pos"  # the till: no name, no e-mail, no address
    else:
        first, last = dice.choice(FIRST), dice.choice(LAST)
        home, email = town.address(first, last), _mail(first, last, dice.randint(1, 999), dice)
    order = shop.order(
        customer=buyer,
        email=email,
        phone=phone,
        lines=town.basket(25 if large else None),
        billing=home,
        shipping=replace(home, id=0) if home and dice.random() < 0.9 else None,
        source=source,
        test=dice.random() < 0.03,
        created_at=placed,
        processed_at=placed - 30 * DAY if dice.random() < 0.01 else placed,
        updated_at=min(opened, placed + dice.randint(0, 72) * HOUR),
        fulfillment=dice.choice(("FULFILLED", "FULFILLED", "UNFULFILLED", "IN_PROGRESS")),
        tags=["Geschenk"] if dice.random() < 0.05 else [],
    )
    fate = dice.random()
    changed = order.updated_at
    if large:
        order.refunds = [shop.refund_of(100, changed) for _ in range(12)]
    elif fate < 0.03:
        order.refunds = [shop.refund_of(order.total, changed)]
    elif fate < 0.06:
        order.refunds = [shop.refund_of(order.total // 3, changed)]
    elif fate < 0.09:
        order.cancelled_at, order.cancel_reason = changed, "CUSTOMER"
    elif fate < 0.12:
        order.financial = dice.choice(("PENDING", "AUTHORIZED", "VOIDED", "PARTIALLY_PAID"))
    return order


def _leave_cart(shop: Shop, town: Town, buyer: Customer | None, opened: Instant) -> None:
    begun = town.before(opened, 80)
    cart = shop.checkout(
        customer=buyer,
        lines=town.basket(),
        created_at=begun,
        updated_at=min(opened, begun + 20 * MINUTE),
        shipping=replace(buyer.addresses[0], id=0) if buyer and buyer.addresses else None,
    )
    if buyer is not None and town.dice.random() < 0.4:
        done = min(opened, begun + town.dice.randint(20, 600) * MINUTE)
        order = shop.recover(cart)
        shop.checkout(cart.id, completed_at=done, updated_at=done)
        shop.order(order.id, created_at=done, processed_at=done, updated_at=done)
