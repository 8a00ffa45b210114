"""Empties what is kept of some records, wherever it is: claims, payloads, files, the desk, the private part of the log (R56)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from hashlib import sha256
from typing import Any

import msgspec
import zstandard
from msgspec import UNSET
from msgspec.structs import replace

from klientela.flow.hands import renew
from klientela.flow.reach import Reach
from klientela.flow.restate import told
from klientela.flow.suppress import Screen
from klientela.flow.traces import Finder
from klientela.model.records import Checkout, Person, Rejected
from klientela.rules.hand import EDIT, PIN
from klientela.rules.orderhand import PERSONAL
from klientela.rules.pseudonym import hidden, nobodys, without_person
from klientela.store import facts
from klientela.store import tables as t
from klientela.store.database import Db, Step
from klientela.store.facts import Loaded
from klientela.store.tombstones import ERASED, Graves

_CUSTOMER = re.compile(rb'"customer":("(?:[^"\\]|\\.)*")')
_UNSAID = "what it said named somebody who was erased"
_SQUEEZE = zstandard.ZstdCompressor(level=1)
_UNSQUEEZE = zstandard.ZstdDecompressor()


def telling(db: Db, reach: Reach, finder: Finder) -> set[int]:
    """Orders that are reached and whose own id or number, as any claim ever told it, names the person."""
    found: set[int] = set()
    packed = db.pack(reach.bought)
    for number, ext, body in db.rows(
        f"SELECT id, ext, body FROM record WHERE entity = {facts.ORDER} AND id {db.among} UNION ALL "
        "SELECT c.record, r.ext, c.body FROM claim c JOIN record r ON r.id = c.record "
        f"WHERE r.entity = {facts.ORDER} AND c.record {db.among}",
        (packed, packed),
    ):
        if number in found or ext.startswith(ERASED):
            continue
        said = facts.decode(facts.ORDER, body).number if body is not None else None
        if finder.hints(ext, own=True) or finder.hints(said or None, own=True):
            found.add(number)
    return found


def empty_facts(step: Step, reach: Reach, telling: Collection[int], mask: Callable[[str], str]) -> set[int]:
    """Empty the claims of all that is reached, live and closed; orders that are `telling` go by another id. Returns records
    that decisions named together with one of them: who they are may be another matter now."""
    db = step.db
    gone = db.pack(reach.gone)
    db.run(f"DELETE FROM claim WHERE record {db.among}", (gone,))
    db.run(
        "UPDATE record SET channel = NULL, version = NULL, reading = NULL, hash = NULL, gone = 1, more = 0, body = NULL "
        f"WHERE id {db.among}",
        (gone,),
    )
    _bought(db, reach, telling, mask)
    _named(db, reach)
    _files(db, reach)
    partners = {
        number
        for pair in db.rows(f"SELECT a, b FROM decision WHERE a {db.among} OR b {db.among}", (gone, gone))
        for number in pair
        if number is not None
    }
    db.run(f"DELETE FROM decision WHERE a {db.among} OR b {db.among}", (gone, gone))
    _by_hand(step, reach)
    return partners - reach.gone


def _bought(db: Db, reach: Reach, telling: Collection[int], mask: Callable[[str], str]) -> None:
    """Orders and checkouts keep amounts, dates and lines, in all versions that were ever told."""
    packed = db.pack(reach.bought)
    keys: dict[int, str] = dict(db.rows(f"SELECT id, ext FROM record WHERE id {db.among}", (db.pack(telling),)))
    db.update(t.record, ("ext",), [(mask(ext), number) for number, ext in sorted(keys.items())])
    for number, ext in sorted(keys.items()):  # an order that was placed here is known by the id its shop gave it
        db.run("UPDATE outbox SET ext = ? WHERE ext = ? AND source = (SELECT source FROM record WHERE id = ?)",
               (mask(ext), ext, number))  # fmt: skip
    exts = set(keys.values())

    def made(number: int, entity: int, body: bytes) -> tuple[bytes, bytes]:
        fact = nobodys(facts.decode(entity, body))
        if number in telling or (isinstance(fact, Checkout) and fact.order in exts):
            fact = hidden(fact, mask)
        return _written(fact)

    entities = {}
    rows = []
    for number, entity, body in db.rows(f"SELECT id, entity, body FROM record WHERE id {db.among}", (packed,)):
        entities[number] = entity
        if body is not None:
            rows.append((*made(number, entity, body), number))
    db.update(t.record, ("hash", "body"), rows)
    closed = [
        (*made(record, entities[record], body), record, channel, seq)
        for record, channel, seq, body in db.rows(
            f"SELECT record, channel, from_seq, body FROM claim WHERE body IS NOT NULL AND record {db.among}", (packed,)
        )
    ]
    db.update(t.claim, ("hash", "body"), closed, key=("record", "channel", "from_seq"))


def _by_hand(step: Step, reach: Reach) -> None:
    """What operators said of orders keeps their states; what it said of the person goes, also what was taken back."""
    db = step.db
    rows = db.rows(
        f"SELECT id, a, kind, detail FROM decision WHERE kind IN ('{EDIT}', '{PIN}') AND a {db.among}",
        (db.pack(reach.bought),),
    )
    personal = [(number,) for number, _, _, said in rows if json.loads(said)["field"] in PERSONAL]
    db.delete(t.decision, personal)
    renew(step, {record for _, record, _, _ in rows})


def _named(db: Db, reach: Reach) -> None:
    """Orders and checkouts that are somebody else's, of which one channel says, or once said, that they were a person's
    who is reached: what that channel said loses its person. They are reached then, to be derived anew."""
    exts: dict[int, set[str]] = {}
    for source, ext in db.rows(
        f"SELECT source, ext FROM record WHERE entity = {facts.CUSTOMER} AND id {db.among}", (db.pack(reach.persons),)
    ):
        exts.setdefault(source, set()).add(ext)
    bought = f"r.entity IN ({facts.ORDER}, {facts.CHECKOUT})"
    rows = []
    for number, source, entity, body in db.stream(
        f"SELECT id, source, entity, body FROM record r WHERE more = 1 AND body IS NOT NULL AND {bought}"
    ):
        if number not in reach.bought and _buyer(body) in exts.get(source, ()):
            rows.append((*_rewritten(entity, body), number))
    claims = []
    for number, channel, since, source, entity, body in db.stream(
        "SELECT c.record, c.channel, c.from_seq, r.source, r.entity, c.body FROM claim c "
        f"JOIN record r ON r.id = c.record WHERE c.body IS NOT NULL AND {bought}"
    ):
        if number not in reach.bought and _buyer(body) in exts.get(source, ()):
            claims.append((*_rewritten(entity, body), number, channel, since))
    db.update(t.record, ("hash", "body"), rows)
    db.update(t.claim, ("hash", "body"), claims, key=("record", "channel", "from_seq"))
    reach.named |= {row[2] for row in rows} | {row[2] for row in claims}


def _buyer(body: bytes) -> str | None:
    """The customer that an order's claim names, without reading the rest of it."""
    found = _CUSTOMER.search(body)
    return None if found is None else str(json.loads(found.group(1)))


