"""A page over real HTTP on a store, people of every role, and a real browser."""

from __future__ import annotations

import os
import shutil
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from klientela.store import Store, users
from klientela_daemon.house import House, read
from klientela_daemon.http import Listener
from klientela_daemon.page import page
from klientela_web import templating
from tests.conftest import IN_CI

_TLS = ssl.create_default_context()  # read once: each client reads all certificates of the machine otherwise
PASSWORD = "four words of some length"
CONFIG = '[shop]\ntimezone = "Europe/Berlin"\ncurrency = "EUR"\n'


class Served:
    """A page that is being served. `config` may be replaced; `asked` are the sources that somebody wanted to run."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.path = folder / "klientela.toml"
        self.configure(CONFIG)
        self.asked: list[str] = []
        self.running: dict[str, dict[str, Any]] = {}
        self._listener = Listener(page(store, lambda: self.house, self._sync, lambda: self.running), "127.0.0.1", 0)
        self._listener.start()
        self.url = self._listener.url
        self._open = ExitStack()

    def configure(self, text: str) -> None:
        """Another configuration."""
        self.path.write_text(text, encoding="utf-8")
        self.house: House = read(self.path)

    def _sync(self, name: str, full: bool) -> bool:
        self.asked.append(name)
        return True

    def secret(self, role: str) -> str:
        """The session of a new person of that role."""
        with self.store.step("test") as step:
            count = step.db.one("SELECT count(*) FROM account")
            account = users.add(step, f"{role} {count[0] if count else 0}", PASSWORD, role)
            return users.begin(step, account)

    def client(self, role: str | None = None, language: str = "en") -> httpx.Client:
        """A client that is signed in in that role, or not at all; `client.headers["x-form"]` is right."""
        made = self._open.enter_context(
            httpx.Client(base_url=self.url, headers={"accept-language": language}, timeout=30, verify=_TLS)
        )
        if role is not None:
            secret = self.secret(role)
            made.cookies.set("klientela", secret)
            with self.store.reading() as db:
                found = users.who(db, secret, 0)
            assert found is not None
            made.headers["x-form"] = found[0].form
        return made

    def close(self) -> None:
        """No more."""
        self._open.close()
        self._listener.stop()


class _Compiled(BytecodeCache):
    """Templates that were compiled before in this process: every served page makes an environment of its own."""

    _known: ClassVar[dict[str, bytes]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._known:
            bucket.bytecode_from_string(self._known[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(autouse=True, scope="session")
def _quick() -> Iterator[None]:
    """Compile a template once, and hash a password once: both take longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(templating, "Environment", partial(Environment, bytecode_cache=_Compiled()))
        patch.setattr(users, "_hashed", cache(users._hashed))
        yield


@pytest.fixture
def served(store: Store, tmp_path: Path) -> Iterator[Served]:
    """A page on an empty store, once on each database."""
    made = Served(store, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A real browser."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        hint = "Chromium is not installed: `apt-get install chromium fonts-inter` brings it"
        if IN_CI:
            pytest.fail(hint)
        pytest.skip(hint)
    flags = [
        "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    ]  # fmt: skip
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def browse(served: Served, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page of the served one in a browser of its own: `browse("/customers", role="editor", dark=True)`. What the
    console or a script complains of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(
        path: str = "/customers", *, role: str | None = "admin", language: str = "en", dark: bool = False,
        wide: int = 1440, high: int = 1000, script: bool = True,
    ) -> Page:  # fmt: skip
        context = chromium.new_context(
            viewport={"width": wide, "height": high}, locale=language, color_scheme="dark" if dark else "light",
            java_script_enabled=script, reduced_motion="reduce",
        )  # fmt: skip
        context.set_default_timeout(15_000)
        contexts.append(context)
        if role is not None:
            context.add_cookies([{"name": "klientela", "value": served.secret(role), "url": served.url}])
        tab = context.new_page()
        tab.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto(served.url + path)
        return tab

    yield open_
    for context in contexts:
        try:
            context.close()
        except Error:
            continue
    assert complaints == []
