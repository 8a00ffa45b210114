"""Cases T44, T45 and the ledger around them: who objected stays so until the person, or an operator with evidence, says
otherwise (R43-R46)."""

from __future__ import annotations

from typing import Any

import pytest

from klientela.errors import Conflict, KlientelaError, Misconfigured, UnknownThing
from klientela.flow import decide
from klientela.flow.consenting import consent
from klientela.flow.crowd import Whom
from klientela.flow.importing import Into, import_records
from klientela.flow.inactive import deactivate
from klientela.flow.rebuild import rebuild
from klientela.flow.withdraw import undo as undo_import
from klientela.kit import Address, Consent, Person
from klientela.rules.objections import mark_of
from klientela.store import Store
from klientela.store.contact import Answer, may_contact
from tests.cases.seen import Desk, account, at, contact, order, view
from tests.shops import bring, use


def said(state: str, when: str | None = None, **more: Any) -> Consent:
    """An answer to promotion by e-mail, of the person at the shop."""
    made: dict[str, Any] = {"channel": "email", "purpose": "promotion", "state": state, **more}
    return Consent(at=None if when is None else at(when), **made)


def anna(*consents: Consent, ext: str = "1", **more: Any) -> Person:
    return account(ext, "Anna", "Ahorn", **{"email": "anna@x.de", "created_at": 1, "consents": list(consents), **more})


def one(ext: str, source: str = "S") -> Whom:
    return Whom((f"{source}/customer/{ext}",))


def state(store: Store, ext: str, source: str = "S", channel: str = "email") -> str:
    consents = Desk(store).row(ext, source)["consents"]
    return str(consents.get(channel, {}).get("promotion", "unknown"))


def ask(
    store: Store, ext: str, purpose: str = "promotion", channel: str = "email", source: str = "S", **more: Any
) -> Answer:
    with store.reading() as db:
        return may_contact(db, store.key, f"{source}/customer/{ext}", channel, purpose, **more)


def whole(store: Store) -> None:
    assert rebuild(store, check=True).differences == []


# -- joining and splitting -------------------------------------------------------------------------------------------


def test_T44_the_later_denial_holds_for_both_and_each_gets_its_own_back(store: Store) -> None:
    bring(store, "S", [anna(said("granted", "2021-01-01 12:00")),
                       account("2", "Bea", "Birke", consents=[said("denied", "2021-03-01 12:00")])])  # fmt: skip
    assert (state(store, "1"), state(store, "2")) == ("granted", "denied")
    seq = decide.merge(store, "S/customer/1", "S/customer/2", reason="one person").seq
    assert state(store, "1") == "denied"
    assert {event["state"] for event in Desk(store).profile("1")["consent_events"]} == {"granted", "denied"}
    whole(store)
    assert seq is not None
    decide.undo(store, seq)
    assert (state(store, "1"), state(store, "2")) == ("granted", "denied")
    whole(store)


def test_T45_an_objection_outlives_an_import_with_auto_subscribe(store: Store) -> None:
    bring(store, "S", [anna(said("denied", "2021-01-01 12:00"))])
    person = contact("i1", "Anna", "Ahorn", email="anna@x.de",
                     consents=[said("granted", "2021-06-01 12:00", basis="import", evidence="list.csv row 2")])  # fmt: skip
    made = import_records(store, Into("L", "csv"), [person], name="list.csv", digest="1", subscribe=True)
    assert len(Desk(store).row("1")["records"]) == 2
    assert state(store, "1") == "denied"
    whole(store)
    assert made.batch is not None
    undo_import(store, made.batch)
    assert state(store, "1") == "denied"


def test_an_import_grants_where_nobody_objected_and_yields_to_a_later_objection(store: Store) -> None:
    person = contact(
        "i1", "Anna", "Ahorn", email="anna@x.de", consents=[said("granted", "2021-06-01 12:00", basis="import")]
    )
    import_records(store, Into("L", "csv"), [person], name="list.csv", digest="1", subscribe=True)
    assert state(store, "i1", "L") == "granted"
    bring(store, "S", [anna(said("denied", "2021-01-01 12:00"))])
    assert state(store, "1") == "denied"


