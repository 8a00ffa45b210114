"""The numbers above the list: four cards, lines over time, and who may be contacted (H1, A03-A06, X07-X18)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import accumulate, takewhile
from typing import Any, NamedTuple

from markupsafe import Markup

from klientela.errors import Misconfigured
from klientela.rules import periods
from klientela.rules.periods import Period
from klientela.store import operation, statistics
from klientela.store.database import Db
from klientela_web.asking import Asking
from klientela_web.drawing import charts
from klientela_web.words import Words

NAMES = {
    "customers": ("Customers in all", "users"),
    "new": ("New customers", "user-plus"),
    "repeat": ("Repeat-buyer rate", "repeat"),
    "ltv": ("Average lifetime value", "coin"),
}
CHANNELS = {"email": "mail", "post": "mailbox", "sms": "device-mobile", "phone": "phone", "whatsapp": "message-2"}
_USUAL = "last_30_days"


class Asked(NamedTuple):
    """What the chart shows, as the address says it; empty: as usual."""

    what: str = ""
    period: str = ""
    start: str = ""
    end: str = ""
    by: str = ""

    def values(self) -> dict[str, str]:
        """By name, for an address."""
        return dict(zip(("what", "period", "from", "to", "by"), self, strict=True))


def asked(asking: Asking) -> Asked:
    """The chart that is asked for."""
    what, period, by = (asking.text(name) for name in ("what", "period", "by"))
    start, end = asking.text("from"), asking.text("to")
    return Asked(
        what if what in statistics.LINES[1:] else "",
        period if period in periods.PRESETS and period != _USUAL else "",
        start if _day(start) and _day(end) else "",
        end if _day(start) and _day(end) else "",
        by if by in periods.BUCKETS else "",
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _period(wanted: Asked, today: date) -> tuple[str, Period]:
    start, end = _day(wanted.start), _day(wanted.end)
    if start and end:
        return "", periods.custom(min(start, end), max(start, end))
    name = wanted.period or _USUAL
    return name, periods.preset(name, today)


def read(asking: Asking, db: Db, wanted: Asked, totals: str) -> dict[str, Any]:
    """Everything the panel shows."""
    words = asking.words
    today = periods.today(operation.now(), asking.zone)
    preset, period = _period(wanted, today)
    what = wanted.what or statistics.LINES[0]
    by = wanted.by or periods.finest(period)
    try:
        series = statistics.series(db, what, period, by, totals)
    except Misconfigured:  # too many points for so long a time
        by = "month"
        series = statistics.series(db, what, period, by, totals)
    return {
        "cards": [_card(words, card) for card in statistics.kpis(db, today, totals, asking.house.config.rates())],
        "chart": _chart(words, series, what),
        "tiles": [_tile(words, series)],
        "what": what,
        "lines": statistics.LINES,
        "by": by,
        "buckets": periods.BUCKETS,
        "preset": preset,
        "presets": periods.PRESETS,
        "start": period.start.isoformat(),
        "end": period.end.isoformat(),
        "consents": _consents(words, statistics.consents(db)),
    }


# -- cards --------------------------------------------------------------------------------------------------------------


def _card(words: Words, card: dict[str, Any]) -> dict[str, Any]:
    name, icon = NAMES[card["name"]]
    line = [float(value) for value in card["sparkline"] or () if value is not None]
    return {
        "name": name,
        "icon": icon,
        "value": _value(words, card),
        "approx": words.money(card["approx"]["amount"], card["approx"]["currency"]) if "approx" in card else None,
        "trend": _trend(words, card),
        "spark": charts.spark(line),
        "formula": _formula(words, card["name"], card["formula"]),
    }


def _value(words: Words, card: dict[str, Any]) -> str:
    value = card["value"]
    if value is None:
        return "–"
    if card["unit"] == "percent":
        return words.percent(float(value) / 100)
    return words.amounts(value) if card["unit"] == "money" else words.number(value)


def _trend(words: Words, card: dict[str, Any]) -> dict[str, Any] | None:
    """How it moved; a rate moves by percentage points."""
    trend = card["trend"]
    if trend is None:
        return None
    if card["unit"] == "percent":
        text = words("%(number)s points", number=words.number(abs(Decimal(trend["delta"])).quantize(Decimal("0.1"))))
    elif trend["percent"] is None:
        return None
    else:
        text = words.percent(abs(float(trend["percent"])) / 100)
    beside = words("against the 30 days before") if card["name"] == "new" else words("in 30 days")
    return {"direction": trend["direction"], "text": text, "beside": beside}


def _formula(words: Words, name: str, terms: dict[str, Any]) -> str:
    """The value in words, for who wonders what it is (A06)."""
    if name == "customers":
        said = [words("All customers of the list")]
        if terms["inactive"]:
            said.append(words("without %(count)s inactive ones", count=words.number(terms["inactive"])))
    elif name == "new":
        start, end = (words.day(date.fromisoformat(terms[key])) for key in ("from", "to"))
        said = [words("Customers since %(start)s up to %(end)s by their oldest source", start=start, end=end)]
    elif name == "repeat":
        said = [
            words(
                "Customers with two or more counted orders: %(again)s; with at least one: %(once)s",
                again=words.number(terms["repeat_buyers"]),
                once=words.number(terms["buyers"]),
            )
        ]
        if terms["without_guest_orders"]:
            said.append(words("without %(count)s guest orders", count=words.number(terms["without_guest_orders"])))
    else:
        said = [
            words(
                "%(sum)s by customers with counted orders: %(count)s",
                sum=words.amounts(terms["sum"]),
                count=words.number(terms["buyers"]),
            )
        ]
    return ", ".join(said)


# -- lines ----------------------------------------------------------------------------------------------------------


def _written(words: Words, currency: str | None) -> Any:
    def written(value: float) -> str:
        if currency is None:
            return words.number(round(value))
        return words.money(
            str(Decimal(value).quantize(Decimal(1)) if value == int(value) else Decimal(str(value))), currency
        )

    return written


def _chart(words: Words, series: dict[str, Any], what: str) -> Markup:
    """The first line drawn, with that of the period before as far as that one goes; of revenue in several currencies the
    shop's, the others stand as sums beside it (R34)."""
    line = series["lines"][0]
    points = line["points"]
    labels = [words.short_day(date.fromisoformat(point["from"])) for point in points]
    past = list(takewhile(lambda one: one is not None, (point["before"] for point in points)))
    if what == "customers":
        values = [float(point["standing"]) for point in points]
        earlier = points[0]["standing"] - points[0]["value"] - line["before"]  # so many there were when the past began
        before = [float(one) for one in accumulate(past, initial=earlier)][1:]
    else:
        values = [float(point["value"]) for point in points]
        before = [float(one) for one in past]
    return charts.area(
        words("line " + what),
        labels,
        values,
        before,
        written=_written(words, line["currency"]),
        now=words("This period"),
        then=words("The period before"),
    )


