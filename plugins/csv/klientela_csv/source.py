"""The CSV source: one stream that reads a file, or all files of a pattern, from beginning to end."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from klientela.kit import (
    Capabilities,
    Checked,
    Interrupted,
    KlientelaError,
    Misconfigured,
    Order,
    Page,
    Person,
    Position,
    Record,
    Rejected,
    Shop,
    Source,
    Stream,
    Window,
)
from klientela_csv.duplicates import Duplicates
from klientela_csv.files import Look, find, look
from klientela_csv.fix import write_fix_file
from klientela_csv.header import listed
from klientela_csv.paste import Pasted, paste
from klientela_csv.persons import Entity, Terms
from klientela_csv.reading import Opened, Unit, open_look
from klientela_csv.sample import sample
from klientela_csv.settings import CsvSettings

# Part of every fingerprint: raise it when the same bytes would be read differently, and every file is read again.
_READER = 3


class CsvSource(Source):
    """Customers and orders from CSV files (R47-R51).

    After a reading `remarks` holds sentences for the operator: columns that were ignored, rows that were left out.
    """

    type = "csv"
    title = "CSV file"
    Settings = CsvSettings
    capabilities = Capabilities(accounts=True, orders=True, test_orders=True, consents=True, deletions=True, tags=True)

    page_size = 250
    """Rows on a page."""

    def __init__(
        self,
        name: str,
        settings: Any,
        *,
        shop: Shop | None = None,
        stop: threading.Event | None = None,
        entity: Entity = "customer",
        subscribe: bool = False,
        edits: bool = False,
    ) -> None:
        super().__init__(name, settings, shop=shop, stop=stop)
        self._settings = cast("CsvSettings", settings)
        self._entity: Entity = entity
        self._subscribe = subscribe
        self._edits = edits
        self._told: set[str] = set()  # the remarks that `check` has made already

    # --- what the core asks ---------------------------------------------------------------------------------------

    def streams(self) -> Sequence[Stream]:
        """One: every row of every file. A file brings everything each time it is read."""
        return [
            Stream(
                "rows",
                self._read,
                entity=self._swept(),
                overlap=0,
                snapshot=True,
                complete=self._settings.complete,
                fingerprint=self._fingerprint,
            )
        ]

    def check(self) -> Checked:
        """Open every file and say how it will be read. SourceBroken or Misconfigured when that cannot be."""
        opened = self._open(self._look())
        notes = [one.describe() for one in opened[:20]]
        self._told = {_ignored(one) for one in opened[:20]}
        if len(opened) > 20:
            notes.append(f"and {len(opened) - 20} more files")
        return Checked(title=self._settings.path, notes=notes)

    # --- one-off reading ------------------------------------------------------------------------------------------

    def for_file(
        self,
        path: str | Path,
        *,
        entity: Entity | None = None,
        subscribe: bool = False,
        edits: bool = False,
        **overrides: Any,
    ) -> CsvSource:
        """This source's way of reading, for another file: `import FILE --into SOURCE`.

        path       from the working folder, not from the configuration's
        subscribe  R44: auto-subscribe is ticked
        edits      R51: rows with a klientela_id come as persons of the channel "edit" whose external id is that id
        overrides  settings that differ, e.g. `headers="strict"`
        """
        values = {**self._settings.model_dump(exclude_unset=True), "complete": False, **overrides}
        values["path"] = str(Path(path).absolute())
        settings = CsvSettings.model_validate(values)
        made = CsvSource(
            self.name,
            settings,
            shop=self.shop,
            stop=self.stop,
            entity=entity or self._entity,
            subscribe=subscribe,
            edits=edits,
        )
        made.page_size = self.page_size
        return made

    def pasted(self, text: str, *, entity: Entity | None = None, subscribe: bool = False) -> Pasted:
        """E-mail addresses that somebody pasted: `import --emails TEXT --into SOURCE` (R49)."""
        return paste(text, entity=entity or self._entity, subscribe=subscribe)

    def sample(self) -> str:
        """The file that `headers = "strict"` asks for (S37)."""
        return sample()

    def preview(self, most: int) -> dict[str, Any]:
        """How the file will be read: `{"encoding", "delimiter", "layout", "columns", "rows"}`, the cells of the first rows,
        at most `most`. Misconfigured or SourceBroken as the reading itself."""
        (opened,) = self._open(self._look())
        return opened.preview(most)

    def write_fix_file(self, path: str | Path, rejected: Sequence[Rejected], say: Callable[[str], str] = str) -> int:
        """The file of just the bad rows of this source (fix.py); how many. Files of one pattern must look alike. `say`
        puts the reasons into other words."""
        opened = self._open(self._look())
        first = opened[0]
        for one in opened[1:]:
            if (one.header.columns, one.dialect.delimiter) != (first.header.columns, first.dialect.delimiter):
                raise Misconfigured(
                    f"{first.look.path.name} and {one.look.path.name} have different columns",
                    hint="Their bad rows fit into no one file; import the files one by one.",
                )
        return write_fix_file(Path(path), first.header.columns, first.dialect, rejected, say)

    # --- looking --------------------------------------------------------------------------------------------------

    def _look(self) -> list[Look]:
        return [look(path, self.stop) for path in find(self._settings.path, self.shop.folder)]

    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self._settings.timezone) if self._settings.timezone else self.shop.timezone

    def _fingerprint(self) -> str:
        return self._generation(self._look())

    def _generation(self, looks: Sequence[Look]) -> str:
        """The same for the same content read in the same way, whatever the files' times."""
        how = self._settings.model_dump(
            include={
                "headers",
                "columns",
                "delimiter",
                "encoding",
                "decimal",
                "on_duplicate",
                "numbers",
                "complete",
            }
        )
        said = [
            _READER,
            how,
            self._zone().key,
            self.shop.currency,
            [self._entity, self._subscribe, self._edits],
            [[one.path.name, one.survey.sha256] for one in looks],
        ]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def _open(self, looks: Sequence[Look]) -> list[Opened]:
        """Understand every file before the first row is read: one wrong header, and nothing is (R47)."""
        several = len(looks) > 1
        opened = []
        for one in looks:
            terms = Terms(
                file=one.path.name,
                zone=self._zone(),
                currency=self.shop.currency,
                numbers=self._settings.numbers,
                entity=self._entity,
                subscribe=self._subscribe,
                edits=self._edits,
            )
            opened.append(open_look(one, self._settings, terms, prefix=f"{one.path.name}: " if several else ""))
        return opened

    def _swept(self) -> str:
        """What rows that are missing speak of: orders where a file holds nothing but orders, else persons."""
        if not self._settings.complete:
            return self._entity
        try:
            headers = [one.header for one in self._open(self._look())]
        except KlientelaError:
            return self._entity  # the reading will say what is wrong
        nobody = all(one.orders and not {"external_id", "number", "kind"} & one.fields.keys() for one in headers)
        return "order" if nobody else self._entity

    # --- reading --------------------------------------------------------------------------------------------------

    def _read(self, window: Window, position: Position) -> Iterator[Page]:
        """The pages after `position` = {"of": generation, "file": index, "unit": how many are done in it}.

        Going on means reading what is done once more without telling it: which rows repeat an earlier one is known
        only that way, and a file is read at a hundred thousand rows a second. A position in a file that has changed
        since starts at the beginning.
        """
        looks = self._look()
        generation = self._generation(looks)
        done = (0, 0)
        if position is not None and position["of"] == generation:
            done = (position["file"], position["unit"])
        opened = self._open(looks)
        duplicates = Duplicates(self._settings.on_duplicate, len(opened))
        if duplicates.ahead:
            self._read_ahead(opened, duplicates)
        for number, one in enumerate(opened):
            page = _Growing()
            count = 0
            for count, unit in enumerate(one.units(), 1):
                taken = self._judge(unit, one, number, duplicates)
                if (number, count) <= done:
                    self._heed_stop(count)
                    continue
                page.add(unit, taken)
                if page.rows >= self.page_size:
                    yield page.close({"of": generation, "file": number, "unit": count})
                    page = _Growing()
            if page.records:
                yield page.close({"of": generation, "file": number, "unit": count})
        self._remark(opened, duplicates)

    def _heed_stop(self, count: int) -> None:
        if count % 1000 == 0 and self.stop.is_set():
            raise Interrupted(f"{self.name} was asked to stop while reading")

    def _read_ahead(self, opened: Sequence[Opened], duplicates: Duplicates) -> None:
        for number, one in enumerate(opened):
            for count, unit in enumerate(one.units(), 1):
                self._heed_stop(count)
                if isinstance(unit.records, Rejected):
                    continue
                for record in unit.records:
                    if record.version is None:
                        duplicates.learn(_entity(record), record.external_id, number, unit.line)

    def _judge(self, unit: Unit, one: Opened, number: int, duplicates: Duplicates) -> list[Record]:
        """The records of a unit that hold. A repeated row is one whose order, or else whose person, came before."""
        if isinstance(unit.records, Rejected):
            return [unit.records]
        taken: list[Record] = []
        for record in unit.records:
            if record.version is not None:  # the core keeps the newest
                taken.append(record)
                continue
            verdict, line = duplicates.judge(_entity(record), record.external_id, number, unit.line)
            if verdict == "take":
                taken.append(record)
            elif verdict == "repeats" and record is unit.records[-1]:
                reason = f"the row repeats the id of line {line}"
                return [one.rejected(reason, unit.text, unit.line, None, record.external_id)]
        return taken

    def _remark(self, opened: Sequence[Opened], duplicates: Duplicates) -> None:
        said = [_ignored(one) for one in opened if one.header.ignored]
        self.remarks = [one for one in said if one not in self._told]
        self.remarks += [sentence for one in opened for sentence in one.spoken()]
        if duplicates.left_out:
            rows = "row repeats" if duplicates.left_out == 1 else "rows repeat"
            left = "was" if duplicates.left_out == 1 else "were"
            self.remarks.append(f"{duplicates.left_out} {rows} the id of another row and {left} left out")


