"""The demo's house: pretend shops on loopback, a folder with configuration and file."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from klientela import plugins
from klientela.errors import Conflict, KlientelaError, Misconfigured
from klientela.http import Http
from klientela.model.records import Person
from klientela.source import Source, Window
from klientela.testing import serve
from klientela_daemon.cli.init import write as write_private
from klientela_daemon.demo import people, till
from klientela_daemon.door import TYPE
from klientela_daemon.house import House, read
from klientela_daemon.sandboxes import application

LIST = "list"
"""The name of the file's source."""

_SEED = 7
_HAPPENS_EVERY = 15.0  # seconds between two things that happen in a shop
_ORIGIN = "shopify"  # whose orders another shop's sandbox may carry
_CARRIED = 3  # every third of them
_LOOKED_AT = 400  # customers of the shop that may appear in the file too


@dataclass(frozen=True, slots=True)
class Shop:
    """One sandbox shop: the name of its source, its type, its address, the settings that open it."""

    name: str
    type: str
    url: str
    settings: dict[str, Any]


@contextmanager
def shops(found: plugins.Plugins, customers: int) -> Iterator[list[Shop]]:
    """A sandbox of each installed type that has one."""
    with ExitStack() as stack:
        opened = []
        for name, kind in sorted(found.types.items()):
            if kind.sandbox is None:
                continue
            url = stack.enter_context(serve(application(found, name, customers=customers, seed=_SEED)))
            with_client = Http(url)
            settings = with_client.get_json("/_sandbox/settings")
            with_client.close()
            opened.append(Shop(name, name, url, {**settings, "type": name, "base_url": url}))
        if not opened:
            raise Misconfigured("no installed plugin has a sandbox", hint='Install "klientela[sandbox]".')
        for shop in opened:
            for origin in opened:
                pass_on(origin, shop)
        yield opened


def pass_on(origin: Shop, carrier: Shop) -> None:
    """Let one shop's sandbox carry some orders of another one, where it is such a shop: one order, two carriers (R29)."""
    if origin.type != _ORIGIN or origin is carrier:
        return
    client, there = Http(carrier.url), Http(origin.url)
    try:
        orders = there.get_json("/_sandbox/truth")["orders"]
        some = [one for number, one in enumerate(orders.values()) if number % _CARRIED == 0]
        told = client.post("/_sandbox/carry", json={"orders": some, "platform": origin.type}, accept=(404, 405))
        if told.status == 200:
            carrier.settings["same_as"] = {str(told.json()["shop"]): origin.name}
    finally:
        client.close()
        there.close()


def furnish(folder: Path | None, opened: list[Shop], port: int) -> House:
    """Write configuration and file, and read what was written. A folder with another house in it is refused."""
    place = folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="klientela-demo-"))
    place.mkdir(parents=True, exist_ok=True)
    config = place / "klientela.toml"
    if config.exists() and not config.read_text("utf-8").startswith(_MARK):
        raise Conflict(f"{config} is no configuration of the demo", hint="Choose another folder with --dir.")
    pushed = TYPE in plugins.find().types
    write_private(config, _config(opened, port, pushed))
    here = read(config)
    members: list[list[Person]] = []
    for shop in opened:
        source = here.plugins.make(shop.name, here.config.settings.sources[shop.name], shop=here.config.shop())
        members.append(customers_of(source))
        source.close()
    in_turn = (person for row in zip_longest(*members) for person in row if person is not None)
    people.write(place / "customers.csv", in_turn, _SEED)
    return here


def customers_of(source: Source) -> list[Person]:
    """The first customers a shop has, read as every source is read."""
    for stream in source.streams():
        if stream.entity == "customer":
            records = (record for page in stream.read(Window(), None) for record in page.records)
            return [record for record in islice(records, _LOOKED_AT) if isinstance(record, Person)]
    return []


_MARK = "# The configuration of `klientela demo`"


def _config(opened: list[Shop], port: int, pushed: bool) -> str:
    parts = [f"{_MARK}: pretend shops on loopback and a file beside it.\n"]
    for shop in opened:
        plain = {key: value for key, value in shop.settings.items() if not isinstance(value, dict)}
        keys = "".join(f"{key} = {json.dumps(value)}\n" for key, value in plain.items())
        parts.append(f'[sources.{shop.name}]\n{keys}every = "10s"\npriority = 10\n')
        for key in shop.settings.keys() - plain.keys():
            lines = "".join(f"{json.dumps(one)} = {json.dumps(two)}\n" for one, two in shop.settings[key].items())
            parts.append(f"[sources.{shop.name}.{key}]\n{lines}")
    parts.append(f'[sources.{LIST}]\ntype = "csv"\npath = "customers.csv"\nevery = "30s"\n')
    parts.append(f'[sources.{LIST}.columns]\nkind = "Art"\n')
    if pushed:
        parts.append(till.CONFIG)
    parts.append(f"[web]\nport = {port}\n")
    return "\n".join(parts)


@contextmanager
def life(opened: list[Shop]) -> Iterator[None]:
    """Let something happen in the shops every few seconds, so that a running daemon has news to read."""
    over = threading.Event()

    def live() -> None:
        clients = [Http(shop.url, stop=over) for shop in opened]
        while not over.wait(_HAPPENS_EVERY):
            for client in clients:
                with suppress(KlientelaError):  # a sandbox without this lever stands still
                    client.post_json("/_sandbox/advance", {"steps": 1})
        for client in clients:
            client.close()

    thread = threading.Thread(target=live, name="life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)
