"""What did we know when the letter went out: list and profile of an earlier moment, on both stores (D26)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from klientela.errors import Misconfigured, UnknownThing
from klientela.flow import asof, decide, rules, work
from klientela.flow.asof import as_of, customer_as_of
from klientela.flow.erase import erase
from klientela.kit import File, Gone, Letter
from klientela.model.instants import iso
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import Store
from klientela.store.profile import profile, resolve_id
from tests import town
from tests.cases.seen import Desk, Reading, account, contact, guest_order, order, view
from tests.properties.arena import take_back, take_in
from tests.shops import bring, use

VIEW = view()
MERGING = Ruleset(sources={"S": SourceRules(guests="merge")})


@pytest.fixture(autouse=True, params=["turned back", "beside"])
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to know it."""
    if request.param == "beside":
        monkeypatch.setattr(asof, "TURNED_BACK", -1)


def clock(store: Store) -> tuple[int, int]:
    """The newest change, and when it was made."""
    with store.reading() as db:
        row = db.one("SELECT seq, at FROM txn ORDER BY seq DESC LIMIT 1")
    assert row is not None
    return row[0], row[1]


def known(store: Store, at: int, **asked: Any) -> list[dict[str, Any]]:
    """The list as it was at a time."""
    with as_of(store, at) as past:
        return Desk(Reading(store, past.db)).rows(**asked)


def now(store: Store, named: str, at: int | None = None) -> dict[str, Any]:
    with store.reading() as db:
        return profile(db, resolve_id(db, store.key, named), VIEW, key=store.key, now=at)


def test_D26_every_profile_of_the_town_is_what_it_was(store: Store) -> None:
    """All of a profile: letters with their files, history, shares, where each value comes from, former values."""
    town.passed_on(store)
    moment = clock(store)[1]
    rows, whole = Desk(store).rows(size=500), Desk(store).everything()
    ids = [row["id"] for row in rows]
    assert len(ids) > 10
    before = {one: now(store, one, moment) for one in ids}
    assert any(one["history"] for one in before.values())
    assert any(one["shares"] for one in before.values())
    town.posted(store)
    decide.merge(store, ids[0], ids[1], reason="one")
    assert Desk(store).everything() != whole
    with as_of(store, moment) as past:
        assert Desk(Reading(store, past.db)).rows(size=500) == rows
        assert Desk(Reading(store, past.db)).rows(size=500, sort="joined:desc") != []
        assert Desk(Reading(store, past.db)).everything() == whole
    for one in ids:
        found = customer_as_of(store, one, moment, VIEW)
        assert found.pop("as_of")["at"] == iso(moment)
        assert found == before[one], one


def test_who_joined_when_is_told_by_the_clock_of_then(store: Store) -> None:
    """Without a time of the shop's own, first seen is when we first stored the record, not when we looked back."""
    use(store)
    bring(store, "S", [contact("1", "Ada", "Eins", email="a@x.de")])
    bring(store, "S", [contact("2", "Bea", "Zwei", email="b@x.de"), contact("1", "Ada", "Eins", email="neu@x.de")])
    bring(store, "S", [contact("3", "Cleo", "Drei", email="c@x.de")])
    names = [row["name"] for row in known(store, clock(store)[1], sort="joined:asc")]
    assert (
        names == ["Ada Eins", "Bea Zwei", "Cleo Drei"] == [row["name"] for row in Desk(store).rows(sort="joined:asc")]
    )


def test_a_letters_file_of_then(store: Store) -> None:
    use(store)
    bring(store, "S", [account("1", "Ada", "Eins"), Letter(external_id="l", customer="1", file=_pdf(b"one"))])
    first = clock(store)[1]
    bring(store, "S", [Letter(external_id="l", customer="1", file=_pdf(b"two")),
                       Letter(external_id="m", customer="1", file=_pdf(b"one"))])  # fmt: skip
    today = now(store, "S/customer/1")
    assert len(today["files"]) == 3
    then = customer_as_of(store, "S/customer/1", first, VIEW)
    assert [(one["record"], one["size"]) for one in then["files"]] == [("S/letter/l", 3)]
    assert [one["file"]["sha256"] for one in then["letters"]] == [then["files"][0]["sha256"]]
    again = customer_as_of(store, "S/customer/1", clock(store)[1], VIEW)
    assert again["files"] == today["files"]


