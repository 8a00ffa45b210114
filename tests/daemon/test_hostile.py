"""Hostile plugins in a real daemon: each harms its own run alone; the good sources lose nothing and run all the while.

`tests/daemon/hostile/hostile_zoo.py` is installed beside the daemon like any stranger's package.
"""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from klientela.testing import serve
from klientela_shopify.sandbox import Sandbox
from tests.daemon.hostile.hostile_zoo import SECRET, ZOO
from tests.daemon.house import Process, until
from tests.daemon.test_run import CSV, SHOP, configure, query

ZOO_FOLDER = Path(__file__).parent / "hostile"
LIMITS = '[web]\nport = 0\n[runs]\nhang_timeout = "5s"\nmemory_mb = 400\n'

OWN_FAULT = r"failed in .*\({} in (hostile_zoo\.py, line \d+|its code)\)"
SILENT = r"gave no sign of life for 5s"
ENDED = r"ended the process of its run"

BAD: dict[str, tuple[str, str]] = {
    "raises_when_made": ("failed", r"could not be made \(RuntimeError\)"),
    "leaves_when_made": ("failed", r"could not be made \(SystemExit\)"),
    "raises_in_streams": ("failed", OWN_FAULT.format("ValueError")),
    "raises_in_check": ("failed", OWN_FAULT.format("OSError")),
    "raises_after_pages": ("partial", OWN_FAULT.format("ZeroDivisionError")),
    "raises_system_exit": ("partial", OWN_FAULT.format("SystemExit")),
    "raises_keyboard_interrupt": ("partial", "KeyboardInterrupt"),
    "raises_generator_exit": ("partial", OWN_FAULT.format("GeneratorExit")),
    "raises_an_error_that_raises": ("partial", OWN_FAULT.format("Worse")),
    "recurses": ("partial", OWN_FAULT.format("RecursionError")),
    "narrows_the_stack": ("partial", "RecursionError|unexpectedly|ended the process"),
    "ends_the_process": ("partial", ENDED + " with exit code 3"),
    "ends_the_process_as_if_well": ("partial", ENDED),
    "crashes": ("partial", "was ended by SIGSEGV"),
    "aborts": ("partial", "was ended by SIGABRT"),
    "kills_itself": ("partial", "was ended by SIGKILL"),
    "ends_in_check": ("failed", ENDED + " with exit code 7"),
    "sleeps": ("partial", SILENT),
    "spins": ("partial", SILENT),
    "holds_the_interpreter": ("partial", SILENT),
    "sleeps_deaf": ("partial", SILENT),
    "waits_for_itself": ("partial", SILENT),
    "sleeps_in_check": ("failed", SILENT),
    "sleeps_when_made": ("failed", SILENT),
    "yields_nothing_useful": ("partial", "yielded a dict instead of a Page"),
    "yields_none": ("partial", "yielded a NoneType instead of a Page"),
    "yields_text_for_records": ("partial", "records are a str"),
    "yields_no_json": ("partial", "position is no JSON"),
    "yields_raws_of_text": ("partial", "no bytes"),
    "goes_in_circles": ("partial", "goes round in circles"),
    "has_no_streams": ("failed", OWN_FAULT.format("TypeError")),
    "has_odd_streams": ("failed", OWN_FAULT.format("TypeError")),
    "checks_to_nothing": ("failed", OWN_FAULT.format("TypeError")),
    "tells_a_strange_time": ("failed", OWN_FAULT.format("TypeError")),
    "eats_memory": ("partial", r"took more than 400 MB|MemoryError"),
}
"""What becomes of a run, and what its sentence says."""

REJECTED = 11  # of twelve: a version of NaN is one that was not told
MEDDLING = ("changes_builtins",)  # how its run ends is its own matter
HARMLESS = sorted(set(ZOO) - set(BAD) - set(MEDDLING) - {"kills_its_parent", "falls_once", "takes_webhooks"})
SOME = (
    "raises_after_pages",
    "ends_the_process",
    "crashes",
    "spins",
    "yields_wrong_fields",
    "prints",
    "leaves_children",
)
"""The short version of every day."""


@pytest.fixture
def installed(tmp_path: Path) -> Any:
    """Start klientela in a folder where the zoo is installed."""
    made = tmp_path / "site" / "hostile_zoo-1.0.dist-info"
    made.mkdir(parents=True)
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-zoo\nVersion: 1.0\n")
    (made / "entry_points.txt").write_text("[klientela]\nzoo = hostile_zoo\n")
    started: list[Process] = []

    def start(*args: str, **environ: str) -> Process:
        process = Process(tmp_path, *args, PYTHONPATH=_path(made.parent), **environ)
        started.append(process)
        return process

    yield start
    for process in started:
        process.end(signal.SIGKILL)


