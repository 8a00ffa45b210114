"""Each wrong value in a CSV source's table gets one helpful sentence."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from klientela_csv.settings import CsvSettings


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("path", " ", 'path is empty; name a file or a pattern, for example path = "customers.csv"'),
        ("headers", "loose", 'headers is \'loose\', but can only be "strict" or "lenient"'),
        ("on_duplicate", "newest", 'on_duplicate is \'newest\', but can only be "first" or "last" or "error"'),
        ("decimal", ";", 'decimal is \';\', but can only be "," or "."'),
        ("delimiter", ":", 'delimiter is \':\', but can only be one of "," ";" "tab" "|"'),
        ("encoding", "utf8mb4", "encoding 'utf8mb4' is not known; the usual ones are utf-8, utf-16, cp1252 and cp1250"),
        ("encoding", "hex", "encoding 'hex' is not known; the usual ones are utf-8, utf-16, cp1252 and cp1250"),
        ("numbers", "", "numbers is empty; name the namespace of the customer numbers or leave the key out"),
        ("timezone", "Berlin", "timezone 'Berlin' is not known; write it like \"Europe/Berlin\""),
        ("columns", {"frist_name": "Vorname"}, "columns.frist_name is no field of ours; did you mean 'first_name'?"),
        ("columns", {"email": ""}, "columns.email is empty; name the header of the file or leave the key out"),
    ],
)
def test_wrong_value(key: str, value: Any, sentence: str) -> None:
    values = {"type": "csv", "path": "customers.csv", key: value}
    with pytest.raises(ValidationError) as caught:
        CsvSettings.model_validate(values)
    (error,) = caught.value.errors()
    assert error["loc"] == (key,)
    assert error["msg"] == f"Value error, {sentence}"


def test_unknown_key_is_an_error() -> None:
    with pytest.raises(ValidationError, match="colums"):
        CsvSettings.model_validate({"type": "csv", "path": "x.csv", "colums": {}})


@pytest.mark.parametrize("word", ["tab", "\t", "\\t"])
def test_tab_by_any_name(word: str) -> None:
    assert CsvSettings(type="csv", path="x.csv", delimiter=word).delimiter == "\t"
