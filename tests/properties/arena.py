"""Walks a way through a real store: syncs, decisions and changes of rules, as the daemon and the command do them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from klientela.flow import decide as deciding
from klientela.flow import hands, importing, placing, rules, work
from klientela.flow import withdraw as backwards
from klientela.flow.hands import Word
from klientela.flow.importing import Into, import_records
from klientela.kit import Record
from klientela.rules.ruleset import Ruleset
from klientela.rules.whole import Decided, RecordKey, Worded, World, whole
from klientela.store import Store, facts, open_store, outbox
from klientela.store.database import Step
from tests.properties.states import public_of
from tests.properties.worlds import HERE, Plan, Turn, Way
from tests.shops import bring

Fresh = Callable[[], Store]


def decide(store: Store, decision: Decided, *, detail: str | None = None, drain: bool = True) -> int:
    """Write a decision as the operators' commands do: the row, and both records on the worklist; its number."""
    with store.step("decision", actor="operator") as step:
        a, b = _record(step, decision.a), _record(step, decision.b)
        number = step.new_ids("decision", 1)[0]
        step.db.run(
            "INSERT INTO decision (id, kind, a, b, detail, from_seq) VALUES (?, ?, ?, ?, ?, ?)",
            (number, decision.kind, a, b, detail, step.seq),
        )
        _again(step, a, b)
    if drain:
        work.drain(store)
    return step.seq


def withdraw(store: Store, decision: Decided, *, detail: str | None = None, drain: bool = True) -> None:
    """Take such a decision back."""
    with store.step("undo", actor="operator") as step:
        a, b = _record(step, decision.a), _record(step, decision.b)
        row = step.db.one(
            "SELECT max(id) FROM decision WHERE kind = ? AND a = ? AND b = ? AND coalesce(detail, '') = ? "
            "AND to_seq IS NULL",
            (decision.kind, a, b, detail or ""),
        )
        assert row is not None
        step.db.run("UPDATE decision SET to_seq = ? WHERE id = ?", (step.seq, row[0]))
        _again(step, a, b)
    if drain:
        work.drain(store)


def say(store: Store, word: Worded, *, drain: bool = True) -> int:
    """Let an operator say something of a record: as the commands do, or left for the worklist; the number of it."""

    def words(step: Step) -> list[Word]:
        return [Word(word.kind, _record(step, word.key), word.detail)]

    if drain:
        seq = hands.say(store, word.kind, words, {}).seq
        assert seq is not None
        return seq
    with store.step("said", actor="operator") as step:
        said = words(step)
        hands.write(step, said)
        _again(step, *hands.renew(step, [one.record for one in said]))
    return step.seq


def unsay(store: Store, word: Worded, *, drain: bool = True) -> None:
    """Take such a word back."""
    with store.step("undo", actor="operator") as step:
        record = _record(step, word.key)
        rows = step.db.rows(
            "SELECT id, from_seq, detail FROM decision WHERE kind = ? AND a = ? AND to_seq IS NULL", (word.kind, record)
        )
        number, seq = max((number, seq) for number, seq, detail in rows if json.loads(detail) == word.detail)
        if not drain:
            step.db.run("UPDATE decision SET to_seq = ? WHERE id = ?", (step.seq, number))
            _again(step, *hands.renew(step, [record]))
    if drain:
        deciding.undo(store, seq)


def _record(step: Step, key: RecordKey) -> int:
    source, entity, ext = key
    row = facts.ensure_source(step, source, "memory")
    return facts.ensure(step, row.id, facts.NUMBER_OF[entity], [ext])[ext]


def _again(step: Step, *records: int) -> None:
    step.db.run(
        f"INSERT INTO work (kind, subject, reason) SELECT {work.KIND_OF}, id, 'decision' FROM record "
        f"WHERE id {step.db.among} ON CONFLICT DO NOTHING",
        (step.db.pack(records),),
    )


def answer(store: Store, shop: RecordKey, key: str, *, drain: bool = True) -> None:
    """Let a shop answer to an order that was placed here with the id of what it made of it, as `placing.send` does."""
    with store.step("answer", actor="operator") as step:
        record = _record(step, (HERE, "order", key))
        row = facts.ensure_source(step, shop[0], "memory")
        outbox.begin(step, record, key, row.id)
        outbox.settle(step, record, outbox.TAKEN, ext=shop[2])
        placing._look_again(step, row.id, shop[2])
    if drain:
        work.drain(store)


