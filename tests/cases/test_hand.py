"""By hand: T38-T41, on both stores. Edits of files are T53 (tests/cases/test_imports.py)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from klientela.errors import Conflict
from klientela.flow import correct, decide
from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import Address, Person
from klientela.store import Store
from tests.cases.seen import Desk, account, contact
from tests.shops import Shop, bring, use

TITLES = {"memory": "Shopify", "csv": "CSV"}


class File(Shop):
    """A list, which operators may edit."""

    type = "csv"
    title = "CSV"


def listed(store: Store, *records: Person) -> None:
    assert sync(store, File("list", records)).status == "ok"


def shop(version: int, **more: object) -> Person:
    says = {"email": "anna@x.de", "phone": "+49 30 111222", "created_at": 1, "version": version, **more}
    return account("1", "Anna", "Ahorn", **says)


def refusal(way: Callable[[], object]) -> str:
    """The sentence by which something is refused; none where it is done."""
    try:
        way()
    except Conflict as told:
        return told.message
    return ""


def test_T38_a_pinned_phone_is_shown_and_the_shops_is_kept_beneath(store: Store) -> None:
    use(store)
    bring(store, "SH", [shop(1)])
    desk = Desk(store)
    made = correct.pin(store, "SH/customer/1", "phone", "+49 30 999888", overlay=True)
    bring(store, "SH", [shop(2, phone="+49 30 333444")])
    assert desk.row("1", "SH")["phone"] == "+49 30 999888"
    told = desk.profile("1", "SH")["provenance"]["phone"]
    assert (told["pinned"], told["by"], told["beneath"]["value"]) == (True, "operator", "+49 30 333444")
    assert rebuild(store, check=True).differences == []
    off = correct.unpin(store, "SH/customer/1", "phone")
    assert desk.row("1", "SH")["phone"] == "+49 30 333444"
    assert "beneath" not in desk.profile("1", "SH")["provenance"]["phone"]
    for one in (off, made):  # letting it hold again, and taking it back for good
        assert one.seq is not None
    decide.undo(store, off.seq or 0)
    assert desk.row("1", "SH")["phone"] == "+49 30 999888"
    assert rebuild(store, check=True).differences == []


def test_T39_what_a_shop_delivers_is_locked_and_what_a_list_says_is_not(store: Store) -> None:
    use(store)
    home = Address(street="Lindenstr.", house_number="5", zip="10969", city="Berlin", country="DE")
    bring(store, "SH", [shop(1, addresses=[home])])
    listed(store, contact("7", "Anna", "Ahorn", email="anna@x.de", created_at=2, company="Ahorn KG"))
    desk = Desk(store)
    before = desk.everything()
    told = refusal(lambda: correct.edit(store, "SH/customer/1", {"city": "Ulm", "company": "Neu"}, titles=TITLES))
    assert "the city comes from Shopify (SH), so it changes there" in told
    assert desk.everything() == before, "all or nothing"
    correct.edit(store, "SH/customer/1", {"company": "Neu"}, titles=TITLES)
    row = desk.row("1", "SH")
    assert (row["company"], row["city"]) == ("Neu", "Berlin")
    assert rebuild(store, check=True).differences == []


@pytest.mark.parametrize("source", ["SH", "list"])
def test_T40_an_email_is_changed_by_nobody_and_nothing_else_is_written(store: Store, source: str) -> None:
    use(store)
    bring(store, "SH", [shop(1)])
    listed(store, contact("7", "Zoe", "Zander", email="z@x.de", company="Z KG"))
    ext = "1" if source == "SH" else "7"
    desk = Desk(store)
    before, lines = desk.everything(), len(desk.audit())
    for fields in ({"email": "new@x.de"}, {"company": "Neu", "email": "new@x.de"}, {"email": ""}):
        with pytest.raises(Conflict, match=r"changes only by the sync of its own source \(R37\)"):
            correct.edit(store, f"{source}/customer/{ext}", fields)
    assert (desk.everything(), len(desk.audit())) == (before, lines)


def test_T41_an_email_changed_at_the_shop_is_the_new_one_and_the_old_one_is_former(store: Store) -> None:
    use(store)
    bring(store, "SH", [shop(1)])
    listed(store, contact("7", "Anna", "Ahorn", email="anna@x.de", created_at=2))
    desk = Desk(store)
    public = desk.public("1", "SH")
    assert desk.people() == {frozenset({"SH/1", "list/7"})}
    bring(store, "SH", [shop(2, email="neu@x.de")])
    made = desk.profile("1", "SH")
    assert (made["id"], made["email"]) == (public, "neu@x.de")
    assert [(one["value"], one["primary"], one["former"]) for one in made["emails"]] == [
        ("neu@x.de", True, False),
        ("anna@x.de", False, True),
    ]
    (line,) = [one for one in made["history"] if one["field"] == "email"]
    assert (line["old"], line["new"], line["record"], line["decision"]) == (
        "anna@x.de",
        "neu@x.de",
        "SH/customer/1",
        None,
    )
    assert line["run"] is not None
    assert desk.people() == {frozenset({"SH/1"}), frozenset({"list/7"})}, "a former e-mail is no key"
    assert rebuild(store, check=True).differences == []
