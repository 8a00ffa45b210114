"""The numbers above the list against a plain count of the same world, on any day and over any period (H1, X08-X17)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from klientela.flow import work
from klientela.model.instants import day as day_of
from klientela.model.money import decimal
from klientela.rules import periods
from klientela.rules.periods import BUCKETS, By, Period
from klientela.rules.ruleset import Ruleset
from klientela.rules.whole import Customer, World
from klientela.store import Store, statistics
from klientela.store.database import Db
from klientela.store.statistics import _Kept
from tests.properties.arena import Fresh, oracle, postgres_arena, sqlite_arena, walk
from tests.properties.journeys import JOURNEYS
from tests.properties.test_mutants import Mutant, commit
from tests.properties.worlds import NOON, Plan, plans

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
TODAY = date(2026, 2, 25)  # that of NOON
POLICIES = ("ltv", "gross")


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worklist in tiny transactions, so that its own order shows."""
    monkeypatch.setattr(work, "BATCH", 3)


# -- the plain count ----------------------------------------------------------------------------------------------------


class Plain:
    """A world, counted person by person and order by order."""

    def __init__(self, world: World, ruleset: Ruleset, policy: str) -> None:
        self.world = world
        self.rules = ruleset
        self.policy = policy
        self.people = [one for one in world.customers if not one.inactive]

    def day(self, moment: int | None) -> date:
        """The date; the first of all for what has none."""
        return date.min if moment is None else date.fromordinal(day_of(moment, self.rules.zone))

    def bought(self, one: Customer) -> list[tuple[date, str, int]]:
        """Day, currency and amount of each order that counts."""
        found = []
        for key in one.orders:
            made = self.world.orders[key].settled
            amount = made.ltv if self.policy == "ltv" else made.gross
            if amount is not None:
                found.append((self.day(made.placed), made.currency, amount))
        return found

    def joined(self, start: date, end: date) -> int:
        """How many joined from one day to another."""
        return sum(one.joined is not None and start <= self.day(one.joined) <= end for one in self.people)

    def standing(self, last: date) -> int:
        """How many there were at the end of a day."""
        return sum(self.day(one.joined) <= last for one in self.people)

    def repeat(self, last: date) -> tuple[int, int]:
        """Repeat buyers and buyers by the end of a day, without guests' rows (R36)."""
        counts = [sum(when <= last for when, *_ in self.bought(one)) for one in self.people if not one.guest]
        return sum(count > 1 for count in counts), sum(count > 0 for count in counts)

    def guests(self) -> int:
        """Rows of guests who bought."""
        return sum(bool(self.bought(one)) for one in self.people if one.guest)

    def worth(self, last: date) -> tuple[Counter[str], int]:
        """What customers had brought by the end of a day, and how many had brought anything at all."""
        sums: Counter[str] = Counter()
        buyers = 0
        for one in self.people:
            then = [(currency, amount) for when, currency, amount in self.bought(one) if when <= last]
            buyers += bool(then)
            for currency, amount in then:
                sums[currency] += amount
        return sums, buyers

    def traded(self, start: date, end: date) -> tuple[Counter[str], int]:
        """What all orders of some days came to, and how many they were, whoever placed them."""
        sums: Counter[str] = Counter()
        count = 0
        for order in self.world.orders.values():
            made = order.settled
            amount = made.ltv if self.policy == "ltv" else made.gross
            if amount is not None and made.placed is not None and start <= self.day(made.placed) <= end:
                sums[made.currency] += amount
                count += 1
        return sums, count


def share(part: int, of: int) -> str | None:
    return str((Decimal(part) * 100 / of).quantize(Decimal("0.01"), ROUND_HALF_UP)) if of else None


def each(total: int, count: int) -> int:
    return int((Decimal(total) / count).quantize(Decimal(1), ROUND_HALF_UP))


# -- the cards ----------------------------------------------------------------------------------------------------------


