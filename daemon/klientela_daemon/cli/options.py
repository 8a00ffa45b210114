"""Options that many verbs share, declared once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from klientela.model.numbers import whole
from klientela.store.filters import FACETS, SEGMENTS

_LONGEST = 99  # digits; a number that no decision can have is one that there is none of


def number(least: int | None = None, most: int | None = None) -> Callable[[str | int], int]:
    """What reads a whole number on the command line, from `least` to `most`; to be an option's `parser`."""
    limits = {
        (False, False): "",
        (True, False): f" from {least}",
        (True, True): f" from {least} to {most}",
    }[least is not None, most is not None]

    def read(given: str | int) -> int:
        found = given if isinstance(given, int) else whole(given, longest=_LONGEST)
        if found is None or (least is not None and found < least) or (most is not None and found > most):
            raise typer.BadParameter(f"must be a whole number{limits}")
        return found

    return read


Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration; default ./klientela.toml or $KLIENTELA_CONFIG."),
]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")]
ViewName = Annotated[str | None, typer.Option("--view", metavar="NAME", help="A view of the configuration.")]
Search = Annotated[
    str | None,
    typer.Option("--search", metavar="TERMS", help="Name, e-mail, company, city, country, source; all must hit."),
]
Segment = Annotated[
    str,
    typer.Option("--segment", metavar="NAME", help=f"A tab of the list: {', '.join(SEGMENTS)}."),
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="FACET=VALUE",
        help=f"Only these; again for another value or facet. Facets: {', '.join(FACETS)}.",
    ),
]
Inactive = Annotated[bool, typer.Option("--inactive", help="The inactive list instead.")]
OfSource = Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only customers of this source.")]
Sort = Annotated[str | None, typer.Option("--sort", metavar="KEY[:asc|:desc]", help="Another order than the view's.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="What was known then; a date alone is its first moment in the shop."),
]
SourceName = Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only of this source.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show values in full instead of masked.")]