# -- operators -----------------------------------------------------------------------------------------------------------


def test_an_operator_with_evidence_lifts_an_objection_and_takes_it_back(store: Store) -> None:
    bring(store, "S", [anna(said("denied", "2021-01-01 12:00"))])
    made = consent(store, one("1"), "email", "promotion", "granted", evidence="signed form of 3 March")
    assert made.about == {"basis": "operator", "objections": 0}
    assert state(store, "1") == "granted"
    newest = Desk(store).profile("1")["consent_events"][0]
    assert (newest["basis"], newest["evidence"], newest["address"]) == (
        "operator",
        "signed form of 3 March",
        "anna@x.de",
    )
    whole(store)
    bring(store, "S", [anna(said("denied", "2021-01-01 12:00"), company="Neu KG")])
    assert state(store, "1") == "granted", "the older objection is read again"
    bring(store, "S", [anna(said("denied", "2099-01-01 12:00"))])
    assert state(store, "1") == "denied", "a later one is not lifted"
    assert made.seq is not None
    decide.undo(store, made.seq)
    bring(store, "S", [anna(said("denied", "2021-01-01 12:00"))])
    assert state(store, "1") == "denied"
    whole(store)


def test_a_bulk_update_grants_the_silent_and_lifts_no_objection(store: Store) -> None:
    bring(store, "S", [anna(said("denied", "2021-01-01 12:00")), account("2", "Bea", "Birke", email="bea@x.de"),
                       account("3", "Cora", "Birke", email="cora@x.de", consents=[said("denied")])])  # fmt: skip
    before = Desk(store).everything()
    many = Whom(tuple(f"S/customer/{n}" for n in "123"))
    tried = consent(store, many, "email", "promotion", "granted", evidence="fair 2021", dry_run=True)
    assert (tried.seq, tried.about) == (None, {"basis": "bulk", "objections": 2})
    assert Desk(store).everything() == before
    made = consent(store, many, "email", "promotion", "granted", evidence="fair 2021")
    assert (len(made.customers), made.about) == (3, {"basis": "bulk", "objections": 2})
    assert [state(store, n) for n in "123"] == ["denied", "granted", "denied"]
    whole(store)
    found = consent(store, Whom(search="birke", view=view()), "post", "promotion", "denied", evidence="letter")
    assert found.about == {"basis": "bulk"}
    assert [state(store, n, channel="post") for n in "123"] == ["unknown", "denied", "denied"]
    assert made.seq is not None
    assert found.seq is not None
    decide.undo(store, made.seq)
    assert [state(store, n) for n in "123"] == ["denied", "unknown", "denied"]
    decide.undo(store, found.seq)
    assert Desk(store).everything() == before
    whole(store)


def test_a_search_that_finds_one_is_a_bulk_update_all_the_same(store: Store) -> None:
    bring(store, "S", [anna(said("denied", "2021-01-01 12:00"))])
    made = consent(store, Whom(search="anna", view=view()), "email", "promotion", "granted", evidence="fair")
    assert made.about == {"basis": "bulk", "objections": 1}
    assert state(store, "1") == "denied"


def test_a_source_cannot_speak_for_an_operator(store: Store) -> None:
    report = bring(store, "S", [anna(said("granted", "2021-01-01 12:00", basis="operator", evidence="x")),
                                anna(said("granted", basis="bulk"), ext="2"), anna(said("granted"), ext="3")])  # fmt: skip
    assert (report.rejected, state(store, "3")) == (2, "granted")


