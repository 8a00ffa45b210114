"""Killing syncs: a small world of two sources, a process that syncs it and dies, and what must be true afterwards.

The driver forks: each life of the victim is a process of its own that dies by SIGKILL, at a failpoint or at a random
moment; then the next life goes on. In the end the store must say what it says after an undisturbed life.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from klientela import failpoints
from klientela.flow import rules, work
from klientela.flow import sync as flow
from klientela.kit import (
    DAY,
    MINUTE,
    Address,
    Gone,
    Instant,
    Order,
    Page,
    Person,
    Position,
    Record,
    Source,
    SourceSettings,
    Stream,
    Window,
    instant,
)
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import Store, facts, ledger, open_store
from klientela.store.ids import public_id
from klientela.store.tables import ENTITIES

ACTS = ("shop 0", "list 0", "rules", "shop 1", "list 1")
"""What a life does: both sources, other rules, both sources a day later."""

PAGE = 12
BEGIN = instant("2026-03-01T08:00:00Z")
SOURCES = {"shop": SourceRules(guests="per_order"), "list": SourceRules()}
RULES = Ruleset(sources=SOURCES)
OTHER_RULES = Ruleset(rules=("email", "number"), same_source="merge", sources=SOURCES)


# the world ------------------------------------------------------------------------------------------------------------


def world(day: int, people: int = 160) -> tuple[list[Record], list[Record], list[Record]]:
    """Customers and orders of the shop, and a list of contacts, as they are on day 0 or 1.

    There are households (one phone and address, several names), a mailbox of many, people with accounts and contacts
    under one or two addresses, guests. On day 1 some have other names, mailboxes and phones, some ordered, some left.
    """
    dice = random.Random(7)
    first = ["Anna", "Ben", "Carla", "Dirk", "Eva", "Finn", "Gül", "Hans", "Ida", "Jan", "Kim", "Leo", "Mia"]
    customers: list[Record] = []
    orders: list[Record] = []
    contacts: list[Record] = []
    for number in range(people):
        house = number // 3
        one = first[number % len(first)]
        last, mail = f"Muster{house}", f"{one.lower()}.{number}@example.com"
        home = Address(
            street="Lindenstr.", house_number=str(house), zip=f"{10000 + house}", city="Musterstadt", country="DE"
        )
        if number % 11 == 0:
            mail = "everybody@example.org"  # more names than a mailbox of one household has
        moved = day and dice.random() < 0.3
        at = BEGIN + number * MINUTE + (DAY if moved else 0)
        if moved:
            one, last, mail = dice.choice(((one, f"Anders{house}", mail), (one, last, f"new.{mail}"), (one, last, "")))
        person: dict[str, Any] = {
            "first_name": one,
            "last_name": last,
            "email": mail or None,
            "phone": f"+4930{900000 + house}",
        }
        customers.append(
            Person(external_id=f"c{number}", version=at, kind="account", created_at=BEGIN, addresses=[home], **person)
        )
        if number % 2:
            person["first_name"] = dice.choice((one, one[:1], "Zoe"))
            contacts.append(Person(external_id=f"l{number}", kind="contact", **person))
        for place in range(number % 4 + day * (number % 3)):
            guest = place == 1
            orders.append(
                Order(
                    external_id=f"o{number}-{place}",
                    version=at + place,
                    customer=None if guest else f"c{number}",
                    guest=guest,
                    email=mail or None,
                    first_name=one,
                    last_name=last,
                    placed_at=BEGIN + place * MINUTE,
                    currency="EUR",
                    total=1000 + 10 * number + place,
                    state="cancelled" if moved and place == 0 else "paid",
                    test=number % 13 == 0,
                )
            )
    if day:
        customers += [Gone(entity="customer", external_id=f"c{number}") for number in (5, 17, 40)]
        orders.append(Order(external_id="early", version=BEGIN + DAY, customer="c-unseen", total=500, currency="EUR"))
    return customers, orders, contacts


class Feed(Source):
    """One of the two sources on one day."""

    type = "feed"
    title = "Feed"

    def __init__(self, name: str, day: int) -> None:
        super().__init__(name, SourceSettings(type="feed"))
        self.day = day
        self.customers, self.orders, self.contacts = world(day)

    def now(self) -> Instant:
        return BEGIN + (self.day + 1) * DAY

    def streams(self) -> Sequence[Stream]:
        if self.name == "list":
            return [Stream("rows", self._rows, snapshot=True)]
        return [
            Stream("customers", lambda window, position: _changes(self.customers, window, position)),
            Stream("orders", lambda window, position: _changes(self.orders, window, position), entity="order"),
        ]

    def _rows(self, window: Window, position: Position) -> Iterator[Page]:
        for start in range(position or 0, len(self.contacts), PAGE):
            yield _page(self.contacts[start : start + PAGE], start + PAGE)


def _changes(records: list[Record], window: Window, position: Position) -> Iterator[Page]:
    """By time of change, as a good shop lists them; the position is the place of the last one of a page."""
    place = sorted(
        ((getattr(one, "version", BEGIN + DAY), number) for number, one in enumerate(records)),
    )
    wanted = [
        [at, number]
        for at, number in place
        if (window.since is None or at >= window.since)
        and (window.until is None or at < window.until)
        and (position is None or [at, number] > position)
    ]
    for start in range(0, len(wanted), PAGE):
        some = wanted[start : start + PAGE]
        yield _page([records[number] for _, number in some], some[-1])


def _page(records: Sequence[Record], position: Position) -> Page:
    return Page(records, position, [repr(record).encode() for record in records])


# what a store says ----------------------------------------------------------------------------------------------------


def dump(store: Store) -> dict[str, Any]:
    """What must be equal: facts, customers with members, orders and figures, the audit without its clock and chain."""
    with store.reading() as db:
        uids = {number: row.uid for number, row in facts.sources(db).items()}
        key = {
            number: f"{uids[source]}/{ENTITIES[entity]}/{ext}"
            for number, source, entity, ext in db.rows("SELECT id, source, entity, ext FROM record")
        }
        public = {
            number: public_id(uids[source], ENTITIES[entity], ext, store.key).hex()
            for number, source, entity, ext in db.rows("SELECT id, source, entity, ext FROM record")
        }
        found: dict[str, Any] = {"verify": list(ledger.verify(db))}
        found["facts"] = {
            key[row[0]]: [_plain(value) for value in row[1:]]
            for row in db.rows("SELECT id, version, gone, hash, body, more FROM record")
        }
        members: dict[int, list[str]] = {}
        for number, customer in db.rows(
            "SELECT p.id, COALESCE(n.customer, p.customer, p.id) FROM person p LEFT JOIN node n ON n.id = p.node"
        ):
            members.setdefault(customer, []).append(key[number])
        holder: dict[int, int] = dict(
            db.rows(
                "SELECT p.id, COALESCE(n.customer, p.customer, p.id) FROM person p LEFT JOIN node n ON n.id = p.node"
            )
        )
        orders: dict[int, list[Any]] = {}
        for number, owner, placed, gross, ltv, state, why in db.rows(
            "SELECT id, owner, placed, gross, ltv, state, why FROM orders"
        ):
            orders.setdefault(holder.get(owner, 0), []).append(
                [key[number], key.get(owner), placed, gross, ltv, state, why]
            )
        found["ownerless"] = sorted(orders.get(0, []))
        customers, tallies = _columns(store, "customer"), _columns(store, "tally")
        found["customers"] = {}
        for row in db.rows(
            f"SELECT c.id, {', '.join('c.' + c for c in customers)}, {', '.join('t.' + c for c in tallies)} "
            "FROM customer c JOIN tally t ON t.id = c.id"
        ):
            values = dict(zip((*customers, *tallies), map(_plain, row[1:]), strict=True))
            found["customers"][public[row[0]]] = {
                **values,
                "members": sorted(members.get(row[0], [])),
                "orders": sorted(orders.get(row[0], []), key=repr),
            }
        found["figures"] = sorted(
            [list(row) for row in db.rows("SELECT name, part, day, value FROM figure WHERE value <> 0")], key=repr
        )
        found["quarantine"] = sorted(_plain(row[0]) for row in db.rows("SELECT digest FROM quarantine"))
        found["left"] = db.rows("SELECT count(*) FROM work")[0][0]
        found["audit"] = [
            [kind, rule, _plain(customer), _plain(other), json.loads(body) if body else None]
            for kind, rule, customer, other, body in db.rows(
                "SELECT a.kind, a.rule, a.customer, a.other, p.body FROM audit a "
                "LEFT JOIN audit_private p ON p.seq = a.seq AND p.n = a.n ORDER BY a.seq, a.n"
            )
        ]
    return found


def _columns(store: Store, table: str) -> list[str]:
    from klientela.store import tables

    leave = {"id", "anchor", "seen", "since", "sources"}  # numbers and commit times of our own
    return [c.name for c in tables.METADATA.tables[table].columns if c.name not in leave]


def _plain(value: Any) -> Any:
    return bytes(value).hex() if isinstance(value, (bytes, memoryview)) else value


def differences(one: dict[str, Any], two: dict[str, Any]) -> list[str]:
    """A sentence for each part in which two dumps differ."""
    return [f"{part}: {_difference(one[part], two[part])}" for part in one if one[part] != two[part]]


def _difference(here: Any, there: Any) -> str:
    if isinstance(here, dict):
        names = sorted(name for name in {*here, *there} if here.get(name) != there.get(name))
        one, two = here.get(names[0]), there.get(names[0])
        if isinstance(one, dict) and isinstance(two, dict):
            return f"{len(names)} differ, as {names[0]}: {_difference(one, two)}"
        return f"{len(names)} differ, as {names[0]}: {one!r} / {two!r}"
    if isinstance(here, list):
        odd = next((pair for pair in zip(here, there, strict=False) if pair[0] != pair[1]), "the end")
        return f"{len(here)} and {len(there)} lines, first at {odd}"
    return f"{here!r} / {there!r}"


# a life ---------------------------------------------------------------------------------------------------------------


@dataclass
class Victim:
    """Where the lives take place: a store, its key, and whether they are broken on purpose."""

    url: str
    key: Path
    cursor_first: bool = False

    def open(self) -> Store:
        """The store."""
        return open_store(self.url, key_file=self.key)

    def live(self, begin: int, tell: Callable[[bytes], object]) -> None:
        """The acts from one on. Tells `c` after an act's first page is stored, `e` at its end."""
        if self.cursor_first:
            flow._Run._commit = _cursor_first(flow._Run._commit)  # type: ignore[method-assign]
        work.BATCH = 40
        flow.MOST = 4  # pages a step: the world is small, and there is to be much between its first and last commit
        with self.open() as store:
            rules.adopt(store, RULES)
            for act in ACTS[begin:]:
                if act == "rules":
                    rules.apply(store, OTHER_RULES)
                else:
                    name, day = act.split()
                    report = flow.sync(store, Feed(name, int(day)), progress=_once(tell))
                    if report.status != "ok":
                        raise SystemExit(f"{act} ended {report.status}: {report.error}")
                tell(b"e")

    def fork(self, begin: int, failpoint: str = "") -> tuple[int, int]:
        """A new life in a process of its own: its process id and the pipe it tells into."""
        told, tell = os.pipe()
        pid = os.fork()
        if pid:
            os.close(tell)
            return pid, told
        os.close(told)
        status = 1
        try:
            if failpoint:
                os.environ["KLIENTELA_FAILPOINT"] = failpoint
                importlib.reload(failpoints)
            self.live(begin, lambda what: os.write(tell, what))
            status = 0
        except SystemExit as error:
            sys.stderr.write(f"{error}\n")
        finally:
            sys.stderr.flush()
            os._exit(status)

    def end(self, pid: int, told: int, before: bytes = b"") -> tuple[int, int]:
        """Wait for the end of a life: how many acts it finished, and by which signal it ended."""
        while some := os.read(told, 4096):
            before += some
        os.close(told)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status) != 0:
            raise RuntimeError("a life ended by itself before its acts were done")
        return before.count(b"e"), os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0

    def unfinished(self) -> int:
        """Runs that stored a page and never came to their end."""
        with self.open() as store, store.reading() as db:
            return int(db.rows("SELECT count(*) FROM run WHERE finished IS NULL AND pages > 0")[0][0])

    def dump(self) -> dict[str, Any]:
        """What the store says now."""
        with self.open() as store:
            return dump(store)


