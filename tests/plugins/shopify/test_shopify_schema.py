"""Every question is valid: in the pretend shop's schema always, in Shopify's own where the material is present."""

from __future__ import annotations

import functools
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_client_schema,
    build_schema,
    parse,
    validate,
)

from klientela_shopify import queries
from klientela_shopify.sandbox.cost import Price, Purse
from klientela_shopify.sandbox.graph import schema

SHARED = Path(__file__).parents[3].parent / "shared" / "wire" / "data" / "shopify"
VERSIONS = ("2026-07", "2026-10")
QUERIES = {
    name: text for name, text in vars(queries).items() if name.isupper() and re.search("(query|mutation) ", str(text))
}

# what the pruned cut leaves out of the real schema; the full one is asked in the slow tests
_NOT_IN_THE_CUT = (
    "'node'",
    "'pageInfo' on type 'MailingAddressConnection'",
    "'pageInfo' on type 'AbandonedCheckoutLine",
    "'edges' on type 'OrderConnection'",
    "'edges' on type 'LineItemConnection'",
    "'edges' on type 'AbandonedCheckout",
    "'bulkOperationCancel'",
    "'whatsAppMarketingConsent'",
    "'customersCount'",
    "'ordersCount'",
    "'abandonedCheckoutsCount'",
    "'draftOrderCreate'",
    "'draftOrderComplete'",
    '"DraftOrderInput"',
    "'DraftOrderInput'",
)
_FORBIDDEN = ("unsubscribeUrl", "marketingUnsubscribeUrl", "openTrackingUrl")  # these need write scopes


