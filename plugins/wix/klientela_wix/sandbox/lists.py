"""How Wix's lists are asked: filters, sorting, offsets and cursors, with their traps and limits."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from klientela.kit import Instant, instant

Value = int | str | bool | None
Test = Callable[[Any], bool]


class Refused(Exception):
    """A question that Wix answers with 400."""

    def __init__(self, field: str, description: str, rule: str = "OTHER", **data: Any) -> None:
        super().__init__(description)
        self.field = field
        self.description = description
        self.rule = rule
        self.data = data

    def body(self) -> dict[str, Any]:
        """The answer."""
        violation = {
            "field": self.field,
            "description": self.description,
            "violatedRule": self.rule,
            "data": self.data,
        }
        said = f"INVALID_ARGUMENT: {self.field} {self.description}"
        return {"message": said, "details": {"validationError": {"fieldViolations": [violation]}}}


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a list: how it is read, whether it is a time, whether the list can be sorted by it."""

    read: Callable[[Any], Value]
    time: bool = False
    sortable: bool = False


Columns = Mapping[str, Column]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda value, other: value == other,
    "$ne": lambda value, other: value != other,
    "$gt": lambda value, other: value is not None and value > other,
    "$gte": lambda value, other: value is not None and value >= other,
    "$lt": lambda value, other: value is not None and value < other,
    "$lte": lambda value, other: value is not None and value <= other,
    "$in": lambda value, other: value in other,
}


def compile_filter(found: Any, columns: Columns) -> Test:
    """A predicate. Refused for unknown fields and operators, and for two operators in one object."""
    if not isinstance(found, dict):
        raise Refused("filter", "must be an object")
    tests: list[Test] = []
    for name, wanted in found.items():
        if name == "$and":
            tests += [compile_filter(term, columns) for term in wanted]
        elif name not in columns:
            raise Refused(f"filter.{name}", "is not filterable")
        else:
            tests.append(_term(name, wanted, columns[name]))
    return lambda thing: all(test(thing) for test in tests)


def _term(name: str, wanted: Any, column: Column) -> Test:
    terms = wanted if isinstance(wanted, dict) else {"$eq": wanted}
    if len(terms) != 1:
        raise Refused(f"filter.{name}", "takes one operator; combine several with $and")
    operator, value = next(iter(terms.items()))
    if operator not in _COMPARE:
        raise Refused(f"filter.{name}", f"does not know {operator}")
    other = _value(name, value, column)
    compare = _COMPARE[operator]
    return lambda thing: compare(column.read(thing), other)


def _value(name: str, value: Any, column: Column) -> Any:
    if isinstance(value, list):
        return [_value(name, one, column) for one in value]
    if not column.time:
        return value
    try:
        moment: Instant = instant(str(value))
    except ValueError:
        raise Refused(f"filter.{name}", "is no time") from None
    return moment


def order_of(found: Any, columns: Columns, most: int) -> tuple[str, bool]:
    """The field of a sort and whether it descends; by creation where nothing is asked."""
    if not found:
        return "createdDate", True
    if not isinstance(found, list) or len(found) > most:
        raise Refused("sort", f"takes at most {most}", "MAX_SIZE", threshold=most)
    name = found[0].get("fieldName")
    if name not in columns or not columns[name].sortable:
        raise Refused("sort", f"cannot sort by {name}")
    return str(name), found[0].get("order", "ASC") == "DESC"


def limit_of(paging: Any, most: int, otherwise: int) -> int:
    """How many rows are asked for."""
    limit = otherwise if not isinstance(paging, dict) or paging.get("limit") is None else paging["limit"]
    if not isinstance(limit, int) or limit < 1:
        raise Refused("paging.limit", "must be positive")
    if limit > most:
        raise Refused("paging.limit", f"must be less than or equal to {most}", "MAX", threshold=most)
    return limit


def sort(things: Iterable[Any], column: Column, descending: bool) -> list[Any]:
    """In order; equal ones by id."""
    return sorted(sorted(things, key=lambda thing: thing.id), key=column.read, reverse=descending)  # type: ignore[arg-type]


def cursor(state: Mapping[str, Any]) -> str:
    """What comes after this page, in a form nobody should read."""
    return base64.urlsafe_b64encode(json.dumps(state).encode()).decode()


def state_of(text: Any) -> dict[str, Any]:
    """What a cursor stands for. Refused for one that was not ours."""
    try:
        found = json.loads(base64.urlsafe_b64decode(str(text)))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, dict):
        raise Refused("cursorPaging.cursor", "is not valid")
    return found
