"""Facets and segments: every count is what a plain filter over all rows counts, on both databases and on every road."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from klientela.errors import KlientelaError, Misconfigured, UnknownThing
from klientela.rules.products import title_key
from klientela.rules.text import sort_key
from klientela.settings.views import PRESETS, View
from klientela.store import Store, bitmaps, facets, facts, mapping
from klientela.store.database import late_indexes
from klientela.store.matches import LIMITS
from klientela.store.overview import FACETS, SEGMENTS, listing, segments
from klientela.store.overview import facets as facets_of
from tests.store.lists import WORDS, Row, ask, expected, invent, meant, put, replace, said, stands_in

AUTOLETTER, COCKPIT = View(**PRESETS["autoletter"]), View(**PRESETS["cockpit"])  # type: ignore[arg-type]


def spread(count: int, seed: int) -> list[Row]:
    """Rows whose ids lie in several parts."""
    rows = invent(count, seed)
    for row in rows:
        row.id *= 997
    return rows


def naive(rows: list[Row], sources: dict[int, facts.SourceRow], top: int, **question: Any) -> dict[str, Any]:
    """What `facets` must say, by looking at every row once for each facet."""
    asked: dict[str, list[str]] = question.pop("asked")
    found: dict[str, Any] = {}
    for facet in FACETS:
        others = {name: values for name, values in asked.items() if name != facet}
        hits = set(expected(rows, sort="id", totals="ltv", sources=sources, asked=others, **question))
        if facet == "product":
            found[facet] = bought([row for row in rows if row.id in hits], top, asked.get(facet, []), sources)
            continue
        counts = Counter(value for row in rows if row.id in hits for value in said(row, facet, sources))
        offered = {
            value: count
            for value, count in counts.items()
            if len(value) <= 200 and not (facet == "consent" and ("any" in value or "unknown" in value))
        }
        if facet in ("country", "tag", "module"):
            mine = [row for row in rows if row.inactive == (question["inactive"] or question["segment"] == "inactive")]
            every = Counter(value for row in mine for value in said(row, facet, sources) if len(value) <= 200)
            often = sorted(every, key=lambda value: (-every[value], value))[: facets.OFFERED]
            offered = {value: count for value, count in offered.items() if value in often}
        best = sorted(offered, key=lambda value: (-offered[value], value))[:top]
        found[facet] = [(value, offered[value]) for value in best]
        for value in asked.get(facet, ()):
            for one in (
                [value.replace("any", c) for c in ("email", "post", "sms", "phone", "whatsapp")]
                if "any:" in value
                else [value]
            ):
                known = facet != "consent" or counts[one] or one.endswith("unknown")
                if len(one) <= 200 and known and one not in dict(found[facet]):
                    found[facet].append((one, counts[one]))
    return {facet: sorted(values) for facet, values in found.items()}


def bought(hits: list[Row], top: int, chosen: list[str], sources: dict[int, facts.SourceRow]) -> list[tuple[str, int]]:
    """The products: ties fall as their keys do, so that a cut among equals is the same everywhere."""
    each = [said(row, "product", sources) for row in hits]
    counts = Counter(name for names in each for name in names if name and not name.startswith("sku "))
    best = sorted(counts, key=lambda name: (-counts[name], title_key(name)))[:top]
    found = [(name, counts[name]) for name in best]
    for value in chosen:
        if sort_key(value) not in best:
            found.append((sort_key(value), sum(not names.isdisjoint(meant("product", [value])) for names in each)))
    return found


def hold(store: Store, rows: list[Row], seed: int, rounds: int = 60) -> None:
    """Random questions are answered as by looking at every row; tabs have as many customers as they show."""
    r = random.Random(seed)
    with store.reading() as db:
        sources = facts.sources(db)
        for _ in range(rounds):
            query = " ".join(r.choice(WORDS) for _ in range(r.choice((0, 0, 1, 1, 2)))) or None
            include, source = r.choice(("all", "all", "orderers_and_manual")), r.choice((None, None, 1, 3))
            view = SimpleNamespace(sort="name", totals="ltv", include=include, crm_source=None)
            inactive, top = r.random() < 0.2, r.choice((1, 3, 20))
            segment, asked = ask(r)
            label = None if source is None else sources[source].label
            due = naive(
                rows, sources, top, query=query, listed=include != "all", source=source, inactive=inactive,
                segment=segment, asked=asked,
            )  # fmt: skip
            found = facets_of(
                db, view, search=query, segment=segment, filters=asked, inactive=inactive, source=label, top=top
            )
            told = {name: sorted((one["value"], one["count"]) for one in values) for name, values in found.items()}
            told["product"] = sorted((sort_key(name), count) for name, count in told["product"])
            assert told == due, f"{query!r} of {label} ({include}), {inactive}, {segment}, {asked}, {top}"
            for facet, values in found.items():
                order = [(-one["count"], one["value"]) for one in values if one["value"] not in asked.get(facet, ())]
                if not any("any" in value for value in asked.get(facet, ())):
                    assert order == sorted(order), facet
        for view in (AUTOLETTER, COCKPIT):
            shown = [row for row in rows if view is AUTOLETTER or row.manual or row.gross_orders > 0]
            tabs = segments(db, view)
            assert tabs == {
                name: sum(row.inactive == (name == "inactive") and stands_in(row, name) for row in shown)
                for name in SEGMENTS
            }
            assert tabs == {name: listing(db, view, segment=name).total for name in SEGMENTS}
        assert segments(db) == segments(db, AUTOLETTER)


@pytest.mark.parametrize("few", [10_000, 4], ids=["few", "many"])
def test_facets_of_a_small_list(store: Store, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LIMITS, "few", few)
    monkeypatch.setattr(facets, "OFFERED", 100 if few == 4 else 3)
    rows = invent(90, seed=few)
    put(store, rows)
    late_indexes(store)
    hold(store, rows, few)
    others = invent(30, seed=few + 1)
    replace(store, rows[:30], others)
    hold(store, [*others, *rows[30:]], few + 1, rounds=30)


@pytest.mark.parametrize("read", [2_000, 0], ids=["rows", "bitmaps"])
@pytest.mark.parametrize("frequent", [0.05, 2.0], ids=["grams", "rare"])
def test_facets_of_a_large_list(store: Store, read: int, frequent: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bitmaps.LIMITS, "least", dict.fromkeys(("sqlite", "postgresql"), 1))
    monkeypatch.setattr(bitmaps.LIMITS, "frequent", frequent)
    monkeypatch.setattr(bitmaps, "_FEW", 8)
    monkeypatch.setattr(LIMITS, "near", -1_000_000)
    monkeypatch.setattr(facets, "READ", read)
    monkeypatch.setattr(facets, "OFFERED", 100 if frequent < 1 else 5)  # there are five products
    monkeypatch.setattr(facets, "_AT_ONCE", 2)
    rows = spread(90, seed=read + 1)
    put(store, rows)
    late_indexes(store)
    mapping.upkeep(store)
    with store.reading() as db:
        assert bitmaps.state(db) is not None
    hold(store, rows, 1)
    new = spread(110, seed=read + 2)
    replace(store, rows[:30], [*new[:25], *new[90:]])
    rows = [*new[:25], *rows[30:], *new[90:]]
    hold(store, rows, 2)
    monkeypatch.setattr(bitmaps.LIMITS, "merge", 1)
    mapping.upkeep(store)
    with store.reading() as db:
        assert mapping.check(db) == []
    hold(store, rows, 3, rounds=30)


@pytest.mark.parametrize(
    ("wrong", "kind", "sentence"),
    [
        ({"segment": "vips"}, Misconfigured, "there is no segment 'vips'"),
        ({"filters": {"colour": ["red"]}}, Misconfigured, "cannot be filtered by 'colour'"),
        ({"filters": {"status": ["member"]}}, Misconfigured, "status is registered or guest, not 'member'"),
        ({"filters": {"scanned": ["perhaps"]}}, Misconfigured, "scanned is yes or no, not 'perhaps'"),
        ({"filters": {"consent": ["email"]}}, Misconfigured, "'email' is no consent"),
        ({"filters": {"consent": ["fax:promotion:granted"]}}, Misconfigured, "'fax' is no channel"),
        ({"filters": {"consent": ["email:spam:granted"]}}, Misconfigured, "'spam' is no purpose"),
        ({"filters": {"consent": ["email:system:yes"]}}, Misconfigured, "'yes' is no answer"),
        ({"filters": {"consent": ["any:system:unknown"]}}, Misconfigured, "no channel at all"),
        ({"filters": {"tag": [" "]}}, Misconfigured, "the filter tag is empty"),
        ({"filters": {"tag": "vip"}}, Misconfigured, "the values of tag are one text"),
        ({"filters": {"sources": ["nowhere"]}}, UnknownThing, "there is no source 'nowhere'"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(
    store: Store, wrong: dict[str, Any], kind: type[KlientelaError], sentence: str
) -> None:
    put(store, invent(3, seed=1))
    for question in (listing, facets_of):
        with store.reading() as db, pytest.raises(kind, match=sentence) as caught:
            question(db, AUTOLETTER, **wrong)  # type: ignore[operator]
        assert caught.value.hint


def test_a_country_is_meant_by_any_of_its_names(store: Store) -> None:
    rows = invent(60, seed=2)
    put(store, rows)
    due = sum(row.country == "PL" and not row.inactive for row in rows)
    assert due
    with store.reading() as db:
        for name in ("PL", "pl", "Polen", "Poland", "polska"):
            assert listing(db, AUTOLETTER, filters={"country": [name]}).total == due
        assert listing(db, AUTOLETTER, filters={"tag": ["nobody has this"]}).total == 0
        assert listing(db, AUTOLETTER, filters={"tag": []}).total == listing(db, AUTOLETTER).total
