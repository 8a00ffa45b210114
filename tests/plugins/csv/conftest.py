"""A folder to write files into, and the material beside the repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from csv_helpers import Reader


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """A file of the material beside the repository; skips, saying so, where that is not there."""

    def find(name: str) -> Path:
        path = Path(__file__).parents[4] / "shared" / name
        if not path.exists():
            pytest.skip(f"../shared/{name} is not there")
        return path

    return find
