"""A source made of records in memory: what a test wants to arrive, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from klientela.flow import rules
from klientela.flow.sync import Report, sync
from klientela.kit import Checked, Page, Position, Record, Source, SourceSettings, Stream, Window
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import Store


class Shop(Source):
    """Yields the given records in the given order, in one stream."""

    type = "memory"
    title = "Memory"

    def __init__(
        self,
        name: str,
        records: Iterable[Record],
        *,
        size: int = 250,
        identity: str | None = None,
        complete: bool = False,
        exists: Sequence[str] | None = None,
    ) -> None:
        """`exists`: the external ids of customers that a sweep finds; without it the shop cannot be swept."""
        super().__init__(name, SourceSettings(type="memory"))
        self.records: Sequence[Record] = list(records)
        self.size = size
        self.identity = identity
        self.complete = complete
        self.exists = exists

    def check(self) -> Checked:
        return Checked(identity=self.identity)

    def streams(self) -> Sequence[Stream]:
        sweep = None if self.exists is None else lambda: iter([self.exists or []])
        return [Stream("all", self._read, snapshot=True, complete=self.complete, sweep=sweep)]

    def _read(self, window: Window, position: Position) -> Iterator[Page]:
        for start in range(position or 0, len(self.records), self.size):
            yield Page(self.records[start : start + self.size], start + self.size)


def bring(store: Store, name: str, records: Iterable[Record], *, size: int = 250) -> Report:
    """Sync records into a store as source `name`; the run must end well."""
    report = sync(store, Shop(name, records, size=size))
    assert report.status == "ok", report.error
    return report


def use(store: Store, **settings: object) -> Ruleset:
    """Adopt a ruleset: keyword arguments of Ruleset; `sources` may map names to guest policies or SourceRules."""
    sources = settings.pop("sources", {})
    assert isinstance(sources, dict)
    made = {n: r if isinstance(r, SourceRules) else SourceRules(guests=r) for n, r in sources.items()}
    ruleset = Ruleset(sources=made, **settings)  # type: ignore[arg-type]
    assert rules.adopt(store, ruleset)
    return ruleset
