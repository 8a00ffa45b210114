"""The customer overview: numbers, tabs, search, filters, order and pages; every state of it is an address (A01-A29)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from starlette.responses import RedirectResponse, Response

from klientela.flow import work
from klientela.settings import SORTABLE, View
from klientela.settings.views import APPROXIMATE, COLUMNS
from klientela.store import facts, notes
from klientela.store.database import Db
from klientela.store.overview import FACETS, SEGMENTS, facets, listing, segments
from klientela.store.rows import first_seen
from klientela_web.asking import Asking
from klientela_web.pages import panel
from klientela_web.pages.messages import writable
from klientela_web.ways import Nav, get

DEBOUNCE_MS = 300
"""So long the search waits for the next letter (A21)."""

_DESCENDING_FIRST = frozenset(("orders", "ltv", "last_order", "joined"))
"""Headers whose first click puts the largest on top (A25)."""

EXPORTS = ("csv", "xlsx", "json")
"""What the list can be had as."""

AS_CONFIGURED = "default"
"""What the address says for the view's own columns."""

ACTIONS = (
    ("export", "Export", "download"),
    ("tag", "Tag", "tag"),
    ("consent", "Consents", "shield-check"),
    ("merge", "Merge …", "git-merge"),
    ("inactive", "Mark inactive", "user-off"),
    ("active", "Mark active", "user"),
    ("erase", "Erase …", "trash"),
)
"""What can be done with chosen customers, its name and its icon."""

_LEADS = ("id", "email", "first_name", "last_name", "customer_number", "phone", "company")

_OFFERED = 8
"""Values of a facet that are offered."""


class State(NamedTuple):
    """What the overview shows, as its address says it."""

    view: str
    search: str
    sort: str
    page: int
    size: int
    segment: str
    filters: Mapping[str, Sequence[str]]
    show: str  # "filters": the facets stand open
    columns: str  # as the address names them; what is remembered without an address stands in no other
    panel: panel.Asked


def state_of(asking: Asking) -> tuple[State, View]:
    """The state that is asked for; what cannot be is put right silently, for addresses are typed by hand too."""
    name, view = asking.view()
    named, shown = _columns(asking, name, view)
    view = view.model_copy(update={"columns": shown})
    size = asking.number("size", view.page_size)
    segment = asking.text("segment") or "all"
    filters = {facet: values for facet in FACETS if (values := [v for v in asking.texts(facet) if v.strip()])}
    return (
        State(
            name if asking.text("view") else "",
            asking.text("q").strip()[:200],
            asking.text("sort"),
            max(1, asking.number("page", 1)),
            size if size in view.page_sizes else view.page_size,
            segment if segment in SEGMENTS else "all",
            filters,
            "filters" if asking.text("show") == "filters" else "",
            named,
            panel.asked(asking),
        ),
        view,
    )


def choosable(view: View) -> list[str]:
    """The columns to choose from: those of the view in its order, then all others. The test dot stands beside the name;
    sums in another currency need rates, so only a view that says so has them."""
    others = (one for one in COLUMNS if one not in view.columns and one not in APPROXIMATE)
    return [one for one in (*view.columns, *others) if one != "test_order"]


def _columns(asking: Asking, name: str, view: View) -> tuple[str, tuple[str, ...]]:
    """What the address says of the columns, and those that are shown: of the address, else what was last chosen for this
    view with this browser, else the view's."""
    wanted = ",".join(asking.texts("columns"))
    if wanted == AS_CONFIGURED:
        return "", view.columns
    asked = (wanted or _remembered(asking).get(name, "")).split(",")
    shown = tuple(one for one in choosable(view) if one in asked)
    if not shown:
        return "", view.columns
    if "test_order" in view.columns and "name" in shown:
        shown = (*shown, "test_order")
    return ",".join(one for one in shown if one != "test_order") if wanted else "", shown


def _remembered(asking: Asking) -> dict[str, str]:
    """The columns that were chosen, by view."""
    return dict(parse_qsl(asking.request.cookies.get("columns", "")))


def _remember(asking: Asking, answer: Response) -> Response:
    """Keep the choice of columns that the address makes."""
    name, view = asking.view()
    if asking.texts("columns"):
        named, _ = _columns(asking, name, view)
        kept = {**_remembered(asking), name: named}
        answer.set_cookie(
            "columns", urlencode({one: text for one, text in kept.items() if text}), max_age=31_536_000, httponly=True,
            samesite="lax", path="/",
        )  # fmt: skip
    return answer


