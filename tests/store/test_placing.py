"""Orders that are written into a shop: once, known again when they come back, and never counted twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from klientela.errors import Conflict, Misconfigured, NotKnown, SourceBroken, SourceChanged, SourceRefused, UnknownThing
from klientela.flow import correct, placing, withdraw
from klientela.flow.ordering import place
from klientela.flow.placing import UNDERWAY, send, settle, takers
from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import (
    Address,
    Field,
    Line,
    Order,
    Person,
    Placed,
    Placing,
    Record,
    SourceSettings,
    mark_of,
    take_mark,
)
from klientela.plugins import Plugins, find
from klientela.rules.ruleset import SourceRules
from klientela.settings.model import Settings
from klientela.store import Store, outbox
from klientela.store.checkup import examine
from tests.cases.seen import Desk, account, contact, order
from tests.shops import Shop, bring, use

HOME = Address(street="Lindenstr.", house_number="5", zip="10969", city="Berlin", country="DE", kind="billing")
WORK = Address(street="Ulmenweg 1", zip="01067", city="Dresden", country="DE", kind="shipping")
ANNA = account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 30 111", addresses=[HOME, WORK])


class Writable(SourceSettings):
    """As a plugin declares it."""

    write_orders: bool = Field(default=False, description="whether orders may be written into this shop")


class Taker(Shop):
    """A shop that takes orders, or does something else when it is asked to."""

    writes = True

    def __init__(self, records: list[Record], answer: Callable[[Placing], Any] | None = None, **more: Any) -> None:
        super().__init__(str(more.pop("name", "S")), records, **more)
        self.settings = Writable(type="memory", write_orders=True)
        self.answer = answer or (lambda order: Placed(external_id="n1"))
        self.asked: list[Placing] = []

    def place(self, order: Placing) -> Placed:
        self.asked.append(order)
        found: Placed = self.answer(order)
        return found


def raising(error: BaseException) -> Callable[[Placing], Any]:
    def answer(order: Placing) -> Any:
        raise error

    return answer


@pytest.fixture
def shop(store: Store) -> Taker:
    """Anna has one order of 10.00 in a shop."""
    use(store)
    made = Taker([ANNA, order("o1", 1000, customer="1", number="#1")])
    assert sync(store, made).status == "ok"
    return made


def local(store: Store) -> str:
    """An order of 2 x 12.50 less 3.00 that is kept here."""
    lines = [("Tea", "2", "12,50")]
    return place(store, "S/customer/1", lines, "EUR", voucher="SPRING", discount="3.00")[1]


def revenue(store: Store) -> tuple[str, int]:
    """What counts of Anna, and how many orders."""
    row = Desk(store).row("1")
    return row["ltv"][0]["amount"] if isinstance(row["ltv"], list) else row["ltv"]["amount"], row["orders"]


def whole(store: Store) -> None:
    assert rebuild(store, check=True).differences == []


def test_what_is_sent_is_what_was_placed_and_who_the_profile_shows(store: Store, shop: Taker) -> None:
    key = local(store)
    made = send(store, key, shop)
    (asked,) = shop.asked
    assert (asked.total, asked.discount, asked.currency, asked.voucher) == (2200, 300, "EUR", "SPRING")
    assert asked.lines == [Line(title="Tea", quantity=2, unit_price=1250, total=2500)]
    assert (asked.customer, asked.first_name, asked.last_name, asked.email) == ("1", "Anna", "Ahorn", "anna@x.de")
    assert (asked.billing, asked.shipping) == (HOME, WORK)
    assert key == f"manual/order/{asked.key}"
    assert (made.state, made.ext, made.source, made.error) == ("taken", "n1", "S", None)


@pytest.mark.parametrize("default", ["registered", "guest"])
def test_R4_S19_an_order_placed_by_hand_leaves_the_status_as_it_is(
    store: Store, default: Literal["registered", "guest"]
) -> None:
    use(store, sources={"S": SourceRules(default_status=default)})
    bring(store, "S", [contact("1", "Anna", "Ahorn")])
    place(store, Desk(store).public("1"), [("Tea", "1", "5")], "EUR")
    (row,) = Desk(store).rows()
    assert (row["status"], row["orders"]) == (default, 1)
    whole(store)


@pytest.mark.parametrize(
    ("written", "currency", "meant"),
    [("5", "EUR", 500), ("12,5", "EUR", 1250), ("1.000,00", "EUR", 100_000), ("1,000.00", "EUR", 100_000),
     ("1 000,50", "PLN", 100_050), ("1\u202f000", "EUR", 100_000), ("1.000.000", "EUR", 100_000_000),
     ("1'000.50", "CHF", 100_050), ("1000", "JPY", 1000), ("1.250", "KWD", 1250)],
)  # fmt: skip
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_S19_amounts_are_read_as_people_write_them(store: Store, written: str, currency: str, meant: int) -> None:
    bring(store, "S", [account("1", "Anna", "Ahorn")])
    place(store, "S/customer/1", [("Tea", "1", written)], currency)
    with store.reading() as db:
        assert db.rows("SELECT gross FROM orders") == [(meant,)]


@pytest.mark.parametrize(
    "written", ["1.000", "12,", ",5", "1.00.000", "1.000.50", "1e3", "+5", "-1", "1_000", "١٢", "9" * 13]
)
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_S19_an_amount_that_may_mean_two_things_or_none_is_refused(store: Store, written: str) -> None:
    bring(store, "S", [account("1", "Anna", "Ahorn")])
    with pytest.raises(Misconfigured, match="is no price"):
        place(store, "S/customer/1", [("Tea", "1", written)], "EUR")


def test_what_was_corrected_of_the_order_is_sent_and_what_was_sent_changes_in_the_shop(
    store: Store, shop: Taker
) -> None:
    key = local(store)
    correct.edit(store, key, {"shipping_street": "Am Ring 3", "shipping_city": "Ulm", "phone": "+49 30 999"})
    correct.edit(store, key, {"state": "cancelled"})
    with pytest.raises(Conflict, match="is cancelled here, so it is not sent"):
        send(store, key, shop)
    correct.edit(store, key, {"state": "open"})
    send(store, key, shop)
    (asked,) = shop.asked
    assert asked.shipping == Address(street="Am Ring 3", city="Ulm", kind="shipping")
    assert (asked.billing, asked.phone, asked.last_name) == (HOME, "+49 30 999", "Ahorn")
    with pytest.raises(Conflict, match="the order was sent to S, so the state changes there"):
        correct.edit(store, key, {"state": "cancelled"})
    whole(store)


@pytest.mark.parametrize("marked", [False, True], ids=["by the id it answered", "by the mark alone"])
@pytest.mark.parametrize("first", ["answer", "order"])
def test_S19_the_shop_s_own_takes_the_place_of_the_order_and_revenue_counts_it_once(
    store: Store, shop: Taker, marked: bool, first: str
) -> None:
    assert revenue(store) == ("10.00", 1)
    key = local(store)
    assert revenue(store) == ("32.00", 2), "it counts as long as no shop tells of it"

    def own(placed_as: str) -> Order:
        said = {"placed_as": placed_as} if marked else {}
        return order("n1", 2300, customer="1", number="#2", **said)

    def meanwhile(asked: Placing) -> Placed:
        if first == "order":  # a webhook, or a run beside it, was faster than the answer
            bring(store, "S", [own(asked.key)])
        return Placed(draft="d1") if marked else Placed(external_id="n1")

    shop.answer = meanwhile
    made = send(store, key, shop)
    if first == "answer":
        assert revenue(store) == ("32.00", 2), "sent, and still told of by nobody else"
        bring(store, "S", [own(made.key)])
    assert revenue(store) == ("33.00", 2), "the shop's own word counts, once"
    (listed,) = [one for one in Desk(store).profile("1")["order_list"] if one["number"] == "#2"]
    assert {one["source"] for one in listed["carriers"]} == {"S", "manual"}
    whole(store)
    bring(store, "S", [replace(own(made.key), state="cancelled")])
    assert revenue(store) == ("10.00", 1), "cancelled in the shop, it counts nowhere"
    whole(store)


def test_a_copy_that_the_shop_made_with_the_same_mark_is_an_order_of_its_own(store: Store, shop: Taker) -> None:
    made = send(store, local(store), shop)
    bring(store, "S", [order(ext, 2200, customer="1", placed_as=made.key, number=ext) for ext in ("n1", "n2")])
    assert revenue(store) == ("54.00", 3)
    whole(store)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SourceRefused("the shop said no"), "refused"),
        (SourceBroken("the shop could not be reached"), "refused"),
        (NotKnown("the shop did not answer in time, so nobody knows whether it was done"), "unknown"),
        (ZeroDivisionError("anna@x.de"), "unknown"),
    ],
)  # fmt: skip
def test_what_ends_the_call_decides_what_is_known(store: Store, shop: Taker, error: Exception, state: str) -> None:
    key = local(store)
    shop.answer = raising(error)
    made = send(store, key, shop)
    assert (made.state, made.ext, made.draft) == (state, None, None)
    assert made.error
    assert "anna" not in made.error
    assert revenue(store) == ("32.00", 2)
    if state == "refused":
        shop.answer = lambda asked: Placed(external_id="n1")
        assert send(store, key, shop).state == "taken"
        assert shop.asked[0] == shop.asked[1], "the same key, so that a shop that knows such keys takes it once"
    else:
        with pytest.raises(Conflict, match="not sent again"):
            send(store, key, shop)
        assert len(shop.asked) == 1
    whole(store)


@pytest.mark.parametrize("answer", [None, "n1", Placed()], ids=["nothing", "a text", "no id"])
def test_an_answer_without_an_id_is_none(store: Store, shop: Taker, answer: Any) -> None:
    shop.answer = lambda asked: answer
    assert send(store, local(store), shop).state == "unknown"


def test_a_process_that_dies_while_the_shop_is_asked_leaves_a_question(store: Store, shop: Taker) -> None:
    key = local(store)

    def die(asked: Placing) -> Placed:
        with store.reading() as db:
            row = outbox.handed(db, placing.record_of(db, key))
        assert row is not None
        assert row.state == "sending", "written and committed before the shop is asked"
        raise KeyboardInterrupt

    shop.answer = die
    with pytest.raises(KeyboardInterrupt):
        send(store, key, shop)
    for looked in (False, True):
        with pytest.raises(Conflict, match="may still be on its way"):
            send(store, key, shop, looked=looked)
    with pytest.raises(Conflict, match="may still be on its way"):
        settle(store, key, there=False)
    assert doubts(store) == "ok"
    later(store)
    assert doubts(store) == "warning"
    with pytest.raises(Conflict, match="nobody knows whether S has taken this order"):
        send(store, key, shop)
    assert len(shop.asked) == 1
    shop.answer = lambda asked: Placed(external_id="n1")
    assert send(store, key, shop, looked=True).state == "taken"


def later(store: Store) -> None:
    """A quarter of an hour goes by."""
    with store.step("test") as step:
        step.db.run("UPDATE outbox SET at = at - ?", (UNDERWAY,))


def doubts(store: Store) -> str:
    """What `doctor` says of orders that were sent."""
    (found,) = [one for one in examine(store) if one.check == "outbox"]
    return found.level


def test_who_has_looked_says_what_is_there(store: Store, shop: Taker) -> None:
    key = local(store)
    shop.answer = raising(NotKnown("no answer"))
    send(store, key, shop)
    assert settle(store, key, there=True).state == "taken"
    with pytest.raises(Conflict, match="nothing is open"):
        settle(store, key, there=True)
    assert settle(store, key, there=False).state == "refused", "a draft that the shop threw away"
    with pytest.raises(Conflict, match="nothing is open"):
        settle(store, key, there=False)
    whole(store)


def test_what_came_back_is_not_declared_away(store: Store, shop: Taker) -> None:
    key = local(store)
    shop.answer = raising(NotKnown("no answer"))
    made = send(store, key, shop)
    bring(store, "S", [order("n9", 2200, customer="1", placed_as=made.key)])
    assert revenue(store) == ("32.00", 2), "the mark tells that the shop took it"
    with pytest.raises(Conflict, match="is in the shop"):
        settle(store, key, there=False)
    with pytest.raises(Conflict, match="came back"):
        send(store, key, shop, looked=True)


def test_it_is_taken_back_only_while_it_is_here(store: Store, shop: Taker) -> None:
    made, key = place(store, "S/customer/1", [("Tea", "1", "5")], "EUR")
    assert made.batch is not None
    shop.answer = raising(NotKnown("no answer"))
    send(store, key, shop)
    with pytest.raises(Conflict, match="was sent to S, so it cannot be taken back here"):
        withdraw.undo(store, made.batch)
    assert revenue(store) == ("15.00", 2)
    settle(store, key, there=False)
    withdraw.undo(store, made.batch)
    assert revenue(store) == ("10.00", 1)
    whole(store)
    with pytest.raises(UnknownThing):
        send(store, key, shop)


def test_a_source_that_is_only_read_is_never_written_to(store: Store, shop: Taker) -> None:
    key = local(store)
    for wrong in (Writable(type="memory"), SourceSettings(type="memory")):
        shop.settings = wrong
        with pytest.raises(Misconfigured, match="the source S is only read"):
            send(store, key, shop)
    with pytest.raises(Misconfigured, match="only read"):
        send(store, key, Shop("S", []))
    assert shop.asked == []


def test_nothing_is_written_into_another_shop(store: Store, shop: Taker) -> None:
    shop = Taker([ANNA], identity="one")
    assert sync(store, shop).status == "ok"
    key = local(store)
    shop.identity = "another"
    with pytest.raises(SourceChanged):
        send(store, key, shop)
    assert shop.asked == []
    with store.reading() as db:
        assert outbox.handed(db, placing.record_of(db, key)) is None


@pytest.mark.parametrize("key", ["S/order/o1", "manual/order/none", "x", "manual/customer/1"])
def test_only_what_is_kept_here_is_sent(store: Store, shop: Taker, key: str) -> None:
    with pytest.raises(UnknownThing):
        send(store, key, shop)
    with pytest.raises(UnknownThing):
        settle(store, key, there=True)
    assert shop.asked == []


def test_the_row_says_nothing_of_the_person(store: Store, shop: Taker) -> None:
    send(store, local(store), shop)
    with store.reading() as db:
        (row,) = db.rows("SELECT * FROM outbox")
    for word in ("Anna", "Ahorn", "anna@x.de", "111", "Lindenstr"):
        assert word not in str(row)


def test_who_takes_orders_is_said_by_plugin_and_configuration() -> None:
    found = Plugins(find([]).manager, types={"memory": Taker, "read": Shop})
    settings = Settings.model_construct(
        sources={
            "a": Writable(type="memory", write_orders=True),
            "b": Writable(type="memory"),
            "c": Writable(type="read", write_orders=True),
            "d": Writable(type="gone", write_orders=True),
        }
    )
    assert takers(settings, found) == {"a": "Memory"}


def test_a_mark_is_found_among_tags_and_nothing_else() -> None:
    key = "0123456789abcdef" * 2
    assert take_mark(["VIP", f" {mark_of(key)} ", mark_of("f" * 32)]) == (key, ["VIP"])
    for other in ("klientela-", "klientela-xyz", f"x{mark_of(key)}", mark_of(key) + "0", mark_of(key.upper())):
        assert take_mark([other]) == (None, [other])


def test_the_shop_says_who_bought_it(store: Store, shop: Taker) -> None:
    made = send(store, local(store), shop)
    ben: list[Record] = [Person(external_id="2", kind="account", first_name="Ben"), order("n1", 2200, customer="2")]
    bring(store, "S", ben)
    assert made.ext == "n1"
    assert revenue(store) == ("10.00", 1), "the shop says who bought it"
    whole(store)
