"""The journey against the floor: full sync, 1 % changed, nothing changed; CPU ratio, memory, rows, audit lines.

    python benchmarks/journey.py [CUSTOMERS ORDERS] [--profile]

Needs the yardstick beside the checkout (../shared/bench); each contestant runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

BENCH = Path(__file__).resolve().parents[2] / "shared" / "bench"
PORT = 18731


def child(database: str, port: int, profile: bool) -> None:
    """klientela's side: full, (server changes 1 %), incremental, quiet - in one process, as in the daemon."""
    import cProfile
    import gc
    import pstats

    from klientela.flow.rules import adopt
    from klientela.flow.sync import sync
    from klientela.rules.ruleset import Ruleset
    from klientela.runtime import tune
    from klientela.store import open_store
    from page_source import PageServer

    tune()
    store = open_store(f"sqlite:///{database}")
    adopt(store, Ruleset())
    source = PageServer("pages", PageServer.Settings(type="pages", base_url=f"http://127.0.0.1:{port}"))
    results = {}
    for phase in ("full", "changed", "quiet"):
        if phase == "changed":
            urlopen(f"http://127.0.0.1:{port}/admin/gen?g=1").read()
        before = _cpu()
        profiler = cProfile.Profile() if profile else None
        if profiler:
            profiler.enable()
        report = sync(store, source)
        if profiler:
            profiler.disable()
            stats = pstats.Stats(profiler)
            stats.sort_stats("tottime").print_stats(45)
            stats.print_callers("method .get. of .dict")
        assert report.status == "ok", report.error
        with store.reading() as db:
            lines = db.rows("SELECT count(*) FROM audit")[0][0]
        results[phase] = {
            "cpu": _cpu() - before,
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "pages": report.pages,
            "read": report.read,
            "new": report.new,
            "changed": report.changed,
            "members": report.members_read,
            "audit": lines,
        }
    del gc
    print(json.dumps(results))


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def floor(database: str, port: int) -> float:
    """CPU seconds of one run of the floor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, str(BENCH / "floor_sync.py"), str(port), database], check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start_server(port: int, customers: int, orders: int) -> subprocess.Popen[bytes]:
    """The page server, ready."""
    server = subprocess.Popen(
        [sys.executable, str(BENCH / "page_server.py"), str(port), str(customers), str(orders)], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    server.stdout.readline()
    return server


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("customers", nargs="?", type=int, default=100_000)
    parser.add_argument("orders", nargs="?", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--child", nargs=2)
    args = parser.parse_args()
    if args.child:
        child(args.child[0], int(args.child[1]), args.profile)
        return
    if not BENCH.is_dir():
        sys.exit("The yardstick is not beside this checkout (../shared/bench); this benchmark needs it.")
    server = start_server(PORT, args.customers, args.orders)
    try:
        for _ in range(args.rounds):
            with tempfile.TemporaryDirectory() as folder:
                one_round(folder, args.profile)
    finally:
        server.kill()


def one_round(folder: str, profile: bool) -> None:
    """Floor and klientela in turn."""
    urlopen(f"http://127.0.0.1:{PORT}/admin/gen?g=0").read()
    floors = {"full": floor(f"{folder}/floor.db", PORT)}
    urlopen(f"http://127.0.0.1:{PORT}/admin/gen?g=1").read()
    floors["changed"] = floor(f"{folder}/floor.db", PORT)
    floors["quiet"] = floor(f"{folder}/floor.db", PORT)
    urlopen(f"http://127.0.0.1:{PORT}/admin/gen?g=0").read()
    started = time.perf_counter()
    command = [sys.executable, __file__, "--child", f"{folder}/k.db", str(PORT), *(["--profile"] if profile else [])]
    out = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ})
    if profile:
        print(out.stdout)
    found = json.loads(out.stdout.splitlines()[-1])
    size = sum(p.stat().st_size for p in Path(folder).glob("k.db*")) / 2**20
    for phase, data in found.items():
        ratio = data["cpu"] / floors[phase]
        print(
            f"{phase:8} floor {floors[phase]:6.2f} CPU-s  klientela {data['cpu']:6.2f} CPU-s  ratio {ratio:5.2f}  "
            f"rss {data['rss_mb']:.0f} MB  read {data['read']}  new {data['new']}  changed {data['changed']}  "
            f"members {data['members']}  audit {data['audit']}"
        )
    print(f"file {size:.0f} MB, wall {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
