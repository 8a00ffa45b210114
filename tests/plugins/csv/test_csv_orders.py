"""Rows become orders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from csv_helpers import Reader

from klientela.kit import UNSET, Address, Line, Order, Person, Rejected, iso

SHOPIFY = (
    "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,"
    "Billing Name,Billing Address1,Billing Zip,Billing City,Billing Country,Cancelled at,Refunded Amount,Id,Tags,"
    "Phone\n"
)


def row(name: str, first: str = "", line: str = "1,Vase,10.00,V", rest: str = ",,,,,,,,,") -> str:
    return f"{name},{first or ',,,,'},{line},{rest}\n"


FIRST = "a@x.de,paid,EUR,20.00,2026-05-14 11:23:45 +0100"
REST = "Anna Berg,Musterweg 5,'01067,Dresden,DE,,0.00,'51,vip,'+49351"


@pytest.mark.parametrize(
    ("street", "first", "second"),
    [
        ("Musterweg 5", "Musterweg 5", None),
        ('"Musterweg 5, Hinterhaus"', "Musterweg 5", "Hinterhaus"),
        ('"ul. Długa 12/4, klatka B, II p."', "ul. Długa 12/4", "klatka B, II p."),
        ('"Lindenstr., 7"', "Lindenstr., 7", None),  # the house number itself stands behind the comma
        ('"7, rue Basse"', "7, rue Basse", None),
    ],
)
def test_shopify_a_street_without_its_own_lines(reader: Reader, street: str, first: str, second: str | None) -> None:
    for kind in ("Billing", "Shipping"):
        header = f"Name,Financial Status,Total,Lineitem name,{kind} Name,{kind} Street,{kind} Zip,{kind} Country\n"
        order = reader.order(header + f"#1,paid,20.00,Vase,Anna Berg,{street},'01067,DE\n")
        assert isinstance(order.addresses, list)
        (found,) = order.addresses
        assert (found.street, found.line2, found.zip, found.kind) == (first, second, "01067", kind.lower())


def test_shopify_a_street_with_its_second_line_beside_it(reader: Reader) -> None:
    header = "Name,Financial Status,Total,Lineitem name,Billing Name,Billing Street,Billing Address2\n"
    order = reader.order(header + '#1,paid,20.00,Vase,Anna Berg,"Musterweg 5, Hinterhaus",Hinterhaus\n')
    assert isinstance(order.addresses, list)
    assert (order.addresses[0].street, order.addresses[0].line2) == ("Musterweg 5", "Hinterhaus")


def test_shopify_a_street_beside_its_own_lines_says_nothing_new(reader: Reader) -> None:
    header = "Name,Financial Status,Total,Lineitem name,Billing Name,Billing Street,Billing Address1\n"
    source = reader.source()
    order = reader.order(header + '#1,paid,20.00,Vase,Anna Berg,"Musterweg 5, Hof",Musterweg 5\n')
    assert isinstance(order.addresses, list)
    assert (order.addresses[0].street, order.addresses[0].line2) == ("Musterweg 5", None)
    assert "1 ignored: Billing Street" in source.check().notes[0]


def test_shopify_one_order_of_several_rows(reader: Reader) -> None:
    order = reader.order(
        SHOPIFY + row("#1", FIRST, rest=REST) + row("#1", line="2,Karton,5.00,") + row("", line="1,Band,0.00,B")
    )
    assert order == Order(
        external_id="51",
        number="#1",
        kind="contact",
        first_name="Anna",
        last_name="Berg",
        email="a@x.de",
        phone="+49351",
        addresses=[
            Address(
                first_name="Anna",
                last_name="Berg",
                street="Musterweg 5",
                zip="01067",
                city="Dresden",
                country="DE",
                kind="billing",
            )
        ],
        placed_at=1778754225000000,
        currency="EUR",
        total=2000,
        refunded=0,
        state="paid",
        lines=[
            Line(title="Vase", sku="V", quantity=1, unit_price=1000, total=1000),
            Line(title="Karton", quantity=2, unit_price=500, total=1000),
            Line(title="Band", sku="B", quantity=1, unit_price=0, total=0),
        ],
        tags=["vip"],
    )


def test_r13_a_file_that_knows_no_accounts_leaves_the_row_to_the_core(reader: Reader) -> None:
    (order,) = reader.read(SHOPIFY + row("#1", FIRST, rest=REST))
    assert (order.customer, order.guest, order.kind) == (UNSET, UNSET, "contact")


@pytest.mark.parametrize(
    ("status", "cancelled", "refund", "state", "refunded"),
    [
        ("paid", "", "", "paid", UNSET),
        ("pending", "", "0.00", "open", 0),
        ("partially_refunded", "", "5.00", "paid", 500),
        ("refunded", "", "20.00", "returned", 2000),
        ("refunded", "", "0.00", "returned", 2000),
        ("refunded", "2026-05-15 09:00:00 +0100", "20.00", "cancelled", 2000),
        ("voided", "", "", "void", UNSET),
        ("a word of next year", "", "", "open", UNSET),
    ],
)
def test_shopifys_states(
    reader: Reader, status: str, cancelled: str, refund: str, state: str, refunded: object
) -> None:
    order = reader.order(SHOPIFY + row("#1", FIRST.replace("paid", status), rest=f",,,,,{cancelled},{refund},51,,"))
    assert (order.state, order.refunded, order.total) == (state, refunded, 2000)


def test_an_older_export_without_id_is_known_by_name(reader: Reader) -> None:
    assert reader.order(SHOPIFY + row("#1", FIRST)).external_id == "#1"


def test_a_bad_line_rejects_its_whole_order_and_no_other(reader: Reader) -> None:
    records = reader.read(
        SHOPIFY
        + row("#1", FIRST, rest=REST)
        + row("#1", line="zwei,Karton,5.00,")
        + row("#2", FIRST, rest=REST.replace("'51", "'52"))
    )
    bad, good = records
    assert (bad.line, bad.column, bad.key) == (3, "Lineitem quantity", "51")
    assert bad.payload.count("#1") == 2
    assert good.external_id == "52"


def test_a_ragged_line_takes_its_own_order_along(reader: Reader) -> None:
    records = reader.read(
        SHOPIFY
        + row("#1", FIRST, rest=REST)
        + "#1,too,few\n"
        + row("#1")
        + row("#2", FIRST, rest=REST.replace("'51", "'52"))
        + "#3,too,few\n"
        + row("#3")
    )
    assert [one.key if isinstance(one, Rejected) else one.external_id for one in records] == ["51", "52", "#3"]
    assert [(one.line, one.payload.count("\n") + 1) for one in records if isinstance(one, Rejected)] == [(3, 3), (6, 2)]


def test_an_uncuttable_row_between_the_lines_of_an_order_is_one_of_them(reader: Reader) -> None:
    torn = '#9,"torn" quote\n'
    one, two = (row(f"#{n}", FIRST, rest=REST.replace("'51", f"'5{n}")) for n in (1, 2))
    inside = reader.read(SHOPIFY + one + torn + row("#1") + two)
    assert [(type(one), one.line if isinstance(one, Rejected) else one.external_id) for one in inside] == [
        (Rejected, 3),
        (Order, "52"),
    ]
    assert inside[0].key == "51"
    between = reader.read(SHOPIFY + one + torn + two)
    assert [isinstance(one, Rejected) for one in between] == [False, True, False]


def test_lines_without_their_order(reader: Reader) -> None:
    one = reader.rejected(SHOPIFY + row(""))
    assert one.reason.startswith("the row goes on with an order whose first row")
    apart = reader.read(
        SHOPIFY + row("#1", FIRST, rest=REST) + row("#2", FIRST, rest=REST.replace("'51", "'52")) + row("#1")
    )
    assert [type(one) for one in apart] == [Order, Order, Rejected]
    assert apart[2].reason.startswith("the row goes on with an order whose first row")


def test_the_sample_orders(reader: Reader, shared: Callable[[str], Path]) -> None:
    source = reader.source(str(shared("wire/data/csv/shopify_orders_export.csv")))
    orders = reader.records(source)
    assert [(order.external_id, order.number, order.total, order.state, order.refunded) for order in orders] == [
        ("5100000000001", "#1001", 8740, "paid", UNSET),
        ("5100000000003", "#1003", 1000, "paid", UNSET),
        ("5100000000005", "#1005", 5999, "cancelled", 5999),
    ]
    assert [len(order.lines) for order in orders] == [2, 1, 1]
    assert orders[0].addresses[0].zip == "10115"
    assert source.remarks == []


# --- one row, one order ---------------------------------------------------------------------------------------------


def test_a_flat_row_of_a_known_customer_is_a_person_and_an_order(reader: Reader) -> None:
    person, order = reader.read(
        "Id;Vorname;Nachname;E-Mail;PLZ;Bestell-ID;Bestellnummer;Datum;Betrag;Währung;Status;Testbestellung\r\n"
        "7;Anna;Berg;a@x.de;01067;1001;B-1;18.11.2026;1.187,40 €;;bezahlt;ja\r\n"
    )
    assert isinstance(person, Person)
    assert (person.external_id, person.last_name) == ("7", "Berg")
    assert (order.external_id, order.number, order.customer, order.guest) == ("1001", "B-1", "7", UNSET)
    assert (order.total, order.currency, order.state, order.test) == (118740, "EUR", "paid", True)
    assert (order.email, order.last_name, order.addresses) == ("a@x.de", "Berg", [Address(zip="01067")])
    assert iso(order.placed_at) == "2026-11-17T23:00:00Z"


def test_a_customer_number_makes_a_buyer_known_by_the_order(reader: Reader) -> None:
    person, order = reader.read("OrderId,CustomerNumber,LastName,Total\r\n1001,K-7,Berg,5\r\n")
    assert (person.external_id, person.numbers[0].value, order.customer) == ("1001", "K-7", "1001")


def test_a_flat_row_of_nobody_known_is_an_order_only(reader: Reader) -> None:
    (order,) = reader.read("OrderId,Email,LastName,Total\r\n1001,a@x.de,Berg,5\r\n")
    assert (order.customer, order.kind, order.guest, order.email) == (UNSET, "contact", UNSET, "a@x.de")


def test_with_kind_a_row_is_an_accounts_or_a_guests(reader: Reader) -> None:
    records = reader.read(
        "OrderId,Id,Kind,Email,Total\r\n1,7,registered,a@x.de,5\r\n2,8,guest,b@x.de,5\r\n3,,guest,c@x.de,5\r\n"
        "4,,registered,d@x.de,5\r\n"
    )
    people = [(one.external_id, one.kind) for one in records if isinstance(one, Person)]
    orders = [(one.external_id, one.customer, one.guest) for one in records if isinstance(one, Order)]
    assert people == [("7", "account"), ("8", "guest"), ("order:4", "account")]
    assert orders == [("1", "7", False), ("2", "8", True), ("3", UNSET, True), ("4", "order:4", False)]
    assert [one.kind for one in records if isinstance(one, Order)][2] == "guest"


def test_a_row_without_order_is_a_person(reader: Reader) -> None:
    records = reader.read("Id,OrderId,Email,Total\r\n7,,a@x.de,\r\n8,1001,b@x.de,5\r\n")
    assert [(type(one), one.external_id) for one in records] == [(Person, "7"), (Person, "8"), (Order, "1001")]


HEAD = "Id,OrderId,Email,Total,Product\r\n"


def test_rows_without_order_are_persons_also_where_a_file_has_lines(reader: Reader) -> None:
    """None of them goes on with the row before it, and none is swallowed."""
    records = reader.read(
        HEAD + "7,,a@x.de,,\r\n8,,b@x.de,,\r\n9,1001,c@x.de,5,Mug\r\n10,,d@x.de,,\r\n11,,e@x.de,,\r\n"
    )
    assert [one.external_id for one in records] == ["7", "8", "9", "1001", "10", "11"]
    (order,) = [one for one in records if isinstance(one, Order)]
    assert order.lines
    assert len(order.lines) == 1


def test_a_line_after_a_row_without_order_goes_on_with_nothing(reader: Reader) -> None:
    records = reader.read(HEAD + "7,,a@x.de,,\r\n,,,,Mug\r\n")
    assert [type(one) for one in records] == [Person, Rejected]


def test_orders_without_number_are_told_apart_by_their_ids(reader: Reader) -> None:
    head = "Id,OrderId,OrderNumber,Email,Total,Product\r\n"
    records = reader.read(
        head + "7,1,,a@x.de,5,Mug\r\n8,2,,b@x.de,6,Cup\r\n8,2,,b@x.de,,Jug\r\n,,,,,Bowl\r\n9,3,#3,c@x.de,7,Tea\r\n"
    )
    orders = {one.external_id: len(one.lines or ()) for one in records if isinstance(one, Order)}
    assert orders == {"1": 1, "2": 3, "3": 1}


def test_two_orders_of_one_customer_are_two_orders_and_one_person(reader: Reader) -> None:
    records = reader.read("Id,OrderId,City,Total\r\n7,1,Ulm,5\r\n7,2,Bonn,6\r\n", on_duplicate="error")
    assert [(type(one), one.external_id) for one in records] == [(Person, "7"), (Order, "1"), (Order, "2")]


@pytest.mark.parametrize(
    ("header", "cell", "reason"),
    [
        ("Total", "zwölf", "no amount we can read"),
        ("Total", "", "the order has no total"),
        ("Total", "1.187", "the amount can be read in two ways"),
        ("Currency", "Taler", "no currency we know"),
        ("Status", "weird", "not understood: expected open, paid"),
        ("Test", "perhaps", "not understood: expected yes or no"),
        ("Date", "gestern", "no time we can read"),
    ],
)
def test_a_bad_cell_of_an_order(reader: Reader, header: str, cell: str, reason: str) -> None:
    one = reader.rejected(f"OrderId,Email,{header}\r\n1001,a@x.de,{cell}\r\n")
    assert one.reason.startswith(reason)
    assert (one.column, one.line, one.key) == (header, 2, "1001")


def test_amounts_that_leave_it_open_follow_the_others_wherever_they_stand(reader: Reader) -> None:
    rows = ['1,a@x.de,"1.187"', '2,b@x.de,"49,90"', '3,c@x.de,"12,50"']
    for order in (rows, rows[::-1]):
        records = reader.read("OrderId,Email,Total\r\n" + "\r\n".join(order))
        assert {one.external_id: one.total for one in records} == {"1": 118700, "2": 4990, "3": 1250}
    assert reader.read('OrderId,Email,Total\r\n1,a@x.de,"1,187"\r\n', decimal=",")[0].total == 119


def test_a_yens_total_has_no_decimals(reader: Reader) -> None:
    assert reader.order("OrderId,Email,Total,Currency\r\n1,a@x.de,500,jpy\r\n").total == 500


def test_a_recipient_of_his_own(reader: Reader) -> None:
    order = reader.order(
        "OrderId,LastName,Street,City,shipping_name,shipping_city,Total\r\n1,Berg,Musterweg 5,Ulm,Jan Kern,Bonn,5\r\n"
    )
    assert order.addresses == [
        Address(street="Musterweg 5", city="Ulm"),
        Address(first_name="Jan", last_name="Kern", city="Bonn", kind="shipping"),
    ]
    assert order.last_name == "Berg"