@pytest.mark.parametrize(
    ("whom", "words", "evidence", "error", "message"),
    [
        (one("77"), ("email", "promotion", "granted"), "x", UnknownThing, "there is no record"),
        (one("1"), ("fax", "promotion", "granted"), "x", Misconfigured, "'fax' is no channel"),
        (one("1"), ("email", "fun", "granted"), "x", Misconfigured, "'fun' is no purpose"),
        (one("1"), ("email", "promotion", "unknown"), "x", Misconfigured, "'unknown' is no answer"),
        (one("1"), ("email", "promotion", "granted"), "  ", Misconfigured, "needs evidence"),
        (Whom(), ("email", "promotion", "granted"), "x", Misconfigured, "nobody is named"),
        (Whom(search="zz", view=view()), ("email", "promotion", "granted"), "x", UnknownThing, "nobody in the list"),
    ],
)  # fmt: skip
def test_bad_uses_write_nothing(
    store: Store, whom: Whom, words: tuple[str, str, str], evidence: str, error: type[KlientelaError], message: str
) -> None:
    bring(store, "S", [anna()])
    before = Desk(store).count("txn"), Desk(store).count("audit")
    with pytest.raises(error, match=message) as caught:
        consent(store, whom, *words, evidence=evidence)
    assert caught.value.hint
    assert (Desk(store).count("txn"), Desk(store).count("audit"), Desk(store).count("decision")) == (*before, 0)


# -- the check before a contact ------------------------------------------------------------------------------------------


def test_unknown_is_no_and_so_is_denied(store: Store) -> None:
    bring(
        store, "S", [anna(said("granted", "2021-01-01 12:00"), said("denied", channel="sms"), phone="+49 30 5550101")]
    )
    assert ask(store, "1").allowed
    assert ask(store, "1").reason == "the customer allowed promotion by email since 2021-01-01"
    assert not ask(store, "1", "system").allowed
    assert ask(store, "1", "system").reason == "the customer never allowed system by email"
    assert "objects to promotion by sms" in ask(store, "1", channel="sms").reason
    consent(store, one("1"), "post", "promotion", "granted", evidence="form")
    assert ask(store, "1", channel="post").reason == "no postal address of the customer is known"


def test_an_inactive_customer_gets_no_promotion(store: Store) -> None:
    bring(store, "S", [anna(said("granted"), said("granted", purpose="system"))])
    deactivate(store, one("1"))
    assert (ask(store, "1").allowed, ask(store, "1", "system").allowed) == (False, True)
    assert "inactive" in ask(store, "1").reason


def test_an_address_of_a_marketplace_is_no_target_of_promotion(store: Store) -> None:
    """R19: nobody's mailbox, whatever was granted."""
    both = [said("granted"), said("granted", purpose="system")]
    bring(store, "S", [anna(*both, email="x1@marketplace.amazon.de")])
    assert (ask(store, "1").allowed, ask(store, "1", "system").allowed) == (False, True)
    assert "a marketplace's" in ask(store, "1").reason
    bring(store, "S", [anna(*both, email="x1@marketplace.amazon.de", emails=["anna@x.de"])])
    assert ask(store, "1").allowed, "another one is known"


def test_the_contract_needs_an_order_of_that_customer(store: Store) -> None:
    bring(store, "S", [anna(said("denied", "2021-01-01 12:00")), account("2", "Bea", "Birke", email="bea@x.de"),
                       order("o1", customer="1", number="#1001"), order("o2", customer="2"),
                       order("o3", customer="1", state="offer")])  # fmt: skip
    for name in ("S/order/o1", "#1001"):
        assert ask(store, "1", "contract", order=name).allowed
    assert ask(store, "1", "contract", order="S/order/o2").reason == "the order S/order/o2 is none of this customer's"
    assert "is no contract (offer)" in ask(store, "1", "contract", order="S/order/o3").reason
    for purpose, named, message in (
        ("contract", None, "tied to an order"),
        ("promotion", "#1001", "only what the contract"),
    ):
        with pytest.raises(Misconfigured, match=message):
            ask(store, "1", purpose, order=named)
    with pytest.raises(UnknownThing):
        ask(store, "99")
    with pytest.raises(Misconfigured, match="'fax' is no channel"):
        ask(store, "1", channel="fax")


OTHERS: list[tuple[str, dict[str, Any], str]] = [
    ("email", {"email": "Anna+shop@X.de"}, "e-mail address"),
    ("email", {"emails": ["anna@x.de"]}, "e-mail address"),
    ("sms", {"phone": "0049 30 5550101"}, "number"),
    (
        "post",
        {"addresses": [Address(street="Lindenstraße", house_number="5", zip="10969", city="Berlin")]},
        "postal address",
    ),
]


