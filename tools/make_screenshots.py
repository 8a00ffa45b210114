"""Write docs/screenshots/*.png: the page as a browser shows it, on a house of people who never lived (showcase.py).

python tools/make_screenshots.py [--to FOLDER] [--keep] [NAME ...]

`NAME`: only pictures whose name begins like that; `--keep`: leave the page standing and say where, to look around.
Needs Chromium (`apt-get install chromium fonts-inter`) and the sandbox sources of the checkout.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import struct
import sys
import tempfile
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import showcase  # type: ignore[import-not-found]  # beside this script
from playwright.sync_api import Browser, Page, sync_playwright

from klientela.store import Store, users
from klientela.store.database import Step
from klientela_daemon.house import read
from klientela_daemon.http import Listener
from klientela_daemon.opening import opened, settle
from klientela_daemon.page import page as page_of

TARGET = Path(__file__).parents[1] / "docs" / "screenshots"
_FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage", "--font-render-hinting=none",
)  # fmt: skip
_COLOURS = 255
_ALIKE = 20  # squared distance below which two colours are one
_FILE = """Kundennummer;Vorname;Nachname;E-Mail;PLZ;Ort;Land;Geburtsort
N-1;Wiebke;Thoma;wiebke.thoma@mail.example;24937;Flensburg;DE;Kiel
N-2;Arne;Löwe;arne.loewe(at)mail.example;17033;Neubrandenburg;DE;
N-3;Marlene;Vogt;marlene.vogt@posteo.example;96450;Coburg;DE;Hof
N-4;Ludmiła;Czajka;ludmila@poczta.example;44-240;Żory;PL;
N-5;;;keine-adresse;;;;
"""
Doing = Callable[[Page], None]


@dataclass(frozen=True)
class Picture:
    """One picture: where it is taken and how wide, in the dark or not, after what was done, how far down."""

    name: str
    path: str
    dark: bool = False
    wide: int = 1440
    high: int = 1000
    doing: Doing | None = None


def _chosen(tab: Page) -> None:
    for row in (1, 2, 4):
        tab.locator("table.list tbody input[name=id]").nth(row).check()
    tab.mouse.wheel(0, 520)


def _palette(tab: Page) -> None:
    tab.keyboard.press("Control+k")
    tab.keyboard.type("vogt", delay=30)
    tab.wait_for_timeout(600)


def _hover(tab: Page) -> None:
    plot = tab.locator(".c-plot").first.bounding_box()
    assert plot is not None  # noqa: S101 - it stands on the page
    tab.mouse.move(plot["x"] + plot["width"] * 0.66, plot["y"] + 60)


def _import(tab: Page) -> None:
    tab.set_input_files("input[type=file]", {"name": "kunden.csv", "mimeType": "text/csv", "buffer": _FILE.encode()})
    tab.locator("input[name=headers][value=lenient]").check()
    tab.locator("main button.primary").click()
    tab.locator("button[name=do][value=dry]").click()
    tab.wait_for_load_state()


_SHE = "/customers?q=marlene.vogt"


def _open(tab: Page) -> None:
    tab.locator("table.list a.stretch").first.click()
    tab.wait_for_load_state()


PICTURES = (
    Picture("overview-light", "/customers", doing=_hover),
    Picture("overview-dark", "/customers?segment=scanned", dark=True),
    Picture("overview-phone", "/customers", wide=390, high=1500),
    Picture("overview-chosen", "/customers", doing=_chosen),
    Picture("overview-filters", "/customers?q=berg&show=filters"),
    Picture("palette", "/customers", doing=_palette),
    Picture("profile-light", _SHE, doing=_open, high=1400),
    Picture("profile-dark", _SHE, dark=True, doing=_open),
    Picture("profile-phone", _SHE, wide=390, high=1500, doing=_open),
    Picture("review-light", "/merges"),
    Picture("review-phone", "/merges", wide=390, high=1200),
    Picture("import-light", "/imports/new", doing=_import),
    Picture("runs-light", "/runs"),
    Picture("sources-dark", "/sources", dark=True),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the house, walk through it, write the pictures."""
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--to", type=Path, default=TARGET)
    wanted.add_argument("--keep", action="store_true")
    wanted.add_argument("--language", default="en")
    wanted.add_argument("names", nargs="*")
    asked = wanted.parse_args(arguments)
    asked.to.mkdir(parents=True, exist_ok=True)
    with standing_house() as (url, store), browser() as chromium:
        for one in PICTURES:
            if not asked.names or one.name.startswith(tuple(asked.names)):
                size = take(chromium, url, store, one, asked.to, asked.language)
                sys.stdout.write(f"{one.name:20} {size / 1024:6.0f} KB\n")
        if asked.keep:
            with store.step("sign in") as step:
                sys.stdout.write(f"{url}/enter/{users.link(step, 'admin')}\n")
            input("Enter ends it ")


