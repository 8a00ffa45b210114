"""Health and metrics over real HTTP, and words to systemd."""

from __future__ import annotations

import re
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from klientela.errors import Misconfigured, StoreError
from klientela.model.instants import MINUTE, SECOND
from klientela.store.operation import SourceState
from klientela_daemon import systemd
from klientela_daemon.http import Health, Listener, application
from klientela_daemon.metrics import Metrics

WELL = Health([], [{"source": "main", "stale": False}], [])


class Doctor:
    """Answers for the daemon."""

    def __init__(self) -> None:
        self.found = WELL
        self.broken = False

    def health(self) -> Health:
        return self.found

    def metrics(self) -> str:
        if self.broken:
            raise StoreError("the disk is full")
        return "klientela_running 0\n"


@pytest.fixture
def doctor() -> Doctor:
    return Doctor()


@pytest.fixture
def url(doctor: Doctor) -> Iterator[str]:
    listener = Listener(application(doctor.health, doctor.metrics), "127.0.0.1", 0)
    listener.start()
    yield listener.url
    listener.stop()


def test_alive_and_ready(url: str, doctor: Doctor) -> None:
    alive = httpx.get(f"{url}/livez")
    assert (alive.status_code, alive.text) == (200, "ok\n")
    ready = httpx.get(f"{url}/readyz")
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ready",
        "problems": [],
        "stale": [],
        "sources": [{"source": "main", "stale": False}],
    }
    assert ready.headers["cache-control"] == "no-store"


def test_a_stale_source_degrades_and_a_problem_takes_readiness(url: str, doctor: Doctor) -> None:
    doctor.found = replace(WELL, stale=["main"])
    ready = httpx.get(f"{url}/readyz")
    assert (ready.status_code, ready.json()["status"], ready.json()["stale"]) == (200, "degraded", ["main"])
    doctor.found = replace(WELL, problems=["the database is locked"])
    ready = httpx.get(f"{url}/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert httpx.get(f"{url}/livez").status_code == 200


def test_metrics_are_served_or_say_why_not(url: str, doctor: Doctor) -> None:
    found = httpx.get(f"{url}/metrics")
    assert found.text == "klientela_running 0\n"
    assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
    doctor.broken = True
    assert httpx.get(f"{url}/metrics").status_code == 503


def test_unknown_paths_and_methods_are_refused(url: str, doctor: Doctor) -> None:
    assert httpx.get(f"{url}/admin").status_code == 404
    assert httpx.post(f"{url}/livez").status_code == 405


def test_a_taken_port_is_told_with_a_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"port {port} is taken") as caught:
            Listener(application(lambda: WELL, str), "127.0.0.1", port)
    assert "[web] port" in str(caught.value.hint)


def test_an_address_that_is_not_ours_is_told_with_a_sentence() -> None:
    with pytest.raises(Misconfigured, match=r"cannot listen on 192\.0\.2\.1"):
        Listener(application(lambda: WELL, str), "192.0.2.1", 0)


def state(name: str, success: int | None, connected: bool = True) -> SourceState:
    return SourceState(1, name, name, "csv", None, connected, False, None, success, success)


def test_metrics_add_up_and_are_well_formed() -> None:
    metrics = Metrics()
    run = {"source": 'ma"in\\', "status": "ok", "read": 10, "new": 7, "changed": 0, "merged": 2, "duration_s": 0.5}
    metrics.count(run)
    metrics.count({**run, "status": "failed", "read": 5})
    now = 1_000_000 * SECOND
    states = {'ma"in\\': state('ma"in\\', now - MINUTE), "new": state("new", None), "gone": state("gone", 1, False)}
    text = metrics.text(states, {"new": None}, ["new"], now)
    name = r'source="ma\"in\\"'
    for line in (
        f'klientela_runs_total{{{name},status="ok"}} 1',
        f'klientela_runs_total{{{name},status="failed"}} 1',
        f'klientela_records_total{{{name},result="read"}} 15',
        f'klientela_identity_total{{{name},kind="merged"}} 4',
        f"klientela_run_seconds_total{{{name}}} 1.0",
        f"klientela_last_success_age_seconds{{{name}}} 60.0",
        'klientela_source_stale{source="new"} 1',
        "klientela_running 1",
    ):
        assert line in text.splitlines()
    assert "gone" not in text
    sample = re.compile(r'[a-z_]+(\{[a-z_]+="(\\.|[^"\\])*"(,[a-z_]+="(\\.|[^"\\])*")*\})? -?\d+(\.\d+)?')
    for line in text.splitlines():
        assert line.startswith("# ") or sample.fullmatch(line), line
    assert text.endswith("\n")


def test_systemd_hears_us(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = str(Path(folder) / "notify")
        manager.bind(address)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        systemd.notify("READY=1", "STATUS=fine")
        assert manager.recv(100) == b"READY=1\nSTATUS=fine"
    systemd.notify("STOPPING=1")  # nobody listens any more
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.notify("READY=1")
