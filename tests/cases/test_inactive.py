"""Cases T42 and T43: who is marked inactive stands in the inactive list only, and stays there until somebody says so."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from klientela.errors import Conflict, Misconfigured, UnknownThing
from klientela.flow import decide, resolve
from klientela.flow.crowd import Whom
from klientela.flow.inactive import activate, deactivate
from klientela.flow.push import push
from klientela.flow.rebuild import rebuild
from klientela.kit import UNSET, Caller, Item, Order, Record, Taken
from klientela.rules.precedence import Member, summary
from klientela.rules.publish import Canon
from klientela.rules.ruleset import Ruleset
from klientela.store import Store, bitmaps, mapping
from tests.cases.seen import Desk, account, contact, guest_order, order, view
from tests.shops import bring, use

ANNA = account("1", "Anna", "Ahorn", email="anna@x.de", created_at=1)
BEA = account("2", "Bea", "Birke", email="bea@x.de", created_at=2)
CORA = account("3", "Cora", "Birke", email="cora@x.de", created_at=3)


def one(ext: str, source: str = "S", entity: str = "customer") -> Whom:
    return Whom((f"{source}/{entity}/{ext}",))


def found(text: str) -> Whom:
    return Whom(search=text, view=view())


def figures(store: Store) -> dict[tuple[str, str], int]:
    """Every figure, the days together."""
    with store.reading() as db:
        rows = db.rows("SELECT name, part, sum(value) FROM figure GROUP BY name, part")
    return {(name, part): int(value) for name, part, value in rows if value}


def whole(store: Store) -> None:
    assert rebuild(store, check=True).differences == []
    assert Desk(store).doctor("figures") == []


def names(store: Store, **asked: Any) -> list[str]:
    return sorted(row["first_name"] for row in Desk(store).rows(**asked))


def test_T42_an_inactive_customer_stands_in_the_inactive_list_only(store: Store) -> None:
    bring(store, "S", [ANNA, BEA, order("1", 2500, customer="1"), order("2", customer="1"), order("3", customer="2")])
    before, export = figures(store), Desk(store).everything()
    made = deactivate(store, one("1"))
    assert [one["id"] for one in made.customers] == [Desk(store).public("1")]
    assert (names(store), names(store, inactive=True)) == (["Bea"], ["Anna"])
    assert (names(store, search="x.de"), names(store, search="x.de", inactive=True)) == (["Bea"], ["Anna"])
    assert names(store, source="S") == ["Bea"]
    assert [row["first_name"] for row in Desk(store).everything()] == ["Bea"], "the export"
    assert Desk(store).profile("1")["inactive"] is True
    assert Desk(store).by_id(Desk(store).public("1"))["first_name"] == "Anna"
    now = figures(store)
    assert (now["customers", ""], now["customers", "inactive"], now["customers", "source:1"]) == (1, 1, 1)
    assert (now["ltv", ""], now["buyers", "1"], now["joined", ""]) == (1000, 1, 1)
    assert ("buyers", "2") not in now
    assert now["revenue", "EUR"] == before["revenue", "EUR"] == 4500, "what was sold was sold"
    whole(store)
    activate(store, one("1"))
    assert (figures(store), Desk(store).everything()) == (before, export)
    whole(store)


def test_a_mark_is_taken_back_by_its_number_and_so_is_the_taking_off(store: Store) -> None:
    bring(store, "S", [ANNA])
    marked = deactivate(store, one("1")).seq
    off = activate(store, one("1")).seq
    assert marked is not None
    assert off is not None
    assert names(store) == ["Anna"]
    back = decide.undo(store, off).seq
    assert (names(store), names(store, inactive=True)) == ([], ["Anna"]), "the mark holds again"
    decide.undo(store, marked)
    assert names(store) == ["Anna"]
    assert back is not None
    decide.undo(store, back)
    assert names(store) == ["Anna"]
    with pytest.raises(Conflict, match="taken back already"):
        decide.undo(store, marked)
    whole(store)


@pytest.mark.parametrize("first", ["mark", "off"])
def test_what_is_left_is_what_it_were_without_that_decision(store: Store, first: str) -> None:
    """One mark of three taken off, then both taken back in either order: nobody is marked, and nobody was forgotten."""
    bring(store, "S", [ANNA, BEA, CORA])
    mark = deactivate(store, Whom(tuple(f"S/customer/{n}" for n in "123"))).seq
    off = activate(store, one("1")).seq
    assert names(store, inactive=True) == ["Bea", "Cora"]
    for seq in (mark, off) if first == "mark" else (off, mark):
        assert seq is not None
        decide.undo(store, seq)
        assert names(store, inactive=True) == ([] if seq == mark or first == "mark" else ["Anna", "Bea", "Cora"])
    whole(store)


def test_a_sync_keeps_an_inactive_customer_up_to_date_and_a_joined_one_is_inactive(store: Store) -> None:
    bring(store, "S", [ANNA])
    deactivate(store, one("1"))
    bring(store, "S", [account("1", "Anna", "Ahorn", email="anna@x.de", company="Neu KG", created_at=1)])
    (row,) = Desk(store).rows(inactive=True)
    assert (row["company"], row["inactive"]) == ("Neu KG", True)
    bring(store, "L", [contact("9", "Anna", "Ahorn", email="anna@x.de", created_at=0)])
    (row,) = Desk(store).rows(inactive=True)
    assert ([r["external_id"] for r in row["records"]], Desk(store).rows()) == (["9", "1"], [])
    whole(store)
    parted = decide.split(store, "S/customer/1", ["L/customer/9"], reason="two people").seq
    assert [r["external_id"] for row in Desk(store).rows() for r in row["records"]] == ["9"], "the mark stays with S/1"
    assert parted is not None
    decide.undo(store, parted)
    activate(store, one("9", "L"))
    assert (len(Desk(store).rows()), Desk(store).rows(inactive=True)) == (1, [])
    whole(store)


def test_records_that_share_a_node_lose_the_mark_of_one(store: Store) -> None:
    """Two contacts alike in name and e-mail are one node: its summary must forget what its only marked record said."""
    twins = [contact(n, "Anna", "Ahorn", email="anna@x.de", created_at=int(n)) for n in "12"]
    bring(store, "L", twins)
    seq = deactivate(store, one("2", "L")).seq
    assert seq is not None
    assert names(store, inactive=True) == ["Anna"]
    whole(store)
    decide.undo(store, seq)
    assert names(store) == ["Anna"]
    whole(store)


def test_a_node_takes_no_word_in_that_takes_a_mark_off() -> None:
    """Whether a record's new word can be merged into the summary of its node: not if it may have been the marked one."""
    canon = Canon(1, "L", "customer", "1")
    before, after = (
        summary(Member(canon, None, contact("1", "Anna", inactive=said)), Ruleset()) for said in (True, UNSET)
    )
    assert not resolve.absorbs(before, after, canon, 1)
    assert resolve.absorbs(after, after, canon, 1)
    assert resolve.absorbs(after, before, canon, 1)


