"""Export: exactly the list that is being looked at, or the chosen customers of it, as CSV, Excel or JSON (S32, X03, R51, R59)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from starlette.responses import FileResponse, Response

from klientela import tempplace
from klientela.errors import Misconfigured
from klientela.flow import handout
from klientela.settings.views import APPROXIMATE, View
from klientela.store.database import Db
from klientela.store.locate import locate
from klientela.store.overview import how_many
from klientela_web.asking import Asking
from klientela_web.pages import bulk
from klientela_web.pages.customers import EXPORTS, Address, State, state_of
from klientela_web.ways import get

_KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}


class _Asked(NamedTuple):
    """What is to be exported."""

    state: State
    view: View
    ids: list[str]  # those that were chosen; none: the whole list


def _asked(asking: Asking) -> _Asked:
    state, view = state_of(asking)
    ids = list(dict.fromkeys(asking.texts("id")))
    if len(ids) > bulk.MOST:
        raise Misconfigured(f"at most {bulk.MOST} customers can be chosen at once")
    return _Asked(state, view, ids)


def show(asking: Asking) -> Response:
    """The file, or the choice of what it shall be."""
    asked = _asked(asking)
    form = asking.text("format")
    if form:
        return _file(asking, asked, form)
    address = Address(asking, asked.state, asked.view)
    given = {name: value for name, value in address.values().items() if name not in ("page", "size", "sort", "show")}
    with asking.store.reading() as db:
        count = len(asked.ids) or _count(db, asked)
    return asking.show(
        "export.html",
        count=count,
        chosen=bool(asked.ids),
        view=asked.view,
        formats=[(one, asking.link("/customers/export", **given, id=asked.ids, format=one)) for one in EXPORTS],
        back=address(page=asked.state.page),
    )


def _count(db: Db, asked: _Asked) -> int:
    state = asked.state
    return how_many(db, asked.view, search=state.search or None, segment=state.segment, filters=state.filters)


def _file(asking: Asking, asked: _Asked, form: str) -> Response:
    """Written to a file first, so that a slow reader holds no transaction open and a mistake is a sentence; the log
    tells who took what before the first byte leaves (R59)."""
    if form not in EXPORTS:
        raise Misconfigured(f"there is no export format {form!r}", hint=f"Known are {', '.join(EXPORTS)}.")
    state, view = asked.state, asked.view
    folder = tempplace.Folder("export")  # for its owner alone
    try:
        path = folder.path / f"customers.{form}"
        with asking.store.reading() as db:
            taken = handout.Asked(
                state.view or "default",
                view,
                form,
                search=state.search or None,
                segment=state.segment,
                filters=state.filters,
                rates=asking.house.config.rates() if APPROXIMATE.intersection(view.columns) else None,
                only=[locate(db, asking.store.key, one).customer for one in asked.ids] if asked.ids else None,
            )
            count = handout.write(db, asking.store.key, taken, path)
        handout.tell(asking.store, taken, count, actor=asking.actor)
    except BaseException:
        folder.close()
        raise
    return _Leaving(folder, path, media_type=_KINDS[form], filename=path.name)


class _Leaving(FileResponse):
    """A file that is gone when it was sent, or when nobody waited for it."""

    def __init__(self, folder: tempplace.Folder, path: Path, **more: Any) -> None:
        super().__init__(path, **more)
        self._folder = folder

    async def __call__(self, *told: Any) -> None:
        try:
            await super().__call__(*told)
        finally:
            self._folder.close()


WAYS = (get("/customers/export", "viewer", show),)

__all__ = ["WAYS"]
