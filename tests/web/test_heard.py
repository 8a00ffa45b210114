"""What the core says is said by the page in the reader's language: every sentence is in the catalogues, each is recognised for
what it is, with its values, and pages that tell of something wrong hold no English."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Message

from klientela_web.heard import Heard, book, forms
from klientela_web.words import Words
from tests.web import spoken

LANGUAGES = ("de", "pl")
BERLIN = ZoneInfo("Europe/Berlin")
PLACE = re.compile(r"\{(\w+)(!r|:\w+)?\}")

WHOLE = {
    "that contradicts decision {}: {} and {} {} one person":
        "that contradicts decision 7: a/customer/1 and b/customer/2 are not one person",
    "{} {}, so nobody knows whether it was done":
        "https://x.example/api did not answer in time, so nobody knows whether it was done",
    "{} {} (status {})": "https://x.example/api is locked by its vendor (status 423)",
    "the customer allowed {}{}": "the customer allowed promotion by email since 2026-05-01",
    "the customer objects to {}{}": "the customer objects to promotion by sms",
    "the customer objected to {}{}, which nobody has lifted":
        "the customer objected to promotion by email since 2026-05-01, which nobody has lifted",
    "the customer objected to {}{} as a guest, which nobody has lifted":
        "the customer objected to promotion by email since 2026-05-01 as a guest, which nobody has lifted",
    "another customer objects to {} by {} at that very {}":
        "another customer objects to promotion by email at that very e-mail address since 2026-05-01",
    "somebody objects to {} by {} at that very {}":
        "somebody objects to promotion by email at that very e-mail address since 2026-05-01",
    "line {}.{} does not follow the line before it: a line was changed, removed or moved":
        "line 3.0 does not follow the line before it: a line was changed, removed or moved",
    "line {}.{} was changed: its hash does not fit": "line 3.0 was changed: its hash does not fit",
    "the personal part of line {}.{} was changed: its commitment does not fit":
        "the personal part of line 3.0 was changed: its commitment does not fit",
    "the tombstone file {} {}": "the tombstone file t.jsonl is older than this store, or of another one",
    "{} has the unknown column{} {}, so nothing of it was read":
        "a.csv has the unknown columns Foo, Bar, so nothing of it was read",
    "{} lacks the column{} {} of the sample, so nothing of it was read":
        "a.csv lacks the column email of the sample, so nothing of it was read",
    "{}: {} {} UTF-8, the others {}; each was read as what it is":
        "a.csv: 3 rows are UTF-8, the others cp1252; each was read as what it is",
    "{}: {} {} as if its letters had been encoded twice; look at how it was made":
        "a.csv: 1 row looks as if its letters had been encoded twice; look at how it was made",
    "{} {} the id of another row and {} left out": "2 rows repeat the id of another row and were left out",
    "{}: the sheet {} was read; {} {} not": "a.xlsx: the sheet Kunden was read; Alt, Neu were not",
    "the message {}": "the message was sent already",
    "Wix answers {} with an error (status {}{}){}": "Wix answers orders with an error (status 500, INTERNAL): an error",
    "the site has no {} (status {}{})": "the site has no members (status 428, APP_MISSING)",
}  # fmt: skip
"""Sentences that the code puts together out of parts: one of each, as it is said."""

NEVER = {
    "no known entity", "one name for two streams",  # the class of the error is told, not its words
    "{} customer marked inactive ordered again and stays inactive",  # remarks of a run, which the command prints
    "{} customers marked inactive ordered again and stay inactive",
    ": {}{}; `klientela active ID` takes the mark off",
    "{} webhooks ask for data to be erased or shown; `klientela person requests` lists them.",
    "{} records were erased, as the shop was asked to (R57).",
    "{} webhooks could not be taken; `klientela quarantine` lists them.",
    "{} webhooks wait for another attempt: {}.",
    "{} were read page by page, for the bulk operation was of no use: {}.",
    "and {} more files",
    "look for an order in its shop", "what was sent is written down",
    "Orders cannot be written into the shop though write_orders is set: the app lacks the scope {}.",  # `check`
    "Orders cannot be written into the account though write_orders is set: it has no shop {}; it has {}.",
    "an emptied record says something", "every month has a first day",  # a fault of ours, which is no sentence for people
    "a release needs a reason", "there is no tombstone of {}",  # `person release`
    "Name the record that was erased as source/entity/external_id, or the id that `erase` told",
    "the store did not know of it any more", "asked at the shop",  # reasons that a command writes down
    "import into {}", "runs of dead processes", "send an order to {}", "answer of {} to an order",  # names of steps
    "inbox again {}", "inbox begun {}", "pasted list, line {}", "unable to open",
    "another klientela daemon already runs on this store", "{} is no database klientela knows",  # opening a store
    "Stop it first, or use `klientela sync` beside it", "there is no store at {}", "the store has no ruleset yet",
    "store.url is no database address", "the key file {} cannot be used: {}", "{} does not hold an instance key",
    "Run `klientela sync` or `klientela run` first", "{} is not the key this store was made with",
    "the folder {} of the database does not exist", "PostgreSQL needs the psycopg package",
    "the key file {} of this store is missing", "Restore it from a backup; ids and tombstones hang on it",
    "Give the user that runs klientela the right to read it, and to write it the first time", "Create it first",
    "Restore the key file that belongs to it; ids and tombstones hang on it",
    'Install it with: pip install "klientela[postgres]"',
    "Put it back from where it is kept beside the backups; ids and tombstones hang on it",
    "({}): `klientela rebuild` makes them anew", "{} bitmap of the list does not say what its rows say",  # `doctor`
    "{} bitmaps of the list do not say what its rows say",
    "The total of {} orders is neither with nor without shipping the sum of their items, which was taken: {}",
    "Marketplaces hand out relay addresses: their buyers are recognised by the marketplace's own buyer id.",
    "No shop is connected with this account, so it cannot be told from another one.",
    "same_as names shops this account does not have: {}; it has {}.",
    "Orders of {} are Billbee's alone: a shop that is connected directly too needs a line in same_as, or its orders count "
    "twice.",
    "`shops` limits the orders; Billbee's list of customers is of all its shops.",
    "base_url is plain http: password, key and all personal data travel unencrypted.",
    "Webhooks about {} are not read here: the app need not subscribe to them.",
    "Only orders of the last 60 days are visible: the app lacks the scope read_all_orders, so totals of customers who "
    "ordered before are too low.",
    'guest_rule = "state": an order follows its customer\'s latest account state, so registering is retroactive here and '
    "earlier guest orders move to the account (R8 cannot hold). It needs classic customer accounts.",
    "The shop answers as version {}, not {} as configured: set api_version to a supported version.",
    "base_url is plain http: the access token and all personal data travel unencrypted.",
    "members = false: nobody is registered but those whom a contact itself calls a member.",
    "base_url is plain http: the credentials and all personal data travel unencrypted.",
    "the shop does not know the filter modified_after (WooCommerce 5.8): every run reads all its orders",
    "a webhook for {} is not signed with the app's secret",  # told to who sends a message that is not signed
    "Set webhook_secret to the client secret of the app", "a webhook for {} is not signed with the app's key",
    "If it came from Shopify, compare webhook_secret with the app's client secret",
    "If it came from Wix, compare webhook_public_key with the public key in the app's dashboard",
    "Set webhook_public_key and instance_id of the app that sends them",
}  # fmt: skip
"""Texts in rooms that speak to the page, which the page never shows."""

PARTS = re.compile(
    r"^[^a-z]*$|^ ?\{\} (customer|tally) \w ON |\bCASE WHEN\b|\bIS NOT\b|^[\w ,{}]*, error$|^\w+, \w+, \w+,"
)
"""Parts of statements, which hold no sentence."""


def messages(language: str) -> list[Message]:
    return [one for one in book(language) if one.id]


def ids(one: Message) -> tuple[str, ...]:
    return forms(one.id)


def said(one: Message) -> tuple[str, ...]:
    return forms(one.string)


@cache
def code() -> tuple[tuple[str, str], ...]:
    """Where in the code which sentence stands."""
    return tuple(
        (f"{path.relative_to(spoken.ROOT)}:{line}", text)
        for path in spoken.rooms()
        for line, text in spoken.sentences(ast.parse(path.read_text("utf-8")))
    )


def known(language: str) -> set[str]:
    return {spoken.plain(text).casefold() for one in messages(language) for text in ids(one) if all(said(one))}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_of_the_core_is_there(language: str) -> None:
    have = known(language)
    missing = [
        f"{where}: {text}"
        for where, text in code()
        if text.casefold() not in have and text.strip() not in NEVER | set(WHOLE) and not _part_of(text, have)
    ]
    assert missing == []


def _part_of(text: str, have: set[str]) -> bool:
    """Whether it stands whole in a sentence that is known, or is no sentence at all."""
    inner = text.strip(" ,;").casefold()
    return PARTS.search(text) is not None or any(inner in one for one in have)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_of_the_page_itself_is_there(language: str) -> None:
    have = known(language)
    pages = sorted((spoken.ROOT / "web").rglob("*.py"))
    found = [(path, *one) for path in pages for one in spoken.raised(ast.parse(path.read_text("utf-8")))]
    assert len(found) > 50
    assert [f"{path.name}:{line}: {text}" for path, line, text in found if text.casefold() not in have] == []


def test_no_page_shows_an_error_as_the_core_said_it() -> None:
    """`asking.told(error)` is what a page shows; templates ask `words.heard` for what was written down before."""
    pages = spoken.ROOT / "web" / "klientela_web" / "pages"
    assert [
        path.name for path in pages.glob("*.py") if re.search(r"error\.message|str\(error\)", path.read_text("utf-8"))
    ] == []


def test_a_sentence_that_is_missing_is_found() -> None:
    tree = ast.parse(
        'raise Conflict(f"the moon is {size} today", hint=f"Look {up!r} again tonight.")\ncut("SELECT a FROM b")'
    )
    assert [text for _, text in spoken.sentences(tree)] == ["the moon is {} today", "Look {!r} again tonight."]
    assert not {"the moon is {} today", "look {!r} again tonight."} & known("de")


def test_what_is_left_out_is_still_in_the_code() -> None:
    told = {text.strip() for _, text in code()}
    assert sorted(NEVER - told) == []
    assert [name for name in spoken.SILENT if not (spoken.ROOT / name).exists()] == []


# -- what is understood ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_sentence_is_recognised_for_what_it_is(language: str) -> None:
    """With values of every kind no sentence is taken for another one."""
    hear = Heard(
        language, {"number": lambda text: f"<{text}>", "day": lambda text: f"<{text}>", "word": lambda text: text}
    )
    wrong = []
    for one in messages(language):
        many = len(ids(one)) > 1
        text = ids(one)[-1]
        expected = said(one)[-1] if many else said(one)[0]
        given = {place[1]: _sample(place, expected, many=many) for place in PLACE.finditer(text)}
        spoken_ = filled(text, given)
        heard = hear(spoken_)
        places = [(place[0], _written(place, given[place[1]], text, hear)) for place in PLACE.finditer(expected)]
        wanted = expected
        for place, value in places:
            wanted = wanted.replace(place, value)
        if heard.casefold() != wanted.casefold():
            wrong.append((spoken_, heard, wanted))
    assert wrong == []


def filled(text: str, given: Mapping[str, str]) -> str:
    """A template with values."""
    for place in list(PLACE.finditer(text)):
        text = text.replace(place[0], given[place[1]])
    return text


def _sample(place: re.Match[str], expected: str, *, many: bool) -> str:
    if many and place[1] == "count":
        return "5"
    kind = next((found[2] for found in PLACE.finditer(expected) if found[1] == place[1]), None)
    if place[2] == "!r":
        return repr("O'Neill")
    return {":number": "12", ":digits": "404", ":one": "x-1", ":day": "2026-05-01"}.get(kind or "", "Qx7")


def _written(place: re.Match[str], value: str, text: str, hear: Heard) -> str:
    if "{" + place[1] + "!r}" in text:
        return f"{hear.quotes[0]}O'Neill{hear.quotes[1]}"
    return f"<{value}>" if place[2] in (":number", ":day") else value


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_every_value(language: str) -> None:
    for one in messages(language):
        values = {place[1] for place in PLACE.finditer(ids(one)[-1])}
        for text in said(one):
            told = {place[1] for place in PLACE.finditer(text)}
            assert told <= values, ids(one)
            assert told == values or "`klientela" in ids(one)[0], ids(
                one
            )  # what a command takes the page knows by itself


def test_both_languages_have_the_same_sentences() -> None:
    assert {ids(one) for one in messages("de")} == {ids(one) for one in messages("pl")}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sentence", WHOLE.values())
def test_what_the_code_puts_together_is_heard_whole(language: str, sentence: str) -> None:
    heard = Words(language, BERLIN).heard(sentence)
    assert heard != sentence
    assert english(heard) == []


ENGLISH = re.compile(
    r"\b(the|is|are|was|were|not|and|with|this|that|there|nothing|written|cannot|could|does|which|would|have|has|its|from|only|"
    r"of|to|by|no|it|for|at)\b",
    re.IGNORECASE,
)
"""Words that no German sentence has; those that Polish has too are left out where it is asked."""


def english(text: str) -> list[str]:
    """English words of a text that are none of German or Polish: "was", "war", "to", "by" and "at" are taken out of it."""
    return [one for one in ENGLISH.findall(text) if one.lower() not in ("was", "to", "by", "no", "at", "has")]


def test_values_are_written_as_the_language_does() -> None:
    german, polish = Words("de", BERLIN), Words("pl", BERLIN)
    assert german.heard("a.xlsx has 60000 rows; at most 50000 can be taken at once") == (
        "a.xlsx hat 60.000 Zeilen; auf einmal gehen höchstens 50.000"
    )
    assert german.heard("a period cannot end (2026-01-02) before it starts (2026-02-01)") == (
        "ein Zeitraum kann nicht vor seinem Anfang (01.02.2026) enden (02.01.2026)"
    )
    waiting = "{} records wait on the worklist, so the list is not what it will be"
    assert [polish.heard(waiting.format(count))[:15] for count in (2, 5, 22)] == [
        "2 rekordy jeszc", "5 rekordów jesz", "22 rekordy jesz",
    ]  # fmt: skip
    assert polish.heard("1 record waits on the worklist, so the list is not what it will be").startswith(
        "1 rekord jeszcze"
    )
    assert german.heard("there is no user 'O\\'Neill'") == "einen Benutzer „O'Neill“ gibt es nicht"


def test_a_shops_own_words_stay() -> None:
    assert Words("de", BERLIN).heard("Throttled: come back later") == "Throttled: come back later"
    assert Words("en", BERLIN).heard("there is no batch 7") == "there is no batch 7"
    assert Words("de", BERLIN).heard("") == ""


@pytest.mark.parametrize("hostile", ["the file " * 5000, "it is empty; " * 500, "a and b " * 200 + "have", "'" * 1900])
def test_a_hostile_text_stays_and_takes_no_time(hostile: str) -> None:
    """Texts of a shop go through the patterns too."""
    assert Words("de", BERLIN).heard(hostile) == hostile


def test_sentences_with_a_semicolon_between_are_heard_each() -> None:
    told = "the first name is pinned; the phone comes from Shopify (main), so it changes there; nothing was written"
    assert Words("de", BERLIN).heard(told) == (
        "„Vorname“ ist festgelegt; „Telefon“ kommt aus Shopify (main) und wird dort geändert; nichts wurde geschrieben"
    )


def test_a_hint_keeps_its_capital_letter() -> None:
    assert Words("de", BERLIN).heard("Grant the app more scopes") == "Der App mehr Rechte geben."
    assert Words("pl", BERLIN).heard("There is no batch 7") == "Nie ma importu 7"
