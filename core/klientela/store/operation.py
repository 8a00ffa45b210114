"""Operation: who is syncing which source right now, which slots are taken, how the last runs went; never compared.

Times here are of our own clock: they plan and report, they never become a cursor.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from klientela.errors import SourceBusy, StoreError
from klientela.model.instants import DAY, SECOND, Instant, iso
from klientela.store import facts
from klientela.store.database import Db, Store

LEASE = 30 * SECOND
"""How long a lease holds without a sign of life; a heartbeat renews it three times as often."""

_KEEP_SLOTS = 30 * DAY


def now() -> Instant:
    """Our clock."""
    return time.time_ns() // 1000


# Leases -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Lease:
    """The right to sync one source. `lost` is set when somebody else has taken it over meanwhile."""

    source: int
    name: str
    holder: str
    lost: threading.Event

    def check(self, db: Db) -> None:
        """SourceBusy unless the lease is still ours; inside a step this fences a process that was frozen for long."""
        row = db.one("SELECT holder FROM lease WHERE source = ?", (self.source,))
        if row is None or row[0] != self.holder:
            self.lost.set()
            raise SourceBusy(
                f"another run of {self.name} took over, because this one gave no sign of life",
                hint="Nothing is lost; the other run goes on from the last stored page",
            )


@contextmanager
def lease(store: Store, source: int, name: str, *, ttl: Instant = LEASE) -> Iterator[Lease]:
    """Hold the lease of a source while it is synced. SourceBusy when another living process holds it (R62).

    A lease that expired, or whose holder died on this machine, is taken over at once.
    """
    held = Lease(source, name, _holder(), threading.Event())
    with store.step("lease") as step:
        _take(step.db, held, ttl)
    over = threading.Event()
    pulse = threading.Thread(target=_beat, args=(store, held, ttl, over), name=f"lease {name}", daemon=True)
    pulse.start()
    try:
        yield held
    finally:
        over.set()
        pulse.join()
        with suppress(StoreError), store.step("lease") as step:
            step.db.run("DELETE FROM lease WHERE source = ? AND holder = ?", (source, held.holder))


def is_held(db: Db, source: int) -> bool:
    """Whether a living process syncs the source."""
    row = db.one("SELECT holder, until FROM lease WHERE source = ?", (source,))
    return row is not None and row[1] > now() and not _dead(row[0])


def busy(db: Db) -> list[str]:
    """The sources that living processes sync right now, by name."""
    rows = db.rows("SELECT s.id, s.label FROM lease l JOIN source s ON s.id = l.source ORDER BY s.label")
    return [label for number, label in rows if is_held(db, number)]


def _take(db: Db, held: Lease, ttl: Instant) -> None:
    if is_held(db, held.source):
        raise SourceBusy(
            f"a sync of {held.name} is in progress already", hint="Wait for it to finish; `klientela sources` shows it"
        )
    db.run("DELETE FROM lease WHERE source = ?", (held.source,))
    db.run("INSERT INTO lease (source, holder, until) VALUES (?, ?, ?)", (held.source, held.holder, now() + ttl))


def _beat(store: Store, held: Lease, ttl: Instant, over: threading.Event) -> None:
    while not over.wait(ttl / SECOND / 3):
        # a database that is busy or full for a moment is no reason to die: the next beat tries again
        with suppress(StoreError), store.step("lease") as step:
            mine = step.db.run(
                "UPDATE lease SET until = ? WHERE source = ? AND holder = ?", (now() + ttl, held.source, held.holder)
            )
            if not mine:
                held.lost.set()
                return


def _holder() -> str:
    return f"{_place()}|{os.getpid()}|{_started(os.getpid())}|{secrets.token_hex(4)}"


def _dead(holder: str) -> bool:
    """Whether the holder was a process of this machine that is no more; False where that cannot be told."""
    place, _, rest = holder.partition("|")
    pid, _, rest = rest.partition("|")
    started = rest.partition("|")[0]
    if os.name != "posix" or place != _place() or not pid.isdigit():
        return False
    return not lives(int(pid)) or started != _started(int(pid))


def lives(pid: int) -> bool:
    """Whether there is such a process on this machine. One that has ended and waits to be reaped is none: where nobody
    reaps orphans, as in many containers, it would wait for ever."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return _stat(pid)[:1] not in (["Z"], ["X"])


