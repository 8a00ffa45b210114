"""Temporary folders of ours are private, gone with their process, and swept where it was killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from klientela import tempplace

HOLD = (
    "import sys, time; from klientela.tempplace import Folder; made = Folder('test'); "
    "(made.path / 'people.db').write_text('Anna'); print(made.path, flush=True); sys.stdin.read()"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def holding() -> tuple[subprocess.Popen[str], Path]:
    """Another process with a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def ended(process: subprocess.Popen[str], number: int | None = None) -> None:
    if number is not None:
        process.send_signal(number)
    process.communicate()


def test_a_folder_is_its_owners_and_gone_at_the_end(place: Path) -> None:
    with tempplace.folder("test") as path:
        assert path.parent == place
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert tempplace.sweep("test") == 0, "its own process holds it"
        (path / "deep").mkdir()
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_what_another_holds_stays(place: Path) -> None:
    (living, held), (dying, left) = holding(), holding()
    other = place / "klientela-elsewhat-1"
    other.mkdir()
    ended(dying, signal.SIGKILL)
    assert (left / "people.db").exists()
    with tempplace.folder("test") as path:
        assert {one.name for one in place.iterdir()} == {held.name, path.name, other.name}
    ended(living)
    assert not held.exists(), "who ends by himself leaves nothing"
    assert {one.name for one in place.iterdir()} == {other.name}


def test_one_without_a_lock_is_swept_when_it_is_no_longer_new(place: Path) -> None:
    fresh = Path(tempfile.mkdtemp(prefix="klientela-test-"))
    assert tempplace.sweep("test") == 0
    os.utime(fresh, (1, 1))
    assert tempplace.sweep("test") == 1
    assert not fresh.exists()


def test_a_link_of_that_name_is_let_alone(place: Path) -> None:
    aim = place / "aim"
    aim.mkdir()
    (aim / "mine.txt").write_text("x")
    os.utime(aim, (1, 1))
    (place / "klientela-test-link").symlink_to(aim)
    assert tempplace.sweep("test") == 0
    assert (aim / "mine.txt").exists()
