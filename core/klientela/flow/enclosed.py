"""Files that come with the records of a page: taken out before records are compared, kept with those that are news."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from klientela.model.records import File, Letter
from klientela.store import files
from klientela.store.database import Db, Step

LARGEST = 20 * 2**20
"""Bytes of the largest file that is taken."""


class FileRefused(ValueError):
    """A file that cannot be taken; the record is kept in the quarantine with this reason."""


class Enclosed:
    """The files of one page."""

    def __init__(self, db: Db, records: Sequence[Any]) -> None:
        named = [file.sha256 for file in map(_file, records) if file and file.sha256 and file.content is None]
        self.sizes = files.sizes(db, filter(_is_digest, named))
        self.found: dict[int, tuple[File, bytes | None]] = {}  # place on the page -> what is kept of it, and its bytes

    def take_out(self, record: Any, place: int) -> Any:
        """The record with its file's digest and size instead of the bytes, so that the same file again is no news.

        FileRefused with a sentence where the file cannot be taken.
        """
        file = _file(record)
        if file is None:
            return record
        content = file.content
        if content is None:
            if file.sha256 not in self.sizes:
                raise FileRefused("the file's content is missing, and no file of its digest has come before")
            kept = replace(file, size=self.sizes[file.sha256])
        else:
            if not isinstance(content, bytes) or not content:
                raise FileRefused("the file has no content")
            if len(content) > LARGEST:
                raise FileRefused(f"the file is larger than {LARGEST} bytes")
            digest = sha256(content).hexdigest()
            if file.sha256 not in (None, digest):
                raise FileRefused("the file is not the one its digest names")
            kept = replace(file, sha256=digest, size=len(content), content=None)
        self.found[place] = (kept, content)
        return replace(record, file=kept)

    def attach(self, step: Step, taken: Iterable[tuple[int, int]]) -> None:
        """Keep the files of the records that were news: pairs of record and place."""
        for record, place in taken:
            if place not in self.found:
                continue
            file, content = self.found[place]
            assert file.sha256 is not None  # noqa: S101 - taken out, so it has one
            if content is not None:
                files.keep(step, file.sha256, file.type, content)
            files.attach(step, record, file.sha256, file.name)


def _file(record: Any) -> File | None:
    file = record.file if type(record) is Letter else None
    return file if isinstance(file, File) else None


def _is_digest(text: Any) -> bool:
    return isinstance(text, str) and len(text) == 64 and not set(text) - set("0123456789abcdef")
