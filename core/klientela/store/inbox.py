"""The inbox: webhooks as they were proven, kept in one insert, until they are applied; and what is to be told of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from klientela.model.instants import DAY, HOUR, SECOND, Instant
from klientela.notices import Notice
from klientela.store.database import Db

KEEP = 14 * DAY
"""How long done entries are remembered: a shop repeats a message for hours, some for days."""

_AGAIN = "inbox again {}"  # in `meta`, by source: requests kept before there was any erasure were looked at anew
_BEGUN = "inbox begun {}"  # in `meta`, by source: messages that may have brought down the process that read them
_LONGEST = 200  # of keys and topics, in characters
_BODY = 10 * 2**20  # of a body; what is larger never came through the door
_FIRST_WAIT, _LONGEST_WAIT = 10 * SECOND, HOUR


class Entry(NamedTuple):
    """A kept message. `again`: not to be tried before."""

    id: int
    topic: str
    body: str
    key: str
    attempts: int
    again: Instant


class Waiting(NamedTuple):
    """How many messages of a source and topic are in a state, and since when."""

    source: str
    topic: str
    state: str
    entries: int
    since: Instant
    attempts: int  # the most of any


def keep(db: Db, notices: Iterable[tuple[int, Notice]], at: Instant) -> None:
    """Keep notices of sources (by id); a key that is known already is kept once."""
    db.many(
        "INSERT INTO inbox (source, key, topic, body, state, received, attempts) VALUES (?, ?, ?, ?, 'new', ?, 0) "
        "ON CONFLICT (source, key) DO NOTHING",
        [(source, _name(one.key), _name(one.topic), _text(one.body), at) for source, one in notices],
    )


def waiting(db: Db, source: int, after: int, limit: int) -> list[Entry]:
    """The next messages to apply, in the order of arrival."""
    rows = db.rows(
        "SELECT id, topic, body, key, attempts, error FROM inbox "
        "WHERE state = 'new' AND source = ? AND id > ? ORDER BY id LIMIT ?",
        (source, after, limit),
    )
    return [
        Entry(number, topic, body, key, attempts, _again(error)) for number, topic, body, key, attempts, error in rows
    ]


def still_new(db: Db, ids: Sequence[int]) -> set[int]:
    """Which of some messages nobody has applied meanwhile."""
    return {row[0] for row in db.rows(f"SELECT id FROM inbox WHERE state = 'new' AND id {db.among}", (db.pack(ids),))}


def close(db: Db, state: str, ids: Sequence[int]) -> None:
    """Note what became of messages. What is done needs its body no more: its payload is kept with the facts."""
    if ids:
        body = ", body = ''" if state == "done" else ""
        db.run(f"UPDATE inbox SET state = ?, error = NULL{body} WHERE id {db.among}", (state, db.pack(ids)))


def fail(db: Db, number: int, error: dict[str, str | None]) -> None:
    """A message that can never be applied as it is; the quarantine holds it."""
    db.run("UPDATE inbox SET state = 'failed', error = ? WHERE id = ?", (json.dumps(error), number))


def never_again(db: Db, source: int) -> bool:
    """Whether requests of a source are held that were never looked at anew."""
    held = db.one("SELECT 1 FROM inbox WHERE state = 'held' AND source = ? LIMIT 1", (source,))
    return held is not None and db.one("SELECT 1 FROM meta WHERE name = ?", (_AGAIN.format(source),)) is None


def again(db: Db, source: int) -> None:
    """Look at the requests of a source anew, for the one time."""
    db.run("UPDATE inbox SET state = 'new' WHERE state = 'held' AND source = ?", (source,))
    looked(db, source)


def looked(db: Db, source: int) -> None:
    """Whatever is held of a source was looked at by who can erase."""
    db.run("INSERT INTO meta (name, value) VALUES (?, '1') ON CONFLICT (name) DO NOTHING", (_AGAIN.format(source),))


def held(db: Db) -> list[tuple[int, str, Entry, Instant]]:
    """Requests that wait for an operator, oldest first: the id and label of their source, they themselves, since when."""
    rows = db.rows(
        "SELECT s.id, s.label, i.id, i.topic, i.body, i.key, i.attempts, i.error, i.received FROM inbox i "
        "JOIN source s ON s.id = i.source WHERE i.state = 'held' ORDER BY i.id"
    )
    return [
        (source, label, Entry(number, topic, body, key, attempts, _again(error)), received)
        for source, label, number, topic, body, key, attempts, error, received in rows
    ]


def begin(db: Db, source: int, ids: Iterable[int]) -> None:
    """Note, before they are read, that messages are begun: who dies of one can tell nobody. `ended` takes it back.

    One line for a source, not one for each message: their rows hold bodies and would be written whole.
    """
    counts = begun(db, source)
    counts |= {number: counts.get(number, 0) + 1 for number in ids}
    _note(db, source, counts)


def ended(db: Db, source: int, ids: Iterable[int]) -> None:
    """Messages came to an orderly end, well or not: nobody died of them."""
    counts = begun(db, source)
    for number in ids:
        counts.pop(number, None)
    _note(db, source, counts)


def begun(db: Db, source: int) -> dict[int, int]:
    """How many times messages of a source were begun without an orderly end, by their id."""
    row = db.one("SELECT value FROM meta WHERE name = ?", (_BEGUN.format(source),))
    return {int(number): count for number, count in json.loads(row[0]).items()} if row else {}


def _note(db: Db, source: int, counts: dict[int, int]) -> None:
    name = _BEGUN.format(source)
    if counts:
        db.run(
            "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, json.dumps(counts)),
        )
    else:
        db.run("DELETE FROM meta WHERE name = ?", (name,))


def postpone(db: Db, entry: Entry, error: dict[str, str | None], now: Instant) -> Instant:
    """A message that could not be applied now; when to try again: later each time, at most an hour."""
    again = now + min(_FIRST_WAIT << min(entry.attempts, 20), _LONGEST_WAIT)
    db.run(
        "UPDATE inbox SET attempts = attempts + 1, error = ? WHERE id = ? AND state = 'new'",
        (json.dumps({**error, "again": again}), entry.id),
    )
    return again


def stale(db: Db, source: int, now: Instant) -> bool:
    """Whether the source's oldest finished message may be forgotten."""
    oldest = [
        db.one("SELECT received FROM inbox WHERE state = ? AND source = ? ORDER BY id LIMIT 1", (state, source))
        for state in ("done", "failed")
    ]
    return any(row is not None and row[0] < now - KEEP for row in oldest)


