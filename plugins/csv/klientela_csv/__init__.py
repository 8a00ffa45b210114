"""The CSV source: customers and orders from files, whatever program wrote them."""

from __future__ import annotations

from klientela.kit import Source, hookimpl
from klientela_csv.source import CsvSource, open_file


@hookimpl
def klientela_sources() -> list[type[Source]]:
    """This plugin brings one kind of source: `type = "csv"`."""
    return [CsvSource]


__all__ = ["CsvSource", "klientela_sources", "open_file"]
