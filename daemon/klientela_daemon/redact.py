"""Keeps secrets and personal data out of logs, tracebacks and metrics (ASVS 16.2.5)."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"

_DENIED = re.compile(
    r"token|secret|passw|authorization|cookie|api_?key|access_?key|credential|"
    r"e_?mail|phone|first_?name|last_?name|street|address|birthday|payload|body",
    re.IGNORECASE,
)
_PATTERNS = (
    (re.compile(r"://[^/\s@]+@"), "://[hidden]@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), r"\1 [hidden]"),
    (re.compile(r"\bshp[a-z]{2}_\w+"), HIDDEN),
    (re.compile(r"[^\s@<>\"'(),;:=\[\]]+@[^\s@<>\"'(),;:\[\]]+\.[^\W\d_]{2,}"), "[e-mail]"),
    (re.compile(r"(?<![\w.+])(?:\+|00)[1-9][\d ()/.\-]{6,}\d"), "[phone]"),
    (re.compile(r"(?<![\w.:/\-])\(?0[1-9]\d{1,4}\)?[ /\-]{1,3}\d[\d \-]{3,}\d"), "[phone]"),
    (re.compile(r"(?<![\w.:/\-])0[1-9]\d{8,11}(?!\w)"), "[phone]"),
)
_SHORTEST = 4
_DEEPEST = 6

_lock = threading.Lock()
_values: set[str] = set()
_secrets: re.Pattern[str] | None = None


def hide(values: Iterable[str]) -> None:
    """Register secret values; from now on they appear nowhere, also not percent-encoded, in JSON or in Basic auth."""
    global _secrets
    with _lock:
        for value in values:
            if len(value) >= _SHORTEST:  # shorter ones would blacken half of every line
                _values.update(_forms(value))
        ordered = sorted(_values, key=len, reverse=True)
        _secrets = re.compile("|".join(map(re.escape, ordered))) if ordered else None


def _forms(value: str) -> set[str]:
    plain = b64encode(value.encode()).decode().rstrip("=")
    return {value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1], plain}


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """The text without characters that command a terminal: names come from strangers. Line ends and tabs stay."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))


def clean(text: str) -> str:
    """The text without registered secrets, e-mail addresses, phone numbers and credentials."""
    if _secrets is not None:
        text = _secrets.sub(HIDDEN, text)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def clean_value(value: Any, depth: int = 0) -> Any:
    """The same for nested values; whatever stands under a telling key is hidden whole."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return clean(value)
    if depth >= _DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        return {
            clean(str(key)): HIDDEN if _DENIED.search(str(key)) else clean_value(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean_value(item, depth + 1) for item in value]
    return clean(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def processor(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor; it stands just before the renderer."""
    for key, value in list(event.items()):
        if not key.startswith("_"):
            event[key] = HIDDEN if _DENIED.search(key) else clean_value(value)
    return event