@pytest.mark.parametrize("source", ["S", "B"])
def test_T43_a_new_order_of_an_inactive_customer_is_told_and_changes_nothing(store: Store, source: str) -> None:
    bring(store, "S", [ANNA, BEA, order("1", customer="1")])
    deactivate(store, one("1"))
    more = [order("9", 7700, customer="1"), order("8", customer="2" if source == "S" else "7")]
    known = [] if source == "S" else [contact("1", "Anna", "Ahorn", email="anna@x.de", created_at=5)]
    report = bring(store, source, [*known, *more])
    (told,) = [remark for remark in report.remarks if "inactive" in remark]
    assert "1 customer marked inactive ordered again" in told
    assert Desk(store).public("1") in told
    (row,) = Desk(store).rows(inactive=True)
    assert (row["orders"], row["ltv"][0]["amount"]) == (2, "87.00")
    assert [r["first_name"] for r in Desk(store).rows()] == ["Bea"]
    again = bring(store, source, [*known, *more])
    assert not [remark for remark in again.remarks if "inactive" in remark], "told once"
    changed = [order("9", 7800, customer="1"), order("8", customer="2" if source == "S" else "7")]
    assert not [r for r in bring(store, source, [*known, *changed]).remarks if "inactive" in r], "no new order"
    whole(store)