def _tile(words: Words, series: dict[str, Any]) -> dict[str, str]:
    """The sum of the period and of the one before."""
    if series["unit"] == "money":
        now = " + ".join(words.money(line["total"], line["currency"]) for line in series["lines"])
        then = " + ".join(words.money(line["before"], line["currency"]) for line in series["lines"])
    else:
        now, then = words.number(series["lines"][0]["total"]), words.number(series["lines"][0]["before"])
    return {"now": now, "then": then}


# -- consents -----------------------------------------------------------------------------------------------------------


def _consents(words: Words, told: dict[str, Any]) -> dict[str, Any]:
    """Who agreed to promotion, in all and by channel (X16, X17)."""
    promotion = told["purposes"]["promotion"]

    def share(found: dict[str, Any]) -> dict[str, Any]:
        percent = None if found["percent"] is None else float(found["percent"]) / 100
        return {"count": found["count"], "number": words.number(found["count"]), "percent": words.percent(percent)}

    return {
        "customers": told["customers"],
        "all": share(promotion["granted"]),
        "channels": [
            {"name": words("channel " + channel), "icon": icon, **share(promotion["channels"][channel]["granted"])}
            for channel, icon in CHANNELS.items()
            if channel in promotion["channels"]
        ],
    }


__all__ = ["NAMES", "Asked", "asked", "read"]
