"""What the daemon's tests share: the command in this process, and logs that go to the captured stderr."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from klientela.testing import hurry
from klientela_daemon import logs
from klientela_daemon.cli import main
from tests.daemon.verbs import LIST, people


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    logs.set_up(as_json=True)
    yield
    root.handlers[:], root.level, sys.excepthook, threading.excepthook = before
    logging.captureWarnings(False)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("KLIENTELA")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command in this process: exit code, stdout, stderr."""

    def run(*args: str) -> tuple[int, str, str]:
        with hurry():
            code = main(args)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return run


def configure(text: str, name: str = "klientela.toml") -> Path:
    file = Path(name)
    file.write_text(text, "utf-8")
    file.chmod(0o600)
    return file


@pytest.fixture
def house(here: Path) -> Path:
    """A folder with a list of two people and a configuration that reads it."""
    people(here, "a@x.example,Anna,Alt,Berlin,DE", "b@x.example,Bernd,Neu,Wien,AT")
    configure(LIST)
    return here
