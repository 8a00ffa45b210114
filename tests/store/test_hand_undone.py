"""Hand work of all kinds between syncs and merges, taken back in any order: what is left is the store that never saw it,
byte for byte (R0, R24b)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from klientela.errors import Conflict, Misconfigured
from klientela.flow import correct, decide, remarks, withdraw
from klientela.flow.importing import Into, import_records
from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import Address, File, Order, Person, Record
from klientela.store import Store, ledger
from tests.shops import Shop, bring, use
from tests.store.test_undone import jsonl

FIRST, LAST = ("Ina", "Udo", "Ada"), ("Roth", "Berg", "Lang", "Amt")
VALUES = {
    "first_name": (*FIRST, ""),
    "last_name": (*LAST, "Neu"),
    "company": ("Hand AG", "ACME", ""),
    "phone": ("+49 30 9000001", "+49 30 9000002", ""),
    "city": ("Ulm", "Köln"),
    "street": ("Weg 1", "Weg 2 a"),
    "country": ("DE", "Polska"),
    "birthday": ("1980-12-31",),
    "crm_id": ("H1", "H2"),
}
OURS = Into("list", "csv")


class Listed(Shop):
    """A list that operators may edit."""

    type = "csv"
    title = "CSV"


def load(store: Store, r: random.Random, version: int) -> None:
    """A shop and a list that share people, as of a version."""
    shop: list[Record] = []
    rows: list[Record] = []
    for number in range(16):
        who: dict[str, Any] = {
            "email": f"m{number % 12}@x.example",
            "first_name": FIRST[number % 3],
            "last_name": LAST[number % 4],
            "phone": r.choice((None, "+49 30 9000001", "+49 30 9000002")),
            "company": r.choice((None, "ACME")),
            "addresses": [Address(street="Weg 1", zip="10969", city=r.choice(("Ulm", "Berlin")), country="DE")],
        }
        name = str(number)
        shop.append(Person(external_id=name, kind="account", created_at=number + 1, version=version, **who))
        rows.append(Person(external_id=name, kind="contact", **{**who, "tags": r.choice(([], ["list"]))}))
        shop.append(Order(external_id=f"o{number}", customer=name, total=100 * number, currency="EUR", version=version))
        shop.append(
            Order(external_id=f"g{number}", guest=True, email=f"g{number}@x.example", total=100, version=version)
        )
    bring(store, "shop", shop)
    assert sync(store, Listed("list", rows)).status == "ok"


@dataclass
class Hand:
    """An operator at random work."""

    store: Store
    r: random.Random
    seqs: list[int] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def work(self, turns: int) -> None:
        """Do so much, whatever of it is refused."""
        people = [json.loads(line)["id"] for line in jsonl(self.store).splitlines()]
        ways: tuple[Callable[[str], None], ...] = (
            self.edit, self.edit, self.pin, self.pin, self.unpin, self.tag, self.untag, self.remark, self.note,
            self.by_file, self.merge,
        )  # fmt: skip
        for _ in range(turns):
            with suppress(Conflict, Misconfigured):
                self.r.choice(ways)(self.r.choice(people))

    def edit(self, who: str) -> None:
        fields = self.r.sample(sorted(VALUES), self.r.randint(1, 3))
        self._did(correct.edit(self.store, who, {one: self.r.choice(VALUES[one]) for one in fields}))

    def pin(self, who: str) -> None:
        name = self.r.choice(sorted(VALUES))
        self._did(correct.pin(self.store, who, name, self.r.choice(VALUES[name]), overlay=self.r.random() < 0.8))

    def unpin(self, who: str) -> None:
        correct.unpin(self.store, who, self.r.choice(sorted(VALUES)))

    def tag(self, who: str) -> None:
        self._did(remarks.tag(self.store, [who], self.r.choice(("stamm", "neu"))))

    def untag(self, who: str) -> None:
        remarks.untag(self.store, [who], self.r.choice(("stamm", "neu", "list")))

    def remark(self, who: str) -> None:
        self._did(remarks.remark(self.store, who, self.r.choice(("eins", "zwei", ""))))

    def note(self, who: str) -> None:
        self._did(remarks.note(self.store, who, "gesehen", [File(name="f.txt", content=b"x")]))

    def by_file(self, who: str) -> None:
        said = {name: self.r.choice(VALUES[name]) for name in self.r.sample(("company", "phone", "last_name"), 2)}
        place = [Address(city=self.r.choice(VALUES["city"]))]
        row = Person(external_id=who, channel="edit", addresses=place, **said)  # type: ignore[arg-type]
        made = import_records(self.store, OURS, [row], name="rows", digest="d")
        if made.batch is not None:
            self.batches.append(made.batch)

    def merge(self, who: str) -> None:
        other = self.r.choice([json.loads(line)["id"] for line in jsonl(self.store).splitlines()])
        self._did(decide.merge(self.store, who, other, reason="one"))

    def take_back(self) -> None:
        """Everything that still holds, in any order."""
        ways: list[Callable[[], object]] = [
            *((lambda seq=seq: decide.undo(self.store, seq)) for seq in self.seqs),
            *((lambda batch=batch: withdraw.undo(self.store, batch)) for batch in self.batches),
        ]
        self.r.shuffle(ways)
        for way in ways:
            with suppress(Conflict):  # an unpin or an untag took it back before
                way()

    def _did(self, made: decide.Decided) -> None:
        if made.seq is not None:
            self.seqs.append(made.seq)


@pytest.mark.parametrize("seed", range(3))
def test_hand_work_taken_back_in_any_order_leaves_nothing(
    store: Store, new_store: Callable[[], Store], seed: int
) -> None:
    plain = new_store()
    policy = ("merge", "per_order", "per_source")[seed % 3]
    for one in (store, plain):
        use(one, sources={"shop": policy})
    hand = Hand(store, random.Random(seed))
    for version in (1, 2, 3):
        for one in (store, plain):
            load(one, random.Random(version), version)
        hand.work(25)
        assert rebuild(store, check=True).differences == []
    assert len(hand.seqs) > 10
    assert hand.batches
    assert jsonl(store) != jsonl(plain)
    hand.take_back()
    assert jsonl(store) == jsonl(plain)
    assert rebuild(store, check=True).differences == []
    with store.reading() as db:
        assert list(ledger.verify(db)) == []
        assert db.rows("SELECT kind FROM decision WHERE to_seq IS NULL") == []
        assert db.rows("SELECT 1 FROM claim c JOIN channel h ON h.id = c.channel "
                       "WHERE h.name = 'operator' AND c.to_seq IS NULL") == []  # fmt: skip