@pytest.mark.parametrize(("channel", "reached", "called"), OTHERS)
@pytest.mark.parametrize("policy", ["merge", "per_order"])
def test_somebody_elses_later_objection_to_that_very_address(
    store: Store, channel: str, reached: dict[str, Any], called: str, policy: str
) -> None:
    """Also of a guest who publishes no keys, so that no rule of matching finds what they share."""
    use(store, sources={"G": policy}, rules=())
    place = Address(street="Lindenstr. 5", zip="10969", city="Berlin", country="DE")
    bring(
        store, "S", [anna(said("granted", "2021-02-01 12:00", channel=channel), phone="030 5550101", addresses=[place])]
    )
    assert ask(store, "1", channel=channel).allowed

    def guest(*events: Consent, ext: str = "g", **more: Any) -> Person:
        return Person(external_id=ext, kind="guest", first_name="Zoe", **{**reached, "consents": list(events), **more})

    bring(store, "G", [guest(said("denied", "2021-01-01 12:00", channel=channel))])
    assert ask(store, "1", channel=channel).allowed, "an earlier objection"
    bring(store, "G", [guest(said("denied", "2021-03-01 12:00", channel=channel, purpose="system"))])
    assert ask(store, "1", channel=channel).allowed, "to something else"
    bring(store, "G", [guest(said("denied", "2021-03-01 12:00", channel=channel))])
    answer = ask(store, "1", channel=channel)
    assert not answer.allowed
    assert answer.reason == f"another customer objects to promotion by {channel} at that very {called} since 2021-03-01"
    whole(store)
    consent(store, one("g", "G"), channel, "promotion", "granted", evidence="called us")
    assert ask(store, "1", channel=channel).allowed, "lifted"
    bring(store, "G", [guest(said("denied", channel=channel))])
    assert not ask(store, "1", channel=channel).allowed, "one without a time may be later"
    bring(store, "G", [guest()])
    assert ask(store, "1", channel=channel).allowed
    whole(store)


def test_an_objection_names_the_address_it_is_about(store: Store) -> None:
    bring(store, "S", [anna(said("granted", "2021-02-01 12:00"))])
    other = account(
        "2", "Bea", "Birke", email="bea@x.de", consents=[said("denied", "2021-03-01 12:00", address="ANNA@x.de ")]
    )
    bring(store, "S", [anna(said("granted", "2021-02-01 12:00")), other])
    assert not ask(store, "1").allowed
    other = account(
        "2", "Bea", "Birke", email="anna@x.de", consents=[said("denied", "2021-03-01 12:00", address="bea@x.de")]
    )
    bring(store, "S", [anna(said("granted", "2021-02-01 12:00")), other])
    assert ask(store, "1").allowed


def test_an_order_is_no_reason_to_write_to_whom_another_objected(store: Store) -> None:
    other = account(
        "2", "Bea", "Birke", email="anna@x.de", consents=[said("denied", "2021-04-01 12:00", purpose="system")]
    )
    bring(store, "S", [anna(), order("o1", customer="1", placed_at=at("2021-03-01 12:00")), other])
    answer = ask(store, "1", "contract", order="S/order/o1")
    assert not answer.allowed
    assert "another customer objects to system by email" in answer.reason


def test_what_a_source_says_no_more_lifts_no_objection(store: Store) -> None:
    """The row follows what is said now (R0b); a contact asks for what was said last (R45)."""
    bring(store, "S", [anna(said("denied", "2021-01-01 12:00"), version=1)])
    bring(store, "S", [anna(version=2)])
    assert state(store, "1") == "unknown"
    consent(store, Whom(search="anna", view=view()), "email", "promotion", "granted", evidence="list")
    assert state(store, "1") == "granted"
    answer = ask(store, "1")
    assert (answer.allowed, "objected to promotion by email since 2021-01-01" in answer.reason) == (False, True)
    consent(store, one("1"), "email", "promotion", "granted", evidence="signed form")
    assert ask(store, "1").allowed
    bring(store, "S", [anna(said("granted", "2021-09-01 12:00"), version=3)])
    assert ask(store, "1").allowed