def _rewritten(entity: int, body: bytes) -> tuple[bytes, bytes]:
    return _written(without_person(facts.decode(entity, body)))


def _written(fact: Any) -> tuple[bytes, bytes]:
    made = facts.encode(fact)
    return sha256(made).digest()[:16], made


def _files(db: Db, reach: Reach) -> None:
    """Files go with the last record that carries them."""
    packed = db.pack(reach.everything())
    digests = {
        bytes(row[0]) for row in db.rows(f"SELECT DISTINCT sha256 FROM attachment WHERE record {db.among}", (packed,))
    }
    db.run(f"DELETE FROM attachment WHERE record {db.among}", (packed,))
    for digest in sorted(digests):
        if db.one("SELECT 1 FROM attachment WHERE sha256 = ? LIMIT 1", (digest,)) is None:
            db.run("DELETE FROM file WHERE sha256 = ?", (digest,))


def leaving(db: Db, reach: Reach) -> tuple[list[Loaded], list[Loaded], list[Loaded], list[Loaded]]:
    """What must be derived anew: persons who are nobody now, orders and checkouts without person, things that are gone."""
    loaded = facts.load(db, reach.everything() | reach.named)
    found: dict[str, list[Loaded]] = {"persons": [], "orders": [], "carts": [], "things": []}
    for number in sorted(loaded):
        item = loaded[number]
        if number in reach.gone and item.fact is not None:
            raise AssertionError("an emptied record says something")
        kind = (
            "persons" if item.entity in facts.PERSONS
            else "orders" if item.entity == facts.ORDER
            else "carts" if item.entity == facts.CHECKOUT
            else "things"
        )  # fmt: skip
        found[kind].append(item)
    return found["persons"], found["orders"], found["carts"], found["things"]


def merged_into(db: Db, reach: Reach) -> set[int]:
    """Records of others of which a source says that they were merged into one that goes."""
    rows = db.rows(f"SELECT a FROM link WHERE reason = 'upstream' AND b {db.among}", (db.pack(reach.gone),))
    return {row[0] for row in rows} - reach.gone


def hide_keys(step: Step, reach: Reach) -> None:
    """Give the emptied records a key that says nothing, and forget the public ids they went by."""
    db = step.db
    packed = db.pack(reach.gone)
    db.update(t.record, ("ext",), [(f"{ERASED}{number}", number) for number in sorted(reach.gone)])
    db.run(f"DELETE FROM alias WHERE record {db.among}", (packed,))
    db.run(f"DELETE FROM work WHERE kind IN ('person', 'thing') AND subject {db.among}", (packed,))


