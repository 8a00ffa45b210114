"""What an operator is asked and told: the review queue and the audit log, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from klientela.errors import Conflict, UnknownThing
from klientela.flow import decide as deciding
from klientela.flow import history, rules, work
from klientela.flow.history import audit, verify
from klientela.flow.rebuild import rebuild
from klientela.flow.review import is_key, review
from klientela.kit import Address, Person
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import Store, ids
from klientela.store.locate import locate
from klientela.store.naming import rename
from tests.shops import bring, use

HOME = Address(street="Lindenstr. 5", zip="01067", city="Dresden", country="DE")
PHONE = "+49 351 8472913"


def account(ext: str, first: str, last: str, **fields: Any) -> Person:
    return Person(external_id=ext, kind="account", first_name=first, last_name=last, **fields)


def contact(ext: str, first: str, last: str, **fields: Any) -> Person:
    return Person(external_id=ext, kind="contact", first_name=first, last_name=last, **fields)


def items(store: Store, **options: Any) -> list[dict[str, Any]]:
    return review(store, **options)["items"]  # type: ignore[no-any-return]


def public(store: Store, source: str, ext: str) -> str:
    return ids.text(ids.public_id(source, "customer", ext, store.key))


def decide(store: Store, kind: str, a: str, b: str) -> None:
    with store.step("decision", actor="eva") as step:
        one, two = locate(step.db, store.key, a).record, locate(step.db, store.key, b).record
        step.db.run(
            "INSERT INTO decision (id, kind, a, b, from_seq) VALUES (?, ?, ?, ?, ?)",
            (step.new_ids("decision", 1)[0], kind, one, two, step.seq),
        )
        rules.everything(step, "decision")
    work.drain(store)


# -- the review queue ------------------------------------------------------------------------------------------------


def test_t24_a_household_is_no_task_for_anybody(store: Store) -> None:
    use(store)
    shared = {"phone": PHONE, "addresses": [HOME]}
    bring(store, "main", [account("1", "Anna", "Müller", email="anna@x.example", **shared)])
    bring(store, "list", [contact("2", "Ben", "Müller", email="ben@x.example", **shared)])
    assert items(store) == []


def test_t28_a_role_box_is_no_task_either(store: Store) -> None:
    use(store)
    bring(
        store,
        "list",
        [contact("1", "Zoe", "Amt", email="info@firma.de"), contact("2", "Zoey", "Amd", email="info@firma.de")],
    )
    assert items(store) == []


def test_t30_accounts_of_one_shop_are_one_item(store: Store) -> None:
    use(store)
    bring(store, "main", [
        account("1", "Eva", "Lang", email="a@x.example", phone=PHONE, created_at=5),
        account("2", "Eva", "Lang", email="b@x.example", phone=PHONE, created_at=6),
    ])  # fmt: skip
    bring(store, "list", [contact("3", "Eva", "Lang", email="a@x.example", emails=["b@x.example"])])
    (item,) = items(store)
    assert item["kind"] == "same_source"
    assert item["customers"] == sorted([public(store, "main", "1"), public(store, "main", "2")])
    assert item["records"] == ["main/customer/1", "main/customer/2"]


def test_t29_a_value_above_its_limit_is_one_item(store: Store) -> None:
    use(store)
    firsts = ("Ida", "Otto", "Paul", "Rosa", "Udo", "Vera", "Willi", "Xenia", "Yann", "Zoe")
    bring(
        store, "list", [contact(str(n), first, f"Nach{first}", email="wir@x.example") for n, first in enumerate(firsts)]
    )
    assert items(store) == []
    bring(store, "list", [contact(f"e{n}", "Eva", "Lang", email="wir@x.example") for n in range(2)])
    (item,) = items(store)
    assert (item["kind"], item["rule"], item["value"], item["names"]) == ("crowded", "email", "w•••@x•••.example", 11)
    assert len(item["customers"]) == 11
    assert items(store, reveal=True)[0]["value"] == "wir@x.example"


def test_r24c_names_just_below_the_guard_are_one_item_for_each_pair(store: Store) -> None:
    use(store)
    bring(store, "main", [account("1", "Jonas", "Hartwig", email="j@x.example", phone=PHONE)])
    bring(store, "list", [contact("2", "Jonny", "Hartwich", email="j@x.example", phone=PHONE)])
    (item,) = items(store)
    assert (item["kind"], item["names"]) == ("names", 2)
    assert item["records"] == ["list/customer/2", "main/customer/1"]
    assert item["customers"] == sorted([public(store, "main", "1"), public(store, "list", "2")])
    assert item["value"] in ("j•••@x•••.example", "+49•••13")
    assert item["value"] in item["sentence"]
    for kind in ("cannot", "reject"):
        decide(store, kind, "main/customer/1", "list/customer/2")
        assert items(store) == []  # a pair that was decided never comes back
        with store.step("undo") as step:
            step.db.run("UPDATE decision SET to_seq = ?", (step.seq,))
    decide(store, "must", "main/customer/1", "list/customer/2")
    assert items(store) == []


def test_a_queue_is_the_same_whatever_came_first(new_store: Any) -> None:
    people = [
        ("main", account("1", "Jonas", "Hartwig", email="j@x.example")),
        ("list", contact("2", "Jonny", "Hartwich", email="j@x.example")),
        ("main", account("3", "Eva", "Lang", email="a@x.example", phone=PHONE)),
        ("main", account("4", "Eva", "Lang", email="b@x.example", phone=PHONE)),
    ]
    queues = []
    for order in (people, people[::-1]):
        one = new_store()
        use(one)
        for source, person in order:
            bring(one, source, [person])
        queues.append(items(one))
    assert len(queues[0]) == 2
    assert queues[0] == queues[1]


def test_of_many_records_an_item_names_the_same_whatever_came_first(new_store: Any) -> None:
    """Nodes of one record and of several, and a value that more carry than an item names."""
    people = []
    for n in range(4):
        people.append(("main", contact(f"a{n}", "Jonas", "Hartwig", email=f"j{n // 2}@x.example", phone=PHONE)))
        people.append(("list", contact(f"b{n}", "Jonny", "Hartwich", email=f"h{n // 2}@x.example", phone=PHONE)))
    people += [
        ("box", contact(f"c{n:03}", "Anna", f"Nr{chr(97 + n // 26)}{chr(97 + n % 26)}", email="wir@y.example"))
        for n in range(520)
    ]
    queues = []
    for order in (people, people[::-1]):
        one = new_store()
        use(one)
        for source in sorted({source for source, _ in order}, reverse=order is not people):
            bring(one, source, [person for name, person in order if name == source])
        queues.append(items(one, reveal=True))
    assert [item["kind"] for item in queues[0]] == ["crowded", "names"]
    assert queues[0] == queues[1]
    assert queues[0][1]["records"] == ["list/customer/b0", "main/customer/a0"]


# -- the audit log ---------------------------------------------------------------------------------------------------


@pytest.fixture
def told(store: Store) -> Store:
    use(store)
    bring(store, "main", [account("1", "Anna", "Alt", email="a@x.example", created_at=5)])
    bring(
        store,
        "list",
        [contact("9", "Anna", "Alt", email="a@x.example"), contact("8", "Zoe", "Neu", email="z@x.example")],
    )
    return store


def read(store: Store, **wanted: Any) -> list[dict[str, Any]]:
    with store.reading() as db:
        return audit(db, store.key, **wanted)["lines"]  # type: ignore[no-any-return]


def test_a_line_says_everything_the_contract_names_and_its_place_in_the_change(told: Store) -> None:
    lines = read(told)
    assert [line["kind"] for line in lines] == ["founded", "founded", "joined"] or [line["kind"] for line in lines] == [
        "founded",
        "joined",
        "founded",
    ]
    joined = next(line for line in lines if line["kind"] == "joined")
    assert set(joined) == {
        "seq", "n", "at", "run", "actor", "kind", "customer", "other", "records", "rule", "value", "detail",
        "commitment", "prev", "hash",
    }  # fmt: skip
    assert joined["customer"] == public(told, "main", "1")
    assert joined["records"] == ["list/customer/9"]
    assert (joined["rule"], joined["value"], joined["actor"]) == ("email", "a@x.example", "daemon")
    assert joined["detail"] == {"with": "main/customer/1"}
    assert joined["at"].endswith("Z")
    with told.reading() as db:
        assert joined["run"] in {row[0] for row in db.rows("SELECT id FROM run")}


@pytest.mark.parametrize("few", [500, 0], ids=["few", "many"])
def test_a_customers_lines_are_those_of_all_its_records(told: Store, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_FEW", few)
    for named in (public(told, "main", "1"), public(told, "list", "9"), "list/customer/9"):
        assert {line["customer"] for line in read(told, customer=named)} == {public(told, "main", "1")}
    assert [line["kind"] for line in read(told, customer="list/customer/8")] == ["founded"]
    with pytest.raises(UnknownThing):
        read(told, customer="list/customer/7")


def test_since_leaves_out_what_was_before(told: Store) -> None:
    with told.reading() as db:
        moments = [
            row[0]
            for row in db.rows(
                "SELECT at FROM txn x WHERE EXISTS (SELECT 1 FROM audit a WHERE a.seq = x.seq) ORDER BY seq"
            )
        ]
    assert len(read(told, since=moments[0])) == 3
    assert len(read(told, since=moments[-1])) == 2
    assert read(told, since=moments[-1] + 1) == []


def test_a_rename_shows_in_the_keys_and_nowhere_else(told: Store) -> None:
    before = read(told)
    rename(told, "list", "people")
    after = read(told)
    assert [line["hash"] for line in after] == [line["hash"] for line in before]
    assert "people/customer/9" in {key for line in after for key in line["records"]}
    assert read(told, customer="people/customer/9") != []


def test_what_was_erased_is_null_and_the_chain_holds(told: Store) -> None:
    with told.step("erase") as step:
        step.db.run("DELETE FROM audit_private")
    assert {(line["records"], line["value"], line["detail"]) for line in read(told)} == {(None, None, None)}
    with told.reading() as db:
        assert verify(db)["whole"]


def test_verify_says_what_does_not_hold(told: Store) -> None:
    with told.reading() as db:
        fine = verify(db)
    assert (fine["whole"], fine["lines"], fine["head"], fine["problems"]) == (True, 3, read(told)[-1]["hash"], [])
    with told.step("harm") as step:
        step.db.run("UPDATE audit SET kind = 'split' WHERE seq = (SELECT min(seq) FROM audit)")
    with told.reading() as db:
        harmed = verify(db)
    assert not harmed["whole"]
    assert "was changed" in harmed["problems"][0]


def test_changed_rules_are_a_line(told: Store) -> None:
    assert rules.apply(told, Ruleset(rules=("phone",), sources={"main": SourceRules()})) is not None
    work.drain(told)
    kinds = [line["kind"] for line in read(told)]
    assert kinds[3] == "rules_changed"
    assert "split" in kinds
    assert read(told)[3]["actor"] == "operator"
    assert set(read(told)[3]["detail"]) == {"from", "to"}


def test_an_items_key_is_that_of_its_pair_wherever_it_stands(store: Store) -> None:
    use(store)
    shared = [(name, n) for n in (1, 2) for name in ("Jonas Hartwig", "Jonny Hartwich")]
    people = [
        Person(
            external_id=f"{n}{name[:5]}",
            kind="contact",
            first_name=name.split()[0],
            last_name=name.split()[1],
            email=f"p{n}@x.example",
        )
        for name, n in shared
    ]
    bring(store, "list", people)
    before = review(store)
    keys = [item["key"] for item in before["items"]]
    assert len(set(keys)) == len(keys) == 2
    assert all(map(is_key, keys))
    assert not is_key("1234bcdf")
    assert not is_key(keys[0] + "b")
    assert review(store, reveal=True)["version"] == before["version"], "reading changes nothing"
    deciding.reject(store, keys[0])
    after = review(store)
    assert ([item["key"] for item in after["items"]], after["version"] != before["version"]) == (keys[1:], True)
    with pytest.raises(Conflict, match="another one"):
        deciding.accept(store, 1, as_of=before["version"])
    with pytest.raises(UnknownThing, match="decided meanwhile"):
        deciding.accept(store, keys[0])
    made = deciding.accept(store, keys[1].upper(), as_of=after["version"])
    assert made.about["item"] == keys[1]
    assert review(store)["items"] == []
    rebuild(store)
    assert review(store)["items"] == []