def _path(*more: Path) -> str:
    import os

    return os.pathsep.join([str(ZOO_FOLDER), *map(str, more), os.environ.get("PYTHONPATH", "")])


def animal(name: str, every: str = "1d") -> str:
    return f'[sources.{name}]\ntype = "{name}"\nevery = "{every}"\n'


def people(folder: Path, count: int) -> None:
    fresh = folder / "list.new"
    fresh.write_text("Email,First Name\n" + "".join(f"good{n}@y.example,Anna\n" for n in range(count)))
    fresh.replace(folder / "list.csv")


def last_runs(folder: Path) -> dict[str, tuple[Any, ...]]:
    rows = query(
        folder,
        "SELECT s.label, r.status, r.error, r.pages, r.rejected, r.new FROM run r JOIN source s ON s.id = r.source "
        "WHERE r.finished IS NOT NULL ORDER BY r.id",
    )
    return {row[0]: row[1:] for row in rows}


def records(folder: Path, source: str) -> set[str]:
    found = query(folder, f"SELECT ext FROM record r JOIN source s ON s.id = r.source WHERE s.label = '{source}'")
    return {ext for (ext,) in found}


def good_runs(process: Process, name: str) -> int:
    return len(process.saw("sync ended", source=name, status="ok"))


def nothing_leaked(process: Process) -> None:
    text = "\n".join(process.lines)
    assert SECRET not in text
    assert "anna.alt@" not in text
    assert "Traceback" not in text
    assert "exception" not in {key for line in process.log for key in line}


def well(process: Process, folder: Path, names: Sequence[str]) -> None:
    """Each of these ran as if nothing were wrong with it."""
    found = last_runs(folder)
    for name in names:
        status, error, *_ = found[name]
        assert (status, error) == ("ok", None), (name, error)


def as_expected(folder: Path, names: Sequence[str]) -> None:
    import re

    found = last_runs(folder)
    for name in names:
        status, error, pages, *_ = found[name]
        said = json.loads(error)
        assert (status, bool(re.search(BAD[name][1], said["message"]))) == (BAD[name][0], True), (name, status, said)
        assert name in said["message"] or "circles" in said["message"]
        assert "\n" not in said["message"]
        assert said["hint"], name
        assert (pages > 0) == (status == "partial")


@pytest.fixture
def shop() -> Iterator[tuple[str, Sandbox]]:
    box = Sandbox(customers=60, seed=8)
    with serve(box.app) as url:
        yield url, box


def carry_on(process: Process, folder: Path, names: Sequence[str], known: int) -> None:
    """The hostile runs end one after the other, and all the while the good ones go on and lose nothing."""
    count = known
    for name in names:
        before = {good: good_runs(process, good) for good in ("list", "shop")}
        until(lambda name=name: last_runs(folder).get(name), f"the end of the run of {name}")
        if sum(good_runs(process, good) for good in before) > sum(before.values()):
            count += 1
            people(folder, count)
    before = {good: good_runs(process, good) for good in ("list", "shop")}
    for good, runs in before.items():
        process.wait_for("sync ended", runs + 2, source=good)
    until(lambda: len(records(folder, "list")) == count)


def test_a_few_hostile_plugins_harm_nobody(installed: Any, tmp_path: Path, shop: tuple[str, Sandbox]) -> None:
    _harm_nobody(installed, tmp_path, shop, SOME)


@pytest.mark.slow
def test_all_hostile_plugins_harm_nobody(installed: Any, tmp_path: Path, shop: tuple[str, Sandbox]) -> None:
    assert len(BAD) + len(HARMLESS) + len(MEDDLING) >= 45
    _harm_nobody(installed, tmp_path, shop, [*BAD, *HARMLESS, *MEDDLING])


