"""A source that can say what became of the records its sweep does not find is asked before they are flagged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from klientela.flow.sync import sync
from klientela.kit import Person, Record, SourceBroken, Stream
from klientela.store import Store, facts
from tests.cases.seen import account
from tests.shops import Shop, bring, use


class Telling(Shop):
    """A memory shop that knows whom it merged: missing id -> the one that stayed."""

    merged: dict[str, str]
    asked: list[list[str]]
    down = False

    def streams(self) -> Sequence[Stream]:
        return [replace(one, missing=self._missing) for one in super().streams()]

    def _missing(self, exts: Sequence[str]) -> Iterable[Record]:
        self.asked.append(list(exts))
        if self.down:
            raise SourceBroken("the shop is down", hint="try again")
        for ext in exts:
            if ext in self.merged:
                yield Person(external_id=ext, channel="merged", merged_into=self.merged[ext])


def people(count: int) -> list[Person]:
    return [Person(external_id=f"p{n}", version=n, first_name=f"N{n}", last_name="Berg") for n in range(count)]


def shop(count: int, exists: Sequence[str], merged: dict[str, str]) -> Telling:
    made = Telling("main", people(count), exists=exists)
    made.merged, made.asked = merged, []
    return made


def told(store: Store) -> dict[str, tuple[bool, str | None]]:
    """External id -> whether it is flagged as gone, and whom it points to."""
    with store.reading() as db:
        loaded = facts.load(db, [number for (number,) in db.rows("SELECT id FROM record")]).values()
    return {one.ext: (bool(one.gone), one.fact.merged_into or None) for one in loaded}


def test_what_became_of_the_missing_is_kept_and_they_are_gone(store: Store) -> None:
    use(store)
    everybody = [f"p{n}" for n in range(300)]
    assert sync(store, shop(300, everybody, {})).status == "ok"
    left = shop(300, everybody[130:], {"p3": "p200", "p128": "p201"})
    report = sync(store, left, full=True)
    assert report.status == "ok", report.error
    assert [len(exts) for exts in left.asked] == [100, 30]
    found = told(store)
    assert {ext for ext, (gone, _) in found.items() if gone} == set(everybody[:130])
    assert {ext: stays for ext, (_, stays) in found.items() if stays} == {"p3": "p200", "p128": "p201"}
    with store.reading() as db:
        (number,) = db.one("SELECT id FROM record WHERE ext = 'p3'") or (0,)
        fact = facts.load(db, [number])[number].fact
    assert fact.first_name == "N3"  # it keeps what it said


def test_nobody_is_asked_where_nobody_is_missing(store: Store) -> None:
    use(store)
    whole = shop(5, [f"p{n}" for n in range(5)], {})
    assert sync(store, whole, full=True).status == "ok"
    assert whole.asked == []


def test_where_the_source_cannot_answer_nobody_is_flagged(store: Store) -> None:
    use(store)
    everybody = [f"p{n}" for n in range(10)]
    assert sync(store, shop(10, everybody, {})).status == "ok"
    left = shop(10, everybody[2:], {})
    left.down = True
    report = sync(store, left, full=True)
    assert (report.status, report.error and report.error["kind"]) == ("partial", "broken")
    assert not any(gone for gone, _ in told(store).values())


def test_R61_what_only_others_push_lacks_nothing_when_it_is_read_whole(store: Store) -> None:
    bring(store, "till", [account("1", "Anna")])

    class Pushed(Shop):
        """A source without any list to read."""

        def streams(self) -> Sequence[Stream]:
            return []

    report = sync(store, Pushed("till", []), full=True)
    assert (report.status, report.error) == ("ok", None)
