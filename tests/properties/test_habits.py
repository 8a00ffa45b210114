"""What somebody buys, how often and after which letter, against the rule told another way; and faults of each."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, permutations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from klientela.kit import Line
from klientela.model.instants import HOUR, day
from klientela.rules import habits
from klientela.rules.habits import Bought, Sent
from tests.properties.test_mutants import Mutant, commit

ZONE = ZoneInfo("Europe/Berlin")
TIMES = st.integers(0, 40).map(lambda n: 1_772_000_000_000_000 + n * 11 * HOUR)
LINES = st.builds(
    Line,
    title=st.sampled_from([None, "", "Tea", "tea ", "Mug"]),
    sku=st.sampled_from([None, " ", "T-1", "t-1", "M"]),
    quantity=st.sampled_from([1, 2, 0.5, 0, -1]),
    unit_price=st.sampled_from([None, 100, 333]),
    total=st.sampled_from([None, 250]),
)
ORDERS = st.lists(
    st.tuples(st.one_of(st.none(), TIMES), st.sampled_from(["EUR", "CHF"]), st.lists(LINES, max_size=3)), max_size=7
).map(lambda made: [Bought(f"o{n}", at, code, 100 * n, lines) for n, (at, code, lines) in enumerate(made)])
LETTERS = st.lists(st.tuples(TIMES, st.lists(TIMES, max_size=2)), max_size=5).map(
    lambda made: [Sent(f"l{n}", at, scans) for n, (at, scans) in enumerate(made)]
)


def effects_hold(letters: list[Sent], orders: list[Bought]) -> None:
    """A letter's order is the earliest of those for which no later letter lies between."""
    found = habits.effects(letters, orders, ZONE)
    for letter in letters:
        rivals = [one for one in letters if one is not letter]
        mine = [
            (order.placed, order.key)
            for order in orders
            if order.placed is not None
            and letter.at < order.placed
            and not any(
                letter.at < rival.at < order.placed or (rival.at == letter.at and rival.key < letter.key)
                for rival in rivals
            )
        ]
        effect = found.get(letter.key)
        if not mine:
            assert effect is None
            continue
        placed, key = min(mine)
        assert effect is not None
        assert effect.order == key
        assert effect.days == day(placed, ZONE) - day(letter.at, ZONE) >= 0
        assert effect.scanned == bool([scan for scan in letter.scans if scan <= placed])
    assert len({effect.order for effect in found.values()}) == len(found), "each order counts once"
    last = habits.latest(letters)
    assert (last is None) == (not letters)
    assert last is None or all(one.at <= last.at for one in letters)


def products_hold(orders: list[Bought]) -> None:
    """Quantities and sums are those of all lines that name a product, and the lists are the top of a full sort."""
    named = [(o, line) for o in orders for line in o.lines if (line.sku or "").strip() or (line.title or "").strip()]
    found = habits.products(orders)
    assert sum(one.quantity for one in found) == sum(Decimal(str(line.quantity)) for _, line in named)
    for code in ("EUR", "CHF"):
        worth = Fraction(0)
        for order, line in named:
            if order.currency == code and line.total is not None:
                worth += line.total
            elif order.currency == code and line.unit_price is not None:
                exact = Fraction(str(line.quantity)) * line.unit_price
                worth += int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
        assert sum(one.sums.get(code, 0) for one in found) == worth
    most, spent = habits.most_bought(found, "EUR"), habits.most_spent(found, "EUR")
    assert len(most) == len(spent) == min(5, len(found))
    rest = [one for one in found if one not in most]
    assert all(top.quantity >= one.quantity for top in most for one in rest)
    assert [one.quantity for one in most] == sorted((one.quantity for one in most), reverse=True)
    assert [one.sums.get("EUR", 0) for one in spent] == sorted((one.sums.get("EUR", 0) for one in spent), reverse=True)
    keys = [(one.sku or "").casefold() or ("title", (one.title or "").casefold()) for one in found]
    assert len(set(keys)) == len(keys), "a product stands once"