def _harm_nobody(installed: Any, folder: Path, shop: tuple[str, Sandbox], names: Sequence[str]) -> None:
    url, _ = shop
    people(folder, 5)
    good = CSV.format(name="list", every="1s") + SHOP.format(name="shop", url=url, every="1s")
    configure(folder, good, *map(animal, names), LIMITS)
    process = installed("run")
    where = process.wait_for("klientela is running")["listens"]
    carry_on(process, folder, names, 5)
    as_expected(folder, [name for name in names if name in BAD])
    well(process, folder, [name for name in names if name in HARMLESS])
    if "yields_wrong_fields" in names:
        assert last_runs(folder)["yields_wrong_fields"][3] == REJECTED
    if "reuses_its_list" in names:
        assert {f"again-{number}" for number in range(5)} <= records(folder, "reuses_its_list")
    for name in names:
        if name in BAD and BAD[name][0] == "partial":
            assert f"{name}-0" in records(folder, name)  # a page that was stored stays

    def good_ones() -> set[str]:
        return {o["status"] for o in httpx.get(f"{where}/readyz").json()["sources"] if o["source"] in ("list", "shop")}

    until(lambda: good_ones() == {"ok"})  # they run each second, so one may be running at this very moment
    assert process.end() == 0
    assert query(folder, "SELECT count(*) FROM run WHERE finished IS NULL") == [(0,)]
    nothing_leaked(process)


def test_who_kills_the_server_of_processes_stops_no_other_run(installed: Any, tmp_path: Path) -> None:
    people(tmp_path, 5)
    configure(tmp_path, CSV.format(name="list", every="1s"), animal("kills_its_parent", "2s"), LIMITS)
    process = installed("run")
    process.wait_for("sync begins", 4, source="kills_its_parent")
    count = good_runs(process, "list")
    process.wait_for("sync ended", count + 3, source="list")
    assert process.end() == 0
    assert not query(tmp_path, "SELECT r.error FROM run r JOIN source s ON s.id = r.source "
                               "WHERE s.label = 'list' AND r.status <> 'ok'")  # fmt: skip


def test_a_run_that_ended_itself_goes_on_from_its_last_page(installed: Any, tmp_path: Path) -> None:
    configure(tmp_path, animal("falls_once", "1s"), LIMITS)
    process = installed("run")
    process.wait_for("sync ended", source="falls_once")
    assert process.end() == 0
    assert records(tmp_path, "falls_once") == {f"falls-{number}" for number in range(6)}
    runs = query(tmp_path, "SELECT status, pages FROM run ORDER BY id LIMIT 2")
    assert runs[0][0] == "partial"
    assert runs[1] == ("ok", 6 - runs[0][1])


def test_the_daemons_memory_stays_flat(installed: Any, tmp_path: Path) -> None:
    configure(tmp_path, animal("leaks", "1s"), LIMITS)
    process = installed("run")
    process.wait_for("sync ended", 3, source="leaks")
    before = _rss(process.popen.pid)
    process.wait_for("sync ended", 9, source="leaks")
    assert _rss(process.popen.pid) - before < 24 * 2**20  # each run leaks twice as much
    assert process.end() == 0


def _rss(pid: int) -> int:
    import os

    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_deaf_plugin_does_not_hold_up_the_end(installed: Any, tmp_path: Path) -> None:
    configure(tmp_path, animal("sleeps_deaf"), "[web]\nport = 0\n")
    process = installed("run")
    until(lambda: (tmp_path / "klientela.db").exists() and _rows(tmp_path) >= 1)
    assert process.end() == 0
    status, error, pages, *_ = last_runs(tmp_path)["sleeps_deaf"]
    assert (status, pages, json.loads(error)["kind"]) == ("partial", 1, "interrupted")
    again = installed("run")  # an interrupted run is taken up at once, though it is planned once a day
    again.wait_for("sync begins", source="sleeps_deaf")
    assert again.end() == 0


def _rows(folder: Path) -> int:
    try:
        return len(records(folder, "sleeps_deaf"))
    except sqlite3.OperationalError:  # the schema is being made
        return 0


def test_webhooks_of_a_hostile_plugin_harm_nobody(installed: Any, tmp_path: Path) -> None:
    people(tmp_path, 5)
    configure(tmp_path, CSV.format(name="list", every="1s"), animal("takes_webhooks"), LIMITS)
    process = installed("run")
    door = process.wait_for("klientela is running")["listens"] + "/webhooks/takes_webhooks"
    process.wait_for("sync ended", source="takes_webhooks")
    assert httpx.post(door, content="receive exits", timeout=30).status_code == 503
    assert httpx.post(door, content="fine", timeout=30).status_code == 200
    process.wait_for("webhooks applied", source="takes_webhooks")
    assert "fine" in records(tmp_path, "takes_webhooks")
    for word in ("apply ends", "apply sleeps"):
        assert httpx.post(door, content=word, timeout=30).status_code == 200
        process.wait_for("webhooks wait", source="takes_webhooks")
    for _ in range(3):  # as many as there are threads for it, and one more
        assert httpx.post(door, content="receive sleeps", timeout=30).status_code == 503
    count = good_runs(process, "list")
    process.wait_for("sync ended", count + 2, source="list")
    assert process.end() == 0  # though threads hang in the proof
    nothing_leaked(process)


