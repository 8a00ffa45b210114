"""Who is one person: the review queue side by side, joining two by hand, why, the log, and what other rules would do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from starlette.responses import Response

from klientela.errors import Conflict, KlientelaError
from klientela.flow import decide, history, rules, work
from klientela.flow.diff import diff
from klientela.flow.review import review
from klientela.flow.why_not import explain
from klientela.model.instants import from_datetime
from klientela.model.numbers import whole
from klientela.settings.views import PRESETS, View
from klientela.store import facts, rows
from klientela.store.database import Db
from klientela.store.locate import locate
from klientela_web.asking import Asking
from klientela_web.questions import clock
from klientela_web.ways import Nav, get, post

_SHOWN = 50
_LINES = 100
KINDS = (
    "joined", "merged", "split", "kept_apart", "decided", "undone", "imported", "withdrawn", "rules_changed", "messaged",
    "erased",
)  # fmt: skip
"""What the log can be narrowed to; the founding of each customer is left out where nothing is said."""


# -- the queue -----------------------------------------------------------------------------------------------------------


def show(asking: Asking) -> Response:
    """The review queue, each pair side by side."""
    return _queue(asking)


def _queue(asking: Asking, wrong: str | None = None, status: int = 200) -> Response:
    with asking.store.reading() as db:
        at = clock(db)
    found = review(asking.store, proposers=asking.house.proposers())
    asking.questions.told(at, len(found["items"]))
    items: list[dict[str, Any]] = found["items"][:_SHOWN]
    with asking.store.reading() as db:
        sides = _sides(asking, db, {customer for one in items for customer in one["customers"][:2]})
        types = {row.label: row.type for row in facts.sources(db).values()}
        left = work.left(db)
    return asking.show(
        "merges.html",
        status=status,
        items=items,
        total=len(found["items"]),
        remarks=found["remarks"],
        sides=sides,
        source_types=types,
        left=left,
        wrong=wrong,
        one=asking.field("one") or asking.text("one"),
        two=asking.field("two") or asking.text("two"),
    )


def _sides(asking: Asking, db: Db, publics: set[str]) -> dict[str, dict[str, Any]]:
    """The rows of some customers by their id."""
    view = View.model_validate(PRESETS["default"])
    numbers = [locate(db, asking.store.key, public).customer for public in sorted(publics)]
    return {row["id"]: row for row in rows.rows(db, numbers, rows.lens(db, view), records=True, key=asking.store.key)}


def decide_item(asking: Asking) -> Response:
    """Say yes or no to an item. It is found by what it is about, for its place in the queue may have moved."""
    records = asking.fields("record")
    found = review(asking.store, proposers=asking.house.proposers())["items"]
    kind = asking.field("kind")
    key = next((one["key"] for one in found if one["records"] == records and one["kind"] == kind), None)
    if key is None:
        return _queue(asking, asking.words("This was decided or changed meanwhile; the queue is as it is now."), 409)
    yes = asking.field("do") == "accept"
    reason = asking.field("reason").strip() or "reviewed"
    way = decide.accept if yes else decide.reject
    try:
        made = way(asking.store, key, reason=reason, actor=asking.actor, proposers=asking.house.proposers())
    except KlientelaError as error:
        return _queue(asking, asking.told(error), 409 if isinstance(error, Conflict) else 400)
    words = asking.words
    said = words("They are one customer now.") if yes else words("They stay two, and are not asked about again.")
    return asking.go("/merges", said, undo=made.seq)


def merge(asking: Asking) -> Response:
    """Join two customers by hand: first what it would do, then the deed."""
    one, two, reason = (asking.field(name).strip() for name in ("one", "two", "reason"))
    sure = asking.field("sure") == "1"
    stay = {"inactive": True, "active": False}.get(asking.field("stay"))
    try:
        made = decide.merge(asking.store, one, two, reason=reason, inactive=stay, actor=asking.actor, dry_run=not sure)
    except KlientelaError as error:
        hint = f" ({asking.words.heard(error.hint)})" if error.hint else ""
        return _queue(asking, asking.told(error) + hint, 400)
    if sure:
        return asking.go(
            f"/customers/{made.customers[0]['id']}", asking.words("They are one customer now."), undo=made.seq
        )
    with asking.store.reading() as db:
        sides = [locate(db, asking.store.key, text).customer for text in (one, two)]
        view = View.model_validate(PRESETS["default"])
        shown = rows.rows(db, sides, rows.lens(db, view), records=True, key=asking.store.key)
        types = {row.label: row.type for row in facts.sources(db).values()}
    return asking.show(
        "merge.html", shown=shown, one=one, two=two, reason=reason, stay=asking.field("stay"), source_types=types
    )


# -- why -----------------------------------------------------------------------------------------------------------------


def why_not(asking: Asking) -> Response:
    """Why two customers are not one. Of one alone, or of two that are one, the profile's own page tells why they are."""
    named, other = asking.path["id"], asking.text("other").strip()
    found = explain(asking.store, named, other or None)
    if not other or found["joined"]:
        return asking.go(f"/customers/{found['id']}/why")
    return asking.show("why_not.html", found=found, other=other)


