"""The flood: thousands of webhooks, some twice, out of order or forged, to a real daemon that syncs meanwhile and dies.

`python -m tests.flood` runs the whole of it (10,000 deliveries, two deaths) and prints figures; `make flood` likewise.
The senders do what Shopify does: what was not answered with 200 is sent again. In the end the store must say what the
pretend shop truly is, and what a fresh store says after pulling everything.
"""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import json
import random
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import UNSET

from klientela.flow.sync import sync
from klientela.kit import Order, Person, SecretStr
from klientela.store import Store, facts, open_store
from klientela.testing import serve
from klientela_shopify.sandbox import TOKEN, Message, Sandbox, Weather, news
from klientela_shopify.settings import ShopifySettings
from klientela_shopify.source import ShopifySource
from tests.daemon.house import Process, until

STORM = Weather(duplicates=0.46, shuffled=0.2, forged=0.077)
"""Shares of the messages: 30 % of all deliveries are repetitions then, and 5 % forged."""

GUESS = "a guess"
"""With what somebody signs who does not know the secret."""

_SENDERS = 16

CONFIG = """[web]
port = {port}
[sources.shop]
type = "shopify"
base_url = "{url}"
access_token = "{token}"
webhook_secret = "{secret}"
[sources.list]
type = "csv"
path = "list.csv"
every = "1s"
"""


@dataclass
class Figures:
    """What a flood came to; times in seconds."""

    deliveries: int = 0
    messages: int = 0
    forged: int = 0
    deaths: int = 0
    tries: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    answered: list[float] = field(default_factory=list)  # how long each answer took
    sending: float = 0.0
    applied: float = 0.0  # from the first delivery until the last message was applied
    forged_accepted: int = 0
    lost: int = 0
    wrong: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As a document."""
        times = sorted(self.answered)
        return {
            "deliveries": self.deliveries,
            "messages": self.messages,
            "forged": self.forged,
            "forged_accepted": self.forged_accepted,
            "deaths": self.deaths,
            "tries": self.tries,
            "statuses": dict(self.statuses),
            "sending_s": round(self.sending, 2),
            "answers_per_s": round(len(times) / self.sending),
            "applied_s": round(self.applied, 2),
            "answer_ms": {
                "median": round(1000 * times[len(times) // 2], 1),
                "p99": round(1000 * times[len(times) * 99 // 100], 1),
                "max": round(1000 * times[-1], 1),
            },
            "lost": self.lost,
            "wrong": self.wrong[:5],
        }


def flood(folder: Path, deliveries: int, *, deaths: int, customers: int, seed: int = 1) -> Figures:
    """Flood a daemon in a folder; the figures, with what was wrong in the end."""
    box = Sandbox(seed=seed, customers=customers)
    figures = Figures()
    with serve(box.app) as url:
        port = _free_port()
        file = folder / "klientela.toml"
        file.write_text(CONFIG.format(port=port, url=url, token=TOKEN, secret=box.webhook_secret))
        file.chmod(0o600)
        _write_list(folder, 0)
        first = Process(folder, "sync")
        assert first.wait() == 0, "\n".join(first.lines)
        letters = _happenings(box, deliveries, figures)
        with _daemon(folder) as daemon, _busy_list(folder):
            _send(letters, port, box, figures, daemon, deaths)
            began = time.monotonic() - figures.sending
            _until_applied(folder, daemon)
            figures.applied = time.monotonic() - began
            assert daemon.process.end() == 0
        _judge(folder, box, url, letters, figures)
    return figures


def _happenings(box: Sandbox, deliveries: int, figures: Figures) -> list[Message]:
    """Let so much happen that the post has about so many deliveries."""
    box.listen()
    wanted = deliveries / (1 + STORM.duplicates + STORM.forged)
    while len(box.outbox) < wanted:
        box.advance(10)
        people = sorted(box.customers)
        if len(people) > 10 and len(box.outbox) % 7 == 0:  # merges are no part of a shop's usual life
            kept, away = box.customers[people[3]], box.customers[people[-1]]
            box.merge(kept, away, status="failed" if len(box.outbox) % 2 else "completed")
    letters = box.mail(STORM)
    figures.deliveries = len(letters)
    figures.messages = len({one.id for one in letters if not one.forged})
    figures.forged = sum(one.forged for one in letters)
    return letters


# the daemon and its other work ----------------------------------------------------------------------------------------


class _Daemon:
    """A daemon that can be killed and started again, on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()

    def start(self) -> None:
        self.process = Process(self.folder, "run")
        self.process.wait_for("klientela is running")

    def die(self) -> None:
        self.process.end(signal.SIGKILL)
        self.start()