def cards_hold(db: Db, plain: Plain, today: date) -> None:
    """All four on one day."""
    customers, new, repeat, worth = statistics.kpis(db, today, plain.policy)
    days = [today - timedelta(days=n) for n in range(30, 0, -1)]
    dated = any(one.joined is not None for one in plain.people)

    assert customers["value"] == len(plain.people)
    levels = [*(plain.standing(one) for one in days), len(plain.people)]
    assert customers["sparkline"] == (levels if dated or not plain.people else None)
    if dated:
        assert customers["trend"]["delta"] == levels[-1] - levels[0]

    start = today - timedelta(days=29)
    now = plain.joined(start, today)
    before = plain.joined(start - timedelta(days=30), start - timedelta(days=1))
    if dated or not plain.people:
        assert (new["value"], new["trend"]["before"], new["trend"]["delta"]) == (now, before, now - before)
        assert sum(new["sparkline"]) == now
        assert new["trend"]["direction"] == ("up" if now > before else "down" if now < before else "flat")
        assert new["trend"]["percent"] == share(now - before, before)
    else:
        assert new["value"] is new["trend"] is new["sparkline"] is None
    assert new["formula"]["undated"] == sum(one.joined is None for one in plain.people)

    rates = [share(*plain.repeat(one)) for one in (*days, date.max)]
    assert repeat["value"] == rates[-1]
    assert repeat["formula"]["without_guest_orders"] == plain.guests()
    assert (repeat["formula"]["repeat_buyers"], repeat["formula"]["buyers"]) == plain.repeat(date.max)
    if repeat["sparkline"] is not None:
        assert repeat["sparkline"] == rates
    if repeat["trend"] is not None:
        assert Decimal(repeat["trend"]["delta"]) == Decimal(rates[-1] or 0) - Decimal(rates[0] or 0)

    sums, buyers = plain.worth(date.max)
    home = plain.rules.currency
    shown = [home] if sums[home] or not any(sums.values()) else []
    shown += sorted(code for code in sums if code != home and sums[code])
    told = [{"amount": decimal(each(sums[code], buyers), code), "currency": code} for code in shown] if buyers else None
    assert worth["value"] == told
    assert worth["formula"]["buyers"] == buyers
    line = []
    for one in (*days, date.max):
        amounts, count = plain.worth(one)
        line.append(decimal(each(amounts[shown[0]], count), shown[0]) if count else None)
    if worth["sparkline"] is not None:
        assert worth["sparkline"] == line
    if worth["trend"] is not None:
        assert (worth["trend"]["before"], worth["trend"]["currency"]) == (line[0], shown[0])
    times = [when for one in plain.people for when, *_ in plain.bought(one)]
    if times and date.min < min(times) <= days[0]:
        assert worth["trend"] is not None


# -- the lines ----------------------------------------------------------------------------------------------------------


def lines_hold(db: Db, plain: Plain, period: Period, by: By) -> None:
    """All three over one period, each bucket and the one beside it."""
    past = periods.before(period)
    found: dict[str, Any] = {
        what: statistics.series(db, what, period, by, plain.policy)["lines"] for what in statistics.LINES
    }
    cuts = periods.beside(period, by)
    for cut, point in zip(cuts, found["customers"][0]["points"], strict=True):
        assert point["value"] == plain.joined(*cut.now)
        assert point["before"] == (None if cut.before is None else plain.joined(*cut.before))
        undated = sum(one.joined is None for one in plain.people)
        assert point["standing"] == undated + plain.joined(date.min, cut.now.end)
    for cut, point in zip(cuts, found["transactions"][0]["points"], strict=True):
        assert point["value"] == plain.traded(*cut.now)[1]
        assert point["before"] == (None if cut.before is None else plain.traded(*cut.before)[1])
    assert found["transactions"][0]["total"] == plain.traded(*period)[1]
    assert found["transactions"][0]["before"] == plain.traded(*past)[1]
    home, *others = found["revenue"]
    assert home["currency"] == plain.rules.currency
    sums = plain.traded(*period)[0]
    assert {code for code, amount in sums.items() if amount} <= {home["currency"], *(one["currency"] for one in others)}
    for line in found["revenue"]:
        code = line["currency"]
        assert line["total"] == decimal(sums[code], code)
        assert line["before"] == decimal(plain.traded(*past)[0][code], code)
        for cut, point in zip(cuts, line["points"], strict=True):
            assert point["value"] == decimal(plain.traded(*cut.now)[0][code], code)


def consents_hold(db: Db, plain: Plain) -> None:
    """Every answer of every channel."""
    found = statistics.consents(db)
    assert found["customers"] == len(plain.people)
    channels = {"email", *(channel for one in plain.people for channel in one.consents)}
    for purpose, told in found["purposes"].items():
        granted = sum(any(said.get(purpose) == "granted" for said in one.consents.values()) for one in plain.people)
        assert told["granted"] == {"count": granted, "percent": share(granted, len(plain.people))}
        assert told["channels"].keys() == channels
        for channel, answers in told["channels"].items():
            said = Counter(one.consents.get(channel, {}).get(purpose, "unknown") for one in plain.people)
            for state in ("granted", "denied", "unknown"):
                assert answers[state]["count"] == said[state], (channel, purpose, state)


def hold(fresh: Fresh, plan: Plan, offset: int = 0, length: int = 45, by: By = "week") -> None:
    """Everything, after one way of a plan; the day looked at and the period are `offset` days from the world's own."""
    store = fresh()
    walk(store, plan.ways[0])
    world = oracle(plan, store)
    with store.reading() as db:
        for policy in POLICIES:
            plain = Plain(world, plan.ruleset, policy)
            for today in (TODAY + timedelta(days=offset), TODAY + timedelta(days=29), TODAY + timedelta(days=31)):
                cards_hold(db, plain, today)
            end = TODAY + timedelta(days=offset)
            for period in (Period(end - timedelta(days=length), end), periods.preset("last_month", end)):
                for bucket in {by, "day"}:
                    lines_hold(db, plain, period, bucket)
        consents_hold(db, plain)


