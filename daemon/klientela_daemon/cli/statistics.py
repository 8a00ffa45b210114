"""`klientela statistics`: the cards, a line over time and the consents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from klientela.errors import Misconfigured
from klientela.flow import work
from klientela.rules import periods
from klientela.rules.periods import Period
from klientela.store import operation, statistics
from klientela_daemon import lists, render
from klientela_daemon.cli.common import house, tell_left
from klientela_daemon.cli.options import Config, Json, ViewName
from klientela_daemon.opening import opened

_TITLES = {"customers": "customers", "new": "new in 30 days", "repeat": "repeat buyers", "ltv": "average LTV"}
_ARROWS = {"up": "↑", "down": "↓", "flat": "→"}


def verb(
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help=f"Which days: {', '.join(periods.PRESETS)} (the last 30)."),
    ] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="DATE", help="The first day instead.")] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="The last day; today if none is given.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="BUCKET", help=f"One of {', '.join(periods.BUCKETS)}; else what fits.")
    ] = None,
    view: ViewName = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """The numbers above the list: the four cards, customers, revenue and transactions over time beside the period before,
    and the consents. A view counts by its policy."""
    here = house(config)
    _, chosen = lists.view_named(here, view)
    today = periods.today(operation.now(), ZoneInfo(here.config.settings.shop.timezone))
    period = _period(preset, start, end, today)
    bucket = by or periods.finest(period)
    rates = here.config.rates()
    with opened(here) as store, store.reading() as db:
        left = work.left(db)
        found: dict[str, Any] = {
            "today": today.isoformat(),
            "kpis": statistics.kpis(db, today, chosen.totals, rates),
            "series": [statistics.series(db, what, period, bucket, chosen.totals) for what in statistics.LINES],
            "consents": statistics.consents(db),
            "left": left,
        }
    tell_left(left)
    if as_json:
        render.emit(found)
    else:
        _show(found)
    return 0


def _period(preset: str | None, start: str | None, end: str | None, today: date) -> Period:
    if preset is not None and (start or end):
        raise Misconfigured("either --preset or --from and --to can be given", hint="Leave one of them out")
    if start is None and end is None:
        return periods.preset(preset or "last_30_days", today)
    if start is None:
        raise Misconfigured("--to needs --from", hint="Say which day the period begins with: --from 2026-01-01")
    return periods.custom(_date(start), today if end is None else _date(end))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"{text!r} is no date", hint="Write 2026-05-01") from error


def _show(found: Mapping[str, Any]) -> None:
    render.table(["", "", "", ""], [_card(card) for card in found["kpis"]], headless=True)
    customers, revenue, transactions = found["series"]
    heads = ["from", "customers", *(f"revenue {line['currency']}" for line in revenue["lines"]), "transactions"]
    lines = [*customers["lines"], *revenue["lines"], *transactions["lines"]]
    rows = [
        [points[0]["from"], *(_beside(point["value"], point["before"]) for point in points)]
        for points in zip(*(line["points"] for line in lines), strict=True)
    ]
    rows.append(["in all", *(_beside(line["total"], line["before"]) for line in lines)])
    render.say("")
    render.table(heads, rows, right=heads[1:])
    _show_consents(found["consents"])


def _beside(value: Any, before: Any) -> str:
    """A number, and that of the period before."""
    return str(value) if before is None else f"{value} ({before})"


def _card(card: Mapping[str, Any]) -> list[str]:
    value, trend, formula = card["value"], card["trend"], card["formula"]
    told = "–" if value is None else lists.money(value, card.get("approx")) if card["unit"] == "money" else str(value)
    told += " %" if card["unit"] == "percent" and value is not None else ""
    moved = ""
    if trend is not None:
        change = f" ({trend['percent']} %)" if trend["percent"] is not None else ""
        moved = f"{_ARROWS[trend['direction']]} {trend['delta']}{change}"
    without = formula.get("without_guest_orders")
    return [_TITLES[card["name"]], told, moved, f"without {without} guest orders" if without else ""]


def _show_consents(found: Mapping[str, Any]) -> None:
    rows = []
    for purpose, told in found["purposes"].items():
        rows.append([purpose, "any channel", *_share(told["granted"])])
        rows += [[purpose, channel, *_share(answers["granted"])] for channel, answers in told["channels"].items()]
    render.say("")
    render.table(["consent", "channel", "granted", ""], rows, right=["granted"])


def _share(one: Mapping[str, Any]) -> tuple[str, str]:
    return str(one["count"]), "" if one["percent"] is None else f"{one['percent']} %"