def _pdf(content: bytes) -> File:
    return File(name="x.pdf", content=content)


def test_what_stood_before_a_page_that_first_brought_another_channel(store: Store) -> None:
    """A page may tell of one record by two channels: what its own said until then is history all the same."""
    use(store)
    bring(store, "S", [account("1", "Ada", "Eins", version=1)])
    at = clock(store)[1]
    bring(store, "S", [account("1", "Ada", "Eins", version=2, channel="hook"), account("1", "Ada", "Zwei", version=3)])
    assert customer_as_of(store, "S/customer/1", at, VIEW)["name"] == "Ada Eins"
    assert now(store, "S/customer/1")["history"] != []


def test_gone_and_back_again_as_it_was(store: Store) -> None:
    use(store)
    seen = []
    for record in (account("1", "Ada", "Eins"), Gone(entity="customer", external_id="1"), account("1", "Ada", "Eins")):
        bring(store, "S", [record])
        seen.append(clock(store)[1])
    told = [customer_as_of(store, "S/customer/1", at, VIEW)["records"][0]["gone"] for at in seen]
    assert told == [False, True, False]


def test_gone_as_it_was_though_whoever_spoke_first_was_taken_back(store: Store) -> None:
    """Only a record's first channel knows that it was gone; when an import is taken back another one becomes it."""
    use(store)
    batch = take_in(store, "S", [account("1", "Ada", "Eins")])
    seen = [clock(store)[1]]
    for record in (account("1", "Ada", "Zwei"), Gone(entity="customer", external_id="1"), account("1", "Ada", "Zwei")):
        bring(store, "S", [record])
        seen.append(clock(store)[1])
    assert batch is not None
    take_back(store, batch)
    told = [customer_as_of(store, "S/customer/1", at, VIEW) for at in seen]
    assert [one["records"][0]["gone"] for one in told] == [False, False, True, False]
    assert len(known(store, seen[0])) == 1


def test_T77_an_import_of_then_though_it_was_taken_back_since(store: Store) -> None:
    use(store)
    bring(store, "S", [account("1", "Ada", "Eins")])
    batch = take_in(store, "S", [account("2", "Bea", "Zwei"), order("2", customer="1")])
    moment, whole = clock(store)[1], Desk(store).everything()
    assert batch is not None
    take_back(store, batch)
    assert Desk(store).everything() != whole
    with as_of(store, moment) as past:
        assert Desk(Reading(store, past.db)).everything() == whole
    assert customer_as_of(store, "S/customer/2", moment, VIEW)["name"] == "Bea Zwei"


def test_who_was_erased_is_gone_in_the_past_too(store: Store) -> None:
    use(store)
    bring(store, "S", [account("1", "Ada", "Eins", email="a@x.de"), account("2", "Bea", "Zwei", email="b@x.de"),
                       order("1", customer="1"), order("2", customer="2")])  # fmt: skip
    bring(store, "S", [account("1", "Ada", "Anders", email="a@x.de"), account("2", "Bea", "Drei", email="b@x.de")])
    moment = clock(store)[1]
    (bea,) = [one for one in Desk(store).everything() if one["first_name"] == "Bea"]
    gone = Desk(store).row("1")["id"]
    erase(store, "S/customer/1", reason="asked by letter")
    bring(store, "S", [account("2", "Bea", "Vier", email="b@x.de")])
    with as_of(store, moment) as past:
        assert Desk(Reading(store, past.db)).everything() == [bea]
        assert "Ada" not in str([past.db.rows(f"SELECT * FROM {name}") for name in ("record", "claim", "customer")])
    for name in ("S/customer/1", gone):
        with pytest.raises(UnknownThing):
            customer_as_of(store, name, moment, VIEW)


