"""A house to look at: some hundred customers who never lived, with all that a shop knows of its people, always the same.

Drawn from one seed and told by a clock that stands at one day, so that the same pictures come out of it tomorrow.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import Literal
from zoneinfo import ZoneInfo

from klientela.errors import SourceBroken
from klientela.flow import consenting, remarks
from klientela.flow.crowd import Whom
from klientela.flow.importing import Into, import_records
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
    Order,
    Page,
    Person,
    Position,
    Record,
    RecordRef,
    Scan,
    Source,
    SourceSettings,
    Stream,
    Window,
)
from klientela.model.instants import DAY, HOUR, MINUTE, Instant, from_datetime
from klientela.model.records import ConsentChannel
from klientela.store import Store

TODAY = from_datetime(datetime(2026, 11, 18, 9, 30, tzinfo=ZoneInfo("Europe/Berlin")))
"""When it is."""
CUSTOMERS = 340
CONFIG = """[shop]
timezone = "Europe/Berlin"
currency = "EUR"

[sources.Shopify]
type = "shopify"
access_token = "shown-to-nobody"
base_url = "http://127.0.0.1:9"
every = "10m"
priority = 10

[sources.Billbee]
type = "billbee"
user = "haus@teehaus.example"
password = "shown-to-nobody"
api_key = "shown-to-nobody"
base_url = "http://127.0.0.1:9"
every = "15m"
guests = "merge"

[sources.Wix]
type = "wix"
api_key = "shown-to-nobody"
site_id = "5a9d0d1e-0000-4000-8000-000000000007"
base_url = "http://127.0.0.1:9"
every = "1h"

[sources.Liste]
type = "csv"
path = "liste.csv"
every = "1d"

