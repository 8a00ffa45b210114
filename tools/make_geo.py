"""Build core/klientela/rules/geo_data.py: country names in German, English and Polish, zone territories, phone plans.

Run it by hand when Babel or phonenumbers bring new facts: `python tools/make_geo.py`. Start-up then reads one small
dictionary instead of loading locale data (0.3 CPU-s).
"""

from __future__ import annotations

from pathlib import Path

import phonenumbers
from babel import Locale
from babel.core import get_global

LANGUAGES = ("de", "en", "pl")
EXTRA = {
    "deutschland": "DE",
    "germany": "DE",
    "brd": "DE",
    "uk": "GB",
    "england": "GB",
    "usa": "US",
    "schweiz": "CH",
    "holland": "NL",
    "tschechien": "CZ",
    "czech republic": "CZ",
    "tschechische republik": "CZ",
}
# Plans without surprises: one national prefix, no variants by area. The test compares them with the library.
PLAIN = ("DE", "AT", "CH", "PL", "NL", "BE", "FR", "ES", "DK", "SE", "NO", "CZ", "GB", "PT")


def main() -> None:
    """Write the module."""
    names: dict[str, dict[str, str]] = {}
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha() and code not in ("EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"):
                names.setdefault(code, {})[language] = name
    zones = {z: t for z, t in get_global("zone_territories").items() if len(t) == 2 and "/" in z}
    plans = {}
    for region in PLAIN:
        meta = phonenumbers.PhoneMetadata.metadata_for_region(region)
        plans[region] = (
            str(meta.country_code),
            meta.national_prefix or "",
            tuple(meta.general_desc.possible_length),
        )
    lines = [
        '"""Countries, zones and plain phone plans; written by tools/make_geo.py, not by hand."""',
        "",
        "from __future__ import annotations",
        "",
        "NAMES: dict[str, tuple[str, str, str]] = {  # de, en, pl",
    ]
    lines += [f"    {c!r}: {tuple(n.get(x, '') for x in LANGUAGES)!r}," for c, n in sorted(names.items())]
    lines += ["}", "", f"ALIASES: dict[str, str] = {EXTRA!r}", "", "ZONES: dict[str, str] = {"]
    lines += [f"    {z!r}: {t!r}," for z, t in sorted(zones.items())]
    lines += [
        "}",
        "",
        "PLANS: dict[str, tuple[str, str, tuple[int, ...]]] = {  # region: country code, trunk prefix, lengths",
    ]
    lines += [f"    {r!r}: {p!r}," for r, p in plans.items()]
    lines += ["}", ""]
    Path("core/klientela/rules/geo_data.py").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
