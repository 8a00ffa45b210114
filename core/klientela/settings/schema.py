"""The JSON Schema of the configuration, for editors; the plugins' own keys are part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from klientela.settings.model import Settings
from klientela.source import Source


def schema(types: Mapping[str, type[Source]]) -> dict[str, Any]:
    """A JSON Schema (2020-12) of klientela.toml; each source is checked by the schema of its type."""
    models = [(Settings, "validation"), *((kind.Settings, "validation") for _, kind in sorted(types.items()))]
    refs, document = models_json_schema(models, title="klientela.toml")  # type: ignore[arg-type]
    definitions = document["$defs"]
    choices = []
    for name, kind in sorted(types.items()):
        choices.append({"allOf": [refs[(kind.Settings, "validation")], {"properties": {"type": {"const": name}}}]})
    root = definitions.pop(refs[(Settings, "validation")]["$ref"].rpartition("/")[2])
    root["properties"]["sources"] = {
        "description": "One table per connected source; the name is the badge's shop.",
        "type": "object",
        "additionalProperties": {"oneOf": choices} if choices else False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": "klientela.toml",
        "$defs": definitions,
    }