@contextmanager
def _daemon(folder: Path) -> Iterator[_Daemon]:
    daemon = _Daemon(folder)
    try:
        yield daemon
    finally:
        daemon.process.end(signal.SIGKILL)


@contextmanager
def _busy_list(folder: Path) -> Iterator[None]:
    """Another source that changes all the time, so that runs write while deliveries come."""
    over = threading.Event()

    def work() -> None:
        version = 0
        while not over.wait(1.0):
            version += 1
            _write_list(folder, version)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _write_list(folder: Path, version: int) -> None:
    rows = "".join(f"reader{n}@list.example,Rita,Reader{n + version}\n" for n in range(200))
    fresh = folder / "list.new"
    fresh.write_text("Email,First Name,Last Name\n" + rows)
    fresh.replace(folder / "list.csv")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _until_applied(folder: Path, daemon: _Daemon) -> None:
    """Wait until nothing waits any more, as long as it gets less."""
    left: int | None = None
    while (now := int(_query(folder, "SELECT count(*) FROM inbox WHERE state = 'new'")[0][0])) != 0:
        assert now != left, (
            f"{now} messages are not applied\n"
            + "\n".join(line for line in daemon.process.lines if "list" not in line)
            + str(_query(folder, "SELECT id, topic, attempts, error, state FROM inbox WHERE state <> 'done' LIMIT 3"))
        )
        left = now
        for _ in range(100):
            time.sleep(0.1)
            if not _query(folder, "SELECT 1 FROM inbox WHERE state = 'new' LIMIT 1"):
                break


# sending --------------------------------------------------------------------------------------------------------------


def _send(letters: list[Message], port: int, box: Sandbox, figures: Figures, daemon: _Daemon, deaths: int) -> None:
    """Send everything until it is accepted (or refused, where it is forged), and kill the daemon meanwhile."""
    waiting = deque(letters)
    accepted = Counter[str]()
    guard = threading.Lock()
    open_ones = len(letters)

    def done(one: Message, status: int | None, took: float) -> None:
        nonlocal open_ones
        with guard:
            figures.tries += 1
            figures.statuses[str(status or "no answer")] += 1
            if status is not None:
                figures.answered.append(took)
            if status == 200 or (one.forged and status == 401):
                open_ones -= 1
                accepted["forged" if one.forged and status == 200 else "well"] += 1
            else:
                waiting.append(one)

    def work() -> None:
        connection: http.client.HTTPConnection | None = None
        while open_ones:
            try:
                one = waiting.popleft()
            except IndexError:
                time.sleep(0.01)
                continue
            began = time.monotonic()
            status = None
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                secret = GUESS if one.forged else box.webhook_secret
                connection.request("POST", "/webhooks/shop", one.body, news.headers(one, secret, box.domain))
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.05)
            done(one, status, time.monotonic() - began)
        if connection is not None:
            connection.close()

    began = time.monotonic()
    senders = [threading.Thread(target=work, daemon=True) for _ in range(_SENDERS)]
    for sender in senders:
        sender.start()
    for death in range(deaths):
        mark = len(letters) * (death + 1) // (deaths + 1)
        until(lambda mark=mark: sum(accepted.values()) >= mark, "so many answers")  # type: ignore[misc]
        daemon.die()
        figures.deaths += 1
    for sender in senders:
        sender.join()
    figures.sending = time.monotonic() - began
    figures.forged_accepted = accepted["forged"]


# the end --------------------------------------------------------------------------------------------------------------


