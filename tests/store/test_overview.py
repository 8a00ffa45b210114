"""The list: every search, order and page equals a plain filter and sort, on both databases and on every road."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from klientela.errors import Misconfigured, UnknownThing
from klientela.kit import Address, Consent, Number, Order, Person, instant
from klientela.settings.views import PRESETS, View
from klientela.store import Store, facts, ids
from klientela.store.database import late_indexes
from klientela.store.matches import LIMITS
from klientela.store.overview import listing
from klientela.store.sorting import SORTABLE
from tests.shops import bring, use
from tests.store.lists import WORDS, ask, expected, invent, put

AUTOLETTER, COCKPIT = View(**PRESETS["autoletter"]), View(**PRESETS["cockpit"])  # type: ignore[arg-type]


def names(store: Store, view: View = AUTOLETTER, **asked: Any) -> list[str]:
    """The last names of a page, or what stands for them."""
    with store.reading() as db:
        return [row["last_name"] or row["name"] for row in listing(db, view, **asked).rows]


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "loading"])
@pytest.mark.parametrize(
    "limits",
    [(10_000, 4_000, 100_000, 2_000), (4, 6, 30, 1), (0, 1, 200, 0), (3, 1, 1, 500)],
    ids=["few", "walk", "far", "all"],
)
def test_the_list_equals_a_plain_filter_and_sort(
    store: Store, limits: tuple[int, ...], indexed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, walk, further, named = limits
    monkeypatch.setattr(LIMITS, "few", few)
    monkeypatch.setattr(LIMITS, "walk", dict.fromkeys(("sqlite", "postgresql"), walk))
    monkeypatch.setattr(LIMITS, "long_walk", dict.fromkeys(("sqlite", "postgresql"), walk * 2))
    monkeypatch.setattr(LIMITS, "further", further)
    monkeypatch.setattr(LIMITS, "named", named)
    rows = invent(90, seed=limits[0] + indexed)
    put(store, rows)
    if indexed:
        late_indexes(store)
    r = random.Random(limits[1])
    public = {row.id: row for row in rows}
    with store.reading() as db:
        sources = facts.sources(db)
        texts = {row["id"]: row["id"] for row in listing(db, AUTOLETTER, size=1000).rows}
        assert len(texts) == sum(not row.inactive for row in rows)
        for _ in range(150):
            query = " ".join(r.choice(WORDS) for _ in range(r.choice((0, 1, 1, 1, 2, 3)))) or None
            sort = r.choice(SORTABLE) + r.choice(("", ":asc", ":desc"))
            view = SimpleNamespace(
                sort=sort,
                totals=r.choice(("ltv", "gross")),
                include=r.choice(("all", "orderers_and_manual")),
                crm_source=None,
            )
            source = r.choice((None, None, 1, 2, 3))
            inactive = r.random() < 0.2
            segment, asked = ask(r)
            size, page = r.choice((1, 3, 25)), r.choice((1, 1, 2, 5, 12))
            whole = expected(
                rows,
                query=query,
                sort=sort,
                totals=view.totals,
                listed=view.include != "all",
                source=source,
                inactive=inactive,
                sources=sources,
                segment=segment,
                asked=asked,
            )
            label = None if source is None else sources[source].label
            found = listing(
                db, view, search=query, page=page, size=size, source=label, inactive=inactive, segment=segment,
                filters=asked,
            )  # fmt: skip
            where = f"{query!r} by {sort} ({view.totals}, {view.include}) of {label}, page {page} of {size}, {inactive}"
            where += f", {segment}, {asked}"
            shown = [row["id"] for row in found.rows]
            wanted = whole[(page - 1) * size : page * size]
            assert shown == [ids.text(public[number].pub) for number in wanted], where
            if found.total_capped:
                assert found.total == LIMITS.few < len(whole), where
            else:
                assert found.total == len(whole), where


def test_more_sources_than_bits_are_still_told_apart(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LIMITS, "few", 5)
    sources = [(f"shop{i:02d}", "memory") for i in range(1, 61)]
    rows = invent(80, seed=5, sources=60)
    put(store, rows, sources)
    late_indexes(store)
    with store.reading() as db:
        known = facts.sources(db)
        for number in (1, 11, 50, 60):
            for query in (None, known[number].label, f"an {known[number].label}"):
                label = known[number].label if query is None else None
                found = listing(db, AUTOLETTER, search=query, source=label, size=100)
                whole = expected(
                    rows,
                    query=query,
                    sort="autoletter",
                    totals="ltv",
                    listed=False,
                    source=number if label else None,
                    inactive=False,
                    sources=known,
                )
                assert len(found.rows) == len(whole), (number, query)


def _orders(placed: dict[str, str | None]) -> list[Person | Order]:
    """Registered customers by last name, each with an order at a time, or with none."""
    made: list[Person | Order] = []
    for number, (last, at) in enumerate(placed.items()):
        made.append(Person(external_id=str(number), kind="account", last_name=last, email=f"p{number}@example.com"))
        if at is not None:
            made.append(
                Order(external_id=f"o{number}", customer=str(number), total=100, currency="EUR", placed_at=instant(at))
            )
    return made


def test_t09_t10_who_never_ordered_stands_at_the_end_in_both_directions(store: Store) -> None:
    use(store)
    bring(store, "main", _orders({"Berg": "2026-03-01T09:00Z", "Ahrens": "2026-01-01T09:00Z"}))
    bring(store, "manual", [Person(external_id=n, entity="manual", last_name=n) for n in ("Zeta", "Adam")])
    assert names(store, COCKPIT) == ["Berg", "Ahrens", "Adam", "Zeta"]
    turned = names(store, COCKPIT, sort="cockpit:asc")
    assert turned[:2] == ["Ahrens", "Berg"]
    assert sorted(turned[2:]) == ["Adam", "Zeta"]
    with store.reading() as db:
        assert listing(db, COCKPIT).rows[-1]["status"] == "registered"


def test_t11_t12_t13_one_calendar_day_sorts_by_last_name(store: Store) -> None:
    use(store, timezone="Europe/Berlin")
    bring(
        store,
        "main",
        _orders(
            {
                "Weber": "2026-03-01T09:00+01:00",
                "Ahlers": "2026-03-01T18:00+01:00",  # T11
                "Zorn": "2026-03-01T23:30Z",
                "Berg": "2026-03-02T10:00+01:00",  # T12: the same day in Berlin
                "Öztürk": "2026-02-01T10:00Z",
                "Oster": "2026-02-01T09:00Z",
                "Ozan": "2026-02-01T08:00Z",  # T13
            }
        ),
    )
    assert names(store, COCKPIT) == ["Berg", "Zorn", "Ahlers", "Weber", "Oster", "Ozan", "Öztürk"]


def test_t57_currencies_are_never_summed(store: Store) -> None:
    use(store)
    person = Person(external_id="1", kind="account", last_name="Roth")
    money = [("a", "EUR"), ("b", "CHF")]
    bring(
        store,
        "main",
        [person, *(Order(external_id=i, customer="1", total=1000, currency=c, placed_at=5) for i, c in money)],
    )
    bring(store, "main", [Person(external_id="2", kind="account", last_name="Null")])
    with store.reading() as db:
        rows = {row["last_name"]: row for row in listing(db, AUTOLETTER).rows}
    both = [{"amount": "10.00", "currency": "EUR"}, {"amount": "10.00", "currency": "CHF"}]
    assert rows["Roth"]["ltv"] == rows["Roth"]["gross"]["sum"] == both
    assert rows["Null"]["ltv"] == [{"amount": "0.00", "currency": "EUR"}]
    assert (rows["Null"]["last_order"], rows["Null"]["orders"]) == (None, 0)


def test_t58_a_missing_name_is_made_up_for(store: Store) -> None:
    use(store)
    bring(
        store,
        "main",
        [
            Person(external_id="1", kind="account", email="mail@example.com", phone="+49 30 901820"),
            Person(external_id="2", kind="account", phone="+49 30 901821"),
            Person(external_id="K-3", kind="account", company="ACME"),
        ],
    )
    with store.reading() as db:
        assert {row["name"] for row in listing(db, AUTOLETTER).rows} == {"mail@example.com", "+49 30 901821", "K-3"}


def test_t59_every_term_must_hit_something(store: Store) -> None:
    use(store)

    def person(number: str, name: str, city: str) -> Person:
        return Person(external_id=number, kind="account", last_name=name, addresses=[Address(city=city)])

    bring(store, "shopify-main", [person("1", "Both", "Berlin"), person("2", "Town", "Bonn")])
    bring(store, "list", [person("3", "Other", "Berlin")])
    assert names(store, search="berlin shopify") == ["Both"]
    assert names(store, search="BERLIN", sort="name") == ["Both", "Other"]
    assert names(store, search="shopify bonn") == ["Town"]
    assert names(store, search="berlin shopify bonn") == []


def test_t61_paging_through_equals_shows_each_once(store: Store) -> None:
    use(store)
    bring(store, "main", [Person(external_id=str(i), kind="account", last_name="Same") for i in range(1001)], size=500)
    seen: list[str] = []
    with store.reading() as db:
        for page in range(1, 42):
            found = listing(db, AUTOLETTER, page=page, size=25)
            assert (found.total, found.total_capped) == (1001, False)
            seen += [row["id"] for row in found.rows]
        assert listing(db, AUTOLETTER, page=42).rows == []
    assert len(seen) == len(set(seen)) == 1001


def test_a_row_has_the_shape_of_the_contract(store: Store) -> None:
    use(store)
    person = Person(
        external_id="7",
        kind="account",
        first_name="Ada",
        last_name="Lang",
        email="Ada@Example.com",
        created_at=0,
        crm_id="C1",
        numbers=[Number("N7")],
        tags=["vip", "b2b"],
        consents=[Consent(channel="email", purpose="promotion", state="granted", at=1)],
    )
    order = Order(external_id="o", customer="7", total=1234, currency="EUR", placed_at=5_000_000, test=True)
    bring(store, "main", [person, order])
    with store.reading() as db:
        (row,) = listing(db, COCKPIT, records=True, key=store.key).rows
    records = row.pop("records")
    assert row == {
        "id": records[0]["id"],
        "name": "Ada Lang",
        "first_name": "Ada",
        "last_name": "Lang",
        "email": "Ada@Example.com",
        "phone": None,
        "company": None,
        "city": None,
        "country": None,
        "status": "registered",
        "sources": ["main"],
        "orders": 1,
        "ltv": [{"amount": "0.00", "currency": "EUR"}],
        "joined": "1970-01-01T00:00:00Z",
        "gross": {"sum": [{"amount": "12.34", "currency": "EUR"}], "count": 1, "last_order": "1970-01-01T00:00:05Z"},
        "last_order": "1970-01-01T00:00:05Z",
        "customer_number": "N7",
        "crm_id": "C1",
        "tags": ["b2b", "vip"],
        "modules": [],
        "test_order": True,
        "qr_scanned": None,
        "inactive": False,
        "consents": {"email": {"promotion": "granted", "system": "unknown"}},
    }
    assert records == [
        {"id": row["id"], "source": "main", "entity": "customer", "external_id": "7", "registered": True, "gone": False}
    ]


def test_the_crm_id_may_be_the_id_in_a_source(store: Store) -> None:
    use(store)
    for source, number in (("main", "1"), ("crm", "C-9")):
        bring(store, source, [Person(external_id=number, kind="account", last_name="Lang", email="a@example.com")])
    view = View(sort="name", crm_source="crm")
    with store.reading() as db:
        (row,) = listing(db, view).rows
        assert (row["crm_id"], row["sources"]) == ("C-9", ["crm", "main"])
        assert listing(db, AUTOLETTER).rows[0]["crm_id"] is None


def test_what_cannot_be_asked_is_said_in_a_sentence(store: Store) -> None:
    use(store)
    with store.reading() as db:
        with pytest.raises(Misconfigured, match="cannot be sorted by 'phone'") as phone:
            listing(db, AUTOLETTER, sort="phone")
        assert "last_order" in str(phone.value.hint)
        with pytest.raises(Misconfigured, match="cannot be sorted by 'name:up'"):
            listing(db, AUTOLETTER, sort="name:up")
        with pytest.raises(UnknownThing, match="no source 'nowhere'"):
            listing(db, AUTOLETTER, source="nowhere")
        with pytest.raises(Misconfigured, match="a page has a number"):
            listing(db, AUTOLETTER, page=0)