def rhythm_holds(orders: list[Bought]) -> None:
    """First, last, and the days between shared out."""
    days = sorted(day(one.placed, ZONE) for one in orders if one.placed is not None)
    found = habits.rhythm(orders, ZONE)
    if not days:
        assert found == (None, None, None, None)
        return
    assert found.first is not None
    assert found.last is not None
    assert (day(found.first, ZONE), day(found.last, ZONE)) == (days[0], days[-1])
    gaps = [two - one for one, two in pairwise(days)]
    assert (found.every is None) == (not gaps)
    assert found.every is None or abs(found.every - Decimal(sum(gaps)) / len(gaps)) < Decimal("1e-9")


@given(LETTERS, ORDERS)
@settings(deadline=None)
def test_B15_a_letter_is_followed_by_its_own_orders(letters: list[Sent], orders: list[Bought]) -> None:
    effects_hold(letters, orders)


@given(ORDERS)
@settings(deadline=None)
def test_H6_products_are_all_that_was_bought(orders: list[Bought]) -> None:
    products_hold(orders)


@given(ORDERS)
@settings(deadline=None)
def test_B16_a_rhythm_is_the_mean_of_the_gaps(orders: list[Bought]) -> None:
    rhythm_holds(orders)


@given(LETTERS.filter(lambda made: len(made) < 4), ORDERS.filter(lambda made: len(made) < 4))
@settings(deadline=None, max_examples=30)
def test_the_order_in_which_things_were_read_means_nothing(letters: list[Sent], orders: list[Bought]) -> None:
    found = habits.effects(letters, orders, ZONE)
    tops = habits.most_bought(habits.products(orders), "EUR")
    for some in permutations(orders):
        assert habits.most_bought(habits.products(some), "EUR") == tops
        for others in permutations(letters):
            assert habits.effects(others, some, ZONE) == found


def always(check: Callable[..., None], *what: st.SearchStrategy[object]) -> Callable[[object], None]:
    """A check on examples that are always the same ones."""

    def caught(_: object) -> None:
        run = given(*what)(check)
        settings(max_examples=400, deadline=None, derandomize=True, database=None, phases=[Phase.generate])(run)()

    return caught


LETTER, PRODUCT, RHYTHM = (
    always(effects_hold, LETTERS, ORDERS),
    always(products_hold, ORDERS),
    always(rhythm_holds, ORDERS),
)
MUTANTS = [
    Mutant("the first letter before an order has it", habits, "effects", "(-one.at, one.key)", "(one.at, one.key)", LETTER),
    Mutant("a letter has its last order", habits, "effects", "and letter.key not in found", "", LETTER),
    Mutant("a letter of the same moment was before", habits, "effects", "one.at < placed", "one.at <= placed", LETTER),
    Mutant("a later scan was before the order", habits, "effects", "scan <= placed", "True", LETTER),
    Mutant("days are of 24 hours", habits, "effects", "day(placed, zone) - day(letter.at, zone)",
           "(placed - letter.at) // 86_400_000_000", LETTER),
    Mutant("the first letter is the last", habits, "latest", "-one.at", "one.at", LETTER),
    Mutant("a product has a title only", habits, "_product", '("sku", line.sku)', '("sku", None)', PRODUCT),
    Mutant("spelling makes a product", habits, "_product", ".casefold()", "", PRODUCT),
    Mutant("a line is one piece", habits, "products", "product.quantity += quantity", "product.quantity += 1", PRODUCT),
    Mutant("a line costs one piece", habits, "_worth", "line.unit_price * quantity", "line.unit_price * quantity ** 0", PRODUCT),
    Mutant("the least bought is the top", habits, "most_bought", "-p.quantity", "p.quantity", PRODUCT),
    Mutant("orders are as many as gaps", habits, "rhythm", "(len(times) - 1)", "len(times)", RHYTHM),
]  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=[m.name.replace(" ", "-") for m in MUTANTS])
def test_the_rules_notice(mutant: Mutant) -> None:
    with pytest.MonkeyPatch.context() as patch:
        commit(mutant, patch)
        with pytest.raises(AssertionError):
            mutant.caught(None)  # type: ignore[arg-type]
