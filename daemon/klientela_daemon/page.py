"""The one spot where the page comes into the house: what it may ask of the daemon, and its first address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.types import ASGIApp

from klientela.flow.proposing import Proposer
from klientela.plugins import Plugins
from klientela.settings import Configuration
from klientela.store import Store, users
from klientela_daemon.house import House
from klientela_web import application


class PageHouse:
    """The house as the page sees it. `house` gives the configuration of the moment; `sync` begins a run beside all else;
    `running` tells how far each is."""

    def __init__(
        self,
        store: Store,
        house: Callable[[], House],
        sync: Callable[[str, bool], bool],
        running: Callable[[], Mapping[str, Mapping[str, Any]]],
    ) -> None:
        self._store = store
        self._house = house
        self._sync = sync
        self._running = running

    @property
    def store(self) -> Store:
        """The open store."""
        return self._store

    @property
    def config(self) -> Configuration:
        """The configuration of the moment."""
        return self._house().config

    @property
    def plugins(self) -> Plugins:
        """What is installed."""
        return self._house().plugins

    def proposers(self) -> Sequence[Proposer]:
        """The plugins that propose pairs for the review queue."""
        return self._house().proposers()

    def sync(self, source: str, *, full: bool = False) -> bool:
        """Run a source now; False when it runs already. UnknownThing for one that is not configured."""
        self._house().chosen([source])
        return self._sync(source, full)

    def progress(self) -> Mapping[str, Mapping[str, Any]]:
        """The runs under way."""
        return self._running()


def page(
    store: Store,
    house: Callable[[], House],
    sync: Callable[[str, bool], bool],
    running: Callable[[], Mapping[str, Mapping[str, Any]]],
) -> ASGIApp:
    """The page of this daemon."""
    return application(PageHouse(store, house, sync, running))


def first_steps(store: Store, url: str) -> str | None:
    """What to tell whoever starts a daemon whose page nobody can enter yet."""
    with store.reading() as db:
        if users.any_user(db):
            return None
    return f"the page at {url} has no user yet: klientela user new NAME --role admin"


def door(store: Store, url: str, role: str = "admin") -> str:
    """An address that signs in once: for the demo on this machine."""
    with store.step("sign in") as step:
        return f"{url}/enter/{users.link(step, role)}"


__all__ = ["PageHouse", "door", "first_steps", "page"]
