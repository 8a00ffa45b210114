"""Why records are one customer, and why two customers are not: recomputed from the store, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from klientela.errors import UnknownThing
from klientela.flow import rules, work
from klientela.flow.history import audit
from klientela.flow.why_not import explain
from klientela.kit import Address, Number, Order, Person
from klientela.model.records import Record
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.rules.values import mask
from klientela.store import Store, ids
from klientela.store.locate import locate
from tests.shops import bring, use

DAY = 86_400_000_000
HOME = Address(street="Lindenstr. 5", zip="01067", city="Dresden", country="DE")


def account(ext: str, first: str | None = None, last: str | None = None, **fields: Any) -> Person:
    return Person(external_id=ext, kind="account", first_name=first, last_name=last, **fields)


def contact(ext: str, first: str | None = None, last: str | None = None, **fields: Any) -> Person:
    return Person(external_id=ext, kind="contact", first_name=first, last_name=last, **fields)


def ask(store: Store, key: str, other: str | None = None, **options: Any) -> dict[str, Any]:
    return explain(store, key, other, **options)


def decide(store: Store, kind: str, a: str, b: str) -> None:
    with store.step("decision", actor="eva") as step:
        one, two = locate(step.db, store.key, a).record, locate(step.db, store.key, b).record
        step.db.run(
            "INSERT INTO decision (id, kind, a, b, from_seq) VALUES (?, ?, ?, ?, ?)",
            (step.new_ids("decision", 1)[0], kind, one, two, step.seq),
        )
        rules.everything(step, "decision")


# -- finding ---------------------------------------------------------------------------------------------------------


def test_any_id_ever_shown_and_every_key_finds_the_customer(store: Store) -> None:
    use(store)
    bring(store, "main", [account("1", "Anna", "Alt", email="a@x.example", created_at=5 * DAY)])
    bring(store, "list", [contact("9/1", "Anna", "Alt", email="a@x.example", created_at=DAY)])
    young = ids.text(ids.public_id("main", "customer", "1", store.key))
    old = ids.text(ids.public_id("list", "customer", "9/1", store.key))
    with store.reading() as db:
        found = {
            locate(db, store.key, text) for text in (young, old, old.upper(), "main/customer/1", "list/customer/9/1")
        }
        assert len({one.customer for one in found}) == 1
        assert len({one.record for one in found}) == 2
        for wrong in (old[:-4] + "0000", "nobody", "main/customer/2", "shop/customer/1", "main/order/1"):
            with pytest.raises(UnknownThing):
                locate(db, store.key, wrong)


# -- why -------------------------------------------------------------------------------------------------------------


def test_every_edge_says_rule_value_run_version_and_time(store: Store) -> None:
    ruleset = use(store)
    bring(store, "main", [account("1", "Anna", "Alt", email="anna@example.com", created_at=DAY)])
    bring(store, "list", [contact("9", "A", "Alt", email="Anna@Example.com", numbers=[Number("K-77", "main")])])
    made = ask(store, "list/customer/9")
    assert made["id"] == ids.text(ids.public_id("main", "customer", "1", store.key))
    assert [record["external_id"] for record in made["records"]] == ["1", "9"]
    (edge,) = made["edges"]
    with store.reading() as db:
        (run,) = db.rows("SELECT run, seq FROM txn WHERE run IS NOT NULL ORDER BY seq DESC LIMIT 1")
        line = next(line for line in audit(db, store.key)["lines"] if line["kind"] == "joined")
    assert edge == {
        "a": "main/customer/1",
        "b": "list/customer/9",
        "rule": "email",
        "value": "a•••@e•••.com",
        "run": run[0],
        "rule_version": ruleset.digest,
        "at": line["at"],
        "holds": True,
    }
    assert ask(store, "main/customer/1", reveal=True)["edges"][0]["value"] == "anna@example.com"
    assert made["decisions"] == []


def test_edges_that_hold_come_first_and_the_others_are_told_too(store: Store) -> None:
    use(store)
    both = {"email": "a@x.example", "phone": "+49 351 8472913", "addresses": [HOME]}
    bring(store, "main", [account("1", "Anna", "Alt", created_at=DAY, **both)])
    bring(
        store,
        "list",
        [
            contact("2", "Anna", "Alt", email="a@x.example"),
            contact("3", "Anna", "Alt", phone=both["phone"], addresses=[HOME]),
        ],
    )
    edges = ask(store, "main/customer/1")["edges"]
    assert [(e["rule"], e["b"], e["holds"]) for e in edges] == [
        ("email", "list/customer/2", True),
        ("phone", "list/customer/3", True),
        ("address", "list/customer/3", False),
    ]
    assert [e["value"] for e in edges] == ["a•••@x•••.example", "+49•••13", "DE 0••• l••• 5•••"]


def test_records_of_one_name_and_equal_keys_hang_on_the_oldest(store: Store) -> None:
    use(store)
    people = [contact(str(n), "Anna", "Alt", email="a@x.example", created_at=(9 - n) * DAY) for n in range(4)]
    bring(store, "list", people)
    edges = ask(store, "list/customer/0")["edges"]
    assert [(e["a"], e["b"], e["rule"], e["holds"]) for e in edges] == [
        ("list/customer/3", f"list/customer/{n}", "email", True) for n in (2, 1, 0)
    ]
    assert all(e["at"] for e in edges)


def test_decisions_are_told_with_who_and_when(store: Store) -> None:
    use(store)
    bring(
        store,
        "main",
        [account("1", "Anna", "Alt", email="a@x.example"), account("2", "Zoe", "Neu", email="z@x.example")],
    )
    decide(store, "must", "main/customer/1", "main/customer/2")
    bring(store, "main", [account("3", "Udo", "Rest", email="u@x.example")])
    made = ask(store, "main/customer/1")
    assert [(e["rule"], e["value"], e["holds"]) for e in made["edges"]] == [("operator", None, True)]
    (said,) = made["decisions"]
    assert (said["kind"], said["a"], said["b"], said["actor"]) == ("must", "main/customer/1", "main/customer/2", "eva")


def test_what_other_rules_joined_names_them_and_no_run(store: Store) -> None:
    use(store, rules=("email",))
    bring(store, "main", [account("1", "Anna", "Alt", phone=PHONE), account("2", "Ben", "Neu", email=MAIL)])
    bring(store, "list", [contact("9", "Anna", "Alt", phone=PHONE)])
    assert ask(store, "main/customer/1")["edges"] == []
    wanted = Ruleset(rules=("email", "phone"), sources={"main": SourceRules(), "list": SourceRules()})
    rules.apply(store, wanted)
    work.drain(store)
    (edge,) = ask(store, "main/customer/1")["edges"]
    with store.reading() as db:
        digest = store.ruleset(db).digest
    assert (edge["rule"], edge["run"], edge["rule_version"], edge["holds"]) == ("phone", None, digest, True)
    assert edge["at"] is not None
    assert PHONE.replace(" ", "") not in str(edge)


def test_a_lone_record_has_no_edges(store: Store) -> None:
    use(store)
    bring(store, "main", [account("1", "Anna", "Alt", email="a@x.example")])
    assert ask(store, "main/customer/1")["edges"] == []


# -- why not ---------------------------------------------------------------------------------------------------------

MAIL, PHONE, BOX, SEVEN = "a@x.example", "+49 351 8472913", "info@x.example", [Number("7")]
PAIRS: dict[str, tuple[list[Record], list[Record]]] = {
    "nothing_shared": ([account("1", "Anna", "Alt", email="x@x.example")], [contact("1", "Ben", "Neu", phone=PHONE)]),
    "number_space": ([account("1", "Anna", "Alt", numbers=SEVEN)], [contact("1", "Ben", "Neu", numbers=SEVEN)]),
    "names": ([account("1", "Anna", "Alt", phone=PHONE)], [contact("1", "Ben", "Neu", phone=PHONE)]),
    "nameless": ([account("1", "Anna", "Alt", phone=PHONE)], [contact("1", phone=PHONE, email="y@x.example")]),
    "blocked": ([account("1", "Anna", "Alt", email=BOX)], [contact("1", "Anna", "Alt", email=BOX)]),
    "limit": (
        [account(str(n), name, "Alt", email=MAIL) for n, name in enumerate(("Anna", "Berta", "Cora", "Dora"))],
        [contact("1", "Annchen", "Alt", email=MAIL)],
    ),
    "per_order": (
        [account("1", "Gerd", "Gast", email=MAIL)],
        [Order(external_id="1", guest=True, first_name="Gerd", last_name="Gast", email=MAIL, total=5, currency="EUR")],
    ),
    "per_source": (
        [account("1", "Gerd", "Gast", email=MAIL)],
        [Order(external_id="1", guest=True, first_name="Gerd", last_name="Gast", email=MAIL, total=5, currency="EUR")],
    ),
    "rule_off": ([account("1", "Anna", "Alt", addresses=[HOME])], [contact("1", "Anna", "Alt", addresses=[HOME])]),
}  # fmt: skip


@pytest.mark.parametrize("reason", PAIRS)
def test_each_reason_is_told_as_a_word_and_a_sentence(store: Store, reason: str) -> None:
    policy = reason if reason in ("per_order", "per_source") else "merge"
    use(
        store,
        limits=(3, 10, 50),
        rules=("email", "number", "phone") if reason == "rule_off" else ("email", "number", "phone", "address"),
        sources={"main": SourceRules(), "list": SourceRules(guests=policy)},  # type: ignore[arg-type]
    )
    one, two = PAIRS[reason]
    bring(store, "main", one)
    bring(store, "list", two)
    other = "list/guest_order/1" if policy != "merge" else "list/customer/1"
    first = "main/customer/0" if reason == "limit" else "main/customer/1"
    made = ask(store, first, other)
    assert made["joined"] is False
    told = {said["reason"]: said for said in made["reasons"]}
    assert reason in told
    assert set(told) <= {reason, "nothing_shared"}
    said = told[reason]
    assert {"reason", "rule", "value", "a", "b", "sentence"} == set(said)
    assert said["sentence"][0].islower()
    assert "x.example" not in str(made["reasons"])  # masked
    assert reason == "nothing_shared" or (said["a"] == first and said["b"] == other)
    if said["rule"] == "email":
        revealed = {one["reason"]: one for one in ask(store, first, other, reveal=True)["reasons"]}
        assert "@x.example" in revealed[reason]["sentence"]


def test_guests_that_only_an_account_may_claim_are_told(store: Store) -> None:
    """R10: the one exception joins a guest's order to an account, never guests among themselves."""
    use(store, retroactive_link="always", sources={"main": SourceRules(guests="per_order")})
    bring(store, "main", [
        Order(external_id=n, guest=True, first_name="Gerd", last_name="Gast", email=MAIL, total=5, currency="EUR")
        for n in "12"
    ])  # fmt: skip
    made = ask(store, "main/guest_order/1", "main/guest_order/2")
    assert [said["reason"] for said in made["reasons"]] == ["guests"]
    bring(store, "main", [account("3", "Gerd", "Gast", email=MAIL)])
    joined = ask(store, "main/guest_order/1", "main/guest_order/2")
    assert joined["joined"]
    assert [(edge["a"], edge["b"], edge["rule"], edge["holds"]) for edge in joined["edges"]] == [
        ("main/customer/3", f"main/guest_order/{n}", "email", True) for n in "12"
    ]


