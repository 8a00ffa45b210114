"""Ways on which people are erased between syncs, decisions, words, rules, imports and what is taken back; and what must hold
there: the state is the function of what may be kept, nobody comes back, and who was erased is told so by every id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from klientela.errors import KlientelaError
from klientela.flow import decide as deciding
from klientela.flow import erase, reach, work
from klientela.flow import rules as ruling
from klientela.flow import sync as syncing
from klientela.flow.rebuild import rebuild
from klientela.kit import Order, Page, Record, Redact
from klientela.rules.guests import guest_person
from klientela.rules.names import compatible, folded
from klientela.rules.ruleset import SourceRules
from klientela.rules.whole import Decided, RecordKey, Worded, World
from klientela.store import Store, facts, ids, ledger
from klientela.store.locate import locate
from klientela.store.tombstones import Tombstones
from tests import canaries
from tests.properties import arena
from tests.properties.lived import KNOWN, Lived, canary, marked, of_an_order, reached_by, told
from tests.properties.replay import lost_ids, replayed, standing
from tests.properties.states import broken, differences, expected, public_of, stored
from tests.properties.worlds import (
    FOCI,
    HERE,
    Focus,
    Placed,
    Turn,
    Way,
    _claims,
    _decisions,
    _insert,
    _kept,
    _keys,
    _placed,
    _way,
    _words,
    rulesets,
)
from tests.shops import Shop

PERSONS = ("customer", "contact", "manual", "guest_order")


class Tells(Shop):
    """A shop of which is kept what came, as it came."""

    def _read(self, window: Any, position: Any) -> Any:
        for page in super()._read(window, position):
            yield Page(page.records, page.position, raws=[msgspec.json.encode(one) for one in page.records])


class Life:
    """A store on its way, and beside it what it must hold."""

    def __init__(self, store: Store, folder: Path, way: Way, seen: Counter[str] | None = None) -> None:
        self.store = store
        self.seen: Counter[str] = Counter() if seen is None else seen
        file = folder / "tombstones"
        file.unlink(missing_ok=True)
        store.tombstones = Tombstones(file, store.key)
        self.lived = Lived(way.start)
        self.batches: dict[str, int | None] = {}
        self.spoken: dict[Any, int] = {}  # the numbers of decisions and words that are to be taken back
        assert ruling.adopt(store, way.start)
        for source, record in KNOWN:
            self._bring(source, [record])

    def walk(self, turns: Sequence[Turn]) -> None:
        """Go on; an erasure that leaves nothing undone is looked at, and the end."""
        for turn in turns:
            self._turn(turn)
            with self.store.reading() as db:
                waits = work.left(db)
            if turn.what in ("erase", "redact") and not waits:
                self.holds()
        work.drain(self.store)
        self.holds()
        found = rebuild(self.store, check=True).differences
        assert not found, found

    # -- what happens --------------------------------------------------------------------------------------------------

    def _turn(self, turn: Turn) -> None:
        if turn.what == "bring":
            self._bring(turn.source, turn.records, turn.size)
        elif turn.what in ("keep", "import"):
            self._import(turn)
        elif turn.what == "take back":
            self._take_back(turn)
        elif turn.what in ("erase", "redact", "release"):
            getattr(self, f"_{turn.what}")(turn)
        elif turn.answer is not None:
            shop, key = turn.answer
            arena.answer(self.store, shop, key, drain=turn.drain)
            self.lived.answers[shop] = key
        elif turn.ruleset is not None:
            arena.apply(self.store, turn.ruleset, drain=turn.drain)
            self.lived.ruleset = turn.ruleset
        elif turn.word is not None:
            self._word(turn, turn.word)
        elif turn.decision is not None:
            self._decision(turn, turn.decision)

    def _bring(self, source: str, records: Sequence[Record], size: int = 250) -> None:
        records = [marked(source, one) for one in records]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(syncing, "MOST", 1)  # a page is a step: what is said and unsaid within one is no history
            report = syncing.sync(self.store, Tells(source, records, size=size))
        assert report.status == "ok", report.error
        self.seen["suppressed"] += report.suppressed
        self.lived.hear(source, records, size)

    def _import(self, turn: Turn) -> None:
        records = [marked(turn.source, one) for one in turn.records]
        batch = arena.take_in(self.store, turn.source, records, size=turn.size)
        if turn.what == "import":
            self.batches[turn.source] = batch
        if batch is not None:
            self.lived.hear(turn.source, records, turn.size, batch)

    def _take_back(self, turn: Turn) -> None:
        batch = self.batches.pop(turn.source, None)
        if batch is not None:
            arena.take_back(self.store, batch, drain=turn.drain)
            self.lived.take_back(turn.source, batch)

    def _decision(self, turn: Turn, decision: Decided) -> None:
        detail = None if turn.what == "decide" else f"for now, {canary(decision.a)} and {canary(decision.b)}"
        if turn.what == "withdraw":
            if (decision, detail) in self.lived.decisions:
                arena.withdraw(self.store, decision, detail=detail, drain=turn.drain)
                self.lived.decisions.remove((decision, detail))
            else:
                self._is_gone((decision, detail))
        elif not self.lived.buried(*decision.a) and not self.lived.buried(*decision.b):
            self.spoken[decision, detail] = arena.decide(self.store, decision, detail=detail, drain=turn.drain)
            self.lived.decisions.append((decision, detail))

    def _word(self, turn: Turn, word: Worded) -> None:
        if not of_an_order(word):
            word = word._replace(detail={**word.detail, "why": canary(word.key)})
        mark = repr(word)
        if turn.what == "unsay":
            if word in self.lived.words:
                arena.unsay(self.store, word, drain=turn.drain)
                self.lived.unsay(word)
            else:
                self._is_gone(mark)
        elif not self.lived.silenced(word):
            self.spoken[mark] = arena.say(self.store, word, drain=turn.drain)
            self.lived.say(word)

    def _is_gone(self, what: Any) -> None:
        """What went with somebody cannot be taken back, and trying writes nothing."""
        if what not in self.spoken:
            return
        before = self._written()
        with pytest.raises(KlientelaError):
            deciding.undo(self.store, self.spoken[what])
        assert self._written() == before
        self.seen["refused"] += 1

    def _written(self) -> list[Any]:
        with self.store.reading() as db:
            return [db.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in ("decision", "claim", "audit", "work")]

    # -- who goes ------------------------------------------------------------------------------------------------------

    def _erase(self, turn: Turn) -> None:
        with self.store.reading() as db:
            rows = db.rows(
                "SELECT s.label, r.entity, r.ext FROM customer c JOIN record r ON r.id = c.anchor "
                "JOIN source s ON s.id = r.source ORDER BY s.label, r.entity, r.ext"
            )
            if not rows:
                return
            label, entity, ext = rows[turn.size % len(rows)]
            text, everybody = f"{label}/{facts.entity_name(entity)}/{ext}", not turn.drain
            plan, _ = erase._planned(db, self.store, text, (), everybody)
            self._is_them(db, plan, (label, facts.entity_name(entity), ext))
        people, bought = self._keys(plan.reach.gone), self._keys(plan.reach.bought)
        erase.erase(self.store, text, reason="asked", everybody=everybody)
        self.seen["erasures"] += 1
        self.lived.bury(people, bought, plan.others.shared)

    def _is_them(self, db: Any, plan: erase.Plan, anchor: RecordKey) -> None:
        """What is to go is what the function says of the person, where nothing waits."""
        if work.left(db):
            self.seen["while work waited"] += 1
            return
        world = self.lived.world(lambda *key: public_of(self.store, *key))
        them = set(world.customer_of(anchor).members)
        people, bought = self._keys(plan.reach.gone), self._keys(plan.reach.bought)
        assert them <= people, "a customer goes whole"
        for one in world.orders.values():
            if {one.owner, one.buyer} & them:
                assert set(one.carriers) <= bought, f"{one.key} was theirs"
        sleepers = self._asleep(world, people & world.persons.keys())
        asleep = {key for key in sleepers if key[1] not in ("guest_order", "order")}
        rows = {(uid, "guest_order", ext) for uid, entity, ext in bought if entity == "order"}
        assert asleep <= people, "nor may one come back of whom nobody speaks today"
        assert {key for key in sleepers if key[1] == "order"} <= bought, "nor an order of theirs"
        assert rows & {word.key for word in self.lived.words} <= people, "nor a row that other rules made nobody"
        others = {key for one in world.customers if not set(one.members) & people for key in one.members}
        assert not others & people
        alive = {key: one for key, one in world.persons.items() if key not in people}
        values = {value for one in alive.values() for value in told(one.fact, self.lived.ruleset.country)}
        wrong = plan.others.shared ^ (values & plan.traces.values)
        assert not wrong, f"of others too, or not: {wrong}"

    def _asleep(self, world: World, them: set[RecordKey]) -> set[RecordKey]:
        """Records of which no source speaks any more, and which once said what these say, under a name that fits."""
        rules = self.lived.ruleset
        if not rules.mailbox_folding:
            return set()
        facts_of = [world.persons[key].fact for key in them]
        values = {value for one in facts_of for value in reached_by(one, rules.country)}
        values = {value for value in values if not self.lived.anybodys(value)}
        mine = {folded(one.first_name or None, one.last_name or None) for one in facts_of} - {""}

        def fits(one: Any) -> bool:
            name = folded(one.first_name or None, one.last_name or None)
            return not name or not mine or any(compatible(name, other) for other in mine)

        told = {*world.persons, *(carrier for one in world.orders.values() for carrier in one.carriers)}
        return {
            key
            for key, past in self.lived.past.items()
            if key not in told and (key[1] in PERSONS or key[1] == "order")
            and any(fits(one) and values & {*reached_by(one, rules.country)} for one in map(_speaks_of, past) if one)
        }  # fmt: skip

    def _redact(self, turn: Turn) -> None:
        """A shop asks for one of its customers to be erased, with the orders that it says are his."""
        exts = sorted({one.external_id for one in self.lived.said if one.key[:2] == (turn.source, "customer")})
        if not exts:
            return
        ext = exts[turn.size % len(exts)]
        orders = {one.external_id for one in self.lived.said if getattr(one.fact, "customer", None) == ext
                  and one.key[:2] == (turn.source, "order")}  # fmt: skip
        asked = [Redact(customer=ext, orders=sorted(orders))]
        with self.store.step("redact") as step:
            row = next(row for row in facts.sources(step.db).values() if row.uid == turn.source)
            reached = reach.of_records(step.db, row.id, *erase._asked(step.db, row, asked))
            traces = reach.traces_of(step.db, reached, self.lived.ruleset.country, self.store.key)
            shared = reach.others(step.db, reached, traces, self.lived.ruleset).shared
            people, bought = self._keys(reached.gone), self._keys(reached.bought)
            erase.redact(step, row, asked)
        self.seen["redacted"] += 1
        people |= {(turn.source, "customer", ext)}
        self.lived.bury(people, bought | {(turn.source, "order", one) for one in orders}, shared, alone=True)

    def _release(self, turn: Turn) -> None:
        if not self.lived.graves:
            return
        place = turn.size % len(self.lived.graves)
        line = self.store.tombstones.erasures()[place]  # type: ignore[union-attr]
        erase.release(self.store, line.id, reason="asked")
        del self.lived.graves[place]
        self.seen["released"] += 1

    def _keys(self, records: set[int]) -> set[RecordKey]:
        with self.store.reading() as db:
            return {
                (uid, facts.entity_name(entity), ext)
                for uid, entity, ext in db.rows(
                    f"SELECT s.uid, r.entity, r.ext FROM record r JOIN source s ON s.id = r.source WHERE r.id {db.among}",
                    (db.pack(records),),
                )
            }

    # -- what must hold ------------------------------------------------------------------------------------------------

    def holds(self) -> None:
        """Everything, where nothing waits."""
        store, lived = self.store, self.lived
        world = lived.world(lambda *key: public_of(store, *key))
        found = [*differences(stored(store), expected(world, lived.ruleset, store)), *broken(store)]
        assert not found, found
        self.nobody_is_back()
        with store.reading() as db:
            assert list(ledger.verify(db)) == []
        wrong = set(replayed(store).items()) ^ set(standing(store).items())
        assert not wrong, f"by the log and by the tables: {sorted(wrong)}"
        assert not lost_ids(store)

    def nobody_is_back(self) -> None:
        """No word of theirs is anywhere, and each of their ids says that they were erased."""
        gone = {key for one in self.lived.graves for key in one.people | one.bought}
        words = [canary(key).encode() for key in gone]
        for place, content in canaries.rows(self.store):
            assert not [word for word in words if word in content], place
        with self.store.reading() as db:
            for uid, entity, ext in gone:
                if entity in PERSONS:
                    for text in (f"{uid}/{entity}/{ext}", ids.text(public_of(self.store, uid, entity, ext))):
                        assert _answer(db, self.store.key, text) == f"{text} was erased", (uid, entity, ext)


def _speaks_of(fact: Any) -> Any:
    """The person that a claim of a person or of an order is about."""
    return guest_person(fact, SourceRules()) if isinstance(fact, Order) else fact


def _answer(db: Any, key: bytes, text: str) -> str:
    try:
        return f"customer {locate(db, key, text).customer}"
    except KlientelaError as error:
        return str(error)


# -- ways ----------------------------------------------------------------------------------------------------------------


@st.composite
def lives(draw: st.DrawFn, most: int = 6, foci: Sequence[Focus] = FOCI) -> Way:
    """A way of one of the foci with all detours, erasures anywhere, and everything said again after them."""
    focus = draw(st.sampled_from(foci))
    claims = draw(_claims(most, focus))
    ruleset = draw(rulesets(focus.guests))
    placed = draw(_placed(focus, claims)) if focus.placed else Placed()
    decisions = (*draw(_decisions(_keys(claims), 3)), *placed.decisions)
    words, kept = draw(_words(_keys(claims), focus.words)), draw(_kept(focus, claims))
    way = draw(_way(claims, decisions, words, ruleset, kept, detours=focus, placed=placed))
    # a shop makes an order of one that was placed here: what is erased before was none of that
    turns = sorted(way.turns, key=lambda one: one.source != HERE and one.what != "answer")
    # what operators say of orders is held by a way of its own (lifelines.py)
    turns = [one for one in turns if one.word is None or one.word.key[1] != "order"]
    dice = Random(draw(st.integers(0, 2**16)))
    for _ in range(draw(st.integers(1, 3))):
        # early there is nobody to erase
        place = dice.randint(len(turns) // 3, len(turns))
        turns.insert(place, Turn("erase", size=dice.randint(0, 5), drain=dice.random() < 0.7))
        if dice.random() < 0.3:
            turns.insert(dice.randint(len(turns) // 3, len(turns)),
                         Turn("redact", dice.choice(claims)[0], size=dice.randint(0, 5)))  # fmt: skip
        if dice.random() < 0.2:
            turns.insert(dice.randint(place + 1, len(turns)), Turn("release", size=dice.randint(0, 2)))
    again = [
        Turn("bring", source, tuple(record for uid, record in claims if uid == source), size=dice.choice((1, 3, 250)))
        for source in sorted({source for source, _ in claims})
    ]
    _insert(turns, draw, [one for one in again if dice.random() < 0.3])
    turns += again
    if dice.random() < 0.3:
        source, _ = dice.choice(claims)
        file = tuple(record for uid, record in claims if uid == source)[:3]
        place = turns.index(next(turn for turn in turns if turn.what == "erase"))
        if not any(turn.source == source for turn in turns if turn.what in ("import", "take back")):
            turns.insert(dice.randint(place + 1, len(turns)), Turn("import", source, file))
            if dice.random() < 0.5:
                turns.append(Turn("take back", source, drain=dice.random() < 0.5))
    if kept:
        turns.append(Turn("keep", kept[0][0], tuple(record for _, record in kept)))
    return Way(way.start, tuple(turns))


__all__ = ["Life", "lives"]
