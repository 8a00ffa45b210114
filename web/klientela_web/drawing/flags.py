"""Flags of the countries that shops here send to most, drawn simply from their public geometry for 20 by 15 pixels."""

from __future__ import annotations


def _bands(*colours: str) -> str:
    """Horizontal bands, from the top."""
    high = 15 / len(colours)
    return "".join(f'<path fill="{c}" d="M0 {i * high:g}h20v{high:g}H0z"/>' for i, c in enumerate(colours))


def _pales(*colours: str) -> str:
    """Vertical bands, from the left."""
    wide = 20 / len(colours)
    return "".join(
        f'<path fill="{c}" d="M{i * wide:.4g} 0h{wide:.4g}v15h-{wide:.4g}z"/>' for i, c in enumerate(colours)
    )


def _cross(ground: str, cross: str, inner: str | None = None) -> str:
    """A Nordic cross, with another one inside."""
    made = f'<path fill="{ground}" d="M0 0h20v15H0z"/><path fill="{cross}" d="M6 0h3v15H6zM0 6h20v3H0z"/>'
    return made + (f'<path fill="{inner}" d="M6.75 0h1.5v15h-1.5zM0 6.75h20v1.5H0z"/>' if inner else "")


_SWITZERLAND = '<path fill="#da291c" d="M0 0h20v15H0z"/><path fill="#fff" d="M8.5 3h3v9h-3zM5.5 6h9v3h-9z"/>'
_CZECHIA = '<path fill="#11457e" d="M0 0l10 7.5L0 15z"/>'
_SPAIN = (
    '<path fill="#aa151b" d="M0 0h20v15H0z"/><path fill="#f1bf00" d="M0 3.75h20v7.5H0z"/>'
    '<circle cx="6" cy="7.5" r="1.7" fill="#aa151b"/>'
)
_BRITAIN = (
    '<path fill="#012169" d="M0 0h20v15H0z"/><path stroke="#fff" stroke-width="3" d="M0 0l20 15M20 0L0 15"/>'
    '<path stroke="#c8102e" stroke-width="1.2" d="M0 0l20 15M20 0L0 15"/>'
    '<path stroke="#fff" stroke-width="5" d="M10 0v15M0 7.5h20"/><path stroke="#c8102e" stroke-width="3" d="M10 0v15M0 7.5h20"/>'
)
_AMERICA = (
    "".join(f'<path fill="{"#fff" if i % 2 else "#b22234"}" d="M0 {i * 15 / 7:.3g}h20v2.2H0z"/>' for i in range(7))
    + '<path fill="#3c3b6e" d="M0 0h9v8.6H0z"/>'
)

FLAGS = {
    "AT": _bands("#c8102e", "#fff", "#c8102e"),
    "BE": _pales("#1b1b1b", "#fdda24", "#ef3340"),
    "BG": _bands("#fff", "#00966e", "#d62612"),
    "CH": _SWITZERLAND,
    "CZ": _bands("#fff", "#d7141a") + _CZECHIA,
    "DE": _bands("#1b1b1b", "#dd0000", "#ffce00"),
    "DK": _cross("#c8102e", "#fff"),
    "EE": _bands("#0072ce", "#1b1b1b", "#fff"),
    "ES": _SPAIN,
    "FI": _cross("#fff", "#003580"),
    "FR": _pales("#002654", "#fff", "#ce1126"),
    "GB": _BRITAIN,
    "HU": _bands("#ce2939", "#fff", "#477050"),
    "IE": _pales("#169b62", "#fff", "#ff883e"),
    "IS": _cross("#02529c", "#fff", "#dc1e35"),
    "IT": _pales("#008c45", "#fff", "#cd212a"),
    "LT": _bands("#fdb913", "#006a44", "#c1272d"),
    "LU": _bands("#ef3340", "#fff", "#00a3e0"),
    "LV": _bands("#9e3039", "#9e3039", "#fff", "#9e3039", "#9e3039"),
    "NL": _bands("#ae1c28", "#fff", "#21468b"),
    "NO": _cross("#ba0c2f", "#fff", "#00205b"),
    "PL": _bands("#fff", "#dc143c"),
    "RO": _pales("#002b7f", "#fcd116", "#ce1126"),
    "SE": _cross("#006aa7", "#fecc02"),
    "UA": _bands("#0057b7", "#ffd700"),
    "US": _AMERICA,
}
"""By ISO 3166-1 alpha-2; a country that is not here shows its two letters."""


def symbols() -> str:
    """All of them as `<symbol id="f-XX">`."""
    return "".join(f'<symbol id="f-{code}" viewBox="0 0 20 15">{body}</symbol>' for code, body in FLAGS.items())


__all__ = ["FLAGS", "symbols"]