def test_a_guests_row_under_the_policy_of_then(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest_order(n, "g@x.de", first_name="Gisa", last_name="Gast") for n in "12"])
    apart = clock(store)[1]
    Desk(store).apply(MERGING)
    together = clock(store)[1]
    assert [row["orders"] for row in Desk(store).rows()] == [2]
    bring(store, "S", [guest_order("3", "g@x.de", first_name="Gisa", last_name="Gast")])
    assert sorted(row["orders"] for row in known(store, apart)) == [1, 1]
    assert [row["orders"] for row in known(store, together)] == [2]


def test_a_guests_row_that_was_decided_of_since(store: Store) -> None:
    """What such a row says is told by its order, which has not changed."""
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest_order("1", "g@x.de", first_name="Gisa", last_name="Gast"), account("2", "Bea", "Zwei")])
    before, moment = Desk(store).everything(), clock(store)[1]
    decide.merge(store, "S/guest_order/1", "S/customer/2", reason="one")
    assert len(Desk(store).rows()) == 1
    with as_of(store, moment) as past:
        assert Desk(Reading(store, past.db)).everything() == before


def test_rules_hold_from_the_change_that_put_them_in_force(store: Store) -> None:
    """Between `rules apply` and the end of its work the answer is what follows from the new rules, not a mixture."""
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest_order(n, "g@x.de", first_name="Gisa", last_name="Gast") for n in "12"])
    rules.apply(store, MERGING)
    at = clock(store)[1]
    assert len(Desk(store).rows()) == 2, "nothing is worked off yet"
    assert [row["orders"] for row in known(store, at)] == [2]
    work.drain(store)
    assert [row["orders"] for row in known(store, at)] == [2]


def test_decisions_of_then_hold_though_they_were_taken_back_since(store: Store) -> None:
    use(store)
    bring(store, "S", [contact("1", "Ada", "Eins"), contact("2", "Bea", "Zwei")])
    made = decide.merge(store, "S/customer/1", "S/customer/2", reason="one")
    joined = clock(store)[1]
    assert made.seq is not None
    decide.undo(store, made.seq)
    assert len(Desk(store).rows()) == 2
    assert len(known(store, joined)) == 1
    assert len(known(store, clock(store)[1])) == 2


def test_two_changes_of_one_microsecond_go_by_their_order(store: Store) -> None:
    use(store)
    bring(store, "S", [contact("1", "Ada", "Eins")])
    seq, at = clock(store)
    bring(store, "S", [contact("2", "Bea", "Zwei")])
    later = clock(store)[0]
    with store.step("clock") as step:
        step.db.run("UPDATE txn SET at = ? WHERE seq > ?", (at, seq))
    with as_of(store, at) as past:
        assert past.moment == (later, at)
        assert len(Desk(Reading(store, past.db)).rows()) == 2
    with store.reading() as db, asof.beside(store, db, seq) as first:
        assert len(Desk(first).rows()) == 1
    assert known(store, at - 1) == []


def test_before_the_first_change_there_is_nobody(store: Store, new_store: Callable[[], Store]) -> None:
    assert known(store, 0) == []
    use(store)
    bring(store, "S", [contact("1", "Ada", "Eins"), order("1", customer="1")])
    assert known(store, clock(store)[1] - 1) == []
    with pytest.raises(UnknownThing, match="nothing was known of S/customer/1 on 1970-01-01T00:00:00Z"):
        customer_as_of(store, "S/customer/1", 0, VIEW)


def test_a_time_to_come_is_refused(store: Store) -> None:
    with pytest.raises(Misconfigured, match="is yet to come"), as_of(store, 2**52):
        pass


def test_the_past_is_read_and_nothing_is_written(store: Store) -> None:
    town.live(store)
    before = clock(store)
    whole = Desk(store).everything()
    with as_of(store, before[1]) as past:
        assert json.dumps(Desk(Reading(store, past.db)).everything()) == json.dumps(whole)
    assert clock(store) == before
    assert Desk(store).everything() == whole
