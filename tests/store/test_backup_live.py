"""A backup taken in the middle of a sync is one moment of it: whole, explained, and able to go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import Order, Page, Person, Position, Record, Window
from klientela.store import Store, ledger, open_store
from klientela.store.backup import backup, restore
from klientela.store.checkup import examine
from tests.shops import Shop, bring, use


def records() -> list[Record]:
    made: list[Record] = [
        Person(
            external_id=str(n),
            kind="account",
            first_name=f"Name{n % 7}",
            last_name="Berg",
            email=f"p{n % 90}@x.example",
        )
        for n in range(300)
    ]
    return made + [Order(external_id=str(n), customer=str(n), total=n, currency="EUR") for n in range(300)]


class Slow(Shop):
    """Keeps its last page until the backup is done."""

    saved = threading.Event()

    def _read(self, window: Window, position: Position) -> Iterator[Page]:
        *most, last = super()._read(window, position)
        yield from most
        assert self.saved.wait(60)
        yield last


def test_a_backup_during_a_sync_is_one_moment_of_it(store: Store, store_url: str, tmp_path: Path) -> None:
    use(store)
    begun = threading.Event()
    shop = Slow("main", records(), size=2)
    shop.saved = threading.Event()
    thread = threading.Thread(target=sync, args=(store, shop), kwargs={"progress": lambda report: begun.set()})
    thread.start()
    assert begun.wait(60)
    with open_store(store_url, key_file=tmp_path / "klientela.key") as other:
        backup(other, tmp_path / "backup")
    shop.saved.set()
    thread.join()
    store.close()
    restore(store_url, tmp_path / "klientela.key", tmp_path / "backup")
    with open_store(store_url, key_file=tmp_path / "klientela.key") as again:
        with again.reading() as db:
            count = db.rows("SELECT count(*) FROM record")[0][0]
            assert list(ledger.verify(db)) == []
        assert 0 < count < 600
        assert [found for found in examine(again) if found.level == "error"] == []
        assert rebuild(again, check=True).differences == []
        with again.step("the process that held it is no more") as step:
            step.db.run("DELETE FROM lease")
        assert bring(again, "main", records()).new == 600 - count
        assert rebuild(again, check=True).equal
