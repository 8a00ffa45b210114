"""Writes a file and reads it through the source's own front door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from klientela.kit import Order, Page, Person, Record, Rejected, Shop, Window
from klientela_csv import CsvSource
from klientela_csv.settings import CsvSettings


class Reader:
    """Writes and reads the files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, content: str | bytes, name: str = "customers.csv", encoding: str = "utf-8") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
        return path

    def source(self, path: str = "customers.csv", **settings: Any) -> CsvSource:
        made = CsvSettings(type="csv", path=path, **settings)
        return CsvSource("list", made, shop=Shop(folder=str(self.folder)))

    def pages(self, source: CsvSource, position: Any = None) -> Iterator[Page]:
        return source.streams()[0].read(Window(), position)

    def records(self, source: CsvSource) -> list[Record]:
        return [record for page in self.pages(source) for record in page.records]

    def read(
        self, content: str | bytes, *, encoding: str = "utf-8", name: str = "customers.csv", **settings: Any
    ) -> Any:
        """Write a file and read it: everything that comes out."""
        self.write(content, name, encoding)
        return self.records(self.source(name, **settings))

    def person(self, content: str | bytes, **settings: Any) -> Person:
        """The one person of a file."""
        (person,) = self.read(content, **settings)
        assert isinstance(person, Person), person
        return person

    def order(self, content: str | bytes, **settings: Any) -> Order:
        """The one order of a file, whoever comes with it."""
        (order,) = (record for record in self.read(content, **settings) if isinstance(record, Order))
        return order

    def rejected(self, content: str | bytes, **settings: Any) -> Rejected:
        """The one row of a file that is rejected."""
        (one,) = (record for record in self.read(content, **settings) if isinstance(record, Rejected))
        return one