@cache
def _place() -> str:
    """Where process ids mean the same: a boot of a machine and a namespace of process ids."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    return platform.node()


def _started(pid: int) -> str:
    """When a process started, in ticks since the boot; a later process of the same id has another one."""
    return "".join(_stat(pid)[19:20])


def _stat(pid: int) -> list[str]:
    """What Linux tells of a process, from its state on; nothing elsewhere."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return []


# Slots ------------------------------------------------------------------------------------------------------------


def claim(store: Store, name: str, type_: str, slot: Instant, *, retake: bool = False) -> bool:
    """Claim a planned moment of a source; False when it is taken, so that a double trigger is harmless.

    `retake` is for a daemon that has just started and is the only one: a slot that was claimed by one that died before
    its run ended is taken over.
    """
    with store.step("slot") as step:
        db = step.db
        source = facts.ensure_source(step, name, type_).id
        key = iso(slot)
        fresh = db.run(
            "INSERT INTO slot (source, slot, claimed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (source, key, now())
        )
        if fresh:
            db.run("DELETE FROM slot WHERE source = ? AND slot < ?", (source, iso(slot - _KEEP_SLOTS)))
            return True
        if not retake or is_held(db, source):
            return False
        row = db.one("SELECT claimed FROM slot WHERE source = ? AND slot = ?", (source, key))
        if row is not None and _ended_since(db, source, row[0]):
            return False
        return db.run("UPDATE slot SET claimed = ? WHERE source = ? AND slot = ?", (now(), source, key)) == 1


def _ended_since(db: Db, source: int, moment: Instant) -> bool:
    """Whether a run that began after the moment came to its own end, good or bad."""
    rows = db.rows(
        f"SELECT {_RUN} FROM run WHERE source = ? AND started >= ? AND finished IS NOT NULL AND status <> 'skipped'",
        (source, moment),
    )
    return any(not _run(row).interrupted for row in rows)


# Runs -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a source as it was stored; times in microseconds, None while it goes on."""

    id: int
    status: str
    started: Instant
    finished: Instant | None
    counts: dict[str, int]
    error: dict[str, Any] | None

    @property
    def interrupted(self) -> bool:
        """Whether it was cut short by a stop or a death of the process: no attempt, it is taken up at once."""
        return self.error is not None and self.error.get("kind") == "interrupted"


