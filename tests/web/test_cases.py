"""The acceptance cases that the list and the profile show, through the page, on both stores: T09-T19, T42, T49, T57-T59, T61."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from klientela.kit import Address, Person
from klientela.store import Store
from tests.cases.seen import Desk, account, at, contact, guest_order, order
from tests.shops import bring, use
from tests.web.conftest import CONFIG, Served
from tests.web.profiles import part, path
from tests.web.rows.village import cells, names, shown, text


def listed(client: httpx.Client, **query: str) -> str:
    """The list as it is asked for."""
    answer = client.get("/customers", params={"size": "100", **query})
    assert answer.status_code == 200, answer.text[:300]
    return answer.text


def by_hand(*last_names: str) -> list[Person]:
    return [Person(external_id=name, entity="manual", last_name=name) for name in last_names]


@pytest.fixture
def client(served: Served, store: Store) -> httpx.Client:
    """A viewer of a house whose shop keeps guests apart."""
    use(store, sources={"S": "per_order"}, timezone="Europe/Berlin")
    return served.client("viewer")


def buyers(*said: tuple[str, str]) -> list[object]:
    """Accounts by last name, each with one order at a time."""
    people = [account(name, None, name) for name, _ in said]
    return [*people, *(order(f"o{name}", customer=name, placed_at=at(when)) for name, when in said)]


def test_T09_T10_who_was_added_by_hand_is_registered_and_stands_last_both_ways(
    client: httpx.Client, store: Store
) -> None:
    bring(store, "S", buyers(("Weber", "2026-03-01 12:00"), ("Ahlers", "2026-03-02 12:00")))  # type: ignore[arg-type]
    bring(store, "manual", by_hand("Zeta", "Adam"))
    page = listed(client, view="cockpit")
    assert names(page) == ["Ahlers", "Weber", "Adam", "Zeta"]
    assert shown(page, "status") == ["Registered"] * 4
    turned = re.search(r'id="sort-last_order" href="([^"]+)"', page)
    assert turned is not None
    page = client.get(unescape(turned[1])).text
    assert names(page)[:2] == ["Weber", "Ahlers"]
    assert sorted(names(page)[2:]) == ["Adam", "Zeta"]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [((("Weber", "2026-03-01 09:00"), ("Ahlers", "2026-03-01 18:00")), ["Ahlers", "Weber"]),
     ((("Weber", "2026-03-01T23:30Z"), ("Ahlers", "2026-03-02 10:00")), ["Ahlers", "Weber"]),
     ((("Öztürk", "2026-03-01 09:00"), ("Oster", "2026-03-01 10:00"), ("Ozan", "2026-03-01 11:00")),
      ["Oster", "Ozan", "Öztürk"])],
    ids=["T11", "T12", "T13"],
)  # fmt: skip
def test_T11_T12_T13_one_day_of_the_shop_is_ordered_by_last_name(
    client: httpx.Client, store: Store, said: tuple[tuple[str, str], ...], wanted: list[str]
) -> None:
    bring(store, "S", buyers(*said))  # type: ignore[arg-type]
    assert names(listed(client, view="cockpit")) == wanted


def test_T14_T15_the_dot_is_of_who_has_a_test_order_and_asks_for_no_status(client: httpx.Client, store: Store) -> None:
    real = [order(f"r{n}", customer="a") for n in range(5)]
    guests = [guest_order("g1", "g@x.de", last_name="Gast", test=True), guest_order("g2", "g@x.de", last_name="Gast")]
    bring(store, "S", [account("a", "Anna", "Adler"), order("t", customer="a", test=True), *real, *guests])
    page = listed(client)
    told = [(name, status, "test-dot" in row["name"]) for name, status, row in
            zip(names(page), shown(page, "status"), cells(page), strict=True)]  # fmt: skip
    assert sorted(told) == [
        ("Anna Adler", "Registered", True), ("Gast", "Not registered", False), ("Gast", "Not registered", True),
    ]  # fmt: skip
    assert len(cells(listed(client, segment="test"))) == 2


def test_T16_T17_gross_takes_all_and_ltv_says_what_it_leaves_out(client: httpx.Client, store: Store) -> None:
    bring(store, "S", [
        account("a", "Anna", "Adler"), order("1", 10000, customer="a", number="1"),
        order("2", 5000, customer="a", number="2", test=True), order("3", 3000, customer="a", number="3", state="cancelled"),
        order("4", 2000, customer="a", number="4", state="returned", refunded=2000),
    ])  # fmt: skip
    page = listed(client)
    assert (shown(page, "ltv"), shown(page, "orders")) == (["€100.00"], ["1"])
    assert shown(listed(client, view="cockpit"), "orders") == ["4"]
    profile = unescape(client.get(path(Desk(store), "a", "S")).text)
    tiles = text(profile.partition('id="figures"')[2].partition("</dl>")[0])
    assert "Lifetime value €100.00 Orders 1 " in tiles
    assert "€200.00 in 4, €50.00 on average" in part(profile, "orders")
    for number, why in (("2", "a test order"), ("3", "cancelled"), ("4", "refunded")):
        entry = text(profile.partition(f'data-order="{number}"')[2].partition("</li>")[0])
        assert f"Does not count: {why}" in entry
    assert profile.count("Does not count") == 3
    assert "Does not count: cancelled" in client.get("/orders/S/order/3").text


def test_T18_refunded_and_then_cancelled_counts_nothing_and_never_less(client: httpx.Client, store: Store) -> None:
    both = order("2", 1000, customer="a", refunded=1000, current_total=0, state="cancelled")
    bring(store, "S", [account("a", "Anna", "Adler"), order("1", 1000, customer="a"), both])
    assert shown(listed(client), "ltv") == ["€10.00"]


@pytest.mark.parametrize("view", ["default", "autoletter", "site123", "cockpit", "ecdp"])
def test_T19_without_orders_there_is_a_dash_for_an_average_and_nothing_breaks(
    client: httpx.Client, store: Store, view: str
) -> None:
    bring(store, "S", [account("a", "Anna", "Adler"), *by_hand("Zeta")])
    page = listed(client, view=view)
    assert len(cells(page)) == (1 if view == "cockpit" else 2)
    if view == "default":
        assert shown(page, "ltv") == ["€0.00"] * 2
        assert shown(page, "last_order") == ["–"] * 2
        assert re.search(r"Average lifetime value.*?<strong>–</strong>", page, re.DOTALL)
    tiles = text(
        client.get(path(Desk(store), "a", "S"), params={"view": view})
        .text.partition('id="figures"')[2]
        .partition("</dl>")[0]
    )
    assert re.search(r"(Lifetime value|Purchases in total) €0\.00 Orders 0 Average order –", tiles)
    assert "Last order" not in tiles


def test_T42_who_is_inactive_is_in_no_list_search_nor_card_but_one(
    served: Served, client: httpx.Client, store: Store
) -> None:
    people = [account("a", "Anna", "Adler", created_at=1), account("b", "Ben", "Berg", created_at=1)]
    bring(store, "S", [*people, order("1", 5000, customer="a"), order("2", 1000, customer="b")])
    home = path(Desk(store), "a", "S")
    assert served.client("editor").post(f"{home}/inactive", data={"x": "1"}).status_code == 303
    page = listed(client)
    assert names(page) == ["Ben Berg"]
    figures = [
        text(one)
        for one in re.findall(r"<strong>(.*?)</strong>", page.partition('class="kpis"')[2].partition("</section>")[0])
    ]
    assert (figures[0], figures[3]) == ("1", "€10.00")
    assert names(listed(client, q="anna")) == []
    assert names(listed(client, segment="inactive")) == ["Anna Adler"]
    assert names(listed(client, segment="inactive", q="anna")) == ["Anna Adler"]


def test_T46_R44_S36_a_column_of_consents_grants_nothing_without_the_tick(served: Served, store: Store) -> None:
    served.configure(CONFIG + '[sources.list]\ntype = "csv"\npath = "none.csv"\n')
    operator = served.client("operator")
    form = {"into": "list", "headers": "lenient"}
    for ticked, state in (({}, "unknown"), ({"subscribe": "1"}, "granted")):
        file = {"file": ("a.csv", b"email,consent_email\na@x.de,1\n")}
        place = operator.post("/imports/new", data=form, files=file).headers["location"]
        assert operator.post(place, data={**form, **ticked, "do": "write"}).status_code == 303
        (row,) = Desk(store).rows()
        assert row["consents"]["email"]["promotion"] == state, "an import may deny a consent and never grant one"


def test_T49_lenient_takes_the_rows_and_tells_of_the_column(served: Served, store: Store) -> None:
    served.configure(CONFIG + '[sources.list]\ntype = "csv"\npath = "none.csv"\n')
    operator = served.client("operator")
    form = {"into": "list", "headers": "lenient"}
    file = {"file": ("a.csv", b"email,Loyalty\na@x.de,7\nb@x.de,8\n")}
    place = operator.post("/imports/new", data=form, files=file).headers["location"]
    assert operator.post(place, data={**form, "do": "write"}).status_code == 303
    page = text(operator.get(place).text)
    assert re.search(r"[Ii]gnored[^.]*Loyalty|Loyalty[^.]*ignored", page)
    assert sorted(names(listed(operator))) == ["a@x.de", "b@x.de"]


def test_T57_two_currencies_stand_side_by_side(client: httpx.Client, store: Store) -> None:
    bring(
        store,
        "S",
        [account("a", "Anna", "Adler"), order("1", 1000, customer="a"), order("2", 1000, customer="a", currency="CHF")],
    )
    page = listed(client)
    assert shown(page, "ltv") == ["€10.00 + CHF10.00"]
    profile = text(client.get(path(Desk(store), "a", "S")).text.partition('id="figures"')[2].partition("</dl>")[0])
    assert "Lifetime value €10.00 + CHF10.00" in profile
    assert "20.00" not in page + profile


def test_T58_what_stands_for_a_name_in_the_list_and_over_the_profile(client: httpx.Client, store: Store) -> None:
    home = [Address(street="Lindenstr. 5", zip="01067", city="Dresden", country="DE")]
    bring(store, "S", [contact("1", None, None, email="only@x.de", phone="+49 351 8472914"),
                       contact("2", None, None, phone="+49 351 8472913"), contact("x9", None, None, addresses=home)])  # fmt: skip
    assert sorted(names(listed(client))) == ["+49 351 8472913", "only@x.de", "x9"]
    assert "<h1>only@x.de" in client.get(path(Desk(store), "1", "S")).text


def test_T59_every_word_must_hit_somewhere(client: httpx.Client, store: Store) -> None:
    berlin, bonn = [Address(city="Berlin", country="DE")], [Address(city="Bonn", country="DE")]
    bring(store, "shopify", [account("1", None, "Eins", addresses=berlin), account("2", None, "Zwei", addresses=bonn)])
    bring(store, "list", [contact("3", None, "Drei", addresses=berlin)])
    assert names(listed(client, q="berlin shopify")) == ["Eins"]
    assert sorted(names(listed(client, q=" BERLIN "))) == ["Drei", "Eins"]


def test_T61_a_thousand_and_one_customers_stand_on_one_page_each(client: httpx.Client, store: Store) -> None:
    bring(store, "S", [account(str(n), None, f"Name {n}") for n in range(1001)])
    found: list[str] = []
    place: str | None = "/customers"
    while place:
        page = client.get(place, headers={"x-fragment": "list"}).text
        found += re.findall(r'class="stretch" href="/customers/([^"]+)"', page)
        following = re.search(r'id="next" data-live href="([^"]+)"', page)
        place = unescape(following[1]) if following else None
    assert len(found) == len(set(found)) == 1001
