"""Bulk operations of a pretend shop: a list read whole over its schema while time passes, its result kept as a file.

An operation reads its rows little by little, each as it is at that moment: what changes meanwhile may be in the
result in its old state, in its new one, or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute,
    value_from_ast_untyped,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from klientela.kit import SECOND, Instant, iso
from klientela.testing import Faults
from klientela.testing.backstage import Mischief
from klientela_shopify.sandbox.graph import Visit, prepared, rows_of, schema
from klientela_shopify.sandbox.shop import Shop

if TYPE_CHECKING:
    from klientela_shopify.sandbox.views import Node

_CONNECTIONS, _NESTED = 5, 2  # what one query may hold, and how deep
_SLICE = 250  # rows read at once
_SECRETS = ("x-shopify-access-token", "authorization", "cookie")


@dataclass(slots=True, kw_only=True)
class Operation:
    """One operation: what it reads, how far it is, what came of it."""

    gid: str
    query: str
    kind: str
    document: DocumentNode
    visit: Visit
    created_at: Instant
    waiting: list[int]
    total: int
    grouped: bool
    status: str = "CREATED"
    error: str | None = None
    completed_at: Instant | None = None
    rows: list[list[bytes]] = field(default_factory=list)  # each row's line, then those of what belongs to it
    text: bytes = b""

    @property
    def running(self) -> bool:
        """Whether anything more may come of it."""
        return self.status in ("CREATED", "RUNNING", "CANCELING")

    @property
    def file(self) -> str:
        """The name of its result."""
        return f"bulk-{self.gid.rpartition('/')[2]}.jsonl"


class Bulk:
    """All operations of one app in one shop.

    seconds   how long one takes on the shop's clock        limit   how many may run at once
    life      seconds after which a result is gone          ranges  whether the storage serves parts of a file
    elsewhere the origin under which `storage` is served; None: the shop's own
    leaks     credentials that the storage was shown, which must never happen
    """

    def __init__(self, shop: Shop, mischief: Mischief) -> None:
        self.operations: dict[str, Operation] = {}
        self.seconds = 0.0
        self.limit = 5
        self.life = 7 * 86_400
        self.ranges = True
        self.elsewhere: str | None = None
        self.here = ""
        self.leaks: list[str] = []
        self.downloads: list[str | None] = []  # the part that each download asked for
        self.storage = Faults(Starlette(routes=[Route("/_storage/{file}", self.download)]))
        self._shop = shop
        self._mischief = mischief

    # -- what the schema asks ------------------------------------------------------------------------------------

    def run(self, query: str, visit: Visit, *, grouped: bool) -> Node:
        """bulkOperationRunQuery."""
        running = [one for one in self.operations.values() if self._go_on(one).running]
        if self._mischief.strikes("bulk_crowded"):
            said = "A bulk query operation for this app and shop is already in progress: gid://shopify/BulkOperation/1."
            return _refused("OPERATION_IN_PROGRESS", said)
        if len(running) >= self.limit:
            return _refused("LIMIT_REACHED", "Bulk operations limit reached. Please try again later.")
        try:
            document, problems = prepared(query)
        except GraphQLError as error:
            return _refused("INVALID", f"Invalid bulk query: {error.message}")
        said = problems[0].message if problems else _unfit(document)
        if said:
            return _refused("INVALID", f"Invalid bulk query: {said}")
        top = _top(document)
        found = {one.name.value: value_from_ast_untyped(one.value) for one in top.arguments or ()}
        numbers = [one.id for one in rows_of(visit, top.name.value, found.get("query"), "ID")]
        gid = f"gid://shopify/BulkOperation/{4_039_184_154_813 + len(self.operations)}"
        made = Operation(
            gid=gid,
            query=query,
            kind=top.name.value,
            document=document,
            visit=visit,
            created_at=self._shop.clock.now(),
            waiting=numbers,
            total=len(numbers),
            grouped=grouped,
        )
        self.operations[gid] = made
        return {"bulkOperation": self._view(made), "userErrors": []}

    def cancel(self, gid: str) -> Node:
        """bulkOperationCancel."""
        one = self.operations.get(gid)
        if one is None or not self._go_on(one).running:
            said = "A bulk operation cannot be canceled when it is completed"
            return {"bulkOperation": None, "userErrors": [{"field": ["id"], "message": said}]}
        one.status = "CANCELED"
        return {"bulkOperation": self._view(one), "userErrors": []}

    def show(self, gid: str) -> Node | None:
        """bulkOperation(id:), as it is by now."""
        one = self.operations.get(gid)
        return None if one is None else self._view(self._go_on(one))

    def _view(self, one: Operation) -> Node:
        return {
            "__typename": "BulkOperation",
            "id": one.gid,
            "status": one.status,
            "errorCode": one.error,
            "createdAt": iso(one.created_at),
            "completedAt": None if one.completed_at is None else iso(one.completed_at),
            "objectCount": str(sum(map(len, one.rows))),
            "rootObjectCount": str(len(one.rows)),
            "fileSize": str(sum(len(line) + 1 for row in one.rows for line in row)) if one.completed_at else None,
            "query": one.query,
            "url": self._address(one) if one.status == "COMPLETED" and one.rows else None,
            "partialDataUrl": self._address(one) if one.status == "FAILED" and one.rows else None,
        }

    def _address(self, one: Operation) -> str:
        return f"{self.elsewhere or self.here}/_storage/{one.file}?Expires={self.life}&Signature={_signature(one)}"

    # -- reading -------------------------------------------------------------------------------------------------

    def _go_on(self, one: Operation) -> Operation:
        """Let an operation get as far as it should be by now."""
        now = self._shop.clock.now()
        if one.status == "COMPLETED" and now > (one.completed_at or 0) + self.life * SECOND:
            one.status = "EXPIRED"
        if not one.running or self._mischief.strikes("bulk_stuck"):
            return one
        one.status = "RUNNING"
        elapsed = (now - one.created_at) / SECOND
        due = one.total if elapsed >= self.seconds else int(one.total * elapsed / self.seconds)
        while one.waiting and one.total - len(one.waiting) < due and one.error is None:
            self._read(one, min(_SLICE, due - (one.total - len(one.waiting))))
        if self._mischief.strikes("bulk_canceled"):
            self._end(one, "CANCELED")
        elif one.error is not None or self._mischief.strikes("bulk_failed"):
            one.error = one.error or "INTERNAL_SERVER_ERROR"
            self._end(one, "FAILED")
        elif elapsed >= self.seconds:
            one.completed_at = now
            self._end(one, "COMPLETED")
        return one

    def _end(self, one: Operation, status: str) -> None:
        one.status = status
        one.text = b"".join(line + b"\n" for line in self._lines(one))

    def _read(self, one: Operation, count: int) -> None:
        one.visit.chosen, one.waiting = one.waiting[:count], one.waiting[count:]
        result = execute(schema(), one.document, context_value=one.visit)
        data, errors = getattr(result, "data", None), getattr(result, "errors", None)
        if errors or data is None:
            one.error = "ACCESS_DENIED"
            return
        nodes = [edge["node"] for edge in data[_name(_top(one.document))]["edges"]]
        self._mischief.bend(nodes)
        one.rows += [list(_flat(node)) for node in nodes]

    def _lines(self, one: Operation) -> Iterator[bytes]:
        """The lines of the result, in an order that the vendor allows."""
        if one.grouped or not self._mischief.strikes("bulk_scattered"):
            for row in one.rows:
                yield from row
            return
        yield from (row[0] for row in one.rows)
        parts = [iter(row[1:]) for row in one.rows]
        turns = [place for place, row in enumerate(one.rows) for _ in row[1:]]
        self._mischief.dice.shuffle(turns)
        yield from (next(parts[place]) for place in turns)  # those of one row keep their order

    # -- the storage ---------------------------------------------------------------------------------------------

    async def download(self, request: Request) -> Response:
        """A result, whole or from a byte on, for whoever has its signed address. It needs no credentials."""
        shown = [name for name in _SECRETS if name in request.headers]
        if shown:
            self.leaks += shown
            return _problem("InvalidRequest", 400)
        one = next((one for one in self.operations.values() if one.file == request.path_params["file"]), None)
        if one is None:
            return _problem("NoSuchKey", 404)
        if request.query_params.get("Signature") != _signature(one):
            return _problem("SignatureDoesNotMatch", 403)
        if self._mischief.strikes("bulk_gone") or self._go_on(one).status == "EXPIRED":
            return _problem("ExpiredToken", 400)
        text = one.text[: len(one.text) * 2 // 3] if self._mischief.strikes("bulk_cut") else one.text
        wanted = request.headers.get("range")
        self.downloads.append(wanted)
        kind = "application/jsonl"
        if wanted is None or not self.ranges:
            return Response(text, media_type=kind)
        begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if begin >= len(text):
            return Response(status_code=416)
        span = {"Content-Range": f"bytes {begin}-{len(text) - 1}/{len(text)}"}
        return Response(text[begin:], 206, headers=span, media_type=kind)


# -- queries and rows --------------------------------------------------------------------------------------------


def _refused(code: str, said: str) -> Node:
    return {"bulkOperation": None, "userErrors": [{"code": code, "field": None, "message": said}]}


def _problem(code: str, status: int) -> Response:
    said = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code></Error>"
    return Response(said, status, media_type="application/xml")


def _signature(one: Operation) -> str:
    return hashlib.sha256(f"sandbox {one.gid}".encode()).hexdigest()[:32]


def _definition(document: DocumentNode) -> OperationDefinitionNode:
    return next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))


def _top(document: DocumentNode) -> FieldNode:
    return next(node for node in _definition(document).selection_set.selections if isinstance(node, FieldNode))


def _name(node: FieldNode) -> str:
    return node.alias.value if node.alias else node.name.value


def _unfit(document: DocumentNode) -> str:
    """What the rules for bulk queries have against a query; nothing when it may run."""
    definition = _definition(document)
    if definition.operation is not OperationType.QUERY or definition.variable_definitions:
        return "it must be a query without variables"
    if len(definition.selection_set.selections) != 1 or _top(document).name.value in ("node", "nodes"):
        return "bulk queries must have one top-level field, which is a connection"
    depths = list(_connections(definition.selection_set, 0))
    if not depths:
        return "bulk queries must contain at least one connection"
    if len(depths) > _CONNECTIONS:
        return f"bulk queries cannot contain more than {_CONNECTIONS} connections"
    if max(depths) > _NESTED:
        return f"bulk queries cannot contain connections nested deeper than {_NESTED} levels"
    return "" if all(_edged(definition.selection_set)) else "connections must be asked for by edges and node"


def _connections(selection: SelectionSetNode, depth: int) -> Iterator[int]:
    """The depth of each connection."""
    for node in selection.selections:
        if isinstance(node, FieldNode) and node.selection_set is not None:
            here = any(
                isinstance(one, FieldNode) and one.name.value == "edges" for one in node.selection_set.selections
            )
            if here:
                yield depth
            yield from _connections(node.selection_set, depth + here)


def _edged(selection: SelectionSetNode) -> Iterator[bool]:
    """For every field with a selection, whether it keeps away from `nodes` and `pageInfo`."""
    for node in selection.selections:
        if isinstance(node, FieldNode) and node.selection_set is not None:
            yield node.name.value not in ("nodes", "pageInfo")
            yield from _edged(node.selection_set)


def _flat(node: dict[str, Any], parent: str | None = None) -> Iterator[bytes]:
    """A row's own line and those of all rows inside it."""
    inner = {name: value for name, value in node.items() if isinstance(value, dict) and "edges" in value}
    plain = {name: value for name, value in node.items() if name not in inner}
    if parent is not None:
        plain["__parentId"] = parent
    yield json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
    for value in inner.values():
        for edge in value["edges"]:
            yield from _flat(edge["node"], str(node["id"]))
