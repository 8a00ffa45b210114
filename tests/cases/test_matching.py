"""Matching: T21, T23-T30, T33, T36, T58, T69, T73-T75."""

from __future__ import annotations

import random
from typing import Any

import pytest

from klientela.flow.sync import sync
from klientela.kit import Address, Number, Order, Person
from klientela.store import Store
from tests.cases.desk import apart, audit, crowded, names, one, rows
from tests.cases.seen import Desk, account, contact
from tests.shops import Shop, bring, use

HOME = Address(street="Lindenstr. 5", zip="01067", city="Dresden", country="DE")


def person(number: object, first: str | None, last: str | None = "Muster", **more: Any) -> Person:
    """A contact of a list."""
    return Person(external_id=str(number), kind="contact", first_name=first, last_name=last, **more)


def test_T21_one_mailbox_is_one_profile_with_two_badges(store: Store) -> None:
    use(store)
    bring(
        store,
        "SH",
        [Person(external_id="1", kind="account", first_name="Max", last_name="M", email="Max@Example.com ")],
    )
    bring(store, "CSV", [person(1, "Max", "M", email="max@example.com")])
    assert one(store)["sources"] == ["CSV", "SH"]


def test_T22_numbers_belong_to_their_namespace(store: Store) -> None:
    use(store)
    bring(store, "BB", [person(1, "Max", "Meier", numbers=[Number("1")])])
    bring(store, "SH", [person(1, "Sara", "Schulz", numbers=[Number("1")])])
    assert len(rows(store)) == 2


def test_T23_a_number_twice_in_one_namespace(store: Store) -> None:
    use(store)
    bring(store, "CSV", [person(1, "Max", numbers=[Number("K-77")]), person(2, "Wilma", numbers=[Number("K-77")])])
    assert one(store)["customer_number"] == "K-77"
    assert ("joined", "number") in audit(store)


def test_T24_a_household_shares_and_stays_two(store: Store) -> None:
    use(store)
    shared: dict[str, Any] = {"phone": "0351 8472913", "addresses": [HOME]}
    bring(store, "CSV", [person(1, "Anna", "Müller", email="a@x.de", **shared)])
    bring(store, "SH", [person(2, "Ben", "Müller", email="b@x.de", **shared)])
    assert sorted(names(store)) == ["Anna Müller", "Ben Müller"]
    assert apart(store) == []


def test_T25_one_address_in_two_spellings(store: Store) -> None:
    use(store)
    bring(store, "A", [person(1, "Eva", "Lang", addresses=[HOME])])
    other = Address(street="Lindenstraße", house_number="5", zip="01067", city="DD-Altstadt", country="Deutschland")
    bring(store, "B", [person(1, "Eva", "Lang", addresses=[other])])
    assert len(rows(store)) == 1
    assert ("joined", "address") in audit(store)


def test_T26_another_house_number_is_another_address(store: Store) -> None:
    use(store)
    other = Address(street="Lindenstr. 6", zip="01067", city="Dresden", country="DE")
    bring(store, "A", [person(1, "Eva", "Lang", addresses=[HOME]), person(2, "Eva", "Lang", addresses=[other])])
    assert len(rows(store)) == 2


def test_T27_a_relay_address_joins_nobody(store: Store) -> None:
    use(store)
    relay = "no-reply-amazon-iba-buyer@marketplace.amazon.it"
    orders = [
        Order(external_id=str(n), guest=True, first_name="Amazon", last_name=f"Business {n}", email=relay, total=1,
              currency="EUR", placed_at=n)
        for n in range(200)
    ]  # fmt: skip
    bring(store, "BB", orders)
    with store.reading() as db:
        assert db.one("SELECT count(*) FROM customer") == (200,)
    assert (apart(store), crowded(store)) == ([], 0)


def test_T28_a_role_mailbox_is_no_key(store: Store) -> None:
    use(store)
    bring(
        store, "A", [person(1, "Eva", "Lang", email="info@firma.de"), person(2, "Udo", "Kurz", email="info@firma.de")]
    )
    assert len(rows(store)) == 2
    assert (apart(store), crowded(store)) == ([], 0)


