"""The rooms that know the database: facts, what follows from them, the list, the log, operation."""

from klientela.store.database import Store, open_store

__all__ = ["Store", "open_store"]