def _once(tell: Callable[[bytes], object]) -> Callable[[Any], None]:
    told = False

    def progress(report: Any) -> None:
        nonlocal told
        if not told and report.pages:
            told = True
            tell(b"c")

    return progress


def _cursor_first(plain: Callable[..., None]) -> Callable[..., None]:
    """The mistake this harness must catch: the cursor in a transaction of its own, before its pages."""

    def commit(self: Any, stage: Any, stream: Any, cursor: Any, buffer: Any) -> None:
        ahead = replace(cursor, position=json.dumps(buffer[-1].position))
        with self.store.step("cursor first") as step:
            self._save(step, stream, ahead)
        plain(self, stage, stream, cursor, buffer)

    return commit


# campaigns ------------------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What a campaign found. `inside`: kills between the first and the last commit of a sync."""

    kills: int = 0
    inside: int = 0
    stores: int = 0
    points: dict[str, int] = field(default_factory=dict)  # kills at each failpoint
    wrong: list[str] = field(default_factory=list)


class Campaign:
    """Many lives. `place` makes the address of a new store; `folder` holds the key and SQLite's files."""

    def __init__(self, folder: Path, place: Callable[[], str], *, cursor_first: bool = False) -> None:
        self.key = folder / "klientela.key"
        self.place = place
        self.cursor_first = cursor_first
        self.outcome = Outcome()
        calm = Victim(place(), self.key)
        self.spans = self._undisturbed(calm)
        self.truth = calm.dump()
        if self.truth["verify"] or self.truth["left"]:
            raise RuntimeError(f"the undisturbed life ended wrong: {self.truth['verify']}, {self.truth['left']} left")

    def _undisturbed(self, victim: Victim) -> dict[int, float]:
        """How long each sync takes from its first stored page to its end, by the number of its act."""
        pid, told = victim.fork(0)
        spans: dict[int, float] = {}
        said, first = b"", 0.0
        while some := os.read(told, 1):
            if some == b"c":
                first = time.monotonic()
            elif ACTS[said.count(b"e")] != "rules":
                spans[said.count(b"e")] = time.monotonic() - first
            said += some
        victim.end(pid, told)
        return spans

    def passed(self) -> Counter[str]:
        """How often each failpoint is passed in an undisturbed life."""
        victim = Victim(self.place(), self.key)
        told, tell = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(told)
            counts: Counter[str] = Counter()
            vars(failpoints)["_passed"] = counts
            failpoints.failpoint.__code__ = _counting.__code__  # everybody holds this very function
            victim.live(0, lambda _: None)
            with os.fdopen(tell, "w") as out:
                json.dump(counts, out)
            os._exit(0)
        os.close(tell)
        with os.fdopen(told) as out:
            counted = Counter(json.load(out))
        os.waitpid(pid, 0)
        return counted

    def at(self, points: Sequence[str]) -> None:
        """One store; a life ends at each of these failpoints (`name:n`), then one goes on to the end."""
        victim = self._victim()
        begin = 0
        for point in points:
            begin += self._die(victim, begin, point)
        self._judge(victim, begin, ", ".join(points))

    def _die(self, victim: Victim, begin: int, point: str) -> int:
        before = victim.unfinished() if begin else 0
        done, signal_ = victim.end(*victim.fork(begin, point))
        if signal_:
            name = point.partition(":")[0]
            self.outcome.points[name] = self.outcome.points.get(name, 0) + 1
            self._count(victim, before)
        return done

    def at_random(self, kills: int, dice: random.Random) -> None:
        """One store; so many lives end at random moments of a sync, then one goes on to the end."""
        victim, begin, left = self._victim(), 0, dict(self.spans)  # what is left of each sync after the lives before
        for _ in range(kills):
            acts = [act for act in left if act >= begin and left[act] > 0.2 * self.spans[act]]
            if not acts:
                break
            act = dice.choices(acts, [left[one] for one in acts])[0]
            before = victim.unfinished() if begin or left != self.spans else 0
            pid, told = victim.fork(begin)
            said = b""
            while begin + said.count(b"e") < act or not said.endswith(b"c"):
                some = os.read(told, 1)
                if not some:
                    break  # it ended before: this act had nothing more to store
                said += some
            wait = dice.uniform(0, 0.9 * left[act])
            time.sleep(wait)
            os.kill(pid, signal.SIGKILL)
            left[act] -= wait
            done, _ = victim.end(pid, told, said)
            begin += done
            self._count(victim, before)
        self._judge(victim, begin, f"{kills} random moments")

    def _victim(self) -> Victim:
        self.outcome.stores += 1
        return Victim(self.place(), self.key, self.cursor_first)

    def _count(self, victim: Victim, before: int) -> None:
        self.outcome.kills += 1
        self.outcome.inside += victim.unfinished() > before

    def _judge(self, victim: Victim, begin: int, what: str) -> None:
        victim.end(*victim.fork(begin))
        found = victim.dump()
        self.outcome.wrong += [f"killed at {what}: {line}" for line in differences(self.truth, found)]


_passed: Counter[str] = Counter()


def _counting(name: str) -> None:
    _passed[name] += 1  # the code runs as `failpoint`, so this is a global of that module
