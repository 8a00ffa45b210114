"""Which checkout became which order: the source's word, a token, or same buyer, same total, minutes apart."""

from __future__ import annotations

import random
from typing import Any

from klientela.model.instants import MINUTE
from klientela.rules.badges import NEAR, Bought, Cart, badge, match


def order(key: int, **said: Any) -> Bought:
    given: dict[str, Any] = {
        "source": "s",
        "external_id": f"o{key}",
        "token": None,
        "buyer": 1,
        "total": 80,
        "currency": "EUR",
        "placed": None,
        **said,
    }
    return Bought(key, **given)


def cart(key: int, **said: Any) -> Cart:
    given: dict[str, Any] = {
        "source": "s",
        "external_id": f"c{key}",
        "token": None,
        "order": None,
        "buyer": 1,
        "value": 80,
        "currency": "EUR",
        "completed": None,
        **said,
    }
    return Cart(key, **given)


def test_the_source_says_which_order_it_became() -> None:
    carts = [cart(1, order="o5")]
    assert match(carts, [order(5), order(6)]) == {1: 5}
    assert match(carts, [order(6, placed=0)]) == {}
    assert match(carts, [order(5, source="another")]) == {}


def test_an_equal_token_counts_and_another_one_excludes() -> None:
    assert match([cart(1, token="t")], [order(5, token="t")]) == {1: 5}
    near = cart(1, token="t", completed=0)
    assert match([near], [order(5, token="u", placed=0)]) == {}
    assert match([near], [order(5, placed=0)]) == {1: 5}


def test_without_a_token_buyer_total_and_minutes_decide() -> None:
    done = cart(1, completed=1000 * MINUTE)
    at = done.completed
    assert at is not None
    assert match([done], [order(5, placed=at + NEAR)]) == {1: 5}
    assert match([done], [order(5, placed=at - NEAR)]) == {1: 5}
    assert match([done], [order(5, placed=at + NEAR + 1)]) == {}
    for other in ({"total": 81}, {"buyer": 2}, {"currency": "CHF"}, {"placed": None}, {"source": "t"}):
        assert match([done], [order(5, **{"placed": at, **other})]) == {}, other
    assert match([cart(1)], [order(5, placed=at)]) == {}, "nobody completed it"


def test_each_order_comes_of_one_checkout_and_the_nearest_wins_in_any_order() -> None:
    carts = [cart(1, completed=0), cart(2, completed=2 * MINUTE), cart(3, completed=3 * MINUTE)]
    orders = [order(5, placed=2 * MINUTE), order(6, placed=3 * MINUTE + 1)]
    for seed in range(20):
        r = random.Random(seed)
        assert match(r.sample(carts, 3), r.sample(orders, 2)) == {2: 5, 3: 6}
    twins = [cart(1, completed=0, external_id="b"), cart(2, completed=0, external_id="a")]
    assert match(twins, [order(5, placed=0)]) == match(twins[::-1], [order(5, placed=0)]) == {2: 5}


def test_the_badge_is_green_once_completed_even_without_an_order() -> None:
    assert badge(cart(1), None) == "abandoned"
    assert badge(cart(1), 5) == "recovered"
    assert badge(cart(1, completed=0), None) == "recovered"
