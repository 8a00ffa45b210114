"""The source against its pretend site: what it asks, how it comes in, what it makes of refusals, and the list in the end."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sandboxes import pages, records
from tests.shops import use
from wix_helpers import Connect, SmallPages, facts_of, known, truth

from klientela.flow.sync import sync
from klientela.kit import (
    MINUTE,
    UNSET,
    Interrupted,
    Order,
    Person,
    SourceBroken,
    SourceRefused,
    Window,
    instant,
)
from klientela.store import Store, facts
from klientela_wix import client
from klientela_wix.sandbox import APP_ID, APP_SECRET, Sandbox


def app(box: Sandbox) -> dict[str, Any]:
    """The other way in."""
    return {"app_id": APP_ID, "app_secret": APP_SECRET, "instance_id": box.instance_id}


def token_calls(box: Sandbox) -> int:
    return box.faults.paths["/oauth2/token"]


# -- ways in -----------------------------------------------------------------------------------------------------


def test_an_api_key_names_the_site(connect: Connect) -> None:
    box = Sandbox()
    found = connect(box).check()
    assert (found.identity, list(found.notes)) == (box.site_id, [])
    assert token_calls(box) == 0


def test_an_app_learns_the_site_and_asks_for_one_token(connect: Connect) -> None:
    box = Sandbox(customers=5)
    source = connect(box, **app(box))
    found = source.check()
    assert (found.identity, found.title) == (box.site_id, "Sandbox Site")
    assert len(records(source, "contacts")) == 5
    assert token_calls(box) == 1


def test_an_expired_token_is_renewed_once(connect: Connect) -> None:
    box = Sandbox(customers=5)
    source = connect(box, **app(box))
    source.check()
    box.advance_clock(days=1)
    assert len(records(source, "contacts")) == 5
    assert token_calls(box) == 2


def test_a_token_that_stays_refused_is_renewed_only_once(connect: Connect) -> None:
    box = Sandbox()
    box.token_life = -1
    with pytest.raises(SourceRefused, match="credentials"):
        connect(box, **app(box)).check()
    assert token_calls(box) == 2


def test_a_wrong_app_secret_is_a_sentence(connect: Connect) -> None:
    box = Sandbox()
    with pytest.raises(SourceRefused, match="no access token") as caught:
        connect(box, **{**app(box), "app_secret": "canary"}).check()
    assert "canary" not in f"{caught.value} {caught.value.hint}"


def test_a_wrong_key_is_refused_at_once(connect: Connect) -> None:
    box = Sandbox()
    with pytest.raises(SourceRefused, match="credentials") as caught:
        connect(box, api_key="canary").check()
    assert "canary" not in f"{caught.value} {caught.value.hint}"
    assert box.faults.requests == 1


def test_a_key_of_another_site_is_refused(connect: Connect) -> None:
    with pytest.raises(SourceRefused, match="403") as caught:
        connect(Sandbox(), site_id="5a9d0d1e-0000-4000-8000-000000000099").check()
    assert "site_id" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("thing", "said"),
    [("contacts", "contacts"), ("orders", "orders"), ("members", "members"), ("checkouts", "checkouts")],
)
def test_a_missing_permission_names_what_cannot_be_read(connect: Connect, thing: str, said: str) -> None:
    box = Sandbox()
    box.forbidden = {thing}
    with pytest.raises(SourceRefused, match=said) as caught:
        connect(box).check()
    assert said in str(caught.value.hint)
    if thing in ("members", "checkouts"):
        assert f"{thing} = false" in str(caught.value.hint)


def test_what_a_site_does_not_have_can_be_left_out(connect: Connect) -> None:
    box = Sandbox(customers=3)
    box.not_installed = {"members", "checkouts"}
    with pytest.raises(SourceRefused, match="428"):
        connect(box).check()
    source = connect(box, members=False, checkouts=False)
    assert any("members = false" in note for note in source.check().notes)
    assert [stream.name for stream in source.streams()] == ["contacts", "orders"]


# -- manners -----------------------------------------------------------------------------------------------------


def test_two_hundred_calls_a_minute_are_never_exceeded(
    connect: Connect, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CALLS", 5)
    box = Sandbox(customers=40)
    source = connect(box, SmallPages)
    assert len({one.external_id for one in records(source, "contacts")}) == 40
    asked = box.faults.requests
    assert asked > 6
    assert len(waits) == asked - 5  # the first five in a burst, every further one in the place of an older one
    assert all(50 < seconds <= 60 for seconds in waits)


def test_too_many_calls_without_a_word_how_long(connect: Connect, waits: list[float]) -> None:
    box = Sandbox(customers=3)
    box.fault("throttled", times=4)
    assert len(records(connect(box), "contacts")) == 3
    assert sum(waits) > 20  # the minute of the limit is outlasted by growing waits


def test_throttled_for_ever_is_an_error_one_day(connect: Connect, waits: list[float]) -> None:
    box = Sandbox(customers=3)
    box.fault("throttled")
    with pytest.raises(SourceBroken, match="429"):
        records(connect(box), "contacts")
    assert sum(waits) > 60


def test_a_stop_ends_the_reading(connect: Connect) -> None:
    source = connect(Sandbox(customers=30), SmallPages)
    source.stop.set()
    with pytest.raises(Interrupted):
        records(source, "contacts")


def test_the_questions_are_those_that_wix_understands(connect: Connect) -> None:
    box = Sandbox(customers=5)
    source = connect(box)
    window = Window(instant("2026-01-01T00:00:00Z"), instant("2026-11-21T00:00:00Z"))
    for stream in ("contacts", "members", "orders", "checkouts"):
        pages(source, stream, window)
    asked = dict(box.server.asked)
    assert asked["contacts"]["query"] == {
        "filter": {"updatedDate": {"$gte": "2026-01-01T00:00:00Z"}},
        "sort": [{"fieldName": "createdDate", "order": "ASC"}],
        "paging": {"limit": 1000, "offset": 0},
        "fieldsets": ["FULL"],
    }
    assert asked["members"]["fieldsets"] == ["FULL"]  # the public one hides what members log in with
    terms = [{"updatedDate": {"$gte": "2026-01-01T00:00:00Z"}}, {"updatedDate": {"$lt": "2026-11-21T00:00:00Z"}}]
    assert asked["orders"]["search"]["filter"] == {"$and": terms}  # two operators in one object are refused
    assert asked["checkouts"]["query"]["filter"] == {"$and": terms}


def test_a_refused_question_is_a_sentence_without_what_was_asked(connect: Connect) -> None:
    source = connect(Sandbox())
    with pytest.raises(SourceBroken, match=r"status 400.*must be less than or equal to 100") as caught:
        source._wix.post("/ecom/v1/orders/search", {"search": {"cursorPaging": {"limit": 101}}}, dict[str, Any])
    assert caught.value.hint


# -- lists -------------------------------------------------------------------------------------------------------


def test_everything_is_read_once(connect: Connect) -> None:
    box = Sandbox(customers=60)
    source = connect(box, SmallPages)
    for stream, shelf in (("orders", box.orders), ("checkouts", box.checkouts)):
        found = [one.external_id for one in records(source, stream) if not isinstance(one, Person)]
        assert sorted(found) == sorted(shelf)
    assert {one.external_id for one in records(source, "contacts")} == set(box.contacts)
    assert {one.external_id for one in records(source, "members")} == {one.contact for one in box.members.values()}
    swept = [name for names in source.streams()[0].sweep() for name in names]  # type: ignore[misc]
    assert set(swept) == set(box.contacts)


def test_an_expired_cursor_begins_the_window_anew(connect: Connect) -> None:
    box = Sandbox(customers=30)
    box.fault("expired", times=1)
    found = [one for one in records(connect(box, SmallPages), "orders") if isinstance(one, Order)]
    assert {one.external_id for one in found} == set(box.orders)
    assert len(found) > len(box.orders)


def test_cursors_that_always_expire_end_with_a_sentence(connect: Connect) -> None:
    box = Sandbox(customers=30)
    box.fault("expired")
    with pytest.raises(SourceBroken, match="expire faster"):
        records(connect(box, SmallPages), "orders")


@pytest.mark.parametrize("stream", ["contacts", "members", "orders", "checkouts"])
def test_lists_that_go_round_in_circles_end_with_a_sentence(connect: Connect, stream: str) -> None:
    box = Sandbox(customers=80)
    box.fault("loop")
    with pytest.raises(SourceBroken, match="circles"):
        records(connect(box, SmallPages), stream)


def test_an_offset_behind_the_end_of_a_shrunken_list_goes_back(connect: Connect) -> None:
    box = Sandbox()
    for number in range(20):
        box.contact(first_name=f"N{number}")
    names = list(box.contacts)
    source = connect(box, SmallPages)
    first = next(iter(source.streams()[0].read(Window(), None)))
    for name in names[:12]:
        box.delete(box.contacts[name])
    rest = records(source, "contacts", position=first.position)
    assert {one.external_id for one in rest} >= set(names[12:])


def test_a_position_of_another_version_begins_anew(connect: Connect) -> None:
    box = Sandbox(customers=9)
    source = connect(box)
    assert len(records(source, "contacts", position=["strange"])) == 9
    assert len(records(source, "orders", position={"after": 7})) >= len(box.orders)


def test_an_answer_without_its_list_is_no_empty_list(connect: Connect) -> None:
    box = Sandbox(customers=3)
    source = connect(box)
    box.server._by_offset = lambda *_: {"pagingMetadata": {}}  # type: ignore[method-assign]
    app = box.server.app()
    box.faults.app = app
    with pytest.raises(SourceBroken, match="without the list"):
        records(source, "contacts")


def test_members_are_read_only_when_one_came_or_left(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox(customers=30)
    source = connect(box)
    assert sync(store, source).status == "ok"

    def lists() -> int:
        asked = [body for name, body in box.server.asked if name == "members"]
        box.server.asked.clear()
        return sum(body["query"]["paging"]["limit"] > 1 for body in asked)

    assert lists() == 1
    assert sync(store, source).status == "ok"
    assert lists() == 0
    box.member(next(who for who in box.contacts.values() if who.email and box.member_of(who) is None))
    assert sync(store, source).status == "ok"
    assert lists() == 1


def test_demo_orders_are_asked_for_where_the_field_is_not_shown(connect: Connect) -> None:
    box = Sandbox()
    ada = box.contact(first_name="Ada", email="ada@example.com")
    real, demo = box.order(contact=ada), box.order(contact=ada, demo=True)
    box.mischief.bend = lambda rows: [row.pop("demo", None) for row in rows] and None  # type: ignore[method-assign]

    def tests(**settings: Any) -> dict[str, Any]:
        found = records(connect(box, **settings), "orders")
        return {made.external_id: made.test for made in found if isinstance(made, Order)}

    assert tests() == {real.id: UNSET, demo.id: UNSET}
    assert tests(test_orders="query") == {real.id: UNSET, demo.id: True}


def test_that_a_site_shows_demo_orders_is_logged_once(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    box = Sandbox()
    ada = box.contact(first_name="Ada", email="ada@example.com")
    for demo in (False, True, True):
        box.order(contact=ada, demo=demo)
    with caplog.at_level("INFO", logger="klientela.wix"):
        records(connect(box), "orders")
    said = [record.getMessage() for record in caplog.records if record.name == "klientela.wix"]
    assert said == ["main: orders carry the field demo; it is taken for the mark of a test order"]


def test_rejected_items_can_be_translated_again(connect: Connect) -> None:
    box = Sandbox(customers=60)
    source = connect(box)
    for stream in ("contacts", "members", "orders", "checkouts"):
        page = next(iter(pages(source, stream)))
        assert page.raws is not None
        payload = next(text for text in page.raws if text).decode()
        again = source.retranslate(stream, payload)
        assert again is not None
        assert next(iter(again)) == page.records[0]
    assert source.retranslate("elsewhere", "{}") is None


# -- what becomes of it ---------------------------------------------------------------------------------------------


def test_a_site_is_mirrored_whole(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox(customers=120, seed=5)
    report = sync(store, connect(box))
    assert report.status == "ok", report.error
    assert report.rejected == 0
    found = known(store)
    wanted = truth(box)
    assert {name: found.get(name) for name in wanted} == wanted


def test_merged_away_buyers_point_to_the_one_that_stayed(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox()
    stays = box.contact(first_name="Ada", last_name="Berg", email="ada@example.com")
    away, gone = box.contact(first_name="Zoë", email="other@example.com"), box.contact(first_name="Udo")
    for buyer in (away, gone, stays):
        box.order(contact=buyer, total="20.00")
    box.merge(stays, away)
    box.delete(gone)
    assert sync(store, connect(box)).status == "ok"
    people = {name[1]: fact for name, fact in facts_of(store).items() if name[0] == "customer"}
    assert people.keys() == {stays.id, away.id}
    assert people[away.id].merged_into == stays.id
    assert people[stays.id].merged_into is UNSET
    assert sync(store, connect(box), full=True).status == "ok"  # sweeps the one that is no contact any more
    quiet = sync(store, connect(box), full=True)
    assert (quiet.new, quiet.changed) == (0, 0)
    asked = box.faults.paths[f"/contacts/v4/contacts/{away.id}"]
    assert asked == 2  # for its order, and when the sweep missed it; what is known is not asked for again


def test_contacts_merged_after_they_were_read_are_found_by_the_sweep(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox()
    stays, away, gone = [box.contact(first_name=name, last_name="Berg") for name in ("Ada", "A.", "Udo")]
    box.order(contact=away, total="20.00")
    assert sync(store, connect(box)).status == "ok"
    box.merge(stays, away)
    box.delete(gone)
    assert sync(store, connect(box), full=True).status == "ok"
    with store.reading() as db:
        told = {
            ext: (bool(lost), facts.load(db, [number])[number].fact)
            for number, ext, lost in db.rows("SELECT id, ext, gone FROM record WHERE entity = ?", (facts.CUSTOMER,))
        }
    assert {name: lost for name, (lost, _) in told.items()} == {stays.id: False, away.id: True, gone.id: True}
    fact = told[away.id][1]
    assert (fact.merged_into, fact.first_name, fact.kind) == (stays.id, "A.", "guest")  # and keeps what it was
    assert told[gone.id][1].merged_into is UNSET
    quiet = sync(store, connect(box), full=True)
    assert (quiet.status, quiet.new, quiet.changed) == ("ok", 0, 0)


def test_a_buyer_of_both_kinds_is_registered_and_a_visitor_is_not(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox()
    member = box.contact(first_name="Mia", last_name="Nord", email="mia@example.com")
    guest = box.contact(first_name="Gero", last_name="Ost", email="gero@example.com")
    box.member(member)
    for buyer in (member, guest):
        box.order(contact=buyer, visitor=box.new_id("visitor"))
    assert sync(store, connect(box)).status == "ok"
    found = facts_of(store)
    assert found["customer", member.id].kind == "account"
    assert found["customer", guest.id].kind == "guest"


def test_orders_changed_later_do_not_wipe_the_contact(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox()
    mia = box.contact(first_name="Mia", last_name="Nord", email="mia@example.com", phone="+493023125009")
    order = box.order(contact=mia, email="else@example.com")
    assert sync(store, connect(box)).status == "ok"
    box.advance_clock(20 * MINUTE / 1_000_000)
    box.refund(order, "1.00")
    assert sync(store, connect(box)).status == "ok"
    found = known(store)
    assert found["customer", mia.id] == truth(box)["customer", mia.id]
