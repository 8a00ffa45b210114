"""The journey against the floor: full sync, 1 % changed, nothing changed; CPU as a ratio, memory, rows, audit lines.

    python benchmarks/journey.py [CUSTOMERS ORDERS] [--rounds N] [--postgres] [--profile]

Needs the yardstick beside the checkout (../shared/bench). Floor and klientela run in turn, each in a process of its own,
several rounds; the medians count, for this is measured on machines that others use too. Last, the memory of a full sync
of a twentieth of the records beside that of all. With `--postgres` the floor stays what it is, raw SQLite, and the CPU
of the database server is shown by itself.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from meter import Server, cluster, cpu, cpu_of_children, peak_mb, root_of

BENCH = Path(__file__).resolve().parents[2] / "shared" / "bench"
PHASES = ("full", "changed", "quiet")
GOALS = {"full": "ratio <= 2.5", "changed": "ratio <= 1.5", "quiet": "<= 0.05 CPU-s"}
SMALL = 20  # the memory of the whole is compared with that of one part of this many


def child(url: str, port: int, phases: tuple[str, ...], profile: bool) -> None:
    """klientela's side: full, (server changes 1 %), incremental, quiet - in one process, as in the daemon."""
    import cProfile
    import pstats

    from klientela.flow.rules import adopt
    from klientela.flow.sync import sync
    from klientela.rules.ruleset import Ruleset
    from klientela.runtime import tune
    from klientela.store import open_store
    from page_source import PageServer

    tune()
    store = open_store(url)
    adopt(store, Ruleset())
    source = PageServer("pages", PageServer.Settings(type="pages", base_url=f"http://127.0.0.1:{port}"))
    server = Server(root_of(url))
    results = {}
    for phase in phases:
        if phase == "changed":
            urlopen(f"http://127.0.0.1:{port}/admin/gen?g=1").read()
        before, there = cpu(), server.cpu()
        profiler = cProfile.Profile() if profile else nullcontext()
        with profiler:
            report = sync(store, source)
        spent = cpu() - before
        if isinstance(profiler, cProfile.Profile):
            pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
        assert report.status == "ok", report.error
        with store.reading() as db:
            lines = db.rows("SELECT count(*) FROM audit")[0][0]
        results[phase] = {
            "cpu": spent,
            "server": server.cpu() - there,
            "memory": peak_mb(),
            "pages": report.pages,
            "read": report.read,
            "new": report.new,
            "changed": report.changed,
            "members": report.members_read,
            "audit": lines,
        }
    print(json.dumps(results))


def floor(database: str, port: int) -> float:
    """CPU seconds of one run of the floor."""
    before = cpu_of_children()
    subprocess.run(
        [sys.executable, str(BENCH / "floor_sync.py"), str(port), database], check=True, stdout=subprocess.DEVNULL
    )
    return cpu_of_children() - before


@contextmanager
def pages(customers: int, orders: int) -> Iterator[int]:
    """The page server on a port of its own, ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, str(BENCH / "page_server.py"), str(port), str(customers), str(orders)], stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        if server.stdout.readline().strip() != b"ready":
            sys.exit("The page server of ../shared/bench did not start.")
        yield port
    finally:
        server.kill()
        server.wait()


def floor_round(folder: str, port: int) -> dict[str, float]:
    """The floor's three runs."""
    database, found = f"{folder}/floor.db", {}
    for phase, generation in (("full", 0), ("changed", 1), ("quiet", 1)):
        urlopen(f"http://127.0.0.1:{port}/admin/gen?g={generation}").read()
        found[phase] = floor(database, port)
    return found


def journey_round(url: str, port: int, phases: tuple[str, ...], profile: bool) -> dict[str, dict[str, Any]]:
    """klientela's runs, in a process of its own."""
    urlopen(f"http://127.0.0.1:{port}/admin/gen?g=0").read()
    command = [sys.executable, __file__, "--child", url, str(port), ",".join(phases)]
    out = subprocess.run(
        [*command, *(["--profile"] if profile else [])], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    if profile:
        print(out)
    found: dict[str, dict[str, Any]] = json.loads(out.splitlines()[-1])
    return found


@contextmanager
def database(folder: str, postgres: str | None, name: str) -> Iterator[str]:
    """The address of an empty database."""
    if postgres is None:
        yield f"sqlite:///{folder}/{name}.db"
        return
    import psycopg

    with psycopg.connect(postgres.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name}")


def show(floors: list[dict[str, float]], found: list[dict[str, dict[str, Any]]], postgres: bool) -> None:
    """The medians."""
    median = statistics.median
    print(f"median of {len(floors)} rounds, floor and klientela in turn, CPU seconds")
    for phase in PHASES:
        mine = [one[phase]["cpu"] for one in found]
        ratios = [own / base[phase] for own, base in zip(mine, floors, strict=True)]
        last = found[-1][phase]
        server = f" (+ server {median(one[phase]['server'] for one in found):.2f})" if postgres else ""
        print(
            f"{phase:8} floor {median(base[phase] for base in floors):6.2f}  klientela {median(mine):6.2f}{server}  "
            f"ratio {median(ratios):5.2f} ({min(ratios):.2f} to {max(ratios):.2f}; goal {GOALS[phase]})  "
            f"pages {last['pages']}  read {last['read']}  new {last['new']}  changed {last['changed']}  "
            f"members {last['members']}  audit {last['audit']}"
        )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("customers", nargs="?", type=int, default=100_000)
    parser.add_argument("orders", nargs="?", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        url, port, phases = args.child
        child(url, int(port), tuple(phases.split(",")), args.profile)
        return
    if not BENCH.is_dir():
        sys.exit("The yardstick is not beside this checkout (../shared/bench); this benchmark needs it.")
    with tempfile.TemporaryDirectory() as folder:
        if not args.postgres:
            measure(folder, args, None)
            return
        with cluster(Path(folder)) as postgres:
            if postgres is not None:
                measure(folder, args, postgres)


def measure(folder: str, args: argparse.Namespace, postgres: str | None) -> None:
    """All rounds, then the memory."""
    floors, found = [], []
    with pages(args.customers, args.orders) as port:
        for number in range(args.rounds):
            floors.append(floor_round(folder, port))
            with database(folder, postgres, f"k{number}") as url:
                found.append(journey_round(url, port, PHASES, args.profile))
            size = sum(path.stat().st_size for path in Path(folder).glob(f"k{number}.db*")) / 2**20
            for path in (*Path(folder).glob("k*.db*"), *Path(folder).glob("floor.db*")):
                path.unlink()
    show(floors, found, postgres is not None)
    with pages(args.customers // SMALL, args.orders // SMALL) as port, database(folder, postgres, "small") as url:
        small = journey_round(url, port, ("full",), False)["full"]["memory"]
    large = statistics.median(one["full"]["memory"] for one in found)
    every = args.customers + args.orders
    print(
        f"memory   {small:.0f} MB at {every // SMALL:,} records, {large:.0f} MB at {every:,}: "
        f"{(large / small - 1) * 100:+.0f} % (goal <= 150 MB and flat)" + (f"; file {size:.0f} MB" if size else "")
    )


if __name__ == "__main__":
    main()
