"""Imports: a file or pasted addresses, looked at, tried without writing, then written as one batch; and taken back
(S31, S33-S39, H8, R44, R47-R51)."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import FileResponse, Response

from klientela.errors import KlientelaError, Misconfigured, UnknownThing
from klientela.flow import sheets, withdraw
from klientela.flow.importing import CHANGED, JOINED, NEW, Imported
from klientela.flow.intake import Desk
from klientela.model.cells import safe
from klientela.model.numbers import whole
from klientela.store import rows
from klientela.store.batches import batches
from klientela_web.asking import Asking
from klientela_web.shelf import Kept, Shelf
from klientela_web.ways import Nav, get, post

LARGEST = 32 * 2**20
"""Bytes of the largest file."""
MOST_ROWS = 50_000
"""Lines of the longest file; the command takes longer ones."""
ENCODINGS = ("utf-8", "cp1252", "cp1250", "utf-16")
DELIMITERS = {",": ",", ";": ";", "tab": "\t", "|": "|"}
FIELDS = (
    "external_id", "number", "first_name", "last_name", "name", "company", "email", "phone", "street", "house_number", "line2",
    "zip", "city", "region", "country", "tags", "note", "birthday", "locale", "created_at", "consent_email", "consent_at",
    "unsubscribed_at", "order_id", "order_number", "placed_at", "total", "currency", "status",
)  # fmt: skip
"""Fields that a column is offered to be; others can be typed."""
EFFECTS = (NEW, JOINED, CHANGED)
_BOOK = ".workbook"
_FIRST = 5
_SHOWN = 100
_NAMED = 20

SHELF = Shelf()


def _desk(asking: Asking) -> Desk:
    config = asking.house.config
    return Desk(config.settings.sources, asking.house.plugins, config.shop())


# -- the batches there were --------------------------------------------------------------------------------------------


def show(asking: Asking) -> Response:
    """All imports, the newest first."""
    with asking.store.reading() as db:
        found = batches(db)
    return asking.show("imports.html", rows=found)


def ask_undo(asking: Asking) -> Response:
    """What taking a batch back would do."""
    made = withdraw.undo(asking.store, _number(asking), actor=asking.actor, dry_run=True)
    return asking.show("import_undo.html", made=made, shown=_NAMED)


def undo(asking: Asking) -> Response:
    """Take a batch back."""
    made = withdraw.undo(asking.store, _number(asking), actor=asking.actor)
    return asking.go("/imports", asking.words("Import %(batch)s was taken back.", batch=made.batch))


def _number(asking: Asking) -> int:
    text = asking.path["batch"]
    found = whole(text)
    if found is None:
        raise UnknownThing(f"there is no batch {text}")
    return found


def sample(asking: Asking) -> Response:
    """The sample file (S37)."""
    text = _desk(asking).plain().sample()
    return _attached(text.encode("utf-8-sig"), "sample.csv")


# -- bringing something ------------------------------------------------------------------------------------------------


def new(asking: Asking) -> Response:
    """The form: a file, or addresses."""
    return _start(asking)


def bring(asking: Asking) -> Response:
    """Keep what was brought and look at it."""
    file = asking.form.get("file")
    pasted = asking.field("emails").strip()
    brought = isinstance(file, UploadFile) and bool(file.filename)
    try:
        if brought == bool(pasted):
            raise Misconfigured("an import needs a file or addresses, and not both")
        if isinstance(file, UploadFile) and brought:
            kept = SHELF.put(_session(asking), file.filename or "", file.file, LARGEST)
            _readable(kept)
        else:
            kept = SHELF.put(_session(asking), "addresses.txt", io.BytesIO(pasted.encode("utf-8", "replace")), LARGEST)
    except KlientelaError as error:
        return _start(asking, asking.told(error), 400)
    kept.said = {
        **_NOTHING_SAID,
        **kept.said,
        "pasted": not brought,
        "into": asking.field("into"),
        "headers": _headers(asking),
    }
    return asking.go(f"/imports/files/{kept.token}")


def _readable(kept: Kept) -> None:
    """Make a workbook a table of text, and refuse what is too long."""
    try:
        if sheets.is_workbook(kept.path):
            kept.path.rename(kept.folder / _BOOK)
            _read_sheet(kept, None)
        with kept.path.open("rb") as file:
            lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(2**20), b""))
        if lines > MOST_ROWS + 1:
            raise Misconfigured(f"{kept.name} has more than {MOST_ROWS} lines; part it or use klientela import")
    except KlientelaError:
        SHELF.drop(kept)
        raise


def _read_sheet(kept: Kept, sheet: str | None) -> None:
    """Make a sheet of the workbook the table that is looked at; the first that holds anything, where none is named."""
    made = kept.folder / ".table"
    found = sheets.as_csv(kept.folder / _BOOK, made, name=kept.name, most=MOST_ROWS, sheet=sheet)
    made.replace(kept.path)
    named = [found.sheet, *found.others] if found.sheet is not None else []
    kept.said = {**kept.said, "sheet": found.sheet, "sheets": kept.said.get("sheets") or named}


def _start(asking: Asking, wrong: str | None = None, status: int = 200) -> Response:
    return asking.show(
        "import_new.html",
        status=status,
        wrong=wrong,
        takers=_desk(asking).takers(),
        field=asking.field,
        largest=LARGEST >> 20,
        most=MOST_ROWS,
    )


# -- looking at it, trying it, writing it ------------------------------------------------------------------------------


def look(asking: Asking) -> Response:
    """How it would be read, or what came of it."""
    kept = _kept(asking)
    done = kept.said.get("done")
    return _looked(asking, kept, done=done) if isinstance(done, Imported) else _looked(asking, kept)


def act(asking: Asking) -> Response:
    """Read it another way, try it, or write it."""
    kept = _kept(asking)
    with kept.turn:
        return _acted(asking, kept)


def _acted(asking: Asking, kept: Kept) -> Response:
    if kept.said.get("done"):
        raise Misconfigured("this file was imported already", hint="Choose it once more to import it again.")
    kept.said = {**kept.said, **_choices(asking)}
    do, sheet = asking.field("do"), asking.field("sheet")
    try:
        if sheet != kept.said["sheet"] and sheet in kept.said["sheets"]:
            _read_sheet(kept, sheet)
            kept.said = {**kept.said, "columns": {}}  # what was said of another sheet's
        if do not in ("dry", "write"):
            return asking.go(f"/imports/files/{kept.token}")
        made = _import(asking, kept, dry_run=do == "dry")
    except KlientelaError as error:
        return _looked(asking, kept, wrong=asking.told(error), status=400)
    if do == "dry":
        return _looked(asking, kept, tried=made)
    kept.said = {**kept.said, "done": made}
    return asking.go(f"/imports/files/{kept.token}", asking.words("The import is written."), undo=made.seq)


_NOTHING_SAID: Mapping[str, Any] = {
    "subscribe": False, "delimiter": "", "encoding": "", "columns": {}, "sheet": None, "sheets": [],
}  # fmt: skip


def _headers(asking: Asking) -> str:
    return "lenient" if asking.field("headers") == "lenient" else "strict"


def _choices(asking: Asking) -> dict[str, Any]:
    delimiter, encoding = asking.field("delimiter"), asking.field("encoding")
    columns = {
        field: header
        for field, header in zip(asking.fields("field"), asking.fields("header"), strict=False)
        if field and header
    }
    return {
        "into": asking.field("into"),
        "headers": _headers(asking),
        "subscribe": bool(asking.field("subscribe")),
        "delimiter": delimiter if delimiter in DELIMITERS else "",
        "encoding": encoding if encoding in ENCODINGS else "",
        "columns": columns,
    }


def _overrides(said: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that differ from those of the source."""
    made: dict[str, Any] = {"headers": said["headers"]}
    if said["sheet"] is not None:
        made.update(sheets.DIALECT)
    if said.get("delimiter") and said["sheet"] is None:
        made["delimiter"] = DELIMITERS[said["delimiter"]]
    if said.get("encoding") and said["sheet"] is None:
        made["encoding"] = said["encoding"]
    if said.get("columns"):
        made["columns"] = said["columns"]
    return made


