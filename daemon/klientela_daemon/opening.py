"""Opening a house's store: the key, the rules in force, the sources that left the configuration."""

from __future__ import annotations

from klientela.flow import rules
from klientela.store import operation
from klientela.store.database import Store, open_store
from klientela_daemon.house import House

RULES_WAIT = (
    "the rules of the configuration differ from those in force, which are used until `klientela rules apply` runs"
)


def opened(house: House, *, create: bool = False) -> Store:
    """The store of a configuration. StoreError when there is none and it may not be made."""
    key = house.config.file(house.config.settings.privacy.key_file)
    return open_store(house.config.store_url(), key_file=key, create=create)


def settle(store: Store, house: House) -> list[str]:
    """Make the store know the configuration, as far as that needs no decision (R0). Sentences for the operator."""
    said = [
        f"the source {name} is not in the configuration any more; its data is kept, marked disconnected"
        for name in operation.connect(store, house.config.settings.sources)
    ]
    if not rules.adopt(store, house.config.settings.ruleset(house.plugins.types)):
        said.append(RULES_WAIT)
    return said
