"""A backup brings back exactly what was there; a wrong one touches nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from klientela.errors import Conflict, KlientelaError, Misconfigured, SourceBusy, StoreError
from klientela.kit import Person
from klientela.store import Store, open_store
from klientela.store import tables as t
from klientela.store.backup import backup, restore
from klientela.store.operation import lease
from tests.shops import bring, use


def people(*names: str) -> list[Person]:
    return [Person(external_id=name, kind="account", first_name=name, email=f"{name}@x.example") for name in names]


def content(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.reading() as db:
        return {
            table.name: sorted(db.rows(f"SELECT * FROM {table.name}"), key=repr)
            for table in (t.record, t.customer, t.tally, t.audit, t.cursor, t.meta, t.source)
        }


@pytest.fixture
def filled(store_url: str, tmp_path: Path) -> Iterator[Store]:
    with open_store(store_url, key_file=tmp_path / "klientela.key") as store:
        use(store)
        bring(store, "main", people("anna", "ben"))
        yield store


def test_what_was_there_comes_back(filled: Store, store_url: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    before = content(filled)
    assert backup(filled, file) == file.stat().st_size > 0
    assert file.stat().st_mode & 0o077 == 0
    bring(filled, "main", people("carla"))
    assert content(filled) != before
    filled.close()
    aside = restore(store_url, tmp_path / "klientela.key", file)
    with open_store(store_url, key_file=tmp_path / "klientela.key") as again:
        assert content(again) == before
        bring(again, "main", people("carla"))  # and life goes on
        assert len(content(again)["customer"]) == 3
    if aside is not None:
        with open_store(f"sqlite:///{aside}", key_file=tmp_path / "klientela.key") as old:
            assert len(content(old)["customer"]) == 3
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_backup_replaces_nothing_unless_told(filled: Store, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_text("precious")
    with pytest.raises(Conflict, match="is there already"):
        backup(filled, file)
    assert file.read_text() == "precious"
    backup(filled, file, replace=True)
    assert file.read_bytes()[:5] in (b"SQLit", b"PGDMP")
    with pytest.raises(Misconfigured, match="does not exist"):
        backup(filled, tmp_path / "none" / "backup")


def test_a_running_daemon_refuses_a_restore(filled: Store, store_url: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    backup(filled, file)
    filled.lock_daemon()
    before = content(filled)
    with pytest.raises(StoreError, match="another klientela daemon"):
        restore(store_url, tmp_path / "klientela.key", file)
    assert content(filled) == before


def test_a_sync_in_progress_refuses_a_restore(filled: Store, store_url: str, tmp_path: Path) -> None:
    file, key = tmp_path / "backup", tmp_path / "klientela.key"
    backup(filled, file)
    before = content(filled)
    with filled.reading() as db:
        ((number,),) = db.rows("SELECT id FROM source")
    with lease(filled, number, "main"), pytest.raises(SourceBusy, match="a sync of main is in progress"):
        restore(store_url, key, file)
    assert content(filled) == before
    filled.close()
    restore(store_url, key, file)  # the sync is over, its lease given back


def test_the_lease_of_a_dead_process_hinders_no_restore(filled: Store, store_url: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    backup(filled, file)
    with filled.step("test") as step:
        step.db.run("INSERT INTO lease (source, holder, until) SELECT id, 'elsewhere|1|1|x', 1 FROM source")
    filled.close()
    restore(store_url, tmp_path / "klientela.key", file)


def damaged(file: Path, other: Path) -> None:
    data = bytearray(other.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 64] = b"\xff" * 64
    file.write_bytes(data)


def cut(file: Path, other: Path) -> None:
    file.write_bytes(other.read_bytes()[: other.stat().st_size // 2])


def foreign(file: Path, other: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE songs (id)")


def newer(file: Path, other: Path) -> None:
    file.write_bytes(other.read_bytes())
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def another_key(file: Path, other: Path) -> None:
    file.write_bytes(other.read_bytes())
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE meta SET value = 'x' WHERE name = 'key'")


def text(file: Path, other: Path) -> None:
    file.write_text("once upon a time")


def nothing(file: Path, other: Path) -> None:
    pass


@pytest.mark.parametrize("spoil", [damaged, cut, foreign, newer, another_key, text, nothing])
def test_a_wrong_backup_touches_nothing(spoil: object, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/k.db"
    key = tmp_path / "klientela.key"
    with open_store(url, key_file=key) as store:
        use(store)
        bring(store, "main", people("anna"))
        before = content(store)
        backup(store, tmp_path / "good")
    spoil(tmp_path / "wrong", tmp_path / "good")  # type: ignore[operator]
    with pytest.raises(KlientelaError) as caught:
        restore(url, key, tmp_path / "wrong")
    assert "\n" not in caught.value.message
    with open_store(url, key_file=key) as store:
        assert content(store) == before
    assert not (tmp_path / "k.db.before-restore").exists()


def test_a_damaged_store_can_be_replaced(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/k.db"
    key = tmp_path / "klientela.key"
    with open_store(url, key_file=key) as store:
        use(store)
        bring(store, "main", people("anna"))
        before = content(store)
        backup(store, tmp_path / "good")
    (tmp_path / "k.db").write_bytes(b"ruins" * 1000)
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"k.db{suffix}").unlink(missing_ok=True)
    restore(url, key, tmp_path / "good")
    with open_store(url, key_file=key) as store:
        assert content(store) == before
