"""Opening a house's store: the key, the rules in force, the sources that left the configuration."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from klientela.flow import rules
from klientela.flow.erase import Again, carry_out
from klientela.model.words import agree
from klientela.settings import Configuration
from klientela.store import capabilities, operation
from klientela.store.database import Store, open_store
from klientela_daemon import failures
from klientela_daemon.house import House

RULES_WAIT = (
    "the rules of the configuration differ from those in force, which are used until `klientela rules apply` runs"
)


def opened(house: House, *, create: bool = False) -> Store:
    """The store of a configuration. StoreError when there is none and it may not be made.

    Whoever was erased while this store lay in a backup is erased from it now (R56).
    """
    privacy = house.config.settings.privacy
    key, tombstones = house.config.file(privacy.key_file), house.config.file(privacy.tombstones)
    if create:
        _keep_private(house.config)
    store, again = _carried_out(
        open_store(house.config.store_url(), key_file=key, create=create, tombstones=tombstones)
    )
    if again.records:
        failures.warn(
            agree(again.erasures, "{} [erasure|erasures] the store did not know of [was|were] carried out: ")
            + agree(again.records, "{} [record|records] suppressed (R56)")
        )
    return store


def erased_again(house: House) -> Again:
    """Open a restored store and erase whom somebody erased meanwhile (R56)."""
    privacy = house.config.settings.privacy
    key, tombstones = house.config.file(privacy.key_file), house.config.file(privacy.tombstones)
    store, again = _carried_out(open_store(house.config.store_url(), key_file=key, create=False, tombstones=tombstones))
    store.close()
    return again


def _carried_out(store: Store) -> tuple[Store, Again]:
    try:
        return store, carry_out(store)
    except BaseException:
        store.close()
        raise


def _keep_private(config: Configuration) -> None:
    """A new SQLite file is its owner's alone: it is going to hold personal data. Its side files follow its mode."""
    if not config.store_exists():
        with suppress(OSError):  # opening it says what is wrong
            Path(config.store_url().removeprefix("sqlite:///")).touch(mode=0o600)


def settle(store: Store, house: House) -> list[str]:
    """Make the store know the configuration, as far as that needs no decision (R0). Sentences for the operator."""
    said = [
        f"the source {name} is not in the configuration any more; its data is kept, marked disconnected"
        for name in operation.connect(store, house.config.settings.sources)
    ]
    capabilities.remember(store, {name: kind.capabilities.names() for name, kind in house.plugins.types.items()})
    if not rules.adopt(store, house.config.settings.ruleset(house.plugins.types)):
        said.append(RULES_WAIT)
    return said