def _import(asking: Asking, kept: Kept, *, dry_run: bool) -> Imported:
    said = kept.said
    subscribe = bool(said.get("subscribe"))
    desk = _desk(asking)
    if said["pasted"]:
        text = kept.path.read_text("utf-8")
        return desk.text(asking.store, said["into"], text, subscribe=subscribe, dry_run=dry_run, actor=asking.actor)
    return desk.file(
        asking.store,
        said["into"],
        kept.path,
        subscribe=subscribe,
        dry_run=dry_run,
        actor=asking.actor,
        fix_file=kept.folder / f"{Path(kept.name).stem}.rejected.csv",
        say=asking.words.heard,
        **_overrides(said),
    )


def _read_leniently(asking: Asking, kept: Kept) -> bool:
    """Whether a file that is refused would be read if columns were taken as they come."""
    if kept.said["headers"] == "lenient":
        return False
    try:
        _desk(asking).preview(kept.said["into"], kept.path, 1, **_overrides({**kept.said, "headers": "lenient"}))
    except KlientelaError:
        return False
    return True


def _looked(
    asking: Asking,
    kept: Kept,
    *,
    tried: Imported | None = None,
    done: Imported | None = None,
    wrong: str | None = None,
    status: int = 200,
) -> Response:
    said = kept.said
    made = done or tried
    preview: Mapping[str, Any] | None = None
    leniently = False
    if not said["pasted"] and done is None:
        try:
            preview = _desk(asking).preview(said["into"], kept.path, _FIRST, **_overrides(said))
        except KlientelaError as error:
            wrong = wrong or asking.told(error)
            leniently = _read_leniently(asking, kept)
    with asking.store.reading() as db:
        names = rows.names(db, [one["id"] for one in made.customers[:_NAMED]] if made is not None else ())
    return asking.show(
        "import_look.html",
        status=status,
        kept=kept,
        how=said,
        wrong=wrong,
        leniently=leniently,
        preview=preview,
        made=made,
        done=done,
        effects=[(one, count) for one, count in _effects(made).items() if count],
        takers=_desk(asking).takers(),
        encodings=ENCODINGS,
        delimiters=DELIMITERS,
        fields=FIELDS,
        chosen={header: field for field, header in said.get("columns", {}).items()},
        shown=_SHOWN,
        named=_NAMED,
        names=names,
    )