# -- the log -------------------------------------------------------------------------------------------------------------


def audit(asking: Asking) -> Response:
    """The log of decisions, newest first, by customer, time and kind."""
    customer, kind = asking.text("customer").strip(), asking.text("kind")
    before, since = _before(asking.text("before")), _since(asking)
    kinds: Sequence[str] | None = (kind,) if kind in KINDS else None if customer else KINDS
    wrong = None
    lines: list[dict[str, Any]] = []
    with asking.store.reading() as db:
        try:
            publics = None
            if customer:
                publics = list(
                    history.publics_of(db, asking.store.key, locate(db, asking.store.key, customer).customer)
                )
            lines = list(history.read(db, publics, since, before=before, kinds=kinds, newest=_LINES))
        except KlientelaError as error:
            wrong = asking.told(error)
        checked = history.verify(db) if asking.text("verify") == "1" else None
        names = rows.names(db, {public for one in lines for public in (one["customer"], one["other"]) if public})
    return asking.show(
        "audit.html",
        lines=lines,
        names=names,
        kinds=KINDS,
        kind=kind if kind in KINDS else "",
        customer=customer,
        since=asking.text("since"),
        older=f"{lines[-1]['seq']}.{lines[-1]['n']}" if len(lines) == _LINES else None,
        wrong=wrong,
        checked=checked,
    )


def _before(text: str) -> tuple[int, int] | None:
    """A line of the log by its change and its place in that, as the link to older ones names it."""
    first, _, second = text.partition(".")
    seq, n = whole(first), whole(second)
    return None if seq is None or n is None else (seq, n)


def _since(asking: Asking) -> int | None:
    try:
        day = datetime.strptime(asking.text("since"), "%Y-%m-%d")  # noqa: DTZ007 - the shop's zone follows
    except ValueError:
        return None
    return from_datetime(day.replace(tzinfo=asking.zone))


# -- rules ---------------------------------------------------------------------------------------------------------------


def ruleset(asking: Asking) -> Response:
    """The rules in force and those of the configuration."""
    return _ruleset(asking)


def compare(asking: Asking) -> Response:
    """What the configuration's rules would do; nothing is written."""
    try:
        return _ruleset(asking, diff(asking.store, _wanted(asking)))
    except Conflict as error:
        return _ruleset(asking, wrong=asking.told(error))


def _wanted(asking: Asking) -> Any:
    return asking.house.config.settings.ruleset(asking.house.plugins.types)


def _ruleset(asking: Asking, found: dict[str, Any] | None = None, wrong: str | None = None) -> Response:
    with asking.store.reading() as db:
        standing = asking.store.ruleset(db)
        same = standing.canonical() == rules.aim(db, _wanted(asking)).canonical()
        left = work.left(db)
    return asking.show("rules.html", same=same, digest=standing.digest, found=found, wrong=wrong, left=left)


NAV = (Nav("/merges", "Merges", "git-merge"), Nav("/audit", "Log", "history", "Data"))
WAYS = (
    get("/merges", "editor", show),
    post("/merges/decide", "operator", decide_item),
    post("/merges/merge", "operator", merge),
    get("/why/{id}", "viewer", why_not),
    get("/audit", "viewer", audit),
    get("/rules", "editor", ruleset),
    post("/rules", "operator", compare),
)

__all__ = ["KINDS", "NAV", "WAYS"]