def test_a_buyer_whose_orders_are_all_rows_of_their_own_is_told(store: Store) -> None:
    use(store, sources={"main": SourceRules(), "list": SourceRules(guests="per_order")})
    bring(store, "main", [account("1", "Gerd", "Gast", email=MAIL)])
    bring(store, "list", [
        Person(external_id="7", kind="guest", first_name="Gerd", last_name="Gast", email=MAIL),
        Order(external_id="1", customer="7", guest=True, first_name="Gerd", last_name="Gast", email=MAIL, total=5,
              currency="EUR"),
    ])  # fmt: skip
    made = ask(store, "main/customer/1", "list/customer/7")
    (said,) = made["reasons"]
    assert said["reason"] == "per_order"
    assert "R6, R7" in said["sentence"]


def test_accounts_of_one_shop_are_told_also_by_way_of_a_third_record(store: Store) -> None:
    use(store)
    phone = {"phone": PHONE}
    bring(
        store,
        "main",
        [
            account("1", "Eva", "Lang", email="a@x.example", **phone),
            account("2", "Eva", "Lang", email="b@x.example", **phone),
        ],
    )
    assert [said["reason"] for said in ask(store, "main/customer/1", "main/customer/2")["reasons"]] == ["same_source"]
    bring(store, "list", [contact("3", "Eva", "Lang", email="a@x.example", emails=["b@x.example"])])
    made = ask(store, "list/customer/3", "main/customer/2")
    assert {said["reason"] for said in made["reasons"]} == {"same_source"}
    assert {said["rule"] for said in made["reasons"]} == {"email", "phone"}


