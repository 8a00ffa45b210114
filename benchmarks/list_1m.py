"""The list on a million customers: worst and median milliseconds of every search, order and page, on both databases.

    python benchmarks/list_1m.py [CUSTOMERS] [--only sqlite|postgresql] [--changed N] [--keep DIR]

The customers are made up and written straight into the tables of the list, with few rare and many common names, towns
and shops, and with what makes lists slow: a newsletter whose subscribers never ordered, marketplace addresses that one
old shop brought, orders of equal size. As between two syncs, some customers changed since the bitmaps were made.
PostgreSQL runs as a private cluster when it is installed.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from klientela.model.instants import DAY
from klientela.model.records import Line, Order
from klientela.rules.products import packed
from klientela.rules.text import search_text, sort_key
from klientela.settings.views import PRESETS, View
from klientela.store import Store, bitmaps, facts, filters, ids, open_store, search
from klientela.store import tables as t
from klientela.store.database import late_indexes
from klientela.store.housekeeping import MUCH, settle
from klientela.store.overview import facets, listing
from meter import cluster

SOURCES = ("main:shopify", "depot:billbee", "newsletter:csv", "popup:shopify")
START = 1_500_000_000_000_000
FIRST = (
    "Anna:30 Peter:28 Michael:30 Thomas:29 Andreas:27 Stefan:25 Christian:24 Maria:22 Sabine:20 Katrin:18 Julia:22 "
    "Jörg:10 Jürgen:12 Günther:6 Ute:9 Petra:12 Monika:11 Piotr:8 Agnieszka:7 Katarzyna:8 Łukasz:4 Zofia:3 "
    "Ömer:1 Xaver:.5 Quirin:.2 Élodie:.3 Lena:14 Lea:12 Leon:10 Lukas:13 Paul:11 Emma:9 Mia:9 Ben:8 Jan:10 "
    "Tim:8 Ida:3 Otto:2 Yvonne:4"
)
LAST = (
    "Müller:60 Schmidt:50 Schneider:30 Fischer:27 Weber:25 Meyer:24 Wagner:22 Becker:20 Schulz:20 Hoffmann:18 "
    "Schäfer:15 Koch:15 Bauer:14 Richter:13 Klein:12 Wolf:12 Schröder:11 Neumann:10 Schwarz:10 Zimmermann:10 Braun:9 "
    "Krüger:9 Hofmann:8 Hartmann:8 Lange:7 Nowak:9 Kowalski:7 Wiśniewski:4 Öztürk:2 Oster:1 Ozan:.5 Ahlers:.7 Zwick:.3"
)
TOWNS = (
    "Berlin/DE:60 Hamburg/DE:32 München/DE:28 Köln/DE:20 Stuttgart/DE:12 Düsseldorf/DE:12 Leipzig/DE:11 Dortmund/DE:11 "
    "Essen/DE:11 Dresden/DE:10 Hannover/DE:10 Nürnberg/DE:9 Zwickau/DE:2 Wien/AT:14 Graz/AT:3 Zürich/CH:6 Basel/CH:2 "
    "Warszawa/PL:12 Kraków/PL:7 Łódź/PL:4 Amsterdam/NL:3 Paris/FR:2 London/GB:2 Vaduz/LI:.02"
)
DOMAINS = "gmail.com:26 gmx.de:14 web.de:14 t-online.de:8 yahoo.de:4 outlook.com:5 icloud.com:4 wp.pl:3 o2.pl:2"
TAGS = "newsletter:900 b2b:200 vip:40 großhandel:20 messe-2025:60 retoure:30 presse:1"
CONSENTS = (
    None, None, None, None, {"email": {"promotion": "granted"}}, {"email": {"promotion": "granted", "system": "granted"}},
    {"email": {"promotion": "denied"}}, {"email": {"promotion": "granted"}, "post": {"promotion": "granted"}},
    {"sms": {"promotion": "denied"}},
)  # fmt: skip
_SYLLABLES = "ba ber dor gel hau kel lin mar nie ost pil rei sand tau ull vog wie zan fen gra ho ju ka lo mo"
SYLLABLES = _SYLLABLES.split()


def chooser(text: str, more: tuple[str, ...] = ()) -> Callable[[random.Random], str]:
    """Draws a word of `WORD:WEIGHT …` by its weight; `more` words weigh half."""
    pairs = [*(p.rpartition(":")[::2] for p in text.split()), *((word, ".5") for word in more)]
    words, weights = [w for w, _ in pairs], list(accumulate(float(x) for _, x in pairs))
    return lambda r: words[bisect(weights, r.random() * weights[-1])]


def word(r: random.Random, least: int = 2) -> str:
    """A made-up word."""
    return "".join(r.choice(SYLLABLES) for _ in range(r.randint(least, 4))).capitalize()


def people(count: int) -> Iterator[dict[str, Any]]:
    """The customers, always the same."""
    r = random.Random(20260101)
    hamlets = tuple(f"{word(r)}{r.choice(('', 'burg', 'stadt', 'heim'))}/{'DE' if i % 9 else 'AT'}" for i in range(400))
    first_of, last_of, town_of, domain_of = chooser(FIRST), chooser(LAST), chooser(TOWNS, hamlets), chooser(DOMAINS)
    tag_of = chooser(TAGS, tuple(f"aktion-{number}" for number in range(400)))
    for number in range(1, count + 1):
        kind = r.random()
        sources = [1] if kind < 0.55 else [2] if kind < 0.70 else [3]
        if sources == [1] and r.random() < 0.1:
            sources = [1, 2]
        if r.random() < 0.0003:
            sources.append(4)
        first, last = first_of(r), last_of(r) if r.random() < 0.5 else word(r)
        if r.random() < 0.03:
            first = last = None  # type: ignore[assignment]
        town, country = town_of(r).split("/") if r.random() < 0.93 else (None, None)
        local = f"{first or word(r)}.{last or word(r)}{r.randrange(100) if r.random() < 0.5 else ''}"
        domain = "marketplace.amazon.de" if sources == [2] and r.random() < 0.4 else domain_of(r)
        orders = 0 if sources == [3] or r.random() < 0.05 else int(r.expovariate(0.6)) + 1
        joined = START + int((0.3 if sources == [2] else 1) * r.random() * 3000) * DAY + r.randrange(DAY)
        spent = sum(1990 if r.random() < 0.2 else r.randrange(500, 30000) for _ in range(orders))
        yield {
            "id": number,
            "sources": sources,
            "first": first,
            "last": last,
            "orders": orders,
            "ltv": spent,
            "email": f"{sort_key(local).replace(' ', '')}@{domain}" if r.random() < 0.95 else None,
            "company": f"{word(r)} {r.choice(('GmbH', 'AG', 'KG'))}" if r.random() < 0.12 else None,
            "city": town,
            "country": country,
            "joined": joined if r.random() < 0.97 else None,
            "newest": joined + r.randrange(400 * DAY) if orders else None,
            "inactive": int(r.random() < 0.002),
            "cancelled": r.random() < 0.03,
            "manual": int(r.random() < 0.001),
            "tags": sorted({tag_of(r) for _ in range(r.choice((0, 0, 0, 1, 1, 2)))}),
            "modules": sorted({r.choice(("Shop", "Shop", "Terminplan")) for _ in range(r.choice((0, 1, 1, 2)))}),
            "consents": r.choice(CONSENTS),
            "tests": int(r.random() < 0.001),
            "scanned": joined + DAY if r.random() < 0.04 else None,
        }


CUSTOMER = (
    "id",
    "pub",
    "pub8",
    "anchor",
    "n",
    "first_name",
    "last_name",
    "email",
    "phone",
    "company",
    "city",
    "country",
    "status",
    "manual",
    "inactive",
    "number",
    "crm_id",
    "joined",
    "seen",
    "sources",
    "tags",
    "modules",
    "consents",
    "fallback",
    "hay",
    "facet",
    "s_name",
    "s_email",
    "s_company",
    "s_city",
)
TALLY = (
    "id",
    "pub8",
    "s_last",
    "facet",
    "inactive",
    "ltv",
    "orders",
    "last",
    "last_day",
    "gross",
    "gross_orders",
    "gross_last",
    "gross_day",
    "tests",
    "other",
    "scanned",
)


def rows_of(p: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """A customer as rows of `customer` and `tally`."""
    public = ids.public_id("bench", "customer", str(p["id"]), b"")
    facet = search.facet(p["country"], p["sources"] != [3], bool(p["manual"]), p["sources"])
    gross_orders = p["orders"] + (p["cancelled"] and p["orders"] > 0)
    display = " ".join(x for x in (p["last"], p["first"]) if x) or p["email"] or str(p["id"])
    day = None if p["newest"] is None else p["newest"] // DAY + 719163
    customer = (
        p["id"],
        public,
        ids.pub8(public),
        p["id"],
        len(p["sources"]),
        p["first"],
        p["last"],
        p["email"],
        None,
        p["company"],
        p["city"],
        p["country"],
        int(p["sources"] != [3]),
        p["manual"],
        p["inactive"],
        ids.short_number(public),
        None,
        p["joined"],
        START,
        json.dumps(p["sources"]),
        json.dumps(p["tags"], ensure_ascii=False) if p["tags"] else None,
        json.dumps(p["modules"]) if p["modules"] else None,
        json.dumps(p["consents"]) if p["consents"] else None,
        None,
        search_text(p["first"], p["last"], p["email"], p["company"], p["city"]),
        facet,
        sort_key(display),
        sort_key(p["email"]) if p["email"] else None,
        sort_key(p["company"]) if p["company"] else None,
        sort_key(p["city"]) if p["city"] else None,
    )
    tally = (
        p["id"],
        ids.pub8(public),
        sort_key(p["last"]) if p["last"] else "\uffff",
        search.tally_facet(facet, gross_orders),
        p["inactive"],
        p["ltv"],
        p["orders"],
        p["newest"],
        day,
        p["ltv"],
        gross_orders,
        p["newest"],
        day,
        p["tests"],
        None,
        p["scanned"],
    )
    return customer, tally


TOLD = tuple(CUSTOMER.index(column) for column in ("country", "status", "sources", "tags", "modules", "consents"))


def parts_of(p: dict[str, Any]) -> list[str]:
    """The parts of the figure `customers` that a customer counts in."""
    return ["inactive"] if p["inactive"] else ["", *(f"source:{source}" for source in p["sources"])]


ORDERS = ("id", "owner", "currency", "placed", "gross", "ltv", "state", "test", "products")
TOLD_ORDERS = 20_000
"""Of so many customers the orders themselves are there too, so that products have names."""


def orders_of(p: dict[str, Any], first: int, goods: Callable[[random.Random], str]) -> list[tuple[Any, ...]]:
    """A customer's orders as rows of `orders`, each with one or two of 2,000 goods, and its lines behind them."""
    r = random.Random(p["id"])
    made = []
    for place in range(p["orders"]):
        lines = [Line(title=name, sku=f"SKU-{name}") for name in {goods(r) for _ in range(r.choice((1, 1, 2)))}]
        number = first + place
        made.append((number, p["id"], "EUR", p["newest"], 1990, 1990, "paid", 0, packed(lines), lines))
    return made


