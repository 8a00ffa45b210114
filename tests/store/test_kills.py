"""Syncs that are killed: whatever the moment, the store ends as after an undisturbed life, its audit included.

The victims are processes of their own; the campaign runs in one too, because it forks. `python -m benchmarks.kills`
is the long one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from klientela.failpoints import POINTS

ROOT = Path(__file__).parents[2]


def campaign(*arguments: str, good: bool = True) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kills", "--json", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == 0) is good, f"{found}\n{done.stderr}"
    return found


def test_killed_at_every_failpoint_and_at_random() -> None:
    found = campaign("--points", "few", "--kills", "10")
    assert found["points"].keys() == set(POINTS)
    assert found["random"] == 10
    assert found["random_inside"] >= 5
    assert found["wrong"] == []


def test_killed_on_postgresql(postgres_url: str) -> None:
    points = "step.staged:20,step.before_commit:30,step.after_commit:30,work.before_commit:1,run.finished:2"
    found = campaign("--points", points, "--kills", "4", "--postgresql", postgres_url)
    assert found["kills"] == 9
    assert found["wrong"] == []


@pytest.mark.parametrize("point", ["step.staged:3", "step.derived:3"])
def test_a_cursor_stored_before_its_pages_is_found_out(point: str) -> None:
    found = campaign("--points", point, "--kills", "0", "--cursor-first", good=False)
    assert any(line.startswith(f"killed at {point}: facts:") for line in found["wrong"])


@pytest.mark.slow
def test_two_hundred_kills_and_every_passage_of_every_failpoint() -> None:
    found = campaign("--points", "all", "--kills", "200")
    assert found["random"] == 200
    assert found["random_inside"] >= 160
