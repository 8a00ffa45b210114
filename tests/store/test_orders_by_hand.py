"""Orders by hand (R38): whose a field is, edits and pins that outlive every sync, what is refused, and who is told."""

from __future__ import annotations

from typing import Any

import pytest

from klientela.errors import Conflict, KlientelaError, Misconfigured, UnknownThing
from klientela.flow import correct, decide, withdraw
from klientela.flow.asof import customer_as_of
from klientela.flow.erase import erase
from klientela.flow.importing import Into, import_records
from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import Address, Origin
from klientela.rules.ruleset import SourceRules
from klientela.settings.views import PRESETS, View
from klientela.store import Store, ledger, orderlist, rows
from tests.cases.seen import Desk, account, guest_order, order
from tests.shops import Shop, bring, use

TITLES = {"memory": "Shopify"}
HOME = Address(street="Lindenstr.", house_number="5", zip="10969", city="Berlin", country="DE", kind="shipping")


class File(Shop):
    """A list that operators may edit."""

    type = "csv"
    title = "CSV"


def listed(store: Store, *records: Any, name: str = "L") -> None:
    assert sync(store, File(name, records)).status == "ok"


def seen(store: Store, key: str) -> dict[str, Any]:
    """The order as its page reads it."""
    with store.reading() as db:
        return orderlist.order(db, key, rows.lens(db, View.model_validate(PRESETS["default"])), key=store.key)


def whole(store: Store) -> None:
    assert rebuild(store, check=True).differences == []
    with store.reading() as db:
        assert list(ledger.verify(db)) == []


def test_R38_the_state_of_a_listed_order_is_edited_survives_the_next_sync_and_is_undone(store: Store) -> None:
    use(store)
    listed(store, account("1", "Anna", "Ahorn"), order("o1", 1000, customer="1", number="1001", state="open"))
    made = correct.edit(store, "L/order/o1", {"state": "cancelled"})
    assert [one["id"] for one in made.customers] == [Desk(store).public("1", "L")]
    assert seen(store, "L/order/o1")["state"] == "cancelled"
    assert Desk(store).rows()[0]["orders"] == 0, "it counts no more"
    whole(store)
    listed(store, order("o1", 1200, customer="1", number="1001", state="paid"))
    found = seen(store, "L/order/o1")
    assert (found["state"], found["total"]) == ("cancelled", "12.00")
    assert found["provenance"]["state"]["beneath"]["value"] == "paid"
    whole(store)
    assert made.seq is not None
    decide.undo(store, made.seq)
    assert seen(store, "L/order/o1")["state"] == "paid"
    assert Desk(store).rows()[0]["orders"] == 1
    whole(store)


def refusal(way: Any) -> KlientelaError:
    with pytest.raises((Conflict, Misconfigured, UnknownThing)) as found:
        way()
    return found.value


def counts(store: Store) -> dict[str, int]:
    with store.reading() as db:
        return {
            name: db.rows(f"SELECT count(*) FROM {name}")[0][0]
            for name in ("txn", "audit", "decision", "claim", "channel")
        }


def test_R38_what_a_shop_delivers_is_locked_until_a_value_is_pinned_over_it(store: Store) -> None:
    use(store)
    bring(store, "S", [account("1", "Anna", "Ahorn"),
                       order("o1", 1000, customer="1", phone="+49 30 111", addresses=[HOME])])  # fmt: skip
    for field, value in (("phone", "+49 30 222"), ("state", "cancelled"), ("shipping_city", "Ulm"), ("city", "Ulm")):
        told = refusal(lambda f=field, v=value: correct.edit(store, "S/order/o1", {f: v}, titles=TITLES))  # type: ignore[misc]
        assert "comes from Shopify (S), so it changes there" in told.message, field
        told = refusal(lambda f=field, v=value: correct.pin(store, "S/order/o1", f, v, titles=TITLES))  # type: ignore[misc]
        assert "comes from Shopify (S)" in told.message, field
    correct.pin(store, "S/order/o1", "state", "cancelled", overlay=True, titles=TITLES)
    correct.pin(store, "S/order/o1", "shipping_city", "Ulm", overlay=True)
    bring(store, "S", [order("o1", 1500, customer="1", phone="+49 30 333", addresses=[HOME], version=9)])
    found = seen(store, "S/order/o1")
    place = found["addresses"][0]
    assert (found["state"], found["phone"], place["city"], place["zip"]) == ("cancelled", "+49 30 333", "Ulm", "10969")
    assert [found["provenance"][unit]["pinned"] for unit in ("state", "phone", "shipping")] == [True, False, True]
    assert "is pinned" in refusal(lambda: correct.edit(store, "S/order/o1", {"state": "open"})).message
    whole(store)
    correct.unpin(store, "S/order/o1", "state")
    correct.unpin(store, "S/order/o1", "shipping_zip")
    found = seen(store, "S/order/o1")
    assert (found["state"], found["addresses"][0]["city"]) == ("paid", "Berlin")
    assert "is not pinned" in refusal(lambda: correct.unpin(store, "S/order/o1", "state")).message
    whole(store)