def test_a_source_that_knows_no_times_may_say_yes_again(store: Store) -> None:
    for version, answer in enumerate(("denied", "granted"), 1):
        bring(store, "S", [anna(said(answer), version=version)])
    assert ask(store, "1").allowed


def test_an_objection_that_only_an_undone_import_brought_was_never_said(store: Store) -> None:
    bring(store, "L", [])
    person = contact(
        "i1", "Anna", "Ahorn", email="anna@x.de", consents=[said("denied", "2021-01-01 12:00", basis="import")]
    )
    made = import_records(store, Into("M", "csv"), [person], name="list.csv", digest="1")
    bring(store, "S", [anna(said("granted", "2020-01-01 12:00"))])
    assert not ask(store, "1").allowed
    assert made.batch is not None
    undo_import(store, made.batch)
    assert ask(store, "1").allowed


def test_nobody_is_contacted_on_half_a_state(store: Store) -> None:
    bring(store, "S", [anna(said("granted"))])
    with store.step("test") as step:
        step.db.run("INSERT INTO work (kind, subject, reason) VALUES ('person', 1, 'rules')")
    with pytest.raises(Conflict, match="1 record waits to be looked at anew"):
        ask(store, "1")


# -- objections without a time -----------------------------------------------------------------------------------------

LISTED = "/customer/mail:anna@x.de"


def listed(store: Store, *consents: Consent, name: str = "list.csv", version: int | None = None) -> int:
    """A list that says this of Anna; its batch."""
    person = contact("mail:anna@x.de", "Anna", "Ahorn", email="anna@x.de", consents=list(consents), version=version)
    made = import_records(store, Into("L", "csv"), [person], name=name, digest=name)
    assert made.batch is not None
    return made.batch


def no(name: str = "list.csv") -> Consent:
    return said("denied", basis="import", evidence=f"{name}: Unsubscribed", address="anna@x.de")


def allow(store: Store, whom: Whom, **more: Any) -> Any:
    return consent(store, whom, "email", "promotion", "granted", evidence="signed form", **more)


def test_R45_an_operator_with_evidence_lifts_an_objection_without_a_time_and_no_bulk_grant_does(store: Store) -> None:
    use(store)
    bring(store, "S", [anna()])
    listed(store, no())
    assert len(Desk(store).row("1")["records"]) == 2
    assert state(store, "1") == "denied"
    for whom in (Whom(("S/customer/1", "S/customer/1")), Whom((), "anna", view())):
        made = allow(store, whom)
        assert (made.about, state(store, "1")) == ({"basis": "bulk", "objections": 1}, "denied")
    tried = allow(store, one("1"), dry_run=True)
    assert (tried.about, state(store, "1")) == ({"basis": "operator", "lifted": 1, "objections": 0}, "denied")
    made = allow(store, one("1"))
    assert (made.about, state(store, "1")) == ({"basis": "operator", "lifted": 1, "objections": 0}, "granted")
    assert ask(store, "1").allowed
    whole(store)
    assert made.seq is not None
    decide.undo(store, made.seq)
    assert state(store, "1") == "denied"
    assert not ask(store, "1").allowed
    whole(store)


def test_R45_what_was_lifted_stays_so_when_the_list_says_it_again_and_a_new_objection_holds(store: Store) -> None:
    use(store)
    bring(store, "S", [anna()])
    listed(store, no())
    allow(store, one("1"))
    listed(store, no())
    assert state(store, "1") == "granted", "the same file once more says nothing new"
    whole(store)
    batch = listed(store, no("june.csv"), name="june.csv")
    assert state(store, "1") == "denied", "another list was not seen by the operator"
    whole(store)
    undo_import(store, batch)
    assert state(store, "1") == "granted"
    bring(store, "T", [account("9", "Anna", "Ahorn", email="anna@x.de", consents=[said("denied")], created_at=9)])
    assert len(Desk(store).row("1")["records"]) == 3
    assert state(store, "1") == "denied", "a record that came since objects"
    made = allow(store, one("1"))
    assert (made.about["lifted"], state(store, "1")) == (2, "granted")
    whole(store)


