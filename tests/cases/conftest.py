"""The command as the cases run it."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from klientela_daemon.cli import main


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Any]]:
    """Run a verb with --json in an empty folder; what it printed. `code`: expected."""
    for name in [name for name in os.environ if name.startswith("KLIENTELA")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook

    def run(*args: str, code: int = 0) -> Any:
        assert main([*args, "--json"]) == code, capsys.readouterr()
        said = capsys.readouterr()
        return json.loads(said.out or said.err)

    yield run
    root.handlers[:], root.level, sys.excepthook, threading.excepthook = before
    logging.captureWarnings(False)