class Address:
    """Builds the addresses of neighbouring states: `address(page=2)`. Any other change begins at the first page."""

    def __init__(self, asking: Asking, state: State, view: View) -> None:
        self._asking, self._state, self._view = asking, state, view

    def __call__(self, **other: Any) -> str:
        return self._asking.link("/customers", **self.values(**other))

    def export(self, form: str) -> str:
        """The address of this list as a file."""
        return self._asking.link(
            "/customers/export", **self.values(page=1, size=self._view.page_size, show=""), format=form
        )

    def values(self, **other: Any) -> dict[str, Any]:
        """What the address of a state says, by name; what goes without saying is empty."""
        apart = {name: other.pop(name) for name in panel.Asked._fields if name in other}
        state = self._state._replace(**other)
        if not apart and not {"page", "show", "columns"} & other.keys():
            state = state._replace(page=1)
        return {
            "view": state.view,
            "q": state.search,
            "segment": "" if state.segment == "all" else state.segment,
            "sort": state.sort,
            "size": "" if state.size == self._view.page_size else state.size,
            "page": "" if state.page == 1 else state.page,
            "show": state.show,
            "columns": state.columns,
            **state.filters,
            **state.panel._replace(**apart).values(),
        }

    def hidden(self, *but: str, **other: Any) -> list[tuple[str, str]]:
        """The same as fields of a form, without those that the form has itself."""
        return [
            (name, str(one))
            for name, value in self.values(**other).items()
            if name not in but
            for one in (value if isinstance(value, (list, tuple)) else [value])
            if one not in (None, "")
        ]

    def toggled(self, facet: str, value: str) -> str:
        """With one value of a facet more, or less."""
        chosen = list(self._state.filters.get(facet, ()))
        kept = [one for one in chosen if one != value] if value in chosen else [*chosen, value]
        return self(filters={**self._state.filters, facet: kept})


class Head(NamedTuple):
    """The head of a column."""

    column: str
    sorts: str | None  # what its click asks for; None: it does not sort
    now: str | None  # asc or desc, while it sorts


def heads(view: View, sort: str) -> list[Head]:
    """The heads of a view's columns; a click sorts, another one reverses (A25). The test dot stands beside the name where
    the name is shown, so it has no column of its own there."""
    wanted = sort or view.sort
    key, _, way = wanted.partition(":")
    shown = {"autoletter": "ltv", "site123": "joined", "cockpit": "last_order"}.get(key, key)
    now = way or ("desc" if shown in _DESCENDING_FIRST else "asc")
    allowed = SORTABLE if view.sortable is None else view.sortable
    made = []
    for column in view.columns:
        if column == "test_order" and "name" in view.columns:
            continue
        if column not in allowed:
            made.append(Head(column, None, None))
            continue
        on = column == shown
        first = "desc" if column in _DESCENDING_FIRST else "asc"
        turned = ("asc" if now == "desc" else "desc") if on else first
        made.append(Head(column, f"{column}:{turned}", now if on else None))
    return made


def show(asking: Asking) -> Response:
    """The whole overview, or the list or the numbers alone."""
    state, view = state_of(asking)
    address = Address(asking, state, view)
    shared: dict[str, Any] = {"state": state, "view": view, "address": address}
    with asking.store.reading() as db:
        if asking.fragment == "panel":
            return asking.show("_panel.html", **shared, panel=panel.read(asking, db, state.panel, view.totals))
        told = _list(asking, db, state, view)
        if told["page_of"] > told["pages"] and not told["capped"]:
            return RedirectResponse(address(page=told["pages"]), 303)
        if asking.fragment == "list":
            return _remember(asking, asking.show("_list.html", **shared, **told))
        numbers = panel.read(asking, db, state.panel, view.totals)
        left = work.left(db)
    views = asking.house.config.settings.views
    page = asking.show("customers.html", **shared, **told, panel=numbers, left=left, views=list(views))
    return _remember(asking, page)


def _list(asking: Asking, db: Db, state: State, view: View) -> dict[str, Any]:
    asked: dict[str, Any] = {"search": state.search or None, "segment": state.segment, "filters": state.filters}
    found = listing(
        db, view, **asked, sort=state.sort or None, page=state.page, size=state.size, rates=asking.house.config.rates()
    )
    return {
        "heads": heads(view, state.sort),
        "rows": found.rows,
        "total": found.total,
        "capped": found.total_capped,
        "page_of": state.page,
        "pages": max(1, -(-found.total // state.size)),
        "segments": segments(db, view),
        "facets": facets(db, view, **asked, top=_OFFERED) if state.show else {},
        "connected": db.one("SELECT 1 FROM source LIMIT 1") is not None,
        "source_types": {row.label: row.type for row in facts.sources(db).values()},
        "debounce": DEBOUNCE_MS,
        "writable": lambda row: writable(asking, row),
        "pictures": notes.pictures(db, found.numbers) if "name" in view.columns else {},
        "choosable": choosable(asking.view()[1]),
        "chosen": bool(state.columns) or view.columns != asking.view()[1].columns,
        "opens": _opens(view),
        "first_seen": first_seen(db, found.numbers) if "joined" in view.columns else {},
        "exports": EXPORTS,
        "more": found.total > len(found.rows) and narrowed(state),
        "bulk_actions": [one for one in ACTIONS if one[0] != ("inactive" if state.segment == "inactive" else "active")],
    }


def narrowed(state: State) -> bool:
    """Whether a list is more than its view: only whom somebody looked for can be chosen without being ticked."""
    return bool(state.search or state.filters or state.segment not in ("all", "inactive"))


def _opens(view: View) -> str | None:
    """The column whose value leads to the profile where no name does (X21, K18)."""
    columns = [one for one in view.columns if one != "test_order"]
    return None if "name" in columns else next((one for one in _LEADS if one in columns), columns[0])


def home(asking: Asking) -> Response:
    """The list is where everything begins."""
    return RedirectResponse("/customers", 303)


NAV = (Nav("/customers", "Customers", "users"),)
WAYS = (
    get("/", "viewer", home),
    get("/customers", "viewer", show),
)

__all__ = ["ACTIONS", "DEBOUNCE_MS", "NAV", "WAYS", "Address", "Head", "State", "heads", "narrowed", "state_of"]
