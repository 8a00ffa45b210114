"""T27, T28: values that never match are told once for each value, and join nobody."""

from __future__ import annotations

from klientela.flow.blocked import MOST
from klientela.flow.importing import Into, import_records
from klientela.flow.rebuild import rebuild
from klientela.kit import Order, Person
from klientela.store import Store
from tests.shops import bring, use

RELAY = "no-reply-amazon-iba-buyer@marketplace.amazon.it"


def contact(n: int, email: str, name: str = "Anna") -> Person:
    return Person(external_id=str(n), kind="contact", first_name=name, last_name="Alt", email=email)


def customers(store: Store) -> int:
    with store.reading() as db:
        return int(db.rows("SELECT count(*) FROM customer")[0][0])


def test_t27_one_warning_for_two_hundred_orders_of_one_relay(store: Store) -> None:
    use(store)
    orders = [
        Order(external_id=str(n), first_name="Anna", last_name="Alt", email=RELAY, total=100, currency="EUR")
        for n in range(200)
    ]
    report = bring(store, "amazon", orders, size=50)
    assert customers(store) == 200
    (said,) = report.remarks
    assert said == (
        "200 records carry the e-mail n•••@marketplace.amazon.it, which joins nobody: "
        "it is a marketplace's forwarding address (R19)"
    )
    assert bring(store, "amazon", orders).remarks == []  # nothing new, nothing to tell


def test_t28_a_role_box_of_two_people_is_one_warning(store: Store) -> None:
    use(store)
    report = bring(
        store, "list", [contact(1, "info@firma.de"), contact(2, "Info@Firma.de", "Ben"), contact(3, "c@x.de")]
    )
    assert customers(store) == 3
    (said,) = report.remarks
    assert "2 records carry the e-mail info@f•••.de" in said
    assert "box of many people" in said


def test_the_operators_own_list_is_named_as_such(store: Store) -> None:
    use(store, blocked=frozenset({"firma.de"}))
    report = bring(
        store, "list", [contact(1, "anna@firma.de"), contact(2, "ben@firma.de"), contact(3, "anna@firma.de")]
    )
    assert [said for said in report.remarks if "your own list" in said] == report.remarks != []


def test_what_only_one_record_carries_is_no_matter(store: Store) -> None:
    use(store)
    assert bring(store, "list", [contact(1, "info@firma.de"), contact(2, "info@werk.de")]).remarks == []


def test_guests_that_a_policy_keeps_apart_are_no_matter_either(store: Store) -> None:
    use(store, sources={"shop": "per_order"})
    orders = [Order(external_id=str(n), guest=True, email="info@firma.de", total=100, currency="EUR") for n in range(5)]
    assert bring(store, "shop", orders).remarks == []


def test_warnings_are_few(store: Store) -> None:
    use(store)
    people = [contact(n, f"info@firma{n % 30}.de") for n in range(60)]
    remarks = bring(store, "list", people).remarks
    assert len(remarks) == MOST + 1
    assert f"{30 - MOST} more values" in remarks[-1]


def test_a_change_of_rules_and_a_rebuild_tell_nothing_again(store: Store) -> None:
    use(store)
    bring(store, "list", [contact(n, "info@firma.de") for n in range(3)])
    rebuild(store)
    assert bring(store, "list", [contact(9, "c@x.de")]).remarks == []


def test_an_import_tells_it_too(store: Store) -> None:
    use(store)
    people = [contact(n, "info@firma.de") for n in range(3)]
    made = import_records(store, Into("list", "csv"), people, name="n", digest="d")
    assert [said for said in made.ignored if "3 records" in said]
