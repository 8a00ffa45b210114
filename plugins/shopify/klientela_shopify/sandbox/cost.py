"""What a query costs and how fast the purse fills again.

Known: an object costs 1, a scalar nothing, a connection is sized by `first`, one query may ask for 1,000 points.
Not published: how a connection is sized. Here it costs 2 and a quarter of its children, rounded up, which keeps
orders(first: 50) with lineItems(first: 20) affordable, as the real shop does. Nobody should rely on the formula,
only on the numbers in the answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
    is_object_type,
    value_from_ast_untyped,
)

_SHARE = 4


class Price:
    """The cost of one operation: what it may cost (`requested`) and what its answer did cost (`actual`)."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables

    def requested(self, selection: SelectionSetNode, kind: GraphQLObjectType) -> int:
        """Points that must be in the purse before it runs."""
        return self._sum(selection, kind, None)

    def actual(self, selection: SelectionSetNode, kind: GraphQLObjectType, data: Any) -> int:
        """Points that remain spent."""
        return self._sum(selection, kind, data if data is not None else {})

    def _sum(self, selection: SelectionSetNode, kind: GraphQLObjectType, data: Any) -> int:
        total = 0
        for node in selection.selections:
            if isinstance(node, FieldNode):
                total += self._field(node, kind, data)
            elif isinstance(node, FragmentSpreadNode):
                total += self._part(self._fragments[node.name.value], kind, data)
            elif isinstance(node, InlineFragmentNode):
                total += self._part(node, kind, data)
        return total

    def _part(self, node: InlineFragmentNode | FragmentDefinitionNode, kind: GraphQLObjectType, data: Any) -> int:
        on = self._schema.get_type(node.type_condition.name.value) if node.type_condition else kind
        return self._sum(node.selection_set, on if isinstance(on, GraphQLObjectType) else kind, data)

    def _field(self, node: FieldNode, kind: GraphQLObjectType, data: Any) -> int:
        field = kind.fields.get(node.name.value)
        if field is None or node.selection_set is None:
            return 0
        target = get_named_type(field.type)
        value = data.get(node.alias.value if node.alias else node.name.value) if data is not None else None
        if data is not None and value is None:
            return 0
        first = self._argument(node, "first")
        if target.name.endswith("Connection") and isinstance(target, GraphQLObjectType):
            return 2 + self._children(node.selection_set, target, first, value)
        inside = target if isinstance(target, GraphQLObjectType) else kind
        if isinstance(value, list):
            return sum(1 + self._sum(node.selection_set, inside, item) for item in value)
        size = first if first is not None and not is_object_type(field.type) else 1
        return size * (1 + self._sum(node.selection_set, inside, value))

    def _children(self, selection: SelectionSetNode, target: GraphQLObjectType, first: int | None, value: Any) -> int:
        total = 0
        for node in selection.selections:
            if not isinstance(node, FieldNode) or node.selection_set is None:
                continue
            if node.name.value == "pageInfo":
                total += 1
                continue
            inside = get_named_type(target.fields[node.name.value].type)
            assert isinstance(inside, GraphQLObjectType)  # noqa: S101 - nodes and edges always are
            items = value.get(node.name.value) if isinstance(value, dict) else None
            if items is None:
                total += -(-(first or 10) // _SHARE) * (1 + self._sum(node.selection_set, inside, None))
            else:
                total += -(-sum(1 + self._sum(node.selection_set, inside, item) for item in items) // _SHARE)
        return total

    def _argument(self, node: FieldNode, name: str) -> int | None:
        for argument in node.arguments or ():
            if argument.name.value == name:
                value = value_from_ast_untyped(argument.value, dict(self._variables))
                return value if isinstance(value, int) else None
        return None


class Purse:
    """The leaky bucket of one app in one shop. It fills in real time: it protects real machines."""

    def __init__(self, restore: float = 1000.0, size: float | None = None, most: int = 1000) -> None:
        self.restore = restore
        self.size = size if size is not None else 20 * restore
        self.most = most  # what a single query may ask for
        self._left = self.size
        self._at = time.monotonic()

    @property
    def left(self) -> float:
        """Points available now."""
        now = time.monotonic()
        self._left = min(self.size, self._left + (now - self._at) * self.restore)
        self._at = now
        return self._left

    def spend(self, points: float) -> None:
        """Take points out, or give back with a negative number."""
        self._left = min(self.size, self.left - points)

    def status(self, requested: int, actual: int | None) -> dict[str, Any]:
        """`extensions.cost` of an answer."""
        return {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": float(self.size),
                "currentlyAvailable": int(self.left),
                "restoreRate": float(self.restore),
            },
        }