OFFSETS, LENGTHS = st.integers(-40, 70), st.integers(0, 500)


def test_the_numbers_are_those_of_a_plain_count(tmp_path: Path) -> None:
    with sqlite_arena(tmp_path) as fresh:

        @settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
        @given(plans(), OFFSETS, LENGTHS, st.sampled_from(BUCKETS))
        def run(plan: Plan, offset: int, length: int, by: By) -> None:
            hold(fresh, plan, offset, length, by)

        run()


def test_the_numbers_are_the_same_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    from klientela.store import open_store
    from tests.conftest import fresh_schema

    opened: list[Store] = []

    def make() -> Store:
        opened.append(open_store(fresh_schema(postgres_url), key_file=tmp_path / "klientela.key"))
        return opened[-1]

    with postgres_arena(make) as fresh:

        @settings(max_examples=10, deadline=None, suppress_health_check=QUIET)
        @given(plans(), OFFSETS, LENGTHS, st.sampled_from(BUCKETS))
        def run(plan: Plan, offset: int, length: int, by: By) -> None:
            hold(fresh, plan, offset, length, by)

        run()
    for store in opened:
        store.close()


@pytest.mark.parametrize("journey", JOURNEYS.values(), ids=[name.replace(" ", "-") for name in JOURNEYS])
def test_the_numbers_hold_on_journeys(journey: Plan, tmp_path: Path) -> None:
    with sqlite_arena(tmp_path) as fresh:
        hold(fresh, journey, 2)


def test_the_day_of_the_worlds_is_the_day_looked_at() -> None:
    assert date.fromordinal(day_of(NOON, Ruleset().zone)) == TODAY


# -- faults -------------------------------------------------------------------------------------------------------------


def by_property(fresh: Fresh) -> None:
    """The property on worlds that are always the same ones."""

    @settings(
        max_examples=50,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(plans(7), OFFSETS, LENGTHS, st.sampled_from(BUCKETS))
    def run(plan: Plan, offset: int, length: int, by: By) -> None:
        hold(fresh, plan, offset, length, by)

    run()


def by_journey(name: str) -> Callable[[Fresh], None]:
    """The property on one journey, two days later."""
    return lambda fresh: hold(fresh, JOURNEYS[name], 2)


MUTANTS = [
    Mutant("a rate of all customers", statistics, "_repeat", 'kept.total("first")', 'kept.total("customers")', by_property),
    Mutant("guests are nobody", statistics, "_worth", 'kept.total("first") + kept.total("guests")', 'kept.total("first")',
           by_journey("guests order")),
    Mutant("guests are buyers who could come again", statistics, "_repeat", 'guests = kept.total("guests")', "guests = 0",
           by_journey("guests order")),
    Mutant("a card looks back a day too far", statistics, "_new", "now.start - timedelta(days=1)", "now.start", by_property),
    Mutant("a level forgets tomorrow", _Kept, "levels", "if d >= today", "if d == today", by_property),
    Mutant("a level is a day late", _Kept, "levels", "range(today, today - DAYS, -1)", "range(today + 1, today - DAYS + 1, -1)",
           by_property),
    Mutant("what nobody owns was brought by customers", statistics, "_averages", 'less=("aside", currency)', "less=None",
           by_journey("one of two buyers is inactive")),
    Mutant("gross is ltv", _Kept, "over", 'for name in names)] if totals == "gross"', 'for name in names)] if totals == "none"',
           by_journey("gross counts an order that was earlier")),
    Mutant("a bucket lacks its last day", _Kept, "within", "start <= day <= end", "start <= day < end", by_property),
    Mutant("a bucket lacks its first day", _Kept, "within", "range(start, end + 1)", "range(start + 1, end + 1)", by_property),
    Mutant("everybody stood there at the start", statistics, "_standing", 'later -= kept.within("joined", cut.now)', "pass",
           by_property),
    Mutant("all who answered granted", statistics, "consents", '(_GRANTED, _DENIED))', '(_DENIED, _GRANTED))', by_property),
]  # fmt: skip


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Fresh]:
    with sqlite_arena(tmp_path) as fresh:
        yield fresh


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("mutant", MUTANTS, ids=[m.name.replace(" ", "-") for m in MUTANTS])
def test_the_plain_count_notices(mutant: Mutant, arena: Fresh) -> None:
    with pytest.MonkeyPatch.context() as patch:
        commit(mutant, patch)
        with pytest.raises(AssertionError):
            mutant.caught(arena)
