"""Whole ways: two shops at once, and the demo."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from pathlib import Path
from typing import Any

from klientela.testing import serve
from klientela_shopify.sandbox import TOKEN, Sandbox
from tests.daemon.conftest import configure
from tests.daemon.house import Process
from tests.daemon.verbs import LIST, document


def test_two_shops_one_of_which_misbehaves(run: Any, here: Path) -> None:
    well, ill = Sandbox(customers=40, seed=1), Sandbox(customers=40, seed=2, name="Other")
    with serve(well.app) as one, serve(ill.app) as two:
        table = '[sources.{}]\ntype = "shopify"\nshop = "s"\naccess_token = "' + TOKEN + '"\nbase_url = "{}"\n'
        configure(table.format("well", one) + table.format("ill", two))
        ill.closed = 402
        runs = {one["source"]: one for one in document(run, "sync", code=1)["runs"]}
        assert runs["well"]["status"] == "ok"
        assert runs["ill"]["status"] == "failed"
        assert runs["ill"]["error"]["hint"]
        ill.closed = None
        runs = {one["source"]: one for one in document(run, "sync")["runs"]}
        assert runs["ill"]["status"] == "ok"
        assert document(run, "doctor")["ok"] is True


def test_the_demo_once(tmp_path: Path) -> None:
    process = Process(tmp_path, "demo", "--once", "--dir", "shop", "--customers", "60")
    code = process.wait()
    out = "\n".join(process.out)
    assert code == 0, out
    assert re.search(r"^shopify +ok", out, re.M)
    assert re.search(r"^list +ok", out, re.M)
    assert "A till pushed what it knows to the daemon's HTTP server: 18 accepted, 0 unchanged, 0 rejected" in out
    assert "best of" in out
    assert "They are joined by:" in out
    assert (tmp_path / "shop" / "customers.csv").exists()
    connection = sqlite3.connect(tmp_path / "shop" / "klientela.db")
    pushed = connection.execute(
        "SELECT c.status, count(*), max(json_array_length(c.sources)) FROM customer c WHERE EXISTS ("
        "SELECT 1 FROM json_each(c.sources) e JOIN source s ON s.id = e.value WHERE s.label = 'till') "
        "GROUP BY c.status ORDER BY c.status"
    ).fetchall()
    assert [(status, count) for status, count, _ in pushed] == [(0, 2), (1, 6)]  # two guests of one address are two
    assert pushed[1][2] > 1  # whom a shop knows too is one customer
    both = connection.execute(
        "SELECT count(*) FROM customer c WHERE json_array_length(c.sources) > 1 AND EXISTS ("
        "SELECT 1 FROM json_each(c.sources) e JOIN source s ON s.id = e.value WHERE s.label = 'list')"
    ).fetchone()[0]
    connection.close()
    assert both >= 8  # customers of the shop who stand in the file too, in other spellings
    again = Process(
        tmp_path, "demo", "--once", "--dir", "shop", "--customers", "60", "--json"
    )  # once more, same folder
    assert again.wait() == 0
    told = json.loads("\n".join(again.out))
    assert told["configuration"] == str(tmp_path / "shop" / "klientela.toml")
    assert {one["status"] for one in told["runs"]} == {"ok"}
    assert (told["pushed"]["rejected"], told["customers"] > 60, bool(told["shops"][0]["url"])) == (0, True, True)


def test_the_demo_refuses_another_house(run: Any, here: Path) -> None:
    configure(LIST)
    code, _, err = run("demo", "--once", "--dir", ".")
    assert code == 1
    assert "no configuration of the demo" in err
    assert Path("klientela.toml").read_text() == LIST


def test_the_demo_goes_on_as_daemon(tmp_path: Path) -> None:
    process = Process(tmp_path, "demo", "--dir", "shop", "--customers", "30", "--port", "0")
    try:
        process.wait_for("klientela is running")
        process.wait_for("sync ended", source="shopify")
        assert process.end(signal.SIGINT) == 0
    finally:
        process.end(signal.SIGKILL)
