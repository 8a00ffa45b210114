"""Properties of every route: whatever comes, each item has its answer, and the same again changes nothing; the order in
which things come, and how they are put into requests, does not matter."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plugins.api.till import CONFIG

from klientela.door import STREAMS, Caller, Outcome
from klientela.flow.rebuild import rebuild
from klientela.store import open_store
from klientela.store.database import Store
from klientela.store.overview import listing
from klientela.testing.conformance.bench import OPERATION
from klientela_api.intake import hand_over, items_of
from klientela_api.things import THINGS
from klientela_api.translate import KINDS
from klientela_daemon.door import HouseDoor
from klientela_daemon.house import House, read
from klientela_daemon.opening import opened, settle

RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
TIMES = st.sampled_from(("2026-05-01", "2026-05-01T10:00:00Z", "2026-05-02T10:00:00+02:00", "1777629600", "soon", ""))
MONEY = st.sampled_from(("1.00", "0", "-3.5", "1e2", "12.345", {"minor": 7}, {"minor": "7"}, 5))
WORDS = st.sampled_from(("Anna", "Berg", "a@x.example", "+49301234567", "\x00", "ä" * 30, ""))


@st.composite
def items(draw: st.DrawFn, stream: str) -> Any:
    """A thing of a stream: mostly right, in its own fields; sometimes rubbish, in one place or as a whole."""
    if draw(st.integers(0, 9)) == 0:
        return draw(RUBBISH)
    shape, _ = KINDS[stream]
    made: dict[str, Any] = {"external_id": draw(st.sampled_from(("1", "2", "3")))}
    if stream == "orders":
        made |= {"placed_at": draw(TIMES), "total": draw(MONEY)}
    for name in draw(st.lists(st.sampled_from(sorted(shape.model_fields)), max_size=4, unique=True)):
        kind = str(shape.model_fields[name].annotation) + name
        if name.endswith("_at") or name in ("at", "until"):
            made[name] = draw(TIMES | st.none())
        elif name in ("total", "refunded", "current_total"):
            made[name] = draw(MONEY)
        elif "bool" in kind:
            made[name] = draw(st.booleans())
        elif name != "external_id":
            made[name] = draw(WORDS | st.none() | RUBBISH)
    return made


class Desk:
    """A house whose door is knocked at without a network in between."""

    def __init__(self, house: House, store: Store) -> None:
        self.store = store
        self.view = house.config.settings.views["default"]
        self.door = HouseDoor(store, lambda: house)

    def push(self, stream: str, found: list[Any]) -> list[Outcome]:
        """One request, as a body."""
        body = json.dumps(found).encode()
        return list(hand_over(self.door, Caller(1, "t", "till"), stream, items_of(body, 1000), None).outcomes)

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything but operation."""
        with self.store.reading() as db:
            names = ("record", "claim", "customer", "tally", "orders", "thing", "audit", "quarantine", "payload")
            assert not OPERATION & set(names)
            return {name: sorted(db.rows(f"SELECT * FROM {name}"), key=repr) for name in names}

    def list(self) -> list[dict[str, Any]]:
        """The list with its records."""
        with self.store.reading() as db:
            rows = listing(db, self.view, size=1000, records=True, key=self.store.key).rows
        for row in rows:
            row["records"].sort(key=lambda one: str(one["id"]))
        return sorted(rows, key=lambda row: str(row["id"]))


@pytest.fixture
def house(tmp_path: Path) -> House:
    config = tmp_path / "klientela.toml"
    config.write_text(CONFIG, "utf-8")
    return read(config)


@pytest.fixture
def desk(house: House) -> Iterator[Desk]:
    with opened(house, create=True) as store:
        settle(store, house)
        yield Desk(house, store)


def test_every_stream_has_a_route() -> None:
    assert tuple(KINDS) == STREAMS
    assert set(THINGS) == set(STREAMS) - {"customers", "orders"}


@pytest.mark.parametrize("stream", STREAMS)
def test_whatever_comes_is_answered_and_the_same_again_changes_nothing(stream: str, desk: Desk) -> None:
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(items(stream), max_size=5))
    def holds(found: list[Any]) -> None:
        first = desk.push(stream, found)
        assert len(first) == len(found)
        for item, outcome in zip(found, first, strict=True):
            assert (outcome.reason is not None) == (outcome.status == "rejected")
            assert (outcome.id is None) == (outcome.status == "rejected")
            if outcome.status != "rejected":
                assert outcome.key == item["external_id"]
        alone = {one.key: one for one in first if one.status != "rejected"}
        once = [item for item, one in zip(found, first, strict=True) if one is alone.get(one.key)]
        rest = [item for item, one in zip(found, first, strict=True) if one.status == "rejected"]
        desk.push(stream, [*once, *rest])  # unversioned things that came twice: the last word stands
        before = desk.tables()
        again = desk.push(stream, [*once, *rest])
        assert [one.status for one in again] == ["unchanged"] * len(once) + ["rejected"] * len(rest)
        assert desk.tables() == before

    holds()
    assert desk.tables()["record"]  # some of it could be taken
    assert rebuild(desk.store, check=True).equal


_NAMES = ("Berg", "Tal")


@st.composite
def versioned(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """Customers, orders and letters of a few people in several versions, each version once."""
    made: list[tuple[str, dict[str, Any]]] = []
    when = (f"2026-05-{day:02}T00:00:00Z" for day in itertools.count(1))
    for key in draw(st.lists(st.sampled_from("123"), min_size=1, max_size=5)):
        person = {"external_id": key, "first_name": "Anna", "last_name": draw(st.sampled_from(_NAMES))}
        person["email"] = draw(st.sampled_from(("a@x.example", "b@x.example", None)))
        person["kind"] = draw(st.sampled_from(("registered", "contact", "guest")))
        made.append(("customers", {**person, "updated_at": next(when)}))
    for key in draw(st.lists(st.sampled_from("abc"), max_size=5)):
        bought: dict[str, Any] = {"external_id": key, "placed_at": "2026-04-01", "total": draw(st.sampled_from("135"))}
        bought["customer"] = draw(st.sampled_from(("1", "2", "9", None)))
        bought["guest"] = draw(st.sampled_from((True, False, None)))
        bought |= {"email": "a@x.example", "last_name": draw(st.sampled_from(_NAMES)), "first_name": "Anna"}
        made.append(("orders", {**bought, "updated_at": next(when)}))
    for key in draw(st.lists(st.sampled_from("xy"), max_size=2, unique=True)):
        made.append(("letters", {"external_id": key, "customer": draw(st.sampled_from("129")), "status": "sent"}))
    return made


def test_the_order_of_arrival_does_not_matter(house: House, tmp_path: Path) -> None:
    numbers = itertools.count()

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data(), versioned())
    def holds(data: st.DataObject, things: list[tuple[str, dict[str, Any]]]) -> None:
        lists = []
        for arrival in (things, data.draw(st.permutations(things))):
            url = f"sqlite:///{tmp_path / str(next(numbers))}.db"
            with open_store(url, key_file=tmp_path / "klientela.key") as store:
                settle(store, house)
                desk = Desk(house, store)
                size = data.draw(st.integers(1, 4))
                for stream, run in itertools.groupby(arrival, key=lambda one: one[0]):
                    found = [item for _, item in run]
                    for start in range(0, len(found), size):
                        desk.push(stream, found[start : start + size])
                lists.append(desk.list())
                assert rebuild(store, check=True).equal
        assert lists[0] == lists[1]

    holds()