def empty_payloads(step: Step, reach: Reach, finder: Finder) -> None:
    """Pack what came anew, without the lines of all that is reached, and without lines of others that tell of the person."""
    db = step.db
    lost = reach.everything() | reach.named
    blobs = db.rows("SELECT seq, part FROM payload ORDER BY seq, part")
    for seq, part in blobs:
        row = db.blobs("SELECT records, body FROM payload WHERE seq = ? AND part = ?", (seq, part))[0]
        records: list[int] = msgspec.msgpack.decode(bytes(row[0]))
        lines = _UNSQUEEZE.decompress(bytes(row[1])).split(b"\n")
        if len(lines) == len(records):
            kept = [
                (record, line)
                for record, line in zip(records, lines, strict=True)
                if record not in lost and not finder.values(line.decode("utf-8", "replace"))
            ]
        else:  # what came has lines of its own: it is kept or goes as a whole
            whole = lost.isdisjoint(records) and not finder.values(b"\n".join(lines).decode("utf-8", "replace"))
            kept = [(record, b"") for record in records] if whole else []
        if len(kept) == len(records):
            continue
        if not kept:
            db.run("DELETE FROM payload WHERE seq = ? AND part = ?", (seq, part))
            continue
        db.run(
            "UPDATE payload SET records = ?, body = ? WHERE seq = ? AND part = ?",
            (
                msgspec.msgpack.encode([record for record, _ in kept]),
                _SQUEEZE.compress(b"\n".join(line for _, line in kept)),
                seq,
                part,
            ),
        )


def empty_desk(step: Step, finder: Finder, source: int | None = None, *, waiting: bool = True) -> None:
    """Quarantine, inbox, receipts, the errors of runs, what shops answered to orders. `source`: what other sources sent
    stays, for the person does there (R57). `waiting` False: so does what waits, for who comes back is welcome (R59)."""
    db = step.db
    uids = {number: row.uid for number, row in facts.sources(db).items()}
    of_it = "source = coalesce(?, source)"
    held = db.rows(f"SELECT id, source, key, payload, reason FROM quarantine WHERE {of_it}", (source,))
    _drop(
        db,
        "quarantine",
        [
            number
            for number, source, key, payload, reason in held
            if finder.is_key(uids[source], key) or any(map(finder.any, (key, payload, reason)))
        ],
    )
    letters = db.rows(
        f"SELECT id, state, body, error FROM inbox WHERE (body <> '' OR error IS NOT NULL) AND {of_it}", (source,)
    )
    found = [
        number
        for number, state, body, error in letters
        # what waits may be a namesake's, or of a street called like them: it is held against the tombstones when it is applied
        if (waiting or state != "new")
        and ((finder.but_names(body) if state == "new" else finder.any(body)) or finder.any(error))
    ]
    # the row stays, so that the same message sent again is known
    db.run(f"UPDATE inbox SET state = 'done', body = '', error = NULL WHERE id {db.among}", (db.pack(found),))
    answers = db.rows("SELECT token, key, answer FROM receipt")
    receipts = [
        (token, key)
        for token, key, answer in answers
        if finder.any(key) or finder.any(answer) or _answered(answer, finder, uids.values())
    ]
    db.delete(t.receipt, receipts, key=("token", "key"))
    for number, error in db.rows("SELECT id, error FROM run WHERE error IS NOT NULL"):
        if finder.any(error):
            kind = json.loads(error).get("kind", "error")
            said = {"kind": kind, "message": _UNSAID, "hint": None}
            db.run("UPDATE run SET error = ? WHERE id = ?", (json.dumps(said), number))
    for number, error in db.rows("SELECT record, error FROM outbox WHERE error IS NOT NULL"):
        if finder.any(error):
            db.run("UPDATE outbox SET error = ? WHERE record = ?", (_UNSAID, number))


def empty_desk_again(step: Step, graves: Graves) -> bool:
    """What a restored desk holds of somebody erased since, of whom the store may know nothing yet: what could not be taken,
    and what waits for an operator. What waits to be applied is held against the tombstones then. Whether anything went."""
    db = step.db
    screens = {number: Screen(step, row, graves) for number, row in facts.sources(db).items()}
    held = [
        number
        for number, source, key, payload, reason in db.rows("SELECT id, source, key, payload, reason FROM quarantine")
        if screens[source].rejected(Rejected(reason=reason, key=key, payload=payload))
    ]
    _drop(db, "quarantine", held)
    letters = [
        number
        for number, source, body in db.rows("SELECT id, source, body FROM inbox WHERE body <> '' AND state <> 'new'")
        if screens[source].rejected(Rejected(reason="", payload=body))
    ]
    db.run(f"UPDATE inbox SET state = 'done', body = '', error = NULL WHERE id {db.among}", (db.pack(letters),))
    return bool(held or letters)


