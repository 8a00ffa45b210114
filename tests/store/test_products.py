"""What customers bought, filtered and counted: through changed lines, refunds, joins, splits and erasure (B07)."""

from __future__ import annotations

from typing import Any

import pytest

from klientela.flow.erase import erase
from klientela.flow.rebuild import rebuild
from klientela.kit import Line, Order, Person
from klientela.rules.products import keys_of, name_of, packed, sku_key, title_key, unpacked
from klientela.settings.views import PRESETS, View
from klientela.store import Store, bitmaps, mapping
from klientela.store.overview import facets, listing
from tests.shops import bring, use

VIEW = View(**PRESETS["autoletter"])  # type: ignore[arg-type]
SHIRT, SPELLED, HOSE = Line(title="T-Shirt", sku="TS-1"), Line(title="t-shirt"), Line(title="Hose", sku="HO")


def account(ext: str, name: str, **more: Any) -> Person:
    return Person(external_id=ext, kind="account", first_name=name, last_name="Roth", created_at=int(ext), **more)


def order(ext: str, customer: str, *lines: Line, **more: Any) -> Order:
    said = {"total": 1000, "currency": "EUR", "placed_at": 5, "state": "paid", **more}
    return Order(external_id=ext, customer=customer, lines=list(lines), **said)


def bought(store: Store, text: str) -> list[str]:
    with store.reading() as db:
        return sorted(row["first_name"] for row in listing(db, VIEW, filters={"product": [text]}).rows)


def products(store: Store, **asked: Any) -> dict[str, int]:
    with store.reading() as db:
        return {one["value"]: one["count"] for one in facets(db, VIEW, **asked)["product"]}


