"""Keep what came, as it came; only news passes on (R0a, R0b)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
from typing import Any

import msgspec
import zstandard
from msgspec import UNSET

from klientela.flow.enclosed import Enclosed, FileRefused
from klientela.flow.suppress import Screen, unburied
from klientela.model.records import FARTHEST, RICHEST, Gone, Letter, Order, Person, Record, RecordRef, Rejected, Thing
from klientela.rules.objections import objections
from klientela.source import Page
from klientela.store import claims, facts
from klientela.store import tables as t
from klientela.store.database import Db, Step
from klientela.store.facts import Claim, Loaded, Register, SourceRow
from klientela.store.handclaims import renew

Item = tuple[Any, bytes, bytes, int]
"""A record as it came: the fact, its body, the body's digest, its place on the page."""

_BIGGEST = 2**20
_LINES = msgspec.json.Encoder().encode_lines
_ORDERS = msgspec.json.Decoder(Order).decode_lines
_PERSONS = msgspec.json.Decoder(Person).decode_lines
_TOGETHER = (facts.PERSONS - {facts.GUEST_ORDER}) | {facts.ORDER}  # what comes in whole pages
_CURRENCIES = frozenset((UNSET, "EUR", "PLN", "USD", "GBP", "CHF"))  # known to be fine; others are looked at one by one
_RECORD = ("id", "source", "entity", "ext", "channel", "version", "reading", "hash", "gone", "seq", "more", "body")
_SQUEEZE = zstandard.ZstdCompressor(level=1)


@dataclass(slots=True)
class News:
    """What a page brought that was not known: records to derive anew, and counts for the run."""

    persons: list[Loaded] = field(default_factory=list)
    orders: list[Loaded] = field(default_factory=list)
    checkouts: list[Loaded] = field(default_factory=list)
    things: list[Loaded] = field(default_factory=list)
    fresh: set[int] = field(default_factory=set)  # records registered by this page
    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    suppressed: set[tuple[str, str]] = field(default_factory=set)  # of erased people: entity and external id (R56)
    newest: int | None = None  # newest source version seen, for the cursor

    def __bool__(self) -> bool:
        return bool(self.persons or self.orders or self.checkouts or self.things)

    def of(self, entity: int) -> list[Loaded]:
        """Where records of an entity go."""
        if entity in facts.PERSONS:
            return self.persons
        return self.orders if entity == facts.ORDER else self.checkouts if entity == facts.CHECKOUT else self.things

    def all(self) -> Iterator[Loaded]:
        """Everything that is news."""
        return chain(self.persons, self.orders, self.checkouts, self.things)


