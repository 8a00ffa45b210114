"""The numbers above the list, by the cases people ask about: T42, R30b, R34, R36, R41, R53 (H1, X08-X17), on both databases."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from klientela.flow import rules, work
from klientela.flow.crowd import Whom
from klientela.flow.decide import merge
from klientela.flow.inactive import activate, deactivate
from klientela.flow.rebuild import rebuild
from klientela.kit import Consent
from klientela.rules import periods
from klientela.rules.periods import Period
from klientela.rules.rates import Rates
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import Store, statistics
from tests.cases.seen import account, at, guest_order, order
from tests.shops import bring, use

TODAY = date(2026, 3, 10)
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))


def cards(
    store: Store, totals: str = "ltv", today: date = TODAY, rates: Rates | None = None
) -> dict[str, dict[str, Any]]:
    with store.reading() as db:
        return {card["name"]: card for card in statistics.kpis(db, today, totals, rates)}


def line(
    store: Store, what: str, totals: str = "ltv", period: Period = MARCH, by: str = "month"
) -> list[dict[str, Any]]:
    with store.reading() as db:
        found: list[dict[str, Any]] = statistics.series(db, what, period, by, totals)["lines"]
    return found


def person(ext: str, joined: str, **more: Any) -> Any:
    return account(ext, f"First{ext}", f"Last{ext}", created_at=at(f"{joined} 12:00"), **more)


def bought(ext: str, who: str, day: str, total: int = 1000, **more: Any) -> Any:
    return order(ext, total, customer=who, placed_at=at(f"{day} 12:00"), **more)


def _shop(store: Store) -> None:
    use(store)
    bring(store, "S", [person("1", "2026-01-10"), person("2", "2026-02-15"), person("3", "2026-03-09")])
    bring(
        store,
        "S",
        [
            bought("11", "1", "2026-01-10"),
            bought("12", "1", "2026-03-05", 3000),
            bought("21", "2", "2026-02-16", 2000),
            bought("22", "2", "2026-03-08", 500, state="cancelled"),
        ],
    )


def test_H1_four_cards(store: Store) -> None:
    _shop(store)
    found = cards(store)
    assert list(found) == ["customers", "new", "repeat", "ltv"]
    assert found["customers"]["value"] == 3
    assert found["customers"]["trend"] == {"before": 1, "delta": 2, "percent": "200.00", "direction": "up"}
    assert (found["new"]["value"], found["new"]["trend"]["before"], found["new"]["trend"]["delta"]) == (2, 1, 1)
    assert found["new"]["formula"]["from"] == "2026-02-09"
    assert found["repeat"]["value"] == "50.00"
    assert found["repeat"]["trend"]["before"] == "0.00"
    assert found["ltv"]["value"] == [{"amount": "30.00", "currency": "EUR"}]
    assert found["ltv"]["trend"] == {
        "before": "10.00", "delta": "20.00", "percent": "200.00", "direction": "up", "currency": "EUR",
    }  # fmt: skip
    assert found["ltv"]["sparkline"][-7:] == ["15.00", "30.00", "30.00", "30.00", "30.00", "30.00", "30.00"]
    assert found["ltv"]["formula"]["sum"] == [{"amount": "60.00", "currency": "EUR"}]
    assert rebuild(store, check=True).differences == []


def test_R30b_under_gross_what_was_cancelled_counts(store: Store) -> None:
    _shop(store)
    found = cards(store, "gross")
    assert found["repeat"]["value"] == "100.00"
    assert found["ltv"]["value"] == [{"amount": "32.50", "currency": "EUR"}]
    assert (line(store, "revenue")[0]["total"], line(store, "revenue", "gross")[0]["total"]) == ("30.00", "35.00")
    assert (line(store, "transactions")[0]["total"], line(store, "transactions", "gross")[0]["total"]) == (1, 2)


def test_T42_R41_inactive_customers_count_on_no_card(store: Store) -> None:
    _shop(store)
    before = {totals: cards(store, totals) for totals in ("ltv", "gross")}
    deactivate(store, Whom(("S/customer/1",)))
    found = cards(store)
    assert (found["customers"]["value"], found["customers"]["trend"]["before"]) == (2, 0)
    assert found["customers"]["formula"]["inactive"] == 1
    assert (found["repeat"]["value"], found["repeat"]["trend"]) == ("0.00", None), "the only buyer left came later"
    assert found["ltv"]["value"] == [{"amount": "20.00", "currency": "EUR"}]
    assert found["ltv"]["sparkline"][:7] == [None] * 7
    assert line(store, "revenue")[0]["total"] == "30.00", "the shop took it all the same"
    bring(store, "S", [bought("13", "1", "2026-03-09", 700)])
    assert cards(store)["ltv"] == found["ltv"]
    assert rebuild(store, check=True).differences == []
    bring(store, "S", [bought("13", "1", "2026-03-09", 700, state="deleted")])
    activate(store, Whom(("S/customer/1",)))
    assert {totals: cards(store, totals) for totals in ("ltv", "gross")} == before


def test_R36_rows_of_guest_orders_are_no_repeat_buyers(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [person("1", "2026-01-05")])
    bring(store, "S", [bought("11", "1", "2026-01-10"), bought("12", "1", "2026-01-11")])
    bring(store, "S", [guest_order(f"g{n}", "gast@x.de", placed_at=at(f"2026-03-0{n} 12:00")) for n in (1, 2, 3)])
    found = cards(store)
    assert (found["customers"]["value"], found["repeat"]["value"]) == (4, "100.00")
    assert found["repeat"]["formula"] == {
        "repeat_buyers": 1, "buyers": 1, "without_guest_orders": 3, "days": 30, "policy": "ltv",
    }  # fmt: skip
    assert found["ltv"]["formula"]["buyers"] == 4
    merge(store, "S/guest_order/g1", "S/guest_order/g2", reason="the same woman")
    found = cards(store)
    assert found["repeat"]["formula"]["without_guest_orders"] == 1
    assert (found["repeat"]["value"], found["repeat"]["formula"]["buyers"]) == ("100.00", 2)
    rules.apply(store, Ruleset(sources={"S": SourceRules(guests="merge")}))
    work.drain(store)
    found = cards(store)
    assert (found["customers"]["value"], found["repeat"]["formula"]["without_guest_orders"]) == (2, 0)
    assert rebuild(store, check=True).differences == []


def test_R34_currencies_stand_beside_each_other(store: Store) -> None:
    _shop(store)
    bring(store, "S", [bought("31", "3", "2026-03-09", 3000, currency="CHF")])
    found = cards(store, rates=Rates("2026-03-09", {"CHF": Decimal("0.5")}))["ltv"]
    assert found["value"] == [{"amount": "20.00", "currency": "EUR"}, {"amount": "10.00", "currency": "CHF"}]
    assert found["approx"] == {"amount": "40.00", "currency": "EUR", "rates": "2026-03-09"}
    assert found["trend"]["currency"] == "EUR"
    missing = cards(store, rates=Rates("2026-03-09", {}))["ltv"]
    assert (missing["rates_missing"], "approx" in missing) == (["CHF"], False)
    assert [(one["currency"], one["total"]) for one in line(store, "revenue")] == [("EUR", "30.00"), ("CHF", "30.00")]
    rules.apply(store, Ruleset(currency="CHF"))
    work.drain(store)
    assert [one["currency"] for one in line(store, "revenue")] == ["CHF", "EUR"]
    assert cards(store)["ltv"]["value"][0] == {"amount": "10.00", "currency": "CHF"}
    assert rebuild(store, check=True).differences == []


def test_R53_days_are_those_of_the_shop(store: Store) -> None:
    """23:30 UTC on the last of February is the first of March in Berlin, and not in London."""
    use(store)
    late = at("2026-02-28T23:30:00Z")
    bring(store, "S", [account("1", "Anna", "Adam", created_at=late), order("1", customer="1", placed_at=late)])
    assert (line(store, "revenue")[0]["total"], line(store, "customers")[0]["total"]) == ("10.00", 1)
    rules.apply(store, Ruleset(timezone="Europe/London"))
    work.drain(store)
    assert (line(store, "revenue")[0]["total"], line(store, "customers")[0]["total"]) == ("0.00", 0)
    assert line(store, "revenue")[0]["before"] == "10.00"
    assert cards(store)["repeat"]["trend"] is None
    assert rebuild(store, check=True).differences == []


def test_what_has_no_date_makes_no_trend(store: Store) -> None:
    use(store)
    bring(store, "S", [account("1", "Anna", "Adam"), order("1", customer="1", placed_at=None)])
    found = cards(store)
    assert (found["customers"]["value"], found["customers"]["trend"], found["customers"]["sparkline"]) == (
        1,
        None,
        None,
    )
    assert (found["new"]["value"], found["new"]["formula"]["undated"]) == (None, 1)
    assert (found["repeat"]["value"], found["repeat"]["trend"]) == ("0.00", None)
    assert (found["ltv"]["value"], found["ltv"]["trend"]) == ([{"amount": "10.00", "currency": "EUR"}], None)
    (told,) = line(store, "revenue")
    assert (told["total"], told["undated"]) == ("0.00", "10.00")


def test_an_empty_store_has_numbers_too(store: Store) -> None:
    use(store)
    found = cards(store)
    assert [card["value"] for card in found.values()] == [0, 0, None, None]
    assert found["customers"]["trend"]["direction"] == "flat"
    (told,) = line(store, "revenue", by="week")
    assert [point["value"] for point in told["points"]] == ["0.00"] * 6
    with store.reading() as db:
        answers = statistics.consents(db)["purposes"]["promotion"]
    assert answers["granted"] == {"count": 0, "percent": None}


def test_X12_X15_a_preset_tells_each_day_beside_the_one_before(store: Store) -> None:
    _shop(store)
    (told,) = line(store, "revenue", period=periods.preset("last_7_days", TODAY), by="day")
    assert [point["from"] for point in told["points"]][::6] == ["2026-03-04", "2026-03-10"]
    assert [point["value"] for point in told["points"]] == ["0.00", "30.00", *["0.00"] * 5]
    assert told["before"] == "0.00"
    (told,) = line(store, "customers", period=periods.preset("last_month", TODAY), by="day")
    assert [point["standing"] for point in told["points"]] == [1] * 14 + [2] * 14
    assert (told["total"], told["before"]) == (1, 1)


def test_X17_consents_in_all_and_by_channel(store: Store) -> None:
    use(store)

    def says(*answers: tuple[str, str]) -> list[Consent]:
        return [Consent(channel=c, purpose="promotion", state=s, at=1) for c, s in answers]  # type: ignore[arg-type]

    bring(
        store,
        "S",
        [
            person("1", "2026-01-05", consents=says(("email", "granted"), ("post", "granted"))),
            person("2", "2026-01-05", consents=says(("email", "denied"), ("post", "granted"))),
            person("3", "2026-01-05"),
        ],
    )
    with store.reading() as db:
        found = statistics.consents(db)
    told = found["purposes"]["promotion"]
    assert (found["customers"], told["granted"]) == (3, {"count": 2, "percent": "66.67"})
    assert {channel: [answers[s]["count"] for s in ("granted", "denied", "unknown")]
            for channel, answers in told["channels"].items()} == {"email": [1, 1, 1], "post": [2, 0, 1]}  # fmt: skip
    deactivate(store, Whom(("S/customer/1",)))
    with store.reading() as db:
        assert statistics.consents(db)["purposes"]["promotion"]["granted"] == {"count": 1, "percent": "50.00"}
