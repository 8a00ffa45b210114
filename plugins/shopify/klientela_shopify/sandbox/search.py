"""The search syntax of Shopify's lists, with its traps: an unquoted time loses its clock, a date means a whole day."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from klientela.kit import Instant, instant

Value = int | str | bool | None
Field = Callable[[Any], Value]

_TERM = re.compile(
    r"""\s*(?:(?P<and>AND\b)|(?P<or>OR\b|NOT\b|\(|\))
    |(?P<field>[a-z_]+):(?P<op>>=|<=|>|<|=)?(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<bare>[^\s'"()]+))
    |(?P<word>\S+))""",
    re.VERBOSE,
)
_DATE = re.compile(r"\d{4}(-\d{2}){0,2}")


@dataclass(frozen=True, slots=True)
class Term:
    """`field:op value`. `quoted` decides whether a time keeps its clock."""

    field: str
    op: str
    value: str
    quoted: bool


class Unsupported(ValueError):
    """Syntax that the real shop has and this one does not pretend to understand."""


def parse(text: str) -> list[Term]:
    """The terms of a query, joined by AND. Unsupported for OR, NOT, parentheses and free words."""
    terms: list[Term] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None or match["or"] or match["word"]:
            raise Unsupported(f"the sandbox does not search for {text[at:].strip()!r}")
        if match["field"]:
            quoted = match["bare"] is None
            value = next(part for part in (match["single"], match["double"], match["bare"]) if part is not None)
            terms.append(Term(match["field"], match["op"] or ":", value, quoted))
        at = match.end()
    return terms


def _midnight(text: str, zone: ZoneInfo) -> tuple[Instant, Instant]:
    """The first instant of a date, month or year in the shop's zone, and of the day after."""
    year, month, day = ([int(part) for part in text.split("-")] + [1, 1])[:3]
    first = datetime.combine(date(year, month, day), time(), zone)
    # a local day has 23 or 25 hours twice a year: the next midnight is found on the calendar, not by adding hours
    following = datetime.combine(date(year, month, day) + timedelta(days=1), time(), zone)
    return instant(first.astimezone(UTC).isoformat()), instant(following.astimezone(UTC).isoformat())


def _time_test(term: Term, zone: ZoneInfo, now: Instant) -> Callable[[Value], bool]:
    if term.value == "now":
        point = following = now
    elif not term.quoted or not term.value[10:]:
        # the trap: without quotes the clock and the zone are ignored and the shop's own zone is used
        match = _DATE.match(term.value)
        if match is None:
            raise Unsupported(f"{term.value!r} is no date")
        point, following = _midnight(match[0], zone)
    else:
        point = following = instant(term.value, ZoneInfo("UTC"))
        if term.op in (":", "="):  # "matching a whole day"
            local = datetime.fromtimestamp(point / 1_000_000, zone)
            point, following = _midnight(local.date().isoformat(), zone)
    tests: dict[str, Callable[[int], bool]] = {
        ">=": lambda value: value >= point,
        ">": lambda value: value > point,
        "<": lambda value: value < point,
        "<=": lambda value: value <= point,
        ":": lambda value: point <= value < following,
        "=": lambda value: point <= value < following,
    }
    test = tests[term.op]
    return lambda value: isinstance(value, int) and test(value)


def _number_test(term: Term) -> Callable[[Value], bool]:
    number = int(term.value)
    tests: dict[str, Callable[[int], bool]] = {
        ">=": lambda value: value >= number,
        ">": lambda value: value > number,
        "<": lambda value: value < number,
        "<=": lambda value: value <= number,
        ":": lambda value: value == number,
        "=": lambda value: value == number,
    }
    test = tests[term.op]
    return lambda value: isinstance(value, int) and test(value)


def _word_test(term: Term) -> Callable[[Value], bool]:
    wanted = term.value.casefold()
    return lambda value: str(value).casefold() == wanted if value is not None else False


@dataclass(frozen=True, slots=True)
class Searchable:
    """One field that a list can be searched by: how to read it and what kind of value it is."""

    read: Field
    kind: str  # time | number | word


def compile_query(
    text: str | None, fields: Mapping[str, Searchable], zone: ZoneInfo, now: Instant
) -> tuple[Callable[[Any], bool], list[str]]:
    """A predicate for a list and the fields it does not know: Shopify ignores those and says so in a warning."""
    tests: list[tuple[Field, Callable[[Value], bool]]] = []
    unknown: list[str] = []
    for term in parse(text or ""):
        searchable = fields.get(term.field)
        if searchable is None:
            unknown.append(term.field)
        elif searchable.kind == "time":
            tests.append((searchable.read, _time_test(term, zone, now)))
        elif searchable.kind == "number":
            tests.append((searchable.read, _number_test(term)))
        else:
            tests.append((searchable.read, _word_test(term)))
    return (lambda thing: all(test(read(thing)) for read, test in tests)), unknown