class Stage:
    """Staging for one stream of one source; knows its channels."""

    def __init__(
        self,
        source: SourceRow,
        stream: str,
        rank: int,
        *,
        import_channel: int | None = None,
        ranks: Mapping[str, int] | None = None,
        revives: bool = True,
    ) -> None:
        """`ranks`: those of the source's own streams by name. `revives`: what they bring brings back a record that was
        gone; where it does not, a deletion also stands before anything else is known of the record."""
        self.source = source
        self.stream = stream
        self.rank = rank
        self.import_channel = import_channel
        self.further = ranks or {}
        self.revives = revives
        self.channels: dict[str | None, int] = {}
        self.ranks: dict[int, int] = {}
        self.refused: set[str] = set()  # digests of what this reading could not take

    def channel(self, step: Step, name: str | None) -> int:
        """The id of the channel a record came by."""
        if self.import_channel is not None:
            return self.import_channel
        if name not in self.channels:
            word = name or self.stream
            number = facts.channel_id(
                step, self.source.id, word, facts.rank_of(word, self.further.get(word, self.rank))
            )
            self.channels[name] = number
        return self.channels[name]

    def _brings_back(self, name: str | None) -> bool:
        """Whether a claim says that its object is there (R0c, R57): those of the source's own lists do. An order that
        names its buyer, a note that he was merged away or an import says nothing of the kind."""
        return self.revives and self.import_channel is None and (name is None or name in self.further)

    def page(self, step: Step, page: Page, reading: int) -> News:
        """Stage one page: register, compare, write the news, quarantine what cannot be taken."""
        news = News(read=len(page.records))
        graves = step.store.graves()
        if graves is not None:
            screen = Screen(step, self.source, graves)
            page, news.suppressed = screen.page(page), screen.dropped
        rejects: list[Rejected] = []
        gone: list[Gone] = []
        enclosed: Enclosed | None = None
        incoming = _at_once(page.records)
        if incoming is None:
            enclosed = Enclosed(step.db, page.records)
            incoming = _one_by_one(page, rejects, gone, enclosed)
        for items in incoming.values():
            newest = max((item[0].version for item in items if item[0].version is not None), default=None)
            if newest is not None and (news.newest is None or newest > news.newest):
                news.newest = newest
        positions: list[tuple[int, int]] = []
        for entity, items in incoming.items():
            self._entity(step, entity, items, reading, news, positions)
        for lost in gone:
            self._gone(step, lost, news)
        if rejects:
            news.rejected = len(rejects)
            self.refused |= quarantine(step, self.source.id, self.stream, rejects)
        if enclosed is not None:
            enclosed.attach(step, positions)
        if positions and page.raws is not None:
            self._keep(step, page, positions)
        return news

    def _entity(
        self,
        step: Step,
        entity: int,
        items: list[Item],
        reading: int,
        news: News,
        positions: list[tuple[int, int]],
    ) -> None:
        exts = [item[0].external_id for item in items]
        register = facts.known(step.db, self.source.id, entity, exts)
        if len(set(exts)) == len(exts):
            self._new(
                step, entity, [item for item in items if item[0].external_id not in register], reading, news, positions
            )
            items = [item for item in items if item[0].external_id in register]
            if not items:
                return
        changed: dict[str, Register] = {}
        latest: dict[str, Any] = {}
        closed: list[int] = []
        extra: dict[tuple[int, int], tuple[Any, ...]] = {}
        others = self._others(step, register)
        before = facts.load(step.db, [row.id for row in register.values()]) if self.import_channel is not None else {}
        for fact, body, digest, place in items:
            ext = fact.external_id
            row = register.get(ext)
            if row is None:
                row = register[ext] = Register(step.new_ids("record", 1)[0], is_new=True)
                news.fresh.add(row.id)
            channel = self.channel(step, fact.channel)
            stub = row.channel is None
            back = row.gone == 1 and self._brings_back(fact.channel)
            if row.channel is None or row.channel == channel:
                if row.hash == digest and not back:
                    news.unchanged += 1
                    continue
                if row.channel is not None and _older(fact.version, row.version):
                    news.unchanged += 1  # late or replayed: a newer claim stands (R0a)
                    continue
                if row.channel is not None and row.seq != step.seq:
                    # a value that this very step has stored lived for no moment: it is no history
                    closed.append(row.id)
                row.channel, row.version, row.reading = channel, fact.version, reading
                row.hash, row.body, row.gone, row.seq = digest, body, 0 if back else row.gone, step.seq
            else:
                live = others.get((row.id, channel))
                same = live is not None and live[1] == digest
                if (same and not back) or (live is not None and not same and _older(fact.version, live[0])):
                    news.unchanged += 1
                    continue
                if not same:
                    extra[row.id, channel] = (row.id, channel, step.seq, fact.version, reading, digest, 0, body)
                    others[row.id, channel] = (fact.version, digest)
                    row.more = 1
                if back:
                    if row.seq != step.seq:
                        closed.append(row.id)  # that it was gone is history now
                    row.gone, row.seq = 0, step.seq
            if row.touched:
                pass
            elif row.is_new or stub:
                news.new += 1
            else:
                news.changed += 1
            row.touched = True
            changed[ext] = row
            latest[ext] = fact
            positions.append((row.id, place))
        if changed:
            self._write(step, entity, changed, closed, extra)
            renew(step, [row.id for ext, row in changed.items() if row.more and _objects_without_a_time(latest[ext])])
            self._pass_on(step, entity, changed, latest, news)
            if before:
                _recount(news, before)

    def _new(
        self,
        step: Step,
        entity: int,
        items: list[Item],
        reading: int,
        news: News,
        positions: list[tuple[int, int]],
    ) -> None:
        """Records nobody knew, each once on the page: the straight road of a first load."""
        if not items:
            return
        source = self.source.id
        numbers = step.new_ids("record", len(items))
        own = self.channel(step, None)
        target = news.of(entity)
        rows = []
        for number, (fact, body, digest, place) in zip(numbers, items, strict=True):
            channel = own if fact.channel is None else self.channel(step, fact.channel)
            ext, version = fact.external_id, fact.version
            rows.append((number, ext, channel, version, digest, body))
            target.append(Loaded(number, source, entity, ext, version, 0, fact))
            positions.append((number, place))
        alike = {"source": source, "entity": entity, "reading": reading, "seq": step.seq}
        step.db.insert(t.record, ("id", "ext", "channel", "version", "hash", "body"), rows, alike)
        news.fresh.update(numbers)
        news.new += len(items)

    def _others(self, step: Step, register: dict[str, Register]) -> dict[tuple[int, int], tuple[int | None, bytes]]:
        several = [row.id for row in register.values() if row.more]
        if not several:
            return {}
        db = step.db
        return {
            (record, channel): (version, digest)
            for record, channel, version, digest in db.rows(
                f"SELECT record, channel, version, hash FROM claim WHERE to_seq IS NULL AND record {db.among}",
                (db.pack(several),),
            )
        }

    def _write(
        self,
        step: Step,
        entity: int,
        changed: dict[str, Register],
        closed: list[int],
        extra: dict[tuple[int, int], tuple[Any, ...]],
    ) -> None:
        db = step.db
        seq = step.seq
        if closed:  # the row still holds the old claim: copy it into the history before it is overwritten
            claims.close(step, closed)
        if extra:
            db.delete(
                t.claim,
                [(record, channel, seq) for record, channel in extra],
                key=("record", "channel", "from_seq"),
            )
            records: dict[int, list[int]] = {}
            for record, channel in extra:
                records.setdefault(channel, []).append(record)
            for channel, among in records.items():
                db.run(
                    f"UPDATE claim SET to_seq = ? WHERE channel = ? AND to_seq IS NULL AND record {db.among}",
                    (seq, channel, db.pack(among)),
                )
            db.insert(
                t.claim,
                ("record", "channel", "from_seq", "version", "reading", "hash", "gone", "body"),
                list(extra.values()),
            )
        source = self.source.id
        db.insert(
            t.record,
            _RECORD,
            [
                (r.id, source, entity, ext, r.channel, r.version, r.reading, r.hash, r.gone, seq, r.more, r.body)
                for ext, r in changed.items()
                if r.is_new
            ],
        )
        full = [r for r in changed.values() if not r.is_new and r.body is not None]
        db.update(
            t.record,
            ("channel", "version", "reading", "hash", "gone", "seq", "more", "body"),
            [(r.channel, r.version, r.reading, r.hash, r.gone, seq, r.more, r.body, r.id) for r in full],
        )
        db.update(
            t.record,
            ("more", "gone", "seq"),
            [(r.more, r.gone, r.seq, r.id) for r in changed.values() if not r.is_new and r.body is None],
        )

    def _pass_on(
        self, step: Step, entity: int, changed: dict[str, Register], latest: dict[str, Any], news: News
    ) -> None:
        several = facts.load(step.db, [row.id for row in changed.values() if row.more])
        target = news.of(entity)
        source = self.source.id
        for ext, row in changed.items():
            if row.more:
                target.append(several[row.id])
            else:
                target.append(Loaded(row.id, source, entity, ext, row.version, row.gone, latest[ext]))

    def _gone(self, step: Step, item: Gone, news: News) -> None:
        entity = facts.NUMBER_OF.get(item.entity)
        row = (
            step.db.one(
                "SELECT id, gone FROM record WHERE source = ? AND entity = ? AND ext = ?",
                (self.source.id, entity, item.external_id),
            )
            if entity is not None
            else None
        )
        if row is None and entity is not None and not self.revives:
            self._never_came(step, entity, item.external_id, news)
            return
        if row is None or row[1]:
            news.unchanged += 1
            return
        mark_gone(step, [row[0]])
        news.changed += 1

    def _never_came(self, step: Step, entity: int, ext: str, news: News) -> None:
        """Remember that an object is gone of which nothing is known: what was said of it may still be on its way."""
        numbers = facts.ensure(step, self.source.id, entity, [ext])
        step.db.update(t.record, ("gone",), [(1, number) for number in numbers.values()])
        news.changed += 1

    def _keep(self, step: Step, page: Page, positions: list[tuple[int, int]]) -> None:
        raws = page.raws or ()
        last = dict(positions)
        kept = sorted((place, record) for record, place in last.items() if place < len(raws) and raws[place])
        if not kept:
            return
        step.parts += 1
        step.db.insert(
            t.payload,
            ("seq", "part", "source", "stream", "records", "body"),
            [
                (
                    step.seq,
                    step.parts,
                    self.source.id,
                    self.stream,
                    msgspec.msgpack.encode([record for _, record in kept]),
                    _SQUEEZE.compress(b"\n".join(raws[place] for place, _ in kept)),
                )
            ],
        )