COUNTS = ("pages", "read", "new", "changed", "unchanged", "rejected", "suppressed", "merged", "split")
_RUN = f"id, status, started, finished, {', '.join(COUNTS)}, error"


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source and how it is doing. `last` is the newest run that was no mere refusal, `success` the end of the newest
    good one, `attempt` the start of the newest that ended."""

    id: int
    uid: str
    name: str
    type: str
    identity: str | None
    connected: bool
    busy: bool
    last: Run | None
    success: Instant | None
    attempt: Instant | None


def states(store: Store) -> list[SourceState]:
    """All sources the store ever knew, by name."""
    with store.reading() as db:
        rows = db.rows("SELECT id, uid, label, type, identity, connected FROM source ORDER BY label")
        return [_state(db, *row) for row in rows]


def _state(db: Db, number: int, uid: str, label: str, type_: str, identity: str | None, connected: int) -> SourceState:
    last = db.one(
        f"SELECT {_RUN} FROM run WHERE source = ? AND status <> 'skipped' ORDER BY id DESC LIMIT 1", (number,)
    )
    success = db.one("SELECT max(finished) FROM run WHERE source = ? AND status = 'ok'", (number,))
    attempt = db.one(
        "SELECT max(started) FROM run WHERE source = ? AND finished IS NOT NULL AND status <> 'skipped'", (number,)
    )
    return SourceState(
        id=number,
        uid=uid,
        name=label,
        type=type_,
        identity=identity,
        connected=bool(connected),
        busy=is_held(db, number),
        last=_run(last) if last else None,
        success=success[0] if success else None,
        attempt=attempt[0] if attempt else None,
    )


def _run(row: tuple[Any, ...]) -> Run:
    number, status, started, finished, *counts, error = row
    return Run(
        number,
        status,
        started,
        finished,
        dict(zip(COUNTS, counts, strict=True)),
        json.loads(error) if error else None,
    )


def runs(db: Db, *, source: str | None = None, before: int | None = None, size: int = 50) -> list[tuple[str, Run]]:
    """The newest runs with the label of their source, newest first; `before`: those older than the run of that id."""
    where: list[str] = ["TRUE"]
    params: list[Any] = []
    if source is not None:
        where.append("s.label = ?")
        params.append(source)
    if before is not None:
        where.append("run.id < ?")
        params.append(before)
    columns = ", ".join(f"run.{name.strip()}" for name in _RUN.split(","))
    rows = db.rows(
        f"SELECT s.label, {columns} FROM run JOIN source s ON s.id = run.source WHERE {' AND '.join(where)} "
        "ORDER BY run.id DESC LIMIT ?",
        (*params, size),
    )
    return [(row[0], _run(row[1:])) for row in rows]


def bury(store: Store) -> int:
    """Close runs whose process died: they failed. The number of such runs."""
    error = json.dumps(
        {
            "kind": "interrupted",
            "message": "the process ended before the run did; nothing is half done",
            "hint": "The next run goes on from the last stored page",
        }
    )
    with store.reading() as db:
        open_runs = db.rows("SELECT id, source FROM run WHERE finished IS NULL")
        orphans = [number for number, source in open_runs if not is_held(db, source)]
    if not orphans:
        return 0
    with store.step("runs of dead processes") as step:
        step.db.many(
            "UPDATE run SET status = 'failed', finished = ?, error = ? WHERE id = ? AND finished IS NULL",
            [(now(), error, number) for number in orphans],
        )
    return len(orphans)


def fail(store: Store, name: str, type_: str, began: Instant, error: dict[str, Any]) -> Run | None:
    """Close the run of a process that was ended or ended itself, with the reason; its lease goes with it.

    It is partial when it had stored pages, failed else; a run that never got as far as to be written is written now.
    None when another process syncs the source by now: its run stands.
    """
    with store.step("run") as step:
        db = step.db
        source = facts.ensure_source(step, name, type_).id
        if is_held(db, source):
            return None
        db.run("DELETE FROM lease WHERE source = ?", (source,))
        row = db.one("SELECT max(id) FROM run WHERE source = ? AND started >= ?", (source, began))
        number = row[0] if row else None
        if number is None:
            number = step.new_ids("run", 1)[0]
            db.run(
                f"INSERT INTO run (id, source, status, started, {', '.join(COUNTS)}) "
                f"VALUES (?, ?, 'running', ?{', 0' * len(COUNTS)})",
                (number, source, began),
            )
        db.run(
            "UPDATE run SET status = CASE WHEN pages > 0 THEN 'partial' ELSE 'failed' END, finished = ?, error = ? "
            "WHERE id = ?",
            (now(), json.dumps(error), number),
        )
        closed = db.one(f"SELECT {_RUN} FROM run WHERE id = ?", (number,))
        assert closed is not None  # noqa: S101 - written just now
        return _run(closed)


def connect(store: Store, names: Iterable[str]) -> list[str]:
    """Mark the sources that left the configuration as disconnected; they keep their data. The names of those."""
    named = set(names)
    with store.reading() as db:
        gone = [label for label, kind in db.rows("SELECT label, type FROM source WHERE connected = 1")
                if label not in named and kind != "manual"]  # fmt: skip
    if gone:
        with store.step("sources") as step:
            step.db.many("UPDATE source SET connected = 0 WHERE label = ?", [(label,) for label in gone])
    return sorted(gone)
