"""The source on the wire: what it asks for, what it refuses, guests by policy, the trash, old shops, closed accounts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tests.cases.desk import rows
from tests.shops import use
from woocommerce_helpers import Connect, known, truth

from klientela.flow.sync import Report, sync
from klientela.kit import MINUTE, SourceRefused, Window
from klientela.plugins import find
from klientela.rules.ruleset import SourceRules
from klientela.store import Store
from klientela.testing import serve
from klientela_woocommerce.sandbox import WooCommerceSandbox
from klientela_woocommerce.settings import WooCommerceSettings
from klientela_woocommerce.source import WooCommerceSource

KEYS = {"type": "woocommerce", "consumer_key": "ck_x", "consumer_secret": "cs_x"}
GUEST = {"first_name": "Gerd", "last_name": "Gast", "email": "gerd@post.example", "phone": ""}


def pull(store: Store, connect: Connect, box: WooCommerceSandbox, *, full: bool = False, **settings: Any) -> Report:
    report = sync(store, connect(box, customers_every=0, **settings), full=full)
    assert report.status == "ok", report.error
    return report


def by_status(store: Store) -> list[tuple[str, int]]:
    return sorted((row["status"], row["orders"]) for row in rows(store))


def test_the_plugin_is_a_distribution_of_its_own() -> None:
    (plugin,) = [one for one in find().found if one.name == "woocommerce"]
    assert (plugin.distribution, plugin.version, plugin.types) == ("klientela-woocommerce", "0.1.0", ("woocommerce",))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"base_url": "http://shop.example"}, "https only"),
        ({"base_url": "shop.example"}, "no address"),
        ({"base_url": "https://shop.example?a=1"}, "no address"),
        ({"base_url": "https://shop.example", "role": "editor"}, "all"),
        ({"base_url": "https://shop.example", "customers_every": -1}, "greater"),
    ],
)
def test_settings_that_cannot_be(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        WooCommerceSettings.model_validate({**KEYS, **keys})


def test_addresses_are_taken_as_people_copy_them() -> None:
    for text in ("https://shop.example/", "https://shop.example/wp-json", "https://shop.example/wp-json/"):
        assert WooCommerceSettings.model_validate({**KEYS, "base_url": text}).base_url == "https://shop.example"
    assert WooCommerceSettings.model_validate({**KEYS, "base_url": "http://127.0.0.1:9001"})


def test_check_tells_whose_shop_it_is(connect: Connect) -> None:
    found = connect(WooCommerceSandbox()).check()
    assert (found.identity, found.title) == ("shop-1.example", "Laden")


def test_a_site_without_woocommerce_is_refused(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WooCommerceSandbox, "_index", lambda self, query: {"name": "Blog", "namespaces": ["wp/v2"]})
    with pytest.raises(SourceRefused, match="no WooCommerce shop") as caught:
        connect(WooCommerceSandbox()).check()
    assert "permalinks" in str(caught.value.hint)


def test_the_window_begins_and_ends_where_it_should(connect: Connect) -> None:
    """`modified_after` and `modified_before` are exclusive there, `since` is not."""
    box = WooCommerceSandbox()
    for _ in range(4):
        box.order()
    times = sorted(row.at for row in box.shelves["orders"].values())
    source = connect(box)
    (orders,) = [one for one in source.streams() if one.name == "orders"]
    found = [one.version for page in orders.read(Window(times[1], times[3]), None) for one in page.records]  # type: ignore[union-attr]
    assert found == times[1:3]


def test_accounts_and_guests_under_merge_and_per_order(store: Store, connect: Connect) -> None:
    use(store, sources={"main": SourceRules(guests="per_order")})
    box = WooCommerceSandbox()
    mia = box.account(first_name="Mia", last_name="Nord", email="mia@post.example")
    for buyer in (mia, mia, None, None):
        box.order(buyer, billing={} if buyer else GUEST)
    box.order(None, billing={**GUEST, "email": "mia@post.example"})  # logged out: never in her history (R9)
    pull(store, connect, box)
    assert by_status(store) == [("guest", 1), ("guest", 1), ("guest", 1), ("registered", 2)]


def test_under_merge_guests_with_one_mail_are_one(store: Store, connect: Connect) -> None:
    use(store, sources={"main": "merge"})
    box = WooCommerceSandbox()
    for _ in range(3):
        box.order(None, billing=GUEST)
    pull(store, connect, box)
    assert by_status(store) == [("guest", 3)]


def test_the_trash_takes_an_order_away_and_gives_it_back(store: Store, connect: Connect) -> None:
    use(store)
    box = WooCommerceSandbox()
    order = box.order(box.account(last_name="Nord", email="mia@post.example"))
    pull(store, connect, box)
    assert by_status(store) == [("registered", 1)]
    box.say(order, status="trash")
    pull(store, connect, box)
    assert by_status(store) == [("registered", 0)]
    box.say(order, status="completed")
    pull(store, connect, box)
    assert by_status(store) == [("registered", 1)]


def test_an_order_that_is_gone_for_good_is_found_by_a_full_run(store: Store, connect: Connect) -> None:
    use(store)
    box = WooCommerceSandbox()
    buyer = box.account(last_name="Nord", email="mia@post.example")
    orders = [box.order(buyer) for _ in range(4)]
    box.say(orders[3], status="trash")
    pull(store, connect, box)
    box.drop("orders", orders[0].id)
    pull(store, connect, box, full=True)
    assert ("order", orders[0].id) not in known(store)
    assert ("order", orders[3].id) in known(store)  # the trash is a place


def test_orders_of_a_closed_account_become_guests_with_a_full_run(store: Store, connect: Connect) -> None:
    """WordPress sets their customer to 0 without changing their time."""
    use(store)
    box = WooCommerceSandbox()
    for number in range(3):
        box.order(box.account(last_name=f"Nr{number}", email=f"p{number}@post.example"))
    pull(store, connect, box)
    gone = next(iter(box.shelves["customers"]))
    box.drop("customers", gone)
    for row in box.shelves["orders"].values():
        row.said["customer_id"] *= row.said["customer_id"] != int(gone)
    pull(store, connect, box, full=True)
    assert known(store) == truth(box)


def test_new_accounts_are_noticed_at_once_and_changed_ones_in_time(store: Store, connect: Connect) -> None:
    use(store)
    box = WooCommerceSandbox(customers=20)
    source = connect(box, customers_every=60)
    box.clock = (box.clock // (60 * MINUTE) + 1) * 60 * MINUTE + 12 * MINUTE
    assert sync(store, source).status == "ok"
    first = next(iter(box.shelves["customers"].values()))
    box.put("customers", {"billing": {"phone": "+493023125999"}}, first.id)
    assert sync(store, source).read < 20  # the accounts were not read
    assert known(store)["customer", first.id] != truth(box)["customer", first.id]
    box.account(last_name="Neu", email="neu@post.example")
    sync(store, source)
    assert known(store) == truth(box)
    box.put("customers", {"billing": {"phone": "+493023125998"}}, first.id)
    box.clock += 60 * MINUTE
    sync(store, source)
    assert known(store) == truth(box)


def test_an_old_shop_that_ignores_the_filter_is_told_of(
    store: Store, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(store)
    box = WooCommerceSandbox(customers=10)
    pull(store, connect, box)
    box.clock += 60 * MINUTE
    monkeypatch.setattr(WooCommerceSandbox, "_limit", lambda self, query, name: None)
    report = pull(store, connect, box)
    assert [remark for remark in report.remarks if "modified_after" in remark]
    assert known(store) == truth(box)


def test_a_shop_that_does_not_count_is_read_to_its_end(
    store: Store, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = WooCommerceSandbox._listed

    def uncounted(self: WooCommerceSandbox, *args: Any) -> Any:
        answer = plain(self, *args)
        del answer.headers["X-WP-Total"]
        return answer

    monkeypatch.setattr(WooCommerceSandbox, "_listed", uncounted)
    use(store)
    box = WooCommerceSandbox(seed=3, customers=130)
    assert len(box.shelves["orders"]) > 100
    pull(store, connect, box)
    assert known(store) == truth(box)


def test_the_sandbox_keeps_to_the_vendors_limits() -> None:
    box = WooCommerceSandbox(customers=3)
    with serve(box.app) as url:
        settings = WooCommerceSettings.model_validate(box.settings(url))
        source = WooCommerceSource("main", settings)
        for query in ({"per_page": 101}, {"orderby": "modified"}, {"modified_after": "yesterday"}, {"page": 0}):
            answer = source.http.get("/wp-json/wc/v3/orders", query, accept=[400])
            assert (answer.status, answer.json()["code"]) == (400, "rest_invalid_param"), query
        whole = source.http.get("/wp-json/wc/v3/orders", {"per_page": 2})
        count = len(box.shelves["orders"])
        assert whole.headers["X-WP-Total"] == str(count)
        assert whole.headers["X-WP-TotalPages"] == str(-(-count // 2))
        local = source.http.get_json("/wp-json/wc/v3/orders", {"modified_after": "2026-03-01T12:00:00"})
        utc = source.http.get_json(
            "/wp-json/wc/v3/orders", {"modified_after": "2026-03-01T11:00:00", "dates_are_gmt": "true"}
        )
        assert local == utc
        source.close()
