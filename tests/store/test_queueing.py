"""Processes that write one file take turns: a small writer waits for one step of a loading one, not for its end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from klientela.store.database import Db, open_store
from klientela.store.queueing import Queue

LOADER = """
import sys, time
from pathlib import Path
from klientela.store.database import open_store
folder = Path(sys.argv[1])
with open_store(f"sqlite:///{folder}/k.db", key_file=folder / "k.key") as store:
    count = 0
    while not (folder / "enough").exists():
        with store.step("load") as step:
            count += 1
            step.db.run("INSERT INTO meta (name, value) VALUES ('loaded', ?) "
                        "ON CONFLICT (name) DO UPDATE SET value = excluded.value", (count,))
            time.sleep(0.03)
"""


@pytest.fixture
def loading(tmp_path: Path) -> Iterator[Path]:
    """A folder whose store another process writes to, one step right after the other."""
    open_store(f"sqlite:///{tmp_path}/k.db", key_file=tmp_path / "k.key").close()
    process = subprocess.Popen([sys.executable, "-c", LOADER, str(tmp_path)])
    yield tmp_path
    (tmp_path / "enough").touch()
    assert process.wait(60) == 0


def test_a_small_writer_is_not_starved(loading: Path) -> None:
    with open_store(f"sqlite:///{loading}/k.db", key_file=loading / "k.key") as store:

        def loaded(db: Db) -> int:
            row = db.one("SELECT value FROM meta WHERE name = 'loaded'")
            return int(row[0]) if row else 0

        waited = []
        while len(waited) < 12:
            time.sleep(0.05)  # the loader is in the middle of a step
            with store.reading() as db:
                before = loaded(db)
            with store.step("small") as step:
                after = loaded(step.db)
            if before:
                waited.append(after - before)
    assert sum(waited) <= 2 * len(waited), "each waits for the step in progress and perhaps one more"


def test_the_gate_is_a_courtesy(tmp_path: Path) -> None:
    for queue in (Queue(None), Queue(tmp_path / "nowhere" / "k.db"), Queue(tmp_path / "k.db")):
        with queue.turn():
            pass
        with queue.turn():
            pass
        queue.close()
    if os.name == "posix":
        assert (tmp_path / "k.db.turn").stat().st_mode & 0o077 == 0
