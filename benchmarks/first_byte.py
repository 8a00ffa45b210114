"""Time to first byte of the page over real HTTP: overview, profile, orders; median and worst of several tries.

    python benchmarks/first_byte.py [CUSTOMERS] [--tries N] [--without]

100,000 customers of `list_1m.py` with three orders each, on SQLite, the page served by the daemon's own listener on
loopback, one signed-in client that keeps its connection. `--without` lets go of the index of the list of orders, to see
what it is good for.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import list_1m
from klientela.flow import rules
from klientela.kit import Address, Line, Order, Person
from klientela.model.instants import DAY
from klientela.rules.ruleset import Ruleset
from klientela.store import Store, facts, ids, open_store, users
from klientela.store import tables as t
from klientela.store.database import late_indexes
from klientela_daemon.house import read
from klientela_daemon.http import Listener
from klientela_daemon.page import page

EACH = 3
"""Orders of a customer, on average."""


def tell(store: Store, count: int) -> None:
    """Let the shop's records say what the list says, and put orders of several days below them."""
    dice = random.Random(5)
    first = 100 * count
    with store.step("benchmark") as step:
        db = step.db
        db.run("INSERT INTO meta (name, value) VALUES ('indexes', '1') ON CONFLICT DO NOTHING")
        db.run("DELETE FROM record WHERE entity = ?", (facts.ORDER,))
        db.run("DELETE FROM orders")
        db.run("DROP INDEX IF EXISTS orders_placed")
        db.run("DROP INDEX IF EXISTS orders_owner")
        found = db.rows("SELECT id, first_name, last_name, email, city, country, joined FROM customer ORDER BY id")
        bodies, records, orders = [], [], []
        for number, name, last, email, city, country, joined in found:
            home = Address(city=city, country=country)
            person = Person(external_id=str(number), first_name=name, last_name=last, email=email, addresses=[home])
            bodies.append((facts.encode(person), number))
            for _ in range(dice.randrange(2 * EACH + 1)):
                first += 1
                placed = (joined or list_1m.START) + dice.randrange(900 * DAY)
                lines = [Line(title="Kalender", sku="SKU-1", quantity=1, unit_price=1990, total=1990)]
                state = "open" if dice.random() < 0.001 else "paid"
                said = Order(external_id=str(first), customer=str(number), placed_at=placed, total=1990, currency="EUR",
                             lines=lines, number=f"B{first}")  # fmt: skip
                orders.append((first, number, number, "EUR", placed, 1990, 1990, state, 0, f"B{first}"))
                records.append((first, 1, facts.ORDER, str(first), 0, 1, 0, facts.encode(said)))
        db.many("UPDATE record SET body = ? WHERE id = ?", bodies)
        columns = ("id", "buyer", "owner", "currency", "placed", "gross", "ltv", "state", "test", "number")
        db.insert(t.orders, columns, orders)
        db.insert(t.record, ("id", "source", "entity", "ext", "gone", "seq", "more", "body"), records)
    print(f"{len(orders):,} orders of {count:,} customers")


def ways(store: Store, count: int) -> dict[str, str]:
    """What is asked for, by what it is called."""
    with store.reading() as db:
        row = db.one("SELECT o.placed, o.id FROM orders o ORDER BY o.placed LIMIT 1 OFFSET 5000")
        one = db.one("SELECT number, pub FROM customer WHERE id = ?", (count // 2,))
    assert row is not None
    assert one is not None
    deep = (count // 25) * 9 // 10
    listed = {
        "overview": {},
        "overview, search": {"q": "schmidt berlin"},
        "overview, search of one letter": {"q": "z"},
        "overview, sorted by LTV": {"sort": "ltv:desc"},
        "overview, one country": {"country": "AT"},
        "overview, facets shown": {"show": "filters"},
        "overview, a deep page": {"page": str(deep), "sort": "name:asc"},
    }
    orders = {
        "orders": {},
        "orders, a deep page": {"after": f"{row[0]}.{row[1]}"},
        "orders, a rare state": {"state": "open"},
        "orders, a state nobody is in": {"state": "void"},
        "orders of a customer number": {"customer": str(one[0])},
    }
    return {
        **{name: f"/customers?{urlencode(asked)}" for name, asked in listed.items()},
        "profile": f"/customers/{ids.text(bytes(one[1]))}",
        "palette": "/find?q=schmidt",
        **{name: f"/orders?{urlencode(asked)}" for name, asked in orders.items()},
    }


@contextmanager
def served(store: Store, folder: Path) -> Iterator[tuple[str, str]]:
    """The page, and a session of an administrator."""
    config = folder / "klientela.toml"
    config.write_text('[shop]\ntimezone = "Europe/Berlin"\ncurrency = "EUR"\n', encoding="utf-8")
    house = read(config)
    with store.step("benchmark") as step:
        secret = users.begin(step, users.add(step, "anna", "four words of some length", "admin"))
    listener = Listener(page(store, lambda: house, lambda name, full: True, dict), "127.0.0.1", 0)
    listener.start()
    try:
        yield listener.url, secret
    finally:
        listener.stop()


def first_byte(client: HTTPConnection, path: str, secret: str) -> tuple[int, float, int]:
    """The status, the milliseconds until the first byte, and the bytes on the wire."""
    begin = time.perf_counter()
    client.request("GET", path, headers={"Cookie": f"klientela={secret}", "Accept-Encoding": "gzip"})
    answer = client.getresponse()
    took = (time.perf_counter() - begin) * 1000
    return answer.status, took, len(answer.read())


def main() -> None:
    """Fill a store, ask, print."""
    wanted = argparse.ArgumentParser()
    wanted.add_argument("customers", type=int, nargs="?", default=100_000)
    wanted.add_argument("--tries", type=int, default=15)
    wanted.add_argument("--without", action="store_true")
    asked = wanted.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/klientela.db") as store:
        rules.adopt(store, Ruleset())
        list_1m.fill(store, asked.customers)
        tell(store, asked.customers)
        begin = time.process_time()
        late_indexes(store)
        print(f"indexes of the orders: {time.process_time() - begin:.2f} s of CPU")
        if asked.without:
            with store.step("benchmark") as step:
                step.db.run("DROP INDEX orders_placed")
                step.db.run("DROP INDEX customer_number")
        with served(store, Path(folder)) as (url, secret):
            place = urlsplit(url)
            with closing(HTTPConnection(str(place.hostname), place.port, timeout=60)) as client:
                print(f"{'':34}{'median':>9}{'worst':>9}{'bytes':>9}")
                for name, path in ways(store, asked.customers).items():
                    told = [first_byte(client, path, secret) for _ in range(asked.tries + 1)][1:]
                    if {status for status, *_ in told} != {200}:
                        sys.exit(f"{name}: {told[0][0]} for {path}")
                    times = [took for _, took, _ in told]
                    print(f"{name:34}{statistics.median(times):7.0f} ms{max(times):6.0f} ms{told[0][2]:9,}")


if __name__ == "__main__":
    main()
