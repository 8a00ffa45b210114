"""What operators say of records becomes their claim: folded from the decisions that hold, written like any other (R0b)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from klientela.flow.desk import Decided, Desk
from klientela.rules.hand import KINDS
from klientela.store import tables as t
from klientela.store.database import Step, Store
from klientela.store.handclaims import renew
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


__all__ = ["Word", "renew", "say", "unsay", "withdraw", "write"]
