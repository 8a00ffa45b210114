"""What `doctor` finds: one thing that was looked at, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what, how it is, a sentence, and how many it concerns."""

    check: str
    level: Level
    message: str
    count: int = 0


__all__ = ["Finding", "Level"]