def test_T43_an_order_that_is_pushed_is_told_of_too(store: Store) -> None:
    bring(store, "S", [ANNA])
    deactivate(store, one("1"))

    def pushed(stream: str, record: Record) -> Taken:
        return push(store, Caller(1, "till", "P"), "P", stream, [Item(record, b"{}")], None)

    assert pushed("customers", contact("7", "Anna", "Ahorn", email="anna@x.de")).remarks == ()
    (told,) = pushed("orders", order("1", customer="7")).remarks
    assert "1 customer marked inactive ordered again" in told
    assert pushed("orders", order("1", customer="7")).remarks == ()


def test_T43_an_order_that_comes_before_its_buyer_is_told_of(store: Store) -> None:
    bring(store, "S", [ANNA])
    deactivate(store, one("1"))
    report = bring(store, "B", [order("1", customer="7"), order("2", customer="8"), contact("8", "Bea", "Birke"),
                                contact("7", "Anna", "Ahorn", email="anna@x.de")], size=1)  # fmt: skip
    (told,) = [remark for remark in report.remarks if "inactive" in remark]
    assert "1 customer marked inactive ordered again" in told
    (row,) = Desk(store).rows(inactive=True)
    assert row["orders"] == 1


def test_T43_another_carrier_of_an_order_is_no_new_order(store: Store) -> None:
    from klientela.kit import Origin
    from klientela.rules.ruleset import SourceRules

    use(store, sources={"B": SourceRules(same_as={"S1": "S"})})
    bring(store, "S", [ANNA, order("1", customer="1")])
    deactivate(store, one("1"))
    passed_on: Order = order("77", customer="5", origin=Origin(platform="memory", shop="S1", id="1"))
    report = bring(store, "B", [contact("5", "Anna", "Ahorn", email="anna@x.de"), passed_on])
    with store.reading() as db:
        heads = db.rows("SELECT count(*) FROM orders WHERE why = 'other carrier'")
    assert heads == [(1,)], "it is the same order"
    assert not [remark for remark in report.remarks if "inactive" in remark]


def test_an_operators_merge_asks_what_becomes_of_the_mark(store: Store) -> None:
    bring(store, "S", [ANNA, BEA])
    deactivate(store, one("2"))
    ids = ("S/customer/1", "S/customer/2")
    before = Desk(store).everything()
    with pytest.raises(Conflict, match="one of the two is marked inactive"):
        decide.merge(store, *ids, reason="one person")
    assert Desk(store).count("decision") == 1, "nothing was written"
    joined = decide.merge(store, *ids, reason="one person", inactive=True).seq
    assert (Desk(store).rows(), len(Desk(store).rows(inactive=True))) == ([], 1)
    whole(store)
    assert joined is not None
    decide.undo(store, joined)
    assert Desk(store).everything() == before
    joined = decide.merge(store, *ids, reason="one person", inactive=False).seq
    assert (len(Desk(store).rows()), Desk(store).rows(inactive=True)) == (1, [])
    whole(store)
    assert joined is not None
    back = decide.undo(store, joined).seq
    assert (Desk(store).everything(), names(store, inactive=True)) == (before, ["Bea"]), "the mark holds again"
    assert back is not None
    decide.undo(store, back)
    assert (len(Desk(store).rows()), Desk(store).rows(inactive=True)) == (1, [])
    whole(store)


