"""The search index: what goes in is found, what goes out is not, and the doctor sees when it does not hold."""

from __future__ import annotations

import pytest

from klientela.kit import Address, Person
from klientela.settings.views import View
from klientela.store import Store, facts, search
from klientela.store.database import late_indexes
from klientela.store.overview import listing
from tests.shops import bring, use
from tests.store.lists import invent, put

VIEW = View(sort="name")


def found(store: Store, query: str) -> list[str | None]:
    with store.reading() as db:
        return [row["last_name"] for row in listing(db, VIEW, search=query).rows]


def test_facets_name_country_status_and_sources() -> None:
    bits = search.facet("DE", True, False, [1, 49])
    assert search.country_code(bits) == "DE"
    assert bits & search.REGISTERED
    assert not bits & search.MANUAL
    assert [s for s in range(1, 50) if bits & search.source_bit(s)] == [1, 49]
    assert search.source_bit(50) == search.source_bit(1)
    assert search.country_code(search.facet("Utopia", False, False, [])) is None
    assert bits < 2**63
    assert {search.country_code(search.country_bits(code)) for code in ("AA", "ZZ", "PL")} == {"AA", "ZZ", "PL"}


def test_a_view_of_orderers_lists_who_ordered_and_who_was_added_by_hand() -> None:
    guest, manual = search.facet(None, False, False, [1]), search.facet(None, True, True, [1])
    assert not search.tally_facet(guest, 0) & search.LISTED
    assert search.tally_facet(guest, 1) & search.LISTED
    assert search.tally_facet(manual, 0) & search.LISTED
    assert search.tally_facet(search.tally_facet(guest, 1), 0) == guest


def test_a_changed_row_is_found_by_its_new_words_only(store: Store) -> None:
    use(store)
    late_indexes(store)
    bring(
        store, "main", [Person(external_id="1", kind="account", version=1, last_name="Kowalska", email="a@old.example")]
    )
    assert found(store, "kowal") == found(store, "old.ex") == ["Kowalska"]
    bring(store, "main", [Person(external_id="1", kind="account", version=2, last_name="Nowak", email="a@new.example")])
    assert found(store, "kowal") == found(store, "old.ex") == []
    assert found(store, "nowak") == found(store, "new.ex") == found(store, "no") == ["Nowak"]


@pytest.mark.parametrize(
    ("query", "hit"),
    [
        ("müller", True),
        ("MULLER", True),
        ("mueller", True),
        ("ülle", True),
        ("uell", True),
        ("mü", True),
        ("m", True),
        ("ll", False),
        ("er", False),
        ("@x", False),
        ("max@x.de", True),
        ("x.d", True),
        ("deutschland", True),
        ("niemcy", True),
        ("germ", True),
        ("de", True),
        ("pl", False),
        ("main", True),
        ("memory", True),
        ("mem", True),
        ("ai", False),
        ("emo", True),
        ("max main müller", True),
        ("max other", False),
        ("\0max\0", True),
        ('"', False),
        ("%", False),
        ("___", False),
    ],
)
def test_terms_of_every_kind(store: Store, query: str, hit: bool) -> None:
    use(store)
    bring(
        store,
        "main",
        [
            Person(
                external_id="1",
                kind="account",
                first_name="Max",
                last_name="Müller",
                email="max@x.de",
                addresses=[Address(city="Essen", country="Germany")],
            )
        ],
    )
    assert found(store, query) == (["Müller"] if hit else [])


def test_short_terms_begin_a_word_and_long_ones_stand_anywhere() -> None:
    (short,), (long,) = search.terms("be", {}), search.terms("ber", {})
    assert short.hits(" anna berlin", None, [])
    assert not short.hits(" anna laber", None, [])
    assert long.hits(" anna laber", None, [])
    source = facts.SourceRow(3, "uid-of-old", "My Shop-Berlin", "shopify")
    (term,) = search.terms("berlin", {3: source})
    assert term.sources == (3,)
    assert term.hits(" x", None, [3, 4])
    assert not term.hits(" x", None, [4])
    assert [t.text for t in search.terms("b B  ber ber", {})] == ["b", "ber"]


def test_what_was_taken_out_is_not_found_and_the_doctor_sees_a_lost_text(store: Store) -> None:
    rows = [row for row in invent(60, seed=3) if not row.inactive]
    put(store, rows)
    late_indexes(store)
    with store.step("check") as step:
        assert search.check(step.db) == []
    if store.dialect != "sqlite":
        return
    lost = rows[7]
    text = (lost.id, lost.hay, search.facet(lost.country, lost.registered, lost.manual, lost.sources))
    with store.step("harm") as step:
        search.remove(step.db, [text])
    with store.step("check") as step:
        assert any("does not find" in line for line in search.check(step.db))
        assert any(f"holds {len(rows) - 1} texts for {len(rows)}" in line for line in search.check(step.db))
    with store.step("repair") as step:
        search.index(step.db, [text])
    with store.step("check") as step:
        assert search.check(step.db) == []
    with store.step("rebuild") as step:
        search.clear(step.db)
        assert step.db.one("SELECT count(*) FROM search_docsize") == (0,)
