"""Which of several rows with one id holds, without keeping the ids: a table of 16 bytes for each (R50).

Rows with a version of their own never come here: the core keeps the newest of them (R0a).
"""

from __future__ import annotations

from array import array
from typing import Literal

Policy = Literal["first", "last", "error"]
Verdict = Literal["take", "leave", "repeats"]

_MASK = (1 << 64) - 1
_EMPTY = 0


class Table:
    """A map of 8-byte hashes to 8-byte numbers in two flat arrays; at a million ids it takes 32 MB, a dict 120."""

    __slots__ = ("_keys", "_mask", "_used", "_values")

    def __init__(self) -> None:
        self._mask = 1023
        self._used = 0
        self._keys = array("Q", bytes(8 * 1024))
        self._values = array("Q", bytes(8 * 1024))

    def __len__(self) -> int:
        return self._used

    def _slot(self, key: int) -> int:
        keys, mask = self._keys, self._mask
        slot = key & mask
        while keys[slot] not in (key, _EMPTY):
            slot = (slot + 1) & mask
        return slot

    def get(self, key: int) -> int | None:
        """The number of a key."""
        slot = self._slot(key)
        return self._values[slot] if self._keys[slot] == key else None

    def put(self, key: int, value: int) -> None:
        """Set the number of a key."""
        slot = self._slot(key)
        if self._keys[slot] != key:
            self._used += 1
            if 3 * self._used > 2 * self._mask:
                self._grow()
                slot = self._slot(key)
            self._keys[slot] = key
        self._values[slot] = value

    def _grow(self) -> None:
        keys, values = self._keys, self._values
        size = 2 * len(keys)
        self._mask = size - 1
        self._keys = array("Q", bytes(8 * size))
        self._values = array("Q", bytes(8 * size))
        for key, value in zip(keys, values, strict=True):
            if key != _EMPTY:
                slot = self._slot(key)
                self._keys[slot] = key
                self._values[slot] = value


class Duplicates:
    """Judges the rows of one reading in their order.

    Within a file the policy decides; of the files of a pattern the later one holds (R0a: file name, line). Whenever a
    later row may win, the files are read twice: first every row is shown to `learn`, then to `judge`.
    """

    def __init__(self, policy: Policy, files: int) -> None:
        self.ahead = policy == "last" or files > 1  # whether `learn` must have seen all rows before `judge`
        self.left_out = 0
        self._policy = policy
        self._places = Table()

    def learn(self, entity: str, external_id: str, file: int, line: int) -> None:
        """Note a row of the first reading."""
        key = _key(entity, external_id)
        place = self._places.get(key)
        if place is None or self._policy == "last" or place >> 40 != file:
            self._places.put(key, file << 40 | line)

    def judge(self, entity: str, external_id: str, file: int, line: int) -> tuple[Verdict, int]:
        """Whether a row is taken, left out, or repeats (policy error) the row at the line that comes with it."""
        key = _key(entity, external_id)
        place = self._places.get(key)
        if place is None:
            self._places.put(key, file << 40 | line)
            return "take", line
        if place == file << 40 | line:
            return "take", line
        if self._policy == "error" and place >> 40 == file:
            return "repeats", place & ((1 << 40) - 1)
        self.left_out += 1
        return "leave", 0


def _key(entity: str, external_id: str) -> int:
    # Python's own hash: 64 bits, keyed anew in every process, so nobody can prepare ids that collide
    return (hash((entity, external_id)) & _MASK) or 1
