"""The register of records and their claims: facts, added and closed, never changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Struct

from klientela.errors import Misconfigured
from klientela.model.records import Booking, Campaign, Checkout, Letter, Message, Order, Person, Scan, Thing
from klientela.rules import hand, orderhand
from klientela.rules.publish import NEVER, Canon
from klientela.store import tables as t
from klientela.store.database import Db, Step
from klientela.store.tables import ENTITIES

NUMBER_OF = {name: number for number, name in enumerate(ENTITIES)}
CUSTOMER, CONTACT, MANUAL, GUEST_ORDER, ORDER, CHECKOUT, LETTER, SCAN, MESSAGE, BOOKING, CAMPAIGN = range(11)
PERSONS = frozenset((CUSTOMER, CONTACT, MANUAL, GUEST_ORDER))
THINGS = frozenset((LETTER, SCAN, MESSAGE, BOOKING, CAMPAIGN))
"""What hangs on customers and decides nothing about who they are."""

Fact = Person | Order | Checkout | Thing

ENTITY_OF: dict[Any, int] = {
    Order: ORDER, Checkout: CHECKOUT, Letter: LETTER, Scan: SCAN, Message: MESSAGE, Booking: BOOKING,
    Campaign: CAMPAIGN,
}  # fmt: skip
"""The entity of each kind of record but persons, who say it themselves."""

encode = msgspec.json.Encoder().encode
_PERSON = msgspec.json.Decoder(Person).decode
_ORDER = msgspec.json.Decoder(Order).decode
_OTHERS: dict[int, Callable[[bytes], Any]] = {
    entity: msgspec.json.Decoder(kind).decode for kind, entity in ENTITY_OF.items()
}


def decode(entity: int, body: bytes) -> Any:
    """A stored body as the record it was. msgspec.ValidationError when it is none."""
    if entity in PERSONS:
        return _PERSON(body)
    return _ORDER(body) if entity == ORDER else _OTHERS[entity](body)


class SourceRow(NamedTuple):
    """A source as the store knows it: its uid is for ever, its label is what people see."""

    id: int
    uid: str
    label: str
    type: str


def sources(db: Db) -> dict[int, SourceRow]:
    """All sources ever connected, by id."""
    return {row[0]: SourceRow(*row) for row in db.rows("SELECT id, uid, label, type FROM source")}


def by_any_name(db: Db) -> dict[str, SourceRow]:
    """The source of each name that any ever had, the one of today among them; no two ever share one (R23)."""
    found = sources(db)
    return {name: found[number] for name, number in db.rows("SELECT name, source FROM source_name")}


def ensure_source(step: Step, name: str, type_: str) -> SourceRow:
    """The source of that label, registered when new. A name that another source ever had is refused."""
    row = step.db.one("SELECT id, uid, label, type FROM source WHERE label = ?", (name,))
    if row is not None:
        known = SourceRow(*row)
        if known.type != type_:
            raise Misconfigured(
                f"the source {name} was connected as {known.type}, not {type_}",
                hint="Give the new connection a name of its own",
            )
        step.db.run("UPDATE source SET connected = 1 WHERE id = ? AND connected = 0", (known.id,))
        return known
    if step.db.one("SELECT 1 FROM source_name WHERE name = ?", (name,)) is not None:
        raise Misconfigured(
            f"the name {name} belonged to another source before",
            hint="Choose a name that no source ever had; ids hang on it",
        )
    number = step.new_ids("source", 1)[0]
    step.db.run(
        "INSERT INTO source (id, uid, label, type, connected) VALUES (?, ?, ?, ?, 1)", (number, name, name, type_)
    )
    name_source(step, name, number)
    return SourceRow(number, name, name, type_)


def name_source(step: Step, name: str, number: int) -> None:
    """Give a source a name that is its own for ever, and look again at what may have been waiting for it."""
    step.db.run("INSERT INTO source_name (name, source) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, number))
    names = "instr(r.body, ?) > 0" if step.db.sqlite else "position(?::bytea IN r.body) > 0"
    step.db.run(
        "INSERT INTO work (kind, subject, reason) SELECT 'thing', x.id, 'source' FROM thing x "
        f"JOIN record r ON r.id = x.id WHERE r.more = 1 OR {names} ON CONFLICT DO NOTHING",
        (b'"source":' + encode(name),),
    )


def channel_id(step: Step, source: int, name: str, rank: int) -> int:
    """The id of a source's channel, registered when new."""
    row = step.db.one("SELECT id FROM channel WHERE source = ? AND name = ?", (source, name))
    if row is not None:
        return int(row[0])
    number = step.new_ids("channel", 1)[0]
    step.db.run("INSERT INTO channel (id, source, name, rank) VALUES (?, ?, ?, ?)", (number, source, name, rank))
    return number


