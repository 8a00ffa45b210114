"""Opening a store: what stands in the way is told in one sentence, and a missing key is never replaced by another."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from klientela.errors import KlientelaError, Misconfigured, StoreError
from klientela.store import open_store


def _one_sentence(error: KlientelaError) -> str:
    assert error.hint
    assert "\n" not in f"{error.message}{error.hint}"
    assert "sqlalche" not in error.message
    return error.message


def test_a_server_that_does_not_answer() -> None:
    with pytest.raises(StoreError) as caught:
        open_store("postgresql+psycopg://anna:geheim@127.0.0.1:1/none")
    said = _one_sentence(caught.value)
    assert said.startswith("the database server cannot be used: ")
    assert "127.0.0.1" in said
    assert "geheim" not in said


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "k.db").mkdir()
    with pytest.raises(StoreError) as caught:
        open_store(f"sqlite:///{tmp_path}/k.db")
    assert _one_sentence(caught.value).startswith("the database cannot be opened for writing: ")


def test_a_missing_key_is_asked_for_and_none_is_made(store_url: str, tmp_path: Path) -> None:
    key = tmp_path / "k.key"
    open_store(store_url, key_file=key).close()
    kept = key.read_text(encoding="ascii")
    key.unlink()
    with pytest.raises(Misconfigured, match="is missing") as caught:
        open_store(store_url, key_file=key)
    _one_sentence(caught.value)
    assert not key.exists()
    key.write_text(kept, encoding="ascii")
    open_store(store_url, key_file=key).close()


def test_a_key_that_cannot_be_read(store_url: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be used: is a directory") as caught:
        open_store(store_url, key_file=tmp_path)
    _one_sentence(caught.value)


def test_a_reading_that_is_given_up_half_way_leaves_no_noise(store_url: str) -> None:
    """As `klientela export | head` does: the rows are let go of after the store was closed."""
    store = open_store(store_url)
    with store.reading() as db:
        rows = db.stream("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n")
        assert next(rows) == (1,)
    store.close()
    del rows
    gc.collect()
