"""Webhooks in the store: applied exactly once, in any order, after what was pulled, and never beside a sync."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from klientela import failpoints
from klientela.errors import SourceBusy
from klientela.flow import inbox as flow
from klientela.flow.rebuild import rebuild
from klientela.flow.retry import retry
from klientela.flow.sync import sync
from klientela.kit import (
    Consent,
    Gone,
    Interrupted,
    Notice,
    Order,
    Person,
    Record,
    RecordRejected,
    Redact,
    SourceBroken,
)
from klientela.store import Store, facts, inbox, ledger, open_store, operation
from klientela.store.checkup import examine
from klientela.store.invariants import invariants
from tests.kills import dump
from tests.shops import Shop

Said = Sequence[Record | Redact] | Exception | Callable[[Any], Iterable[Record | Redact]]


class Crier(Shop):
    """A shop in memory whose messages say what the test wants; the body of a notice is the name of what is said."""

    webhooks = True

    def __init__(self, records: Iterable[Record] = (), **said: Said) -> None:
        super().__init__("shop", records)
        self.said: dict[str, Said] = said
        self.asked: list[str] = []

    def apply(self, notice: Notice) -> Iterable[Record | Redact]:
        self.asked.append(notice.body)
        said = self.said[notice.body]
        if isinstance(said, Exception):
            raise said
        return said(self.recall) if callable(said) else said


def kept(store: Store, *notices: Notice) -> facts.SourceRow:
    """Put notices into the inbox, as the daemon does."""
    with store.step("inbox") as step:
        row = facts.ensure_source(step, "shop", "memory")
        inbox.keep(step.db, [(row.id, one) for one in notices], step.at)
    return row


def arrive(store: Store, source: Crier, *names: str, topic: str = "people/update") -> flow.Applied:
    """Messages of a topic come and are applied; the name of what they say is their key."""
    row = kept(store, *(Notice(name, topic, name) for name in names))
    return flow.apply(store, source, row)


def states(store: Store) -> dict[str, str]:
    with store.reading() as db:
        return dict(db.rows("SELECT key, state FROM inbox"))


def fact(store: Store, ext: str = "1", entity: int = facts.CUSTOMER) -> facts.Loaded:
    with store.reading() as db:
        (number,) = [row.id for row in facts.known(db, 1, entity, [ext]).values()]
        return facts.load(db, [number])[number]


def whole(store: Store) -> None:
    """Nothing is broken, and what is derived is what a rebuild derives."""
    with store.reading() as db:
        assert [one for one in invariants(db, store.key, "EUR") if one.level == "error"] == []
        assert list(ledger.verify(db)) == []
    assert rebuild(store).differences == []


def person(version: int | None = 10, **fields: Any) -> Person:
    return Person(external_id="1", version=version, **fields)


# -- once, in any order ------------------------------------------------------------------------------------------


def test_a_message_is_applied_like_a_page(store: Store) -> None:
    crier = Crier(a=[person(first_name="Max", last_name="Muster", email="max@x.example", kind="account")])
    told = arrive(store, crier, "a")
    assert (told.done, told.changed) == (1, 1)
    with store.reading() as db:
        assert db.rows("SELECT last_name, email FROM customer") == [("Muster", "max@x.example")]
        assert db.rows("SELECT name FROM channel") == [("webhook:people/update",)]
        assert db.rows("SELECT state, body FROM inbox") == [("done", "")]
    whole(store)


def test_the_same_message_again_changes_nothing(store: Store) -> None:
    crier = Crier(a=[person(email="max@x.example")])
    arrive(store, crier, "a")
    before = dump(store)
    assert arrive(store, crier, "a").done == 0
    assert crier.asked == ["a"]
    assert dump(store) == before


@pytest.mark.parametrize("order", ["old new", "new old"])
def test_the_newest_version_counts_whatever_came_last(store: Store, order: str) -> None:
    crier = Crier(old=[person(10, email="old@x.example")], new=[person(20, email="new@x.example")])
    arrive(store, crier, *order.split())
    assert fact(store).fact.email == "new@x.example"
    whole(store)


@pytest.mark.parametrize("topics", [("a", "b"), ("b", "a")])
def test_so_it_does_across_topics(store: Store, topics: tuple[str, str]) -> None:
    crier = Crier(old=[person(10, email="old@x.example")], new=[person(20, email="new@x.example")])
    arrive(store, crier, "new", topic=topics[0])
    arrive(store, crier, "old", topic=topics[1])
    assert fact(store).fact.email == "new@x.example"


def test_T70_a_partial_message_wipes_nothing(store: Store) -> None:
    yes, no = (Consent(channel="email", purpose="promotion", state=state, at=5) for state in ("granted", "denied"))
    crier = Crier(
        [person(10, first_name="Max", company="ACME", email="max@x.example", consents=[yes])],
        no=[person(20, consents=[no])],
    )
    assert sync(store, crier).status == "ok"
    arrive(store, crier, "no", topic="consents/update")
    known = fact(store).fact
    assert (known.first_name, known.company, known.consents) == ("Max", "ACME", [no])


def test_T71_an_order_comes_before_its_customer(store: Store) -> None:
    order = Order(external_id="o", version=1, customer="1", total=500, currency="EUR", placed_at=1, state="paid")
    crier = Crier(order=[order], buyer=[person(email="max@x.example")])
    arrive(store, crier, "order", topic="orders/create")
    with store.reading() as db:
        assert db.rows("SELECT id FROM customer") == []
    arrive(store, crier, "buyer")
    with store.reading() as db:
        assert db.rows("SELECT ltv FROM tally") == [(500,)]
    whole(store)


def test_several_messages_about_one_record_in_one_step(store: Store) -> None:
    crier = Crier(
        a=[person(10, first_name="A", email="a@x.example")],
        b=[person(30, first_name="B", email="b@x.example")],
        c=[person(20, first_name="C", email="c@x.example")],
        d=[Order(external_id="o", version=1, customer="1", total=500, currency="EUR", state="paid", placed_at=1)],
        e=[Order(external_id="o", version=2, total=300, customer="1", currency="EUR", state="paid", placed_at=1)],
    )
    arrive(store, crier, *"abcde")
    assert fact(store).fact.first_name == "B"
    with store.reading() as db:
        assert db.rows("SELECT ltv FROM tally") == [(300,)]
    whole(store)


# -- beside what is pulled ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [10, None])
@pytest.mark.parametrize("first", ["pulled", "pushed"])
def test_on_equal_versions_what_was_pulled_counts(store: Store, version: int | None, first: str) -> None:
    crier = Crier([person(version, email="pulled@x.example")], a=[person(version, email="pushed@x.example")])
    steps: list[Callable[[], object]] = [lambda: sync(store, crier), lambda: arrive(store, crier, "a")]
    for step in steps if first == "pulled" else reversed(steps):
        step()
    assert fact(store).fact.email == "pulled@x.example"
    whole(store)


def test_a_run_applies_what_waits_and_tells_what_it_could_not(store: Store) -> None:
    crier = Crier(
        [person(10, email="old@x.example")],
        a=[person(20, email="new@x.example")],
        b=[Redact(customer="1", wants="disclosure")],
        c=RecordRejected("it is illegible"),
        d=SourceBroken("the shop is away"),
    )
    kept(store, *(Notice(name, "people/update", name) for name in "abcd"))
    report = sync(store, crier)
    assert report.status == "ok"
    assert [remark.split()[:3] for remark in report.remarks] == [
        ["1", "webhooks", "ask"], ["1", "webhooks", "could"], ["1", "webhooks", "wait"]
    ]  # fmt: skip
    assert states(store) == {"a": "done", "b": "held", "c": "failed", "d": "new"}
    assert fact(store).fact.email == "new@x.example"


def test_never_beside_a_sync_of_the_same_source(store: Store) -> None:
    crier = Crier(a=[person(email="max@x.example")])
    row = kept(store, Notice("a", "people/update", "a"))
    with operation.lease(store, row.id, "shop"), pytest.raises(SourceBusy):
        flow.apply(store, crier, row)
    assert states(store) == {"a": "new"}
    assert flow.apply(store, crier, row).done == 1


def test_the_plugin_recalls_what_earlier_messages_said(store: Store) -> None:
    def more(recall: Any) -> list[Record]:
        known = recall("customer", ["1"])["1"]
        return [person(20, tags=[*known.tags, "new"])]

    crier = Crier(a=[person(10, tags=["old"])], b=more)
    arrive(store, crier, "a", "b")
    assert fact(store).fact.tags == ["old", "new"]
    assert states(store) == {"a": "done", "b": "done"}


def test_recalling_somebody_else_does_not_divide_a_step(store: Store) -> None:
    def of(ext: str) -> Said:
        return lambda recall: [
            Person(external_id=ext, version=1 + len(recall("customer", [ext])), email=f"{ext}@x.example")
        ]

    crier = Crier(a=of("1"), b=of("2"), c=of("3"), d=of("1"))
    assert arrive(store, crier, "a", "b", "c", "d").done == 4
    with store.reading() as db:
        steps = db.rows("SELECT count(*) FROM txn WHERE cause LIKE 'webhooks%'")
    assert steps == [(2,)], "stored together until one asks for somebody whom an earlier one spoke of"
    assert fact(store).version == 2, "and that one was told"
    whole(store)


# -- gone --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["create delete", "delete create", "create delete late"])
def test_a_deletion_stands_whatever_comes_late(store: Store, order: str) -> None:
    crier = Crier(
        create=[person(10, email="max@x.example")],
        late=[person(20, email="late@x.example")],
        delete=[Gone(entity="customer", external_id="1")],
    )
    for name in order.split():
        arrive(store, crier, name, topic=f"people/{name}")
    assert fact(store).gone == 1
    assert fact(store).fact.email
    whole(store)


def test_what_is_pulled_brings_it_back(store: Store) -> None:
    crier = Crier([person(30, email="back@x.example")], delete=[Gone(entity="customer", external_id="1")])
    arrive(store, crier, "delete")
    assert sync(store, crier).status == "ok"
    assert (fact(store).gone, fact(store).fact.email) == (0, "back@x.example")


def test_a_merge_of_people_nobody_knows_yet(store: Store) -> None:
    merged = [Person(external_id="2", merged_into="1"), Gone(entity="customer", external_id="2")]
    crier = Crier(
        merge=merged,
        a=[person(email="max@x.example", first_name="Max", last_name="M", kind="account")],
        b=[
            Person(external_id="2", version=5, email="moritz@x.example", first_name="Mo", last_name="B", kind="account")
        ],
    )
    arrive(store, crier, "merge", topic="people/merge")
    arrive(store, crier, "b", "a")
    with store.reading() as db:
        assert db.rows("SELECT n FROM customer") == [(2,)]
    whole(store)


# -- what cannot be applied --------------------------------------------------------------------------------------


def test_what_cannot_be_read_goes_to_the_quarantine(store: Store) -> None:
    crier = Crier(bad=RecordRejected("it is illegible"), good=[person(email="max@x.example")])
    told = arrive(store, crier, "bad", "good")
    assert (told.done, told.failed) == (1, 1)
    assert states(store) == {"bad": "failed", "good": "done"}
    with store.reading() as db:
        assert db.rows("SELECT stream, key, payload, reason FROM quarantine") == [
            ("webhook:people/update", "bad", "bad", "it is illegible")
        ]


def test_and_is_taken_when_the_plugin_can_read_it(store: Store) -> None:
    crier = Crier(bad=RecordRejected("it is illegible"))
    arrive(store, crier, "bad")
    crier.said["bad"] = [person(20, email="max@x.example")]
    assert retry(store, {"shop": crier})["taken"] == 1
    assert fact(store).fact.email == "max@x.example"
    with store.reading() as db:
        assert db.rows("SELECT name FROM channel") == [("webhook:people/update",)]


def test_one_bad_record_of_a_message(store: Store) -> None:
    crier = Crier(a=[person(email="max@x.example"), Order(external_id="o", total=1, currency="no currency")])
    assert arrive(store, crier, "a").failed == 1
    assert fact(store).fact.email == "max@x.example"
    with store.reading() as db:
        assert db.rows("SELECT key FROM quarantine") == [("o",)]
    whole(store)


def test_a_shop_that_cannot_be_asked_is_asked_again_later(store: Store) -> None:
    crier = Crier(ask=SourceBroken("the shop is away"), good=[person(email="max@x.example")])
    told = arrive(store, crier, "ask", "good")
    assert (told.done, told.postponed) == (1, 1)
    assert told.later is not None
    assert states(store) == {"ask": "new", "good": "done"}
    row = kept(store)
    assert flow.apply(store, crier, row).later == told.later, "not before its time"
    assert crier.asked == ["ask", "good"]
    with store.step("time passes") as step:
        step.db.run("UPDATE inbox SET error = NULL")
    assert flow.apply(store, crier, row).postponed == 1
    with store.reading() as db:
        assert db.rows("SELECT attempts FROM inbox WHERE key = 'ask'") == [(2,)]


def test_after_three_in_a_row_it_is_left_alone(store: Store) -> None:
    crier = Crier(**{f"m{n}": SourceBroken("the shop is away") for n in range(6)})
    told = arrive(store, crier, *crier.said)
    assert told.postponed == 3
    assert len(crier.asked) == 3
    assert set(states(store).values()) == {"new"}


def test_a_mistake_of_the_plugin_is_no_end_of_the_others(store: Store) -> None:
    crier = Crier(a=KeyError("x"), b=[person(email="max@x.example")])
    told = arrive(store, crier, "a", "b")
    assert (told.done, told.postponed) == (1, 1)


def test_a_message_that_breaks_the_journey_holds_up_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from klientela.flow.stage import Stage

    plain = Stage.page

    def page(self: Any, step: Any, came: Any, reading: int) -> Any:
        if any(getattr(one, "first_name", None) == "Poison" for one in came.records):
            raise ZeroDivisionError
        return plain(self, step, came, reading)

    monkeypatch.setattr(Stage, "page", page)
    crier = Crier(a=[person(email="a@x.example")], b=[Person(external_id="2", first_name="Poison")],
                  c=[Person(external_id="3", version=1, email="c@x.example")])  # fmt: skip
    told = arrive(store, crier, "a", "b", "c")
    assert (told.done, told.postponed) == (2, 1)
    assert states(store) == {"a": "done", "b": "new", "c": "done"}
    whole(store)


def test_a_stop_leaves_the_rest_as_it_is(store: Store) -> None:
    crier = Crier(a=[person(email="max@x.example")], b=Interrupted("stop"))
    row = kept(store, Notice("a", "t", "a"), Notice("b", "t", "b"))
    with pytest.raises(Interrupted):
        flow.apply(store, crier, row)
    assert set(states(store).values()) == {"new"}


# -- requests, and what is told ------------------------------------------------------------------------------------


def test_a_request_to_erase_a_shop_is_kept_and_told(store: Store) -> None:
    shop = [Redact(customer=None), Gone(entity="customer", external_id="1")]
    crier = Crier(a=shop, b=[person(email="m@x.example")])
    told = arrive(store, crier, "a", topic="shop/redact")
    assert (told.held, told.done) == (1, 0)
    arrive(store, crier, "b")
    with store.reading() as db:
        assert db.rows("SELECT state, body FROM inbox WHERE key = 'a'") == [("held", "a")]
    assert fact(store).gone == 1
    (finding,) = [one for one in examine(store) if one.check == "inbox"]
    assert finding.level == "warning"
    assert "1 request of shop about shop/redact waits" in finding.message


def test_doctor_tells_of_what_waits_for_long(store: Store) -> None:
    crier = Crier(a=SourceBroken("away"))
    row = kept(store, Notice("a", "people/update", "a"))
    for _ in range(3):
        flow.apply(store, crier, row)
        with store.step("time passes") as step:
            step.db.run("UPDATE inbox SET error = NULL")
    said = [one.message for one in examine(store) if one.check == "inbox" and one.level == "warning"]
    assert len(said) == 1
    assert "could not be applied in 3 attempts" in said[0]


def test_finished_messages_are_forgotten_and_requests_never(store: Store) -> None:
    crier = Crier(a=[person(email="max@x.example")], b=[Redact(customer=None)], c=[])
    arrive(store, crier, "a", "b")
    with store.step("time passes") as step:
        step.db.run("UPDATE inbox SET received = ?", (operation.now() - inbox.KEEP - 1,))
    arrive(store, crier, "c")
    assert states(store) == {"b": "held", "c": "done"}


def test_keys_and_bodies_of_any_kind_are_kept(store: Store) -> None:
    row = kept(store, Notice("k" * 5000, "t" * 5000, "nul \x00 and half a pair \ud800"), Notice("k" * 5000, "t", "b"))
    with store.reading() as db:
        ((key, body),) = db.rows("SELECT key, body FROM inbox WHERE source = ?", (row.id,))
    assert len(key) == 64
    assert "\x00" not in body


# -- killed ------------------------------------------------------------------------------------------------------


def _messages() -> dict[str, Said]:
    said: dict[str, Said] = {}
    for n in range(30):
        said[f"p{n}"] = [Person(external_id=str(n % 10), version=n, email=f"{n % 10}@x.example", last_name=f"L{n}")]
        said[f"o{n}"] = [
            Order(external_id=f"o{n % 15}", version=n, customer=str(n % 10), total=100 + n, currency="EUR",
                  placed_at=n, state="paid")
        ]  # fmt: skip
    said["gone"] = [Gone(entity="customer", external_id="3")]
    return said


@pytest.mark.parametrize(
    "point", ["step.began", "step.staged", "step.derived", "step.before_commit", "step.after_commit"]
)
def test_killed_anywhere_it_is_applied_exactly_once(
    tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "_TOGETHER", 7)
    said = _messages()
    notices = [Notice(name, f"t{name[0]}", name) for name in said]

    def begin(name: str) -> str:
        url = f"sqlite:///{tmp_path / name}.db"
        with open_store(url, key_file=tmp_path / "key") as store:
            kept(store, *notices)
        return url

    def life(url: str) -> None:
        with open_store(url, key_file=tmp_path / "key") as store:
            flow.apply(store, Crier(**said), kept(store))

    calm, killed = begin("calm"), begin("killed")
    life(calm)
    deaths = 0
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: the child has its own
            pid = os.fork()
        if not pid:
            vars(failpoints).update(_name=point, _left=4)
            try:
                life(killed)
            finally:
                os._exit(0)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        deaths += 1
        assert deaths < 50
    assert deaths >= 2
    with open_store(calm, key_file=tmp_path / "key") as one, open_store(killed, key_file=tmp_path / "key") as other:
        assert dump(one) == dump(other)
        assert set(states(other).values()) == {"done"}


# -- messages that their process does not survive ----------------------------------------------------------------------


def _in_a_child(url: str, key_file: Path, said: dict[str, Said]) -> int:
    """Apply what waits in a process of its own; how that ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        try:
            with open_store(url, key_file=key_file) as store:
                flow.apply(store, Crier(**said), kept(store))
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1]