def fill(store: Store, count: int) -> None:
    """Write the customers, their records and the figures of the list."""
    figures: Counter[tuple[str, str]] = Counter()
    made = people(count)
    goods = chooser("Kalender:400 Grußkarte:300 Postkarte:200", tuple(f"Ware {n}" for n in range(2000)))
    next_order = 10 * count
    with store.step("benchmark") as step:
        for number, source in enumerate(SOURCES, 1):
            name, _, kind = source.partition(":")
            step.db.insert(t.source, ("id", "uid", "label", "type", "connected"), [(number, name, name, kind, 1)])
    while batch := list(islice(made, 20_000)):
        with store.step("benchmark") as step:
            db = step.db
            pairs = [rows_of(p) for p in batch]
            db.insert(t.customer, CUSTOMER, [pair[0] for pair in pairs])
            db.insert(t.tally, TALLY, [pair[1] for pair in pairs])
            search.index(db, [(c[0], c[CUSTOMER.index("hay")], c[CUSTOMER.index("facet")]) for c, _ in pairs])
            postings, records, persons, orders, told_orders = [], [], [], [], []
            for p, (customer, tally) in zip(batch, pairs, strict=True):
                postings += [(source, p["id"]) for source in p["sources"]]
                for place, source in enumerate(p["sources"]):
                    record = p["id"] + place * count
                    records.append((record, source, 0, str(p["id"]), 0, 1, 0))
                    several = p["id"] if len(p["sources"]) > 1 else None
                    persons.append((record, p["joined"], "", b"", 1, several, START))
                figures.update(("customers", part) for part in parts_of(p))
                standing = (tally[3], p["inactive"], p["orders"], p["tests"], p["scanned"])
                figures.update(("segment", part) for part in filters.segments_of(*standing))
                told = (customer[at] for at in TOLD)
                figures.update((filters.figure_of(p["inactive"]), part) for part in filters.parts_of(*told))
                for *row, lines in orders_of(p, next_order, goods):
                    orders.append(tuple(row))
                    next_order += 1
                    if p["id"] <= TOLD_ORDERS:
                        body = facts.encode(Order(external_id=str(row[0]), lines=lines))
                        told_orders.append((row[0], 1, facts.ORDER, str(row[0]), 0, 1, 0, body))
            db.insert(t.orders, ORDERS, orders)
            db.insert(t.record, ("id", "source", "entity", "ext", "gone", "seq", "more", "body"), told_orders)
            db.insert(t.posting, ("source", "customer"), sorted(postings))
            db.insert(t.record, ("id", "source", "entity", "ext", "gone", "seq", "more"), records)
            db.insert(t.person, ("id", "created", "name", "keys", "flags", "customer", "seen"), persons)
    with store.step("benchmark") as step:
        rows = [(name, part, 0, count) for (name, part), count in figures.items()]
        step.db.insert(t.figure, ("name", "part", "day", "value"), rows)
    late_indexes(store)
    begin = time.process_time()
    settle(store, MUCH)
    print(f"{store.dialect}: bitmaps made in {time.process_time() - begin:.0f} s of CPU")


