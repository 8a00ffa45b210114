"""Says what is wrong with a command line in sentences of ours: typer's own speak of arguments and valid integers."""

from __future__ import annotations

import re
from collections.abc import Callable

_Found = re.Match[str]

_SENTENCES: tuple[tuple[re.Pattern[str], Callable[[_Found, str], str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), said)
    for pattern, said in (
        (r"no such command '(?P<name>[^']*)'", lambda f, verb: f"{verb} has no command {f['name']!r}"),
        (r"no such option:? '?(?P<name>--?[\w-]+)", lambda f, verb: f"{verb} has no option {f['name']}"),
        (r"missing (?:argument|option|parameter):? '(?P<name>[^']*)'", lambda f, verb: f"{f['name']} is missing"),
        (r"option '(?P<name>[^']*)' does not take a value", lambda f, verb: f"{f['name']} takes no value"),
        (r"option '(?P<name>[^']*)' requires", lambda f, verb: f"{f['name']} needs a value"),
        (
            r"got unexpected extra arguments?(?:\(s\))? \((?P<rest>.*)\)$",
            lambda f, verb: f"{verb} does not know what to do with {f['rest']}",
        ),
        (r"invalid value for (?P<name>\S+): (?P<rest>must be .+)$", lambda f, verb: f"{_bare(f['name'])} {f['rest']}"),
        (
            r"invalid value for (?P<name>\S+): .*valid number",
            lambda f, verb: f"{_bare(f['name'])} must be a number",
        ),
        (
            r"invalid value for (?P<name>\S+): '?(?P<given>[^']*)'? is not one of (?P<known>.*)$",
            lambda f, verb: (
                f"{_bare(f['name'])} cannot be {f['given']!r}; it is one of {f['known'].replace(chr(39), '')}"
            ),
        ),
        (r"invalid value for (?P<name>\S+): (?P<rest>.+)$", lambda f, verb: f"{_bare(f['name'])}: {_small(f['rest'])}"),
    )
)
_MEANT = re.compile(r"did you mean:? (?P<names>[^?]*)\?|possible options: (?P<some>.*)$", re.IGNORECASE)


def sentence(message: str, verb: str) -> tuple[str, str]:
    """Message and hint for what typer said; `verb` is the command as it was called, like `klientela sync`."""
    plain = " ".join(message.replace("Value error, ", "").split()).rstrip(".")
    meant = _MEANT.search(plain)
    help_ = f"`{verb} --help` shows how it is used."
    hint = f"Did you mean {_bare((meant['names'] or meant['some']).strip('() '))}? {help_}" if meant else help_
    for pattern, said in _SENTENCES:
        found = pattern.match(plain)
        if found:
            return said(found, verb), hint
    return _small(plain), help_


def _bare(name: str) -> str:
    return name.replace("'", "")


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


__all__ = ["sentence"]
