"""Renaming a source in the file: only the words that must change, or nothing at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from klientela.settings.edit import rename_source, renamed

FILE = """\
# our house
[sources.main]          # the shop
type = "shopify"        # sources.main stays in comments
shop = "main"
  [ sources . "main" . columns ]  # odd, but right
email = "main"
[sources.mainly]
type = "csv"
[views.ecdp]
crm_source = 'main'     # badge
[views.mine]
crm_source = "mainly"
"""


def test_tables_and_views_follow_and_everything_else_stays() -> None:
    assert (
        renamed(FILE, "main", "the shop")
        == """\
# our house
[sources."the shop"]          # the shop
type = "shopify"        # sources.main stays in comments
shop = "main"
[sources."the shop".columns]  # odd, but right
email = "main"
[sources.mainly]
type = "csv"
[views.ecdp]
crm_source = "the shop"     # badge
[views.mine]
crm_source = "mainly"
"""
    )


@pytest.mark.parametrize(
    "text",
    [
        'sources.main.type = "csv"\n',
        'sources = { main = { type = "csv" } }\n',
        '[sources]\nmain = { type = "csv" }\n',
        '[sources.main]\ntype = "csv"\n[sources.new]\ntype = "csv"\n',
        '[sources.other]\ntype = "csv"\n',
    ],
)
def test_what_cannot_be_done_safely_is_left_to_the_operator(text: str, tmp_path: Path) -> None:
    file = tmp_path / "k.toml"
    file.write_text(text)
    assert not rename_source(file, "main", "new")
    assert file.read_text() == text


def test_the_file_keeps_its_mode_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "k.toml"
    file.write_text(FILE)
    file.chmod(0o640)
    assert rename_source(file, "main", "new")
    assert "[sources.new]" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]
