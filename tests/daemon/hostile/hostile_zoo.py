"""A package of plugins, each of which does one bad thing; a test installs it beside the daemon under its own name."""

from __future__ import annotations

import atexit
import builtins
import ctypes
import json
import locale
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from klientela.kit import Checked, Delivery, Notice, Page, Person, Source, SourceSettings, Stream, hookimpl

ZOO: dict[str, type[Source]] = {}
SECRET = "hush-hush-canary-0815"  # printed and logged; it must appear nowhere
KEPT: list[bytes] = []

Read = Callable[["Animal"], Iterator[Any]]


class Settings(SourceSettings):
    """No keys of its own."""


class Animal(Source):
    """Two good pages, then what `act` does; a subclass does worse."""

    title = "Hostile"
    Settings: ClassVar[type[SourceSettings]] = Settings
    act: ClassVar[Any]

    def streams(self) -> Sequence[Stream]:
        return [Stream("all", self.read)]

    def read(self, window: Any, position: Any) -> Iterator[Any]:
        for number in range(position or 0, 2):
            yield Page([someone(f"{self.type}-{number}")], number + 1)
        yield from type(self).act(self)


def someone(name: str, **fields: Any) -> Person:
    return Person(external_id=name, kind="contact", email=f"{name}@x.example", **fields)


def keep(kind: type[Animal], name: str) -> type[Animal]:
    kind.type = name
    kind.__name__ = kind.__qualname__ = name
    ZOO[name] = kind
    return kind


def reads(function: Callable[[Animal], Any]) -> type[Animal]:
    """An animal that does this after its two good pages; what it gives is yielded."""

    def act(self: Animal) -> Iterator[Any]:
        yield from function(self) or ()

    return keep(type(function.__name__, (Animal,), {"act": act}), function.__name__)


def instead(method: str) -> Callable[[Callable[..., Any]], type[Animal]]:
    """An animal one of whose methods is this."""

    def made(function: Callable[..., Any]) -> type[Animal]:
        own = {"act": lambda self: iter(()), method: function}
        return keep(type(function.__name__, (Animal,), own), function.__name__)

    return made


# Raising --------------------------------------------------------------------------------------------------------------


@instead("__init__")
def raises_when_made(self: Any, *args: Any, **options: Any) -> None:
    raise RuntimeError(SECRET)


@instead("__init__")
def leaves_when_made(self: Any, *args: Any, **options: Any) -> None:
    sys.exit(3)


@instead("streams")
def raises_in_streams(self: Any) -> Any:
    raise ValueError(SECRET)


@instead("check")
def raises_in_check(self: Any) -> Any:
    raise OSError(5, SECRET)


@reads
def raises_after_pages(self: Animal) -> Any:
    raise ZeroDivisionError(SECRET)


@reads
def raises_system_exit(self: Animal) -> Any:
    raise SystemExit(SECRET)


@reads
def raises_keyboard_interrupt(self: Animal) -> Any:
    raise KeyboardInterrupt


@reads
def raises_generator_exit(self: Animal) -> Any:
    raise GeneratorExit


@reads
def raises_an_error_that_raises(self: Animal) -> Any:
    class Worse(Exception):
        def __str__(self) -> str:
            raise RuntimeError(SECRET)

    raise Worse


@reads
def recurses(self: Animal) -> Any:
    def deeper(number: int) -> int:
        return deeper(number + 1) + 1

    deeper(0)


@reads
def narrows_the_stack(self: Animal) -> Any:
    sys.setrecursionlimit(len(_stack()) + 30)
    json.loads("[" * 100 + "]" * 100)


def _stack() -> list[Any]:
    frame, found = sys._getframe(), []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back  # type: ignore[assignment]
    return found


# Ending the process ---------------------------------------------------------------------------------------------------


@reads
def ends_the_process(self: Animal) -> Any:
    os._exit(3)


@reads
def ends_the_process_as_if_well(self: Animal) -> Any:
    os._exit(0)


@reads
def crashes(self: Animal) -> Any:
    ctypes.string_at(0)


@reads
def aborts(self: Animal) -> Any:
    os.abort()


@reads
def kills_itself(self: Animal) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


@reads
def kills_its_parent(self: Animal) -> Any:
    os.kill(os.getppid(), signal.SIGKILL)


@instead("check")
def ends_in_check(self: Any) -> Any:
    os._exit(7)


# Hanging --------------------------------------------------------------------------------------------------------------


@reads
def sleeps(self: Animal) -> Any:
    time.sleep(1e6)


@reads
def spins(self: Animal) -> Any:
    while True:
        pass


@reads
def holds_the_interpreter(self: Animal) -> Any:
    re.match(r"(a+)+$", "a" * 64 + "b")


@reads
def sleeps_deaf(self: Animal) -> Any:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1e6)


@reads
def waits_for_itself(self: Animal) -> Any:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


@instead("check")
def sleeps_in_check(self: Any) -> Any:
    time.sleep(1e6)


@instead("__init__")
def sleeps_when_made(self: Any, *args: Any, **options: Any) -> None:
    time.sleep(1e6)


# Garbage --------------------------------------------------------------------------------------------------------------


@reads
def yields_nothing_useful(self: Animal) -> Any:
    yield {"records": []}


