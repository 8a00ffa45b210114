"""How a process of klientela's own treats its memory: what it switches off is off, and nothing else differs."""

from __future__ import annotations

import subprocess
import sys

import pytest

COUNT = """
import ctypes, sqlite3, _sqlite3
from klientela.runtime import uncounted
{before}
done = uncounted()
connection = sqlite3.connect(":memory:")
connection.execute("CREATE TABLE t (a)")
connection.executemany("INSERT INTO t VALUES (?)", [(str(n),) for n in range(1000)])
counted = ctypes.PyDLL(_sqlite3.__file__).sqlite3_memory_used() > 0
print(done, counted, connection.execute("SELECT count(*) FROM t").fetchone()[0])
"""

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere SQLite is left as it is")


def told(before: str = "") -> str:
    run = subprocess.run(
        [sys.executable, "-c", COUNT.format(before=before)], capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


@linux
def test_sqlite_works_on_without_counting_its_memory() -> None:
    assert told() == "True False 1000"


@linux
def test_a_library_that_has_a_connection_open_is_left_alone() -> None:
    assert told("open_ = sqlite3.connect(':memory:'); open_.execute('CREATE TABLE t (a)')") == "False True 1000"