def _crowd(count: int) -> list[Person]:
    first = ["Ada", "Berta", "Cora", "Dora", "Emil", "Fritz", "Gustl", "Heinz", "Ilse", "Jupp", "Knut"]
    last = ["Amsel", "Biber", "Chamois", "Dachs", "Elch", "Fuchs", "Gans", "Hase", "Igel", "Jaguar", "Kauz"]
    return [person(n, first[n], last[n], email="familie@x.de") for n in range(count)]


def test_T29_above_the_limit_only_equal_names_join(store: Store) -> None:
    use(store)
    bring(store, "A", [*_crowd(10), person(20, "Eva", "Lang", email="familie@x.de")])
    bring(store, "B", [person(21, "Eva", "Lang", email="familie@x.de")])
    assert len(rows(store)) == 11
    assert crowded(store) == 1
    assert [r["sources"] for r in rows(store) if r["name"] == "Eva Lang"] == [["A", "B"]]


def test_T29_crossing_the_limit_has_no_memory(store: Store) -> None:
    use(store)
    bring(store, "A", [person(20, "Eva", "Lang", email="familie@x.de"), person(21, "E.", "Lang", email="familie@x.de")])
    assert len(rows(store)) == 1
    bring(store, "B", _crowd(9))
    assert (len(rows(store)), crowded(store)) == (11, 1)
    bring(store, "B", [person(0, "Ada", "Amsel", email="ada@x.de")])
    assert (len(rows(store)), crowded(store)) == (10, 0)


def test_T30_two_accounts_of_a_shop_stay_apart(store: Store) -> None:
    use(store)
    both: dict[str, Any] = {"kind": "account", "first_name": "Eva", "last_name": "Lang", "phone": "0351 8472913"}
    bring(store, "SH", [Person(external_id="1", email="a@x.de", created_at=1, **both)])
    bring(store, "SH", [Person(external_id="2", email="b@x.de", created_at=2, **both)])
    bring(store, "CSV", [person(1, "Eva", "Lang", email="a@x.de", emails=["b@x.de"])])
    assert sorted(r["sources"] for r in rows(store)) == [["CSV", "SH"], ["SH"]]
    assert apart(store) == [("same_source",)]
    assert next(r for r in rows(store) if len(r["sources"]) == 2)["email"] == "a@x.de"


def _state(store: Store) -> list[Any]:
    with store.reading() as db:
        return db.rows("SELECT pub, n, first_name, last_name, email, phone, company, city FROM customer ORDER BY pub")


def test_T33_arrival_order_decides_nothing(store: Store, new_store: Any) -> None:
    dice = random.Random(33)
    people = [
        person(
            n,
            dice.choice(["Anna", "A.", "Ben", "Eva"]),
            dice.choice(["Lang", "Kurz", None]),
            email=dice.choice(["a@x.de", "b@x.de", "c@x.de", None]),
            phone=dice.choice(["0351 8472913", "0351 8472914", None]),
            company=dice.choice(["ACME", "Foo", None]),
            created_at=dice.choice([None, n]),
            version=n,
        )
        for n in range(50)
    ]
    found = []
    for turn in range(20 if store.dialect == "sqlite" else 3):
        here = store if turn == 0 else new_store()
        use(here)
        dice.shuffle(people)
        bring(here, "A", people, size=dice.choice([1, 7, 50]))
        found.append(_state(here))
    assert all(state == found[0] for state in found)
    assert len(found[0]) > 3


def test_T36_names_are_chosen_whole(store: Store) -> None:
    use(store)
    bring(store, "SH", [Person(external_id="1", kind="account", first_name="Max", email="m@x.de", created_at=1)])
    bring(store, "CSV", [person(1, "Max", "Muster", email="m@x.de")])
    bring(store, "Z", [person(1, None, "Other", email="m@x.de")])
    assert "Max Muster" in names(store)
    assert "Max Other" not in names(store)


