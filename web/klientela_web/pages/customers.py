"""The customer overview: the list with its tabs, search, order and pages; every state of it is an address (A01-A29)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from starlette.responses import RedirectResponse, Response

from klientela.flow import work
from klientela.settings import SORTABLE, View
from klientela.store import facts
from klientela.store.overview import listing
from klientela_web.asking import Asking
from klientela_web.ways import Nav, get

DEBOUNCE_MS = 300
"""So long the search waits for the next letter (A21)."""

SEGMENTS = ("all", "registered", "guest", "repeat", "scanned", "test", "inactive")
FACETS = ("source", "country", "status", "tag", "consent", "module", "product", "scanned")

_DESCENDING_FIRST = frozenset(("orders", "ltv", "last_order", "joined"))
"""Headers whose first click puts the largest on top (A25)."""


class State(NamedTuple):
    """What the list shows, as its address says it."""

    view: str
    search: str
    sort: str
    page: int
    size: int
    segment: str
    filters: Mapping[str, Sequence[str]]


def state_of(asking: Asking) -> tuple[State, View]:
    """The state that is asked for; what cannot be is put right silently, for addresses are typed by hand too."""
    name, view = asking.view()
    size = asking.number("size", view.page_size)
    segment = asking.text("segment") or "all"
    filters = {facet: values for facet in FACETS if (values := [v for v in asking.texts(facet) if v])}
    return (
        State(
            name if asking.text("view") else "",
            asking.text("q").strip()[:200],
            asking.text("sort"),
            max(1, asking.number("page", 1)),
            size if size in view.page_sizes else view.page_size,
            segment if segment in SEGMENTS else "all",
            filters,
        ),
        view,
    )


class Address:
    """Builds the addresses of neighbouring states: `address(page=2)`."""

    def __init__(self, asking: Asking, state: State, view: View) -> None:
        self._asking, self._state, self._view = asking, state, view

    def __call__(self, **other: Any) -> str:
        state = self._state._replace(**other)
        if "page" not in other:
            state = state._replace(page=1)
        return self._asking.link(
            "/customers",
            view=state.view,
            q=state.search,
            segment="" if state.segment == "all" else state.segment,
            sort=state.sort,
            size="" if state.size == self._view.page_size else state.size,
            page="" if state.page == 1 else state.page,
            **state.filters,
        )


class Head(NamedTuple):
    """The head of a column."""

    column: str
    sorts: str | None  # what its click asks for; None: it does not sort
    now: str | None  # asc or desc, while it sorts


def heads(view: View, sort: str) -> list[Head]:
    """The heads of a view's columns; a click sorts, another one reverses (A25)."""
    wanted = sort or view.sort
    key, _, way = wanted.partition(":")
    shown = {"autoletter": "ltv", "site123": "joined", "cockpit": "last_order"}.get(key, key)
    now = way or ("desc" if shown in _DESCENDING_FIRST else "asc")
    made = []
    for column in view.columns:
        allowed = SORTABLE if view.sortable is None else view.sortable
        if column not in allowed:
            made.append(Head(column, None, None))
            continue
        first = "desc" if column in _DESCENDING_FIRST else "asc"
        on = column == shown
        turned = ("asc" if now == "desc" else "desc") if on else first
        made.append(Head(column, f"{column}:{turned}", now if on else None))
    return made


def show(asking: Asking) -> Response:
    """The page, or the list alone."""
    state, view = state_of(asking)
    house = asking.house
    with asking.store.reading() as db:
        found = listing(
            db,
            view,
            search=state.search or None,
            sort=state.sort or None,
            page=state.page,
            size=state.size,
            inactive=state.segment == "inactive",
            rates=house.config.rates(),
        )
        left = work.left(db)
        types = {row.label: row.type for row in facts.sources(db).values()}
    pages = max(1, -(-found.total // state.size))
    if state.page > pages and not found.total_capped:
        return RedirectResponse(Address(asking, state, view)(page=pages), 303)
    template = "_list.html" if asking.fragment == "list" else "customers.html"
    return asking.show(
        template,
        state=state,
        view=view,
        heads=heads(view, state.sort),
        address=Address(asking, state, view),
        rows=found.rows,
        total=found.total,
        capped=found.total_capped,
        pages=pages,
        left=left,
        source_types=types,
        segments=SEGMENTS,
        debounce=DEBOUNCE_MS,
    )


def home(asking: Asking) -> Response:
    """The list is where everything begins."""
    return RedirectResponse("/customers", 303)


NAV = (Nav("/customers", "Customers", "users"),)
WAYS = (
    get("/", "viewer", home),
    get("/customers", "viewer", show),
)

__all__ = ["DEBOUNCE_MS", "NAV", "WAYS", "Address", "Head", "State", "heads", "state_of"]