def _effects(made: Imported | None) -> dict[str, int]:
    found = Counter(one["effect"] for one in made.customers) if made is not None else Counter[str]()
    return {effect: found[effect] for effect in EFFECTS}


# -- what was not taken ------------------------------------------------------------------------------------------------


def report(asking: Asking) -> Response:
    """Every row that was not taken, with line, column and reason, as a table for a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    w = asking.words
    writer.writerow((w("Line"), w("Column"), w("Record"), w("Reason")))
    for one in _done(asking).rejected:
        writer.writerow([safe(cell) for cell in (one.line, one.column, one.key, w.heard(one.reason))])
    return _attached(text.getvalue().encode("utf-8-sig"), "report.csv")


def fix(asking: Asking) -> Response:
    """The file of just those rows, to be mended and imported again."""
    path = _done(asking).fix_file
    if path is None:
        raise UnknownThing("there is no file of rows to mend")
    return FileResponse(path, media_type="text/csv; charset=utf-8", filename=Path(path).name)


def _done(asking: Asking) -> Imported:
    done = _kept(asking).said.get("done")
    if not isinstance(done, Imported):
        raise UnknownThing("this file was not imported yet")
    return done


def _attached(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


def _kept(asking: Asking) -> Kept:
    return SHELF.get(_session(asking), asking.path["token"])


def _session(asking: Asking) -> str:
    assert asking.secret is not None  # noqa: S101 - every way here takes a role
    return asking.secret


NAV = (Nav("/imports", "Imports", "file-import", "Data"),)
WAYS = (
    get("/imports", "viewer", show),
    get("/imports/sample", "viewer", sample),
    get("/imports/new", "operator", new),
    post("/imports/new", "operator", bring),
    get("/imports/files/{token}", "operator", look),
    post("/imports/files/{token}", "operator", act),
    get("/imports/files/{token}/report", "operator", report),
    get("/imports/files/{token}/fix", "operator", fix),
    get("/imports/{batch}/undo", "operator", ask_undo),
    post("/imports/{batch}/undo", "operator", undo),
)

__all__ = ["DELIMITERS", "EFFECTS", "ENCODINGS", "LARGEST", "MOST_ROWS", "NAV", "SHELF", "WAYS"]
