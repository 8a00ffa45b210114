"""Keeping the bitmaps of a large list: made once, then changed customers are put into them now and then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from klientela.failpoints import failpoint
from klientela.model.words import agree
from klientela.rules.products import is_title
from klientela.store import bitmaps, products
from klientela.store import tables as t
from klientela.store.bitmaps import AXES, BITS, BUCKETS, LIMITS, SPAN, Marker, Scale, Side, State, Values
from klientela.store.database import Db, Store

_USED = 5 * BUCKETS // 8
"""Buckets that a new scale has; the numbers left over are for keys beyond its ends."""
_SAMPLE = 40_000
_MOST = 500
"""Products that are known by how many customers have them."""
_FULL = 4
"""A bucket at an end that holds so many times the average is divided; a list that grew so many times is mapped anew."""

Progress = Callable[[int], None]


def upkeep(store: Store, progress: Progress | None = None) -> None:
    """Make the bitmaps of a list that has become large, or put changed customers into them when there are many.

    Bounded transactions of their own: whoever reads in between uses the bitmaps only when they are complete. `progress`
    is told how many parts are left.
    """
    with store.reading() as db:
        now = bitmaps.state(db)
        customers = _customers(db)
        waiting = db.one("SELECT count(*) FROM (SELECT 1 FROM unmapped LIMIT ?) AS u", (LIMITS.merge,))
    if now is not None and customers > _FULL * now.customers:
        with store.step("bitmaps") as step:
            bitmaps.clear(step.db)
        now = None
    if now is None:
        if customers < LIMITS.least[store.dialect]:
            return
        now = _begin(store, customers)
    while now.upto is not None:
        now = _go_on(store, now)
        if progress and now.upto is not None:
            progress(now.last + 1 - now.upto)
    if waiting is not None and waiting[0] >= LIMITS.merge:
        merge(store)


def _customers(db: Db) -> int:
    row = db.one("SELECT sum(value) FROM figure WHERE name = 'customers' AND day = 0 AND part IN ('', 'inactive')")
    return int(row[0] or 0) if row else 0


# -- making them ----------------------------------------------------------------------------------------------------


def _begin(store: Store, customers: int) -> State:
    """Look at some customers to learn which words are frequent and where the buckets of each order begin."""
    with store.step("bitmaps") as step:
        db = step.db
        row = db.one("SELECT max(id) FROM customer")
        last = ((row and row[0]) or 0) // SPAN
        sample = bitmaps.facts(db, "c.id % ? = 0", (max(1, customers // _SAMPLE) | 1,))
        least = LIMITS.frequent * len(sample)
        grams = _frequent((gram for one in sample for gram in bitmaps.grams(one[bitmaps.HAY])), least, LIMITS.grams)
        words = _frequent((word for one in sample for word in bitmaps.words_of(one[bitmaps.HAY])), least, LIMITS.words)
        for axis, (lead, key) in AXES.items():
            there = _side(sorted(key(one) for one in sample if one[lead] is not None))
            missing = _side(sorted(key(one) for one in sample if one[lead] is None))
            bitmaps.keep_scale(db, Scale(axis, there, missing))
        now = State(0, last, customers, grams, words)
        bitmaps.keep_state(db, now)
        _keep_bought(db, {})
    return now


def _frequent(texts: Iterable[str], least: float, most: int) -> frozenset[str]:
    return frozenset(text for text, count in Counter(texts).most_common(most) if count >= least)


def _side(keys: list[Any], most: int = _USED) -> Side:
    """Buckets of about equal size."""
    count = max(1, min(most, len(keys) // 4))
    bounds = [keys[place * len(keys) // count] for place in range(1, count)]
    return Side((BUCKETS - count) // 2, bounds)


def _go_on(store: Store, now: State) -> State:
    """Map the next part."""
    assert now.upto is not None  # noqa: S101 - asked by the caller
    part = now.upto
    with store.step("bitmaps") as step:
        db = step.db
        made = _of_rows(db, Marker(now, bitmaps.scales(db, AXES)), part, _part(db, part))
        db.run("DELETE FROM bitmap WHERE part = ?", (part,))
        db.insert(
            t.bitmap, ("name", "body"), [(n, bitmaps.pack(bits)) for n, bits in sorted(made.items())], {"part": part}
        )
        counts = Counter(bitmaps.bought(db))
        counts.update({name: bits.bit_count() for name, bits in made.items() if products.key_in(name)})
        _keep_bought(db, counts)
        now = now._replace(upto=None if part == now.last else part + 1)
        bitmaps.keep_state(db, now)
    failpoint("bitmaps.part")
    return now


def _keep_bought(db: Db, counts: Mapping[str, int]) -> None:
    """Store how many customers each product has, and which products most have, ties by their keys."""
    named = [(name, n) for name, n in counts.items() if n and (key := products.key_in(name)) and is_title(key)]
    bitmaps.keep_bought(db, counts, sorted(named, key=lambda pair: (-pair[1], pair[0]))[:_MOST])


def _part(db: Db, part: int) -> list[Values]:
    return bitmaps.facts(db, "c.id >= ? AND c.id < ?", (part * SPAN, (part + 1) * SPAN))


def _of_rows(db: Db, marker: Marker, part: int, rows: Sequence[Values], *, figures: bool = False) -> dict[str, int]:
    """The bitmaps of one part with these customers alone; only those that orders decide, where that is asked."""
    names_of = marker.figures if figures else marker.names
    places: dict[str, list[int]] = {}
    first = part * SPAN
    bought = products.of_customers(db, (row[0] for row in rows))
    for row in rows:
        place = row[0] - first
        names = names_of(row)
        if row[0] in bought:
            names += map(products.bitmap_of, bought[row[0]])
        for name in names:
            if name in places:
                places[name].append(place)
            else:
                places[name] = [place]
    return {name: bitmaps.bits_of(where) for name, where in places.items()}


# -- changed customers ----------------------------------------------------------------------------------------------


def merge(store: Store) -> None:
    """Put the changed customers into the bitmaps, where there are any."""
    with store.step("bitmaps") as step:
        db = step.db
        now = bitmaps.state(db)
        if now is None or now.upto is not None:
            return
        by_axis = bitmaps.scales(db, AXES)
        marker = Marker(now, by_axis)
        changed = db.rows("SELECT id, max(whole) FROM unmapped GROUP BY id ORDER BY id")
        ends: Counter[tuple[str, bool, int]] = Counter()
        bought = Counter(bitmaps.bought(db))
        for part, some in groupby(changed, key=lambda row: row[0] // SPAN):
            asked: dict[int, int] = dict(some)
            rows = bitmaps.facts(db, f"c.id {db.among}", (db.pack(asked),))
            for whole in (1, 0):
                those = [number for number, how in asked.items() if how == whole]
                if those:
                    mine = [row for row in rows if asked[row[0]] == whole]
                    made = _of_rows(db, marker, part, mine, figures=not whole)
                    bought.update(_put(db, part, those, made, None if whole else bitmaps.FIGURES, orders=True))
            ends.update(_at_ends(by_axis, rows))
            now = now._replace(last=max(now.last, part))
        db.run("DELETE FROM unmapped")
        _keep_bought(db, bought)
        bitmaps.keep_state(db, now)
        share = max(1, now.customers // _USED)
        for (axis, missing, bucket), came in ends.items():
            if came * _FULL >= LIMITS.merge // _USED:
                _divide(db, now, by_axis[axis], missing, bucket, share)
    failpoint("bitmaps.merged")


def _put(
    db: Db,
    part: int,
    asked: list[int],
    made: Mapping[str, int],
    names: Iterable[str] | None = None,
    *,
    orders: bool = False,
) -> Counter[str]:
    """Replace the bits of the asked customers in one part, of all bitmaps or of those named and, with `orders`, those of
    products. By how many customers each product has more or fewer."""
    if names is None:
        stored = db.blobs("SELECT name, body FROM bitmap WHERE part = ?", (part,))
    else:
        which = f"(name {db.among_text} OR {products.BETWEEN})" if orders else f"name {db.among_text}"
        stored = db.blobs(f"SELECT name, body FROM bitmap WHERE part = ? AND {which}", (part, db.pack(names)))
    places = {number - part * SPAN for number in asked}
    mask = bitmaps.bits_of(sorted(places))
    written = []
    known = set()
    more: Counter[str] = Counter()
    for name, body in stored:
        known.add(name)
        due = made.get(name, 0)
        if not due and bitmaps.has_none(body, places):
            continue
        old = bitmaps.unpack(body)
        if old & mask != due:
            written.append((part, name, bitmaps.pack(old ^ (old & mask) | due)))
            if products.key_in(name):
                more[name] = due.bit_count() - (old & mask).bit_count()
    for name, bits in made.items():
        if name not in known:
            written.append((part, name, bitmaps.pack(bits)))
            if products.key_in(name):
                more[name] = bits.bit_count()
    db.upsert(t.bitmap, ("part", "name", "body"), sorted(written), ("part", "name"))
    return more


# -- orders that grow -----------------------------------------------------------------------------------------------


def _at_ends(by_axis: Mapping[str, Scale], rows: list[Values]) -> Iterator[tuple[str, bool, int]]:
    """The buckets at the ends of an order that customers fall into."""
    for axis, scale in by_axis.items():
        for row in rows:
            missing, bucket = scale.place(row)
            side = scale.side(missing)
            if bucket in (side.first, side.last):
                yield axis, missing, bucket


def _divide(db: Db, now: State, scale: Scale, missing: bool, bucket: int, share: int) -> None:
    """Divide a bucket at an end that has become too large; where no numbers are left, divide the whole order anew."""
    side = scale.side(missing)
    if bucket not in (side.first, side.last):
        return  # divided a moment ago
    all_of_it = _members(db, now, scale.axis, missing)
    here = _within(db, now, scale.axis, bucket, all_of_it)
    size = here.bit_count()
    if size < _FULL * share:
        return
    count = size // share
    rows = _rows_of(db, here)
    bounds = [keys[place * len(keys) // count] for keys in [sorted(map(scale.key, rows))] for place in range(1, count)]
    if bucket == side.last and side.last + count <= BUCKETS:
        side.bounds += bounds
    elif bucket == side.first and side.first >= count:
        side.bounds, side.first = bounds + side.bounds, side.first - len(bounds)
    else:
        here = all_of_it
        anew = _side(sorted(map(scale.key, _rows_of(db, here))))
        side.first, side.bounds = anew.first, anew.bounds
    bitmaps.keep_scale(db, scale)
    _map_again(db, scale, missing, here)


def _members(db: Db, now: State, axis: str, missing: bool) -> int:
    found = bitmaps.load(db, ("live", "inactive", f"{axis}/null"), now.last)
    everybody = found["live"] | found["inactive"]
    without = found[f"{axis}/null"]
    return without if missing else everybody ^ without


def _within(db: Db, now: State, axis: str, bucket: int, bits: int) -> int:
    for name, those in bitmaps.load(db, [f"{axis}/{bit}" for bit in range(BITS)], now.last).items():
        ones = bits & those
        bits = ones if bucket >> int(name.rpartition("/")[2]) & 1 else bits ^ ones
    return bits


def _rows_of(db: Db, bits: int) -> list[Values]:
    return bitmaps.facts(db, f"c.id {db.among}", (db.pack(bitmaps.numbers(bits)),))


def _map_again(db: Db, scale: Scale, missing: bool, bits: int) -> None:
    """Put customers, of one side of an order, into the buckets that are right now."""
    names = [f"{scale.axis}/{bit}" for bit in range(BITS)]
    for part, numbers in groupby(bitmaps.numbers(bits), key=lambda number: number // SPAN):
        asked = list(numbers)
        places: dict[str, list[int]] = {}
        for row in bitmaps.facts(db, f"c.id {db.among}", (db.pack(asked),)):
            for name in bitmaps.bucket_names(scale.axis, scale.place(row)[1]):
                places.setdefault(name, []).append(row[0] - part * SPAN)
        _put(db, part, asked, {name: bitmaps.bits_of(where) for name, where in places.items()}, names)


# -- looking after them ---------------------------------------------------------------------------------------------


def check(db: Db, most: int | None = None) -> list[str]:
    """What is wrong with the bitmaps, as sentences: every bit is held against the customer it speaks of.

    `most`: only so many parts are looked at, spread over all of them, the first and the last among them.
    """
    now = bitmaps.state(db)
    if now is None or now.upto is not None:
        return []
    marker = Marker(now, bitmaps.scales(db, AXES))
    waiting = {row[0] for row in db.rows("SELECT id FROM unmapped")}
    wrong = set()
    bought: Counter[str] = Counter()
    row = db.one("SELECT max(id) FROM customer")
    for part in _spread(max(now.last, ((row and row[0]) or 0) // SPAN), most):
        due = _of_rows(db, marker, part, [one for one in _part(db, part) if one[0] not in waiting])
        unsure = bitmaps.bits_of([n - part * SPAN for n in waiting if n // SPAN == part])
        stored = {
            name: bitmaps.unpack(body)
            for name, body in db.blobs("SELECT name, body FROM bitmap WHERE part = ?", (part,))
        }
        for name in {*due, *stored}:
            bits = stored.get(name, 0)
            if bits ^ (bits & unsure) != due.get(name, 0):
                wrong.add(name)
            if products.key_in(name):
                bought[name] += bits.bit_count()
    if most is None:
        counts = bitmaps.bought(db)
        wrong |= {name for name in {*counts, *bought} if counts.get(name, 0) != bought[name]}
    if not wrong:
        return []
    some = ", ".join(sorted(wrong)[:3])
    return [
        agree(len(wrong), "{} [bitmap of the list does|bitmaps of the list do] not say what its rows say ")
        + f"({some}): `klientela rebuild` makes them anew"
    ]


def _spread(last: int, most: int | None) -> Iterable[int]:
    """Numbers from 0 to `last`: all, or so many of them at even distances."""
    if most is None or last < most:
        return range(last + 1)
    return [number * last // (most - 1) for number in range(most)]


__all__ = ["check", "merge", "upkeep"]