def apply(store: Store, ruleset: Ruleset, *, drain: bool = True) -> None:
    """`rules apply`."""
    rules.apply(store, ruleset)
    if drain:
        work.drain(store)


def take_in(store: Store, source: str, records: Sequence[Record], *, size: int = 250) -> int | None:
    """`import`, into a source that takes none but here; the number of the batch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "TAKERS", ("memory",))
        patch.setattr(importing, "_PAGE", size)
        return import_records(store, Into(source, "memory"), records, name="file", digest="0", subscribe=True).batch


def take_back(store: Store, batch: int, *, drain: bool = True) -> None:
    """`import undo`; or only its transaction, so that what follows finds its work undone."""
    if drain:
        backwards.undo(store, batch)
        return
    with store.step("import undo", actor="operator") as step:
        backwards.begin(step, batch)


def walk(store: Store, way: Way) -> None:
    """Everything in its order; at the end nothing is left to do."""
    assert rules.adopt(store, way.start)
    batches: dict[str, int | None] = {}
    for turn in way.turns:
        _turn(store, turn, batches)
    work.drain(store)


def _turn(store: Store, turn: Turn, batches: dict[str, int | None]) -> None:
    if turn.what == "bring":
        bring(store, turn.source, turn.records, size=turn.size)
    elif turn.what == "keep":
        take_in(store, turn.source, turn.records, size=turn.size)
    elif turn.what == "import":
        batches[turn.source] = take_in(store, turn.source, turn.records, size=turn.size)
    elif turn.what == "take back":
        batch = batches.pop(turn.source)
        if batch is not None:
            take_back(store, batch, drain=turn.drain)
    elif turn.answer is not None:
        answer(store, *turn.answer, drain=turn.drain)
    elif turn.ruleset is not None:
        apply(store, turn.ruleset, drain=turn.drain)
    elif turn.word is not None:
        (unsay if turn.what == "unsay" else say)(store, turn.word, drain=turn.drain)
    elif turn.decision is not None:
        how = withdraw if turn.what == "withdraw" else decide
        how(store, turn.decision, detail=None if turn.what == "decide" else "for now", drain=turn.drain)


def oracle(plan: Plan, store: Store) -> World:
    """What must come out."""
    return whole(
        plan.said(), plan.decisions, plan.ruleset, lambda *key: public_of(store, *key), plan.words, dict(plan.answers)
    )


# -- stores that are empty again at once ---------------------------------------------------------------------------------


@contextmanager
def sqlite_arena(folder: Path) -> Iterator[Fresh]:
    """Empty SQLite stores: copies of one file, for making the schema costs more than a whole example."""
    key, model, count = folder / "klientela.key", folder / "model.db", 0
    open_store(f"sqlite:///{model}", key_file=key).close()
    opened: list[Store] = []

    def fresh() -> Store:
        nonlocal count
        count += 1
        if len(opened) > 1:
            _throw_away(opened.pop(0))
        path = folder / f"store{count}.db"
        shutil.copy(model, path)
        opened.append(open_store(f"sqlite:///{path}", key_file=key))
        return opened[-1]

    yield fresh
    for store in opened:
        _throw_away(store)


def _throw_away(store: Store) -> None:
    store.close()
    assert store.path is not None
    for path in store.path.parent.glob(store.path.name + "*"):
        path.unlink()


@contextmanager
def postgres_arena(make: Callable[[], Store]) -> Iterator[Fresh]:
    """Two PostgreSQL stores by turns, emptied before each use."""
    stores = [make(), make()]
    first: dict[int, dict[str, list[tuple[object, ...]]]] = {}
    for store in stores:
        with store.reading() as db:
            first[id(store)] = {name: db.rows(f"SELECT * FROM {name}") for name in ("meta", "ruleset")}

    def fresh() -> Store:
        store = stores.pop(0)
        stores.append(store)
        names = sa.inspect(store.engine).get_table_names()
        with store.step("empty") as step:
            for name in names:
                if name != "alembic_version":
                    step.db.run(f"DELETE FROM {name}")
            for name, rows in first[id(store)].items():
                marks = ", ".join("?" * len(rows[0]))
                step.db.many(f"INSERT INTO {name} VALUES ({marks})", rows)
        store._rulesets.clear()
        return store

    yield fresh