@contextmanager
def standing_house() -> Iterator[tuple[str, Store]]:
    """The page of the showcase, served."""
    with tempfile.TemporaryDirectory(prefix="klientela-showcase-") as folder, showcase.standing() as clock:
        config = Path(folder) / "klientela.toml"
        config.write_text(showcase.CONFIG, encoding="utf-8")
        (Path(folder) / "liste.csv").write_text("email\n", encoding="utf-8")
        house = read(config)
        with opened(house, create=True) as store:
            settle(store, house)
            showcase.furnish(store, clock)
            house_of, nothing = (lambda: house), (lambda name, full: True)
            listener = Listener(page_of(store, house_of, nothing, dict), "127.0.0.1", 0)
            listener.start()
            try:
                yield listener.url, store
            finally:
                listener.stop()


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise SystemExit("Chromium is not installed: `apt-get install chromium fonts-inter` brings it")
    with sync_playwright() as playwright:
        flags = [*_FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(_FLAGS)
        started = playwright.chromium.launch(executable_path=path, args=flags)
        yield started
        started.close()


def take(chromium: Browser, url: str, store: Store, one: Picture, folder: Path, language: str) -> int:
    """Take one picture; the bytes it weighs."""
    with store.step("sign in") as step:
        secret = users.begin(step, _account(step))
    context = chromium.new_context(
        viewport={"width": one.wide, "height": one.high}, color_scheme="dark" if one.dark else "light",
        locale=language, reduced_motion="reduce", timezone_id="Europe/Berlin",
    )  # fmt: skip
    context.add_cookies([{"name": "klientela", "value": secret, "url": url}])
    tab = context.new_page()
    tab.goto(url + "/merges")  # whoever has looked there knows how many questions wait
    tab.goto(url + one.path)
    if one.doing is not None:
        one.doing(tab)
    tab.wait_for_timeout(200)
    shown = tab.screenshot(caret="hide")
    context.close()
    blank = chromium.new_page()
    made = few_colours(blank, shown)
    blank.close()
    (folder / f"{one.name}.png").write_bytes(made)
    return len(made)


def _account(step: Step) -> int:
    found = step.db.one("SELECT id FROM account ORDER BY id LIMIT 1")
    return int(found[0]) if found else users.add(step, "Klara Bernau", "four words of some length", "admin")


_PIXELS = """async (url) => {
  const picture = await createImageBitmap(await (await fetch(url)).blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  const bytes = pen.getImageData(0, 0, picture.width, picture.height).data;
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return [picture.width, picture.height, btoa(text)];
}"""


def few_colours(tab: Page, png: bytes) -> bytes:
    """The same picture with a palette of at most 255 colours, a quarter of the bytes. The browser unpacks it."""
    wide, high, text = tab.evaluate(_PIXELS, "data:image/png;base64," + base64.b64encode(png).decode())
    pixels = array("I", base64.b64decode(text))
    counts = Counter(pixels)
    kept = _kept(counts)
    parts = [_parts(colour) for colour in kept]
    place = {colour: number for number, colour in enumerate(kept)}
    for colour in counts.keys() - place.keys():
        red, green, blue = _parts(colour)
        place[colour] = min(
            range(len(parts)),
            key=lambda n: (parts[n][0] - red) ** 2 + (parts[n][1] - green) ** 2 + (parts[n][2] - blue) ** 2,
        )
    rows = b"".join(b"\0" + bytes(place[colour] for colour in pixels[y * wide : (y + 1) * wide]) for y in range(high))
    palette = b"".join(bytes(part) for part in parts)
    head = struct.pack(">IIBBBBB", wide, high, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def _kept(counts: Counter[int]) -> list[int]:
    """The colours that matter: frequent ones, bright ones before grey ones, none that nearly is another."""

    def weight(colour: int) -> float:
        parts = _parts(colour)
        return float(counts[colour] ** 0.5) * (1 + (max(parts) - min(parts)) / 24)

    kept: list[int] = []
    for colour in sorted(counts, key=weight, reverse=True):
        red, green, blue = _parts(colour)
        if all((r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2 > _ALIKE for r, g, b in map(_parts, kept)):
            kept.append(colour)
            if len(kept) == _COLOURS:
                break
    return kept


def _parts(colour: int) -> tuple[int, int, int]:
    """Red, green and blue of a pixel as it lies in memory."""
    return colour & 255, colour >> 8 & 255, colour >> 16 & 255


if __name__ == "__main__":
    main()
