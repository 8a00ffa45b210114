"""What an answer means: refused for good, worth another try, how long to wait, and whether it is JSON at all.

Nothing here repeats what a shop sent: bodies hold personal data, and some servers echo tokens.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from klientela.errors import SourceBroken, SourceError, SourceRefused

_FIRST_WAIT = 1.0  # seconds before the second try; doubles with each further one
_FIRST_WAIT_CROWDED = 4.0
_LONGEST_BACKOFF = 60.0  # seconds; longer waits only where the shop asks for them
_TRY_AGAIN = frozenset({408, 421, 425, 429})  # and all of 5xx but those that cannot pass
_NEVER = frozenset({501, 505, 510})
_GARBAGE = 3  # times a 200 that is no JSON: a maintenance page may pass, a login page never does
_BOM = b"\xef\xbb\xbf"

_REFUSALS: Mapping[int, tuple[str, str]] = {
    401: (
        "did not accept our credentials",
        "check this source's token, key or password in the configuration; it may have expired",
    ),
    402: ("is frozen because a bill is unpaid", "settle the shop's plan with the vendor, then sync again"),
    403: (
        "does not allow us to read this",
        "grant the app or key the reading permissions (scopes) this source needs, or ask the shop's owner",
    ),
    404: (
        "does not know this address",
        "check the shop's name, base_url and API version in this source's configuration",
    ),
    410: ("no longer offers this address", "set a newer API version, or update klientela"),
    423: ("is locked by its vendor", "ask the shop's owner or the vendor to unlock it, then sync again"),
}


NEXT_RUN = "The next run tries again; if it stays so, look at the shop's status page"
_PAGE = "Check the address and the credentials, and whether the shop is in maintenance; the next run tries again"
_SHAPE = "The vendor may have changed its API: check the API version of this source, or update klientela"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a try failed although the next one may work. `said` completes the sentence "<address> ..."."""

    said: str
    hint: str = NEXT_RUN
    wait: float | None = None  # seconds the shop asked for
    crowded: bool = False  # we were too many: everybody who asks this host has to wait
    most: int = 1_000_000  # times this may happen within one call; 1 where no other try can help

    def error(self, where: str, tries: int = 1) -> SourceBroken:
        """The error it becomes when patience is at its end."""
        last = f", after {tries} tries" if tries > 1 else ""
        return SourceBroken(f"{where} {self.said}{last}", hint=self.hint)


def trouble_of(status: int, wait: float | None, where: str) -> Trouble:
    """What an unwanted status means. SourceRefused or SourceBroken where no other try will cure it."""
    if status in _TRY_AGAIN or (status >= 500 and status not in _NEVER):
        crowded = status == 429 or (status == 503 and wait is not None)
        return Trouble(f"answered with status {status}", wait=wait, crowded=crowded)
    raise _refusal(status, where)


def _refusal(status: int, where: str) -> SourceError:
    if status in _REFUSALS:
        said, hint = _REFUSALS[status]
        return SourceRefused(f"{where} {said} (status {status})", hint=hint)
    if 400 <= status < 500:
        return SourceRefused(
            f"{where} did not understand our request (status {status})",
            hint="Check the API version of this source; if it is right, klientela needs an update",
        )
    return SourceBroken(f"{where} answered with the unexpected status {status}", hint=NEXT_RUN)


def backoff(tries: int, asked: float | None, crowded: bool = False) -> float:
    """Seconds until the next try: what the shop asked for and a little more, or doubling with jitter.

    The jitter keeps sources that failed together from coming back together. Many limits count by the minute, so
    "too many" without a time starts higher: six tries outlast that minute.
    """
    if asked is not None:
        return asked + random.uniform(0, min(1.0, 0.1 * asked + 0.05))
    most: float = min((_FIRST_WAIT_CROWDED if crowded else _FIRST_WAIT) * 2 ** (tries - 1), _LONGEST_BACKOFF)
    return random.uniform(most / 2, most)


def seconds_of(retry_after: str) -> float | None:
    """`Retry-After` in its form of seconds; None for anything else."""
    try:
        seconds = float(retry_after)
    except ValueError:
        return None
    return None if math.isnan(seconds) else max(0.0, seconds)


def span(seconds: float) -> str:
    """A span of time for people: "45 seconds", "12 minutes", "31 years"."""
    if seconds == math.inf:
        return "an endless time"
    for unit, length in (("year", 31_556_952), ("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}s"
    return f"{seconds:.0f} seconds"


def decode(content: bytes, content_type: str, kind: Any) -> Any:
    """A JSON body decoded into `kind` (any msgspec type), or the Trouble with it.

    Without values: msgspec's words may quote the body, and so may the context of an exception.
    """
    if content.startswith(_BOM):
        content = content[len(_BOM) :]
    elif "charset=" in content_type and _is_latin(content_type):
        content = content.decode("latin-1").encode()
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        return Trouble(f"answered in another shape than expected: {_shape(str(error))}", hint=_SHAPE, most=1)
    except (ValueError, RecursionError):
        return _no_json(content, content_type)


def _is_latin(content_type: str) -> bool:
    """Only a server that says so is believed; guessing would turn names into garbage."""
    return any(name in content_type.lower() for name in ("iso-8859-1", "latin-1", "latin1"))


def _no_json(content: bytes, content_type: str) -> Trouble:
    """What came instead of JSON."""
    start = content[:200].lstrip(_BOM + b" \t\r\n")
    if not start:
        return Trouble("answered with an empty body instead of JSON", most=_GARBAGE)
    if start.startswith(b"<") or "html" in content_type:
        said = "answered with an HTML page (a login or maintenance page) instead of JSON"
        return Trouble(said, hint=_PAGE, most=_GARBAGE)
    return Trouble("answered with JSON that is cut off or damaged", most=_GARBAGE)


def _shape(text: str) -> str:
    """msgspec's sentence without the values it may quote: types, field names and the path stay."""
    what, _, path = text.partition(" - at `")
    if not what.startswith(("Expected ", "Object missing ")):
        what = "Invalid value"
    return f"{what[0].lower()}{what[1:]}" + (f" at {path.rstrip('`')}" if path else "")
