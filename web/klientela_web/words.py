"""What is said, in the reader's language: gettext catalogues, and dates, numbers and money as that language writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from gettext import NullTranslations
from importlib import resources
from io import BytesIO
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent
from babel.support import Translations

from klientela.model.instants import SECOND, instant, to_datetime
from klientela.store import operation
from klientela_web.heard import Heard

_SPANS: Sequence[tuple[Literal["year", "month", "week", "day"], int]] = (
    ("year", 365),
    ("month", 30),
    ("week", 7),
    ("day", 1),
)
LANGUAGES = {"de": "Deutsch", "en": "English", "pl": "Polski"}

ACTORS = ("operator", "token", "daemon", "scanner", "tombstones", "demo")
"""Who may have done something, as the log says it; behind some of them stands a name."""


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> NullTranslations:
    """The sentences of a language. Those of the templates are English themselves, which needs only words for keys."""
    place = resources.files("klientela_web") / "locale" / language / "LC_MESSAGES" / "klientela.po"
    with place.open("rb") as file:
        read = read_po(file, locale=language)
    made = BytesIO()
    write_mo(made, read)
    made.seek(0)
    return Translations(made)


def chosen(asked: str | None, header: str | None) -> str:
    """The language to speak: what was chosen, else the first of the browser's that there is, else English."""
    if asked in LANGUAGES:
        return asked
    for one in (header or "").split(","):
        code = one.partition(";")[0].strip().lower().partition("-")[0]
        if code in LANGUAGES:
            return code
    return "en"


class Words:
    """One language and the shop's time zone."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self.locale = Locale.parse({"de": "de_DE", "en": "en_GB", "pl": "pl_PL"}[language])
        self.zone = zone
        self._said = catalogue(language)
        self.heard = Heard(
            language,
            {"number": lambda text: self.number(int(text)), "day": self.plain_day, "word": self, "actor": self.actor},
        )
        """A sentence of the core in this language (heard.py)."""

    # -- sentences ------------------------------------------------------------------

    def __call__(self, text: str, **values: Any) -> str:
        """A sentence; `%(name)s` stands for a value."""
        said = self._said.gettext(text)
        return said % values if values else said

    def several(self, one: str, many: str, count: int, **values: Any) -> str:
        """A sentence about a number of things; `%(count)s` is the number as it is written."""
        said = self._said.ngettext(one, many, count)
        return said % {"count": self.number(count), **values}

    def actor(self, who: str | None) -> str:
        """Mitarbeiter paula: who did it, out of the log's words for it; a dash where it tells nobody."""
        kind, _, name = (who or "").partition(" ")
        if kind not in ACTORS:
            return who or "–"
        return f"{self(f'actor {kind}')} {name}".strip()

    # -- figures ----------------------------------------------------------------------

    def number(self, value: float | Decimal | None) -> str:
        """1.234"""
        return "–" if value is None else str(format_decimal(value, locale=self.locale))

    def percent(self, value: float | None, places: int = 1) -> str:
        """35,9 %"""
        if value is None:
            return "–"
        pattern = self.locale.percent_formats[None].pattern
        return str(format_percent(value, format=pattern.replace("#,##0", "#,##0." + "0" * places), locale=self.locale))

    def money(self, amount: str | Decimal | None, currency: str) -> str:
        """1.234,50 €, out of the decimal amount of the JSON."""
        return "–" if amount is None else str(format_currency(Decimal(amount), currency, locale=self.locale))

    def amounts(self, several: Sequence[Mapping[str, str]] | None) -> str:
        """10 € + 10 CHF: currencies are never added up (R34)."""
        return " + ".join(self.money(one["amount"], one["currency"]) for one in several or ()) or "–"

    # -- times -----------------------------------------------------------------------------

    def _moment(self, moment: str) -> datetime:
        return to_datetime(instant(moment)).astimezone(self.zone)

    def day(self, moment: str | date | None) -> str:
        """18.06.2026, in the shop's zone."""
        if moment is None:
            return ""
        value = moment if isinstance(moment, date) else self._moment(moment).date()
        form = {"de": "dd.MM.yyyy", "pl": "dd.MM.yyyy", "en": "d MMM yyyy"}[self.language]
        return str(format_date(value, form, locale=self.locale))

    def short_day(self, day: date) -> str:
        """18. Juni"""
        form = {"de": "d. MMM", "pl": "d MMM", "en": "d MMM"}[self.language]
        return str(format_date(day, form, locale=self.locale))

    def time(self, moment: str | None) -> str:
        """18.06.2026, 14:05"""
        return "" if moment is None else f"{self.day(moment)}, {self._moment(moment):%H:%M}"

    def ago(self, moment: str | None, today: date | None = None) -> str:
        """vor 5 Monaten: whole ones, for what is said to be two years ago is not of last year."""
        if moment is None:
            return ""
        days = (self._moment(moment).date() - (today or to_datetime(operation.now()).astimezone(self.zone).date())).days
        if not days:
            return self("today")
        unit, long = next((one for one in _SPANS if abs(days) >= one[1]), ("day", 1))
        whole = timedelta(days=math.copysign(abs(days) // long * long, days))
        return str(format_timedelta(whole, unit, threshold=1e6, add_direction=True, locale=self.locale))

    def every(self, span: str) -> str:
        """alle 15 Minuten, of the `15m` of a schedule; any other text as it is."""
        if not span[:-1].isdigit():
            return span
        count = int(span[:-1])
        told = {
            "s": ("every second", "every %(count)s second", "every %(count)s seconds"),
            "m": ("every minute", "every %(count)s minute", "every %(count)s minutes"),
            "h": ("every hour", "every %(count)s hour", "every %(count)s hours"),
            "d": ("every day", "every %(count)s day", "every %(count)s days"),
        }.get(span[-1])
        return span if told is None else self(told[0]) if count == 1 else self.several(*told[1:], count)

    def lately(self, moment: str) -> str:
        """vor 2 Min."""
        apart = instant(moment) - operation.now()
        return str(format_timedelta(apart // SECOND, "minute", add_direction=True, format="short", locale=self.locale))

    def plain_day(self, text: str) -> str:
        """A date without a time, such as a birthday; any other text as it is."""
        try:
            return self.day(date.fromisoformat(text))
        except ValueError:
            return text

    def size(self, count: int) -> str:
        """39,2 KB"""
        value, unit = (count / 2**20, "MB") if count >= 2**20 else (count / 2**10, "KB")
        return f"{format_decimal(max(0.1, round(value, 1)), locale=self.locale)} {unit}"

    # -- names ---------------------------------------------------------------------------

    def country(self, code: str | None) -> str:
        """Deutschland, of DE; any other text as it is."""
        return "" if not code else str(self.locale.territories.get(code, code))


__all__ = ["LANGUAGES", "Words", "catalogue", "chosen"]
