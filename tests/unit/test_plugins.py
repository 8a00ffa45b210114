"""Finding plugins: built-ins and strangers use the same road, mistakes are named, a broken one takes nobody down."""

from __future__ import annotations

import sys
import types
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from pydantic import ConfigDict

from klientela.errors import Misconfigured
from klientela.hookspecs import hookimpl
from klientela.plugins import GROUP, find
from klientela.proposals import Proposals
from klientela.source import Shop, Source, SourceSettings


def kind(name: str, **attributes: Any) -> type[Source]:
    return type(name.title(), (Source,), {"type": name, "title": name.title(), **attributes})


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make an importable module and its entry point."""

    def plugin(name: str, *kinds: Any, **attributes: Any) -> EntryPoint:
        module = types.ModuleType(f"klientela_test_{name}")
        if kinds:

            @hookimpl
            def klientela_sources() -> list[Any]:
                return list(kinds)

            module.klientela_sources = klientela_sources  # type: ignore[attr-defined]
        for key, value in attributes.items():
            setattr(module, key, value)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return EntryPoint(name, module.__name__, GROUP)

    return plugin


def test_the_installed_plugins_are_found_by_entry_point() -> None:
    assert {"csv", "shopify"} <= {plugin.name for plugin in find().found}


def test_sources_are_made_from_settings(plugin: Any) -> None:
    found = find([plugin("one", kind("one"), kind("uno")), plugin("two", kind("two"))])
    assert sorted(found.types) == ["one", "two", "uno"]
    assert [entry.types for entry in found.found] == [("one", "uno"), ("two",)]
    source = found.make("main", SourceSettings.model_validate({"type": "uno"}), shop=Shop(currency="CHF"))
    assert (type(source).type, source.name, source.shop.currency) == ("uno", "main", "CHF")
    with pytest.raises(Misconfigured, match="'three'"):
        found.make("main", SourceSettings.model_validate({"type": "three"}))


def test_two_plugins_with_one_type_are_refused(plugin: Any) -> None:
    with pytest.raises(Misconfigured, match="'shop': alpha and beta"):
        find([plugin("beta", kind("shop")), plugin("alpha", kind("shop"))])


def test_a_misspelt_hook_is_refused(plugin: Any) -> None:
    @hookimpl
    def klientela_source() -> list[Any]:
        return []

    with pytest.raises(Misconfigured, match="plugin shop has a hook 'klientela_source'") as caught:
        find([plugin("shop", klientela_source=klientela_source)])
    assert caught.value.hint == "Did it mean klientela_sources?"


def test_a_hook_without_mark_is_refused(plugin: Any) -> None:
    with pytest.raises(Misconfigured, match="without marking"):
        find([plugin("shop", klientela_sources=list)])


def test_a_hook_with_other_arguments_is_refused(plugin: Any) -> None:
    @hookimpl
    def klientela_sources(config: object) -> list[Any]:
        return []

    with pytest.raises(Misconfigured, match="plugin shop does not fit its hook"):
        find([plugin("shop", klientela_sources=klientela_sources)])


def test_a_plugin_that_cannot_be_imported_takes_nobody_down(plugin: Any) -> None:
    found = find([EntryPoint("gone", "klientela_test_gone", GROUP), plugin("two", kind("two"))])
    assert list(found.types) == ["two"]
    assert found.broken == {"gone": "ModuleNotFoundError: No module named 'klientela_test_gone'"}


@pytest.mark.parametrize("error", [RuntimeError("no luck"), SystemExit("bye")])
def test_a_plugin_whose_hook_fails_takes_nobody_down(plugin: Any, error: BaseException) -> None:
    @hookimpl
    def klientela_sources() -> list[Any]:
        raise error

    found = find([plugin("bad", klientela_sources=klientela_sources), plugin("two", kind("two"))])
    assert list(found.types) == ["two"]
    assert list(found.broken) == ["bad"]


class Loose(SourceSettings):
    model_config = ConfigDict(extra="allow")


@pytest.mark.parametrize(
    ("brought", "said"),
    [
        (object, "no class derived"),
        ("shop", "no class derived"),
        (type("Nameless", (Source,), {"title": "x"}), "has no type"),
        (type("Untitled", (Source,), {"type": "x"}), "has no title"),
        (kind("shop", Settings=dict), "do not derive"),
        (kind("shop", Settings=Loose), "unknown keys"),
    ],
)
def test_what_is_no_source_is_refused(plugin: Any, brought: Any, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        find([plugin("shop", brought)])


def test_plugins_that_propose_are_asked_one_by_one(plugin: Any) -> None:
    def proposing(words: str) -> Any:
        @hookimpl
        def klientela_proposals(people: Any) -> Any:
            return Proposals([], [f"{words} of {len(list(people))}"])

        return klientela_proposals

    found = find(
        [plugin("b", klientela_proposals=proposing("b")), plugin("a", kind("a"), klientela_proposals=proposing("a")),
         plugin("c", kind("c"))]
    )  # fmt: skip
    asked = found.proposers()
    assert sorted(asked) == ["a", "b"]
    assert list(asked["b"]([1, 2])) == [Proposals([], ["b of 2"])]  # type: ignore[list-item]
    assert "fuzzy" in find().proposers()


def test_routes_of_plugins_that_fail_harm_no_others(plugin: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError

    def answering(brought: Any) -> Any:
        @hookimpl
        def klientela_routes(door: Any) -> Any:
            if isinstance(brought, BaseException):
                raise brought
            return brought

        return klientela_routes

    found = find(
        [
            plugin("a", klientela_routes=answering({"/a": app})),
            plugin("b", klientela_routes=answering({"/a": app, "/b": app})),
            plugin("c", klientela_routes=answering(ValueError("no"))),
            plugin("d", klientela_routes=answering(SystemExit(3))),
            plugin("e", klientela_routes=answering({"e": app, "/f": 1})),
            plugin("f", klientela_routes=answering(7)),
        ]
    )
    routes, said = found.routes(None)  # type: ignore[arg-type]
    assert set(routes) == {"/a", "/b"}
    assert said == [
        "the plugin b cannot answer at '/a': that is no prefix, or another one does",
        "the plugin c does not answer over HTTP: ValueError: no",
        "the plugin d does not answer over HTTP: SystemExit: 3",
        "the plugin e cannot answer at 'e': that is no prefix, or another one does",
        "the plugin e cannot answer at '/f': that is no prefix, or another one does",
        "the plugin f does not answer over HTTP: AttributeError: 'int' object has no attribute 'items'",
    ]
