"""Where a key stands in a TOML file, so that an error can name the line (tomllib keeps no positions).

The text has been read by tomllib before, so it is known to be well-formed; only keys and nesting are followed here.
"""

from __future__ import annotations

from collections import Counter

Path = tuple[str | int, ...]

_BARE_END = set(" \t=.]#\n")
_VALUE_END = set(",]}#\n")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}
_HEX = {"u": 4, "U": 8, "x": 2}


def places(text: str) -> dict[Path, int]:
    """Line numbers (from 1) by key path; `("sources", "main", "every")`, array items by their index."""
    return _Walk(text.replace("\r\n", "\n")).run()


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.found: dict[Path, int] = {}
        self.arrays: Counter[Path] = Counter()

    def run(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip():
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)
        return self.found

    def _peek(self, count: int = 1) -> str:
        return self.text[self.at : self.at + count]

    def _step(self, count: int = 1) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def _skip(self) -> bool:
        """Past blanks, newlines and comments; False at the end of the file."""
        while (char := self._peek()) and (char.isspace() or char == "#"):
            if char == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                self._step()
        return bool(char)

    def _header(self) -> Path:
        double = self._peek(2) == "[["
        line = self.line
        self._step(2 if double else 1)
        keys = self._keys("]")
        self._step(2 if double else 1)
        path = (*self._inside(keys[:-1], line), keys[-1])
        if double:
            index = self.arrays[path]
            self.arrays[path] += 1
            self.found.setdefault(path, line)
            path = (*path, index)
        self.found.setdefault(path, line)
        return path

    def _inside(self, keys: list[str], line: int) -> Path:
        """The path of parent tables; a parent that is an array of tables means its last table."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            self.found.setdefault(path, line)
            if self.arrays[path]:
                path = (*path, self.arrays[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        line = self.line
        path = table
        for key in self._keys("="):
            path = (*path, key)
            self.found.setdefault(path, line)
        self._step()
        self._value(path)

    def _keys(self, end: str) -> list[str]:
        """A dotted key up to (not past) the end character."""
        keys = []
        while True:
            self._skip()
            char = self._peek()
            keys.append(self._string() if char in ("'", '"') else self._bare())
            self._skip()
            if self._peek() == end:
                return keys
            self._step()  # the dot

    def _bare(self) -> str:
        start = self.at
        while self._peek() and self._peek() not in _BARE_END:
            self.at += 1
        return self.text[start : self.at]

    def _value(self, path: Path) -> None:
        self._skip()
        char = self._peek()
        if char in ("'", '"'):
            self._string()
        elif char == "[":
            self._items(path)
        elif char == "{":
            self._inline(path)
        else:
            while self._peek() and self._peek() not in _VALUE_END:
                self.at += 1

    def _items(self, path: Path) -> None:
        self._step()
        index = 0
        while self._skip() and self._peek() != "]":
            if self._peek() == ",":
                self._step()
                continue
            self.found.setdefault((*path, index), self.line)
            self._value((*path, index))
            index += 1
        self._step()

    def _inline(self, path: Path) -> None:
        self._step()
        while self._skip() and self._peek() != "}":
            if self._peek() == ",":
                self._step()
            else:
                self._pair(path)
        self._step()

    def _string(self) -> str:
        mark = self._peek(3)
        if mark not in ('"""', "'''"):
            mark = mark[0]
        self._step(len(mark))
        plain = mark[0] == "'"
        parts = []
        while self._peek() and self._peek(len(mark)) != mark:
            if self._peek() == "\\" and not plain:
                parts.append(self._escape())
            else:
                parts.append(self._peek())
                self._step()
        self._step(len(mark))
        while len(mark) == 3 and self._peek() == mark[0]:  # up to two quotes may end the text itself
            self._step()
        return "".join(parts)

    def _escape(self) -> str:
        kind = self.text[self.at + 1]
        size = _HEX.get(kind)
        if size is None:
            self._step(2)
            return _ESCAPES.get(kind, "")
        code = self.text[self.at + 2 : self.at + 2 + size]
        self._step(2 + size)
        return chr(int(code, 16))