@pytest.fixture(params=["small", "large", "merged"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A list without bitmaps, one whose changed customers wait to be put into them, one where they are in at once."""
    if request.param != "small":
        monkeypatch.setattr(bitmaps.LIMITS, "least", dict.fromkeys(("sqlite", "postgresql"), 1))
        monkeypatch.setattr("klientela.store.facets.READ", 0)
    monkeypatch.setattr(bitmaps.LIMITS, "merge", 1 if request.param == "merged" else 1000)
    return str(request.param)


def whole(store: Store, size: str) -> None:
    assert rebuild(store, check=True).differences == []
    with store.reading() as db:
        assert (bitmaps.state(db) is not None) == (size != "small")
        assert mapping.check(db) == []


def test_products_follow_their_orders(store: Store, size: str) -> None:
    use(store)
    bring(store, "A", [account("1", "Anna", email="anna@x.de"), account("2", "Bea", email="bea@x.de"),
                       account("3", "Cora", email="cora@x.de")])  # fmt: skip
    bring(store, "A", [order("o1", "1", SHIRT), order("o2", "1", SPELLED, HOSE), order("o3", "2", SPELLED)])
    mapping.upkeep(store)
    whole(store, size)
    assert bought(store, "T-SHIRT") == bought(store, "t-shirt ") == ["Anna", "Bea"]
    assert (bought(store, "ts-1"), bought(store, "ho"), bought(store, "nothing")) == (["Anna"], ["Anna"], [])
    found = products(store)
    assert {name.lower(): count for name, count in found.items()} == {"t-shirt": 2, "hose": 1}
    assert products(store, search="bea") == {"t-shirt": 1}
    chosen = products(store, filters={"product": ["ts-1"]})
    assert chosen.pop("ts-1") == 1
    assert chosen == found, "what is chosen does not narrow its own values"

    assert products(store, filters={"product": ["t-SHIRT"]}).keys() == {"t-SHIRT", "Hose"}, "as it was chosen"

    bring(store, "A", [order("o3", "2", HOSE, version=2)])  # nothing but its lines
    mapping.upkeep(store)
    whole(store, size)
    assert (bought(store, "t-shirt"), bought(store, "hose")) == (["Anna"], ["Anna", "Bea"])

    bring(store, "A", [order("o2", "1", SPELLED, HOSE, version=3, state="cancelled")])
    mapping.upkeep(store)
    whole(store, size)
    assert (bought(store, "t-shirt"), bought(store, "hose")) == (["Anna"], ["Bea"]), "cancelled is not bought"

    bring(store, "A", [order("o1", "3", SHIRT, version=4)])  # it was another's
    mapping.upkeep(store)
    whole(store, size)
    assert (bought(store, "t-shirt"), bought(store, "TS-1")) == (["Cora"], ["Cora"])

    bring(store, "B", [account("9", "Bea", email="bea@x.de"), order("p1", "9", SHIRT)])  # joins Bea of A
    mapping.upkeep(store)
    whole(store, size)
    assert bought(store, "t-shirt") == ["Bea", "Cora"]
    assert products(store, search="bea") == {"T-Shirt": 1, "Hose": 1}
    with store.reading() as db:
        assert listing(db, VIEW, filters={"product": ["t-shirt"], "sources": ["A"]}).total == 2
        assert listing(db, VIEW, filters={"product": ["t-shirt", "hose"]}, search="bea").total == 1

    bring(store, "B", [account("9", "Bela", email="bela@x.de", version=5)])  # and falls apart from her
    mapping.upkeep(store)
    whole(store, size)
    assert (bought(store, "t-shirt"), bought(store, "hose")) == (["Bela", "Cora"], ["Bea"])

    erase(store, "B/customer/9", reason="asked by letter", everybody=True)
    mapping.upkeep(store)
    whole(store, size)
    assert (bought(store, "t-shirt"), bought(store, "hose")) == (["Cora"], ["Bea"])


def test_many_values_are_counted_only_as_far_as_they_may_be_among_the_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bitmaps.LIMITS, "least", dict.fromkeys(("sqlite", "postgresql"), 1))
    monkeypatch.setattr(bitmaps.LIMITS, "merge", 1)
    monkeypatch.setattr("klientela.store.facets.READ", 0)
    monkeypatch.setattr("klientela.store.facets._AT_ONCE", 2)
    use(store)
    bring(store, "A", [account(str(n), f"P{n}", email=f"p{n}@x.de") for n in range(1, 31)])
    bring(
        store,
        "A",
        [order(f"o{n}-{k}", str(n), Line(title=f"Ware {k}")) for n in range(1, 31) for k in range(1, 9) if n % k == 0],
    )
    mapping.upkeep(store)
    asked: list[str] = []
    plain = bitmaps.Crowd.counts

    def counts(self: bitmaps.Crowd, db: Any, names: Any) -> dict[str, int]:
        names = list(names)
        asked.extend(name for name in names if name.startswith("product:"))
        return plain(self, db, names)

    monkeypatch.setattr(bitmaps.Crowd, "counts", counts)
    with store.reading() as db:
        found = facets(db, VIEW, top=3)["product"]
    assert [(one["value"], one["count"]) for one in found] == [("Ware 1", 30), ("Ware 2", 15), ("Ware 3", 10)]
    assert 3 <= len(asked) <= 4
    monkeypatch.setattr("klientela.store.facets.OFFERED", 2)
    with store.reading() as db:
        found = facets(db, VIEW, filters={"product": ["ware 8"]})["product"]
    assert [(one["value"], one["count"]) for one in found] == [("Ware 1", 30), ("Ware 2", 15), ("ware 8", 3)]


def test_keys_of_a_line() -> None:
    assert keys_of("T-Shirt", "TS") == (title_key(" t-SHIRT"), sku_key("ts"))
    assert keys_of(None, "TS") == (title_key("TS"), sku_key("ts"))
    assert keys_of(" ", None) == keys_of(None, "") == ()
    assert packed([Line(), Line(quantity=2)]) is None
    both = packed([SHIRT, SPELLED, HOSE])
    assert both is not None
    assert set(unpacked(both)) == {title_key("T-Shirt"), sku_key("TS-1"), title_key("Hose"), sku_key("HO")}
    assert name_of(title_key("t-shirt"), [HOSE, SHIRT]) == "T-Shirt"
    assert name_of(sku_key("TS-1"), [SHIRT]) is None
