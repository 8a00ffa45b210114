"""Cells of tables for spreadsheets: what one would take for a formula gets an apostrophe before it, reversibly (R51)."""

from __future__ import annotations

from typing import Any

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def safe(value: Any) -> str:
    """A cell as text. What a spreadsheet would take for a formula gets an apostrophe before it, reversibly: the import
    takes one apostrophe away before `=`, `+`, `-`, `@`, tab or CR, so a value like `'=1` gets one more too."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if text.lstrip("'").startswith(_DANGEROUS) else text


__all__ = ["safe"]
