"""Fills a pretend site with people who never lived: members and visitors, households, carts, returns, odd cases."""

from __future__ import annotations

from dataclasses import replace

from klientela.kit import DAY, MINUTE, SECOND, Instant
from klientela.testing.backstage import Strangers
from klientela_wix.sandbox.site import Site
from klientela_wix.sandbox.things import Address, Contact, Line, Order


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = _words(
    "Amelie Bastian Chloé Dörte Edyta Fabian Gülay Henning İlker Jarosław Katarzyna Lörke Mikołaj Noémie Oğuz Pola "
    "Quirin Rüdiger Stanisława Tülin Ursula Viktor Wanda Xaver Yvonne Zbigniew Ästrid Bogumił Françoise Jörn"
)
LAST = _words(
    "Ackermann Böhm Czajka Dürr Eßer Esser Fuß Görlitz Hoß Issel Jabłoński Königs Lüders Małecka Nöll Ostrowski Pütz "
    "Rößler Roessler Süß Świątek Tönnies Übelacker Voigt Wiśniewska Zöller Żak Krüger Bähr Yıldız"
)
TOWNS = (
    ("04109", "Leipzig", "DE", "DE-SN"),
    ("28195", "Bremen", "DE", "DE-HB"),
    ("40213", "Düsseldorf", "DE", "DE-NW"),
    ("55116", "Mainz", "DE", "DE-RP"),
    ("70173", "Stuttgart", "DE", "DE-BW"),
    ("8010", "Graz", "AT", "AT-6"),
    ("4051", "Basel", "CH", "CH-BS"),
    ("61-001", "Poznań", "PL", "PL-30"),
    ("80-001", "Gdańsk", "PL", "PL-22"),
)
STREETS = (
    "Goethestraße",
    "Schulstr.",
    "Am Bächle",
    "Wiesenweg",
    "Königsallee",
    "ul. Polna",
    "Mühlenstr.",
    "Kirchplatz",
)
GOODS = (
    ("Seife Lavendel", "SEIFE-LAV", 690),
    ("Poster „Möwe“", "POSTER-M", 2400),
    ("Strickset", "STRICK-1", 5900),
    ("Becher", "BECHER", 1650),
    ("Gutschein", None, 5000),
    ("Honig 500 g", "HONIG-500", 850),
)
MAILS = ("brief.example", "post.example", "netz.example")
LABELS = ("custom.vip", "custom.messe", "contacts.contacted-me", "contacts.customers")


class Town(Strangers):
    """A seeded stream of people, addresses and purchases. The same seed gives the same people for ever."""

    def address(self, tag: str = "UNTAGGED") -> Address:
        """A home."""
        zip_code, city, country, region = self.dice.choice(TOWNS)
        street, number = self.dice.choice(STREETS), str(self.dice.randint(1, 180))
        apart = self.dice.random() < 0.2  # some come with the house number by itself
        return Address(
            street=street if apart else f"{street} {number}",
            number=number if apart else None,
            line2="Hinterhaus" if self.dice.random() < 0.1 else None,
            zip=zip_code,
            city=city,
            country=country,
            region=region,
            tag=tag,
        )

    def basket(self) -> list[Line]:
        """What somebody buys."""
        lines = []
        for _ in range(self.dice.choice((1, 1, 1, 2, 2, 3))):
            title, sku, price = self.dice.choice(GOODS)
            quantity = self.dice.choice((1, 1, 1, 2, 3))
            discount = price * quantity // 10 if self.dice.random() < 0.15 else 0
            lines.append(Line(title=title, sku=sku, quantity=quantity, price=price, discount=discount))
        return lines

    def mail(self, first: str | None, last: str | None, number: int) -> str:
        """An address of nobody."""
        plain = "".join(letter for letter in f"{first}.{last}{number}".replace("ß", "ss") if letter.isascii())
        return f"{plain.lower()}@{self.dice.choice(MAILS)}"


