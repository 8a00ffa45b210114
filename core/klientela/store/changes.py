"""What changed of a customer, when and through whom: a view over closed claims and over decisions (R39)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from klientela.model.instants import iso
from klientela.rules import hand
from klientela.store import facts
from klientela.store.database import Db
from klientela.store.facts import Claim, SourceRow
from klientela.store.locate import record_keys
from klientela.store.spoken import CANNOT, MUST, NOTE, REMARK, Change, Spoken, changes, spoken

_SILENT = frozenset(("external_id", "version", "channel", "entity", "checkout_token", "placed_as", "erased"))
_FIELD = {
    hand.TAG: "tags",
    hand.CONSENT: "consents",
    REMARK: "remark",
    NOTE: "note",
    MUST: "records",
    CANNOT: "records",
}
"""The field that a kind of decision changes; edits and pins name theirs, the others are marks."""


class History(NamedTuple):
    """`lines`, newest first: `{"seq", "at", "run", "actor", "source", "record", "channel", "decision", "undone", "field",
    "old", "new"}`; `source` is null where an operator spoke. `version`: the newest change that touched any of the
    records (R40b). `changes`: all changes by number."""

    lines: list[dict[str, Any]]
    version: int
    changes: Mapping[int, Change]


class _Told(NamedTuple):
    """What a channel said from one change on until another (None: it still does). A body that an erasure emptied is
    None."""

    since: int
    until: int | None
    gone: bool
    version: int | None
    body: bytes | None


class _Line(NamedTuple):
    seq: int
    record: int
    channel: str | None
    field: str
    old: Any
    new: Any
    decision: str | None = None
    undone: bool = False
    reason: str | None = None


def history(db: Db, records: Sequence[int], sources: Mapping[int, SourceRow], said: Sequence[Spoken]) -> History:
    """Everything that changed of some person records of one customer: what sources said otherwise than before, what
    operators said and took back (both are lines), and the orders of these records.

    A field that a claim says nothing about did not change; `gone` is a field too. `said` are the decisions that name
    one of the records.
    """
    past = _Past(db, records)
    lines = [*past.by_sources(), *past.by_operators(said)]
    orders = past.orders()
    bought, of_them = _Past(db, orders), spoken(db, orders)
    lines += [*bought.by_sources(), *bought.placed(), *bought.by_operators(of_them)]
    return _history(db, lines, max(past.newest(), bought.newest()), [*said, *of_them])


def of_orders(db: Db, records: Sequence[int], said: Sequence[Spoken]) -> History:
    """The same of the records of one order alone."""
    past = _Past(db, records)
    return _history(db, [*past.by_sources(), *past.placed(), *past.by_operators(said)], past.newest(), said)


def _history(db: Db, lines: list[_Line], newest: int, said: Sequence[Spoken]) -> History:
    version = max(newest, *(max(word.since, word.until or 0) for word in said), 0)
    known = changes(db, {line.seq for line in lines} | {word.since for word in said})
    keys = record_keys(db, {line.record for line in lines})
    found = sorted(lines, key=lambda line: (-line.seq, keys[line.record], line.field, line.undone))
    return History([_shown(line, keys[line.record], known.get(line.seq)) for line in found], version, known)


def _shown(line: _Line, key: str, change: Change | None) -> dict[str, Any]:
    return {
        "seq": line.seq,
        "at": None if change is None or change.at is None else iso(change.at),
        "run": None if change is None else change.run,
        "actor": None if change is None else change.actor,
        "source": None if line.decision else key.partition("/")[0],
        "record": key,
        "channel": line.channel,
        "decision": line.decision,
        "undone": line.undone,
        "field": line.field,
        "old": line.old,
        "new": line.new,
        **({} if line.reason is None else {"reason": line.reason}),
    }


class _Past:
    """What was ever said of some records."""

    def __init__(self, db: Db, records: Sequence[int]) -> None:
        self.db = db
        self.records = records
        packed = db.pack(records)
        self.entity: dict[int, int] = {}
        self.seq: dict[int, int] = {}
        own: dict[int, tuple[int | None, _Told]] = {}
        for number, entity, channel, seq, gone, version, body in db.rows(
            f"SELECT id, entity, channel, seq, gone, version, body FROM record WHERE id {db.among}", (packed,)
        ):
            self.entity[number], self.seq[number] = entity, seq
            if body is not None:
                own[number] = (channel, _Told(seq, None, bool(gone), version, body))
        self.told: dict[int, dict[int | None, list[_Told]]] = {}
        for record, channel, since, until, gone, version, body in db.rows(
            "SELECT record, channel, from_seq, to_seq, gone, version, body FROM claim "
            f"WHERE record {db.among} ORDER BY record, channel, from_seq",
            (packed,),
        ):
            told = _Told(since, until, bool(gone), version, body)
            self.told.setdefault(record, {}).setdefault(channel, []).append(told)
        for record, (channel, one) in own.items():
            self.told.setdefault(record, {}).setdefault(channel, []).append(one)
        self._channels: dict[int | None, tuple[int, str]] | None = None

    @property
    def channels(self) -> dict[int | None, tuple[int, str]]:
        """Rank and name of each channel; None is that of guest rows, which their order tells."""
        if self._channels is None:
            rows = self.db.rows("SELECT id, rank, name FROM channel")
            self._channels = {None: (0, ""), **{number: (rank, name) for number, rank, name in rows}}
        return self._channels

    def newest(self) -> int:
        """The newest change of any of the records."""
        return max(
            (
                number
                for channels in self.told.values()
                for told in channels.values()
                for one in told
                for number in (one.since, one.until or 0)
            ),
            default=0,
        )

    # -- sources -----------------------------------------------------------------------------------------------------

    def by_sources(self) -> Iterator[_Line]:
        """What channels said otherwise than they had before."""
        for record, channels in self.told.items():
            for channel, told in channels.items():
                if len(told) < 2 or self.channels[channel][1] == facts.OPERATOR:
                    continue
                for old, new in pairwise(told):
                    for field, before, after in self._differences(record, old, new):
                        yield _Line(new.since, record, self.channels[channel][1], field, before, after)

    def _differences(self, record: int, old: _Told, new: _Told) -> Iterator[tuple[str, Any, Any]]:
        if old.gone != new.gone:
            yield "gone", old.gone, new.gone
        if old.body is None or new.body is None:
            return
        before, after = (facts.decode(self.entity[record], one.body) for one in (old, new) if one.body is not None)
        for name in after.__struct_fields__:
            stood, stands = getattr(before, name), getattr(after, name)
            if name not in _SILENT and stands is not UNSET and stood != stands:
                yield name, _plain(stood), _plain(stands)

    # -- orders ------------------------------------------------------------------------------------------------------

    def orders(self) -> list[int]:
        """The orders of these records."""
        return [
            row[0]
            for row in self.db.rows(
                f"SELECT id FROM orders WHERE owner {self.db.among} ORDER BY id", (self.db.pack(self.records),)
            )
        ]

    def placed(self) -> Iterator[_Line]:
        """The first time we heard of each of these orders (C25)."""
        numbers: dict[int, str] = dict(
            self.db.rows(
                f"SELECT o.id, COALESCE(o.number, r.ext) FROM orders o JOIN record r ON r.id = o.id "
                f"WHERE o.id {self.db.among}",
                (self.db.pack(self.records),),
            )
        )
        for record, channels in self.told.items():
            first = [(told[0].since, self.channels[channel][1]) for channel, told in channels.items()]
            since, channel = min((one for one in first if one[1] != facts.OPERATOR), default=min(first))
            yield _Line(since, record, channel, "order", None, numbers[record])

    # -- operators ---------------------------------------------------------------------------------------------------

    def by_operators(self, said: Sequence[Spoken]) -> Iterator[_Line]:
        """Every decision, and once more where it was taken back."""
        remarks = [word for word in said if word.kind == REMARK]
        others = record_keys(self.db, {number for word in said for number in (word.record, word.other) if number})
        for word in said:
            for seq in (word.since, word.until):
                if seq is None:
                    continue
                undone = seq == word.until
                change = self._change(word, seq, remarks, others)
                if change is not None:
                    record, field, old, new = change
                    reason = word.detail.get("reason") if word.other is not None else None
                    yield _Line(seq, record, facts.OPERATOR, field, old, new, word.kind, undone, reason)

    def _change(
        self, word: Spoken, seq: int, remarks: Sequence[Spoken], others: Mapping[int, str]
    ) -> tuple[int, str, Any, Any] | None:
        """The record, the field, what stood before the change and what stands after it."""
        field = _FIELD.get(word.kind, word.detail.get("field", "inactive"))
        undone = seq == word.until
        if word.kind in (MUST, CANNOT):
            pair = [number for number in (word.record, word.other) if number is not None]
            mine, other = pair if pair[0] in self.entity else reversed(pair)
            made = (None, others[other]) if (word.kind == MUST) != undone else (others[other], None)
            return mine, field, *made
        if word.kind == REMARK:
            return word.record, field, _standing(remarks, seq - 1), _standing(remarks, seq)
        if word.kind in (NOTE, hand.CONSENT):
            said = word.detail["text"] if word.kind == NOTE else dict(word.detail)
            return word.record, field, *((said, None) if undone else (None, said))
        if word.kind not in hand.KINDS:
            return None
        return word.record, field, self._value(word.record, field, seq - 1), self._value(word.record, field, seq)

    def _value(self, record: int, field: str, seq: int) -> Any:
        """A field of the record as it was right after a change, as all its channels together told it."""
        claims = [
            Claim(one.version, *self.channels[channel], facts.decode(self.entity[record], one.body))
            for channel, told in self.told.get(record, {}).items()
            for one in told
            if one.body is not None
            and (channel is None or (one.since <= seq and (one.until is None or one.until > seq)))
        ]
        fact = facts.effective(claims)[1] if claims else None
        if fact is None:
            return None
        if field == "address":
            places = fact.addresses if fact.addresses is not UNSET else None
            return _plain(places[0]) if places else None
        if field in hand.KINDS_OF_ADDRESSES:
            places = fact.addresses if fact.addresses is not UNSET and fact.addresses else []
            return _plain(next((one for one in places if one.kind == field), None))
        return _plain(getattr(fact, field))


def _standing(remarks: Iterable[Spoken], seq: int) -> str | None:
    """The remark that stood right after a change: the newest that held."""
    held = [word for word in remarks if word.held_at(seq)]
    return (held[-1].detail["text"] or None) if held else None


def _plain(value: Any) -> Any:
    return None if value is UNSET else msgspec.to_builtins(value)


__all__ = ["History", "history", "of_orders"]
