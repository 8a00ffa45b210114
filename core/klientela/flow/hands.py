"""What operators say of records becomes their claim: folded from the decisions that hold, written like any other (R0b)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from klientela.flow.desk import Decided, Desk
from klientela.rules.hand import KINDS
from klientela.store import facts
from klientela.store import tables as t
from klientela.store.database import Step, Store
from klientela.store.handclaims import folded
from klientela.store.locate import customers_of
from klientela.store.spoken import Spoken


class Word(NamedTuple):
    """One thing to be said of a record: the kind of decision, the record, its detail (rules/hand.py)."""

    kind: str
    record: int
    detail: Mapping[str, Any]


def say(
    store: Store,
    verb: str,
    words: Callable[[Step], Sequence[Word]],
    told: Mapping[str, Any],
    *,
    actor: str = "operator",
    dry_run: bool = False,
    after: Callable[[Step, list[int]], None] | None = None,
) -> Decided:
    """Decide something about records: all `words` are one decision, taken back together.

    `words` is asked inside the step and may refuse; nothing is written then, and nothing where it has no words. `told`
    stands in the log beside `verb`.
    `after` may look at the customers that the words are about, when everything that follows is written.
    """

    def decide(step: Step) -> list[int]:
        said = words(step)
        write(step, said)
        renew(step, [word.record for word in said if word.kind in KINDS])
        return [word.record for word in said]

    return _at_the_desk(store, verb, decide, told, actor, dry_run, after)


def unsay(
    store: Store,
    verb: str,
    which: Callable[[Step], Sequence[Spoken]],
    told: Mapping[str, Any],
    *,
    actor: str = "operator",
    dry_run: bool = False,
) -> Decided:
    """Take some of what was said of records back, as one decision that can be taken back itself. `which` as above."""

    def decide(step: Step) -> list[int]:
        words = which(step)
        withdraw(step, [word.id for word in words])
        renew(step, [word.record for word in words if word.kind in KINDS])
        return [word.record for word in words]

    return _at_the_desk(store, verb, decide, told, actor, dry_run)


class _Nothing(Exception):
    """Ends a step that has nothing to write."""


def _at_the_desk(
    store: Store,
    verb: str,
    decide: Callable[[Step], list[int]],
    told: Mapping[str, Any],
    actor: str,
    dry_run: bool,
    after: Callable[[Step, list[int]], None] | None = None,
) -> Decided:
    try:
        with Desk(store, verb, actor, dry_run) as desk:
            records = _some(sorted(set(decide(desk.step))))
            desk.done("decided", [], {"decision": verb, **told}, records=records)
            if after is not None:
                after(desk.step, sorted(set(customers_of(desk.step.db, records).values())))
    except _Nothing:
        return Decided()
    return desk.result


def _some(records: list[int]) -> list[int]:
    if not records:
        raise _Nothing
    return records


def withdraw(step: Step, decisions: Iterable[int]) -> None:
    """Let decisions hold no more. What they said of records holds until `renew`."""
    packed = step.db.pack(sorted(set(decisions)))
    step.db.run(f"UPDATE decision SET to_seq = ? WHERE to_seq IS NULL AND id {step.db.among}", (step.seq, packed))


def write(step: Step, words: Sequence[Word]) -> None:
    """Write decisions about records."""
    numbers = step.new_ids("decision", len(words))
    step.db.insert(
        t.decision,
        ("id", "kind", "a", "detail", "from_seq"),
        [
            (number, word.kind, word.record, json.dumps(msgspec.to_builtins(word.detail), sort_keys=True), step.seq)
            for number, word in zip(numbers, words, strict=True)
        ],
    )


def renew(step: Step, records: Iterable[int]) -> list[int]:
    """Make the operators' claim of each record what the decisions that hold say. The records, sorted."""
    numbers = sorted(set(records))
    if not numbers:
        return numbers
    db = step.db
    packed = db.pack(numbers)
    wanted = folded(db, numbers)
    channels = {
        source: facts.channel_id(step, source, facts.OPERATOR, facts.rank_of(facts.OPERATOR, 0))
        for source in sorted({one.source for one in wanted.values()})
    }
    standing = {
        (row[0], row[1]): row[2:]
        for row in db.rows(
            f"SELECT record, channel, hash, from_seq FROM claim WHERE to_seq IS NULL AND record {db.among}", (packed,)
        )
    }
    fresh = []
    for number, (source, body, digest) in wanted.items():
        channel = channels[source]
        stood = standing.pop((number, channel), None)
        if (None if stood is None else bytes(stood[0])) == digest:
            if stood is not None:
                standing[number, channel] = stood
            continue
        if stood is not None:
            _close(step, number, channel, stood[1])
        if body is not None:
            fresh.append((number, channel, step.seq, digest, 0, body))
            standing[number, channel] = (digest, step.seq)
    db.insert(t.claim, ("record", "channel", "from_seq", "hash", "gone", "body"), fresh)
    several = {record for record, _ in standing}
    db.update(t.record, ("more",), [(int(number in several), number) for number in wanted])
    return numbers


def _close(step: Step, record: int, channel: int, since: int) -> None:
    """The claim so far is history; one of this very step lived for no moment."""
    if since == step.seq:
        step.db.delete(t.claim, [(record, channel, since)], key=("record", "channel", "from_seq"))
    else:
        step.db.run(
            "UPDATE claim SET to_seq = ? WHERE record = ? AND channel = ? AND from_seq = ?",
            (step.seq, record, channel, since),
        )


__all__ = ["Word", "renew", "say", "unsay", "withdraw", "write"]
