"""Seeded faults that show only where erasures meet everything else: a way must notice each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from klientela.flow import emptying, erase, reach, suppress
from klientela.rules import carriers
from klientela.store import locate
from klientela.store.tombstones import Graves
from tests.properties.arena import Fresh, sqlite_arena
from tests.properties.lifelines import LIFELINES
from tests.properties.lives import Life
from tests.properties.test_erasures import hasty
from tests.properties.test_mutants import Check, Mutant, commit

__all__ = ["hasty"]


def by_way(name: str) -> Check:
    """What must hold, on one way."""

    def check(fresh: Fresh) -> None:
        store, way = fresh(), LIFELINES[name]
        assert store.path is not None
        Life(store, store.path.parent, way).walk(way.turns)

    return check


MUTANTS = [
    Mutant(
        "who lost a line of the log is nowhere in it",
        erase, "carry_through",
        "restate(step, lost, beside)", "restate(step, set(), beside)",
        by_way("two that were one are parted, and one goes"),
    ),
    Mutant(
        "who stays behind goes by another id in silence",
        erase, "carry_through",
        "restate(step, lost, beside)", "restate(step, lost, set())",
        by_way("a shop asks for the oldest of a customer"),
    ),
    Mutant(
        "an account nobody has told of may order with what was theirs",
        suppress.Screen, "_bought",
        "fact.customer and self._stands(fact.customer)", "fact.customer",
        by_way("a new account of theirs orders before it is told"),
    ),
    Mutant(
        "an account that is there may not",
        suppress.Screen, "_bought",
        "fact.customer and self._stands(fact.customer)", "False",
        by_way("a new account of theirs orders before it is told"),
    ),
    Mutant(
        "who came on this page is not there yet",
        suppress.Screen, "page",
        "self._there.add(", "(lambda key: None)(",
        by_way("who is there takes over the address, on one page"),
    ),
    Mutant(
        "what those share who sleep is nobody else's",
        erase, "plan_of",
        "others = reach.others(db, reached, traces, rules)\n    return",
        "others = others._replace(loose=set(), dormant=set())\n    return",
        by_way("an import that was taken back spoke of them and of others"),
    ),
    Mutant(
        "those who sleep are left",
        reach, "others",
        "dormant = _dormant(db, reach, sources, ruleset, idents, names)", "dormant = set()",
        by_way("an import that was taken back spoke of them and of others"),
    ),
    Mutant(
        "orders of which nobody speaks any more are left",
        reach, "_dormant",
        "guest_person(fact, SourceRules()) if isinstance(fact, Order) else fact",
        "None if isinstance(fact, Order) else fact",
        by_way("an import that was taken back had orders of theirs and of another"),
    ),
    Mutant(
        "another source's words for an order of theirs count",
        carriers, "told",
        "if any(c.order.erased is True", "if False and any(c.order.erased is True",
        by_way("another source passes on an order of theirs in words of its own"),
    ),
    Mutant(
        "an order of theirs that comes again is as any that is nobody's",
        suppress.Screen, "_bought",
        "else nobodys(fact)", "else without_person(fact)",
        by_way("another source passes on an order of theirs in words of its own"),
    ),
    Mutant(
        "a phone in another's address is nobody else's",
        reach, "others",
        "said.add(person)", "said.add(type(person)(external_id='-', email=person.email, phone=person.phone))",
        by_way("a phone that stands in another's address is shared"),
    ),
    Mutant(
        "whom a decision named beside them is not looked at",
        erase, "carry_through",
        "persons += [item", "_ = [item",
        by_way("a decision that named them parted two who are alike"),
    ),
    Mutant(
        "decisions about them stay",
        emptying, "empty_facts",
        'db.run(f"DELETE FROM decision WHERE a', 'db.rows(f"SELECT 1 FROM decision WHERE a',
        by_way("they come back when the tombstone is lifted, without what was decided"),
    ),
    Mutant(
        "what was said of their orders stays",
        emptying, "_by_hand",
        'json.loads(said)["field"] in PERSONAL', "False",
        by_way("an operator corrected what they ordered"),
    ),
    Mutant(
        "what others have too is forgotten",
        erase, "tombstone",
        'if values == "all" else ()', "if False else ()",
        by_way("two share an address, and one comes back by another key"),
    ),
    Mutant(
        "what others have too is nobody's any more",
        erase, "tombstone",
        "plan.traces.values - plan.others.shared if", "plan.traces.values if",
        by_way("two share an address, and one comes back by another key"),
    ),
    Mutant(
        "what one channel called theirs stays theirs",
        emptying, "empty_facts",
        "    _named(db, reach)\n", "",
        by_way("one channel calls an order theirs"),
    ),
    Mutant(
        "what one channel calls theirs is told again",
        suppress.Screen, "_bought",
        'if fact.customer and self._buried("customer", fact.customer):', "if False:",
        by_way("one channel calls an order theirs"),
    ),
    Mutant(
        "what they were called before stays",
        emptying, "empty_facts",
        'db.run(f"DELETE FROM claim WHERE record', 'db.run(f"DELETE FROM claim WHERE to_seq IS NULL AND record',
        by_way("what they were called before"),
    ),
    Mutant(
        "what they were called before is forgotten",
        reach, "traces_of",
        "f\"SELECT record, body FROM claim WHERE body IS NOT NULL AND record",
        "f\"SELECT record, body FROM claim WHERE to_seq IS NULL AND body IS NOT NULL AND record",
        by_way("what they were called before"),
    ),
    Mutant(
        "an import brings them back",
        suppress.Screen, "_is_of_them",
        "if self._buried(entity, ext):\n        return True", "if False:\n        return True",
        by_way("a file that named them is taken back"),
    ),
    Mutant(
        "a guest row that is nobody keeps its words",
        reach, "of_customers",
        "reach.persons |= _rows_once(db, reach.bought)", "pass",
        by_way("words on a guest row while another policy makes it nobody"),
    ),
    Mutant(
        "an order brings a row back that was erased while it slept",
        suppress.Screen, "_bought",
        'isinstance(fact, Order) and self._buried("guest_order", ext)', "False",
        by_way("an order comes again whose row was erased while nobody spoke of it"),
    ),
    Mutant(
        "a letter of another source stays with nobody",
        reach, "of_records",
        "things = _things(db, persons)", "things = _of_source(db, source, _things(db, persons))",
        by_way("another source tells of a letter to whom a shop asks to erase"),
    ),
    Mutant(
        "who was merged into one who goes is tied to his number",
        emptying, "merged_into",
        " - reach.gone", " & reach.gone",
        by_way("somebody was merged into one who sleeps"),
    ),
    Mutant(
        "another's row that goes with them leaves in silence",
        erase, "carry_through",
        "hushed=frozenset(plan.reach.gone)", "hushed=frozenset(range(10**5))",
        by_way("what one channel called theirs made a guest's row"),
    ),
    Mutant(
        "whom the shop calls one of them is somebody",
        suppress.Screen, "_is_of_them",
        'record.merged_into and self._buried("customer", record.merged_into)', "False",
        by_way("the shop says that somebody new is one of them"),
    ),
    Mutant(
        "an erased id is as unknown as any",
        Graves, "knows",
        "return ", "return False and ",
        by_way("all who may be the same, while work waits"),
    ),
    Mutant(
        "a key that somebody else names again is nobody's",
        locate, "_by_key",
        "customer = None if row is None else _customer(db, row[0])\n    if customer is None:",
        "customer = None if row is None else _customer(db, row[0])\n    if row is None:",
        by_way("the shop says that somebody new is one of them"),
    ),
]  # fmt: skip


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Fresh]:
    with sqlite_arena(tmp_path) as fresh:
        yield fresh


@pytest.mark.parametrize("mutant", MUTANTS, ids=[m.name.replace(" ", "-") for m in MUTANTS])
def test_a_way_notices(mutant: Mutant, arena: Fresh) -> None:
    with pytest.MonkeyPatch.context() as patch:
        commit(mutant, patch)
        with pytest.raises(AssertionError):
            mutant.caught(arena)