def _judge(folder: Path, box: Sandbox, url: str, letters: list[Message], figures: Figures) -> None:
    """What the store says in the end, against the shop's truth and against a store that pulled everything."""
    keys = {row[0] for row in _query(folder, "SELECT key FROM inbox")}
    figures.lost = len({one.id for one in letters if not one.forged} - keys)
    figures.forged_accepted += len(keys & {one.id for one in letters if one.forged})
    states = dict(_query(folder, "SELECT state, count(*) FROM inbox GROUP BY state"))
    if set(states) != {"done"}:
        figures.wrong.append(f"messages ended as {states}")
    helpers = _helpers()
    with open_store(f"sqlite:///{folder / 'klientela.db'}", key_file=folder / "klientela.key") as store:
        mine = _facts(store)
    for _, fact in mine.items():
        if "forged" in str(fact):
            figures.wrong.append("something forged is in the store")
    here = {ext for entity, ext in mine if entity == "customer"}
    told = {name: helpers._told(fact, here) for name, fact in mine.items()}
    _differences(told, helpers.truth(box), "the shop", figures)
    with open_store(f"sqlite:///{folder / 'fresh.db'}") as fresh:
        settings = ShopifySettings(type="shopify", base_url=url, access_token=SecretStr(TOKEN))
        with closing(ShopifySource("shop", settings)) as source:
            report = sync(fresh, source)
        assert report.status == "ok", report.error
        pulled = _facts(fresh)
    _differences(
        {name: plain(fact, here) for name, fact in mine.items()},
        {name: plain(fact, here) for name, fact in pulled.items()},
        "a fresh store",
        figures,
    )


def _differences(mine: dict[Any, Any], theirs: dict[Any, Any], whose: str, figures: Figures) -> None:
    for name in mine.keys() | theirs.keys():
        if mine.get(name) != theirs.get(name):
            figures.wrong.append(f"{name} differs from {whose}: {_where(mine.get(name), theirs.get(name))}")


def _where(mine: Any, theirs: Any) -> str:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return ", ".join(f"{key} {mine[key]} / {theirs[key]}" for key in mine if mine[key] != theirs[key])
    return f"{mine} / {theirs}"


def plain(fact: Any, here: set[str]) -> dict[str, Any]:
    """A fact by its fields, absent and cleared alike; a buyer who is gone is nobody; the order of tags is none."""
    found = {}
    for name in type(fact).__struct_fields__:
        value = getattr(fact, name)
        if name in ("channel", "email") and not isinstance(fact, Person | Order):
            continue  # only webhooks tell the e-mail of a checkout
        if name == "customer" and value not in here:
            value = None
        if name == "guest":
            continue  # follows from the customer, who may have been deleted since
        if name == "tags" and isinstance(value, list):
            value = sorted(value)
        found[name] = None if value is UNSET else value
    return found


def _facts(store: Store) -> dict[tuple[str, str], Any]:
    with store.reading() as db:
        source = next(one for one in facts.sources(db).values() if one.label == "shop")
        rows = db.rows("SELECT id FROM record WHERE source = ? AND gone = 0 AND channel IS NOT NULL", (source.id,))
        loaded = facts.load(db, [row[0] for row in rows]).values()
    return {(facts.entity_name(one.entity), one.ext): one.fact for one in loaded if one.entity != facts.GUEST_ORDER}


def _helpers() -> Any:
    path = Path(__file__).parent / "plugins" / "shopify" / "shopify_helpers.py"
    spec = importlib.util.spec_from_file_location("shopify_helpers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "klientela.db", timeout=30)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def main() -> int:
    """The whole flood, from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=10_000)
    parser.add_argument("--deaths", type=int, default=2)
    parser.add_argument("--customers", type=int, default=400)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="klientela-flood-") as folder:
        figures = flood(Path(folder), asked.deliveries, deaths=asked.deaths, customers=asked.customers, seed=asked.seed)
    print(json.dumps({"seed": asked.seed, **figures.told()}, indent=2))
    return 1 if figures.wrong or figures.lost or figures.forged_accepted else 0


__all__ = ["Callable", "Figures", "flood", "plain"]

if __name__ == "__main__":
    sys.exit(main())
