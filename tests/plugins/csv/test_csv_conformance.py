"""The CSV source stands what every source must stand, as a complete list and as one that may leave out rows."""

from __future__ import annotations

import csv
import tempfile
import threading
from collections.abc import Mapping
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

from klientela.kit import Instant, Shop, Source, iso
from klientela.model.instants import to_datetime
from klientela.testing import conformance
from klientela.testing.conformance import Trouble
from klientela_csv import CsvSource
from klientela_csv.settings import CsvSettings

HEADERS = {
    "Id": "id",
    "Updated at": "at",
    "First name": "first_name",
    "Last name": "last_name",
    "E-mail": "email",
    "Phone": "phone",
}
OFFSETS = (timedelta(0), timedelta(hours=5, minutes=30), timedelta(hours=-8))
LOGIN = "<!DOCTYPE html>\n<html><head><title>Log in</title></head>\n<body>Log in, please</body></html>\n"

NOT_APPLICABLE = {
    "looping_pages": "a file ends",
    "truncated_body": "a file carries no length: a row that is cut is rejected, and a complete list that lost more "
    "than half of its rows stops the run (R50c)",
    "retry_after": "a file is never busy",
    "unknown_enum": "a row whose kind is none is rejected for somebody to mend it (R48)",
    "partial_payload": "a row is all that a file says of a record",
    "another_shop": "a file has no identity (R60)",
    "wrong_credentials": "a file asks for none",
    "secrets": "a file has none",
}


class CsvSubject(conformance.Subject):
    """A file that is written anew with each change, with the times of change in a column."""

    complete = True
    not_applicable: ClassVar[Mapping[str, str]] = NOT_APPLICABLE

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="klientela-csv-")
        self.path = Path(self._folder.name, "customers.csv")
        self.rows: dict[str, dict[str, Any]] = {}
        self.troubles: dict[str, str] = {}

    def source(self, stop: threading.Event) -> Source:
        settings = CsvSettings.model_validate({"type": "csv", "path": "customers.csv", "complete": self.complete})
        made = CsvSource("list", settings, shop=Shop(folder=self._folder.name), stop=stop)
        made.page_size = self.page_size
        return made

    def put(self, key: str, when: Instant, **fields: str | None) -> str:
        row = self.rows.setdefault(key, {"id": f"K-{len(self.rows) + 1}"})
        row.update(fields, at=when)
        self.write()
        return str(row["id"])

    def delete(self, key: str) -> None:
        del self.rows[key]
        self.write()

    def trouble(self, kind: Trouble, key: str = "") -> None:
        self.troubles[kind] = key
        self.write()

    def calm(self) -> None:
        self.troubles.clear()
        self.write()

    def close(self) -> None:
        self._folder.cleanup()

    def write(self) -> None:
        """The file as it has to be now."""
        if "html" in self.troubles:
            self.path.write_text(LOGIN)
            return
        headers = [name for name in HEADERS if name != "Phone" or "missing_field" not in self.troubles]
        rows = [] if "emptied" in self.troubles else [self._cells(key, headers) for key in self.rows]
        if "repeat" in self.troubles:
            rows = [row for row in rows for _ in range(2)]
        if "unknown_field" in self.troubles:
            headers, rows = [*headers, "Shiny"], [[*row, "new"] for row in rows]
        with self.path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=";").writerows([headers, *rows])

    def _cells(self, key: str, headers: list[str]) -> list[str]:
        row = self.rows[key]
        offset = OFFSETS[int(row["id"][2:]) % 3] if "offsets" in self.troubles else timedelta(0)
        at = to_datetime(row["at"]).astimezone(timezone(offset)).isoformat() if offset else iso(row["at"])
        if self.troubles.get("broken_record") == key:
            at = "the day before yesterday"
        cells = {**row, "at": at}
        return [cells[HEADERS[header]] or "" for header in headers]


class LooseSubject(CsvSubject):
    """The same file, where a row that is missing means nothing."""

    complete = False
    not_applicable: ClassVar[Mapping[str, str]] = {
        **NOT_APPLICABLE,
        "deletions": "without complete = true a missing row means nothing (R50c)",
    }


class TestCompleteList(conformance.Suite):
    subject = CsvSubject
    package = "klientela_csv"


class TestLooseList(conformance.Suite):
    subject = LooseSubject