OPERATOR = "operator"
"""The channel of what operators say."""

WEBHOOK_RANK = 20
"""Of what webhooks say: on equal versions, or without any, what was pulled counts first (R0b)."""


def rank_of(name: str, declared: int) -> int:
    """The fixed rank of a channel among claims without version (R0b): own stream, embedded, webhooks, later imports
    first."""
    if name == OPERATOR:
        return -1
    if name.startswith("import:"):
        return 1_000_000 - int(name.removeprefix("import:"))
    if name.startswith("webhook:"):
        return WEBHOOK_RANK
    return 10 if name == "embedded" else declared


class Register(Struct, gc=False):
    """A record's row while a page is staged."""

    id: int
    channel: int | None = None
    version: int | None = None
    reading: int | None = None
    hash: bytes | None = None
    gone: int = 0
    seq: int = 0
    more: int = 0
    body: bytes | None = None
    is_new: bool = False
    touched: bool = False


def known(db: Db, source: int, entity: int, exts: Iterable[str]) -> dict[str, Register]:
    """The register rows of some external ids."""
    columns = "r.ext, r.id, r.channel, r.version, r.reading, r.hash, r.gone, r.seq, r.more"
    return {row[0]: Register(*row[1:]) for row in _by_key(db, columns, source, entity, exts)}


def _by_key(db: Db, columns: str, source: int, entity: int, exts: Iterable[str]) -> list[tuple[Any, ...]]:
    """Columns of the records of some external ids, by the unique index.

    PostgreSQL reads all records of the source instead where it has no statistics yet, as in a first load; LIMIT leaves
    it no choice. SQLite is told the order, and need not gather and sort the wanted first.
    """
    if db.sqlite:
        sql = (
            f"SELECT {columns} FROM json_each(?) AS wanted CROSS JOIN record r "
            "ON r.source = ? AND r.entity = ? AND r.ext = wanted.value"
        )
        return db.rows(sql, (db.pack(dict.fromkeys(exts)), source, entity))
    return db.rows(
        f"SELECT found.* FROM unnest(?::text[]) AS wanted (name), LATERAL (SELECT {columns} FROM record r "
        "WHERE r.source = ? AND r.entity = ? AND r.ext = wanted.name LIMIT 1) AS found",
        (db.pack(exts), source, entity),
    )


def ensure(step: Step, source: int, entity: int, exts: Sequence[str]) -> dict[str, int]:
    """The record ids of some external ids; what is missing is registered without any claim (R0d)."""
    if not exts:
        return {}
    db = step.db
    found: dict[str, int] = dict(_by_key(db, "r.ext, r.id", source, entity, exts))
    missing = [ext for ext in dict.fromkeys(exts) if ext not in found]
    if missing:
        made = dict(zip(missing, step.new_ids("record", len(missing)), strict=True))
        seq = step.seq
        db.insert(
            t.record,
            ("id", "source", "entity", "ext", "gone", "seq", "more"),
            [(number, source, entity, ext, 0, seq, 0) for ext, number in made.items()],
        )
        found.update(made)
    return found


class Claim(NamedTuple):
    """A live claim: what one channel says of a record."""

    version: int | None
    rank: int
    channel: str
    fact: Any


_FIELDS = {
    kind: tuple(name for name in kind.__struct_fields__ if name not in ("external_id", "version", "channel", "entity"))
    for kind in (Person, *ENTITY_OF)
}


def effective(claims: Sequence[Claim]) -> tuple[int | None, Any]:
    """One record out of its live claims (R0b): each field from the newest versioned channel that carries it, channels
    without version after them by their rank, then by name; over all that what operators say. Returns the newest version
    and the record; None of a record of which only operators speak."""
    told = [claim for claim in claims if claim.channel != OPERATOR]
    if not told:
        return None, None
    version, fact = _told(told)
    for claim in claims:
        if claim.channel == OPERATOR:
            fact = (orderhand if isinstance(fact, Order) else hand).lay_over(fact, claim.fact)
    return version, fact