def material(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the vendor's schema ../shared/wire/data/shopify/{name} is not here")
    return path


@functools.cache
def introspection(version: str) -> dict[str, Any]:
    with gzip.open(material(f"admin_{version}.json.gz")) as file:
        return dict(json.load(file)["data"])


@functools.cache
def real(version: str) -> GraphQLSchema:
    # assumed valid: some deprecations in Shopify's own schema break a rule that newer graphql-core checks
    return build_client_schema(introspection(version), assume_valid=True)  # type: ignore[arg-type]


def test_there_are_questions() -> None:
    assert set(QUERIES) == {
        "SHOP",
        "CLOCK",
        "CUSTOMERS",
        "ORDERS",
        "CHECKOUTS",
        "CUSTOMER_IDS",
        "MORE_ADDRESSES",
        "MORE_ORDER_LINES",
        "MORE_CHECKOUT_LINES",
        "BULK_CUSTOMERS",
        "BULK_ORDERS",
        "BULK_CHECKOUTS",
        "BULK_RUN",
        "BULK_LOOK",
        "BULK_CANCEL",
        "DRAFT_CREATE",
        "DRAFT_COMPLETE",
        "CUSTOMERS_COUNT",
        "ORDERS_COUNT",
        "CHECKOUTS_COUNT",
    }


@pytest.mark.parametrize("name", QUERIES)
def test_the_pretend_shop_understands_every_question(name: str) -> None:
    assert validate(schema(), parse(QUERIES[name])) == []


@pytest.mark.parametrize("name", QUERIES)
def test_nothing_is_asked_that_needs_a_write_scope(name: str) -> None:
    assert [word for word in _FORBIDDEN if word in QUERIES[name]] == []


@pytest.mark.parametrize(
    ("name", "first"), [("CUSTOMERS", 100), ("ORDERS", 50), ("CHECKOUTS", 50), ("CUSTOMER_IDS", 250)]
)
def test_pages_are_affordable(name: str, first: int) -> None:
    document = parse(QUERIES[name])
    root = schema().query_type
    assert root is not None
    cost = Price(schema(), {}, {"first": first}).requested(document.definitions[0].selection_set, root)  # type: ignore[attr-defined]
    assert cost <= Purse().most


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", QUERIES)
def test_the_pruned_schema_of_the_vendor_knows_every_field(name: str, version: str) -> None:
    cut = build_schema(material(f"admin_{version}.pruned.graphql").read_text(encoding="utf-8"))
    said = [error.message for error in validate(cut, parse(QUERIES[name]))]
    assert [one for one in said if not any(gap in one for gap in _NOT_IN_THE_CUT)] == []


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_the_full_schema_of_the_vendor_accepts_every_question(version: str) -> None:
    said = {name: [error.message for error in validate(real(version), parse(text))] for name, text in QUERIES.items()}
    assert said == {name: [] for name in QUERIES}


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_the_full_schema_refuses_what_is_wrong(version: str) -> None:
    wrong = QUERIES["ORDERS"].replace("displayFinancialStatus", "financialStatus")
    assert validate(real(version), parse(wrong)) != []


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_the_pretend_schema_is_a_part_of_the_real_one(version: str) -> None:
    types = {one["name"]: one for one in introspection(version)["__schema"]["types"]}
    missing: list[str] = []
    for name, kind in schema().type_map.items():
        if name.startswith("__") or name in ("String", "Int", "Float", "Boolean", "ID"):
            continue
        missing += [f"{name}: {what}" for what in _differences(kind, types.get(name))]
    assert missing == []


def _differences(kind: Any, other: dict[str, Any] | None) -> list[str]:
    """What a type of ours has that the real type has not, or has otherwise."""
    if other is None:
        return ["no such type"]
    if isinstance(kind, GraphQLEnumType):
        return sorted(set(kind.values) - {one["name"] for one in other["enumValues"]})
    if isinstance(kind, GraphQLInputObjectType):
        fields = {one["name"]: _written(one["type"]) for one in other["inputFields"]}
        ours = {name: str(field.type) for name, field in kind.fields.items()}
        needed = [name for name, type_ in fields.items() if type_.endswith("!") and name not in ours]
        wrong = [
            f"{name} is {fields.get(name)}, not {type_}" for name, type_ in ours.items() if fields.get(name) != type_
        ]
        return [*wrong, *(f"lacks {name}" for name in needed)]
    if not isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)):
        return [] if other["kind"] == "SCALAR" else ["is no scalar"]
    fields = {one["name"]: one for one in other["fields"]}
    found = [f"implements {one.name}" for one in kind.interfaces if one.name not in _names(other["interfaces"])]
    for name, field in kind.fields.items():
        theirs = fields.get(name)
        if theirs is None:
            found.append(f"no field {name}")
            continue
        if str(field.type) != _written(theirs["type"]):
            found.append(f"{name} is {_written(theirs['type'])}, not {field.type}")
        arguments = {one["name"]: _written(one["type"]) for one in theirs["args"]}
        found += [
            f"{name}({argument}: {ours.type})"
            for argument, ours in field.args.items()
            if arguments.get(argument) != str(ours.type)
        ]
    return found


def _names(types: list[dict[str, Any]]) -> set[str]:
    return {one["name"] for one in types}


def _written(kind: dict[str, Any]) -> str:
    if kind["kind"] == "NON_NULL":
        return f"{_written(kind['ofType'])}!"
    return f"[{_written(kind['ofType'])}]" if kind["kind"] == "LIST" else str(kind["name"])


def test_differences_are_seen() -> None:
    kind = schema().type_map["Money" + "V2"]
    right = {
        "interfaces": [],
        "fields": [
            {
                "name": "amount",
                "args": [],
                "type": {"kind": "NON_NULL", "ofType": {"kind": "SCALAR", "name": "Decimal"}},
            },
            {
                "name": "currencyCode",
                "args": [],
                "type": {"kind": "NON_NULL", "ofType": {"kind": "ENUM", "name": "CurrencyCode"}},
            },
        ],
    }
    assert _differences(kind, right) == []
    assert _differences(kind, {**right, "fields": right["fields"][:1]}) == ["no field currencyCode"]
    right["fields"][0]["type"] = {"kind": "SCALAR", "name": "Decimal"}  # type: ignore[index]
    assert _differences(kind, right) == ["amount is Decimal, not Decimal!"]
    assert _differences(kind, None) == ["no such type"]
