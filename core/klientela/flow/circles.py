"""Notices a list that goes round in circles, before it is read for ever."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable
from typing import Any

import msgspec

from klientela.errors import SourceBroken
from klientela.model.records import Rejected
from klientela.source import Page

_TIMES = 3
"""How often one page may come: twice is a shop that repeats itself, or a plugin that began its window anew."""


class Circles:
    """Looks at each page of one reading. A list is caught by its third round, however long a round is.

    A page is the same when it holds the same records at the same position, or the same content wherever: some shops
    give a new cursor each time, or answer any number of a page behind the last one with the last one.
    """

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._placed: Counter[int] = Counter()
        self._shown: Counter[int] = Counter()
        self._equal: Counter[int] = Counter()

    def check(self, page: Page) -> None:
        """SourceBroken when this page comes again and again."""
        if not page.records:
            if page.position is not None:
                self._count(self._placed, json.dumps(page.position))
            return
        names = tuple(_name(record) for record in page.records)
        if page.position is not None:
            self._count(self._placed, (json.dumps(page.position), names))
        # ids and versions first, for they cost next to nothing; the whole content only where those are equal
        shown = hash(tuple((name, getattr(record, "version", None)) for name, record in zip(names, page.records)))
        self._shown[shown] += 1
        if self._shown[shown] > 1:
            self._count(self._equal, _content(page), _TIMES - 1)  # the first one was not looked at

    def _count(self, counter: Counter[int], what: Hashable, most: int = _TIMES) -> None:
        key = hash(what)
        counter[key] += 1
        if counter[key] >= most:
            raise SourceBroken(
                f"the list {self._stream} goes round in circles: the same page came again and again",
                hint="the next run goes on from the last stored page; if it stays so, the shop's paging is broken",
            )


def _name(record: Any) -> Hashable:
    if type(record) is Rejected:
        return record  # frozen, and it has no version
    return getattr(record, "external_id", None)


def _content(page: Page) -> Hashable:
    if page.raws is not None and any(page.raws):
        return tuple(page.raws)
    return msgspec.json.encode(page.records, enc_hook=repr)