def _told(claims: Sequence[Claim]) -> tuple[int | None, Any]:
    """What sources and imports say together."""
    if len(claims) == 1:
        return claims[0].version, claims[0].fact
    order = sorted(claims, key=lambda c: (c.version is None, -(c.version or 0), c.rank, c.channel))
    kind = type(order[0].fact)
    values: dict[str, Any] = {"external_id": order[0].fact.external_id}
    if kind is Person:
        values["entity"] = order[0].fact.entity
    for name in _FIELDS[kind]:
        for claim in order:
            value = getattr(claim.fact, name)
            if value is not UNSET:
                values[name] = value
                break
    created = [c.fact.created_at for c in claims if kind is Person and isinstance(c.fact.created_at, int)]
    if created:
        values["created_at"] = min(created)  # R22: the smallest among the record's live claims
    version = order[0].version
    return version, kind(version=version, **values)


def other_claims(db: Db, records: Iterable[int]) -> dict[int, list[tuple[int, int | None, bytes]]]:
    """Live claims beyond the first channel: record -> (channel, version, body)."""
    found: dict[int, list[tuple[int, int | None, bytes]]] = {}
    for record, channel, version, body in db.rows(
        f"SELECT record, channel, version, body FROM claim WHERE to_seq IS NULL AND record {db.among}",
        (db.pack(records),),
    ):
        found.setdefault(record, []).append((channel, version, body))
    return found


def hands(db: Db, records: Iterable[int]) -> dict[int, Person]:
    """What operators say of some records, where they say anything."""
    if db.one("SELECT 1 FROM channel WHERE name = ? LIMIT 1", (OPERATOR,)) is None:
        return {}
    return {
        record: _PERSON(body)
        for record, body in db.rows(
            "SELECT c.record, c.body FROM claim c JOIN channel h ON h.id = c.channel "
            f"WHERE h.name = ? AND c.to_seq IS NULL AND c.body IS NOT NULL AND c.record {db.among}",
            (OPERATOR, db.pack(records)),
        )
    }


class Loaded(Struct, frozen=True, gc=False):
    """A record with its effective fact."""

    id: int
    source: int
    entity: int
    ext: str
    version: int | None
    gone: int
    fact: Any  # None for a record without any claim


def alike(one: Loaded, other: Loaded) -> bool:
    """Whether two states of a record say the same of it, by whatever channels."""
    return one.gone == other.gone and all(
        getattr(one.fact, name) == getattr(other.fact, name) for name in _FIELDS[type(one.fact)]
    )


def load(db: Db, ids: Iterable[int], *, hands: bool = True) -> dict[int, Loaded]:
    """The effective facts of some records. `hands`: with what operators say of them."""
    wanted = list(ids)
    if not wanted:
        return {}
    result: dict[int, Loaded] = {}
    several: dict[int, tuple[Any, ...]] = {}
    for row in db.rows(
        f"SELECT id, source, entity, ext, version, gone, body, channel, more FROM record WHERE id {db.among}",
        (db.pack(wanted),),
    ):
        number, source, entity, ext, version, gone, body, _channel, more = row
        if more:
            several[number] = row
        else:
            fact = decode(entity, body) if body is not None else None
            result[number] = Loaded(number, source, entity, ext, version, gone, fact)
    if several:
        channels: dict[int | None, tuple[int, str]] = {None: (0, "")}  # a guest row is told by its order, by no channel
        channels.update({row[0]: (row[1], row[2]) for row in db.rows("SELECT id, rank, name FROM channel")})
        others = other_claims(db, several)
        for number, (_, source, entity, ext, version, gone, body, channel, _more) in several.items():
            live = others.get(number, [])
            if body is not None:
                live = [*live, (channel, version, body)]
            claims = [
                Claim(v, *channels[c], decode(entity, b)) for c, v, b in live if hands or channels[c][1] != OPERATOR
            ]
            newest, fact = effective(claims) if claims else (None, None)
            result[number] = Loaded(number, source, entity, ext, newest, gone, fact)
    return result


@lru_cache(maxsize=64)
def entity_name(entity: int) -> str:
    """The word for an entity's number."""
    return ENTITIES[entity]


def canon_of(fact: Person | None, uid: str, entity: int, ext: str) -> Canon:
    """The canonical key of a person record (R22)."""
    created = fact.created_at if fact is not None and isinstance(fact.created_at, int) else NEVER
    return tuple.__new__(Canon, (created, uid, ENTITIES[entity], ext))
