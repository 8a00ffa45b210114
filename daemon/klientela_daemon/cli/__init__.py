"""The command `klientela`: one module for each verb, loaded only when it is asked for.

`--help` must start fast, so this file knows the verbs by name and one line only; everything heavy is imported by the
module of the one verb that runs.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any

import typer

from klientela import __version__
from klientela_daemon import failures
from klientela_daemon.cli import usage


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: the module in this package, its line in the help, and under which heading it stands.

    The module holds `verb`, the function, or `app`, a typer application where the verb has verbs of its own; both where
    the word behind the verb is either one of those or an argument, such as a file.
    """

    module: str
    help: str
    panel: str


_START, _LOOK, _CARE = "Start", "Look", "Take care"

VERBS: dict[str, Verb] = {
    "demo": Verb("demo", "See it work: pretend shops and a file, synced for real.", _START),
    "init": Verb("init", "Write a commented starter klientela.toml.", _START),
    "check": Verb("check", "Validate the configuration and try each source's credentials.", _START),
    "customers": Verb("customers", "The list of customers, by view, search and order.", _LOOK),
    "sources": Verb("sources", "How the sources are doing; rename gives one another name.", _CARE),
    "customer": Verb("customer", "The profile of one customer; add adds one by hand.", _LOOK),
    "statistics": Verb("statistics", "The numbers above the list: cards, lines over time, consents.", _LOOK),
    "export": Verb("export", "Exactly the view asked for, as a file.", _LOOK),
    "why": Verb("why", "Why records are one customer, or why two are not.", _LOOK),
    "merge": Verb("merge", "Two customers are one person, whatever the rules say.", _CARE),
    "split": Verb("split", "Some records of a customer are another person.", _CARE),
    "undo": Verb("undo", "Take a decision back.", _CARE),
    "consent": Verb("consent", "What customers allow or forbid, with evidence; of many at once.", _CARE),
    "may-contact": Verb("may_contact", "May a customer be contacted: yes or no, and why.", _LOOK),
    "message": Verb("message", "Write to a customer by e-mail; again tries what was not sent.", _CARE),
    "inactive": Verb("inactive", "Mark customers inactive: they stand in the inactive list only.", _CARE),
    "active": Verb("active", "Take the inactive marks off customers.", _CARE),
    "edit": Verb("edit", "Give fields of a customer other values.", _CARE),
    "pin": Verb("pin", "Lay a value over a field, whatever the sources say.", _CARE),
    "unpin": Verb("unpin", "Take the pin off a field.", _CARE),
    "tag": Verb("tag", "Put a tag on customers.", _CARE),
    "untag": Verb("untag", "Take a tag of yours off customers.", _CARE),
    "remark": Verb("remark", "The one internal remark of a customer.", _CARE),
    "note": Verb("note", "Add an internal note to a customer, with files.", _CARE),
    "person": Verb("person", "A person's rights: erase, release, export.", _CARE),
    "review": Verb("review", "What the rules would not join by themselves; accept or reject.", _LOOK),
    "audit": Verb("audit", "The log of all decisions; verify proves it whole.", _LOOK),
    "quarantine": Verb("quarantine", "Records that could not be taken, and why.", _LOOK),
    "rules": Verb("rules", "Put the rules of the configuration in force.", _CARE),
    "rebuild": Verb("rebuild", "Recompute everything from the stored records, or check it.", _CARE),
    "doctor": Verb("doctor", "Is everything whole, and what wants a look.", _CARE),
    "backup": Verb("backup", "Back up the store into one file, while everybody goes on.", _CARE),
    "restore": Verb("restore", "Put a backup in the place of the store.", _CARE),
    "plugins": Verb("plugins", "What is installed and how good it is; new begins a plugin.", _CARE),
    "sync": Verb("sync", "Run sources once, now.", _START),
    "token": Verb("token", "Tokens of the push API: who may push and read over HTTP.", _CARE),
    "user": Verb("user", "Who may use the page, and what they may do there.", _CARE),
    "run": Verb("run", "The daemon: sources by their schedule, health and metrics.", _START),
    "import": Verb("importing", "A file or addresses once, as a batch; list shows those, undo takes one back.", _START),
    "sandbox": Verb("sandbox", "Serve a plugin's pretend shop on loopback.", _START),
    "config": Verb("config", "The configuration's JSON Schema, for editors.", _CARE),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 (something failed) or 2 (wrong usage or configuration)."""
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args or os.environ.get("KLIENTELA_DEBUG") not in (None, "", "0")
    args = [arg for arg in args if arg != "--debug"]
    as_json = "--json" in args
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal without UTF-8
    if _verb(args) == "run":
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # nothing is open yet; the daemon sets its own
    try:
        code = _app(args)(args, prog_name="klientela", standalone_mode=False)
    except typer.TyperException as error:
        return _usage(error, as_json)
    except typer.Abort:
        code = failures.STOPPED
    except KeyboardInterrupt:
        code = failures.STOPPED
    except Exception as error:  # noqa: BLE001 - the last place that can turn an error into a sentence
        return failures.report(error, as_json=as_json, debug=debug)
    if code == failures.STOPPED:
        failures.tell({"kind": "interrupted", "message": "stopped by Ctrl-C", "hint": None}, as_json=as_json)
    return code if isinstance(code, int) else 0


def _verb(args: Sequence[str]) -> str | None:
    return next((arg for arg in args if not arg.startswith("-")), None)


def _app(args: Sequence[str]) -> Callable[..., Any]:
    """The application with the verb asked for; of all others only name and line are needed."""
    wanted = _verb(args)
    app = typer.Typer(
        help="klientela: one customer list from many shops.",
        epilog="--debug shows tracebacks. An error is one sentence that says what to do next.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, verb in VERBS.items():
        if name == wanted:
            module = importlib.import_module(f"{__name__}.{verb.module}")
            if goes_on(module, args):
                app.add_typer(module.app, name=name, short_help=verb.help, rich_help_panel=verb.panel)
            else:
                app.command(name, short_help=verb.help, rich_help_panel=verb.panel)(module.verb)
        else:
            app.command(name, short_help=verb.help, rich_help_panel=verb.panel)(_other)
    return app


def goes_on(module: ModuleType, args: Sequence[str]) -> bool:
    """Whether a verb's application is meant, not the verb itself."""
    if not (hasattr(module, "app") and hasattr(module, "verb")):
        return hasattr(module, "app")
    words = [arg for arg in args if not arg.startswith("-")]
    return len(words) > 1 and words[1] in {command.name for command in module.app.registered_commands}


def _version(asked: bool) -> None:
    if asked:
        print(__version__)  # noqa: T201
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """klientela: one customer list from many shops."""


def _other() -> None:
    """Stands for a verb that was not asked for."""


def _usage(error: typer.TyperException, as_json: bool) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())  # noqa: T201
        return failures.WRONG_USAGE
    path = context.command_path if context is not None else "klientela"
    message, hint = usage.sentence(error.format_message(), path)
    failures.tell({"kind": "usage", "message": message, "hint": hint}, as_json=as_json)
    return failures.WRONG_USAGE
