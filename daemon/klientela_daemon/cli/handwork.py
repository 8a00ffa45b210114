"""`klientela edit`, `pin`, `unpin`, `tag`, `untag`, `remark` and `note`: what operators do to customers by hand (R37-R40)."""

from __future__ import annotations

from mimetypes import guess_type
from pathlib import Path
from typing import Annotated

import typer

from klientela.errors import Misconfigured
from klientela.flow import correct, remarks
from klientela.flow.crowd import Whom
from klientela.kit import File
from klientela.rules.entered import LONGEST, OF_ORDERS
from klientela_daemon.cli.deciding import DryRun, act, whom_of
from klientela_daemon.cli.options import Config, Filters, Json, Search, Segment, ViewName, number
from klientela_daemon.house import read

Customer = Annotated[str, typer.Argument(metavar="ID", help="A customer's id, or a record's key.")]
Or = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="A customer's id, or a record's key; of an order its key, SOURCE/order/EXTERNAL_ID."
    ),
]
Field = Annotated[
    str,
    typer.Argument(
        metavar="FIELD",
        help=f"One of {', '.join(LONGEST)}, of an order {', '.join(OF_ORDERS)}; "
        "billing_… and shipping_… are the parts of the two other addresses.",
    ),
]
Words = Annotated[
    list[str],
    typer.Argument(metavar="[ID]... TAG", help="Customers, and at the end the tag; or give --search or --filter."),
]
Version = Annotated[
    int | None,
    typer.Option(
        "--as-of",
        metavar="N",
        parser=number(),
        help="The `version` you looked at, of the profile or the order; refused if it changed since.",
    ),
]


def edit(
    customer: Or,
    fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE", help="One or more; an empty value clears.")],
    as_of: Version = None,
    dry_run: DryRun = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Give fields other values, all of them or none. What a shop delivers, and any e-mail, changes at its source only."""
    wanted, titles = _pairs(fields), read(config).plugins.titles
    return act(
        lambda store, dry: correct.edit(
            store, customer, wanted, titles=titles, as_of=as_of, dry_run=dry
        ),
        dry_run, True, config, as_json,
    )  # fmt: skip


def pin(
    customer: Or,
    field: Field,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What is shown from now on.")],
    as_of: Version = None,
    dry_run: DryRun = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Lay a value over a field until it is unpinned; over what a shop delivers only with edit.policy = "overlay"."""
    here = read(config)
    overlay = here.config.settings.edit.policy == "overlay"
    return act(
        lambda store, dry: correct.pin(
            store, customer, field, value, overlay=overlay, titles=here.plugins.titles, as_of=as_of, dry_run=dry
        ),
        dry_run, True, config, as_json,
    )  # fmt: skip


def unpin(
    customer: Or,
    field: Field,
    as_of: Version = None,
    dry_run: DryRun = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Take the pin off a field: what lies beneath shows again."""
    return act(
        lambda store, dry: correct.unpin(store, customer, field, as_of=as_of, dry_run=dry),
        dry_run, True, config, as_json,
    )  # fmt: skip


def tag(
    words: Words,
    search: Search = None,
    segment: Segment = "all",
    filters: Filters = None,
    view: ViewName = None,
    dry_run: DryRun = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Put a tag on customers, as one decision."""
    whom, name = whom_of(words[:-1], search, segment, filters, view, config), words[-1]
    _somebody("tag", whom)
    return act(lambda store, dry: remarks.tag(store, whom, name, dry_run=dry), dry_run, True, config, as_json)


def untag(
    words: Words,
    search: Search = None,
    segment: Segment = "all",
    filters: Filters = None,
    view: ViewName = None,
    dry_run: DryRun = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Take a tag off customers that `tag` put on; those of a source are taken off there."""
    whom, name = whom_of(words[:-1], search, segment, filters, view, config), words[-1]
    _somebody("untag", whom)
    return act(lambda store, dry: remarks.untag(store, whom, name, dry_run=dry), dry_run, True, config, as_json)


def remark(
    customer: Customer,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The remark; an empty one removes it.")],
    as_of: Version = None,
    dry_run: DryRun = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Write the one internal remark of a customer, in the place of the one before."""
    return act(
        lambda store, dry: remarks.remark(store, customer, text, as_of=as_of, dry_run=dry),
        dry_run, True, config, as_json,
    )  # fmt: skip


def note(
    customer: Customer,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The note.")] = "",
    file: Annotated[
        list[Path] | None, typer.Option("--file", metavar="F", help="A file to keep with it; may be given again.")
    ] = None,
    dry_run: DryRun = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Add an internal note to a customer, with files; any number of notes stand beside each other."""
    attached = [_read(one) for one in file or ()]
    return act(
        lambda store, dry: remarks.note(store, customer, text, attached, dry_run=dry),
        dry_run, True, config, as_json,
    )  # fmt: skip


def _pairs(texts: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise Misconfigured(
                f"{text!r} is no FIELD=VALUE", hint="Write city=Dresden; an empty value clears a field."
            )
        if name in found:
            raise Misconfigured(f"{name} is given twice", hint="Name each field once.")
        found[name] = value
    return found


def _somebody(verb: str, whom: Whom) -> None:
    if not whom.ids and not whom.sought:
        raise Misconfigured(
            f"{verb} needs a customer and a tag",
            hint=f"Write `klientela {verb} ID... TAG`, or `klientela {verb} TAG --search TERMS`.",
        )


def _read(path: Path) -> File:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}",
            hint="Check the path and its permissions.",
        ) from error
    return File(type=guess_type(path.name)[0] or "application/octet-stream", name=path.name, content=content)


__all__ = ["edit", "note", "pin", "remark", "tag", "unpin", "untag"]
