"""What the list is filtered by beside its search: segments (its tabs) and facets; what may be asked, and in which words.

Several values of one facet are alternatives, several facets must all hit (A20, B07, B19, S09). Every value becomes one
spelling here, so that both databases and the bitmaps of a large list are asked the same.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

from klientela.errors import Misconfigured
from klientela.model.records import ConsentChannel, ConsentPurpose
from klientela.rules import geo
from klientela.store import products
from klientela.store.facts import SourceRow
from klientela.store.rows import source_named
from klientela.store.search import LISTED, REGISTERED, country_bits

SEGMENTS = ("all", "registered", "guest", "repeat", "scanned", "test", "inactive")
"""The tabs of the list: `repeat` has two or more orders that count under LTV, `scanned` ever scanned a letter's QR code,
`test` has a test order; `inactive` is the other list (R41)."""
FACETS = ("country", "status", "tag", "consent", "module", "product", "scanned", "sources")
"""What can be filtered by, in the order it is offered; a `product` is meant by its title or a SKU, however spelled."""
OPEN = ("country", "tag", "module")
"""Facets whose values are texts of the sources, told apart to the letter."""

NO_FILTERS: Mapping[str, Sequence[str]] = MappingProxyType({})

STATUSES = ("registered", "guest")
YES_NO = ("yes", "no")
CHANNELS: tuple[str, ...] = get_args(ConsentChannel)
PURPOSES: tuple[str, ...] = get_args(ConsentPurpose)
STATES = ("granted", "denied", "unknown")

LONGEST = 200
"""Longer values are found by whoever filters by them, and offered to nobody."""


class Pick(NamedTuple):
    """One filter: a row passes that has any of the values. `facet` may also be `segment`; values of `sources` are ids."""

    facet: str
    values: tuple[Any, ...]


def picks_of(
    sources: Mapping[int, SourceRow], segment: str, filters: Mapping[str, Sequence[str]], inactive: bool
) -> tuple[bool, tuple[Pick, ...]]:
    """Whether the inactive list is asked for, and the filters in their one spelling. Misconfigured or UnknownThing with a
    sentence for what there is not; a tag, module or country that nobody has is no error, nobody is found by it."""
    if segment not in SEGMENTS:
        raise Misconfigured(
            f"there is no segment {segment!r} of the list", hint=_meant(segment, SEGMENTS) or _known(SEGMENTS)
        )
    made = [] if segment in ("all", "inactive") else [Pick("segment", (segment,))]
    for facet, values in filters.items():
        if facet not in FACETS:
            raise Misconfigured(
                f"the list cannot be filtered by {facet!r}", hint=_meant(facet, FACETS) or f"It can by {_all(FACETS)}."
            )
        if isinstance(values, str):
            raise Misconfigured(f"the values of {facet} are one text", hint="Give a list of them.")
        chosen = dict.fromkeys(one for value in values for one in _values(facet, value, sources))
        if chosen:
            made.append(Pick(facet, tuple(chosen)))
    return inactive or segment == "inactive", tuple(made)


def _values(facet: str, value: str, sources: Mapping[int, SourceRow]) -> Iterable[Any]:
    """A value in its one spelling; `any:PURPOSE:STATE` becomes all channels."""
    if facet == "sources":
        return (source_named(sources, value).id,)
    if facet in OPEN or facet == "product":
        text = value.replace("\0", "")
        if not text.strip():
            raise Misconfigured(f"the filter {facet} is empty", hint="Name a value, or leave the filter out.")
        return (geo.country(text.strip()) or text,) if facet == "country" else (text,)
    if facet == "consent":
        return _consents(value)
    words = STATUSES if facet == "status" else YES_NO
    if value not in words:
        raise Misconfigured(
            f"{facet} is {' or '.join(words)}, not {value!r}", hint=_meant(value, words) or _known(words)
        )
    return (value,)


def _consents(value: str) -> Iterable[str]:
    parts = value.split(":")
    if len(parts) != 3:
        raise Misconfigured(
            f"{value!r} is no consent", hint="Write CHANNEL:PURPOSE:STATE, such as email:promotion:granted."
        )
    channel, purpose, state = parts
    for word, known, what in (
        (channel, (*CHANNELS, "any"), "channel"),
        (purpose, PURPOSES, "purpose"),
        (state, STATES, "answer"),
    ):
        if word not in known:
            raise Misconfigured(f"{word!r} is no {what} of a consent", hint=_meant(word, known) or _known(known))
    if channel != "any":
        return (value,)
    if state == "unknown":
        raise Misconfigured(
            "no channel at all has an answer where all are unknown", hint="Name the channel whose answer is unknown."
        )
    return tuple(f"{one}:{purpose}:{state}" for one in CHANNELS)


def _meant(word: str, known: Sequence[str]) -> str | None:
    found = difflib.get_close_matches(word.lower(), known, 1, cutoff=0.6)
    return f"Did you mean {found[0]}?" if found else None


def _known(words: Sequence[str]) -> str:
    return f"Known are {_all(words)}."


def _all(words: Sequence[str]) -> str:
    return ", ".join(words)


# -- what a row counts in ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _segments(kind: tuple[bool, ...]) -> tuple[str, ...]:
    inactive, listed, registered, repeat, scanned, test = kind
    found = ["all", "registered" if registered else "guest"]
    found += [name for name, there in (("repeat", repeat), ("scanned", scanned), ("test", test)) if there]
    if inactive:
        found = [f"inactive:{name}" for name in found]
    return (*found, *(f"listed:{name}" for name in found)) if listed else tuple(found)


def segments_of(facet: int, inactive: int, orders: int, tests: int, scanned: int | None) -> tuple[str, ...]:
    """The parts of the figure `segment` that a customer counts in, out of its row in `tally`: each tab of its list, the
    inactive one with `inactive:` before it, and all once more with `listed:` if a view of orderers lists it (K6)."""
    kind = (bool(inactive), bool(facet & LISTED), bool(facet & REGISTERED), orders > 1, scanned is not None, tests > 0)
    return _segments(kind)


def figure_of(inactive: bool) -> str:
    """The name of the figure that counts the values of facets in a list."""
    return "facet:inactive" if inactive else "facet"


def part_of(facet: str, value: Any) -> str | None:
    """The part of that figure that counts a value; None for one that is offered to nobody."""
    return None if facet in OPEN and len(value) > LONGEST else f"{facet}:{value}"


def values_in(facet: str, text: str) -> list[str]:
    """The values in what a row keeps as JSON: of its tags or modules, or the answers of its consents."""
    found = json.loads(text)
    if facet != "consent":
        return list(found)
    return [f"{channel}:{purpose}:{state}" for channel, said in found.items() for purpose, state in said.items()]


@lru_cache(maxsize=8192)
def parts_of(country: str | None, status: int, sources: str, tags: str | None, modules: str | None,
             consents: str | None) -> tuple[str, ...]:  # fmt: skip
    """The parts of the figure `facet` that a customer counts in, out of its row in `customer`."""
    found = [("status", "registered" if status else "guest"), *(("sources", n) for n in json.loads(sources))]
    if country:
        found.append(("country", country))
    for facet, text in (("tag", tags), ("module", modules), ("consent", consents)):
        if text is not None:
            found += [(facet, value) for value in values_in(facet, text)]
    return tuple(part for pair in found if (part := part_of(*pair)) is not None)


# -- which bitmap says so ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=65536)
def bitmap_of(facet: str, value: str) -> str:
    """The bitmap of a value that rows may have many of. Its name tells no text, which may be anything a source says."""
    if facet == "country" and country_bits(value):
        return f"country:{value}"
    if facet == "consent":
        return f"consent:{value}"
    return f"{facet}#{blake2b(value.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"


def bitmaps_of(pick: Pick) -> list[tuple[tuple[str, ...], bool]]:
    """The bitmaps that decide a filter, a row for each value: any of these names, or (False) none of them."""
    return [_decides(pick.facet, value) for value in pick.values]


def _decides(facet: str, value: Any) -> tuple[tuple[str, ...], bool]:
    if facet == "sources":
        return (f"source:{value}",), True
    if facet in ("segment", "status"):
        return ("registered" if value == "guest" else value,), value != "guest"
    if facet == "scanned":
        return ("scanned",), value == "yes"
    if facet == "consent" and value.endswith(":unknown"):
        asked = value.removesuffix("unknown")
        return tuple(bitmap_of(facet, asked + state) for state in STATES[:2]), False
    if facet == "product":
        return tuple(map(products.bitmap_of, products.keys_meant(value))), True
    return (bitmap_of(facet, value),), True


__all__ = [
    "CHANNELS", "FACETS", "LONGEST", "NO_FILTERS", "OPEN", "PURPOSES", "SEGMENTS", "STATES", "STATUSES", "YES_NO",
    "Pick", "bitmap_of", "bitmaps_of", "figure_of", "part_of", "parts_of", "picks_of", "segments_of", "values_in",
]  # fmt: skip
