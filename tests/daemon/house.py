"""A daemon as a real process, for tests that look at signals, locks and restarts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

PATIENCE = 60.0


def until(condition: Callable[[], Any], what: str = "it") -> Any:
    """Wait for something to become true; its value."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.02)
    return found


class Process:
    """`klientela ...` in a folder, with its log as documents."""

    def __init__(self, folder: Path, *args: str, **environ: str) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("KLIENTELA")}
        self.popen = subprocess.Popen(
            [sys.executable, "-c", "import sys; from klientela_daemon.cli import main; sys.exit(main())", *args],
            cwd=folder,
            env={**env, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.out: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in ((self.popen.stderr, self.lines), (self.popen.stdout, self.out))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: IO[str], lines: list[str]) -> None:
        with stream:
            for line in stream:
                lines.append(line.rstrip("\n"))

    @property
    def log(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def saw(self, event: str, **facts: Any) -> list[dict[str, Any]]:
        """The log's lines of an event with these facts."""
        return [line for line in self.log if line["event"] == event and facts.items() <= line.items()]

    def wait_for(self, event: str, count: int = 1, **facts: Any) -> dict[str, Any]:
        """Wait until the log says so; the latest such line."""

        def there() -> Any:
            assert self.popen.poll() is None or self.saw(event, **facts), "\n".join(self.lines)
            found = self.saw(event, **facts)
            return found if len(found) >= count else None

        return until(there, f"{event} {facts}")[-1]  # type: ignore[no-any-return]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.popen.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal, wait, and give the exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; the exit code. Everything it said has been read then."""
        code = self.popen.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code
