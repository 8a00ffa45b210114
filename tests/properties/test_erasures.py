"""R56: after an erasure everything stands as if the person had never been said, and orders had been nobody's; it stays so
when every source says everything again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from klientela.flow import erase, work
from klientela.kit import Campaign, Checkout, Order
from klientela.rules.pseudonym import without_person
from klientela.rules.whole import RecordKey, Said, whole
from klientela.store import Store, cleaning, facts
from klientela.store.tombstones import Tombstones
from tests.properties.arena import Fresh, sqlite_arena, walk
from tests.properties.states import broken, differences, expected, public_of, stored
from tests.properties.worlds import SOURCES, Plan, plans
from tests.shops import bring

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worklist in tiny transactions; the files are other tests' business."""
    monkeypatch.setattr(work, "BATCH", 3)
    monkeypatch.setattr(cleaning, "clean", lambda store: None)


# a source that says nothing any more is connected all the same, and the function knows sources by what they say
_KNOWN = [Said(name, "campaign", "known", "all", 1, 0, Campaign(external_id="known", version=1)) for name in SOURCES]


class Lived:
    """What is said in the end, without the erased."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.gone: set[RecordKey] = set()
        self.bought: set[RecordKey] = set()

    def without(self, store: Store, customer: str) -> int:
        """Erase one; how many records of people that were."""
        with store.reading() as db:
            reached, _ = erase._planned(db, store, customer, (), False)
            keys = _keys(store, reached.reach.gone)
            self.gone |= keys
            self.bought |= _keys(store, reached.reach.bought)
        return erase.erase(store, customer, reason="asked").records

    def said(self) -> list[Said]:
        """The claims that are left."""
        left = [
            one for one in (*self.plan.said(), *_KNOWN) if (one.source, one.entity, one.external_id) not in self.gone
        ]
        return [
            one._replace(fact=without_person(one.fact))  # type: ignore[arg-type]
            if (one.source, one.entity, one.external_id) in self.bought or self._named(one)
            else one
            for one in left
        ]

    def _named(self, one: Said) -> bool:
        """Whether one channel says of somebody else's order that it is an erased person's."""
        if not isinstance(one.fact, Order | Checkout):
            return False
        return (one.source, "customer", one.fact.customer or "") in self.gone

    def holds(self, store: Store) -> None:
        """The store says what the function says of them."""
        decisions = [one for one in self.plan.decisions if not {one.a, one.b} & self.gone]
        words = [one for one in self.plan.words if one.key not in self.gone]
        world = whole(self.said(), decisions, self.plan.ruleset, lambda *key: public_of(store, *key), words)
        found = [*differences(stored(store), expected(world, self.plan.ruleset, store)), *broken(store)]
        assert not found, found


def _keys(store: Store, records: set[int]) -> set[RecordKey]:
    with store.reading() as db:
        return {
            (uid, facts.entity_name(entity), ext)
            for uid, entity, ext in db.rows(
                f"SELECT s.uid, r.entity, r.ext FROM record r JOIN source s ON s.id = r.source WHERE r.id {db.among}",
                (db.pack(records),),
            )
        }


def live(fresh: Fresh, folder: Path, plan: Plan, seed: int, seen: Counter[str]) -> None:
    """Go the first way, erase some, and say everything again."""
    store, r = fresh(), Random(seed)
    file = folder / "tombstones"
    file.unlink(missing_ok=True)
    store.tombstones = Tombstones(file, store.key)
    walk(store, plan.ways[0])
    for one in _KNOWN:
        bring(store, one.source, [one.fact])
    lived = Lived(plan)
    for _ in range(r.randint(1, 3)):
        with store.reading() as db:
            found = db.rows("SELECT s.label, r.entity, r.ext FROM customer c JOIN record r ON r.id = c.anchor "
                            "JOIN source s ON s.id = r.source ORDER BY c.pub8")  # fmt: skip
        if not found:
            break
        label, entity, ext = r.choice(found)
        seen["records"] += lived.without(store, f"{label}/{facts.entity_name(entity)}/{ext}")
        seen["erasures"] += 1
        lived.holds(store)
    for source in sorted({source for source, _ in plan.claims}):
        report = bring(store, source, [record for one, record in plan.claims if one == source])
        seen["suppressed"] += report.suppressed
    work.drain(store)
    lived.holds(store)


def test_an_erasure_leaves_what_would_be_without_the_person(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    with sqlite_arena(tmp_path) as fresh:

        @settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
        @given(plans(), st.integers(0, 2**16))
        def run(plan: Plan, seed: int) -> None:
            live(fresh, tmp_path, plan, seed, seen)

        run()
    assert min(seen["erasures"], seen["suppressed"]) >= 30, seen
