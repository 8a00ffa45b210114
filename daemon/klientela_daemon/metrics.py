"""Counters of this process, shown as Prometheus text; names and numbers of sources, never of people."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from klientela.model.instants import SECOND, Instant
from klientela.store.operation import SourceState

_RECORDS = ("read", "new", "changed", "unchanged", "rejected", "suppressed")
_IDENTITY = ("merged", "split")


class Metrics:
    """What happened since the process started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: Counter[tuple[str, str]] = Counter()
        self._records: Counter[tuple[str, str]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._delivered: Counter[tuple[str, str]] = Counter()

    def count(self, report: Mapping[str, Any]) -> None:
        """Add one run as `sync --json` shows it."""
        source = str(report["source"])
        with self._lock:
            self._runs[source, str(report["status"])] += 1
            self._seconds[source] += report.get("duration_s") or 0
            for what in (*_RECORDS, *_IDENTITY):
                self._records[source, what] += int(report.get(what) or 0)

    def delivered(self, source: str, result: str) -> None:
        """Add one webhook delivery and what became of it: kept | ignored | refused | busy."""
        with self._lock:
            self._delivered[source, result] += 1

    def text(
        self, states: Mapping[str, SourceState], stale: Mapping[str, object], busy: list[str], now: Instant
    ) -> str:
        """All metrics in the Prometheus exposition format."""
        with self._lock:
            lines = [
                *_family("klientela_runs_total", "counter", "Runs by source and status.", {
                    _labels(source=source, status=status): count for (source, status), count in self._runs.items()
                }),
                *_family("klientela_records_total", "counter", "Records by source and what became of them.", {
                    _labels(source=source, result=what): count
                    for (source, what), count in self._records.items() if what in _RECORDS
                }),
                *_family("klientela_identity_total", "counter", "Customers merged and split by source.", {
                    _labels(source=source, kind=what): count
                    for (source, what), count in self._records.items() if what in _IDENTITY
                }),
                *_family("klientela_run_seconds_total", "counter", "Time spent in runs.", {
                    _labels(source=source): round(seconds, 3) for source, seconds in self._seconds.items()
                }),
                *_family("klientela_webhooks_total", "counter", "Webhook deliveries by source and answer.", {
                    _labels(source=source, result=result): count
                    for (source, result), count in self._delivered.items()
                }),
            ]  # fmt: skip
        lines += _family(
            "klientela_last_success_age_seconds",
            "gauge",
            "Seconds since the last good run.",
            {
                _labels(source=name): round((now - state.success) / SECOND, 3)
                for name, state in states.items()
                if state.connected and state.success is not None
            },
        )
        lines += _family(
            "klientela_source_stale",
            "gauge",
            "1 when a source has had no good run for twice its interval.",
            {_labels(source=name): int(name in stale) for name, state in states.items() if state.connected},
        )
        lines += _family("klientela_running", "gauge", "Runs in progress.", {"": len(busy)})
        return "\n".join(lines) + "\n"


def _family(name: str, kind: str, help_text: str, values: Mapping[str, float]) -> list[str]:
    return [
        f"# HELP {name} {help_text}",
        f"# TYPE {name} {kind}",
        *(f"{name}{labels} {value}" for labels, value in sorted(values.items())),
    ]


def _labels(**pairs: str) -> str:
    return "{" + ",".join(f'{key}="{_escape(value)}"' for key, value in pairs.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