def _dies(_recall: Any) -> Iterable[Record]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def _lives(url: str, key_file: Path, said: dict[str, Said]) -> list[list[str]]:
    """Start processes until one survives; which messages were done or failed after each death."""
    seen: list[list[str]] = []
    while os.WIFSIGNALED(_in_a_child(url, key_file, said)):
        with open_store(url, key_file=key_file) as store:
            seen.append(sorted(key for key, state in states(store).items() if state != "new"))
        assert len(seen) < 20
    return seen


def _person(name: str) -> list[Record]:
    return [Person(external_id=name, version=1, email=f"{name}@x.example")]


def test_a_message_nobody_survives_is_put_aside_and_the_others_are_applied(store_url: str, tmp_path: Path) -> None:
    said: dict[str, Said] = {"a": _person("a"), "poison": _dies, "b": _person("b"), "venom": _dies, "c": _person("c")}
    key_file = tmp_path / "key"
    with open_store(store_url, key_file=key_file) as store:
        kept(store, *(Notice(name, "people/update", name) for name in said))
    seen = _lives(store_url, key_file, said)
    # three deaths together; from the fourth on one by one; each poison is begun five times, never a good message
    assert seen == [[], [], [], ["a"], ["a"], ["a", "b", "poison"], ["a", "b", "poison"]]
    with open_store(store_url, key_file=key_file) as store:
        assert states(store) == {"a": "done", "poison": "failed", "b": "done", "venom": "failed", "c": "done"}
        with store.reading() as db:
            assert db.rows("SELECT key, payload, reason FROM quarantine ORDER BY id") == [
                (name, name, "the plugin did not survive it 5 times") for name in ("poison", "venom")
            ]
            assert inbox.begun(db, 1) == {}
            assert not db.rows("SELECT name FROM meta WHERE name LIKE 'inbox%'")
        whole(store)
        again = arrive(store, Crier(**said), "a")  # and what comes is applied together as ever
        assert (again.done, again.failed) == (0, 0)