def test_R29_R38_an_order_of_two_carriers_is_edited_field_by_field_and_a_pin_outranks_both(store: Store) -> None:
    use(store, sources={"L": SourceRules(same_as={"7": "S"}), "S": SourceRules()})
    bring(store, "S", [account("1", "Anna", "Ahorn"), order("100", customer="1", number="#1", company="Shop AG")])
    listed(store, order("b1", phone="+49 30 1", company="L", origin=Origin(platform="shop", shop="7", id="100")))
    for key in ("S/order/100", "L/order/b1"):
        assert "comes from" in refusal(lambda k=key: correct.edit(store, k, {"company": "X"})).message  # type: ignore[misc]
    correct.edit(store, "S/order/100", {"phone": "+49 30 2"})  # the list's own value, by the key of either
    assert seen(store, "S/order/100")["provenance"]["phone"]["record"] == "L/order/b1"
    correct.pin(store, "L/order/b1", "company", "Hand AG", overlay=True)
    found = seen(store, "L/order/b1")
    assert (found["phone"], found["company"]) == ("+49 30 2", "Hand AG")
    assert found["provenance"]["company"]["beneath"]["value"] == "Shop AG"
    whole(store)


def test_R27_what_was_pinned_on_a_list_stands_when_the_shop_tells_of_the_order_later(store: Store) -> None:
    use(store, sources={"L": SourceRules(same_as={"7": "S"}), "S": SourceRules()})
    listed(store, order("b1", addresses=[HOME], origin=Origin(platform="shop", shop="7", id="100")))
    correct.pin(store, "L/order/b1", "state", "returned")
    correct.pin(store, "L/order/b1", "shipping_city", "Ulm")
    bill = Address(street="Am Ring 1", city="Bonn", kind="billing")
    bring(store, "S", [order("100", company="Shop AG", addresses=[bill, HOME])])
    found = seen(store, "S/order/100")
    assert (found["key"], found["state"], found["company"]) == ("S/order/100", "returned", "Shop AG")
    assert [one["city"] for one in found["addresses"]] == ["Bonn", "Ulm"]
    assert found["provenance"]["shipping"]["pinned"], "and it says so"
    whole(store)
    correct.unpin(store, "S/order/100", "state")
    assert seen(store, "S/order/100")["state"] == "paid"


def test_R0b_a_pinned_state_stands_before_a_paper_that_cancels_and_an_edit_behind_it(store: Store) -> None:
    use(store)
    listed(store, account("1", "Anna", "Ahorn"), order("o1", customer="1"), order("o2", cancels="o1"))
    told = refusal(lambda: correct.edit(store, "L/order/o1", {"state": "open"}))
    assert "another record cancels this order" in told.message
    correct.pin(store, "L/order/o1", "state", "paid", overlay=True)
    assert Desk(store).rows()[0]["orders"] == 1
    whole(store)


def test_R6_R38_the_row_of_a_guest_follows_what_is_corrected_of_its_order(store: Store) -> None:
    use(store, sources={"L": SourceRules(guests="per_order")})
    listed(store, guest_order("g1", "gast@example.org", first_name="Gerda", last_name="Gatz"))
    correct.edit(store, "L/order/g1", {"last_name": "Gast", "street": "Ulmenweg 3", "city": "Ulm", "country": "DE"})
    (row,) = Desk(store).rows()
    assert (row["name"], row["city"]) == ("Gerda Gast", "Ulm")
    lines = [one for one in Desk(store).profile("g1", "L", "guest_order")["history"] if one["decision"] == "edit"]
    assert {(one["record"], one["field"], one["actor"]) for one in lines} == {
        ("L/order/g1", "last_name", "operator"), ("L/order/g1", "address", "operator")
    }  # fmt: skip
    whole(store)


@pytest.mark.parametrize(
    ("fields", "kind", "sentence"),
    [
        ({"email": "new@x.de"}, Conflict, "e-mail of a customer changes only by the sync"),
        ({"email": "new@x.de", "state": "paid"}, Conflict, "nothing was written"),
        ({"total": "3"}, Misconfigured, "no field 'total' that an operator sets"),
        ({"state": "shipped"}, Misconfigured, "the state of an order is one of open, paid"),
        ({"state": ""}, Misconfigured, "the state of an order is one of open, paid"),
        ({"phone": "x", "company": "Neu"}, Misconfigured, "a phone number has at least 3 digits"),
        ({"birthday": "1980-12-31"}, Misconfigured, "no field 'birthday'"),
        ({}, Misconfigured, "no field is named"),
    ],
)
def test_R37_R38_bad_uses_are_one_sentence_and_write_nothing(
    store: Store, fields: dict[str, str], kind: type[KlientelaError], sentence: str
) -> None:
    listed(store, account("1", "Anna", "Ahorn"), order("o1", customer="1"))
    before = counts(store)
    told = refusal(lambda: correct.edit(store, "L/order/o1", fields))
    assert (type(told), sentence in told.message) == (kind, True), told.message
    for key in ("L/order/none", "X/order/o1", "L/order/"):
        assert "there is no order" in refusal(lambda k=key: correct.edit(store, k, {"state": "paid"})).message  # type: ignore[misc]
    assert correct.edit(store, "L/order/o1", {"state": "paid"}).seq is None, "it is so already"
    dry = correct.edit(store, "L/order/o1", {"state": "open"}, dry_run=True)
    assert (dry.seq, dry.about) == (None, {"order": "L/order/o1"})
    assert counts(store) == before