def change(store: Store, count: int, customers: int) -> None:
    """Leave so many customers that changed since the bitmaps were made."""
    some = random.Random(7).sample(range(1, customers + 1), count)
    with store.step("benchmark") as step:
        bitmaps.touch(step.db, some[: count // 4], some[count // 4 :])


# What is asked ----------------------------------------------------------------------------------------------------

TERMS = {
    "rare": "zofia zwick",
    "rare word": "quirin",
    "mid": "kowalski",
    "mid town": "zwickau",
    "common": "berlin",
    "common name": "schmidt",
    "common mail": "gmail",
    "everywhere": ".de",
    "old and far": "amazon",
    "none": "qqxqq",
    "1 letter": "a",
    "1 rare letter": "q",
    "2 letters": "an",
    "2 rare letters": "xa",
    "country": "deutschland",
    "country code": "pl",
    "rare country": "liechtenstein",
    "shop": "shopify",
    "rare shop": "popup",
    "late shop": "newsletter",
    "town and shop": "berlin shopify",
    "town and rare shop": "hamburg popup",
    "two common": "gmail schmidt",
    "common and far": "gmail newsletter",
    "far apart": "amazon newsletter",
    "three": "anna berlin gmail",
    "both foldings": "müller",
}
HEADERS = (
    "ltv",
    "orders",
    "last_order",
    "cockpit",
    "name",
    "email",
    "company",
    "location",
    "country",
    "joined",
    "status",
    "id",
)
SORTS = tuple(f"{key}:{way}" for key in HEADERS for way in ("desc", "asc"))


FILTERS: dict[str, dict[str, Any]] = {
    "common tag": {"filters": {"tag": ["newsletter"]}},
    "rare tag": {"filters": {"tag": ["presse"]}},
    "two tags": {"filters": {"tag": ["vip", "aktion-7"]}},
    "country": {"filters": {"country": ["DE"]}},
    "rare country": {"filters": {"country": ["LI", "FR"]}},
    "consent": {"filters": {"consent": ["email:promotion:granted"]}},
    "no consent": {"filters": {"consent": ["email:promotion:unknown"]}},
    "module": {"filters": {"module": ["Terminplan"]}},
    "scanned": {"segment": "scanned"},
    "not scanned": {"filters": {"scanned": ["no"]}},
    "repeat": {"segment": "repeat"},
    "test": {"segment": "test"},
    "guests": {"segment": "guest"},
    "common product": {"filters": {"product": ["kalender"]}},
    "rare product": {"filters": {"product": ["SKU-Ware 7", "Ware 8"]}},
    "many at once": {
        "segment": "repeat",
        "filters": {
            "country": ["DE", "AT"], "tag": ["newsletter", "b2b"], "consent": ["any:promotion:granted"],
            "sources": ["main", "depot"], "scanned": ["no"],
        },
    },
}  # fmt: skip


def facet_questions() -> Iterator[tuple[str, dict[str, Any]]]:
    """What the counts beside the filters are asked under."""
    yield "whole list", {}
    yield "orderers", {"view": "cockpit"}
    yield "inactive", {"inactive": True}
    for name, asked in FILTERS.items():
        yield name, asked
        yield f"{name}, berlin", {**asked, "search": "berlin"}
    for name, text in TERMS.items():
        yield f"search: {name}", {"search": text}


def questions(total: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Group, name and arguments of everything that is measured."""
    last = (total + 24) // 25
    for sort in SORTS:
        for page in (1, 2, last // 4, last // 2, last):
            yield "plain", f"{sort} page {page}", {"sort": sort, "page": page}
        for source in ("popup", "newsletter", "depot", "main"):
            for page in (1, 200):
                yield "source", f"{source} {sort} page {page}", {"sort": sort, "source": source, "page": page}
        for page in (1, 1000, last // 2):
            yield "orderers", f"{sort} page {page}", {"sort": sort, "view": "cockpit", "page": page}
        yield "inactive", sort, {"sort": sort, "inactive": True}
        yield "inactive", f"{sort} berlin", {"sort": sort, "inactive": True, "search": "berlin"}
        for name, text in TERMS.items():
            yield f"search: {name}", f"{text} by {sort}", {"sort": sort, "search": text}
            if name in ("mid", "common"):
                yield f"search: {name}", f"{text} by {sort} page 100", {"sort": sort, "search": text, "page": 100}
        for name, asked in FILTERS.items():
            for page in (1, 300):
                yield f"filter: {name}", f"{sort} page {page}", {"sort": sort, "page": page, **asked}
            yield f"filter: {name}", f"gmail by {sort}", {"sort": sort, "search": "gmail", **asked}
        yield "search of orderers", f"berlin by {sort}", {"sort": sort, "search": "berlin", "view": "cockpit"}
        yield "search in a source", f"gmail by {sort}", {"sort": sort, "search": "gmail", "source": "depot"}


def cpu_ms(server: int | None) -> float:
    """CPU time so far, of this thread and of the database server's process for us; on a busy machine it tells more than
    the clock."""
    spent = time.thread_time() * 1000
    if server is not None:
        spent += int(Path(f"/proc/{server}/schedstat").read_text("ascii").split()[0]) / 1e6
    return spent


def measure(store: Store, count: int, times: int, only: tuple[str, ...] | None = None) -> None:
    """Ask everything, print worst and median by group and the slowest questions. Of several tries the best counts."""
    views = {name: View(**preset) for name, preset in PRESETS.items()}  # type: ignore[arg-type]
    with store.reading() as db:
        total = listing(db, views["autoletter"]).total
    groups: dict[str, list[tuple[float, float]]] = {}
    slowest: list[tuple[float, float, str]] = []
    for group, name, args in [*questions(total), *(("facets", *one) for one in facet_questions())]:
        if only is not None and not group.startswith(only):
            continue
        args = dict(args)
        ask = facets if group == "facets" else listing
        view = views[args.pop("view", "autoletter")]
        tries = []
        for _ in range(times):
            with store.reading() as db:
                row = None if db.sqlite else db.one("SELECT pg_backend_pid()")
                server = row[0] if row else None
                clock, cpu = time.perf_counter(), cpu_ms(server)
                ask(db, view, **args)
                tries.append((cpu_ms(server) - cpu, (time.perf_counter() - clock) * 1000))
        best = (min(t[0] for t in tries), min(t[1] for t in tries))
        groups.setdefault(group, []).append(best)
        slowest.append((*best, f"{group}: {name}"))
    print(f"\n{store.dialect}, {count:,} customers, the best of {times} tries of each question")
    print(f"  {'ms':32} {'worst CPU':>10} {'median CPU':>10} {'worst wall':>10} {'median wall':>11}")
    for group, spent in groups.items():
        cpus, walls = (sorted(one[i] for one in spent) for i in (0, 1))
        half = len(spent) // 2
        print(
            f"  {group:32} {cpus[-1]:10.1f} {cpus[half]:10.1f} {walls[-1]:10.1f} {walls[half]:11.1f}   ({len(spent)})"
        )
    within = sum(one[0] <= 50 for spent in groups.values() for one in spent)
    print(f"  {within} of {len(slowest)} questions within 50 ms of CPU; the slowest:")
    for cpu_best, wall_best, name in sorted(slowest, reverse=True)[:25]:
        print(f"  {cpu_best:8.1f} {wall_best:8.1f}  {name}")


def on(url: str, count: int, times: int, changed: int, only: tuple[str, ...] | None) -> None:
    """Fill one database if it is empty, and measure."""
    with open_store(url) as store:
        with store.reading() as db:
            empty = db.one("SELECT 1 FROM customer LIMIT 1") is None
        if empty:
            begin = time.perf_counter()
            fill(store, count)
            print(f"{store.dialect}: filled in {time.perf_counter() - begin:.0f} s")
        change(store, changed, count)
        measure(store, count, times, only)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("customers", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--changed", type=int, default=bitmaps.LIMITS.merge - 1)
    parser.add_argument("--keep", type=Path, help="a folder whose SQLite database is used again")
    parser.add_argument("--groups", nargs="*", help="measure only these kinds of questions, such as facets, filter")
    args = parser.parse_args()
    only = tuple(args.groups) if args.groups else None
    with tempfile.TemporaryDirectory() as temporary:
        if args.only != "postgresql":
            folder = args.keep or Path(temporary)
            on(f"sqlite:///{folder / f'list{args.customers}.db'}", args.customers, args.times, args.changed, only)
        if args.only != "sqlite":
            with cluster(Path(temporary)) as url:
                if url is not None:
                    on(url, args.customers, args.times, args.changed, only)


if __name__ == "__main__":
    main()