def test_R45_a_record_that_its_source_changed_since_may_object_anew(store: Store) -> None:
    use(store)
    bring(store, "S", [anna(said("denied"), version=5)])
    assert allow(store, one("1")).about["lifted"] == 1
    assert state(store, "1") == "granted"
    bring(store, "S", [anna(said("denied"), version=6, company="ACME")])
    assert state(store, "1") == "granted", "changed before the grant"
    bring(store, "S", [anna(said("denied"), version=at("2199-01-01 12:00"), company="Later")])
    assert state(store, "1") == "denied"
    whole(store)


def test_R45_after_a_split_each_has_its_own_and_the_lifted_one_stays_lifted_with_its_record(store: Store) -> None:
    use(store)
    bring(store, "S", [anna()])
    listed(store, no())
    allow(store, one("1"))
    made = decide.split(store, "S/customer/1", ["L" + LISTED], reason="two")
    assert (state(store, "1"), state(store, "mail:anna@x.de", "L")) == ("granted", "granted")
    assert made.seq is not None
    decide.undo(store, made.seq)
    assert state(store, "1") == "granted"
    consent(store, one("1"), "email", "promotion", "denied", evidence="called")
    assert state(store, "1") == "denied", "a later word holds as ever"
    whole(store)


def test_R46_who_lifted_an_objection_forbids_nobody_else_at_that_address(store: Store) -> None:
    use(store)
    bring(store, "S", [account("1", "Anna", "Ahorn", email="a@x.de", created_at=1, consents=[said("denied")]),
                       account("2", "Otto", "Quast", email="a@x.de", created_at=2,
                               consents=[said("granted", "2021-01-01 12:00")])])  # fmt: skip
    assert not ask(store, "2").allowed
    allow(store, one("1"))
    assert ask(store, "2").allowed


def test_R45_no_source_can_say_that_it_lifts_an_objection(store: Store) -> None:
    use(store)
    marks = (mark_of(no()),)
    bring(store, "S", [anna(said("granted", "2021-01-01 12:00", lifts=marks, evidence="x"))])
    listed(store, no())
    assert state(store, "1") == "denied"
    whole(store)


@pytest.mark.parametrize(
    "between", [[said("granted", basis="import", evidence="list.csv: Unsubscribed", address="anna@x.de")], []]
)
def test_R45_a_list_that_objects_again_after_it_did_not_objects_anew(store: Store, between: list[Consent]) -> None:
    """The order of the readings of one list is known: what it says again after it had stopped to was not seen by whoever lifted
    it before. That it goes on saying so is nothing new, whatever else it changes."""
    use(store)

    def read(*consents: Consent, **more: Any) -> None:
        person = contact(
            "mail:anna@x.de", "Anna", "Ahorn", email="anna@x.de", consents=list(consents), version=None, **more
        )
        bring(store, "L", [person])

    def now() -> tuple[str, bool]:
        whole(store)
        return state(store, "mail:anna@x.de", "L"), ask(store, "mail:anna@x.de", source="L").allowed

    anna_there = Whom(("L/customer/mail:anna@x.de",))
    read(no())
    assert now() == ("denied", False)
    first = allow(store, anna_there)
    assert first.about["lifted"] == 1
    read(no(), company="ACME")
    assert now() == ("granted", True), "it goes on saying so"
    read(*between, company="ACME")
    assert now() == ("granted", bool(between)), "what has fallen silent is asked for before a contact (0016)"
    read(no(), company="ACME")
    assert now() == ("denied", False), "it says so anew"
    read(no(), company="Other")
    assert now() == ("denied", False)
    rebuild(store)
    assert now() == ("denied", False), "a rebuild remembers"
    second = allow(store, anna_there)
    assert (second.about["lifted"], now()) == (1, ("granted", True))
    assert second.seq is not None
    decide.undo(store, second.seq)
    assert now() == ("denied", False), "the older grant answers it no more"
