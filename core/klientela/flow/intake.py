"""Which source an import goes into and who reads for it: found among what is installed, never by a plugin's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from klientela import tempplace
from klientela.errors import Misconfigured, UnknownThing
from klientela.flow import sheets
from klientela.flow.importing import TAKERS, Imported, Into, import_records, import_source
from klientela.model.records import Person, Rejected
from klientela.plugins import Plugins
from klientela.source import Shop, Source, SourceSettings
from klientela.store.database import Store

MANUAL = "manual"
LONGEST = 2**20
"""Rows of the longest workbook: a sheet holds no more."""
PASTED = "pasted list"
"""The name of the batch that pasted addresses are."""


class Pasted(Protocol):
    """What was pasted: persons, and what is no address."""

    persons: list[Person]
    rejected: list[Rejected]


@runtime_checkable
class FileReader(Protocol):
    """A source that can read another file in its own way, and pasted addresses."""

    def for_file(
        self, path: Path, *, entity: Any = None, subscribe: bool = False, edits: bool = False, **overrides: Any
    ) -> Source:
        """The source of that file; `overrides` are settings that differ."""
        ...

    def pasted(self, text: str, *, entity: Any = None, subscribe: bool = False) -> Pasted:
        """Whom the addresses name."""
        ...

    def sample(self) -> str:
        """The file whose header its strict reading asks for (S37)."""
        ...


@runtime_checkable
class Previewed(Protocol):
    """A source of one file that can say beforehand how it will read it."""

    def preview(self, most: int) -> Mapping[str, Any]:
        """`{"encoding", "delimiter", "layout", "columns", "rows"}`: `columns` are `{"header", "field"}`, `field` None for
        one that is ignored; `rows` the cells of the first rows, at most `most`."""
        ...


class Desk:
    """What imports need of a house: its sources, its plugins, its shop."""

    def __init__(self, sources: Mapping[str, SourceSettings], plugins: Plugins, shop: Shop) -> None:
        self._sources = sources
        self._plugins = plugins
        self._shop = shop

    def takers(self) -> list[str]:
        """The sources that take imports, `manual` last."""
        return [*(name for name, one in self._sources.items() if one.type in TAKERS), MANUAL]

    def reader(self, name: str) -> tuple[Into, FileReader]:
        """The source to import into and what reads for it: the source itself if it reads files, else one without any
        settings. UnknownThing for a source that is none, Misconfigured for one that takes no imports."""
        if name != MANUAL:
            if name not in self._sources:
                raise UnknownThing(f"there is no source {name!r}")
            made = self._plugins.make(name, self._sources[name], shop=self._shop)
            if isinstance(made, FileReader):
                return Into(name, self._sources[name].type), made
            if self._sources[name].type not in TAKERS:
                raise Misconfigured(
                    f"{name} is a source of type {self._sources[name].type}, which takes no imports",
                    hint="Import into one of your csv sources, or into manual.",
                )
        return Into(name, MANUAL if name == MANUAL else self._sources[name].type), self.plain(name)

    def plain(self, name: str = MANUAL) -> FileReader:
        """A reader of files without any settings."""
        kind: Any = next(
            (kind for kind in self._plugins.types.values() if isinstance(kind, type) and hasattr(kind, "for_file")),
            None,
        )
        if kind is None:
            raise Misconfigured(
                "no installed plugin reads files", hint="The plugin csv does; `klientela plugins` lists them."
            )
        made = kind(name, kind.Settings.model_validate({"type": kind.type, "path": "-"}), shop=self._shop)
        assert isinstance(made, FileReader)  # noqa: S101 - it has for_file
        return made

    def file(
        self,
        store: Store,
        into: str,
        path: Path,
        *,
        subscribe: bool,
        dry_run: bool,
        actor: str = "operator",
        fix_file: Path | None = None,
        sheet: str | None = None,
        say: Callable[[str], str] = str,
        **overrides: Any,
    ) -> Imported:
        """Import a file as its source reads it, but for the settings that differ; `say` puts the sentences of the fix file
        into words. Of an Excel workbook that is a `sheet`,
        by its name or number, else the first that holds anything."""
        target, reader = self.reader(into)
        digest = _digest(path)
        with _as_text(path, sheet) as (file, remark):
            how = overrides if file == path else {**overrides, **sheets.DIALECT}
            if fix_file is not None and file != path:
                fix_file = fix_file.with_suffix(".csv")
            with closing(reader.for_file(file, entity=_entity(target), subscribe=subscribe, edits=True, **how)) as one:
                made = import_source(
                    store, target, one, name=path.name, digest=digest, subscribe=subscribe, dry_run=dry_run,
                    fix_file=fix_file, titles=self._plugins.titles, actor=actor, say=say,
                )  # fmt: skip
        made.ignored += [remark] if remark is not None else []
        return made

    def text(
        self, store: Store, into: str, text: str, *, subscribe: bool, dry_run: bool, actor: str = "operator"
    ) -> Imported:
        """Import pasted addresses (R49)."""
        target, reader = self.reader(into)
        found = reader.pasted(text, entity=_entity(target), subscribe=subscribe)
        digest = sha256(text.encode("utf-8", "replace")).hexdigest()
        return import_records(
            store, target, found.persons, found.rejected, name=PASTED, digest=digest, subscribe=subscribe,
            dry_run=dry_run, actor=actor,
        )  # fmt: skip

    def preview(self, into: str, path: Path, most: int, **overrides: Any) -> Mapping[str, Any]:
        """How a file would be read into a source."""
        target, reader = self.reader(into)
        with closing(reader.for_file(path, entity=_entity(target), edits=True, **overrides)) as one:
            if not isinstance(one, Previewed):
                raise Misconfigured(f"{into} cannot say beforehand how it reads a file")
            return one.preview(most)


def _entity(target: Into) -> str | None:
    return "manual" if target.type == MANUAL else None


@contextmanager
def _as_text(path: Path, sheet: str | None) -> Iterator[tuple[Path, str | None]]:
    """The file itself, or of a workbook its sheet as a table of the same name, which is gone at the end; and what there
    is to say about sheets that were not read."""
    if not sheets.is_workbook(path):
        if sheet is not None:
            raise Misconfigured(f"{path.name} is no Excel workbook, so it has no sheets", hint="Leave --sheet out.")
        yield path, None
        return
    with tempplace.folder("import") as folder:
        file = folder / "table" / path.name
        file.parent.mkdir()
        table = sheets.as_csv(path, file, name=path.name, most=LONGEST, sheet=sheet)
        yield file, table.remark(path.name) if sheet is None else None


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            digest = sha256()
            while chunk := stream.read(2**20):
                digest.update(chunk)
    except OSError as error:
        raise Misconfigured(
            f"{file} cannot be read: {(error.strerror or '').lower()}", hint="Check the path and its permissions."
        ) from error
    return digest.hexdigest()


__all__ = ["LONGEST", "MANUAL", "PASTED", "Desk", "FileReader", "Pasted", "Previewed"]