def test_the_quarantine_takes_it_again_once_the_plugin_survives(store_url: str, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    said: dict[str, Said] = {"poison": _dies}
    with open_store(store_url, key_file=key_file) as store:
        kept(store, Notice("poison", "people/update", "poison"))
    assert len(_lives(store_url, key_file, said)) == 5
    with open_store(store_url, key_file=key_file) as store:
        mended = Crier(poison=_person("p"), bad=RecordRejected("no"))
        arrive(store, mended, "bad")
        told = retry(store, {"shop": mended})
        assert [(one["key"], one["taken"]) for one in told["entries"]] == [("bad", False), ("poison", True)]
        assert fact(store, "p").fact is not None
        whole(store)


def test_what_ends_in_order_is_no_death(store: Store) -> None:
    asked = SourceBroken("the shop is away")
    row = kept(store, *(Notice(name, "t", name) for name in ("stop", "b", "c")))
    crier = Crier(stop=Interrupted("stop"), b=asked, c=asked)
    for _ in range(6):
        with pytest.raises(Interrupted):
            flow.apply(store, crier, row)
    with store.reading() as db:
        assert inbox.begun(db, row.id) == {}
    assert set(states(store).values()) == {"new"}


def test_counts_of_two_processes_do_not_wipe_each_other(store: Store) -> None:
    with store.step("inbox") as step:
        inbox.begin(step.db, 1, [1, 2])
        inbox.begin(step.db, 1, [2, 3])
        inbox.begin(step.db, 2, [2])
        inbox.ended(step.db, 1, [1, 9])
        assert inbox.begun(step.db, 1) == {2: 2, 3: 1}
        assert inbox.begun(step.db, 2) == {2: 1}
