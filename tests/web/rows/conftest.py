"""One village for all tests of single rows, which only look; and a page that believes it is a Wednesday in March 2026."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from klientela.store import Store, open_store, operation
from tests.web.conftest import Served
from tests.web.rows.village import NOW, cells, settle

Look = Callable[..., str]


class Village(Served):
    """A page with one person of each role: a password takes its time to be hashed."""

    def __init__(self, store: Store, folder: Path) -> None:
        super().__init__(store, folder)
        self._secrets: dict[str, str] = {}

    def secret(self, role: str) -> str:
        if role not in self._secrets:
            self._secrets[role] = super().secret(role)
        return self._secrets[role]


@contextmanager
def page_of(folder: Path, fill: Callable[[Store], object]) -> Iterator[Village]:
    """A page of a new store in a folder, which `fill` has filled."""
    with open_store(f"sqlite:///{folder / 'village.db'}", key_file=folder / "klientela.key") as store:
        fill(store)
        made = Village(store, folder)
        yield made
        made.close()


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page of the village."""
    with page_of(tmp_path_factory.mktemp("village"), settle) as made:
        yield made


@pytest.fixture(autouse=True)
def wednesday(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the eleventh of March 2026."""
    monkeypatch.setattr(operation, "now", lambda: NOW)


@pytest.fixture
def look(served: Served) -> Look:
    """The page at an address, as somebody of that role sees it: `look("/customers", view="site123", role="admin")`."""

    def looked(path: str = "/customers", *, role: str = "viewer", fragment: str = "", **query: object) -> str:
        headers = {"x-fragment": fragment} if fragment else {}
        answer = served.client(role).get(path, params=query or None, headers=headers, follow_redirects=True)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text[:500]
        return answer.text

    return looked


@pytest.fixture
def where(look: Look) -> Callable[[str], str]:
    """The address of somebody's profile, by the name in the list."""

    def found(name: str) -> str:
        page = look(size=100)
        hit = re.search(rf'href="(/customers/[^"]+)">{re.escape(name)}<', page)
        assert hit is not None, f"{name} is not among {len(cells(page))} rows"
        return hit[1]

    return found
