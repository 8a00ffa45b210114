"""What a profile tells of habits: tiles, top products, what came of each letter and how long ago the last one is (H6,
B15-B17), on both databases."""

from __future__ import annotations

from typing import Any

from klientela.kit import Letter, Line, RecordRef, Scan
from klientela.store import Store
from klientela.store.profile import profile, resolve_id
from tests.cases.seen import Desk, account, at, order, view
from tests.shops import bring, use

ANNA = RecordRef("S", "customer", "A")
NOW = at("2026-06-10 08:00")


def seen(store: Store, name: str = "autoletter", now: int | None = NOW) -> dict[str, Any]:
    with store.reading() as db:
        return profile(db, resolve_id(db, store.key, "S/customer/A"), view(name), key=store.key, now=now)


def bought(ext: str, day: str, total: int = 1000, lines: list[Line] | None = None, **more: Any) -> Any:
    return order(ext, total, customer="A", placed_at=at(f"{day} 12:00"), lines=lines or [], **more)


def test_H6_statistics_tiles_count_as_the_view_does(store: Store) -> None:
    use(store)
    bring(store, "S", [account("A", "Anna", "Adam")])
    bring(
        store,
        "S",
        [
            bought("1", "2026-01-01", 1000),
            bought("2", "2026-01-31", 2001),
            bought("3", "2026-03-02", 9900, test=True),
            bought("4", "2026-02-10", 500, currency="CHF"),
        ],
    )
    told = seen(store)["statistics"]
    assert told == {
        "totals": "ltv",
        "orders": 3,
        "sum": [{"amount": "30.01", "currency": "EUR"}, {"amount": "5.00", "currency": "CHF"}],
        "average": [{"amount": "15.01", "currency": "EUR"}, {"amount": "5.00", "currency": "CHF"}],
        "first_order": "2026-01-01T11:00:00Z",
        "last_order": "2026-02-10T11:00:00Z",
        "days_since": 120,
        "every_days": "20.0",
        "per_year": "18.3",
    }
    gross = seen(store, "cockpit")["statistics"]
    assert (gross["totals"], gross["orders"], gross["last_order"]) == ("gross", 4, "2026-03-02T11:00:00Z")
    assert gross["sum"][0] == {"amount": "129.01", "currency": "EUR"}
    assert seen(store, now=None)["statistics"]["days_since"] is None


def test_H6_one_order_has_no_rhythm_and_none_has_no_average(store: Store) -> None:
    use(store)
    bring(store, "S", [account("A", "Anna", "Adam"), account("B", "Ben", "Berg")])
    told = seen(store)["statistics"]
    assert (told["orders"], told["average"], told["first_order"], told["days_since"]) == (0, None, None, None)
    assert told["sum"] == [{"amount": "0.00", "currency": "EUR"}]
    bring(store, "S", [bought("1", "2026-06-10")])
    told = seen(store)["statistics"]
    assert (told["days_since"], told["every_days"], told["per_year"]) == (0, None, None)
    bring(store, "S", [bought("2", "2026-06-10")])
    told = seen(store)["statistics"]
    assert (told["every_days"], told["per_year"]) == ("0.0", None)


def test_H6_top_five_products_by_quantity_and_by_sum(store: Store) -> None:
    use(store)
    tea = Line(title="Tea", sku="T-1", quantity=3, unit_price=200)
    many = [Line(title=f"Thing {n}", quantity=1, total=100 + n) for n in range(6)]
    bring(store, "S", [account("A", "Anna", "Adam")])
    bring(
        store,
        "S",
        [
            bought("1", "2026-01-01", 9999, [tea, *many]),
            bought("2", "2026-02-01", 9999, [Line(title="Tea, green", sku=" t-1 ", quantity=2, total=450)]),
            bought("3", "2026-02-02", 9999, [Line(title="thing 0", quantity=1, total=100), Line(title=" ", total=7)]),
            bought("4", "2026-02-03", 9999, [Line(title="Ring", quantity=50, total=90000)], state="cancelled"),
            bought("5", "2026-02-04", 9999, [Line(title="Watch", quantity=0.5, total=5000)]),
        ],
    )
    top = seen(store)["top_products"]
    assert [(one["title"], one["quantity"]) for one in top["by_quantity"]] == [
        ("Tea, green", 5),
        ("thing 0", 2),
        ("Thing 5", 1),
        ("Thing 4", 1),
        ("Thing 3", 1),
    ]
    assert top["by_quantity"][0] == {
        "title": "Tea, green",
        "sku": "t-1",
        "quantity": 5,
        "sum": [{"amount": "10.50", "currency": "EUR"}],
        "orders": 2,
    }
    assert [one["title"] for one in top["by_sum"]] == ["Watch", "Tea, green", "thing 0", "Thing 5", "Thing 4"]
    assert top["by_sum"][0]["quantity"] == 0.5
    assert seen(store, "cockpit")["top_products"]["by_sum"][0]["title"] == "Ring"


