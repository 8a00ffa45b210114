"""The daemon as a real process: signals, a second one, a wrong configuration, a death, a shop that lets it wait."""

from __future__ import annotations

import itertools
import json
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from klientela.store import open_store
from klientela.testing import Faults, serve
from klientela_shopify.sandbox import TOKEN, create
from tests.conftest import fresh_schema
from tests.daemon.house import Process, until

CSV = '[sources.{name}]\ntype = "csv"\npath = "{name}.csv"\nevery = "{every}"\n'
SHOP = (
    '[sources.{name}]\ntype = "shopify"\nshop = "s"\naccess_token = "' + TOKEN + '"\n'
    'base_url = "{url}"\nevery = "{every}"\n'
)
WEB = "[web]\nport = 0\n"


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    for process in started:
        process.end(signal.SIGKILL)


@pytest.fixture
def daemon(tmp_path: Path, processes: list[Process]) -> Any:
    def daemon(*args: str, **environ: str) -> Process:
        process = Process(tmp_path, "run", *args, **environ)
        processes.append(process)
        return process

    return daemon


@pytest.fixture
def people(tmp_path: Path) -> Any:
    def people(name: str, *emails: str) -> None:
        rows = "".join(f"{email},Anna,{email[:1].upper()}berg\n" for email in emails)
        fresh = tmp_path / f"{name}.new"
        fresh.write_text("Email,First Name,Last Name\n" + rows)
        fresh.replace(tmp_path / f"{name}.csv")

    return people


def configure(folder: Path, *parts: str) -> None:
    file = folder / "klientela.toml"
    file.write_text("".join(parts))
    file.chmod(0o600)


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "klientela.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def customers(folder: Path) -> int:
    return int(query(folder, "SELECT count(*) FROM customer")[0][0])


def test_the_list_follows_and_sigterm_ends_cleanly(daemon: Any, people: Any, tmp_path: Path) -> None:
    people("a", "a@x.example")
    people("b", "b@x.example")
    configure(tmp_path, CSV.format(name="a", every="1s"), CSV.format(name="b", every="1s"), WEB)
    process = daemon()
    url = process.wait_for("klientela is running")["listens"]
    until(lambda: customers(tmp_path) == 2)
    people("b", "b@x.example", "c@x.example")
    until(lambda: customers(tmp_path) == 3)
    assert httpx.get(f"{url}/livez").status_code == 200
    assert httpx.get(f"{url}/readyz").json()["status"] == "ready"

    def states() -> dict[str, str]:
        return {source["source"]: source["status"] for source in httpx.get(f"{url}/readyz").json()["sources"]}

    until(lambda: states() == {"a": "ok", "b": "ok"})  # they run each second, so one may be running at this very moment
    assert 'klientela_runs_total{source="b",status="ok"}' in httpx.get(f"{url}/metrics").text
    began = time.monotonic()
    assert process.end() == 0
    assert time.monotonic() - began < 10
    assert process.log[-1]["event"] == "klientela has stopped"
    slots = query(tmp_path, "SELECT count(*) FROM slot")[0][0]
    assert query(tmp_path, "SELECT count(*) FROM run")[0][0] <= slots
    assert query(tmp_path, "SELECT count(*) FROM lease") == [(0,)]


def test_sigterm_while_it_starts_ends_cleanly(daemon: Any, people: Any, tmp_path: Path) -> None:
    people("a", *(f"a{number}@x.example" for number in range(3000)))
    configure(tmp_path, CSV.format(name="a", every="1d"), WEB)
    process = daemon()
    until((tmp_path / "klientela.db").exists)  # the schema is being made
    assert process.end() == 0
    again = daemon()
    until(lambda: again.saw("sync begins") or again.popen.poll() is not None)
    assert again.end() == 0  # in the middle of its first load
    last = daemon()
    last.wait_for("sync ended", source="a")
    assert last.end() == 0
    assert customers(tmp_path) == 3000


def test_ctrl_c_ends_cleanly_too(daemon: Any, people: Any, tmp_path: Path) -> None:
    """With --json the one document says where it listens, and nothing comes after it."""
    people("a", "a@x.example")
    configure(tmp_path, CSV.format(name="a", every="1d"), WEB)
    process = daemon("--json")
    listens = process.wait_for("klientela is running")["listens"]
    process.wait_for("sync ended", source="a")
    assert process.end(signal.SIGINT) == 0
    assert json.loads("\n".join(process.out)) == {"pid": process.popen.pid, "listens": listens}


def test_a_second_daemon_is_refused_and_the_lock_dies_with_the_first(daemon: Any, people: Any, tmp_path: Path) -> None:
    people("a", "a@x.example")
    configure(tmp_path, CSV.format(name="a", every="1d"), WEB)
    first = daemon()
    first.wait_for("klientela is running")
    second = daemon()
    assert second.wait() == 1
    assert len(second.lines) == 2
    assert "another klientela daemon" in second.lines[0]
    first.end(signal.SIGKILL)
    third = daemon()
    third.wait_for("klientela is running")
    assert third.end() == 0


def test_on_postgresql_too(daemon: Any, people: Any, tmp_path: Path, postgres_url: str) -> None:
    people("a", "a@x.example")
    url = fresh_schema(postgres_url)
    configure(tmp_path, f'[store]\nurl = "{url}"\n', CSV.format(name="a", every="1s"), WEB)
    first = daemon()
    first.wait_for("sync ended", source="a")
    second = daemon()
    assert second.wait() == 1
    assert "another klientela daemon" in second.lines[0]
    first.end(signal.SIGKILL)
    third = daemon()
    third.wait_for("sync ended", 2, source="a")
    assert third.end() == 0
    with open_store(url, key_file=tmp_path / "klientela.key") as store, store.reading() as db:
        assert db.one("SELECT count(*) FROM customer") == (1,)
        assert db.one("SELECT count(*) FROM lease") == (0,)


