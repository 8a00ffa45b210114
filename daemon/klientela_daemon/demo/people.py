"""The demo's CSV file: customers of the shop in other spellings, a household, odd cases; nobody of them ever lived."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from klientela.model.records import Address, Person

HEADER = ("Kundennummer", "Vorname", "Nachname", "Firma", "Straße", "PLZ", "Ort", "Land", "E-Mail", "Telefon", "Art")
Row = tuple[str, ...]

_LONG = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_OTHERS = """
# one roof and one telephone, two people: they stay two and are shown as sharing (R17b)
L-9001;Anna;Fröhlich;;Rosenweg 4;01067;Dresden;DE;anna@froehlich.example;0351 4400112;registered
L-9002;Ben;Fröhlich;;Rosenweg 4;01067;Dresden;DE;ben@froehlich.example;0351 4400112;registered
# the same person twice without e-mail: name and address in two spellings (R17)
L-9003;Grażyna;Öztürk;;Lindenstraße 5;50667;Köln;DE;;;registered
L-9004;Grazyna;Oeztürk;;Lindenstr. 5;50667;Koeln;Deutschland;;;guest
# a mailbox that is nobody's (R19), a company, somebody who is only an address
L-9005;Jörg;Weiß;Weiß & Söhne GmbH;Hauptstr. 12;10115;Berlin;DE;info@weiss-soehne.example;;registered
L-9006;Şule;Yılmaz;Weiß & Söhne GmbH;Hauptstr. 12;10115;Berlin;DE;info@weiss-soehne.example;;registered
L-9007;;;;;;;;neugierig@mail.example;;registered
"""
OTHERS: tuple[Row, ...] = tuple(
    tuple(line.split(";")) for line in _OTHERS.strip().splitlines() if not line.startswith("#")
)


def write(path: Path, shop: Iterable[Person], seed: int = 1) -> int:
    """Write the file; the number of its rows. `shop` are customers of the sandbox, some of whom appear again."""
    rows = [*known(shop, random.Random(seed)), *OTHERS]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(HEADER)
        out.writerows(rows)
    return len(rows)


def known(shop: Iterable[Person], dice: random.Random, most: int = 12) -> list[Row]:
    """Customers of the shop as another hand has written them down: each shares one thing with his record there."""
    rows: list[Row] = []
    for person in shop:
        first, last = _text(person.first_name), _text(person.last_name)
        if len(rows) == most:
            break
        if not (first and last):
            continue
        row = _spelt(len(rows), person, first, last, dice)
        if row is not None:
            rows.append(row)
    return rows


def _spelt(place: int, person: Person, first: str, last: str, dice: random.Random) -> Row | None:
    number = f"L-{1000 + place}"
    home = person.addresses[0] if isinstance(person.addresses, Sequence) and person.addresses else Address()
    street_and_number = " ".join(part for part in (home.street, home.house_number) if part)
    where = (street_and_number, home.zip or "", home.city or "", home.country or "")
    email, phone = _text(person.email), _text(person.phone)
    kind = dice.choice(("registered", "guest"))
    way = place % 4
    if way == 0 and email:
        return (number, first, last, "", *where, email.upper(), "", kind)
    if way == 1 and email:
        local, _, domain = email.partition("@")
        return (number, first[0] + ".", last.translate(_LONG), "", "", "", "", "", f"{local}+liste@{domain}", "", kind)
    if way == 2 and phone:
        return (number, first, last.translate(_LONG), "", "", "", "", "", "", phone.replace("+49", "0049 "), kind)
    if all(where):
        street = where[0].replace("straße", "str.").replace("str. ", "strasse ")
        return (number, first, last, "", street, *where[1:], "", "", kind)
    return (number, first, last, "", "", "", "", "", email, "", kind) if email else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
