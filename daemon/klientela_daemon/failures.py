"""Turns every error into one sentence that says what to do next; the only place that does."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from klientela.errors import KlientelaError
from klientela_daemon import redact

WRONG_USAGE = 2
FAILED = 1
STOPPED = 130  # 128 + SIGINT, as shells have it

_AT_THE_SYSTEM = {
    errno.EACCES: "Give the user that runs klientela the right to it, or name another place.",
    errno.EPERM: "Give the user that runs klientela the right to it, or name another place.",
    errno.EROFS: "Name a place that may be written to.",
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "Check the path.",
    errno.EISDIR: "Name a file, not a folder.",
    errno.ENOSPC: "Free some space and try again.",
    errno.EADDRINUSE: "Another program uses that port; choose another.",
}
"""What to do about an error of the operating system."""


def describe(error: BaseException) -> dict[str, str | None]:
    """The error as contract.md shows it in JSON: kind, message, hint; of strangers' errors only their kind is told."""
    if isinstance(error, KlientelaError):
        said = error.as_dict()
        return {
            "kind": said["kind"],
            "message": redact.clean(said["message"] or ""),
            "hint": redact.clean(said["hint"]) if said["hint"] else None,
        }
    if isinstance(error, OSError) and error.strerror:
        file = f": {error.filename}" if error.filename else ""
        hint = _AT_THE_SYSTEM.get(error.errno or 0)
        return {"kind": "system", "message": redact.clean(f"{error.strerror.lower()}{file}"), "hint": hint}
    return {"kind": "unexpected", "message": f"something unexpected happened ({type(error).__name__})", "hint": None}


def sentence(error: BaseException) -> str:
    """The error as one line for a log or a table."""
    said = describe(error)
    return f"{said['message']} ({said['hint']})" if said["hint"] else str(said["message"])


def report(error: BaseException, *, as_json: bool, debug: bool = False) -> int:
    """Tell the operator and return the exit code. The traceback goes to stderr with --debug, else into a file."""
    said = explain(error, debug=debug)
    tell(said, as_json=as_json)
    return error.exit_code if isinstance(error, KlientelaError) else FAILED


def explain(error: BaseException, *, debug: bool = False) -> dict[str, str | None]:
    """Like `describe`, and for an unexpected error the hint says where its traceback is kept."""
    said = describe(error)
    if not isinstance(error, (KlientelaError, OSError)):
        said["hint"] = _keep_trace(error, debug)
    elif debug:
        _show_trace(error)
    return said


def tell(said: dict[str, Any], *, as_json: bool) -> None:
    """Print an error: JSON on stdout, or a sentence and a hint on stderr."""
    if as_json:
        print(json.dumps({"error": said}, ensure_ascii=False, indent=2))  # noqa: T201
        return
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    red, dim, off = ("\033[31m", "\033[2m", "\033[0m") if colour else ("", "", "")
    print(f"{red}error:{off} {redact.harmless(said['message'])}", file=sys.stderr)  # noqa: T201
    if said["hint"]:
        print(f"{dim}{redact.harmless(said['hint'])}{off}", file=sys.stderr)  # noqa: T201


def warn(text: str) -> None:
    """Something the operator should know, on stderr."""
    print(f"warning: {redact.harmless(redact.clean(text))}", file=sys.stderr)  # noqa: T201


def _show_trace(error: BaseException) -> None:
    sys.stderr.write(redact.clean("".join(traceback.format_exception(error))))


def _keep_trace(error: BaseException, debug: bool) -> str:
    if debug:
        _show_trace(error)
        return "This is a mistake in klientela; the lines above say where."
    try:
        handle, name = tempfile.mkstemp(prefix="klientela-", suffix=".traceback")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(redact.clean("".join(traceback.format_exception(error))))
    except OSError:
        return "This is a mistake in klientela; --debug shows where it happened."
    return f"This is a mistake in klientela; {Path(name)} says where, and --debug shows it."