def test_two_who_are_both_marked_are_joined_without_a_question(store: Store) -> None:
    bring(store, "S", [ANNA, BEA])
    deactivate(store, Whom(("S/customer/1", "S/customer/2")))
    decide.merge(store, "S/customer/1", "S/customer/2", reason="one person")
    assert len(Desk(store).rows(inactive=True)) == 1


def test_many_are_marked_at_once_and_taken_back_at_once(store: Store) -> None:
    bring(store, "S", [ANNA, BEA, CORA])
    before, counted = Desk(store).everything(), figures(store)
    tried = deactivate(store, found("birke"), dry_run=True)
    assert (tried.seq, len(tried.customers), Desk(store).count("decision")) == (None, 2, 0)
    made = deactivate(store, found("birke"))
    assert (names(store), names(store, inactive=True)) == (["Anna"], ["Bea", "Cora"])
    lines = [line for line in Desk(store).kinds("decided") if line["seq"] == made.seq]
    assert sorted(line["customer"] for line in lines) == sorted(map(Desk(store).public, "23"))
    with pytest.raises(UnknownThing, match="nobody in the list is found by 'birke'"):
        deactivate(store, found("birke"))
    again = deactivate(store, Whom(("S/customer/1", "S/customer/2")))
    assert again.about == {"already": 1}
    assert again.seq is not None
    decide.undo(store, again.seq)
    assert names(store) == ["Anna"]
    activate(store, found("cora"))
    assert names(store) == ["Anna", "Cora"]
    assert made.seq is not None
    decide.undo(store, made.seq)
    assert (Desk(store).everything(), figures(store)) == (before, counted)
    whole(store)


def test_undoing_any_marks_in_any_order_leaves_what_the_others_make(store: Store) -> None:
    """The model: of each record the newest word that was not taken back holds; what holds again is new."""
    by = Random(7)
    bring(store, "S", [account(str(n), "P", f"N{n}", email=f"p{n}@x.de", created_at=n) for n in range(6)])
    said: dict[int, list[tuple[str, str]]] = {}  # by its number, what each decision says of whom
    order: list[int] = []  # decisions that hold, oldest first
    undone: dict[int, int] = {}  # undo -> what it took back

    def inactive() -> set[str]:
        newest = {who: kind for seq in order for kind, who in said[seq]}
        return {who for who, kind in newest.items() if kind == "inactive"}

    for _ in range(60):
        some = by.sample("012345", by.randint(1, 4))
        whom = Whom(tuple(f"S/customer/{n}" for n in some))
        what = by.choice(("mark", "mark", "off", "undo", "undo", "again"))
        before = inactive()
        if what == "mark" and not before.issuperset(some):
            seq = deactivate(store, whom).seq
            assert seq is not None
            said[seq] = [("inactive", n) for n in some]
            order.append(seq)
        elif what == "off" and before.intersection(some):
            seq = activate(store, whom).seq
            assert seq is not None
            said[seq] = [("active", n) for n in before.intersection(some)]
            order.append(seq)
        elif what == "undo" and order:
            taken = by.choice(order)
            seq = decide.undo(store, taken).seq
            assert seq is not None
            order.remove(taken)
            undone[seq] = taken
        elif what == "again" and undone:
            back = by.choice(sorted(undone))
            words = set(said[undone[back]])
            if words <= {word for seq in order for word in said[seq]}:
                continue  # it is refused: all of it holds already
            seq = decide.undo(store, back).seq
            assert seq is not None
            said[seq] = said[undone.pop(back)]
            order.append(seq)
        found = {row["last_name"][1:] for row in Desk(store).rows(inactive=True)}
        assert found == inactive(), what
    whole(store)