def test_a_message_that_kills_its_process_goes_to_the_quarantine(installed: Any, tmp_path: Path) -> None:
    configure(tmp_path, animal("takes_webhooks"), LIMITS)
    process = installed("run")
    door = process.wait_for("klientela is running")["listens"] + "/webhooks/takes_webhooks"
    process.wait_for("sync ended", source="takes_webhooks")
    for deaths in range(1, 6):  # each new message wakes who applies them
        assert httpx.post(door, content=f"fine {deaths}", timeout=30).status_code == 200
        if deaths == 1:
            process.wait_for("webhooks applied", source="takes_webhooks")
            assert httpx.post(door, content="apply kills", timeout=30).status_code == 200
        process.wait_for("webhooks wait", deaths, source="takes_webhooks")
    assert records(tmp_path, "takes_webhooks") & {f"fine-{n}" for n in range(9)} == {"fine-1"}
    assert httpx.post(door, content="fine 6", timeout=30).status_code == 200
    until(lambda: "fine-6" in records(tmp_path, "takes_webhooks"))
    assert {f"fine-{n}" for n in range(1, 7)} <= records(tmp_path, "takes_webhooks")
    assert query(tmp_path, "SELECT payload, reason FROM quarantine") == [
        ("apply kills", "the plugin did not survive it 5 times")
    ]
    assert process.end() == 0
    nothing_leaked(process)


def test_the_command_ends_with_sentences_too(installed: Any, tmp_path: Path) -> None:
    names = ("raises_system_exit", "raises_keyboard_interrupt", "raises_generator_exit", "leaves_when_made",
             "has_no_streams", "yields_wrong_fields", "raises_in_close")  # fmt: skip
    configure(tmp_path, *map(animal, names))
    process = installed("sync", "--json")
    assert process.wait() == 1
    runs = {run["source"]: run for run in json.loads("\n".join(process.out))["runs"]}
    assert list(runs) == list(names)
    for name in names[:5]:
        assert runs[name]["error"]["message"], name
    assert {runs[name]["status"] for name in names[5:]} == {"ok"}
    assert not any("Traceback" in line for line in process.lines)


def test_the_command_can_keep_them_apart(installed: Any, tmp_path: Path) -> None:
    names = ("crashes", "ends_the_process", "spins", "prints")
    configure(tmp_path, *map(animal, names), LIMITS)
    process = installed("sync", "--isolated", "--json")
    assert process.wait() == 1
    runs = {run["source"]: run for run in json.loads("\n".join(process.out))["runs"]}
    as_expected(tmp_path, names[:3])
    assert runs["prints"]["status"] == "ok"
    assert runs["crashes"]["error"]["kind"] == "broken"


LOADING = {
    "raises": ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
    "leaves": ("raise SystemExit(2)", "SystemExit: 2"),
    "interrupts": ("raise GeneratorExit", "GeneratorExit"),
    "ends": ("import os; os._exit(4)", "exit code 4"),
    "ends_well": ("import os; os._exit(0)", "exit code 0"),
    "crashes_at_once": ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
}
"""Modules that are bad already when they are imported."""


def test_modules_that_cannot_be_loaded_take_nobody_down(installed: Any, tmp_path: Path) -> None:
    site = tmp_path / "site"
    for name, (body, _) in LOADING.items():
        (site / f"bad_{name}.py").write_text(f"print('noise')\n{body}\n")
    points = "".join(f"{name} = bad_{name}\n" for name in LOADING)
    (site / "hostile_zoo-1.0.dist-info" / "entry_points.txt").write_text(f"[klientela]\n{points}")
    people(tmp_path, 3)
    configure(tmp_path, CSV.format(name="list", every="1s"), LIMITS)
    told = installed("plugins", "--json")
    assert told.wait() == 0
    found = {one["name"]: one for one in json.loads("\n".join(told.out))["plugins"]}
    for name, (_, said) in LOADING.items():
        assert said in found[name]["error"], name
    assert found["csv"]["error"] is None
    process = installed("run")
    process.wait_for("sync ended", 2, source="list")
    assert process.end() == 0
    doctor = installed("doctor", "--json")
    doctor.wait()
    said = json.loads("\n".join(doctor.out))["findings"]
    named = " ".join(one["message"] for one in said if one["check"] == "plugins")
    assert all(f"the plugin {name} could not be loaded" in named for name in LOADING)
