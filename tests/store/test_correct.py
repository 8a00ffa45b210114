"""Edits and pins by hand: whose field it is, what is refused, what changed meanwhile, and that nothing is half written."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from klientela.errors import Conflict, KlientelaError, Misconfigured, UnknownThing
from klientela.flow import correct, decide, remarks
from klientela.flow.asof import customer_as_of
from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import Address, Person, instant
from klientela.kit import File as EnclosedFile
from klientela.store import Store, ledger
from klientela.store.locate import locate
from klientela.store.profile import profile
from tests.cases.seen import Desk, account, contact, guest_order, view
from tests.shops import Shop, bring, use

TITLES = {"memory": "Shopify"}


class File(Shop):
    """A list that operators may edit."""

    type = "csv"
    title = "CSV"


def listed(store: Store, *records: Person, name: str = "L") -> None:
    assert sync(store, File(name, records)).status == "ok"


def tables(store: Store) -> dict[str, int]:
    with store.reading() as db:
        return {
            name: db.rows(f"SELECT count(*) FROM {name}")[0][0]
            for name in ("txn", "audit", "decision", "claim", "channel")
        }


def whole(store: Store) -> None:
    assert rebuild(store, check=True).differences == []
    with store.reading() as db:
        assert list(ledger.verify(db)) == []


ANNA = account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 30 111", created_at=1, version=5)
HOME = Address(street="Lindenstr.", house_number="5", zip="10969", city="Berlin", country="DE")
LISTED = contact(
    "7", "Anna", "Ahorn", email="anna@x.de", created_at=2, version=None, company="Ahorn KG", addresses=[HOME]
)


@pytest.fixture
def mixed(store: Store) -> Desk:
    """Anna by a shop and by a list: name, e-mail and phone are the shop's, company and address the list's."""
    use(store)
    bring(store, "S", [ANNA])
    listed(store, LISTED)
    return Desk(store)


# -- edits ---------------------------------------------------------------------------------------------------------------


def test_R38_each_field_of_a_mixed_customer_has_its_own_right(store: Store, mixed: Desk) -> None:
    before = mixed.everything()
    with pytest.raises(Conflict, match=r"the phone comes from Shopify \(S\), so it changes there; nothing was written"):
        correct.edit(store, "S/customer/1", {"phone": "+49 30 222"}, titles=TITLES)
    made = correct.edit(store, "S/customer/1", {"company": "Neu GmbH", "city": "Dresden", "zip": "01067"})
    row = mixed.row("1")
    assert (row["company"], row["city"]) == ("Neu GmbH", "Dresden")
    (place,) = mixed.profile("1")["addresses"]
    assert (place["street"], place["house_number"], place["zip"], place["city"]) == (
        "Lindenstr.",
        "5",
        "01067",
        "Dresden",
    )
    assert [one["id"] for one in made.customers] == [row["id"]]
    whole(store)
    assert made.seq is not None
    decide.undo(store, made.seq)
    assert mixed.everything() == before
    whole(store)


def test_an_edit_is_all_or_nothing(store: Store, mixed: Desk) -> None:
    before = tables(store)
    with pytest.raises(Conflict, match="the last name comes from Memory") as told:
        correct.edit(store, "S/customer/1", {"company": "Neu", "last_name": "Birke"})
    assert 'edit.policy = "overlay"' in (told.value.hint or "")
    with pytest.raises(Conflict, match=r"the first name .*; the phone .*; nothing was written"):
        correct.edit(store, "S/customer/1", {"first_name": "A", "phone": "+49 30 999"})
    assert tables(store) == before
    assert mixed.row("1")["company"] == "Ahorn KG"


def test_what_is_so_already_is_no_edit_and_needs_no_right(store: Store, mixed: Desk) -> None:
    before = tables(store)
    made = correct.edit(store, "S/customer/1", {"phone": " +49 30 111 ", "company": "Ahorn KG", "country": "Germany"})
    assert (made.seq, made.customers, tables(store)) == (None, [], before)


def test_a_country_is_the_same_by_any_of_its_names(store: Store) -> None:
    use(store)
    bring(store, "S", [account("1", "Anna", addresses=[Address(city="Ulm", country="Germany")])])
    assert correct.edit(store, "S/customer/1", {"country": "Deutschland"}).seq is None
    with pytest.raises(Conflict, match="the country comes from"):
        correct.edit(store, "S/customer/1", {"country": "Polen"})


def test_an_empty_field_is_editable_where_any_record_is(store: Store, mixed: Desk) -> None:
    correct.edit(store, "S/customer/1", {"birthday": "1980-12-31"})
    told = mixed.profile("1")["provenance"]["birthday"]
    assert (told["value"], told["record"], told["by"]) == ("1980-12-31", "L/customer/7", "operator")
    bring(store, "S", [account("2", "Bernd", email="b@x.de")])
    with pytest.raises(Conflict, match="left to the shops"):
        correct.edit(store, "S/customer/2", {"company": "B"})
    whole(store)


def test_an_edited_value_can_be_cleared_and_the_next_record_shows(store: Store, mixed: Desk) -> None:
    listed(store, contact("9", "Anna", "Ahorn", email="anna@x.de", created_at=3, company="Zweite"), name="M")
    assert mixed.row("1")["company"] == "Ahorn KG"
    correct.edit(store, "S/customer/1", {"company": ""})
    assert mixed.row("1")["company"] == "Zweite"
    whole(store)


def test_a_new_street_with_its_number_takes_the_place_of_both(store: Store, mixed: Desk) -> None:
    correct.edit(store, "S/customer/1", {"street": "Ulmenweg 12 b"})
    (place,) = mixed.profile("1")["addresses"]
    assert (place["street"], place["house_number"], place["city"]) == ("Ulmenweg", "12 b", "Berlin")
    correct.edit(store, "S/customer/1", dict.fromkeys(("street", "house_number", "zip", "city", "country"), ""))
    assert mixed.profile("1")["addresses"] == []
    whole(store)


def test_a_source_that_says_something_else_later_does_not_overrule_an_edit(store: Store, mixed: Desk) -> None:
    correct.edit(store, "S/customer/1", {"company": "Neu GmbH"})
    listed(store, contact("7", "Anna", "Ahorn", email="anna@x.de", created_at=2, company="Alt", addresses=[HOME]))
    told = mixed.profile("1")["provenance"]["company"]
    assert (told["value"], told["pinned"], told["beneath"]["value"]) == ("Neu GmbH", False, "Alt")
    whole(store)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "no field is named"),
        ({"colour": "red"}, "there is no field 'colour'"),
        ({"phone": "call me"}, "at least 3 digits"),
        ({"phone": "030 111 or 222"}, "is no phone number"),
        ({"country": "Narnia"}, "'Narnia' is no country"),
        ({"company": "x" * 201}, "the company is longer than 200 characters"),
        ({"city": "a\x07b"}, "cannot be printed"),
        ({"birthday": "31.12.1980"}, "is no date"),
        ({"zip": "0" * 21, "phone": "x"}, "the ZIP is longer than 20 characters; a phone number"),
    ],
)
def test_a_value_that_is_none_is_refused_in_a_sentence(
    store: Store, mixed: Desk, fields: dict[str, str], said: str
) -> None:
    before = tables(store)
    with pytest.raises(Misconfigured, match=said) as told:
        correct.edit(store, "S/customer/1", fields)
    assert told.value.exit_code == 2
    assert tables(store) == before


def test_a_near_word_is_offered(store: Store, mixed: Desk) -> None:
    with pytest.raises(Misconfigured) as told:
        correct.edit(store, "S/customer/1", {"lastname": "X"})
    assert told.value.hint == "Did you mean last_name?"


@pytest.mark.parametrize("way", ["edit", "pin", "unpin"])
def test_T40_the_email_is_refused_before_anything_else(store: Store, mixed: Desk, way: str) -> None:
    before = tables(store)
    ways: dict[str, Any] = {
        "edit": lambda: correct.edit(store, "S/customer/1", {"company": "Neu", "email": "new@x.de"}),
        "pin": lambda: correct.pin(store, "S/customer/1", "email", "new@x.de", overlay=True),
        "unpin": lambda: correct.unpin(store, "S/customer/1", "email"),
    }
    with pytest.raises(Conflict, match="changes only by the sync of its own source"):
        ways[way]()
    assert tables(store) == before
    assert mixed.row("1")["company"] == "Ahorn KG"


def test_a_dry_run_shows_and_writes_nothing(store: Store, mixed: Desk) -> None:
    before = tables(store)
    made = correct.edit(store, "S/customer/1", {"company": "Neu"}, dry_run=True)
    assert (made.seq, len(made.customers)) == (None, 1)
    assert tables(store) == before


def test_an_edit_can_join_and_part_and_the_undo_takes_that_back(store: Store) -> None:
    """A phone is a key, also where an operator wrote it (R0b, R17)."""
    use(store)
    listed(store, contact("1", "Anna", "Ahorn", created_at=1), contact("2", "Anna", "Ahorn", phone="+49 30 777888"))
    desk = Desk(store)
    assert len(desk.rows()) == 2
    made = correct.edit(store, "L/customer/1", {"phone": "+49 30 777888"})
    assert (len(desk.rows()), len(made.customers)) == (1, 1)
    whole(store)
    assert made.seq is not None
    decide.undo(store, made.seq)
    assert len(desk.rows()) == 2
    whole(store)


# -- pins ----------------------------------------------------------------------------------------------------------------


def test_a_pin_needs_the_policy_where_a_shop_delivers(store: Store, mixed: Desk) -> None:
    with pytest.raises(Conflict, match="the phone comes from Shopify"):
        correct.pin(store, "S/customer/1", "phone", "+49 30 222", titles=TITLES)
    correct.pin(store, "S/customer/1", "company", "Fest AG")
    correct.pin(store, "S/customer/1", "phone", "+49 30 222", overlay=True)
    row = mixed.row("1")
    assert (row["company"], row["phone"]) == ("Fest AG", "+49 30 222")
    told = mixed.profile("1")["provenance"]
    assert told["company"] == {
        "value": "Fest AG",
        "source": "S",
        "record": "S/customer/1",
        "since": told["company"]["since"],
        "pinned": True,
        "by": "operator",
        "beneath": {"value": "Ahorn KG", "source": "L", "record": "L/customer/7", "since": None},
    }
    assert told["phone"]["beneath"]["value"] == "+49 30 111"
    assert instant(told["phone"]["since"]) > instant("2020-01-01T00:00:00Z")
    with pytest.raises(Conflict, match="the company is pinned"):
        correct.edit(store, "S/customer/1", {"company": "Neu"})
    whole(store)


def test_a_part_of_the_name_pins_the_whole_name_as_it_is_shown(store: Store, mixed: Desk) -> None:
    correct.pin(store, "S/customer/1", "last_name", "Ahorn-Birke", overlay=True)
    bring(store, "S", [account("1", "Anne", "Alt", email="anna@x.de", created_at=1, version=6)])
    row = mixed.row("1")
    assert (row["first_name"], row["last_name"]) == ("Anna", "Ahorn-Birke")
    told = mixed.profile("1")["provenance"]
    assert (told["first_name"]["beneath"]["value"], told["last_name"]["beneath"]["value"]) == ("Anne", "Alt")
    correct.unpin(store, "S/customer/1", "first_name")
    assert mixed.row("1")["last_name"] == "Alt"
    whole(store)


def test_a_part_of_the_address_pins_the_whole_address(store: Store, mixed: Desk) -> None:
    correct.pin(store, "S/customer/1", "city", "Potsdam", overlay=True)
    made = mixed.profile("1")
    assert (made["addresses"][0]["street"], made["addresses"][0]["city"]) == ("Lindenstr.", "Potsdam")
    assert made["provenance"]["city"]["beneath"]["value"] == "Berlin"
    assert mixed.row("1")["city"] == "Potsdam"
    correct.unpin(store, "S/customer/1", "zip")
    assert mixed.row("1")["city"] == "Berlin"
    whole(store)


def test_a_pin_is_taken_off_by_hand_and_the_unpin_is_taken_back(store: Store, mixed: Desk) -> None:
    before = mixed.everything()
    correct.pin(store, "S/customer/1", "company", "Fest AG")
    pinned = mixed.everything()
    correct.pin(store, "S/customer/1", "company", "Fester AG")
    off = correct.unpin(store, "S/customer/1", "company")
    assert mixed.everything() == before
    with pytest.raises(Conflict, match="the company is not pinned"):
        correct.unpin(store, "S/customer/1", "company")
    assert off.seq is not None
    decide.undo(store, off.seq)
    assert mixed.row("1")["company"] == "Fester AG"
    again = correct.pin(store, "S/customer/1", "company", "Fester AG")
    assert again.seq is None, "it is so already"
    assert pinned != before
    whole(store)


def test_a_pin_stays_through_a_join_and_goes_with_its_record_on_a_split(store: Store) -> None:
    use(store)
    bring(store, "S", [ANNA])
    bring(
        store, "T", [account("8", "Anna", "Ahorn", email="a.ahorn@y.de", phone="+49 30 888", created_at=9, version=7)]
    )
    correct.pin(store, "T/customer/8", "phone", "+49 30 999", overlay=True)
    desk = Desk(store)
    joined = decide.merge(store, "S/customer/1", "T/customer/8", reason="same")
    assert desk.row("1")["phone"] == "+49 30 999"
    with pytest.raises(Conflict, match="the phone is pinned"):
        correct.edit(store, "S/customer/1", {"phone": "+49 30 123"})
    assert joined.seq is not None
    decide.undo(store, joined.seq)
    assert [desk.row("1")["phone"], desk.row("8", "T")["phone"]] == ["+49 30 111", "+49 30 999"]
    whole(store)


@pytest.mark.parametrize("value", ["", "  "])
def test_a_pin_of_nothing_is_refused(store: Store, mixed: Desk, value: str) -> None:
    with pytest.raises(Misconfigured, match="a pin needs a value"):
        correct.pin(store, "S/customer/1", "company", value)


def test_R40b_what_a_guests_order_says_anew_counts_too(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest_order("o1", "g@x.de", phone="+49 30 1111", version=1)])
    desk = Desk(store)
    version = desk.profile("o1", entity="guest_order")["version"]
    bring(store, "S", [guest_order("o1", "g@x.de", phone="+49 30 2222", version=2)])
    with pytest.raises(Conflict, match="the phone was changed meanwhile by daemon"):
        correct.pin(store, "S/guest_order/o1", "phone", "+49 30 3333", overlay=True, as_of=version)
    correct.pin(store, "S/guest_order/o1", "company", "Gast KG", overlay=True, as_of=version)
    assert desk.profile("o1", entity="guest_order")["company"] == "Gast KG"
    whole(store)


# -- meanwhile (R40b) ----------------------------------------------------------------------------------------------------


def test_R40b_the_later_save_is_told_what_changed(store: Store, mixed: Desk) -> None:
    one = two = mixed.profile("1")["version"]
    correct.edit(store, "S/customer/1", {"company": "Eins"}, as_of=one, actor="ada")
    before = tables(store)
    with pytest.raises(Conflict, match=r"the company was changed meanwhile by ada \(change \d+\)"):
        correct.edit(store, "S/customer/1", {"company": "Zwei", "birthday": "1980-01-01"}, as_of=two)
    with pytest.raises(Conflict, match="the company was changed meanwhile"):
        correct.pin(store, "S/customer/1", "company", "Zwei", as_of=two)
    assert tables(store) == before
    correct.edit(store, "S/customer/1", {"birthday": "1980-01-01"}, as_of=two)
    now = mixed.profile("1")["version"]
    assert now > one
    correct.edit(store, "S/customer/1", {"company": "Zwei"}, as_of=now)
    assert mixed.row("1")["company"] == "Zwei"


def test_R40b_of_two_who_save_the_later_is_told(store: Store) -> None:
    use(store)
    listed(store, LISTED)
    version = Desk(store).profile("7", "L")["version"]
    correct.edit(store, "L/customer/7", {"company": "Eins"}, as_of=version)
    with suppress(Conflict):
        correct.edit(store, "L/customer/7", {"company": "Zwei"}, as_of=version)
    assert Desk(store).row("7", "L")["company"] == "Eins"


def test_R40b_a_sync_or_an_undo_meanwhile_counts_too(store: Store, mixed: Desk) -> None:
    version = mixed.profile("1")["version"]
    listed(store, contact("7", "Anna", "Ahorn", email="anna@x.de", created_at=2, company="Neu", addresses=[HOME]))
    with pytest.raises(Conflict, match="the company was changed meanwhile by"):
        correct.edit(store, "S/customer/1", {"company": "Zwei"}, as_of=version)
    correct.edit(store, "S/customer/1", {"city": "Potsdam"}, as_of=version)
    version = mixed.profile("1")["version"]
    seq = correct.edit(store, "S/customer/1", {"company": "Drei"}).seq
    assert seq is not None
    decide.undo(store, seq)
    with pytest.raises(Conflict, match="the company was changed meanwhile"):
        correct.edit(store, "S/customer/1", {"company": "Vier"}, as_of=version)


def test_R40b_a_join_that_brought_another_value_counts_too(store: Store) -> None:
    use(store)
    listed(store, contact("1", "Anna", "Ahorn", created_at=5))
    bring(store, "S", [account("2", "Anna", "Birke", created_at=1, company="Birke")])
    desk = Desk(store)
    version = desk.profile("1", "L")["version"]
    decide.merge(store, "L/customer/1", "S/customer/2", reason="same")
    with pytest.raises(Conflict, match="records joined or left this customer meanwhile"):
        correct.edit(store, "L/customer/1", {"company": "Ahorn"}, as_of=version)


def test_a_version_that_is_still_to_come_is_refused(store: Store, mixed: Desk) -> None:
    with pytest.raises(UnknownThing, match="there is no version 9999 yet"):
        correct.edit(store, "S/customer/1", {"company": "Zwei"}, as_of=9999)


# -- bad uses ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["S/customer/404", "1b4e28ba-2fa1-51d2-883f-0016d3cca427", "nonsense"])
def test_nobody_is_edited_under_an_unknown_id(store: Store, mixed: Desk, who: str) -> None:
    before = tables(store)
    ways: list[Any] = [
        lambda: correct.edit(store, who, {"company": "X"}),
        lambda: correct.pin(store, who, "company", "X"),
        lambda: correct.unpin(store, who, "company"),
    ]
    for way in ways:
        with pytest.raises(UnknownThing):
            way()
    assert tables(store) == before


def test_what_is_taken_back_already_is_said_so(store: Store, mixed: Desk) -> None:
    seq = correct.edit(store, "S/customer/1", {"company": "Neu"}).seq
    assert seq is not None
    decide.undo(store, seq)
    before = tables(store)
    with pytest.raises(KlientelaError, match=f"the decision {seq} was taken back already"):
        decide.undo(store, seq)
    assert tables(store) == before


def test_R40b_of_many_who_save_at_once_one_is_written_and_the_others_are_told(store: Store, mixed: Desk) -> None:
    version = mixed.profile("1")["version"]
    start = threading.Barrier(4)

    def save(name: str) -> str:
        start.wait()
        try:
            correct.edit(store, "S/customer/1", {"company": name}, as_of=version, actor=name)
        except Conflict as told:
            return told.message
        return name

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(save, ("Ada", "Bea", "Cis", "Dora")))
    (won,) = [one for one in said if one in ("Ada", "Bea", "Cis", "Dora")]
    assert mixed.row("1")["company"] == won
    assert sum(f"the company was changed meanwhile by {won}" in one for one in said) == 3
    whole(store)


def test_what_was_said_by_hand_is_known_as_of_then(store: Store, mixed: Desk) -> None:
    def moment() -> int:
        with store.reading() as db:
            return int(db.rows("SELECT max(at) FROM txn")[0][0])

    pinned = correct.pin(store, "S/customer/1", "phone", "+49 30 222", overlay=True).seq
    remarks.remark(store, "S/customer/1", "damals")
    remarks.note(store, "S/customer/1", "Brief", [EnclosedFile(name="b.txt", type="text/plain", content=b"x")])
    then = moment()
    before = mixed.profile("1")
    assert pinned is not None
    decide.undo(store, pinned)
    remarks.remark(store, "S/customer/1", "jetzt")
    told = customer_as_of(store, "S/customer/1", then, view())
    for name in ("phone", "remark", "notes", "files", "provenance", "history", "version"):
        assert told[name] == before[name], name
    assert mixed.profile("1")["phone"] == "+49 30 111"


# -- rights told before anybody asks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("overlay", [False, True])
def test_R38_what_may_be_done_is_what_is_done(store: Store, mixed: Desk, overlay: bool) -> None:
    """`rights_of` tells of every field what `edit` and `pin` then do."""

    def told() -> dict[str, correct.Right]:
        with store.reading() as db:
            found = locate(db, store.key, "S/customer/1").customer
            return correct.rights_of(db, store.key, found, titles=TITLES, overlay=overlay)

    values = {"country": "PL", "birthday": "1980-12-31", "phone": "+49 30 555"}
    for field, right in told().items():
        wanted = values.get(field, "PL" if field.endswith("_country") else "Other 1")
        try:
            correct.edit(store, "S/customer/1", {field: wanted}, titles=TITLES, dry_run=True)
            refused = ""
        except Conflict as error:
            refused = error.message
        assert right.editable == (not refused), field
        assert right.source is None or f"comes from {right.source}" in refused
        if right.pinnable:
            correct.pin(store, "S/customer/1", field, wanted, overlay=overlay, dry_run=True)
    rights = told()
    assert (rights["phone"].editable, rights["phone"].source, rights["phone"].pinnable) == (
        False,
        "Shopify (S)",
        overlay,
    )
    assert (rights["company"].value, rights["company"].editable) == ("Ahorn KG", True)
    correct.pin(store, "S/customer/1", "phone", "+49 30 999", overlay=True)
    assert (told()["phone"].pinned, told()["phone"].source, told()["phone"].value) == (True, None, "+49 30 999")


# -- the billing and the delivery address (C21) ---------------------------------------------------------------------------


def places(desk: Desk, ext: str = "1") -> dict[str | None, str]:
    """The streets that are shown, by kind; the main one under None."""
    found = desk.profile(ext)["addresses"]
    return {
        None if one["primary"] else one["kind"]: f"{one['street']} {one['house_number'] or ''}".strip() for one in found
    }


def test_C21_each_kind_of_address_is_edited_for_itself(store: Store, mixed: Desk) -> None:
    before = mixed.everything()
    fields = {
        "billing_street": "Am Ring 3",
        "billing_city": "Ulm",
        "shipping_street": "Tor 1",
        "shipping_country": "Polen",
    }
    made = correct.edit(store, "S/customer/1", fields)
    assert places(mixed) == {None: "Lindenstr. 5", "billing": "Am Ring 3", "shipping": "Tor 1"}
    (billing,) = [one for one in mixed.profile("1")["addresses"] if one["kind"] == "billing"]
    assert (billing["city"], billing["country"], billing["zip"]) == ("Ulm", None, None)
    again = correct.edit(store, "S/customer/1", fields)
    assert again.seq is None, "so it is already"
    correct.edit(store, "S/customer/1", {"street": "Neu 1", "house_number": ""})
    assert places(mixed) == {None: "Neu 1", "billing": "Am Ring 3", "shipping": "Tor 1"}
    correct.edit(store, "S/customer/1", {"billing_street": "", "billing_city": ""})
    assert places(mixed) == {None: "Neu 1", "shipping": "Tor 1"}
    whole(store)
    fields_said = [line["field"] for line in mixed.profile("1")["history"] if line["actor"] == "operator"]
    assert fields_said == ["billing", "address", "billing", "shipping"]
    with store.reading() as db:
        seqs = [
            row[0] for row in db.rows("SELECT DISTINCT from_seq FROM decision WHERE to_seq IS NULL ORDER BY 1 DESC")
        ]
    assert made.seq in seqs
    for seq in seqs:
        decide.undo(store, seq)
    assert mixed.everything() == before
    whole(store)


def test_C21_the_first_of_its_kind_is_replaced_and_the_others_stay(store: Store) -> None:
    use(store)
    spare = [
        HOME,
        Address(street="Eins 1", city="A", kind="shipping"),
        Address(street="Zwei 2", city="B", kind="shipping"),
        Address(street="Brief 3", city="C", kind="letter"),
    ]
    listed(store, contact("7", "Anna", "Ahorn", email="anna@x.de", created_at=2, version=None, addresses=spare))
    desk = Desk(store)
    correct.edit(store, "L/customer/7", {"shipping_street": "Drei 3"})

    def shown() -> list[tuple[str, str, str | None]]:
        with store.reading() as db:
            number = locate(db, store.key, "L/customer/7").customer
            return [
                (o["street"], o["city"], o["kind"]) for o in profile(db, number, view(), key=store.key)["addresses"]
            ]

    assert shown() == [
        ("Lindenstr.", "Berlin", None), ("Drei 3", "A", "shipping"), ("Zwei 2", "B", "shipping"), ("Brief 3", "C", "letter")
    ]  # fmt: skip
    correct.edit(store, "L/customer/7", {"shipping_street": "", "shipping_city": ""})
    assert [one[2] for one in shown()] == [None, "letter"], "no delivery address is left"
    assert desk.rows()
    whole(store)


def test_C21_what_a_shop_delivers_is_locked_and_can_be_covered_under_the_policy(store: Store, mixed: Desk) -> None:
    shop = Address(street="Werk 1", city="Kiel", kind="billing")
    bring(store, "S", [account("1", "Anna", "Ahorn", email="anna@x.de", created_at=1, version=6, addresses=[shop])])
    before = tables(store)
    with pytest.raises(
        Conflict, match=r"the city of the billing address comes from Shopify \(S\), so it changes there"
    ):
        correct.edit(store, "S/customer/1", {"billing_city": "Ulm", "shipping_city": "Ulm"}, titles=TITLES)
    with pytest.raises(Conflict, match="the city of the billing address comes from"):
        correct.pin(store, "S/customer/1", "billing_city", "Ulm")
    assert tables(store) == before
    correct.pin(store, "S/customer/1", "billing_city", "Ulm", overlay=True)
    with store.reading() as db:
        rights = correct.rights_of(db, store.key, locate(db, store.key, "S/customer/1").customer, overlay=True)
    assert (rights["billing_city"].value, rights["billing_city"].pinned) == ("Ulm", True)
    assert (rights["billing_street"].value, rights["shipping_city"].editable) == ("Werk 1", True)
    bring(store, "S", [account("1", "Anna", "Ahorn", email="anna@x.de", created_at=1, version=7,
                               addresses=[Address(street="Werk 2", city="Bonn", kind="billing")])])  # fmt: skip
    assert "Ulm" in [one["city"] for one in mixed.profile("1")["addresses"]]
    whole(store)
    correct.unpin(store, "S/customer/1", "billing_city")
    cities = [one["city"] for one in mixed.profile("1")["addresses"]]
    assert ("Ulm" in cities, "Bonn" in cities) == (False, True)
    whole(store)


def test_C21_R40b_the_later_of_two_is_told_and_others_are_not_in_the_way(store: Store, mixed: Desk) -> None:
    version = mixed.profile("1")["version"]
    correct.edit(store, "S/customer/1", {"billing_city": "Ulm"}, as_of=version)
    with pytest.raises(Conflict, match="the billing address was changed meanwhile by operator"):
        correct.edit(store, "S/customer/1", {"billing_zip": "89073"}, as_of=version)
    assert correct.edit(store, "S/customer/1", {"shipping_city": "Bonn"}, as_of=version).seq is not None
    with pytest.raises(Misconfigured, match="no field 'billing_towm'"):
        correct.edit(store, "S/customer/1", {"billing_towm": "Ulm"})
    with pytest.raises(Misconfigured, match="no country we know"):
        correct.edit(store, "S/customer/1", {"billing_country": "Atlantis"})


def test_C21_a_source_cannot_say_what_operators_say(store: Store) -> None:
    use(store)
    listed(store, contact("7", "Anna", billing=HOME))
    with store.reading() as db:
        ((reason,),) = db.rows("SELECT reason FROM quarantine")
    assert reason == "billing and shipping are said by operators; sources say addresses, each with its kind"