def test_a_nameless_record_bridges_nobody(store: Store) -> None:
    use(store)
    bring(
        store,
        "main",
        [
            account("1", "Anna", "Alt", email="a@x.example", created_at=DAY),
            account("2", "Ben", "Neu", email="b@x.example"),
        ],
    )
    bring(store, "list", [contact("3", email="a@x.example", emails=["b@x.example"])])
    made = ask(store, "list/customer/3", "main/customer/2")
    assert [said["reason"] for said in made["reasons"]] == ["bridge"]


def test_an_operators_decision_comes_first(store: Store) -> None:
    use(store)
    bring(store, "main", [account("1", "Anna", "Alt", email=MAIL)])
    bring(store, "list", [contact("2", "Anna", "Alt", email=MAIL)])
    decide(store, "cannot", "main/customer/1", "list/customer/2")
    bring(store, "list", [contact("3", "Udo", "Rest", email="u@x.example")])  # finishes the worklist
    made = ask(store, "list/customer/2", "main/customer/1")
    assert [said["reason"] for said in made["reasons"]] == ["decision"]
    assert (made["reasons"][0]["a"], made["reasons"][0]["b"]) == ("list/customer/2", "main/customer/1")
    assert [said["kind"] for said in made["decisions"]] == ["cannot"]


