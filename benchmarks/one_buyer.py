"""The 10,001st order of one buyer beside the second of another: CPU, members and rows read, as a ratio.

    python benchmarks/one_buyer.py [ORDERS] [--times N] [--postgres]

One store holds one buyer of ORDERS orders (10,000 unless told) and N buyers (50) of one order each. Then both kinds get
one order more in turn, each in a run of its own, so that both are measured in a store of the same size. Twice: with a
buyer who has an account, and with one who orders as a guest, where each order brings a record that has to find the
others. The goal is a ratio of about 1.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from klientela.flow.rules import adopt
from klientela.flow.sync import sync
from klientela.kit import Address, Order, Page, Person, Position, Record, Source, SourceSettings, Stream, Window
from klientela.rules.ruleset import Ruleset
from klientela.runtime import tune
from klientela.store import Store, open_store
from meter import Counted, Server, cluster, cpu, root_of

HOUR = 3_600_000_000
START = 1_700_000_000_000_000
ONE = 0  # the number of the buyer who orders all the time


class Cost(NamedTuple):
    """What one order cost: CPU of this process and of the database's, in ms; nodes read; rows fetched; VM steps."""

    cpu: float
    server: float
    members: int
    rows: int
    steps: int


class Till(Source):
    """A shop that tells what was put on its counter."""

    type = "till"
    title = "Till"

    def __init__(self, name: str, settings: SourceSettings) -> None:
        super().__init__(name, settings)
        self.counter: list[Record] = []

    def streams(self) -> Sequence[Stream]:
        """One list."""
        return [Stream("all", self._read)]

    def _read(self, window: Window, position: Position) -> Iterator[Page]:
        for start in range(0, len(self.counter), 250):
            yield Page(self.counter[start : start + 250], start)


def buyer(number: int) -> Person:
    """An account."""
    first, last = names(number)
    return Person(
        external_id=f"b{number}",
        version=START,
        kind="account",
        created_at=START,
        first_name=first,
        last_name=last,
        email=f"{first}.{last}@example.com".lower(),
        phone=f"0151{number:08d}",
    )


def names(number: int) -> tuple[str, str]:
    """A name of letters, another for each number."""
    letters = "".join(chr(97 + int(digit)) for digit in str(number))
    return f"Anna{letters}", f"Berg{letters}"


def order(number: int, of: int, accounts: bool) -> Order:
    """An order of a buyer, by account or as a guest."""
    first, last = names(of)
    at = START + number * HOUR
    common = Order(
        external_id=f"o{number}",
        version=at,
        number=f"#{number}",
        placed_at=at,
        currency="EUR",
        total=1000 + number % 5000,
        state="paid",
    )
    if accounts:
        common.customer = f"b{of}"
        return common
    common.email = f"{first}.{last}@example.com".lower()
    common.first_name, common.last_name = first, last
    common.addresses = [Address(street="Ring 1", zip="12345", city="Ulm", country="DE")]
    return common


def measure(url: str, orders: int, times: int, accounts: bool) -> tuple[list[Cost], list[Cost]]:
    """What the second orders cost, and what those of the one buyer."""
    store = open_store(url)
    adopt(store, Ruleset())
    source = Till("till", SourceSettings(type="till"))
    if accounts:
        take(store, source, [buyer(number) for number in range(times + 1)])
    take(store, source, [order(n, ONE, accounts) for n in range(1, orders)])
    take(store, source, [order(orders + n, n, accounts) for n in range(1, times + 1)])
    take(store, source, [order(orders, ONE, accounts)])
    second: list[Cost] = []
    late: list[Cost] = []
    server = Server(root_of(url))
    number = orders + times
    with Counted() as counted:
        for other in range(1, times + 1):
            for of, made in ((other, second), (ONE, late)):
                number += 1
                made.append(one(store, source, order(number, of, accounts), counted, server))
    with store.reading() as db:
        made_of = db.rows("SELECT orders FROM tally ORDER BY orders DESC")
    assert [row[0] for row in made_of] == [orders + times, *[2] * times], made_of[:3]
    store.close()
    return second, late


def one(store: Store, source: Till, record: Order, counted: Counted, server: Server) -> Cost:
    """A run that brings one order."""
    rows, steps, before, there = counted.rows, counted.steps, cpu(), server.cpu()
    members = take(store, source, [record])
    return Cost(
        (cpu() - before) * 1000,
        (server.cpu() - there) * 1000,
        members,
        counted.rows - rows,
        counted.steps - steps,
    )


def take(store: Store, source: Till, records: list[Record]) -> int:
    """Sync what is on the counter; how many nodes of identity were read."""
    source.counter = records
    report = sync(store, source)
    assert report.status == "ok", report.error
    assert report.new == len(records), report
    return report.members_read


def show(dialect: str, kind: str, orders: int, second: list[Cost], late: list[Cost]) -> None:
    """Medians and their ratio."""
    print(f"{dialect}, {kind}: median of {len(second)} runs of one order each")
    lines = [("CPU of klientela, ms", 0), ("CPU of the server, ms", 1), ("members read", 2), ("rows fetched", 3)]
    lines.append(("steps inside SQLite", 4))
    for name, place in lines:
        one_, two = (statistics.median(cost[place] for cost in costs) for costs in (second, late))
        if one_ or two:
            ratio = f"{two / one_:5.2f}" if one_ else "  new"
            print(f"  {name:22} 2nd {one_:10.2f}   {orders + 1:,}st and on {two:10.2f}   ratio {ratio}")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("orders", nargs="?", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--postgres", action="store_true")
    args = parser.parse_args()
    tune()
    for kind, accounts in (("a buyer with an account", True), ("a guest", False)):
        with tempfile.TemporaryDirectory() as folder:
            if not args.postgres:
                found = measure(f"sqlite:///{folder}/k.db", args.orders, args.times, accounts)
                show("SQLite", kind, args.orders, *found)
                continue
            with cluster(Path(folder)) as url:
                if url is not None:
                    found = measure(url, args.orders, args.times, accounts)
                    show("PostgreSQL", kind, args.orders, *found)


if __name__ == "__main__":
    main()
