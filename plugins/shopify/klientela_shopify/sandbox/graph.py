"""Answers GraphQL about a pretend shop: its schema, its lists with Relay cursors, who may read what."""

from __future__ import annotations

import base64
import binascii
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    parse,
    validate,
)

from klientela.kit import DAY, Instant
from klientela_shopify.sandbox import drafts
from klientela_shopify.sandbox.drafts import Draft, Wrong
from klientela_shopify.sandbox.search import Searchable, Unsupported, compile_query
from klientela_shopify.sandbox.shop import Shop
from klientela_shopify.sandbox.things import Thing
from klientela_shopify.sandbox.views import Node, checkout, customer, order

if TYPE_CHECKING:
    from klientela_shopify.sandbox.bulk import Bulk

MOST = 250


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request: the shop, how its lists shall misbehave, and what the last list showed."""

    shop: Shop
    bulk: Bulk
    chosen: Sequence[int] | None = None  # a bulk operation reads just these rows
    depth: int = 25_000
    generation: str = ""  # cursors of another generation are expired
    repeat: bool = False  # begin a page with the one before it
    loop: bool = False  # say that there is more, and give the same cursor again
    forget: bool = False  # treat the cursor as expired
    bare: bool = False  # show nothing
    stranger: bool = False  # answer as another shop
    listed: str = ""
    shown: list[int] = field(default_factory=list)
    more: bool = False
    warnings: list[dict[str, Any]] = field(default_factory=list)


@functools.cache
def schema() -> GraphQLSchema:
    """The executable schema of `schema.graphql`."""
    text = resources.files(__package__).joinpath("schema.graphql").read_text(encoding="utf-8")
    built = build_schema(text)
    root = built.query_type
    assert root is not None  # noqa: S101 - the file has one
    for name, resolve in RESOLVERS.items():
        root.fields[name].resolve = resolve
    changes = built.mutation_type
    assert changes is not None  # noqa: S101 - the file has it
    for name, resolve in CHANGES.items():
        changes.fields[name].resolve = resolve
    node = built.get_type("Node")
    node.resolve_type = lambda value, _info, _type: value["__typename"]  # type: ignore[union-attr]
    order = built.get_type("Order")
    assert isinstance(order, GraphQLObjectType)  # noqa: S101 - the file has one
    order.fields["customer"].resolve = _buyer
    return built


@functools.lru_cache(maxsize=64)
def prepared(query: str) -> tuple[DocumentNode, list[GraphQLError]]:
    """A query parsed and validated, once. GraphQLError when it cannot even be parsed."""
    document = parse(query)
    return document, validate(schema(), document)


def denied(name: str, scope: str) -> GraphQLError:
    """The answer to a field the token may not read."""
    needed = f"`{scope}` access scope."
    return GraphQLError(
        f"Access denied for {name} field. Required access: {needed}",
        extensions={
            "code": "ACCESS_DENIED",
            "documentation": "https://shopify.dev/api/usage/access-scopes",
            "requiredAccess": needed,
        },
    )


def _need(visit: Visit, name: str, scope: str) -> None:
    if scope not in visit.shop.scopes:
        raise denied(name, scope)


# -- lists -------------------------------------------------------------------------------------------------------


def _time(name: str) -> Searchable:
    return Searchable(lambda thing: getattr(thing, name), "time")


def _word(name: str) -> Searchable:
    return Searchable(lambda thing: getattr(thing, name), "word")


_COMMON = {
    "id": Searchable(lambda thing: thing.id, "number"),
    "created_at": _time("created_at"),
    "updated_at": _time("indexed"),  # the search index, not the object
}
SEARCH: dict[str, dict[str, Searchable]] = {
    "customers": {**_COMMON, "customer_date": _time("created_at"), "email": _word("email"), "state": _word("state")},
    "orders": {
        **_COMMON,
        "processed_at": _time("processed_at"),
        "test": _word("test"),
        "name": _word("name"),
        "financial_status": _word("status"),
        "customer_id": Searchable(lambda thing: thing.customer, "number"),
    },
    "abandonedCheckouts": {
        **_COMMON,
        "recovery_state": Searchable(
            lambda thing: "recovered" if thing.completed_at is not None else "not_recovered", "word"
        ),
    },
}
SORT: dict[str, Callable[[Any], int | str]] = {
    "ID": lambda thing: thing.id,
    "CREATED_AT": lambda thing: thing.created_at,
    "PROCESSED_AT": lambda thing: thing.processed_at,
    "UPDATED_AT": lambda thing: thing.indexed or 0,
    "NAME": lambda thing: thing.name,
}


def shelves(shop: Shop) -> dict[str, Mapping[int, Thing]]:
    """The objects of each list, by their numbers."""
    return {"customers": shop.customers, "orders": shop.orders, "abandonedCheckouts": shop.checkouts}


def rows_of(visit: Visit, kind: str, query: str | None, sort: str) -> list[Thing]:
    """The rows of a list in order; the last few lists are kept until anything changes."""
    shop = visit.shop
    wanted, unknown = compile_query(query, SEARCH[kind], ZoneInfo(shop.timezone), shop.clock.now())
    visit.warnings += [
        {"field": name, "message": "Invalid search field for this query.", "code": "invalid_field"} for name in unknown
    ]
    since: Instant | None = None
    if kind == "orders" and "read_all_orders" not in shop.scopes:
        since = shop.clock.now() - 60 * DAY  # cut off silently
    rows = [
        one
        for one in shelves(shop)[kind].values()
        if one.indexed is not None and (since is None or one.created_at >= since) and wanted(one)
    ]
    rows.sort(key=lambda one: (SORT[sort](one), one.id))
    return rows


def _cursor(visit: Visit, sort: str, one: Thing) -> str:
    value = SORT[sort](one)
    text = json.dumps({"last_id": one.id, "last_value": value, "sort": sort, "g": visit.generation})
    return base64.b64encode(text.encode()).decode()


def _after(visit: Visit, sort: str, cursor: str) -> tuple[int | str, int]:
    try:
        place = json.loads(base64.b64decode(cursor, validate=True))
        if place["sort"] == sort and place["g"] == visit.generation and not visit.forget:
            return place["last_value"], place["last_id"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        pass
    raise GraphQLError("Invalid cursor for current pagination sort.", extensions={"code": "BAD_REQUEST"})


def _list(kind: str, scope: str, view: Callable[[Shop, Any], Node]) -> Callable[..., Node]:
    def resolve(
        _root: Any,
        info: GraphQLResolveInfo[Any],
        first: int | None = None,
        after: str | None = None,
        query: str | None = None,
        reverse: bool = False,
        sortKey: str = "ID",  # noqa: N803 - the wire's word
    ) -> Node:
        visit: Visit = info.context
        _need(visit, kind, scope)
        if visit.chosen is not None:
            shelf = shelves(visit.shop)[kind]
            found = [view(visit.shop, shelf[number]) for number in visit.chosen if number in shelf]
            return {"edges": [{"cursor": "", "node": node} for node in found]}
        if first is None:
            raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
        if not 0 < first <= MOST:
            raise GraphQLError(f"first cannot exceed {MOST}", extensions={"code": "BAD_REQUEST"})
        try:
            rows = [] if visit.bare else rows_of(visit, kind, query, sortKey)
        except (Unsupported, ValueError) as error:
            raise GraphQLError(str(error), extensions={"code": "BAD_REQUEST"}) from None
        if reverse:
            rows.reverse()
        begin = _begin(visit, rows, sortKey, after, reverse)
        if begin + first > visit.depth:
            raise GraphQLError(
                f"The pagination depth limit of {visit.depth} objects is exceeded", extensions={"code": "BAD_REQUEST"}
            )
        page = rows[begin : begin + first]
        more = begin + first < len(rows)
        end = _cursor(visit, sortKey, page[-1]) if page else None
        if visit.loop and after is not None and page:
            more, end = True, after
        if visit.repeat and after is not None:
            page = rows[max(0, begin - first) : begin] + page
        visit.listed, visit.shown, visit.more = kind, [one.id for one in rows[: begin + first]], more
        nodes = [view(visit.shop, one) for one in page]
        return {
            "nodes": nodes,
            "edges": lambda _info: [
                {"cursor": _cursor(visit, sortKey, one), "node": node} for one, node in zip(page, nodes, strict=True)
            ],
            "pageInfo": {
                "hasNextPage": more,
                "hasPreviousPage": begin > 0,
                "startCursor": _cursor(visit, sortKey, page[0]) if page else None,
                "endCursor": end,
            },
        }

    return resolve


def _count(kind: str, scope: str) -> Callable[..., Node]:
    def resolve(
        _root: Any,
        info: GraphQLResolveInfo[Any],
        limit: int | None = None,
        query: str | None = None,
    ) -> Node:
        visit: Visit = info.context
        _need(visit, f"{kind}Count", scope)
        count = 0 if visit.bare else len(rows_of(visit, kind, query, "ID"))
        if limit is not None and count > limit:
            return {"count": limit, "precision": "AT_LEAST"}
        return {"count": count, "precision": "EXACT"}

    return resolve


def _begin(visit: Visit, rows: Sequence[Thing], sort: str, after: str | None, reverse: bool) -> int:
    """How many rows come before the page."""
    if after is None:
        return 0
    place = _after(visit, sort, after)
    key = SORT[sort]
    if reverse:
        return sum(1 for one in rows if (key(one), one.id) >= place)
    return sum(1 for one in rows if (key(one), one.id) <= place)


# -- roots -------------------------------------------------------------------------------------------------------


def _buyer(source: Node, info: GraphQLResolveInfo[Any]) -> Node | None:
    """Order.customer: it needs a scope of its own, and is null for guests and for customers that are gone."""
    visit: Visit = info.context
    _need(visit, "customer", "read_customers")
    buyer = visit.shop.customers.get(source["customer"])
    return customer(visit.shop, buyer) if buyer else None


def _shop(_root: Any, info: GraphQLResolveInfo[Any]) -> Node:
    shop: Shop = info.context.shop
    return {
        "__typename": "Shop",
        "id": "gid://shopify/Shop/1" if info.context.stranger else shop.gid,
        "name": shop.name,
        "myshopifyDomain": shop.domain,
        "currencyCode": shop.currency,
        "ianaTimezone": shop.timezone,
        "customerAccounts": "OPTIONAL",
    }


def _installation(_root: Any, info: GraphQLResolveInfo[Any]) -> Node:
    return {"accessScopes": [{"handle": scope} for scope in info.context.shop.scopes]}


def _node(_root: Any, info: GraphQLResolveInfo[Any], id: str) -> Node | None:  # noqa: A002 - the wire's word
    visit: Visit = info.context
    shop = visit.shop
    kind, _, number = id.removeprefix("gid://shopify/").partition("/")
    if not number.isdigit():
        raise GraphQLError(f"Invalid global id '{id}'", extensions={"code": "argumentLiteralsIncompatible"})
    key = int(number)
    if kind == "Customer":
        _need(visit, "customer", "read_customers")
        return customer(shop, shop.customers[key]) if key in shop.customers else None
    _need(visit, "order", "read_orders")
    if kind == "Order":
        return order(shop, shop.orders[key]) if key in shop.orders else None
    if kind == "AbandonedCheckout":
        return checkout(shop, shop.checkouts[key]) if key in shop.checkouts else None
    return None


def _operation(_root: Any, info: GraphQLResolveInfo[Any], id: str) -> Node | None:  # noqa: A002 - the wire's word
    visit: Visit = info.context
    return visit.bulk.show(id)


def _run_bulk(_root: Any, info: GraphQLResolveInfo[Any], query: str, groupObjects: bool = False) -> Node:  # noqa: N803
    visit: Visit = info.context
    return visit.bulk.run(query, visit, grouped=groupObjects)


def _cancel_bulk(_root: Any, info: GraphQLResolveInfo[Any], id: str) -> Node:  # noqa: A002 - the wire's word
    visit: Visit = info.context
    return visit.bulk.cancel(id)


def _change_draft(change: Callable[[Shop, Any], Draft], word: str) -> Callable[..., Node]:
    def resolve(_root: Any, info: GraphQLResolveInfo[Any], **said: Any) -> Node:
        visit: Visit = info.context
        _need(visit, word, "write_draft_orders")
        shop = visit.shop
        try:
            made = change(shop, said["input"] if "input" in said else said["id"])
        except Wrong as error:
            return {"draftOrder": None, "userErrors": [error.said]}
        became = order(shop, shop.orders[made.order]) if made.order is not None else None
        return {"draftOrder": drafts.view(made, became), "userErrors": []}

    return resolve


RESOLVERS: dict[str, Callable[..., Any]] = {
    "shop": _shop,
    "currentAppInstallation": _installation,
    "node": _node,
    "customer": _node,
    "order": _node,
    "customers": _list("customers", "read_customers", customer),
    "orders": _list("orders", "read_orders", order),
    "abandonedCheckouts": _list("abandonedCheckouts", "read_orders", checkout),
    "customersCount": _count("customers", "read_customers"),
    "ordersCount": _count("orders", "read_orders"),
    "abandonedCheckoutsCount": _count("abandonedCheckouts", "read_orders"),
    "bulkOperation": _operation,
}
CHANGES: dict[str, Callable[..., Any]] = {
    "bulkOperationRunQuery": _run_bulk,
    "bulkOperationCancel": _cancel_bulk,
    "draftOrderCreate": _change_draft(drafts.create, "draftOrderCreate"),
    "draftOrderComplete": _change_draft(drafts.complete, "draftOrderComplete"),
}
