"""Hand work that dies in the middle leaves nothing half written, and the same word said again is written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import configure
from tests.daemon.test_handwork import ANNA, LIST, ROWS, document

FILE = ("import", "rows.csv", "--into", "list")


@pytest.fixture
def house(run: Any, here: Path) -> Path:
    rows = "1,a@x.example,Anna,Alt,Alt KG,Berlin,DE\n2,b@x.example,Bernd,Neu,,Wien,AT\n"
    (here / "people.csv").write_text(ROWS + rows, "utf-8")
    configure(LIST)
    assert run("sync")[0] == 0
    document(run, "pin", ANNA, "phone", "+49 30 1111")
    document(run, "tag", ANNA, "alt")
    public = document(run, "customer", ANNA)["id"]
    (here / "rows.csv").write_text(f"klientela_id,company\n{public},Datei KG\n", "utf-8")
    (here / "brief.txt").write_text("hello", "utf-8")
    return here


def killed(house: Path, point: str, *args: str) -> None:
    """Run a verb in a process of its own that dies at a failpoint."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("KLIENTELA")}
    command = [sys.executable, "-c", "import sys; from klientela_daemon.cli import main; sys.exit(main())", *args]
    done = subprocess.run(
        command, cwd=house, env={**env, "KLIENTELA_FAILPOINT": point}, capture_output=True, text=True, check=False
    )
    assert done.returncode == -9, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("point", "args"),
    [
        ("decision.derived", ("edit", ANNA, "company=Neu", "city=Ulm")),
        ("decision.derived", ("pin", ANNA, "company", "Fest")),
        ("decision.derived", ("unpin", ANNA, "phone")),
        ("decision.derived", ("tag", ANNA, "neu")),
        ("decision.derived", ("untag", ANNA, "alt")),
        ("decision.derived", ("remark", ANNA, "zuverlässig")),
        ("decision.derived", ("note", ANNA, "rief an", "--file", "brief.txt")),
        ("decision.derived", ("undo", "2")),
        ("step.derived", FILE),
        ("step.audited", ("customer", "add", "--first-name", "Dora", "--email", "d@x.example", "--tag", "neu")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_a_word_that_dies_is_not_said_and_can_be_said_again(
    run: Any, house: Path, point: str, args: tuple[str, ...]
) -> None:
    def state() -> str:
        told = [document(run, "customer", row["id"]) for row in document(run, "customers")["rows"]]
        return json.dumps([told, document(run, "audit")["lines"]], sort_keys=True)

    before = state()
    killed(house, point, *args)
    assert state() == before
    assert document(run, "rebuild", "--check")["equal"]
    document(run, *args)
    assert state() != before
    assert document(run, "rebuild", "--check")["equal"]
    assert document(run, "audit", "verify")["whole"]