def test_T37_an_empty_company_is_supplemented_and_tells_where_it_is_from(store: Store) -> None:
    bring(store, "SH", [account("1", "Max", "Muster", email="max@x.de", company=None, created_at=1)])
    bring(store, "BB", [contact("7", "Max", "Muster", email="max@x.de", company="ACME", created_at=2)])
    desk = Desk(store)
    assert desk.row("1", "SH")["company"] == "ACME"
    origin = desk.profile("1", "SH")["provenance"]["company"]
    assert (origin["value"], origin["source"], origin["record"]) == ("ACME", "BB", "BB/customer/7")


def test_T58_what_stands_for_a_missing_name(store: Store) -> None:
    use(store)
    bring(store, "A", [person(1, None, None, email="only@x.de"), person(2, None, None, phone="0351 8472913")])
    bring(store, "B", [person("x9", None, None, addresses=[HOME])])
    assert sorted(names(store)) == ["0351 8472913", "only@x.de", "x9"]


def test_T69_the_later_reading_of_one_version_holds(store: Store) -> None:
    use(store)
    bring(store, "SH", [person(1, "Max", version=5)])
    bring(store, "SH", [person(1, "Moritz", version=5)])
    assert names(store) == ["Moritz Muster"]
    report = bring(store, "SH", [person(1, "Moritz", version=5)])
    assert (report.new, report.changed) == (0, 0)
    assert bring(store, "SH", [person(1, "Max", version=4)]).changed == 0
    assert names(store) == ["Moritz Muster"]


def test_T70_a_partial_claim_never_wipes(store: Store) -> None:
    use(store)
    bring(store, "SH", [person(1, "Max", email="m@x.de", addresses=[HOME], version=1)])
    partial = Person(external_id="1", channel="consent", tags=["news"], version=2)
    bring(store, "SH", [partial])
    row = one(store)
    assert (row["name"], row["city"], row["tags"]) == ("Max Muster", "Dresden", ["news"])
    bring(store, "SH", [person(1, "Max", email=None, addresses=[], version=3)])
    assert one(store)["email"] is None


def test_T73_a_renamed_source_keeps_its_ids(store: Store) -> None:
    from klientela.store.naming import rename

    use(store)
    bring(store, "old", [person(1, "Max", email="m@x.de")])
    before = one(store)
    rename(store, "old", "new")
    after = one(store)
    assert (after["id"], after["sources"]) == (before["id"], ["new"])
    assert bring(store, "new", [person(1, "Max", email="m@x.de")]).unchanged == 1


def test_T74_another_shop_under_the_same_name_is_refused(store: Store) -> None:
    use(store)
    report = sync(store, Shop("SH", [person(1, "Max")], identity="gid://shopify/Shop/1"))
    assert report.status == "ok"
    report = sync(store, Shop("SH", [person(2, "Wilma")], identity="gid://shopify/Shop/2"))
    assert report.status == "failed"
    assert report.error is not None
    assert "another shop" in str(report.error["message"])
    assert names(store) == ["Max Muster"]


@pytest.mark.parametrize("left", [0, 4])
def test_T75_a_source_that_is_suddenly_empty_stops(store: Store, left: int) -> None:
    use(store)
    people = [person(n, "Max", f"Muster {n}") for n in range(20)]
    bring(store, "SH", people)
    shop = Shop("SH", people[:left], complete=True)
    report = sync(store, shop, full=True)
    assert report.error is not None
    with store.reading() as db:
        assert db.one("SELECT count(*) FROM record WHERE gone = 1") == (0,)


def test_T66_what_is_gone_keeps_its_values_and_its_joins(store: Store) -> None:
    use(store)
    people = [person(n, "Max", f"Muster {n}", email=f"m{n}@x.de") for n in range(20)]
    bring(store, "SH", people)
    bring(store, "CSV", [person(1, "Max", "Muster 3", email="m3@x.de")])
    before = _state(store)
    report = sync(store, Shop("SH", [p for p in people if p.external_id != "3"], complete=True), full=True)
    assert report.status == "ok", report.error
    with store.reading() as db:
        assert db.rows("SELECT ext FROM record WHERE gone = 1") == [("3",)]
    assert _state(store) == before
    bring(store, "SH", people)
    with store.reading() as db:
        assert db.rows("SELECT ext FROM record WHERE gone = 1") == []
