"""Generated people through the whole journey: households, companies, relays, typos, duplicates over four sources.

    python benchmarks/people.py [RECORDS] [CHANGES]      default 100000 and 10000; the goal is stated for 1000000

Prints CPU, memory, members read per change, and precision and recall against the generator's truth. The yardstick's page
server never merges anybody; this one does.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

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


def claim(record: int, number: int, changed: bool = False) -> object:
    """One record as its source tells it: with typos, gaps and relay addresses."""
    from klientela.kit import Address, Person

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


def child(database: str, count: int, changes: int) -> None:
    """Load, change, judge - in a process of its own."""
    from klientela.flow.rules import adopt
    from klientela.flow.sync import sync
    from klientela.kit import Page, Position, Source, SourceSettings, Stream, Window
    from klientela.rules.ruleset import Ruleset
    from klientela.runtime import tune
    from klientela.store import open_store

    changed = set(random.Random(1).sample(range(1, count + 1), min(changes, count)))

    class People(Source):
        """One of the four sources."""

        type = "people"
        title = "People"
        only_changes = False

        def streams(self) -> Sequence[Stream]:
            return [Stream("all", self._read)]

        def _read(self, window: Window, position: Position) -> Iterator[Page]:
            page: list[object] = []
            for record, number, source in records(count):
                if source != self.name or (self.only_changes and record not in changed):
                    continue
                page.append(claim(record, number, self.only_changes))
                if len(page) == 250:
                    yield Page(page, record)  # type: ignore[arg-type]
                    page = []
            if page:
                yield Page(page, count)  # type: ignore[arg-type]

    tune()
    store = open_store(f"sqlite:///{database}")
    adopt(store, Ruleset())
    made = {}
    generator = _cpu()
    for record, number, _ in records(count):
        claim(record, number)
    generator = _cpu() - generator
    walk = _cpu()
    for _ in records(count):
        pass
    walk = _cpu() - walk  # each source walks all people to find its own
    for phase in ("load", "change"):
        before, read, members = _cpu(), 0, 0
        for name in SOURCES:
            source = People(name, SourceSettings(type="people"))
            source.only_changes = phase == "change"
            report = sync(store, source)
            assert report.status == "ok", report.error
            read, members = read + report.read, members + report.members_read
        cost = generator + 3 * walk if phase == "load" else 4 * walk + (generator - walk) * changes / count
        made[phase] = {"cpu": _cpu() - before - cost, "records": read, "members_per_record": members / max(1, read)}
    truth = {str(record): number for record, number, _ in records(count)}
    right = wrong = 0
    with store.reading() as db:
        clusters: dict[int, list[int]] = {}
        for ext, customer in db.rows(
            "SELECT r.ext, coalesce(n.customer, p.customer, p.id) FROM person p JOIN record r ON r.id = p.id "
            "LEFT JOIN node n ON n.id = p.node"
        ):
            clusters.setdefault(customer, []).append(truth[ext])
    for members_ in clusters.values():
        same = sum(n * (n - 1) // 2 for n in Counter(members_).values())
        right, wrong = right + same, wrong + len(members_) * (len(members_) - 1) // 2 - same
    total = sum(n * (n - 1) // 2 for n in Counter(truth.values()).values())
    made["quality"] = {"customers": len(clusters), "precision": right / (right + wrong), "recall": right / total}
    made["memory_mb"] = {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    print(json.dumps(made))


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", nargs="?", type=int, default=100_000)
    parser.add_argument("changes", nargs="?", type=int, default=10_000)
    parser.add_argument("--child")
    args = parser.parse_args()
    if args.child:
        child(args.child, args.records, args.changes)
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, str(args.records), str(args.changes), "--child", f"{folder}/k.db"]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        size = sum(p.stat().st_size for p in Path(folder).glob("k.db*")) / 2**20
    for phase in ("load", "change"):
        data = found[phase]
        print(
            f"{phase:6} {data['records']} records  {data['cpu']:.1f} CPU-s  {data['cpu'] / data['records'] * 1e6:.0f} us a "
            f"record  members read per record {data['members_per_record']:.2f}"
        )
    quality = found["quality"]
    print(
        f"customers {quality['customers']}  precision {quality['precision']:.4f}  recall {quality['recall']:.4f}  "
        f"peak memory {found['memory_mb']['peak']:.0f} MB  file {size:.0f} MB"
    )


if __name__ == "__main__":
    main()