class _Growing:
    """A page being filled."""

    __slots__ = ("lines", "raws", "records", "rows")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.raws: list[bytes] = []
        self.lines: list[int] = []
        self.rows = 0

    def add(self, unit: Unit, taken: list[Record]) -> None:
        self.rows += unit.rows
        if taken:
            self.records += taken
            self.raws.append(unit.text.encode("utf-8", "replace"))
            self.raws += [b""] * (len(taken) - 1)
            self.lines += [unit.line] * len(taken)

    def close(self, position: Position) -> Page:
        return Page(self.records, position, self.raws, self.lines)


def _ignored(one: Opened) -> str:
    return f"{one.look.path.name}: these columns are not known and were ignored: {listed(one.header.ignored, 50)}"


def _entity(record: Person | Order) -> str:
    return "order" if isinstance(record, Order) else record.channel or record.entity


def open_file(
    path: str | Path,
    *,
    name: str = "import",
    shop: Shop | None = None,
    stop: threading.Event | None = None,
    entity: Entity = "customer",
    subscribe: bool = False,
    edits: bool = False,
    **settings: Any,
) -> CsvSource:
    """A source for one file without a configured CSV source: `import FILE --into manual` (entity="manual")."""
    made = CsvSettings.model_validate({"type": "csv", **settings, "path": str(Path(path).absolute())})
    return CsvSource(name, made, shop=shop, stop=stop, entity=entity, subscribe=subscribe, edits=edits)
