"""What a plugin prints and logs in its own process, on its way into our log: cut short, and prints only with debug.

Prints may hold anything, also names that no pattern finds; so they are told in full only to who asks for debug.
"""

from __future__ import annotations

import logging
from typing import Any

from klientela_daemon import logs

log = logs.logger("klientela.source")

_PRINTED = 20_000  # bytes of a run that are shown
_LOGGED = 1_000  # lines of a run's log


class Words:
    """The words of one run."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._printed = 0
        self._logged = 0

    def take(self, data: bytes) -> None:
        """Something printed to stdout or stderr."""
        self._printed += len(data)
        self._kept += data[: max(0, _PRINTED - len(self._kept))]

    def relay(self, source: str, line: dict[str, Any]) -> None:
        """A line of the process's log into ours, as it was meant but for tracebacks."""
        self._logged += 1
        if self._logged > _LOGGED:
            return
        event, level = str(line.pop("event", "")), logging.getLevelName(str(line.pop("level", "info")).upper())
        trace = line.pop("exception", None)
        line.pop("timestamp", None)
        line.setdefault("source", source)
        facts = {str(key): value for key, value in line.items() if str(key) not in ("self", "level", "event")}
        log.log(level if isinstance(level, int) else logging.INFO, event, **facts)
        if trace:
            log.debug("where it happened", source=source, trace=str(trace))

    def tell(self, source: str) -> None:
        """At the end of the run: that it printed, and what."""
        if self._printed:
            log.info("the plugin printed something; --log-level debug shows it", source=source, bytes=self._printed)
            for line in self._kept.decode("utf-8", "replace").splitlines():
                log.debug("the plugin printed", source=source, text=line)
        if self._logged > _LOGGED:
            log.warning("the plugin logs too much; the rest was left out", source=source, lines=self._logged)
