"""Generated people through the whole journey: households, companies, relays, typos, duplicates over four sources.

    python benchmarks/people.py [RECORDS] [CHANGES] [--postgres] [--profile]

100,000 records and 10,000 changes unless told; the goal is stated for 1,000,000. The records are generated beforehand
into files, one for each source, so that only klientela is measured. Prints CPU by the part of the load, so that growth
with the size of the store shows, memory, members read per change (goal <= 3), and precision and recall against the
generator's truth. The yardstick's page server never merges anybody; this one does.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from klientela.flow.rules import adopt
from klientela.flow.sync import Report, sync
from klientela.kit import Address, Page, Person, Position, Source, SourceSettings, Stream, Window
from klientela.rules.ruleset import Ruleset
from klientela.runtime import tune
from klientela.store import open_store
from meter import Server, cluster, cpu, peak_mb, root_of

PAGE = 250
PARTS = 10  # of the load, whose costs are shown one by one

SOURCES = ("shop", "market", "list", "site")
FIRST = [
    "Anna",
    "Bernd",
    "Clara",
    "David",
    "Emma",
    "Felix",
    "Greta",
    "Hans",
    "Ida",
    "Jonas",
    "Katja",
    "Lukas",
    "Maria",
    "Nils",
    "Olga",
    "Paul",
    "Rita",
    "Stefan",
    "Tina",
    "Uwe",
    "Vera",
    "Willi",
    "Xenia",
    "Yusuf",
    "Zoe",
    "Agnes",
    "Boris",
    "Celine",
    "Dieter",
    "Elif",
    "Frieda",
    "Gustav",
    "Heike",
    "Igor",
    "Jutta",
    "Kemal",
    "Linda",
    "Moritz",
    "Nadja",
    "Oskar",
]
SYLLABLES = [
    "berg",
    "brunn",
    "feld",
    "hof",
    "kamp",
    "kirch",
    "lang",
    "meier",
    "mann",
    "rein",
    "sander",
    "schmidt",
    "stein",
    "tal",
    "wald",
    "weber",
    "wolf",
    "zell",
]
STREETS = [
    "Linden",
    "Garten",
    "Haupt",
    "Schul",
    "Mühlen",
    "Ring",
    "Wald",
    "Markt",
    "Bahnhof",
    "Rosen",
    "Birken",
    "Kanal",
]


def person(number: int) -> dict[str, object]:
    """The truth about one person; every seventh lives with the one before, every fortieth works for a company."""
    dice = random.Random(number * 7919 + 5)
    home = random.Random((number - 1 if number % 7 == 0 else number) * 104729 + 1)
    last = (SYLLABLES[home.randrange(18)] + SYLLABLES[home.randrange(18)] + SYLLABLES[home.randrange(18)]).title()
    first = dice.choice(FIRST)
    place = (f"{home.choice(STREETS)}straße {home.randrange(1, 200)}", f"{home.randrange(1000, 99999):05d}")
    mail = f"{first}.{last}{number}@mail{number % 50}.example.com".lower()
    return {
        "first": first,
        "last": last,
        "street": place[0],
        "zip": place[1],
        "phone": f"0{home.randrange(150, 180)}{home.randrange(10**6, 10**8)}",
        "mail": f"info@firma{number // 40}.example.com" if number % 40 == 0 else mail,
    }


def records(count: int) -> Iterator[tuple[int, int, str]]:
    """(record, person, source) for each record; about 1.6 records a person."""
    made = number = 0
    while made < count:
        number += 1
        dice = random.Random(number * 31337)
        for _ in range(dice.choices((1, 2, 3, 4), (60, 25, 10, 5))[0]):
            made += 1
            if made > count:
                return
            yield made, number, SOURCES[dice.randrange(4)]


def claim(record: int, number: int, changed: bool = False) -> Person:
    """One record as its source tells it: with typos, gaps and relay addresses."""
    who = person(number)
    dice = random.Random(record * 15485863 + changed)
    first, last = str(who["first"]), str(who["last"])
    if dice.random() < 0.06:
        spot = dice.randrange(1, len(last) - 1)
        last = last[:spot] + last[spot + 1] + last[spot] + last[spot + 2 :]
    if dice.random() < 0.08:
        first, last = first.upper(), last.upper()
    mail: object = who["mail"]
    if dice.random() < 0.10:
        mail = f"{dice.getrandbits(60):x}@marketplace.amazon.de"
    elif dice.random() < 0.08:
        mail = None
    phone = who["phone"] if dice.random() < 0.55 else None
    if changed:
        phone = f"0151{dice.randrange(10**7, 10**8)}"
    street = str(who["street"]).replace("straße", "str." if dice.random() < 0.4 else "straße")
    return Person(
        external_id=str(record),
        version=2 if changed else 1,
        kind="guest" if dice.random() < 0.4 else "contact",
        created_at=record * 1_000_000,
        first_name=first,
        last_name=last,
        email=mail,  # type: ignore[arg-type]
        phone=phone,  # type: ignore[arg-type]
        addresses=[Address(street=street, zip=str(who["zip"]), city="Musterstadt", country="DE")],
    )


class People(Source):
    """One of the four sources: pages out of a file."""

    type = "people"
    title = "People"

    class Settings(SourceSettings):
        """Which file."""

        file: Path

    def streams(self) -> Sequence[Stream]:
        """One list."""
        return [Stream("all", self._read)]

    def _read(self, window: Window, position: Position) -> Iterator[Page]:
        decode = msgspec.json.Decoder(list[Person]).decode
        with self.settings.file.open("rb") as lines:
            for number, line in enumerate(lines):
                yield Page(decode(line), number)


def generate(folder: Path, count: int, changes: int) -> None:
    """Write the records of each source, and of some of them what they are after a change."""
    changed = set(random.Random(1).sample(range(1, count + 1), min(changes, count)))
    for phase in ("load", "change"):
        files = {name: (folder / f"{phase}-{name}").open("wb") for name in SOURCES}
        waiting: dict[str, list[Person]] = {name: [] for name in SOURCES}
        for record, number, source in records(count):
            if phase == "change" and record not in changed:
                continue
            waiting[source].append(claim(record, number, phase == "change"))
            if len(waiting[source]) == PAGE:
                _line(files[source], waiting[source])
        for name in SOURCES:
            if waiting[name]:
                _line(files[name], waiting[name])
            files[name].close()


def _line(file: Any, page: list[Person]) -> None:
    file.write(msgspec.json.encode(page) + b"\n")
    page.clear()


def child(url: str, folder: Path, count: int, profile: bool) -> None:
    """Load and change, in a process of its own."""

    tune()
    store = open_store(url)
    adopt(store, Ruleset())
    server = Server(root_of(url))
    made: dict[str, Any] = {}
    for phase in ("load", "change"):
        total = dict.fromkeys(("read", "new", "changed", "merged", "split", "members_read"), 0)
        parts: list[tuple[int, float]] = [(0, cpu())]  # records so far, CPU so far
        there = server.cpu()
        profiler = cProfile.Profile() if profile else nullcontext()
        with profiler:
            for name in SOURCES:
                source = People(name, People.Settings(type="people", file=folder / f"{phase}-{name}"))
                watch = partial(_watch, parts, total["read"], count / PARTS)
                report = sync(store, source, progress=watch)
                assert report.status == "ok", report.error
                for what in total:
                    total[what] += getattr(report, what)
        spent = cpu() - parts[0][1]
        if isinstance(profiler, cProfile.Profile):
            pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
        costs = [(c - b) / (n - m) * 1e6 for (m, b), (n, c) in pairwise(parts)]
        made[phase] = {**total, "cpu": spent, "server": server.cpu() - there, "costs": costs, "memory": peak_mb()}
    store.close()
    print(json.dumps(made))


def _watch(parts: list[tuple[int, float]], before: int, size: float, report: Report) -> None:
    done = before + report.read
    if done >= len(parts) * size:
        parts.append((done, cpu()))


def quality(url: str, count: int) -> dict[str, float]:
    """How well the customers of the store are the people of the generator: by pairs of records."""
    truth = {str(record): number for record, number, _ in records(count)}
    right = wrong = 0
    clusters: dict[int, list[int]] = {}
    with open_store(url) as store, store.reading() as db:
        for ext, customer in db.stream(
            "SELECT r.ext, coalesce(n.customer, p.customer, p.id) FROM person p JOIN record r ON r.id = p.id "
            "LEFT JOIN node n ON n.id = p.node"
        ):
            clusters.setdefault(customer, []).append(truth[ext])
    for members in clusters.values():
        same = sum(n * (n - 1) // 2 for n in Counter(members).values())
        right, wrong = right + same, wrong + len(members) * (len(members) - 1) // 2 - same
    total = sum(n * (n - 1) // 2 for n in Counter(truth.values()).values())
    return {"customers": len(clusters), "precision": right / (right + wrong), "recall": right / total}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", nargs="?", type=int, default=100_000)
    parser.add_argument("changes", nargs="?", type=int, default=10_000)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child[0], Path(args.child[1]), args.records, args.profile)
        return
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), args.records, args.changes)
        if not args.postgres:
            measure(f"sqlite:///{folder}/k.db", folder, args)
            return
        with cluster(Path(folder)) as url:
            if url is not None:
                measure(url, folder, args)


def measure(url: str, folder: str, args: argparse.Namespace) -> None:
    """Load, change, judge, print."""
    command = [sys.executable, __file__, str(args.records), str(args.changes), "--child", url, folder]
    out = subprocess.run(
        [*command, *(["--profile"] if args.profile else [])], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    if args.profile:
        print(out)
    found = json.loads(out.splitlines()[-1])
    size = sum(p.stat().st_size for p in Path(folder).glob("k.db*")) / 2**20
    for phase in ("load", "change"):
        data = found[phase]
        server = f" (+ server {data['server']:.1f})" if args.postgres else ""
        print(
            f"{phase:6} {data['read']:,} records: {data['cpu']:.1f} CPU-s{server}, "
            f"{data['cpu'] / data['read'] * 1e6:.0f} us a record; new {data['new']:,}  changed {data['changed']:,}  "
            f"merged {data['merged']:,}  split {data['split']:,}; members read per record "
            f"{data['members_read'] / data['read']:.2f}; peak memory {data['memory']:.0f} MB"
        )
        if data["costs"]:
            print(f"       us a record, part by part of the load: {' '.join(f'{c:.0f}' for c in data['costs'])}")
    judged = quality(url, args.records)
    print(
        f"customers {judged['customers']:,}  precision {judged['precision']:.4f}  recall {judged['recall']:.4f}"
        + (f"  file {size:.0f} MB" if size else "")
    )


if __name__ == "__main__":
    main()
