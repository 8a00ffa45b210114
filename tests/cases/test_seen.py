"""The cases as an operator sees them: in the profile, in `why`, in what doctor finds and in the audit log."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from klientela.errors import Conflict, Misconfigured
from klientela.flow import newcomer
from klientela.flow.sync import sync
from klientela.kit import Address, Checkout, Gone, Line, Number, Order, Person, Record
from klientela.store import Store
from klientela.store.naming import rename
from tests.cases.seen import Desk, account, at, contact, guest_order, order
from tests.shops import Shop, bring, use

LINDEN = Address(street="Lindenstr. 5", zip="10969", city="Berlin", country="DE")


def _mixed() -> list[Order]:
    """100 EUR, a test, a cancelled and a returned order."""
    return [
        order("1", 10000, customer="A", placed_at=at("2026-03-01 12:00")),
        order("2", 5000, customer="A", test=True, placed_at=at("2026-03-02 12:00")),
        order("3", 3000, customer="A", state="cancelled", placed_at=at("2026-03-03 12:00")),
        order("4", 2000, customer="A", refunded=2000, state="returned", placed_at=at("2026-03-04 12:00")),
    ]


def test_T05_the_orders_of_an_account_are_three_not_four(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    mine = [order(n, customer="A", guest=False) for n in "123"]
    bring(store, "S", [account("A", "Anna", "Adam", email="anna@x.de"), *mine])
    bring(store, "S", [guest_order("4", "anna@x.de", customer="A")])
    desk = Desk(store)
    assert {o["id"] for o in desk.profile("A")["order_list"]} == {desk.public(n, entity="order") for n in "123"}


def test_T06_nothing_about_a_guest_is_hinted_at(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest_order("11", "g@x.de"), guest_order("12", "g@x.de")])
    bring(store, "CSV", [contact("7", "Greta", "Gast", email="g@x.de")])
    assert Desk(store).profile("7", "CSV")["shares"] == []


def test_T16_T17_why_an_order_does_not_count(store: Store) -> None:
    use(store)
    bring(store, "SH", [account("A", "Anna", "Adam"), *_mixed()])
    (row,) = Desk(store).rows("cockpit")
    assert (row["orders"], row["last_order"]) == (4, "2026-03-04T11:00:00Z"), "a row follows its view's policy"
    (row,) = Desk(store).rows("autoletter")
    assert (row["orders"], row["last_order"]) == (1, "2026-03-01T11:00:00Z")
    profile = Desk(store).profile("A", "SH")
    assert profile["totals"]["gross"]["average"] == [{"amount": "50.00", "currency": "EUR"}]
    assert {o["total"]: (o["why_not"], o["counts"]["ltv"], o["counts"]["gross"]) for o in profile["order_list"]} == {
        "100.00": (None, True, True),
        "50.00": ("test", False, True),
        "30.00": ("cancelled", False, True),
        "20.00": ("refunded", False, True),
    }


def test_T19_no_orders_is_a_dash_not_a_zero(store: Store) -> None:
    use(store)
    bring(store, "SH", [account("A", "Anna", "Adam")])
    assert Desk(store).profile("A", "SH")["totals"]["gross"]["average"] is None


def test_T21_T23_T25_why_they_are_one(store: Store) -> None:
    use(store)
    spelt = Address(street="Lindenstraße", house_number="5", zip="10969", city="Kreuzberg", country="Deutschland")
    bring(
        store,
        "SH",
        [account("1", "Max", "Muster", email="Max@Example.com "), account("2", "Eva", "Lang", addresses=[LINDEN])],
    )
    bring(
        store,
        "CSV",
        [contact("1", "Max", "Muster", email="max@example.com"), contact("2", "Eva", "Lang", addresses=[spelt])],
    )
    bring(
        store,
        "K",
        [
            Person(external_id=ext, kind="contact", first_name=name, numbers=[Number("K-77")])
            for ext, name in ("aU", "bI")
        ],
    )
    desk = Desk(store)
    assert desk.why("1", "SH") == {("email", "max@example.com")}
    assert {rule for rule, _ in desk.why("2", "SH")} == {"address"}
    assert desk.why("a", "K") == {("number", "K-77")}


def test_T24_a_household_is_a_relation_not_a_task(store: Store) -> None:
    use(store)
    same: dict[str, Any] = {"phone": "030 998877", "addresses": [LINDEN]}
    bring(store, "SH", [account("1", "Anna", "Müller", email="anna@x.de", **same)])
    bring(store, "CSV", [contact("2", "Ben", "Müller", email="ben@x.de", **same)])
    desk = Desk(store)
    for mine, other in ((("1", "SH"), ("2", "CSV")), (("2", "CSV"), ("1", "SH"))):
        shares = desk.profile(*mine)["shares"]
        assert sorted(one["rule"] for one in shares) == ["address", "phone"]
        assert {one["with"] for one in shares} == {desk.public(*other)}
    assert (desk.count("apart"), desk.count("crowded")) == (0, 0)


def test_T27_T28_one_warning_for_a_value(store: Store) -> None:
    use(store)
    relay = "no-reply-amazon-iba-buyer@marketplace.amazon.it"
    orders = [guest_order(str(n), relay, first_name=f"Buyer{n:03}", last_name=f"Of{n:03}") for n in range(200)]
    bring(store, "SH", orders)
    assert [one.count for one in Desk(store).doctor("blocked values")] == [200]
    bring(
        store, "CSV", [contact(str(n), name, "Bast", email="info@firma.de") for n, name in enumerate(("Anna", "Ben"))]
    )
    assert len(Desk(store).doctor("blocked values")) == 2
    assert {row["email"] for row in Desk(store).rows(search="info@firma")} == {"info@firma.de"}, "shown and searchable"


def _two_accounts() -> list[Person]:
    return [
        account("1", "Max", "Muster", email="max@a.de", phone="030 998877", created_at=at("2026-01-01 12:00")),
        account("2", "Max", "Muster", email="max@b.de", phone="030 998877", created_at=at("2026-01-02 12:00")),
    ]


@pytest.mark.parametrize("last", ["CSV", "SH"])
def test_T30_the_record_between_goes_with_the_older(store: Store, last: str) -> None:
    use(store)
    between = [contact("7", "Max", "Muster", email="max@a.de", emails=["max@b.de"])]
    for source in ("SH", "CSV") if last == "CSV" else ("CSV", "SH"):
        bring(store, source, _two_accounts() if source == "SH" else between)
    desk = Desk(store)
    assert desk.people() == {frozenset(("SH/1", "CSV/7")), frozenset(("SH/2",))}
    (line,) = desk.kinds("kept_apart")
    two = {desk.public("1", "SH"), desk.public("2", "SH")}
    assert (line["rule"], {line["customer"], line["other"]}) == ("same_source", two)


def _stream() -> list[tuple[str, Record]]:
    dice = Random(33)
    people: list[tuple[str, Record]] = [
        (
            dice.choice(("SH", "CSV", "BB")),
            Person(
                external_id=str(n),
                version=n,
                kind=dice.choice(("account", "guest", "contact")),
                created_at=dice.choice((None, at("2026-01-01 12:00"), at("2026-01-02 12:00"))),
                first_name=dice.choice(("Max", "Maxi", "M.", "Anna", "Ann", "Ben", "Eva", None)),
                last_name=dice.choice(("Muster", "Mustermann", "Müller", "Mueller", "Lang", None)),
                email=dice.choice((None, "a@x.de", "b@x.de", "A@x.de", "c@x.de", "d@x.de")),
                phone=dice.choice((None, "030 998877", "0171 5550123")),
                addresses=dice.choice(([], [LINDEN])),
                company=dice.choice((None, "ACME", "Acme GmbH")),
                tags=dice.choice(([], ["vip"])),
            ),
        )
        for n in range(50)
    ]
    return people + [("SH", order(str(n), n, customer=str(n), version=1)) for n in range(30)]


def test_T33_the_export_is_the_same_whatever_came_first(store: Store, new_store: Any) -> None:
    exports = []
    for seed in range(20 if store.dialect == "sqlite" else 3):
        here = store if seed == 0 else new_store()
        use(here)
        stream = _stream()
        Random(seed).shuffle(stream)
        while stream:
            cut = Random(seed + len(stream)).randint(1, 30)
            batch, stream = stream[:cut], stream[cut:]
            for source in dict.fromkeys(name for name, _ in batch):
                bring(here, source, [r for name, r in batch if name == source], size=1 + seed % 5)
        exports.append(Desk(here).everything())
    assert all(one == exports[0] for one in exports)
    assert 5 < len(exports[0]) < 45, "some joined, some did not"


def _cart(**more: Any) -> Checkout:
    tea = [Line(title="Tea", quantity=2, unit_price=4000, total=8000)]
    base: dict[str, Any] = {"customer": "1", "at": at("2026-03-02 12:00"), "currency": "EUR", "value": 8000}
    return Checkout(external_id="c1", token="tok", lines=tea, **base, **more)


def _ordered(store: Store) -> None:
    use(store)
    first = order("1001", 3000, customer="1", placed_at=at("2026-03-01 12:00"))
    bring(store, "SH", [account("1", "Max", "Muster"), first])


def test_T54_an_abandoned_checkout_changes_no_figure(store: Store) -> None:
    _ordered(store)
    before = Desk(store).profile("1", "SH")
    bring(store, "SH", [_cart()])
    after = Desk(store).profile("1", "SH")
    (cart,) = after["checkouts"]
    assert (cart["badge"], cart["value"], cart["currency"], cart["order"]) == ("abandoned", "80.00", "EUR", None)
    assert (cart["at"], cart["lines"][0]["title"]) == ("2026-03-02T11:00:00Z", "Tea")
    assert {**after, "checkouts": []} == before


def test_T55_recovered_it_stands_beside_its_order(store: Store) -> None:
    _ordered(store)
    bring(store, "SH", [_cart()])
    recovered = order("1002", 8000, customer="1", placed_at=at("2026-03-03 12:00"), checkout_token="tok", number="1002")
    bring(store, "SH", [_cart(completed_at=at("2026-03-03 12:00")), recovered])
    profile = Desk(store).profile("1", "SH")
    (cart,) = profile["checkouts"]
    assert (cart["badge"], cart["order"]) == ("recovered", Desk(store).public("1002", "SH", "order"))
    assert [(o["number"], o["badge"]) for o in profile["order_list"]] == [("1002", "recovered"), (None, None)]
    assert (profile["orders"], profile["ltv"]) == (2, [{"amount": "110.00", "currency": "EUR"}]), "counted once"


def test_T55_recovered_without_its_order_counts_nowhere(store: Store) -> None:
    _ordered(store)
    bring(store, "SH", [_cart(completed_at=at("2026-03-03 12:00"))])
    profile = Desk(store).profile("1", "SH")
    assert [(c["badge"], c["order"]) for c in profile["checkouts"]] == [("recovered", None)]
    assert (profile["orders"], [o["badge"] for o in profile["order_list"]]) == (1, [None])


@pytest.mark.parametrize("how", ["sweep", "told", "missing row"])
def test_T66_gone_at_the_source_is_a_badge(store: Store, how: str) -> None:
    use(store)
    people = [account(str(n), "Anna", f"Adam{n}", email=f"a{n}@x.de") for n in range(12)]
    bring(store, "SH", [*people, order("5", customer="1")])
    bring(store, "CSV", [contact("7", "Anna", "Adam1", email="a1@x.de")])
    before = Desk(store).row("1", "SH")
    rest = [one for one in people if one.external_id != "1"]
    if how == "told":
        bring(store, "SH", [Gone(entity="customer", external_id="1")])
    elif how == "sweep":
        report = sync(store, Shop("SH", rest, exists=[one.external_id for one in rest]), full=True)
        assert report.status == "ok", report.error
    else:
        assert sync(store, Shop("SH", rest, complete=True)).status == "ok"
    after = Desk(store).row("1", "SH")
    gone = {(r["source"], r["external_id"]): r["gone"] for r in after["records"]}
    assert gone == {("SH", "1"): True, ("CSV", "7"): False}
    assert {**after, "records": []} == {**before, "records": []}, "id, e-mail, joins and orders are what they were"


def test_T71_doctor_counts_buyers_nobody_has_described(store: Store) -> None:
    use(store)
    bring(store, "SH", [order("5", customer="1")])
    assert [one.count for one in Desk(store).doctor("stubs")] == [1]
    bring(store, "SH", [account("1", "Max", "Muster")])
    assert Desk(store).doctor("stubs") == []


def test_T73_a_renamed_source_keeps_its_policy_and_history(store: Store) -> None:
    use(store, sources={"SH": "per_order"})
    bring(store, "CSV", [contact("7", "Max", "Muster", email="max@x.de")])
    arrived = [
        account("1", "Max", "Muster", email="max@x.de"),
        guest_order("5", "g@x.de"),
        order("6", customer="1", guest=False),
    ]
    bring(store, "SH", arrived)
    desk = Desk(store)
    before, lines = desk.rows(), len(desk.audit())
    rename(store, "SH", "shop-de")
    assert {row["id"]: row["sources"] for row in desk.rows()} == {
        row["id"]: sorted("shop-de" if s == "SH" else s for s in row["sources"]) for row in before
    }
    use(store, sources={"shop-de": "per_order"})
    report = bring(store, "shop-de", arrived)
    assert (report.new, report.changed, report.unchanged) == (0, 0, 3)
    assert len(desk.audit()) == lines
    bring(store, "shop-de", [guest_order("9", "g@x.de")])
    assert len(desk.rows()) == len(before) + 1, "its guest policy is still its own"
    with pytest.raises(Conflict):
        rename(store, "CSV", "SH")


def test_the_source_of_what_is_added_by_hand_keeps_its_name_for_itself(store: Store) -> None:
    use(store)
    bring(store, "SH", [account("1", "Max", "Muster")])
    added = newcomer.add(store, {"first_name": "Hanna"})
    for old, new in (("manual", "by hand"), ("SH", "manual")):
        with pytest.raises(Misconfigured, match="you add by hand"):
            rename(store, old, new)
    assert sorted(row["sources"] for row in Desk(store).rows()) == [["SH"], ["manual"]]
    assert newcomer.add(store, {"first_name": "Hans"}).imported.source == added.imported.source == "manual"


@pytest.mark.parametrize("left", [0, 4999])
def test_T75_ten_thousand_customers_do_not_vanish(store: Store, left: int) -> None:
    use(store)
    people = [account(str(n), email=f"p{n}@x.de") for n in range(10_000)]
    bring(store, "SH", people)
    rest = people[:left]
    for shop in (Shop("SH", rest, complete=True), Shop("SH", [], exists=[one.external_id for one in rest])):
        report = sync(store, shop, full=True)
        assert report.error is not None
        assert "suddenly lacks" in report.error["message"]
        with store.reading() as db:
            assert db.one("SELECT count(*) FROM record WHERE gone <> 0") == (0,)


def _of_one_buyer(n: int) -> Order:
    placed = at("2026-03-01 12:00") - n * 60_000_000
    return guest_order(f"{n:05}", "g@x.de", first_name="Gisa", last_name="Gast", placed_at=placed, version=placed)


def test_T76_the_10001st_order_costs_what_the_second_did(store: Store) -> None:
    use(store)
    bring(store, "SH", [_of_one_buyer(0)])
    second = bring(store, "SH", [_of_one_buyer(1)]).members_read
    bring(store, "SH", [_of_one_buyer(n) for n in range(2, 10_000)])  # newest first
    assert bring(store, "SH", [_of_one_buyer(10_000)]).members_read <= max(second, 1)
    (row,) = Desk(store).rows()
    assert (row["orders"], len(row["records"])) == (10_001, 10_001)
    assert (Desk(store).count("node"), Desk(store).count("mark")) == (1, 1)
