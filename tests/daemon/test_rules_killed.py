"""`rules apply` that is killed is gone on with, and until it is finished no reader is left in the dark."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import configure
from tests.daemon.house import Process
from tests.daemon.verbs import LIST, document

PAIRS = 400
EMAIL_ONLY = LIST + '[identity]\nrules = ["email"]\n'


@pytest.fixture
def pairs(run: Any, here: Path) -> None:
    """Many people who stand in the list twice and share a phone alone."""
    with (here / "people.csv").open("w") as file:
        file.write("Customer Number,Email,First Name,Last Name,Phone\n")
        for n in range(PAIRS):
            for side in "ab":
                file.write(f"{side}{n},{side}{n}@x.example,Ada,Name{n:03d},+49 30 {5_731_911 + n}\n")
    configure(LIST)
    document(run, "sync")


def ids(run: Any) -> set[str]:
    code, out, _ = run("export", "--format", "jsonl")
    assert code == 0
    return {json.loads(line)["id"] for line in out.splitlines()}


def export(run: Any) -> str:
    code, out, _ = run("export", "--format", "jsonl")
    assert code == 0
    return str(out)


@pytest.mark.parametrize(
    ("point", "begun"),
    [
        ("step.before_commit:1", False),
        ("step.after_commit:1", True),
        ("work.before_commit:1", True),
        ("work.after_commit:1", True),
        ("work.before_commit:2", True),
    ],
)
def test_killed_and_gone_on_with(run: Any, here: Path, pairs: None, point: str, begun: bool) -> None:
    before = export(run)
    assert len(before.splitlines()) == PAIRS
    configure(EMAIL_ONLY)
    would = document(run, "rules", "apply", "--dry-run")
    assert len(would["customers"]) == 2 * PAIRS
    assert Process(here, "rules", "apply", KLIENTELA_FAILPOINT=point).wait() == -signal.SIGKILL

    left = document(run, "customers")["left"]
    assert (left > 0) == begun
    named = document(run, "customers", "--size", "1")["rows"][0]["id"]
    assert document(run, "customer", named)["left"] == left
    for args in (("customers",), ("customer", named), ("export",), ("why", named), ("review",)):
        code, _, err = run(*args)
        assert code == 0
        assert ("to be looked at under the rules in force" in err) == begun, args
    if begun:
        code, out, err = run("rules", "diff")
        assert (code, out) == (1, "")
        assert "wait on the worklist" in err
        assert "wait on the worklist" in run("rules", "apply", "--dry-run")[2]
        assert run("rebuild", "--check")[0] == 1

    done = document(run, "rules", "apply")
    assert (done["left"], done["seq"] > 0) == (0, True)
    assert done["customers"] == would["customers"]
    assert len(export(run).splitlines()) == 2 * PAIRS
    assert document(run, "customers")["left"] == 0
    assert document(run, "rebuild", "--check")["equal"]
    configure(LIST)
    document(run, "rules", "apply")
    assert export(run) == before


def test_a_sync_finishes_it_too(run: Any, here: Path, pairs: None) -> None:
    configure(EMAIL_ONLY)
    assert Process(here, "rules", "apply", KLIENTELA_FAILPOINT="work.after_commit:1").wait() == -signal.SIGKILL
    document(run, "sync")
    assert document(run, "customers")["left"] == 0
    assert len(ids(run)) == 2 * PAIRS
    said = document(run, "rules", "apply")
    assert (said["seq"], said["records"]) == (None, 0)