def test_two_ids_of_one_customer_are_joined(store: Store) -> None:
    use(store)
    bring(store, "main", [account("1", "Anna", "Alt", email=MAIL)])
    bring(store, "list", [contact("2", "Anna", "Alt", email=MAIL)])
    made = ask(store, "main/customer/1", "list/customer/2")
    assert (made["joined"], made["reasons"], len(made["edges"])) == (True, [], 1)


def test_what_waits_on_the_worklist_is_told(store: Store) -> None:
    use(store, rules=("phone",))
    bring(store, "main", [account("1", "Anna", "Alt", email=MAIL)])
    bring(store, "list", [contact("2", "Anna", "Alt", email=MAIL)])
    assert {s["reason"] for s in ask(store, "main/customer/1", "list/customer/2")["reasons"]} == {"rule_off"}
    rules.apply(store, Ruleset(sources={"main": SourceRules(), "list": SourceRules()}))
    said = ask(store, "main/customer/1", "list/customer/2")["reasons"]
    assert [s["reason"] for s in said] == ["pending"]


# -- masks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "value", "shown"),
    [
        ("email", "a@b.de", "a•••@b•••.de"),
        ("email", "anna@mail.example.com", "a•••@m•••.com"),
        ("phone", "+493511234567", "+49•••67"),
        ("phone", "+4912", "•••"),
        ("number", "K-77", "K•••"),
        ("number", "anna@x.de", "a•••@x•••.de"),
        ("address", "DE 01067 lindenstr 5", "DE 0••• l••• 5•••"),
        (None, "", "•••"),
    ],
)
def test_a_mask_shows_who_knows_it_and_tells_nobody_else(rule: str | None, value: str, shown: str) -> None:
    assert mask(rule, value) == shown
