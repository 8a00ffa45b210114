"""A house with a pushed source, answering over real HTTP; for the tests beside it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from klientela.door import SCOPES
from klientela.store import facts, tokens
from klientela.store.database import Store
from klientela_daemon.door import HouseDoor
from klientela_daemon.house import House, read
from klientela_daemon.http import Health, Listener, application, mounts
from klientela_daemon.opening import opened, settle

CONFIG = '[sources.till]\ntype = "api"\n'


class Till:
    """The house, its store, and a client that may do everything."""

    def __init__(self, house: House, store: Store, url: str, name: str) -> None:
        self.house = house
        self.store = store
        self.url = url
        self.token = self.new_token(name, *SCOPES)
        self.client = self.client_of(self.token)

    def new_token(self, name: str, *scopes: str, source: str = "till") -> str:
        """A token that pushes into the source."""
        with self.store.step("token") as step:
            return tokens.new(step, name, scopes, facts.ensure_source(step, source, "api").id)

    def client_of(self, token: str) -> httpx.Client:
        """A client with this token."""
        return httpx.Client(base_url=self.url + "/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def push(self, stream: str, body: Any, **headers: str) -> httpx.Response:
        """POST a body as JSON."""
        return self.client.post(f"/{stream}", json=body, headers=headers)

    def statuses(self, stream: str, body: Any) -> list[str]:
        """POST a body; the status of each item."""
        answer = self.push(stream, body)
        assert answer.status_code == 200, answer.text
        return [one["status"] for one in answer.json()["items"]]

    def rows(self) -> list[dict[str, Any]]:
        """The list."""
        found = self.client.get("/customers", params={"size": 1000}).json()["rows"]
        return sorted(found, key=lambda row: (row["name"], row["id"]))

    def count(self, table: str) -> int:
        """How many rows a table has."""
        with self.store.reading() as db:
            row = db.one(f"SELECT count(*) FROM {table}")
        return int(row[0]) if row else 0


@contextmanager
def till(folder: Path, more: str = "", *, url: str | None = None, name: str = "all") -> Iterator[Till]:
    """A house in a folder, open and listening. `url`: its store, else SQLite in the folder; `name`: of its token."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    config = folder / "klientela.toml"
    config.write_text((f'[store]\nurl = "{url}"\n' if url else "") + CONFIG + more, "utf-8")
    config.chmod(0o600)
    house = read(config)
    with opened(house, create=True) as store:
        settle(store, house)
        door = HouseDoor(store, lambda: house)
        routes = mounts(house.plugins, door)
        listener = Listener(application(lambda: Health([], [], []), str, routes), "127.0.0.1", 0)
        listener.start()
        made = Till(house, store, listener.url, name)
        try:
            yield made
        finally:
            made.client.close()
            listener.stop()


def customer(key: str, **fields: Any) -> dict[str, Any]:
    """A customer as JSON."""
    return {"external_id": key, **fields}


def order(key: str, total: str = "10.00", **fields: Any) -> dict[str, Any]:
    """An order as JSON."""
    return {"external_id": key, "placed_at": "2026-05-01T10:00:00Z", "total": total, **fields}
