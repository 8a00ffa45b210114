"""What the benchmarks measure with: CPU of this process and of a private PostgreSQL, rows and work inside the store."""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from klientela.store.database import Db


def cpu() -> float:
    """CPU seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def cpu_of_children() -> float:
    """CPU seconds of all child processes that have ended and were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def peak_mb() -> float:
    """The most memory this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Server:
    """The CPU of a PostgreSQL cluster, all its processes together; of none at all on SQLite."""

    def __init__(self, root: str | None) -> None:
        """`root`: the folder of a `cluster`."""
        self._master = None if root is None else int((Path(root) / "data" / "postmaster.pid").read_text().split()[0])

    def cpu(self) -> float:
        """CPU seconds so far of the processes that live and of those that have ended."""
        if self._master is None:
            return 0.0
        spent = 0.0
        tick = os.sysconf("SC_CLK_TCK")
        fields = Path(f"/proc/{self._master}/stat").read_text().rpartition(")")[2].split()
        spent += (int(fields[13]) + int(fields[14])) / tick  # children that were waited for
        children = Path(f"/proc/{self._master}/task/{self._master}/children").read_text().split()
        for process in (str(self._master), *children):
            try:
                spent += int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9
            except FileNotFoundError:
                continue
        return spent


def root_of(url: str) -> str | None:
    """The folder of the cluster an address leads to; None for SQLite."""
    return url.partition("?host=")[2] or None


class Counted:
    """While it is entered: how many rows are fetched from any store, and on SQLite how many steps its machine does."""

    _EVERY = 100

    def __init__(self) -> None:
        self.rows = 0
        self.steps = 0
        self._undo: list[tuple[str, Any]] = []

    def __enter__(self) -> Counted:
        """Wrap what reads rows."""
        for name in ("rows", "one"):
            whole = getattr(Db, name)
            self._undo.append((name, whole))
            setattr(Db, name, self._wrapped(whole))
        return self

    def _wrapped(self, whole: Any) -> Any:
        def counting(db: Db, sql: str, params: Any = ()) -> Any:
            if db.sqlite:
                db.connection.set_progress_handler(self._step, self._EVERY)
            found = whole(db, sql, params)
            self.rows += len(found) if isinstance(found, list) else found is not None
            return found

        return counting

    def _step(self) -> int:
        self.steps += self._EVERY
        return 0

    def __exit__(self, *_: object) -> None:
        """Let go; the handler stays on the connections and counts on."""
        for name, whole in self._undo:
            setattr(Db, name, whole)
        self._undo.clear()


@contextmanager
def cluster(folder: Path, buffers: str = "1GB") -> Iterator[str | None]:
    """The address of a private PostgreSQL on a socket, flushing nothing; None when it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        print("PostgreSQL is not installed: only SQLite is measured")
        yield None
        return
    binaries = found[-1].parent
    prefix: list[str] = []
    folder.chmod(0o755)
    root = Path(tempfile.mkdtemp(prefix="klientela-pg-", dir=folder))
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        shutil.chown(root, "postgres")
    quiet: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    data = str(root / "data")
    initdb = [str(binaries / "initdb"), "-D", data, "-U", "klientela", "-A", "trust", "-E", "UTF8", "--locale=C"]
    subprocess.run([*prefix, *initdb], **quiet)
    options = f"-c listen_addresses= -c unix_socket_directories={root} -c shared_buffers={buffers} -c fsync=off"
    control = [*prefix, str(binaries / "pg_ctl"), "-D", data, "-w", "-l", str(root / "log")]
    subprocess.run([*control, "-o", options, "start"], **quiet)
    try:
        yield f"postgresql+psycopg://klientela@/postgres?host={root}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
        shutil.rmtree(root, ignore_errors=True)
