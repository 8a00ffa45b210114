"""Kill syncs by the hundred and look whether anything is lost, doubled or different: `python -m benchmarks.kills`.

Prints how many kills fell between the first and the last commit of a sync. Exit code 1 when a store differs from that
of an undisturbed life, or when fewer than four fifths of the random kills fell there.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path

from tests.conftest import fresh_schema
from tests.kills import Campaign, Outcome

from klientela.failpoints import POINTS

SHARE = 0.8
FEW = 50  # below so many kills their share is a matter of luck
PER_STORE = 5


def main() -> int:
    """The campaign that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="at random moments")
    parser.add_argument("--points", default="all", help="at failpoints: all, few, none, or name:n,name:n")
    parser.add_argument("--postgresql", metavar="URL", help="a cluster to make schemas in; default: SQLite files")
    parser.add_argument("--cursor-first", action="store_true", help="break klientela: this must find differences")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    memory = Path("/dev/shm")  # noqa: S108 - a killed process loses no pages of the kernel
    with tempfile.TemporaryDirectory(prefix="klientela-kills-", dir=memory if memory.is_dir() else None) as made:
        folder = Path(made)
        campaign = Campaign(folder, _place(folder, asked.postgresql), cursor_first=asked.cursor_first)
        outcome = campaign.outcome
        for point in _points(campaign, asked.points):
            campaign.at([point])
        points, inside = outcome.kills, outcome.inside
        dice = random.Random(asked.seed)
        while outcome.kills - points < asked.kills:
            campaign.at_random(min(PER_STORE, asked.kills - (outcome.kills - points)), dice)
            if not asked.json:
                print(f"\r{outcome.kills - points} of {asked.kills} random kills", end="", file=sys.stderr)
        many = outcome.kills - points
        enough = many < FEW or outcome.inside - inside >= SHARE * many
    if asked.json:
        print(json.dumps({**asdict(outcome), "random": many, "random_inside": outcome.inside - inside}))
    else:
        _tell(outcome, points, inside)
    return 0 if enough and not outcome.wrong else 1


def _place(folder: Path, cluster: str | None) -> Callable[[], str]:
    numbers = count()
    if cluster:
        return lambda: fresh_schema(cluster)
    return lambda: f"sqlite:///{folder / f'{next(numbers)}.db'}"


def _points(campaign: Campaign, which: str) -> Iterator[str]:
    """Failpoints: every passage of each (`all`), or the first, one in the middle and the last (`few`), or as named."""
    if which not in ("all", "few"):
        yield from (point for point in which.split(",") if point != "none")
        return
    passed = campaign.passed()
    for name in POINTS:
        many = passed[name]
        if not many:
            campaign.outcome.wrong.append(f"the failpoint {name} is never passed")
            continue
        for number in range(1, many + 1) if which == "all" else sorted({1, many // 2 + 1, many}):
            yield f"{name}:{number}"


def _tell(outcome: Outcome, points: int, inside: int) -> None:
    print(f"\n{points} kills at failpoints, {inside} of them between the first and the last commit of a sync")
    many, within = outcome.kills - points, outcome.inside - inside
    share = f" ({100 * within / many:.0f} %)" if many else ""
    print(f"{many} random kills, {within}{share} of them between the first and the last commit of a sync")
    print(f"{outcome.stores} stores, {len(outcome.wrong)} differences from an undisturbed life")
    for line in outcome.wrong[:20]:
        print(f"  {line[:600]}")


if __name__ == "__main__":
    sys.exit(main())
