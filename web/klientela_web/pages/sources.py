"""The sources: how each is doing, and a run of one right now with its progress as it goes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from klientela.errors import UnknownThing
from klientela.model.instants import iso
from klientela.store import facts, operation
from klientela.store.database import Db
from klientela.store.desk import quarantined
from klientela.store.operation import Run
from klientela_web.asking import Asking
from klientela_web.house import House
from klientela_web.ways import Nav, get, post

_RUNS = 50
_LOOK = 1.0  # seconds between two looks at what runs
_LIVES = 300  # looks of one stream; the browser asks again


def show(asking: Asking) -> Response:
    """All sources, of the configuration and those the store remembers."""
    settings = asking.house.config.settings.sources
    types = asking.house.plugins.types
    known = {state.name: state for state in operation.states(asking.store)}
    with asking.store.reading() as db:
        counts = _counts(db)
        rejected = _rejected(db)
    rows = []
    for name in sorted({*settings, *known}):
        one, state = settings.get(name), known.get(name)
        kind = one.type if one is not None else state.type if state is not None else ""
        rows.append(
            {
                "name": name,
                "type": kind,
                "title": asking.titles.get(kind, kind),
                "connected": one is not None or kind == "manual",
                "schedule": (asking.words.every(one.every) if one.every else one.cron) if one is not None else None,
                "guests": (one.guests or types[kind].guests) if one is not None and kind in types else None,
                "last": run_of(state.last) if state is not None and state.last is not None else None,
                "success": iso(state.success) if state is not None and state.success is not None else None,
                "busy": name in asking.house.progress() or (state is not None and state.busy),
                "customers": counts.get(name, 0),
                "rejected": rejected.get(name, 0),
                "runs": one is not None and kind not in ("api", "manual"),
            }
        )
    return asking.show("sources.html", rows=rows)


def _counts(db: Db) -> dict[str, int]:
    """How many customers each source has a record of, from the figures of the list."""
    labels = {number: row.label for number, row in facts.sources(db).items()}
    return {
        labels[number]: count
        for part, count in db.rows("SELECT part, value FROM figure WHERE name = 'customers' AND day = 0")
        if part.startswith("source:") and (number := int(part.removeprefix("source:"))) in labels
    }


def _rejected(db: Db) -> dict[str, int]:
    return dict(db.rows("SELECT s.label, count(*) FROM quarantine q JOIN source s ON s.id = q.source GROUP BY s.label"))


def run_of(run: Run) -> dict[str, Any]:
    """A run as pages show it."""
    return {
        "id": run.id,
        "status": run.status,
        "started": iso(run.started),
        "finished": None if run.finished is None else iso(run.finished),
        "seconds": None if run.finished is None else round((run.finished - run.started) / 1e6, 1),
        "error": run.error,
        **run.counts,
    }


def sync(asking: Asking) -> Response:
    """Run a source now."""
    name = asking.path["name"]
    if name not in asking.house.config.settings.sources:
        raise UnknownThing(f"there is no source {name!r} in the configuration")
    began = asking.house.sync(name, full=asking.field("full") == "1")
    words = asking.words
    said = (
        words("%(name)s is being read now.", name=name)
        if began
        else words("%(name)s is being read already.", name=name)
    )
    return asking.go("/sources", said)


def runs(asking: Asking) -> Response:
    """What ran, newest first."""
    source = asking.text("source") or None
    before = asking.number("before", 0) or None
    with asking.store.reading() as db:
        found = operation.runs(db, source=source, before=before, size=_RUNS)
        names = sorted(row.label for row in facts.sources(db).values())
    rows = [{"source": name, **run_of(run)} for name, run in found]
    older = rows[-1]["id"] if len(rows) == _RUNS else None
    return asking.show("runs.html", rows=rows, names=names, source=source or "", older=older)


def quarantine(asking: Asking) -> Response:
    """What could not be taken, with the reason."""
    source = asking.text("source") or None
    with asking.store.reading() as db:
        rows = quarantined(db, source)
    return asking.show("quarantine.html", rows=rows[:200], total=len(rows), source=source or "")


def progress(asking: Asking) -> Response:
    """The runs under way: one document, or for a script that listens a stream of them."""
    if "text/event-stream" not in asking.request.headers.get("accept", ""):
        return JSONResponse({"running": dict(asking.house.progress())})
    return StreamingResponse(
        _stream(asking.request, asking.house), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _stream(request: Request, house: House) -> AsyncIterator[str]:
    """What is going on whenever it changed; a comment keeps the line open meanwhile."""
    yield "retry: 3000\n\n"
    last = None
    for _ in range(_LIVES):
        if await request.is_disconnected():
            return
        now = json.dumps({name: _short(report) for name, report in house.progress().items()}, sort_keys=True)
        yield f"event: progress\ndata: {now}\n\n" if now != last else ": still here\n\n"
        last = now
        await asyncio.sleep(_LOOK)


def _short(report: Any) -> dict[str, Any]:
    return {name: report.get(name) for name in ("stream", "pages", "read", "new", "changed")}


NAV = (Nav("/sources", "Sources", "plug", "Data"), Nav("/runs", "Runs", "refresh", "Data"))
WAYS = (
    get("/sources", "viewer", show),
    get("/sources/progress", "viewer", progress),
    post("/sources/{name}/sync", "operator", sync),
    get("/runs", "viewer", runs),
    get("/quarantine", "editor", quarantine),
)

__all__ = ["NAV", "WAYS", "run_of"]
