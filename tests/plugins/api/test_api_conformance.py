"""A pushed source stands what every source must stand, as far as it is told and asks nobody: over real HTTP."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

import httpx
from tests.plugins.api.till import CONFIG

from klientela.flow.sync import Report
from klientela.kit import Instant, Source, iso
from klientela.model.instants import to_datetime
from klientela.store import facts, tokens
from klientela.store.database import Store
from klientela.testing import conformance
from klientela.testing.conformance import Trouble
from klientela_api.source import ApiSettings, ApiSource
from klientela_daemon.door import HouseDoor
from klientela_daemon.house import House, read
from klientela_daemon.http import Health, Listener, application, mounts

OFFSETS = (timedelta(0), timedelta(hours=5, minutes=30), timedelta(hours=-8))
PAGED = "nobody is asked, so nothing is paged"
MENDED = "what nobody has heard of is answered with the reason, for whoever pushes to mend it"

NOT_APPLICABLE = {
    "edge_of_the_window": "nobody is asked, so there is no window",
    "page_drift": PAGED,
    "looping_pages": PAGED,
    "crash_at_every_page": "a push is one transaction, and is asked again with the same Idempotency-Key",
    "stop": "a push is one transaction",
    "html_page": "what is no JSON is refused as a whole",
    "truncated_body": "what is no JSON is refused as a whole",
    "retry_after": "nobody is asked",
    "unknown_enum": MENDED,
    "unknown_field": MENDED,
    "partial_payload": "a push is all that is known of a record",
    "deletions": "nobody is asked what is gone",
    "suddenly_empty": "nobody is asked, so nothing goes missing",
    "another_shop": "whoever has a token may push; there is no shop behind it",
    "wrong_credentials": "nobody is asked; a token that is not valid is answered 401",
    "secrets": "the settings hold none, and of a token only a hash is kept",
}


class ApiSubject(conformance.Subject):
    """A system that pushes everything it has, every time, in requests of a few things."""

    not_applicable: ClassVar[Mapping[str, str]] = NOT_APPLICABLE

    def __init__(self) -> None:
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="klientela-api-")))
        config = folder / "klientela.toml"
        config.write_text(CONFIG, "utf-8")
        self.house: House = read(config)
        self.rows: dict[str, dict[str, Any]] = {}
        self.troubles: dict[str, str] = {}
        self.clients: dict[int, httpx.Client] = {}

    def source(self, stop: threading.Event) -> Source:
        return ApiSource("till", ApiSettings(type="api"), stop=stop)

    def put(self, key: str, when: Instant, **fields: str | None) -> str:
        row = self.rows.setdefault(key, {"external_id": f"T-{len(self.rows) + 1}"})
        offset = OFFSETS[len(self.rows) % 3] if "offsets" in self.troubles else None
        told = to_datetime(when).astimezone(timezone(offset)).isoformat() if offset is not None else iso(when)
        row.update(fields, updated_at=told)
        return str(row["external_id"])

    def delete(self, key: str) -> None:
        del self.rows[key]

    def trouble(self, kind: Trouble, key: str = "") -> None:
        self.troubles[kind] = key

    def calm(self) -> None:
        self.troubles.clear()

    def push(self, store: Store) -> Report:
        client = self.clients.get(id(store)) or self._client(store)
        rows = [self._said(key, row) for key, row in self.rows.items()]
        report = Report("till", pages=0)
        step = 1 if "repeat" in self.troubles else self.page_size
        for start in range(0, len(rows), step):
            answer = client.post("/customers", json=rows[start : start + self.page_size])
            assert answer.status_code == 200, answer.text
            told = answer.json()
            report.pages += 1
            report.read += len(told["items"])
            report.new += told["accepted"]
            report.unchanged += told["unchanged"]
            report.rejected += told["rejected"]
        return report

    def _said(self, key: str, row: Mapping[str, Any]) -> dict[str, Any]:
        made = dict(row)
        if self.troubles.get("missing_field") == key:
            del made["phone"]
        if self.troubles.get("broken_record") == key:
            made["updated_at"] = "the day before yesterday"
        return made

    def _client(self, store: Store) -> httpx.Client:
        with store.step("token") as step:
            row = facts.ensure_source(step, "till", "api")
            secret = tokens.new(step, "till", ["push:customers"], row.id)
        routes = mounts(self.house.plugins, HouseDoor(store, lambda: self.house))
        listener = Listener(application(lambda: Health([], [], []), str, routes), "127.0.0.1", 0)
        listener.start()
        self.stack.callback(listener.stop)
        made = httpx.Client(base_url=f"{listener.url}/api/v1", headers={"Authorization": f"Bearer {secret}"})
        self.clients[id(store)] = self.stack.enter_context(made)
        return made

    def close(self) -> None:
        self.stack.close()


class TestApi(conformance.Suite):
    subject = ApiSubject
    package = "klientela_api"
