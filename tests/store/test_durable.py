"""A commit is on the disk before anybody is told of it, outside of these tests, which leave that out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ASK = """
import sys
from klientela.store import open_store
with open_store(sys.argv[1]) as store, store.step("test") as step:
    print(*(step.db.one(f"PRAGMA {name}")[0] for name in ("synchronous", "journal_mode")))
"""


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'klientela.db'}"
    said = subprocess.run([sys.executable, "-c", ASK, url], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["2", "wal"], "FULL, with a log written ahead"