def test_the_bitmaps_of_a_large_list_follow_the_marks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bitmaps.LIMITS, "least", dict.fromkeys(("sqlite", "postgresql"), 1))
    monkeypatch.setattr(bitmaps.LIMITS, "merge", 1)
    bring(store, "S", [ANNA, BEA, CORA])
    with store.reading() as db:
        assert bitmaps.state(db) is not None
    deactivate(store, one("2"))
    assert (names(store, search="birke"), names(store, search="birke", inactive=True)) == (["Cora"], ["Bea"])
    mapping.upkeep(store)
    with store.reading() as db:
        assert db.rows("SELECT id FROM unmapped") == []
        assert mapping.check(db) == []
    assert (names(store, search="birke"), names(store, search="birke", inactive=True)) == (["Cora"], ["Bea"])
    whole(store)


def test_a_guest_row_may_be_marked_and_the_mark_waits_while_it_is_nobody(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest_order("o1", "g@x.de", first_name="Gero")])
    deactivate(store, one("o1", entity="guest_order"))
    assert (Desk(store).rows(), names(store, inactive=True)) == ([], ["Gero"])
    bring(store, "S", [ANNA, order("o1", customer="1", guest=False, email="g@x.de", first_name="Gero")])
    assert (names(store), Desk(store).rows(inactive=True)) == (["Anna"], [])
    whole(store)
    bring(store, "S", [ANNA, guest_order("o1", "g@x.de", first_name="Gero")])
    assert (names(store), names(store, inactive=True)) == (["Anna"], ["Gero"])
    whole(store)


@pytest.mark.parametrize(
    ("whom", "error", "said"),
    [
        (Whom(("S/customer/77",)), UnknownThing, "there is no record S/customer/77"),
        (Whom(("S/customer/1", "nobody")), UnknownThing, "neither the id of a customer nor the key"),
        (Whom(), Misconfigured, "nobody is named"),
        (Whom(search="  ", view=view()), Misconfigured, "would mean everybody"),
        (Whom(("S/customer/1",), "anna", view()), Misconfigured, "at the same time"),
        (found("zzz"), UnknownThing, "nobody in the"),
        (one("2"), Conflict, "already"),
    ],
)
def test_bad_uses_write_nothing(store: Store, whom: Whom, error: type[Exception], said: str) -> None:
    bring(store, "S", [ANNA, BEA])
    deactivate(store, one("2"))
    before = Desk(store).count("txn"), Desk(store).count("audit")
    with pytest.raises(error, match=said):
        deactivate(store, whom)
    assert (Desk(store).count("txn"), Desk(store).count("audit")) == before


def test_nobody_to_take_a_mark_off_is_a_sentence(store: Store) -> None:
    bring(store, "S", [ANNA, BEA])
    for whom in (one("1"), Whom(("S/customer/1", "S/customer/2"))):
        with pytest.raises(Conflict, match="marked inactive"):
            activate(store, whom)
    with pytest.raises(UnknownThing, match="in the inactive list"):
        activate(store, found("anna"))
    assert Desk(store).count("decision") == 0


def test_whom_filters_find_are_marked_as_those_whom_a_search_finds(store: Store) -> None:
    bring(store, "S", [ANNA, BEA, CORA, order("1", customer="1"), order("2", customer="1"), order("3", customer="2")])
    bring(store, "T", [account("9", "Dora", "Eiche", email="dora@y.de", created_at=4)])
    deactivate(store, Whom(view=view(), segment="repeat"))
    assert names(store, inactive=True) == ["Anna"]
    deactivate(store, Whom(search="birke", view=view(), filters={"sources": ["S"], "scanned": ["no"]}))
    assert names(store, inactive=True) == ["Anna", "Bea", "Cora"]
    whole(store)
    with pytest.raises(UnknownThing, match="nobody in the list is found by these filters"):
        deactivate(store, Whom(view=view(), segment="repeat"))
    with pytest.raises(Misconfigured, match="would mean everybody"):
        deactivate(store, Whom(view=view(), segment="inactive"))
    activate(store, Whom(view=view(), segment="repeat"))
    assert names(store) == ["Anna", "Dora"]
    whole(store)
