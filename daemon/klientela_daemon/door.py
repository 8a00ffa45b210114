"""The house behind its door: what plugins that answer HTTP may ask for (klientela.door), carried out on the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from klientela.door import Asked, Caller, Item, Taken, Ticket
from klientela.errors import Interrupted, Misconfigured, NotAdmitted, NotAllowed
from klientela.flow import work
from klientela.flow.push import push
from klientela.rules.rates import Rates
from klientela.source import Shop
from klientela.store import facts, operation, tokens
from klientela.store.database import Store
from klientela.store.notes import without_internal
from klientela.store.profile import profile, resolve_id
from klientela.store.tokens import Token
from klientela_daemon import lists, logs
from klientela_daemon.failures import sentence
from klientela_daemon.house import House

log = logs.logger("klientela.door")

TYPE = "api"
"""The type of sources that are pushed into."""


class HouseDoor:
    """A door. `house` gives the configuration of the moment; `wrote` is told how many things were pushed."""

    def __init__(
        self,
        store: Store,
        house: Callable[[], House],
        *,
        stop: threading.Event | None = None,
        wrote: Callable[[int], None] | None = None,
    ) -> None:
        self._store = store
        self._house = house
        self._stop = stop or threading.Event()
        self._wrote = wrote
        self._wrong: str | None = None  # what was last said of a rate file that cannot be used

    def admit(self, token: str | None, scope: str) -> Caller:
        """Whose token this is; noted as used, to the hour."""
        if self._stop.is_set():
            raise Interrupted("klientela is stopping", hint="Try again in a moment.")
        with self._store.reading() as db:
            found = tokens.find(db, token) if token else None
            row = facts.sources(db).get(found.source) if found and found.source is not None else None
        if found is None:
            raise NotAdmitted("the token is not valid", hint="`klientela token new` makes one; perhaps it was revoked.")
        if scope not in found.scopes:
            raise NotAllowed(
                f"the token {found.name} is not good for {scope}",
                hint=f"Make one with `klientela token new NAME --scope {scope}`.",
            )
        source = row.label if row else None
        if scope.startswith("push:"):
            self._there(found, source)
        elif tokens.stale(found, operation.now()):
            with self._store.step("token used") as step:
                tokens.touch(step, found.id)
        return Caller(found.id, found.name, source)

    def _there(self, token: Token, source: str | None) -> None:
        configured = self._house().config.settings.sources.get(source) if source is not None else None
        if configured is None or configured.type != TYPE:
            raise NotAllowed(
                f"the source that the token {token.name} pushes into is not in the configuration any more",
                hint='Put its table [sources.NAME] with type = "api" back, or make a token for another source.',
            )

    def shop(self, caller: Caller) -> Shop:
        """Time zone and currency of what this caller pushes."""
        config = self._house().config
        shop = config.shop()
        settings = config.settings.sources.get(caller.source) if caller.source is not None else None
        if settings is not None and settings.timezone is not None:
            return replace(shop, timezone=ZoneInfo(settings.timezone))
        return shop

    def take(self, caller: Caller, stream: str, items: Sequence[Item], ticket: Ticket | None = None) -> Taken:
        """Store pushed things; committed when this returns."""
        if self._stop.is_set():
            raise Interrupted("klientela is stopping", hint="Try again in a moment.")
        assert caller.source is not None  # noqa: S101 - admitted for pushing
        taken = push(self._store, caller, caller.source, stream, items, ticket)
        said = [one.status for one in taken.outcomes]
        counts = {status: said.count(status) for status in ("accepted", "unchanged", "rejected")}
        log.info("pushed", token=caller.name, source=caller.source, stream=stream, again=taken.again, **counts)
        for remark in taken.remarks:
            log.warning("remark of a push", source=caller.source, remark=remark)
        if self._wrote is not None and not taken.again:
            self._wrote(counts["accepted"])
        return taken

    def customers(self, caller: Caller, asked: Asked) -> Mapping[str, Any]:
        """A page of the list. Who read how many is logged, not what was searched for (R59)."""
        house = self._house()
        name, view = lists.view_named(house, asked.view)
        with self._store.reading() as db:
            document = lists.document(
                db,
                name,
                view,
                search=asked.search,
                sort=asked.sort,
                page=asked.page,
                size=asked.size,
                source=asked.source,
                inactive=asked.inactive,
                segment=asked.segment,
                filters=asked.filters,
                rates=self._rates(house),
            )
        log.info("customers were read", token=caller.name, view=name, rows=len(document["rows"]))
        return document

    def customer(self, caller: Caller, id_: str, view: str | None = None) -> Mapping[str, Any]:
        """A profile; any id ever shown. What operators wrote for themselves alone is not in it (R40)."""
        house = self._house()
        name, chosen = lists.view_named(house, view)
        with self._store.reading() as db:
            whole = profile(
                db,
                resolve_id(db, self._store.key, id_),
                chosen,
                key=self._store.key,
                rates=self._rates(house),
                now=operation.now(),
            )
            found = without_internal(whole)
            found["left"] = work.left(db)
        log.info("a customer was read", token=caller.name, view=name, customer=found["id"])
        return found

    def _rates(self, house: House) -> Rates | None:
        """The newest exchange rates. A file that was replaced by a wrong one harms no reader: the rates before it stay."""
        file = house.config.rate_file
        if file is None:
            return None
        try:
            return file.read()
        except Misconfigured as error:
            said = sentence(error)
            if said != self._wrong:
                log.warning("the rates stay as they were", reason=said)
            self._wrong = said
            return file.last
