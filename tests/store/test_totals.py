"""Named totals: which orders count and why not, each currency by itself, and with rates what they come to (R30-R36)."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from decimal import Decimal
from itertools import product
from typing import Any

from klientela.kit import Order, Person
from klientela.rules.rates import Rates
from klientela.settings import Settings
from klientela.settings.views import PRESETS, View
from klientela.store import Store
from klientela.store.export import export
from klientela.store.overview import listing
from klientela.store.profile import profile, resolve_id
from tests.shops import bring, use

VIEW = View(**PRESETS["autoletter"])  # type: ignore[arg-type]
RATES = Rates("2026-11-20", {"CHF": Decimal("0.9312"), "PLN": Decimal("4.25"), "JPY": Decimal("160")})
STATES = ("open", "paid", "cancelled", "returned", "offer", "deleted", "void")
REASONS = {"test", "cancelled", "refunded", "offer", "deleted", "void", "credit note"}


def person(ext: str) -> Person:
    return Person(external_id=ext, version=1, kind="account", last_name=f"L{ext}", email=f"{ext}@x.example")


def order(ext: str, buyer: str, total: int, currency: str = "EUR", **more: Any) -> Order:
    return Order(external_id=ext, customer=buyer, total=total, currency=currency, placed_at=int(ext) + 1, **more)


def rows(store: Store, view: View = VIEW, rates: Rates | None = RATES, **wanted: Any) -> dict[str, dict[str, Any]]:
    with store.reading() as db:
        return {row["last_name"]: row for row in listing(db, view, rates=rates, **wanted).rows}


def seen(store: Store, row: dict[str, Any], rates: Rates | None = RATES) -> dict[str, Any]:
    with store.reading() as db:
        made = profile(db, resolve_id(db, store.key, row["id"]), VIEW, key=store.key, rates=rates)
        assert {name: made[name] for name in row} == row, "a profile begins with its row"
        return made


def money(amounts: list[dict[str, str]]) -> dict[str, Decimal]:
    return {one["currency"]: Decimal(one["amount"]) for one in amounts if Decimal(one["amount"])}


# -- which orders count, and why not ------------------------------------------------------------------------------


def every_kind() -> list[Order]:
    """An order of each state, as test or not, whole, half or wholly refunded or free, in two currencies; and papers."""
    made = []
    kinds = product(STATES, (None, True), ((1000, 0), (1000, 400), (1000, 1000), (0, 0)), ("EUR", "CHF"))
    for number, (state, test, (total, refunded), currency) in enumerate(kinds):
        more: dict[str, Any] = {"test": True} if test else {}
        made.append(order(str(number), "1", total, currency, state=state, refunded=refunded, **more))
    papers = {"credits": "0", "cancels": "4"}
    made += [order(str(900 + n), "1", 300, **{name: of}) for n, (name, of) in enumerate(papers.items())]
    return made


def test_every_order_counts_or_has_one_reason_and_the_figures_are_what_counts(store: Store) -> None:
    use(store)
    orders = every_kind()
    random.Random(4).shuffle(orders)
    bring(store, "S", [person("1"), *orders], size=7)
    (row,) = rows(store).values()
    made = seen(store, row)
    listed = made["order_list"]
    assert len(listed) == len(orders)
    for one in listed:
        counts = one["counts"]
        assert (one["why_not"] is None) == counts["ltv"], one
        assert one["why_not"] in {None, *REASONS}
        assert counts["gross"] or not counts["ltv"], "what is no order adds to no figure"
        if not counts["gross"]:  # and the reason is true of this figure too: a test would count here
            assert one["why_not"] in {"offer", "deleted", "credit note", "cancelled"}, one
    counted = [one for one in listed if one["counts"]["gross"]]
    gross: Counter[str] = Counter()
    for one in counted:
        gross[one["currency"]] += Decimal(one["total"])  # type: ignore[assignment]
    assert row["gross"]["count"] == made["totals"]["gross"]["count"] == len(counted)
    assert money(made["totals"]["gross"]["sum"]) == dict(gross) == money(row["gross"]["sum"])
    assert row["orders"] == sum(one["counts"]["ltv"] for one in listed)
    for one in made["totals"]["gross"]["average"]:
        mine = [Decimal(o["total"]) for o in counted if o["currency"] == one["currency"]]
        assert abs(Decimal(one["amount"]) - sum(mine) / len(mine)) <= Decimal("0.005")


def test_a_test_that_is_an_offer_is_no_order_at_all(store: Store) -> None:
    use(store)
    bring(store, "S", [person("1"), order("1", "1", 500, state="offer", test=True), order("2", "1", 500, test=True)])
    (row,) = rows(store).values()
    said = {
        one["number"] or one["state"]: (one["why_not"], one["counts"]["gross"])
        for one in seen(store, row)["order_list"]
    }
    assert set(said.values()) == {("offer", False), ("test", True)}


# -- rates ---------------------------------------------------------------------------------------------------------


def mixed() -> list[Any]:
    return [
        *(person(n) for n in "12345"),
        order("1", "1", 1000),
        order("2", "1", 1000, "CHF"),
        order("3", "1", 700, "CHF", state="cancelled"),
        order("4", "2", 5000),
        order("5", "3", 2000, "CHF"),
        order("6", "4", 500),
        order("7", "4", 100, "USD"),
        order("8", "5", 100, "PLN", state="cancelled"),
    ]


def test_T57_with_a_rate_beside_the_sums_what_they_come_to(store: Store) -> None:
    use(store)
    bring(store, "S", mixed())
    found = rows(store)
    assert found["L1"]["ltv"] == [{"amount": "10.00", "currency": "EUR"}, {"amount": "10.00", "currency": "CHF"}]
    assert found["L1"]["ltv_approx"] == {"amount": "20.74", "currency": "EUR", "rates": "2026-11-20"}
    assert found["L1"]["gross"]["sum_approx"]["amount"] == "28.26"  # 10 + 17 / 0.9312
    made = seen(store, found["L1"])["totals"]
    assert (made["ltv_approx"], made["gross"]["sum_approx"]) == (
        found["L1"]["ltv_approx"], found["L1"]["gross"]["sum_approx"],
    )  # fmt: skip
    assert "ltv_approx" not in found["L2"], "one currency needs no rate"
    assert "sum_approx" not in found["L2"]["gross"]
    assert found["L3"]["ltv_approx"]["amount"] == "21.48", "nothing in the shop's currency, but something in another"
    assert "ltv_approx" not in found["L5"], "nothing counts there"
    assert found["L5"]["gross"]["sum_approx"]["amount"] == "0.24"


def test_without_rates_nothing_is_about(store: Store) -> None:
    use(store)
    bring(store, "S", mixed())
    for row in rows(store, rates=None).values():
        assert "approx" not in json.dumps(seen(store, row, None))


def test_a_currency_without_a_rate_is_named_and_its_sum_stands_alone(store: Store) -> None:
    use(store)
    bring(store, "S", mixed())
    row = rows(store)["L4"]
    assert "ltv_approx" not in row
    assert "sum_approx" not in row["gross"]
    assert row["rates_missing"] == ["USD"]
    assert money(row["ltv"]) == {"EUR": Decimal(5), "USD": Decimal(1)}
    assert [name for name, one in rows(store).items() if "rates_missing" in one] == ["L4"]


def test_ltv_is_sorted_by_the_shops_currency(store: Store) -> None:
    use(store)
    bring(store, "S", mixed())
    expected = ["L2", "L1", "L4"]  # 50, 10, 5; by what they come to L3 with 21.48 would be second
    for rates in (None, RATES):
        with store.reading() as db:
            found = listing(db, VIEW, sort="ltv:desc", rates=rates).rows
        assert [row["last_name"] for row in found][:3] == expected


def test_the_shops_currency_is_that_of_the_rules_in_force(store: Store) -> None:
    use(store, currency="CHF")
    bring(store, "S", mixed())
    assert rows(store)["L1"]["ltv_approx"] == {"amount": "19.31", "currency": "CHF", "rates": "2026-11-20"}
    assert "ltv_approx" not in rows(store)["L3"]


def test_an_export_holds_what_is_about_only_where_its_view_has_the_column(store: Store) -> None:
    use(store)
    bring(store, "S", mixed())
    about = View(columns=("last_name", "ltv", "ltv_approx", "gross_approx"))
    only = View(columns=("ltv_approx",))

    def text(view: View, form: str, rates: Rates | None = RATES) -> str:
        with store.reading() as db:
            return "".join(export(db, view, form, key=store.key, rates=rates))

    for view in Settings().views.values():
        for form in ("csv", "json", "jsonl"):
            assert text(view, form) == text(view, form, None)
            assert "approx" not in text(view, form)
    lines = {line["last_name"]: line for line in csv.DictReader(io.StringIO(text(about, "csv").lstrip("\ufeff")))}
    assert (lines["L1"]["ltv"], lines["L1"]["ltv_approx"], lines["L1"]["gross_approx"]) == (
        "10.00 EUR + 10.00 CHF", "20.74 EUR", "28.26 EUR",
    )  # fmt: skip
    assert (lines["L2"]["ltv_approx"], lines["L4"]["ltv_approx"]) == ("", "")
    made = {row["last_name"]: row for row in json.loads(text(only, "json"))}
    assert made["L1"]["ltv_approx"]["amount"] == "20.74"
    assert all("sum_approx" not in row["gross"] for row in made.values())