def empty_batches(step: Step, reach: Reach, finder: Finder) -> set[int]:
    """Forget the names of imported files that name the person, wherever they stand: at the batch, in the log, in what the
    file is evidence of for others. Returns the records of these others."""
    db = step.db
    packed = db.pack(reach.persons | reach.bought)
    own = {
        row[0]
        for row in db.rows(
            f"SELECT b.id FROM batch b JOIN record r ON r.channel = b.channel WHERE r.id {db.among} UNION "
            f"SELECT b.id FROM batch b JOIN claim c ON c.channel = b.channel WHERE c.record {db.among}",
            (packed, packed),
        )
    }
    touched: set[int] = set()
    for number, name, channel, seq in db.rows("SELECT id, name, channel, from_seq FROM batch ORDER BY id"):
        if not finder.hints(name, own=number in own):
            continue
        db.run("UPDATE batch SET name = 'erased' WHERE id = ?", (number,))
        lines = db.rows("SELECT seq, n FROM audit WHERE seq = ? AND kind = 'imported'", (seq,))
        db.delete(t.audit_private, lines, key=("seq", "n"))
        touched |= _evidence(db, channel, name, reach)
    return touched


def _evidence(db: Db, channel: int, name: str, reach: Reach) -> set[int]:
    """Take the name of a file out of the consents that its import brought."""
    among = ", ".join(map(str, sorted(facts.PERSONS)))
    rows = []
    for number, entity, body in db.rows(
        f"SELECT id, entity, body FROM record WHERE channel = ? AND body IS NOT NULL AND entity IN ({among})",
        (channel,),
    ):
        fact = _without_file(facts.decode(entity, body), name)
        if fact is not None and number not in reach.gone:
            rows.append((*_written(fact), number))
    claims = []
    for number, since, entity, body in db.rows(
        "SELECT c.record, c.from_seq, r.entity, c.body FROM claim c JOIN record r ON r.id = c.record "
        f"WHERE c.channel = ? AND c.body IS NOT NULL AND r.entity IN ({among})",
        (channel,),
    ):
        fact = _without_file(facts.decode(entity, body), name)
        if fact is not None and number not in reach.gone:
            claims.append((*_written(fact), number, channel, since))
    db.update(t.record, ("hash", "body"), rows)
    db.update(t.claim, ("hash", "body"), claims, key=("record", "channel", "from_seq"))
    return {row[2] for row in rows} | {row[2] for row in claims}


def _without_file(fact: Any, name: str) -> Person | None:
    """A person whose consents name a file no more; None where they did not."""
    if not isinstance(fact, Person) or fact.consents is UNSET or not fact.consents:
        return None
    if not any(name in (event.evidence or "") for event in fact.consents):
        return None
    told = [
        replace(one, evidence=one.evidence.replace(name, "erased")) if one.evidence else one for one in fact.consents
    ]
    return replace(fact, consents=told)


def _answered(answer: str, finder: Finder, uids: Iterable[str]) -> bool:
    """Whether an answer to a push names one of the records by its key."""
    keys = set(_texts(json.loads(answer)))
    return any(finder.is_key(uid, key) for uid in uids for key in keys)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def empty_log(step: Step, finder: Finder) -> set[str]:
    """Delete the private part of every line that names the person; what it committed to stays, so the chain holds. The
    records, as the log writes them, of which these lines said in whose customer they are."""
    db = step.db
    lines = []
    lost: set[str] = set()
    for seq, n, kind, body in db.stream(
        "SELECT p.seq, p.n, a.kind, p.body FROM audit_private p JOIN audit a ON a.seq = p.seq AND a.n = p.n"
    ):
        if finder.but_names(body) or finder.says(said := json.loads(body)) or _reasoned(said, finder):
            lines.append((seq, n))
            lost.update(told(kind, json.loads(body)))
    db.delete(t.audit_private, lines, key=("seq", "n"))
    return lost


def _reasoned(said: Any, finder: Finder) -> bool:
    """Whether somebody wrote the name where he said why."""
    detail = said.get("detail") if isinstance(said, dict) else None
    return isinstance(detail, dict) and any(finder.names(text) for text in _texts(detail.get("reason")))


def _drop(db: Db, table: str, numbers: list[int]) -> None:
    if numbers:
        db.run(f"DELETE FROM {table} WHERE id {db.among}", (db.pack(numbers),))


__all__ = [
    "ERASED",
    "empty_batches",
    "empty_desk",
    "empty_desk_again",
    "empty_facts",
    "empty_log",
    "empty_payloads",
    "hide_keys",
    "leaving",
    "merged_into",
    "telling",
]