def _letter(ext: str, day: str, **more: Any) -> Letter:
    made: dict[str, Any] = {"status": "sent", "sent_at": at(f"{day} 09:00"), "customer": ANNA, **more}
    return Letter(external_id=ext, title=ext, **made)


def test_B15_each_order_counts_once_for_the_latest_letter_before_it(store: Store) -> None:
    use(store)
    bring(store, "S", [account("A", "Anna", "Adam")])
    bring(
        store,
        "S",
        [
            bought("before", "2026-01-31"),
            bought("void", "2026-02-03", state="cancelled"),
            bought("first", "2026-02-14"),
            bought("again", "2026-02-20"),
            bought("late", "2026-03-05"),
        ],
    )
    bring(
        store,
        "push",
        [
            _letter("L1", "2026-02-01"),
            _letter("L2", "2026-02-10"),
            _letter("L3", "2026-03-01"),
            _letter("L4", "2026-03-02", status="failed"),
            _letter("L5", "2026-03-04", sent_at=None),
            Scan(external_id="1", letter="L2", at=at("2026-02-12 10:00")),
            Scan(external_id="2", letter="L3", at=at("2026-03-06 10:00")),
        ],
    )
    found = seen(store)
    numbers = {one["id"]: one["carriers"][0]["external_id"] for one in found["order_list"]}
    effects = {
        one["title"]: one["effect"]
        and (numbers[one["effect"]["order"]], one["effect"]["days"], one["effect"]["scanned"])
        for one in found["letters"]
    }
    assert effects == {"L1": None, "L2": ("first", 4, True), "L3": ("late", 4, False), "L4": None, "L5": None}
    bring(store, "push", [_letter("L6", "2026-02-02")])
    effects = {one["title"]: one["effect"] for one in seen(store)["letters"]}
    assert effects["L6"] is None, "the cancelled order is no success of a letter"
    gross = {one["title"]: one["effect"] for one in seen(store, "cockpit")["letters"]}
    assert gross["L6"]["days"] == 1, "where the view counts it"


def test_B17_the_last_letter_is_so_many_days_ago(store: Store) -> None:
    use(store)
    bring(store, "S", [account("A", "Anna", "Adam")])
    assert seen(store)["last_letter"] is None
    bring(
        store,
        "push",
        [_letter("L1", "2026-06-01"), _letter("L2", "2026-05-01"), _letter("L3", "2026-06-09", status="failed")],
    )
    desk = Desk(store)
    assert seen(store)["last_letter"] == {
        "letter": desk.public("L1", "push", "letter"),
        "sent_at": "2026-06-01T08:00:00Z",
        "days": 9,
    }
    assert seen(store, now=None)["last_letter"]["days"] is None


def test_B16_days_are_those_of_the_shop(store: Store) -> None:
    """Half an hour before and after midnight in Berlin are two days, though one in London."""
    use(store)
    bring(store, "S", [account("A", "Anna", "Adam")])
    bring(store, "S", [order("1", customer="A", placed_at=at("2026-06-09T22:30:00+02:00"))])
    assert seen(store, now=at("2026-06-09T21:30:00Z"))["statistics"]["days_since"] == 0
    assert seen(store, now=at("2026-06-09T22:30:00Z"))["statistics"]["days_since"] == 1
    assert seen(store, now=at("2026-06-01T22:30:00Z"))["statistics"]["days_since"] == 0