@reads
def yields_none(self: Animal) -> Any:
    yield None


@reads
def yields_text_for_records(self: Animal) -> Any:
    yield Page("abc")  # type: ignore[arg-type]


@reads
def yields_no_json(self: Animal) -> Any:
    yield Page([someone("p")], object())


@reads
def yields_raws_of_text(self: Animal) -> Any:
    yield Page([someone("p")], 3, ["text"])  # type: ignore[list-item]


@reads
def goes_in_circles(self: Animal) -> Any:
    while True:
        yield Page([someone("p")], 3)


@instead("streams")
def has_no_streams(self: Any) -> Any:
    return None


@instead("streams")
def has_odd_streams(self: Any) -> Any:
    return [Stream(None, self.read)]  # type: ignore[arg-type]


@instead("check")
def checks_to_nothing(self: Any) -> Any:
    return {"identity": 5}


@instead("now")
def tells_a_strange_time(self: Any) -> Any:
    return "yesterday"


@reads
def yields_wrong_fields(self: Animal) -> Any:
    strange: list[Any] = [
        someone("a", first_name=5),
        someone("b", tags=object()),
        someone("c", version=float("nan")),
        {"external_id": "d"},
        "e",
        None,
        someone("f", last_name="half \udc80 a pair"),
        someone("g\udfff"),
        someone("h", last_name="x" * 2**21),
        someone("i", last_name="nul\x00"),
        Person(external_id=["j"], kind="contact"),  # type: ignore[arg-type]
        Person(external_id=10, kind="contact"),  # type: ignore[arg-type]
    ]
    yield Page(strange, 3)


@reads
def reuses_its_list(self: Animal) -> Any:
    records: list[Any] = []
    for number in range(5):
        records.append(someone(f"again-{number}"))
        yield Page(records, 3 + number)
        records.clear()


# Taking ---------------------------------------------------------------------------------------------------------------


@reads
def eats_memory(self: Animal) -> Any:
    while True:
        KEPT.append(os.urandom(2**20))


@reads
def leaks(self: Animal) -> Any:
    KEPT.append(bytes(bytearray(48 * 2**20)))


@reads
def leaves_threads(self: Animal) -> Any:
    threading.Thread(target=time.sleep, args=(1e6,)).start()
    threading.Thread(target=lambda: 1 // 0).start()


@reads
def leaves_children(self: Animal) -> Any:
    subprocess.Popen(["sleep", "86399"])
    if os.fork() == 0:
        time.sleep(86399)


# Meddling -------------------------------------------------------------------------------------------------------------


@reads
def prints(self: Animal) -> Any:
    for _ in range(10_000):
        print(f"token {SECRET} of anna.alt@x.example")
    os.write(2, b"\xff\xfe" * 1000)


@reads
def logs_loudly(self: Animal) -> Any:
    for number in range(3000):
        logging.getLogger("zoo").info("about %d anna.alt@x.example", number)
    try:
        int("no matter")
    except ValueError:
        logging.getLogger("zoo").exception("something")


@reads
def changes_the_world(self: Animal) -> Any:
    os.chdir("/")
    os.environ.clear()
    os.umask(0)
    locale.setlocale(locale.LC_ALL, "C")
    time.tzset()
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, lambda *_: None)


@reads
def changes_builtins(self: Animal) -> Any:
    builtins.len = lambda thing: 0  # type: ignore[assignment]
    json.dumps = json.loads = None  # type: ignore[assignment]
    time.monotonic = None  # type: ignore[assignment]


@reads
def registers_at_exit(self: Animal) -> Any:
    atexit.register(time.sleep, 1e6)


@instead("close")
def raises_in_close(self: Any) -> Any:
    raise RuntimeError(SECRET)


@instead("check")
def remarks_without_end(self: Any) -> Any:
    self.remarks = {"no": "list"}
    return Checked(notes=["no end of this " * 1000] * 100_000)


class falls_once(Animal):  # noqa: N801 - the name is its type
    """Ends its process in its third page, once; the next run goes on behind the second."""

    def read(self, window: Any, position: Any) -> Iterator[Any]:
        for number in range(position or 0, 6):
            if number == 3 and position is None:
                os._exit(9)
            yield Page([someone(f"falls-{number}")], number + 1)


keep(falls_once, "falls_once")


class takes_webhooks(Animal):  # noqa: N801 - the name is its type
    """Does with a delivery what its body says."""

    webhooks = True

    def act(self) -> Iterator[Any]:
        yield from ()

    def receive(self, delivery: Delivery) -> Notice | None:
        word = delivery.body.decode()
        if word == "receive sleeps":
            time.sleep(1e6)
        if word == "receive exits":
            sys.exit(SECRET)
        return Notice(word, "word", word)

    def apply(self, notice: Notice) -> Sequence[Any]:
        if notice.body == "apply ends":
            os._exit(5)
        if notice.body == "apply kills":
            os.kill(os.getpid(), signal.SIGKILL)
        if notice.body == "apply sleeps":
            time.sleep(1e6)
        return [someone(notice.body.replace(" ", "-"))]


keep(takes_webhooks, "takes_webhooks")


@hookimpl
def klientela_sources() -> list[Any]:
    print(f"{SECRET} while being loaded")
    return list(ZOO.values())
