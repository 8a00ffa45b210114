"""What an operator may write in the table of a CSV source, and the sentence for each wrong value."""

from __future__ import annotations

import codecs
import difflib
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from pydantic import field_validator

from klientela.kit import Field, SourceSettings
from klientela_csv.fields import FIELDS

Decimal = Literal[",", "."]
OnDuplicate = Literal["first", "last", "error"]

# TOML writes a tab as "\t"; environment variables cannot, so the word is understood too.
_DELIMITERS = {",": ",", ";": ";", "\t": "\t", "\\t": "\t", "tab": "\t", "|": "|"}


class CsvSettings(SourceSettings):
    """The keys of a CSV source (contract.md)."""

    path: str = Field(description="the file, or a pattern like exports/*.csv; relative to the configuration")
    headers: Literal["strict", "lenient"] = Field("lenient", description="strict: exactly the sample's (R47)")
    columns: dict[str, str] = Field({}, description="our field = their header, where no known layout fits")
    delimiter: str | None = Field(None, description="one of , ; tab |, when the header does not tell")
    encoding: str | None = Field(None, description="e.g. utf-8, cp1252, cp1250, when the bytes do not tell")
    decimal: Decimal | None = Field(None, description="the decimal separator of amounts: , or .")
    on_duplicate: OnDuplicate = Field(
        "first",
        description="which row of one id holds: first or last; error: the first, the others wait in the quarantine (R50)",
    )
    numbers: str | None = Field(None, description="namespace of the customer numbers; the source itself if unset")
    complete: bool = Field(False, description="rows that are missing are gone at the source (R50c)")

    @field_validator("path", mode="before")
    @classmethod
    def _path(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            raise ValueError('path is empty; name a file or a pattern, for example path = "customers.csv"')
        return value

    @field_validator("headers", mode="before")
    @classmethod
    def _headers(cls, value: Any) -> Any:
        return _one_of("headers", value, ("strict", "lenient"))

    @field_validator("on_duplicate", mode="before")
    @classmethod
    def _on_duplicate(cls, value: Any) -> Any:
        return _one_of("on_duplicate", value, ("first", "last", "error"))

    @field_validator("decimal", mode="before")
    @classmethod
    def _decimal(cls, value: Any) -> Any:
        return value if value is None else _one_of("decimal", value, (",", "."))

    @field_validator("delimiter", mode="before")
    @classmethod
    def _delimiter(cls, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, str) or value not in _DELIMITERS:
            raise ValueError(f'delimiter is {value!r}, but can only be one of "," ";" "tab" "|"')
        return _DELIMITERS[value]

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            b"a".decode(value, "replace")  # refuses codecs that are none of text, such as hex
            name = codecs.lookup(value).name
        except (LookupError, UnicodeError):
            raise ValueError(
                f"encoding {value!r} is not known; the usual ones are utf-8, utf-16, cp1252 and cp1250"
            ) from None
        return "utf-8" if name == "utf-8-sig" else name

    @field_validator("numbers")
    @classmethod
    def _numbers(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("numbers is empty; name the namespace of the customer numbers or leave the key out")
        return value

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (LookupError, ValueError, OSError):
                raise ValueError(f'timezone {value!r} is not known; write it like "Europe/Berlin"') from None
        return value

    @field_validator("columns")
    @classmethod
    def _columns(cls, value: dict[str, str]) -> dict[str, str]:
        for field, header in value.items():
            if field not in FIELDS:
                close = difflib.get_close_matches(field, sorted(FIELDS), n=1)
                guess = f"; did you mean {close[0]!r}?" if close else "; known are, for example, email and last_name"
                raise ValueError(f"columns.{field} is no field of ours{guess}")
            if not header.strip():
                raise ValueError(f"columns.{field} is empty; name the header of the file or leave the key out")
        return value


def _one_of(key: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        said = " or ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f"{key} is {value!r}, but can only be {said}")
    return cast("str", value)
