"""Charts as SVG, drawn here: an area with its axis and a table for who listens, and the small line of a KPI card.

Nothing has a style of its own, for the page's policy forbids that: places are percentages in attributes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from markupsafe import Markup, escape

Point = tuple[float, float]
WIDE, HIGH = 1000, 220


def ticks(most: float) -> list[float]:
    """At most five round values from 0 to at least `most`."""
    if most <= 0:
        return [0, 1]
    power = 10 ** math.floor(math.log10(most))
    step = next(one * power for one in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5, 10) if most / (one * power) <= 4)
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


def _path(points: Sequence[Point]) -> str:
    """A smooth line that never leaves the range of its points."""
    made = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        bend = (x1 - x0) * 0.4
        made += f"C{x0 + bend:.1f} {y0:.1f} {x1 - bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    return made


def area(
    title: str,
    labels: Sequence[str],
    values: Sequence[float],
    before: Sequence[float] | None = None,
    *,
    written: Callable[[float], str] = str,
    now: str = "",
    then: str = "",
) -> Markup:
    """Values over labels; `before`: the same of the period before, dashed. `now` and `then` head the table of both."""
    if not values:
        return Markup("")
    marks = ticks(max([*values, *(before or ())]))
    most, last = marks[-1], max(1, len(values) - 1)

    def x(place: int) -> float:
        return WIDE * place / last

    def y(value: float) -> float:
        return HIGH * (1 - value / most)

    line = _path([(x(i), y(v)) for i, v in enumerate(values)])
    grid = "".join(f'<line x1="0" x2="{WIDE}" y1="{y(v):.1f}" y2="{y(v):.1f}"/>' for v in marks)
    dashed = (
        f'<path class="c-prev" d="{_path([(x(i), y(v)) for i, v in enumerate(before)])}"/>'
        if before and len(before) > 1
        else ""
    )
    every = max(1, -(-len(labels) // 7))
    along = [(i, text) for i, text in enumerate(labels) if i % every == 0 or i == last]
    if len(along) > 1 and along[-1][0] - along[-2][0] < every * 0.85:
        del along[-2]
    points = [
        [round(100 * i / last, 2), round(100 * (1 - v / most), 2), labels[i], written(v),
         written(before[i]) if before and i < len(before) else ""]
        for i, v in enumerate(values)
    ]  # fmt: skip
    heads = f"<tr><td></td><th scope=col>{escape(now)}</th>" + (f"<th scope=col>{escape(then)}</th>" if before else "")
    rows = "".join(
        f"<tr><th scope=row>{escape(label)}</th><td>{escape(written(value))}</td>"
        + (f"<td>{escape(written(before[i]))}</td>" if before and i < len(before) else "")
        + "</tr>"
        for i, (label, value) in enumerate(zip(labels, values, strict=True))
    )
    up = "".join(
        f'<text x="100%" y="{100 * (1 - v / most):.4g}%" dy=".32em" text-anchor="end">{escape(written(v))}</text>'
        for v in marks
    )
    across = "".join(
        f'<text x="{100 * i / last:.4g}%" y="14" text-anchor="{"start" if i == 0 else "end" if i == last else "middle"}">'
        f"{escape(text)}</text>"
        for i, text in along
    )
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<figure class="chart" data-chart="{escape(json.dumps(points, ensure_ascii=False))}">'
        f'<svg class="c-y" aria-hidden="true">{up}</svg>'
        f'<div class="c-plot"><svg viewBox="0 0 {WIDE} {HIGH}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}"><g class="c-grid">{grid}</g>{dashed}'
        f'<path class="c-area" d="{line}L{WIDE} {HIGH}L0 {HIGH}Z"/><path class="c-line" d="{line}"/></svg>'
        f'<svg class="c-over" aria-hidden="true"><line class="c-x-line" y1="0" y2="100%" hidden/>'
        f'<circle class="c-dot" r="5" hidden/></svg><output class="ctip" hidden></output></div>'
        f'<svg class="c-x" aria-hidden="true">{across}</svg>'
        f'<table class="vh"><caption>{escape(title)}</caption>{heads}</tr>{rows}</table></figure>'
    )


def spark(values: Sequence[float], wide: int = 96, high: int = 32) -> Markup:
    """A small line without axes."""
    if len(values) < 2:
        return Markup("")
    most, least = max(values), min(values)
    span = (most - least) or 1
    points = [
        (2 + (wide - 4) * i / (len(values) - 1), 3 + (high - 6) * (1 - (v - least) / span))
        for i, v in enumerate(values)
    ]
    line = _path(points)
    return Markup(  # noqa: S704 - figures only
        f'<svg class="spark" viewBox="0 0 {wide} {high}" aria-hidden="true">'
        f'<path class="s-a" d="{line}L{points[-1][0]:.1f} {high}L{points[0][0]:.1f} {high}Z"/>'
        f'<path class="s-l" d="{line}"/></svg>'
    )


__all__ = ["area", "spark", "ticks"]
