"""The patient HTTP client every source gets: it retries, waits, measures, hides secrets and gives up with a sentence."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from klientela.errors import SourceBroken


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that arrived whole: status, headers, body (decompressed)."""

    status: int
    headers: httpx.Headers
    content: bytes

    def json(self, kind: Any = Any) -> Any:
        """The body decoded into `kind` (any msgspec type). SourceBroken when it is HTML, cut off or of another shape."""
        try:
            return msgspec.json.decode(self.content, type=kind)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise SourceBroken(f"the answer is no usable JSON ({error})") from error


class Http:
    """One base URL, one budget. Placeholder signature; see tests/unit/test_http.py for the behaviour."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float = 30.0,
        max_bytes: int = 64 * 2**20,
        min_interval: float = 0.0,
        tries: int = 6,
        longest_wait: float = 300.0,
        secrets: Sequence[str] = (),
        stop: threading.Event | None = None,
    ) -> None:
        raise NotImplementedError
