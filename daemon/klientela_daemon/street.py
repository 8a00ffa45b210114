"""What the house shows to the street: the routes that plugins bring, feeds to others, and upkeep after what was pushed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from starlette.routing import BaseRoute

from klientela.store.database import Store
from klientela_daemon.door import HouseDoor
from klientela_daemon.feed import Feeds
from klientela_daemon.house import House
from klientela_daemon.http import mounts
from klientela_daemon.upkeep import Upkeep


class Street:
    """All of it for one daemon. `house` gives the configuration of the moment."""

    def __init__(self, store: Store, house: Callable[[], House], stop: threading.Event) -> None:
        self._house = house
        self._upkeep = Upkeep(store, stop, retention=lambda: house().config.settings.privacy.guest_retention_months)
        self._feeds = Feeds(store)
        self._door = HouseDoor(store, house, stop=stop, wrote=self._upkeep.wrote)

    def routes(self) -> list[BaseRoute]:
        """What plugins answer, each below its prefix."""
        return mounts(self._house().plugins, self._door)

    def start(self) -> None:
        """Tell others, and look after the store, from now on."""
        self._upkeep.thread.start()
        self.change()

    def change(self) -> None:
        """Take over a configuration that was read again."""
        self._feeds.change(self._house().config.settings.feed)

    def stop(self) -> bool:
        """End; whether nobody is left behind."""
        self._feeds.stop()
        if self._upkeep.thread.is_alive():
            self._upkeep.thread.join(1.0)
        return self.asleep

    @property
    def asleep(self) -> bool:
        """Whether none of it is at work on the store."""
        return not (self._upkeep.thread.is_alive() or self._feeds.alive)