def test_a_sync_beside_the_daemon_is_allowed(
    daemon: Any, people: Any, tmp_path: Path, processes: list[Process]
) -> None:
    people("a", "a@x.example")
    configure(tmp_path, CSV.format(name="a", every="1d"), WEB)
    running = daemon()
    running.wait_for("sync ended", source="a")
    people("a", "a@x.example", "b@x.example")
    beside = Process(tmp_path, "sync", "a")
    processes.append(beside)
    assert beside.wait() == 0
    assert customers(tmp_path) == 2
    assert running.end() == 0


def test_a_reload_takes_what_is_right_and_refuses_what_is_wrong(daemon: Any, people: Any, tmp_path: Path) -> None:
    people("a", "a@x.example")
    people("b", "b@x.example")
    configure(tmp_path, CSV.format(name="a", every="1s"), WEB)
    process = daemon()
    process.wait_for("sync ended", source="a")
    configure(tmp_path, CSV.format(name="a", every="1s"), CSV.format(name="b", every="now"), WEB)
    process.send(signal.SIGHUP)
    said = process.wait_for("the new configuration is wrong; going on with the old one")
    assert "line 8: b: 'now' is no duration" in said["reason"]
    count = len(process.saw("sync ended", source="a"))
    process.wait_for("sync ended", count + 2, source="a")  # the old one goes on
    configure(tmp_path, CSV.format(name="b", every="1d"), "[web]\nport = 1\n")
    process.send(signal.SIGHUP)
    process.wait_for("sync ended", source="b")
    assert process.saw("the configuration was read again", planned=["b"])
    assert [line for line in process.log if "needs a restart" in line["event"]]
    assert [line for line in process.log if "the source a is not in the configuration" in line["event"]]
    assert customers(tmp_path) == 2  # what a brought is kept
    assert process.end() == 0


def test_a_change_of_rules_waits(daemon: Any, people: Any, tmp_path: Path) -> None:
    people("a", "a@x.example")
    configure(tmp_path, CSV.format(name="a", every="1s"), WEB)
    process = daemon()
    process.wait_for("sync ended", source="a")
    configure(tmp_path, CSV.format(name="a", every="1s"), '[identity]\nrules = ["email"]\n', WEB)
    process.send(signal.SIGHUP)
    process.wait_for("the configuration was read again")
    assert [line for line in process.log if "rules apply" in line["event"]]
    assert process.end() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_waiting_shop_holds_up_nobody_and_its_run_goes_on_after_a_restart(
    daemon: Any, people: Any, tmp_path: Path, how: signal.Signals
) -> None:
    people("a", "a@x.example")
    shop = Faults(create(customers=300, seed=3))
    with serve(shop) as url:
        configure(tmp_path, CSV.format(name="a", every="1s"), SHOP.format(name="m", url=url, every="1d"), WEB)
        requests = itertools.count()
        shop.on("429", when=lambda seen: next(requests) >= 5, wait=250)  # some pages come, then it says: wait
        process = daemon()
        until(lambda: shop.injected["429"] >= 1, "the shop's refusal")
        process.wait_for("sync ended", 3, source="a")
        assert not process.saw("sync ended", source="m")
        began = time.monotonic()
        assert process.end(how) == (0 if how is signal.SIGTERM else -signal.SIGKILL)
        assert time.monotonic() - began < 10
        shop.calm()
        again = daemon()
        # planned once a day, and its slot is taken: yet it goes on at once
        assert again.wait_for("sync ended", source="m")["status"] == "ok"
        if how is signal.SIGKILL:
            assert again.saw("closed runs of a process that died", runs=1)
        assert again.end() == 0
    last = query(
        tmp_path, "SELECT status, error FROM run JOIN source s ON s.id = source WHERE label = 'm' ORDER BY run.id"
    )
    assert [status for status, _ in last][-1] == "ok"
    assert "interrupted" in last[-2][1]


def test_a_missed_day_is_caught_up_once(daemon: Any, people: Any, tmp_path: Path) -> None:
    people("a", "a@x.example")
    configure(tmp_path, CSV.format(name="a", every="1s"), WEB)
    process = daemon()
    process.wait_for("sync ended", source="a")
    assert process.end() == 0
    slots = query(tmp_path, "SELECT count(*) FROM slot")[0][0]
    time.sleep(2.5)  # two or three slots pass
    configure(tmp_path, CSV.format(name="a", every="1h"), WEB)
    connection = sqlite3.connect(tmp_path / "klientela.db")
    connection.execute("UPDATE run SET started = started - 90000000000, finished = finished - 90000000000")
    connection.commit()
    connection.close()
    again = daemon()
    again.wait_for("sync ended", source="a")
    time.sleep(0.5)
    assert len(again.saw("sync begins")) == 1  # a day of hours was missed
    assert again.end() == 0
    assert query(tmp_path, "SELECT count(*) FROM slot")[0][0] == slots + 1


def test_a_daemon_that_cannot_start_says_why(daemon: Any, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        configure(tmp_path, f"[web]\nport = {other.getsockname()[1]}\n")
        process = daemon()
        assert process.wait() == 2
        assert any("is taken by another program" in line for line in process.lines)
    configure(tmp_path, '[store]\nurl = "sqlite:///nowhere/k.db"\n')
    process = daemon()
    assert process.wait() == 2
    assert any("nowhere" in line for line in process.lines)
    assert not any("Traceback" in line for line in process.lines)
