"""What the daemon's tests share: logs that go to the captured stderr, as the daemon's own do."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from klientela_daemon import logs


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    logs.set_up(as_json=True)
    yield
    root.handlers[:], root.level, sys.excepthook, threading.excepthook = before
    logging.captureWarnings(False)
