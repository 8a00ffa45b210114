"""Fixtures every test may use: a store on SQLite and on PostgreSQL, and sources made of records in memory."""

from __future__ import annotations

import math
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

from klientela.flow import sync
from klientela.store import Store, database, open_store
from klientela.store.migrations import upgrade

IN_CI = bool(os.environ.get("CI"))
# On a machine that lands changes the same examples each time; at a desk new ones, which find what these do not.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
if IN_CI:
    settings.load_profile("ci")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(autouse=True, scope="session")
def steady_steps() -> Iterator[None]:
    """How many pages a step holds is learnt from the clock; here it grows as on a machine with nothing else to do, so that
    what a test brings about does not hang on the load."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sync, "FAST", math.inf)
        patch.setattr(sync, "SLOW", math.inf)
        yield


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's server programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3].split(".")[0]))
    if found:
        return found[-1].parent
    here = shutil.which("initdb")
    return Path(here).parent if here else None


def _as_postgres() -> list[str]:
    """The server refuses to run as root: then it runs as its own user."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


@pytest.fixture(autouse=True, scope="session")
def no_power_cuts() -> Iterator[None]:
    """No test cuts the power, so none waits for the disk: the stores of this process leave that out, as the PostgreSQL
    below does. Other processes are as they are; that they wait is tested in store/test_durable.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_PRAGMAS", (*database._PRAGMAS, "PRAGMA synchronous = OFF"))
        yield


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A private PostgreSQL cluster on a socket of its own."""
    folder = find_postgres()
    if folder is None:
        hint = "PostgreSQL is not installed: `apt-get install postgresql` brings it"
        if IN_CI:
            pytest.fail(hint)
        pytest.skip(hint)
    pytest.importorskip("psycopg")
    prefix = _as_postgres()
    root = Path(tempfile.mkdtemp(prefix="klientela-pg-", dir="/tmp"))
    if prefix:
        shutil.chown(root, "postgres")
    data = root / "data"
    run = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run(
        [
            *prefix,
            str(folder / "initdb"),
            "-D",
            str(data),
            "-U",
            "klientela",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        ],
        **run,  # type: ignore[call-overload]
    )
    options = (
        f"-c listen_addresses= -c unix_socket_directories={root} -c fsync=off -c full_page_writes=off "
        "-c synchronous_commit=off -c shared_buffers=64MB"
    )
    control = [*prefix, str(folder / "pg_ctl"), "-D", str(data), "-w", "-l", str(root / "log")]
    subprocess.run([*control, "-o", options, "start"], **run)  # type: ignore[call-overload]
    try:
        yield f"postgresql+psycopg://klientela@/postgres?host={root}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **run)  # type: ignore[call-overload]
        # Hundreds of schemas are some hundred thousand files: nobody waits for them, and no test's time is spent on them.
        subprocess.run(["sh", "-c", 'rm -rf -- "$1" >/dev/null 2>&1 &', "sh", root], check=False)


def fresh_schema(url: str) -> str:
    """A store address in a new schema of the cluster."""
    import psycopg

    name = f"k{uuid4().hex}"
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA pg_catalog")
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{url}&options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new store, once on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'klientela.db'}"
    return fresh_schema(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """Gives an empty store its schema as the steps made it the first time: thousands of tests begin with one, and going
    through all steps takes longer than most of them. (The steps themselves are tested in store/test_migrations.py.)"""

    @cache
    def file() -> bytes:
        path = tmp_path_factory.mktemp("empty") / "klientela.db"
        _with_steps(f"sqlite:///{path}")
        return path.read_bytes()

    @cache
    def script(cluster: str) -> str:
        url = fresh_schema(cluster)
        _with_steps(url)
        programs = find_postgres()
        assert programs is not None
        name, place = url.rpartition("%3D")[2], cluster.partition("host=")[2]
        made = subprocess.run(
            [programs / "pg_dump", "-h", place, "-U", "klientela", "-n", name, "--inserts", "--no-owner", "postgres"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        skipped = (chr(92), "--", "SET ", "SELECT pg_catalog.set_config", "CREATE SCHEMA")
        return "\n".join(line for line in made.splitlines() if not line.startswith(skipped)).replace(f"{name}.", "")

    def give(url: str) -> None:
        if url.startswith("sqlite"):
            Path(url.removeprefix("sqlite:///")).write_bytes(file())
            return
        import psycopg

        with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://")) as connection:
            connection.execute(script(url.rpartition("&options=")[0]).encode())

    return give


def _with_steps(url: str) -> None:
    with Store(database.make_engine(url), url, b"") as made:
        upgrade(made)


@pytest.fixture
def store(store_url: str, tmp_path: Path, prepare: Callable[[str], None]) -> Iterator[Store]:
    """An open store, once on each database."""
    prepare(store_url)
    key, tombstones = tmp_path / "klientela.key", tmp_path / "klientela.tombstones"
    with open_store(store_url, key_file=key, tombstones=tombstones) as made:
        yield made


@pytest.fixture
def new_store(
    store_url: str, tmp_path: Path, prepare: Callable[[str], None], request: pytest.FixtureRequest
) -> Iterator[Callable[[], Store]]:
    """Makes further empty stores on the same kind of database, with the same instance key."""
    made: list[Store] = []

    def make() -> Store:
        if store_url.startswith("sqlite"):
            url = f"sqlite:///{tmp_path / f'more{len(made)}.db'}"
        else:
            url = fresh_schema(request.getfixturevalue("postgres_url"))
        prepare(url)
        made.append(open_store(url, key_file=tmp_path / "klientela.key"))
        return made[-1]

    yield make
    for one in made:
        one.close()