def mark_gone(step: Step, records: list[int]) -> None:
    """Flag records as gone at the source: the claim so far is closed, its values stay (R0c)."""
    seq = step.seq
    claims.close(step, records)
    step.db.update(t.record, ("gone", "seq"), [(1, seq, number) for number in records])


def _older(mine: int | None, standing: int | None) -> bool:
    if mine is None:
        return standing is not None
    return standing is not None and mine < standing


def _at_once(records: Sequence[Record]) -> dict[int, list[Item]] | None:
    """The records of a page checked in one go, where all are of one entity and nothing is wrong with any; else None."""
    kinds = set(map(type, records))
    if len(kinds) != 1:
        return None
    entities = {facts.ORDER} if Order in kinds else {entity_of(record) for record in records}
    entity = entities.pop()
    if entities or entity not in _TOGETHER:
        return None
    try:
        lines = _LINES(records)
        found: list[Any] = (_ORDERS if entity == facts.ORDER else _PERSONS)(lines)
    except (msgspec.MsgspecError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    if len(lines) > _BIGGEST or b"\\u0000" in lines:
        return None
    if entity == facts.ORDER:
        if [
            True
            for order in found  # one look at each: this stands on every order's way
            if order.currency not in _CURRENCIES
            or order.pinned is not UNSET or order.billing is not UNSET or order.shipping is not UNSET
        ]:  # fmt: skip
            return None
    elif any(_for_operators(person) is not None for person in found):
        return None
    bodies = lines.split(b"\n")[:-1]
    return {
        entity: [
            (fact, body, sha256(body).digest()[:16], place)
            for place, (fact, body) in enumerate(zip(found, bodies, strict=True))
        ]
    }


def _for_operators(fact: Person | Order) -> str | None:
    """Why a source cannot say this: only operators can."""
    person = fact if isinstance(fact, Person) else None
    if fact.pinned is not UNSET or (person is not None and person.inactive is not UNSET):
        return "pinned and inactive are said by operators, not by sources"
    if fact.billing is not UNSET or fact.shipping is not UNSET:
        return "billing and shipping are said by operators; sources say addresses, each with its kind"
    if person is not None and person.consents and any(event.basis in ("operator", "bulk") for event in person.consents):
        return "consents on the word of an operator are written down by operators, not by sources"
    return None


def _one_by_one(
    page: Page, rejects: list[Rejected], gone: list[Gone], enclosed: Enclosed | None = None
) -> dict[int, list[Item]]:
    """The records of a page by their entity; what cannot be taken goes to `rejects` with the reason."""
    incoming: dict[int, list[Item]] = {}
    for place, record in enumerate(page.records):
        if type(record) is Rejected:
            rejects.append(record)
            continue
        if type(record) is Gone:
            gone.append(record)
            continue
        entity = entity_of(record)
        reason: str | None = f"{type(record).__name__} is no kind of record"
        if entity >= 0:
            try:
                body = facts.encode(record if enclosed is None else enclosed.take_out(record, place))
                fact = facts.decode(entity, body)
                reason = _problem(fact, body)
            except FileRefused as error:
                reason = str(error)
            except (msgspec.MsgspecError, TypeError, ValueError, AttributeError, OverflowError) as error:
                reason = _out_of_range(record) or f"a field has a value of the wrong kind ({error})"
        if reason is not None:
            rejects.append(Rejected(reason=reason, key=_key(record), payload=_payload(page, place, record)))
            continue
        incoming.setdefault(entity, []).append((fact, body, sha256(body).digest()[:16], place))
    return incoming


def _objects_without_a_time(fact: Any) -> bool:
    """Whether it may be an objection that an operator had lifted and that is said anew (R45)."""
    if type(fact) is not Person or fact.version is not None:
        return False
    return any(one.at is None for one in objections(fact))


def refusals(db: Db, records: Sequence[Record]) -> dict[int, Rejected]:
    """What cannot be taken of a page, by its place, as `Stage.page` would say it."""
    if records and _at_once(records) is not None:
        return {}
    enclosed = Enclosed(db, records)
    found: dict[int, Rejected] = {}
    for place, record in enumerate(records):
        rejects: list[Rejected] = []
        _one_by_one(Page([record]), rejects, [], enclosed)
        if rejects:
            found[place] = rejects[0]
    return found


def entity_of(record: Record) -> int:
    """The number of a record's entity; -1 for what is none."""
    if type(record) is Person:
        return facts.NUMBER_OF.get(record.entity, -1)
    return facts.ENTITY_OF.get(type(record), -1)


def _problem(fact: Any, body: bytes) -> str | None:
    """What is wrong with a record whose fields are of the right kind and size."""
    if len(body) > _BIGGEST:
        return f"the record is larger than {_BIGGEST} bytes"
    if b"\\u0000" in body:
        return "a field holds a NUL character"
    if isinstance(fact, Order) and fact.currency is not UNSET:
        currency = fact.currency
        if not (len(currency) == 3 and currency.isalpha() and currency.isupper()):
            return f"{currency!r} is no currency"
    if isinstance(fact, Person) and fact.entity == "guest_order":
        return "guest orders are made by the core, not by sources"
    if isinstance(fact, Person | Order) and (reason := _for_operators(fact)) is not None:
        return reason
    if isinstance(fact, Letter) and fact.file and fact.file.content is not None:
        return "the content of a file must be bytes"
    return _misled(fact) if isinstance(fact, Thing) else None


_MEANT = {
    "customer": ("customer", "contact", "manual", "guest_order"),
    "letter": ("letter",),
    "campaign": ("campaign",),
    "order": ("order",),
}


def _misled(fact: Thing) -> str | None:
    """A reference to another kind of record than the field means."""
    for name, meant in _MEANT.items():
        ref = getattr(fact, name, None)
        if isinstance(ref, RecordRef) and ref.entity not in meant:
            return f"{name} refers to a record of the kind {ref.entity!r}; it can refer to {' or '.join(meant)}"
    return None


_BOOKED = ("booked_at", "starts_at", "ends_at")


def _out_of_range(record: Any) -> str | None:
    """A sentence for what the decoder refused, where it is no matter of kinds."""
    name = getattr(record, "external_id", None)
    if isinstance(name, str) and not 0 < len(name) <= 500:
        return "the record has no usable id"
    for field_ in ("version", "created_at", "placed_at", "at", "completed_at", "until", "sent_at", *_BOOKED):
        moment = getattr(record, field_, None)
        if isinstance(moment, int) and not -FARTHEST < moment < FARTHEST:
            return "the time of its last change is out of range" if field_ == "version" else "a time is out of range"
    for field_ in ("total", "refunded", "current_total", "value"):
        amount = getattr(record, field_, None)
        if isinstance(amount, int) and abs(amount) > RICHEST:
            return "an amount of money is out of range"
    return None


def _key(record: Any) -> str | None:
    key = getattr(record, "external_id", None)
    return key if isinstance(key, str) else None


def _recount(news: News, before: dict[int, Loaded]) -> None:
    """A batch whose claims leave a record as it was has changed nothing (R50), though they are stored."""
    for item in news.all():
        old = before.get(item.id)
        if old is not None and old.fact is not None and facts.alike(old, item):
            news.changed -= 1
            news.unchanged += 1


def _payload(page: Page, place: int, record: Any) -> str:
    if page.raws is not None and place < len(page.raws) and page.raws[place]:
        return page.raws[place].decode("utf-8", "replace")
    return repr(record)


def quarantine(step: Step, source: int, stream: str, rejects: list[Rejected]) -> set[str]:
    """Keep what cannot be taken, with the reason; the same reject seen again changes nothing. Returns their digests."""
    db = step.db
    made = {}
    for item in unburied(step, source, rejects):
        payload = _storable(item.payload)[:100_000]
        digest = sha256(
            f"{stream}\0{item.key}\0{item.line}\0{payload}\0{item.reason}".encode("utf-8", "replace")
        ).hexdigest()[:32]
        key = _storable(item.key)[:500] if item.key else None
        made[digest] = (stream, key, digest, payload, _storable(item.reason), item.line, item.column)
    standing = {
        row[0]
        for row in db.rows(
            f"SELECT digest FROM quarantine WHERE source = ? AND digest {db.among_text}", (source, db.pack(made))
        )
    }
    rows = [row for digest, row in made.items() if digest not in standing]
    if rows:
        numbers = step.new_ids("quarantine", len(rows))
        db.insert(
            t.quarantine,
            (
                "id",
                "source",
                "stream",
                "key",
                "digest",
                "payload",
                "reason",
                "line",
                "col",
                "attempts",
                "first_at",
                "last_at",
            ),
            [(number, source, *row, 1, step.at, step.at) for number, row in zip(numbers, rows, strict=True)],
        )
    return set(made)


def _storable(text: Any) -> str:
    """Text as both databases take it: without NUL and without half of a surrogate pair."""
    return str(text).replace("\x00", "�").encode("utf-8", "replace").decode()


def clear_quarantine(step: Step, source: int, stream: str, keys: list[str], keep: Set[str] = frozenset()) -> None:
    """Forget rejects whose records have come well since; not those of this very reading (`keep`: their digests)."""
    db = step.db
    if not keys or not db.one("SELECT 1 FROM quarantine WHERE source = ? LIMIT 1", (source,)):
        return
    found = db.rows(
        f"SELECT id, digest FROM quarantine WHERE source = ? AND stream = ? AND key {db.among_text}",
        (source, stream, db.pack(keys)),
    )
    _forget(step, found, keep)


def clear_quarantine_but(step: Step, source: int, stream: str, keep: Set[str]) -> None:
    """After a reading of everything: forget what did not come again, for somebody mended or removed it."""
    query = "SELECT id, digest FROM quarantine WHERE source = ? AND stream = ?"
    _forget(step, step.db.rows(query, (source, stream)), keep)


def _forget(step: Step, found: Iterable[tuple[int, str]], keep: Set[str]) -> None:
    numbers = [number for number, digest in found if digest not in keep]
    if numbers:
        step.db.run(f"DELETE FROM quarantine WHERE id {step.db.among}", (step.db.pack(numbers),))


__all__ = [
    "Claim",
    "News",
    "Stage",
    "clear_quarantine",
    "clear_quarantine_but",
    "entity_of",
    "mark_gone",
    "quarantine",
    "refusals",
]
