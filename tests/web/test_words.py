"""Every sentence of the page is there in every language, and words are put together as each of them does."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

import klientela_web
from klientela.flow.consenting import CHANNELS, PURPOSES
from klientela.rules.periods import BUCKETS, PRESETS
from klientela.rules.publish import RULE_OF
from klientela.settings.views import COLUMNS
from klientela.settings.views import PRESETS as VIEWS
from klientela.store.overview import FACETS, SEGMENTS
from klientela.store.statistics import LINES
from klientela.store.users import ROLES
from klientela_web import sheet
from klientela_web.pages import at_the_side, bulk, finder, hands, imports, merges, newcomer, panel
from klientela_web.pages.customers import EXPORTS
from klientela_web.words import ACTORS, LANGUAGES, Words, chosen

ROOT = Path(klientela_web.__file__).parent
KEYWORDS: dict[str, Any] = {"w": None, "words": None, "several": (1, 2)}
BERLIN = ZoneInfo("Europe/Berlin")

DATA = [
    *(f"segment {one}" for one in SEGMENTS), *(f"column {one}" for one in COLUMNS), *(f"facet {one}" for one in FACETS),
    *(f"line {one}" for one in LINES), *(f"by {one}" for one in BUCKETS), *(f"period {one}" for one in PRESETS),
    *(f"channel {one}" for one in CHANNELS), *(f"purpose {one}" for one in PURPOSES), *(f"view {one}" for one in VIEWS),
    *(f"status {one}" for one in ("ok", "partial", "failed", "running", "skipped")),
    *(f"count {one}" for one in ("read", "new", "changed", "rejected", "merged", "split")),
    *(f"kind {one}" for one in merges.KINDS), *(f"review {one}" for one in ("same_source", "names", "crowded", "proposed")),
    *(f"rule {one}" for one in ("email", "number", "phone", "address", "upstream", "same_order", "operator", "link", "none")),
    *(f"decision {one}" for one in ("must", "cannot", "left")),
    *(f"consent {one}" for one in ("granted", "denied", "unknown")), *ROLES, *sheet.DATA,
    *(f"format {one}" for one in EXPORTS), *(f"entry {one}" for one in newcomer.ENTRIES),
    *(f"same as {one}" for one in RULE_OF),
    *(f"rows {one}" for one in ("read", "new", "changed", "unchanged", "suppressed", "refused")),
    *(f"customers {one}" for one in imports.EFFECTS), *(f"effect {one}" for one in imports.EFFECTS),
    *(f"cut at {one}" for one in imports.DELIMITERS.values()),
    *(f"guests {one}" for one in ("merge", "per_source", "per_order")),
    *(f"actor {one}" for one in ACTORS),
    *(f"found {one}" for one in ("customer", "page", "command")),
]  # fmt: skip
"""Words that are named by data."""


NAMED = [
    *(nav.name for nav in at_the_side()),
    *(nav.group for nav in at_the_side() if nav.group),
    *(one[0] for one in finder.PAGES),
    *(one.name for one in finder.VERBS),
    *(one[1] for one in bulk.ACTIONS),
    *(f"every {one}" for one in ("second", "minute", "hour", "day")),
    *(one[0] for one in panel.NAMES.values()),
    *(said for _, said in hands.SAID.values()),
]
"""Sentences that stand in tables."""


def sentences() -> dict[str, str]:
    """Each sentence the page says, and where."""
    found = {}
    for path in sorted(ROOT.rglob("*.html")):
        with path.open("rb") as file:
            for _, _, said, _ in babel_extract(
                file, list(KEYWORDS), [], {"trim_blocks": "true", "lstrip_blocks": "true"}
            ):
                found[_first(said)] = path.name
    for path in sorted(ROOT.rglob("*.py")):
        with path.open("rb") as file:
            for _, _, told, _ in extract_python(file, KEYWORDS, [], {}):
                found[_first(told)] = path.name
    return {said: where for said, where in found.items() if said and not said.endswith(" ")}


def _first(said: object) -> str:
    """The sentence of a call; nothing where it is put together from words of data."""
    found = said[0] if isinstance(said, tuple) else said
    return found if isinstance(found, str) else ""


def book(language: str) -> Catalog:
    with (ROOT / "locale" / language / "LC_MESSAGES" / "klientela.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_every_sentence_is_there(language: str) -> None:
    known = book(language)
    wanted = {**sentences(), **dict.fromkeys(NAMED, "a table")}
    assert {said: where for said, where in wanted.items() if not _told(known, said)} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_data_are_there(language: str) -> None:
    known = book(language)
    assert [key for key in DATA if not _told(known, key)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_every_value(language: str) -> None:
    for said in book(language):
        if said.id in DATA:
            continue  # a key is no sentence; what stands for it names values of its own
        several = said.string if isinstance(said.string, (tuple, list)) else (said.string,)
        ids = said.id if isinstance(said.id, (tuple, list)) else (said.id,)
        for text in several:
            assert _values(text) == _values(ids[-1]), said.id


def _told(known: Catalog, said: str) -> bool:
    found = known.get(said)
    return found is not None and bool(found.string)


def _values(text: object) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", str(text or "")))


def test_figures_are_written_as_each_language_does() -> None:
    german, english, polish = (Words(one, BERLIN) for one in ("de", "en", "pl"))
    assert (german.money("1234.5", "EUR"), english.money("1234.5", "EUR")) == ("1.234,50\xa0€", "€1,234.50")
    assert german.percent(0.359) == "35,9\xa0%"
    assert polish.number(1234567) == "1\xa0234\xa0567"
    assert german.day("2026-03-01T23:30:00Z") == "02.03.2026", "the shop's date, not that of Greenwich"
    assert german.time("2026-03-01T23:30:00Z") == "02.03.2026, 00:30", "the year in full, as everywhere"
    assert english.time("2026-03-01T12:05:00Z") == "1 Mar 2026, 13:05"
    assert german.short_day(date(2026, 6, 18)) == "18. Juni"
    assert polish.several("Done for %(count)s customer.", "Done for %(count)s customers.", 5).startswith(
        "Wykonano dla 5"
    )
    assert german.amounts([{"amount": "10.00", "currency": "EUR"}, {"amount": "10.00", "currency": "CHF"}]) == (
        "10,00\xa0€ + 10,00\xa0CHF"
    ), "never twenty (T57)"


def test_what_is_ago_is_told_in_whole_spans_and_schedules_in_words() -> None:
    german, today = Words("de", BERLIN), date(2026, 11, 18)
    told = {day: german.ago(f"{day}T12:00:00Z", today) for day in
            ("2026-11-18", "2026-11-12", "2026-11-10", "2026-10-04", "2025-12-18", "2025-04-07", "2026-11-20")}  # fmt: skip
    assert list(told.values()) == ["heute", "vor 6 Tagen", "vor 1 Woche", "vor 1 Monat", "vor 11 Monaten", "vor 1 Jahr",
                                   "in 2 Tagen"]  # fmt: skip
    assert [german.every(one) for one in ("15m", "1h", "2d", "*/5 * * * *")] == [
        "alle 15 Minuten", "jede Stunde", "alle 2 Tage", "*/5 * * * *",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "header", "spoken"),
    [
        (None, "pl-PL,pl;q=0.9", "pl"),
        ("de", "pl", "de"),
        (None, "fr,de;q=0.5", "de"),
        (None, "fr", "en"),
        ("xx", None, "en"),
    ],
)
def test_the_language_is_the_readers(asked: str | None, header: str | None, spoken: str) -> None:
    assert chosen(asked, header) == spoken


def test_what_stands_for_a_key_names_the_same_values_in_every_language() -> None:
    books = [book(language) for language in LANGUAGES]
    for key in DATA:
        assert len({frozenset(_values(known[key].string)) for known in books}) == 1, key