def forget(db: Db, source: int, now: Instant) -> None:
    """Forget finished messages that nobody repeats any more; what waits for an operator stays."""
    db.run("DELETE FROM inbox WHERE state IN ('done', 'failed') AND source = ? AND received < ?", (source, now - KEEP))


def unfinished(db: Db) -> list[Waiting]:
    """What waits or failed, by source, topic and state."""
    return [
        Waiting(*row)
        for row in db.rows(
            "SELECT s.label, i.topic, i.state, count(*), min(i.received), max(i.attempts) FROM inbox i "
            "JOIN source s ON s.id = i.source WHERE i.state <> 'done' "
            "GROUP BY s.label, i.topic, i.state ORDER BY s.label, i.topic, i.state"
        )
    ]


def owners(db: Db) -> list[str]:
    """The sources that have messages to apply."""
    return [
        row[0] for row in db.rows("SELECT label FROM source WHERE id IN (SELECT source FROM inbox WHERE state = 'new')")
    ]


def _again(error: str | None) -> Instant:
    found = json.loads(error).get("again") if error else None
    return found if isinstance(found, int) else 0


def _name(text: str) -> str:
    """What fits an index; a longer one stands as its digest."""
    text = _text(text)
    return text if len(text) <= _LONGEST else sha256(text.encode()).hexdigest()


def _text(text: str) -> str:
    """What every database takes as text."""
    return text.replace("\x00", "�")[:_BODY].encode("utf-8", "replace").decode()
