"""Logs: readable on a terminal, JSON lines otherwise, always on stderr, never with secrets or personal data."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any, TextIO

import structlog

from klientela_daemon import redact

_QUIET = ("httpx", "httpcore", "apscheduler", "uvicorn", "asyncio", "alembic")
"""Libraries that speak of every request or every wake-up; their warnings are kept."""


def set_up(
    *, secrets: Iterable[str] = (), level: str = "info", as_json: bool | None = None, stream: TextIO | None = None
) -> None:
    """Send everything that anybody logs through one road. `as_json` None: JSON unless the stream is a terminal."""
    redact.hide(secrets)
    out = stream or sys.stderr
    plain = not out.isatty() if as_json is None else as_json
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
        if plain
        else structlog.dev.ConsoleRenderer(
            colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=40
        )
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact.processor, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
    sys.excepthook = _unhandled
    threading.excepthook = _unhandled_in_thread


def logger(name: str) -> Any:
    """A logger for one room; call it as `log.info("sync finished", source="main", read=250)`."""
    return structlog.stdlib.get_logger(name)


def _unhandled(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logger("klientela").critical("unexpected error", exc_info=(kind, error, trace))


def _unhandled_in_thread(args: Any) -> None:
    if args.exc_type is not SystemExit:
        logger("klientela").critical(
            "unexpected error in a thread",
            thread=args.thread.name if args.thread else "?",
            exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
        )