def settle_in(site: Site, town: Town, customers: int) -> None:
    """Fill an empty site with a number of contacts, their memberships, orders and carts."""
    present = site.clock.now()
    opened = present - SECOND  # everything happened before now, so a window that ends now holds it
    neighbour: Contact | None = None
    for count in range(customers):
        neighbour = _move_in(site, town, count, neighbour, opened)
        for _ in range(_purchases(town, neighbour)):
            _buy(site, town, neighbour, opened)
        if neighbour.first_name and town.dice.random() < 0.15:
            _leave_cart(site, town, neighbour, opened)
    for _ in range(customers // 40):
        _leave_cart(site, town, None, opened)
    _merge_some(site, town, customers // 50, opened)
    if not site.clock.running:  # making the site took no time
        site.clock.advance((present - site.clock.now()) // SECOND)
    site.outbox.clear()


def _move_in(site: Site, town: Town, count: int, neighbour: Contact | None, opened: Instant) -> Contact:
    dice = town.dice
    born = opened - dice.randint(1, 700 * 24 * 3600) * SECOND - dice.randint(0, 999) * 1000
    kind = dice.random()
    first: str | None = dice.choice(FIRST)
    last: str | None = dice.choice(LAST)
    email: str | None = town.mail(first, last, count)
    phone = town.phone() if dice.random() < 0.5 else None
    homes = [town.address(dice.choice(("SHIPPING", "BILLING", "UNTAGGED"))) for _ in range(dice.choice((0, 1, 1, 2)))]
    source = dice.choice(("WIX_STORES", "WIX_STORES", "WIX_FORMS", "IMPORT", "ADMIN"))
    if kind < 0.08 and neighbour is not None and neighbour.addresses and neighbour.last_name:
        last = neighbour.last_name  # a household: one home, one telephone, two people
        homes, phone, email = [replace(neighbour.addresses[0])], neighbour.phone, town.mail(first, last, count)
    elif kind < 0.12:
        first = last = None  # a newsletter reader
        homes, phone, source = [], None, "WIX_FORMS"
    elif kind < 0.15 and (phone := phone or town.phone()):
        first = last = email = None  # a telephone and nothing else
        homes = []
    elif kind < 0.19 and neighbour is not None and neighbour.last_name:
        first, last = neighbour.first_name, neighbour.last_name  # the same person with another mailbox
        homes = [replace(home) for home in neighbour.addresses]
    changed = min(opened, born + dice.randint(0, 60) * DAY)
    one = site.contact(
        source=source,
        first_name=first,
        last_name=last,
        company=f"{last} GmbH" if last and dice.random() < 0.05 else None,
        email=email,
        more_emails=[town.mail(first, last, count + 50_000)] if email and dice.random() < 0.05 else [],
        email_consent=dice.choices(("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SET", "PENDING"), (35, 10, 50, 5))[0],
        phone=phone,
        phone_consent=dice.choices(("SUBSCRIBED", "UNSUBSCRIBED", "NO_SUBSCRIPTION_STATUS"), (10, 5, 85))[0],
        addresses=homes,
        locale=dice.choice(("de-de", "de-de", "pl-pl", "en-us")),
        labels=sorted(dice.sample(LABELS, dice.choice((0, 0, 1, 1, 2)))),
        created_at=born,
        updated_at=changed,
    )
    if email and first and dice.random() < 0.4:
        one.source = "WIX_SITE_MEMBERS"
        status = dice.choices(("APPROVED", "PENDING", "BLOCKED", "OFFLINE"), (90, 4, 4, 2))[0]
        site.member(one, verified=dice.random() < 0.8, status=status, created_at=born, updated_at=changed)
    return one


def _purchases(town: Town, contact: Contact) -> int:
    if contact.first_name is None:
        return 0
    return town.dice.choices((0, 1, 2, 3, 6), (25, 40, 20, 10, 5))[0]


def _buy(site: Site, town: Town, buyer: Contact, opened: Instant) -> Order:
    dice = town.dice
    placed = min(opened, buyer.created_at + dice.randint(0, max(1, (opened - buyer.created_at) // SECOND)) * SECOND)
    home = replace(buyer.addresses[0]) if buyer.addresses else town.address()
    home.first_name, home.last_name, home.phone = buyer.first_name, buyer.last_name, buyer.phone
    who: dict[str, str | None] = {}
    member = site.member_of(buyer)
    if member is not None and dice.random() < 0.2:
        who = {"visitor": site.new_id("visitor")}  # had an account and did not log in
    elif dice.random() < 0.04:
        who = {"member": None, "visitor": None}  # the merchant made it
    order = site.order(
        contact=buyer,
        email=buyer.email,
        lines=town.basket(),
        billing=home,
        recipient=replace(home) if dice.random() < 0.9 else None,
        purchased_at=placed,
        updated_at=min(opened, placed + dice.randint(0, 72 * 60) * MINUTE),
        demo=dice.random() < 0.03,
        channel=dice.choice(("WEB", "WEB", "WEB", "POS", "BACKOFFICE_MERCHANT")),
        fulfillment=dice.choice(("FULFILLED", "FULFILLED", "NOT_FULFILLED", "PARTIALLY_FULFILLED")),
        **who,
    )
    fate = dice.random()
    if fate < 0.03:
        order.refunded = order.total
    elif fate < 0.06:
        order.refunded = order.total // 3
    elif fate < 0.09:
        order.status = "CANCELED"
    elif fate < 0.12:
        order.payment = dice.choice(("PENDING", "NOT_PAID", "DECLINED", "PARTIALLY_PAID"))
    return order


def _leave_cart(site: Site, town: Town, buyer: Contact | None, opened: Instant) -> None:
    begun = opened - town.dice.randint(1, 80 * 24 * 3600) * SECOND
    cart = site.checkout(contact=buyer, lines=town.basket(), created_at=begun, updated_at=begun + MINUTE)
    cart.updated_at = cart.indexed = min(opened, begun + 20 * MINUTE)
    if buyer is not None and town.dice.random() < 0.4:
        done = min(opened, begun + town.dice.randint(20, 600) * MINUTE)
        order = site.recover(cart)
        site.checkout(cart.id, recovered_at=done, updated_at=done)
        site.order(order.id, created_at=done, purchased_at=done, updated_at=done)


def _merge_some(site: Site, town: Town, times: int, opened: Instant) -> None:
    """Somebody tidied up: contacts that were merged, before anybody read them."""
    for _ in range(times):
        free = [one for one in site.contacts.values() if site.member_of(one) is None]
        if len(free) < 2:
            return
        one, other = town.dice.sample(free, 2)
        stays = site.merge(one, other)
        stays.updated_at = stays.indexed = opened