def test_R40b_the_later_save_of_an_order_is_told_who_changed_what(store: Store) -> None:
    listed(store, order("o1", company="Alt"))
    version = seen(store, "L/order/o1")["version"]
    correct.edit(store, "L/order/o1", {"company": "Neu"}, actor="operator paula")
    told = refusal(lambda: correct.edit(store, "L/order/o1", {"company": "Mein"}, as_of=version))
    assert "the company was changed meanwhile by operator paula" in told.message
    correct.edit(store, "L/order/o1", {"state": "open"}, as_of=version)  # another field
    assert (
        "no version 9999 yet"
        in refusal(lambda: correct.edit(store, "L/order/o1", {"state": "paid"}, as_of=9999)).message
    )
    whole(store)


def test_R56_what_was_said_of_an_order_by_hand_leaves_with_its_person_and_its_state_stays(store: Store) -> None:
    use(store)
    listed(store, account("1", "Anna", "Ahorn", email="anna@x.de"), order("o1", 1000, customer="1"))
    correct.edit(store, "L/order/o1", {"phone": "+49 30 777123", "street": "Geheimweg 9", "city": "Verborgen"})
    correct.pin(store, "L/order/o1", "company", "Heimlich KG", overlay=True)
    old = correct.edit(store, "L/order/o1", {"last_name": "Verschwiegen"})
    assert old.seq is not None
    decide.undo(store, old.seq)
    kept = correct.edit(store, "L/order/o1", {"state": "returned"})
    erase(store, "L/customer/1", reason="asked for")
    with store.reading() as db:
        said = "".join(
            str(bytes(v) if isinstance(v, memoryview) else v)
            for name in ("decision", "claim", "record", "orders", "audit_private")
            for row in db.rows(f"SELECT * FROM {name}")
            for v in row
        )
    for word in ("777123", "Geheimweg", "Verborgen", "Heimlich", "Verschwiegen"):
        assert word not in said, word
    found = seen(store, "L/order/o1")
    assert (found["state"], found["company"], found["addresses"]) == ("returned", None, [])
    told = refusal(lambda: correct.edit(store, "L/order/o1", {"company": "Neu"}))
    assert "the person of this order was erased" in told.message
    told = refusal(lambda: correct.pin(store, "L/order/o1", "phone", "+49 30 1234", overlay=True))
    assert "the person of this order was erased" in told.message
    whole(store)
    assert kept.seq is not None
    decide.undo(store, kept.seq)
    assert seen(store, "L/order/o1")["state"] == "paid"
    assert "erased" in refusal(lambda: decide.undo(store, old.seq or 0)).message
    whole(store)


def test_R50b_what_was_said_of_an_imported_order_sleeps_while_its_import_is_taken_back(store: Store) -> None:
    def imported() -> int:
        made = import_records(
            store, Into("list", "csv"), [account("1", "Anna", "Ahorn"), order("o1", customer="1")],
            name="file.csv", digest="0",
        )  # fmt: skip
        assert made.batch is not None
        return made.batch

    batch = imported()
    correct.edit(store, "list/order/o1", {"state": "cancelled"})
    withdraw.undo(store, batch)
    assert "there is no order" in refusal(lambda: correct.edit(store, "list/order/o1", {"state": "paid"})).message
    whole(store)
    imported()
    assert seen(store, "list/order/o1")["state"] == "cancelled"
    whole(store)


def test_R39_an_order_is_seen_as_it_was_before_it_was_edited(store: Store) -> None:
    listed(store, account("1", "Anna", "Ahorn"), order("o1", customer="1"))
    with store.reading() as db:
        before = db.rows("SELECT max(at) FROM txn")[0][0]
    correct.edit(store, "L/order/o1", {"state": "cancelled"})
    then = customer_as_of(store, "L/customer/1", before, View.model_validate(PRESETS["default"]))
    assert [one["state"] for one in then["order_list"]] == ["paid"]
    assert [one["state"] for one in Desk(store).profile("1", "L")["order_list"]] == ["cancelled"]


@pytest.mark.parametrize("said", [{"pinned": ["state"]}, {"billing": HOME}, {"shipping": None}])
def test_R38_no_source_speaks_with_the_voice_of_an_operator(store: Store, said: dict[str, Any]) -> None:
    run = sync(store, File("L", [order("o1"), order("o2", **said)]))
    assert (run.rejected, run.new) == (1, 1)
