"""What plugins answer, taken for what it should be: garbage is refused before anything is done with it.

TypeError and ValueError here are raised while the plugin is asked (`fetch.asking`), which tells whose fault it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from klientela.errors import SourceBroken
from klientela.model.records import FARTHEST, Rejected
from klientela.source import Checked, Page, Source, Stream
from klientela.store import facts

OF_THE_PLUGIN = "This is a fault of the plugin; the next run goes on from the last stored page"

_REMARKS, _SENTENCE = 100, 1000  # remarks of one reading, and characters of one, that are kept
_Answer = TypeVar("_Answer", str, int)


def page(source: Source, stream: Stream, came: Any) -> Page:
    """What a plugin yielded, if it is a page: a copy, for the plugin keeps its own. SourceBroken else.

    What is wrong inside a record is no matter of the page: staging puts that one record into the quarantine.
    """
    if not isinstance(came, Page):
        raise _garbage(source, stream, f"yielded a {type(came).__name__} instead of a Page")
    if isinstance(came.records, (str, bytes, Mapping)) or not isinstance(came.records, Iterable):
        raise _garbage(source, stream, f"yielded a page whose records are a {type(came.records).__name__}")
    records = [record if _nameable(record) else _unnamed(record) for record in came.records]
    raws = came.raws
    if raws is not None:
        raws = list(raws)
        if not all(type(raw) is bytes for raw in raws):
            raise _garbage(source, stream, "yielded payloads (raws) that are no bytes")
    lines = came.lines
    if lines is not None:
        lines = list(lines)
        if not all(type(line) is int for line in lines):
            raise _garbage(source, stream, "yielded lines of a file that are no whole numbers")
    try:
        json.dumps(came.position)
    except (TypeError, ValueError, RecursionError):
        raise _garbage(source, stream, "yielded a page whose position is no JSON") from None
    return Page(records, came.position, raws, lines)


def _nameable(record: Any) -> bool:
    try:
        hash(getattr(record, "external_id", None))  # everybody who looks a record up takes this for granted
    except TypeError:
        return False
    return True


def _unnamed(record: Any) -> Rejected:
    kind = type(record.external_id).__name__
    return Rejected(reason=f"the record's external_id is a {kind}, no text", key=None, payload=repr(record))


def _garbage(source: Source, stream: Stream, did: str) -> SourceBroken:
    return SourceBroken(f"the source {source.name} failed in its stream {stream.name}: it {did}", hint=OF_THE_PLUGIN)


def streams(source: Source) -> list[Stream]:
    """Its streams. TypeError when one is none, ValueError for an entity nobody knows or a name used twice."""
    found = list(source.streams())
    for stream in found:
        if not isinstance(stream, Stream) or type(stream.name) is not str or type(stream.overlap) is not int:
            raise TypeError("no Stream")
        if stream.entity not in facts.NUMBER_OF:
            raise ValueError("no known entity")
    if len({stream.name for stream in found}) < len(found):
        raise ValueError("one name for two streams")
    return found


def checked(found: Any) -> Checked:
    """What its check found."""
    if not isinstance(found, Checked):
        raise TypeError("no Checked")
    of(str, found.identity)
    return found


def of(kind: type[_Answer], answer: Any) -> _Answer | None:
    """A text, or a number that is a time; or None."""
    if answer is None:
        return None
    if type(answer) is not kind:
        raise TypeError(f"no {kind.__name__}")
    if isinstance(answer, int) and abs(answer) >= FARTHEST:
        raise ValueError("out of range")
    return answer


def sentences(remarks: Any) -> list[str]:
    """Remarks that can be told; a plugin that has no end of them is cut short."""
    if not isinstance(remarks, (list, tuple)):
        return []
    return [str(remark)[:_SENTENCE].encode("utf-8", "replace").decode() for remark in remarks[:_REMARKS]]