[sources.Kasse]
type = "api"
"""


def _names(text: str) -> list[str]:
    return text.split()


_FIRST = _names(
    """
    Marlene Jonas Dorota Lea Tadeusz Verena Kreszenz Jens-Peter Ofelia Witold Camilo Rita Szymon Melek Grzegorz Janine
    Ralf-Dieter Dagmar Nancy Julian Wendelin Margitta Annika Emil Zofia Henrike Bastian Ilse Pawel Frieda Mathis Selma
    Oskar Thea Konrad Lilian Agnieszka Bruno Cécile Tilda Magnus Hedwig Ivo Rosalie Anton Marit Kasimir Paula Elif Jörg
    """
)
_LAST = _names(
    """
    Weinhold Hendriks Pietrasz Drub Ruppert Vogt Gude Kristiansen Garcia Plath Heim Kulis Mosquera Achleitner Mentzel
    Rosenow Carsten Hermann Zenz Trubin Campbell Bohnbach Raźny Sire Moser Lindqvist Ahorn Brandt Czajka Dürr Eßer Falk
    Głowacki Hoffart Immel Jessen Krämer Löwe Maurer Nitsche Oswald Preiß Quandt Riedel Seibold Thoma Ulbrich Wieland
    Xaver Yıldız Zander Öztürk van-der-Dussen
    """
)
_TOWNS = (
    ("DE", "Riesa", "01587"), ("DE", "Mayen", "56727"), ("DE", "Dinkelsbühl", "91550"), ("DE", "Wetzlar", "35576"),
    ("DE", "Jüterbog", "14913"), ("PL", "Gorzów Wielkopolski", "66-400"), ("DE", "Günzburg", "89312"),
    ("AT", "Mariazell", "8630"), ("ES", "Zamora", "49001"), ("DE", "Coburg", "96450"), ("DE", "Görlitz", "02826"),
    ("PL", "Olsztyn", "10-001"), ("AT", "Vils", "6682"), ("NL", "Beverwijk", "1941"), ("DK", "Karrebæksminde", "4736"),
    ("CH", "Meilen", "8706"), ("DE", "Kitzingen", "97318"), ("DE", "Melle", "49324"), ("PL", "Żory", "44-240"),
    ("DE", "Vohenstrauß", "92648"), ("AT", "Hardegg", "2082"), ("GB", "Ludlow", "SY8 1AA"), ("DE", "Strausberg", "15344"),
    ("FR", "Colmar", "68000"), ("DE", "Ebersberg", "85560"), ("DE", "Havelberg", "39539"), ("CH", "Burgdorf", "3400"),
)  # fmt: skip
_STREETS = "Lindenstr. Hafenweg Rosenweg Am-Markt Gartenstr. Bergstr. Mühlweg Kirchgasse Ringstr. Seeufer".split()  # noqa: SIM905
_FIRMS = ("Trüb & Sohn", "Häring AG", "Walder KG", "Matthäi", "Zauner Bindungen", "Flores PLC", "Biggen GmbH", "Zirme")
_POST = ("posteo.example", "web.example", "mail.example", "outlook.example", "t-online.example")
_GOODS = (
    ("Grüner Tee Sencha", "TEE-01", 1490), ("Earl Grey", "TEE-02", 1190), ("Rooibos Vanille", "TEE-03", 990),
    ("Matcha 80 g", "TEE-08", 2890), ("Teekanne Gusseisen", "KANNE-1", 6900), ("Becher, 2 Stück", "BECHER-2", 1850),
    ("Probierpaket", "PAKET-P", 2450), ("Teefilter Baumwolle", "FILTER", 590), ("Geschenkgutschein", "GUT-25", 2500),
)  # fmt: skip
_TAGS = ("vip", "Newsletter", "Händler", "Messe 2026", "Abo")
_AGREE: tuple[tuple[ConsentChannel, float], ...] = (("email", 0.62), ("post", 0.4), ("sms", 0.16), ("phone", 0.09))
_PLAIN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ź": "z", "ł": "l", "ó": "o", "ı": "i", "é": "e", "Ö": "oe"}
)
_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 420]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


class Clock:
    """Our clock, put to a moment; from there it goes on."""

    def __init__(self) -> None:
        self._true = time.time_ns
        self._ahead = 0

    def put(self, moment: Instant) -> None:
        """It is that moment now."""
        self._ahead = moment * 1000 - self._true()

    def __call__(self) -> int:
        """Nanoseconds."""
        return self._true() + self._ahead


@contextmanager
def standing(moment: Instant = TODAY) -> Iterator[Clock]:
    """Let our clock tell another time, for this process."""
    clock = Clock()
    clock.put(moment)
    was, time.time_ns = time.time_ns, clock
    try:
        yield clock
    finally:
        time.time_ns = was


class Told(Source):
    """A source that says what it is given; `broken` says why it cannot be reached."""

    type = "told"
    title = "Told"

    def __init__(self, name: str, records: Sequence[Record], broken: bool = False) -> None:
        super().__init__(name, SourceSettings(type="told"))
        self.records = records
        self.broken = broken

    def streams(self) -> Sequence[Stream]:
        return [Stream("customers", self._read, snapshot=True)]

    def _read(self, window: Window, position: Position) -> Iterator[Page]:
        if self.broken:
            raise SourceBroken("the shop did not answer in time", hint="The next run tries again.")
        for start in range(position or 0, len(self.records), 100):
            yield Page(self.records[start : start + 100], start + 100)


class _Somebody:
    """Who somebody is; sources tell parts of it."""

    def __init__(self, number: int, dice: Random) -> None:
        self.number = number
        self.first, self.last = dice.choice(_FIRST), dice.choice(_LAST).replace("-", " ")
        country, city, zip_ = dice.choice(_TOWNS)
        self.firm = dice.choice(_FIRMS) if dice.random() < 0.16 else None
        plain = f"{self.first}.{self.last}".lower().translate(_PLAIN).replace(" ", "").replace("-", "")
        self.email = f"{plain}{dice.choice(('', '', str(dice.randrange(99))))}@{dice.choice(_POST)}"
        self.phone = f"+49 30 23125{number:03}" if dice.random() < 0.6 else None
        self.home = Address(
            street=f"{dice.choice(_STREETS).replace('-', ' ')} {dice.randrange(1, 90)}", zip=zip_, city=city, country=country,
            company=self.firm, kind="billing",
        )  # fmt: skip
        # more of them came lately than long ago
        self.since = TODAY - int(720 * DAY * (1 - dice.random() ** 0.62)) - HOUR
        self.orders = 0 if dice.random() < 0.14 else max(1, min(38, int(dice.paretovariate(0.85))))
        self.guest = dice.random() < 0.3


def _person(one: _Somebody, dice: Random, **more: object) -> Person:
    consents = [
        Consent(channel=channel, purpose="promotion", state="granted" if dice.random() < 0.93 else "denied", at=one.since)
        for channel, often in _AGREE
        if dice.random() < often
    ]  # fmt: skip
    says: dict[str, object] = {
        "kind": "guest" if one.guest else "account", "first_name": one.first, "last_name": one.last, "email": one.email,
        "phone": one.phone, "company": one.firm, "addresses": [one.home], "created_at": one.since, "version": one.since,
        "consents": consents, "tags": [dice.choice(_TAGS)] if dice.random() < 0.3 else [], **more,
    }  # fmt: skip
    if one.number % 23 == 0:
        says["first_name"] = says["last_name"] = None  # the e-mail stands as the name
    return Person(external_id=str(1000 + one.number), **says)  # type: ignore[arg-type]


def _orders(one: _Somebody, dice: Random, shop: str) -> Iterator[Order]:
    for n in range(one.orders):
        lines = [
            Line(title=title, sku=sku, quantity=many, unit_price=price, total=price * many)
            for title, sku, price in dice.sample(_GOODS, dice.randrange(1, 4))
            for many in [dice.choice((1, 1, 1, 2, 3))]
        ]
        total = sum(line.total or 0 for line in lines)
        placed = one.since + int((TODAY - one.since) * (n + dice.random()) / one.orders)
        yield Order(
            external_id=f"{shop}-{one.number}-{n}", number=f"{shop[0]}{one.number:03}{n:02}", customer=str(1000 + one.number),
            placed_at=placed - 20 * MINUTE, currency="EUR", total=total, lines=lines, version=placed,
            state="cancelled" if dice.random() < 0.03 else "open" if placed > TODAY - 3 * DAY else "paid",
            test=one.number % 37 == 5 and n == 0, kind="guest" if one.guest else "account",
        )  # fmt: skip


def people(dice: Random) -> dict[str, list[Record]]:
    """What each source tells, by its name."""
    told: dict[str, list[Record]] = {"Shopify": [], "Billbee": [], "Wix": [], "Liste": []}
    for number in range(CUSTOMERS):
        one = _Somebody(number, dice)
        first = dice.choices(list(told), (58, 20, 10, 12))[0]
        own = {} if first != "Liste" else {"kind": "contact"}
        told[first] += [_person(one, dice, **own), *(_orders(one, dice, first) if first != "Liste" else ())]
        if dice.random() < 0.22:  # another source knows the same person
            second = dice.choice([name for name in told if name != first])
            told[second].append(
                _person(one, dice, kind="contact" if second == "Liste" else "account", created_at=one.since + 9 * DAY)
            )
    told["Liste"] = [*_doubtful(), *told["Liste"]]
    told["Shopify"] = [*_twice(), *told["Shopify"]]
    return told


def _doubtful() -> list[Record]:
    """Pairs that only a person can tell apart or join: nearly one name behind one phone, or one name and nearly one
    address."""
    pairs = (
        (
            "Friedel",
            "Sommerfeldt",
            "Friedrich",
            "Sommerfeld",
            "+49 395 23125",
            "Am Markt 3",
            "Seestr. 8",
            "17033",
            "Neubrandenburg",
        ),
        ("Grażyna", "Öztürk", "Grazyna", "Öztürk", None, "Lindenallee 5", "Lindenalee 5", "50667", "Köln"),
        ("Hannelore", "Mayer", "Hannelore", "Meyer", None, "Hafenweg 12", "Hafenwegg 12", "24937", "Flensburg"),
    )
    return [
        Person(
            external_id=f"D-{number}-{side}", kind="contact", first_name=first, last_name=last, created_at=TODAY - 40 * DAY,
            email=f"{first}.{last}{number}@mail.example".lower().translate(_PLAIN) if side else None, phone=phone,
            addresses=[Address(street=street, zip=zip_, city=city, country="DE")],
        )
        for number, (a, b, c, d, phone, here, there, zip_, city) in enumerate(pairs)
        for side, (first, last, street) in enumerate(((a, b, here), (c, d, there)))
    ]  # fmt: skip


def _twice() -> list[Record]:
    """Two accounts of one shop that are one person, as it seems."""
    return [
        Person(
            external_id=f"T-{number}", kind="account", first_name="Henrike", last_name="Achleitner", phone="+43 1 2312599",
            email=f"henrike.achleitner{number}@web.example", created_at=TODAY - (400 - 90 * number) * DAY,
            addresses=[Address(street="Kirchgasse 7", zip="8630", city="Mariazell", country="AT")],
        )
        for number in range(2)
    ]  # fmt: skip


def heroine(dice: Random) -> dict[str, list[Record]]:
    """Somebody with everything a profile can show."""
    since, mail = TODAY - 612 * DAY, "marlene.vogt@posteo.example"
    home = Address(
        first_name="Marlene",
        last_name="Vogt",
        street="Rosenweg 14",
        zip="96450",
        city="Coburg",
        country="DE",
        kind="billing",
    )
    work = Address(
        company="Vogt & Töchter", street="Ringstr. 2", zip="96450", city="Coburg", country="DE", kind="shipping"
    )
    one = _Somebody(900, dice)
    one.since, one.orders, one.guest, one.first, one.last = since, 14, False, "Marlene", "Vogt"
    agreed = [
        Consent(channel="email", purpose="promotion", state="granted", at=since + DAY, evidence="Anmeldung im Shop"),
        Consent(channel="post", purpose="promotion", state="granted", at=since + 40 * DAY),
        Consent(channel="sms", purpose="promotion", state="denied", at=since + 80 * DAY),
    ]
    shop = Person(
        external_id="1900", kind="account", first_name="Marlene", last_name="Vogt", email=mail, phone="+49 9561 23125",
        created_at=since, version=since, addresses=[home, work], consents=agreed, tags=["vip", "Abo"], birthday="1984-05-21",
    )  # fmt: skip
    cart = Checkout(
        external_id="c1", customer="1900", at=TODAY - 9 * DAY, value=6900, currency="EUR",
        lines=[Line(title="Teekanne Gusseisen", sku="KANNE-1", quantity=1, unit_price=6900, total=6900)],
    )  # fmt: skip
    return {
        "Shopify": [shop, *_orders(one, dice, "Shopify"), cart],
        "Billbee": [Person(external_id="1900", kind="account", first_name="M.", last_name="Vogt", email=mail.upper(),
                           created_at=since + 90 * DAY)],
        "Liste": [Person(external_id="L-77", kind="contact", first_name="Marlene", last_name="Vogt", company="Vogt & Töchter",
                         email="marlene.vogt+liste@posteo.example", created_at=since + 200 * DAY)],
    }  # fmt: skip


def post(dice: Random) -> list[Record]:
    """What the till pushes: campaigns, letters with their scans, messages, a booking."""
    made: list[Record] = [
        Campaign(external_id="winter", title="Wintertee 2026", at=TODAY - 26 * DAY),
        Campaign(external_id="sommer", title="Sommerpost", at=TODAY - 140 * DAY, until=TODAY - 110 * DAY),
    ]
    for number in range(70):
        whom = RecordRef("Shopify", "customer", "1900" if number == 0 else str(1000 + number * 3))
        sent = TODAY - (24 if number % 3 else 136) * DAY + number * MINUTE
        status: Literal["failed", "sent"] = "failed" if number in (9, 31) else "sent"
        made.append(
            Letter(
                external_id=f"B-{number}", customer=whom, campaign="winter" if number % 3 else "sommer",
                title="Ein Gruß aus dem Teehaus",
                status=status, sent_at=sent, error="Die Adresse gibt es nicht" if status == "failed" else None,
                file=File(name=f"brief-{number}.pdf", content=_PDF),
            )
        )  # fmt: skip
        if number == 0 or (status == "sent" and dice.random() < 0.55):
            made.append(Scan(external_id=f"S-{number}", letter=f"B-{number}", at=sent + dice.randrange(2, 12) * DAY))
    anna = RecordRef("Shopify", "customer", "1900")
    return [
        *made,
        Message(external_id="m1", customer=anna, by="email", direction="out", subject="Deine Bestellung ist unterwegs",
                at=TODAY - 30 * DAY, text="Guten Tag Frau Vogt,\nIhr Paket ist heute verschickt worden.",
                address="marlene.vogt@posteo.example"),
        Message(external_id="m2", customer=anna, by="email", direction="in", at=TODAY - 29 * DAY, text="Danke, es ist schon da!"),
        Booking(external_id="b1", customer=anna, title="Teezeremonie", status="booked", people=2, place="Raum 3",
                booked_at=TODAY - 12 * DAY, starts_at=TODAY + 9 * DAY),
    ]  # fmt: skip


def furnish(store: Store, clock: Clock) -> None:
    """Let all of it arrive over some days, as it does."""
    dice = Random(2026)
    told, she = people(dice), heroine(dice)
    types = {"Shopify": "shopify", "Billbee": "billbee", "Wix": "wix", "Liste": "csv", "Kasse": "api"}
    told = {name: [*records, *she.get(name, ())] for name, records in told.items()}
    told["Kasse"] = post(dice)
    for number, (name, records) in enumerate(told.items()):
        clock.put(TODAY - 3 * DAY + number * MINUTE)
        # some come later, so that the runs after the first have something to tell
        first = records if name == "Kasse" else records[: len(records) - 12]
        report = sync(store, Told(name, first), type_=types[name])
        if report.status != "ok":
            raise RuntimeError(report.error)
    clock.put(TODAY - 2 * DAY)
    who = "Shopify/customer/1900"
    remarks.remark(store, who, "Kauft für das Café mit ein; Rechnungen bitte an die Firma.", actor="operator Paula")
    remarks.note(
        store,
        who,
        "Fragte nach einem Katalog.",
        [File(type="text/plain", name="wunsch.txt", content=b"Sencha")],
        actor="operator Paula",
    )
    remarks.picture(store, who, File(type="image/png", name="bild.png", content=portrait()), actor="operator Paula")
    consenting.consent(
        store, Whom([who]), "phone", "promotion", "granted", evidence="Anruf am 16.11.", actor="operator Paula"
    )
    visitors = [
        Person(external_id=f"messe-{n}", entity="contact", first_name=_FIRST[n], last_name=_LAST[-n - 2],
               email=f"messe{n}@mail.example")
        for n in range(9)
    ]  # fmt: skip
    import_records(
        store, Into("Liste", "csv"), visitors, name="messe-leipzig.csv", digest="0" * 64, actor="operator Paula"
    )
    for back, name, broken in (
        (26, "Wix", True),
        (20, "Billbee", False),
        (14, "Wix", False),
        (8, "Liste", False),
        (2, "Shopify", False),
    ):
        clock.put(TODAY - back * HOUR // 2)
        sync(store, Told(name, told[name], broken), type_=types[name])
    for minutes, name in ((22, "Wix"), (9, "Billbee"), (2, "Shopify")):
        clock.put(TODAY - minutes * MINUTE)
        sync(store, Told(name, told[name]), type_=types[name])
    clock.put(TODAY)


def portrait(side: int = 96) -> bytes:
    """A picture of nobody: a head before a wall, as a PNG."""
    rows = bytearray()
    for y in range(side):
        rows.append(0)
        for x in range(side):
            head = (x - side / 2) ** 2 + (y - side * 0.4) ** 2 < (side * 0.19) ** 2
            body = (x - side / 2) ** 2 / 0.8 + (y - side * 1.05) ** 2 < (side * 0.4) ** 2
            rows += bytes((246, 214, 190) if head else (38, 92, 128) if body else (240, 190 - y // 2, 120 + y // 2))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head_ = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head_)
        + chunk(b"IDAT", zlib.compress(bytes(rows), 9))
        + chunk(b"IEND", b"")
    )


__all__ = ["CONFIG", "TODAY", "furnish", "standing"]
