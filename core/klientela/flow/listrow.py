"""The row of the list: what is shown of a customer, what is sorted by, searched and filtered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from klientela.model.records import Person
from klientela.rules import precedence
from klientela.rules.geo import country
from klientela.rules.keys import placeholder
from klientela.rules.precedence import Summary, text_of
from klientela.rules.publish import NEVER, is_guest
from klientela.rules.ruleset import Ruleset
from klientela.rules.text import clean, search_text, sort_key, sort_key_once
from klientela.store import ids, search
from klientela.store.identity import Held
from klientela.store.rows import answer_parts

COLUMNS = (
    "pub", "pub8", "anchor", "n", "first_name", "last_name", "email", "phone", "company", "city", "country", "status",
    "manual", "inactive", "number", "crm_id", "joined", "seen", "sources", "tags", "modules", "consents", "fallback",
    "hay", "facet", "s_name", "s_email", "s_company", "s_city",
)  # fmt: skip
"""The columns of `customer` after its id, as rows are read and written here."""

PUB, PUB8, STATUS, INACTIVE, JOINED, SOURCES, CONSENTS, HAY, FACET = (
    COLUMNS.index(c) for c in ("pub", "pub8", "status", "inactive", "joined", "sources", "consents", "hay", "facet")
)
TOLD = tuple(COLUMNS.index(c) for c in ("country", "status", "sources", "tags", "modules", "consents"))
"""What a row counts by in the facets, as `store/filters.py` takes it."""
LAST_OF_ALL = "\uffff"

Row = tuple[Any, ...]

_dump = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


class Rows:
    """Makes rows under one ruleset. `source_ids` are the ids of the sources by uid; facets of lone records are kept."""

    def __init__(self, ruleset: Ruleset, source_ids: dict[str, int]) -> None:
        self.ruleset = ruleset
        self.source_ids = source_ids
        self.facets: dict[tuple[str | None, bool, bool, int], int] = {}

    def plain(self, held: Held, public: bytes) -> tuple[Row, str] | None:
        """The row of a lone record that needs no weighing up, and its last name's sort key: nine of ten. None where
        the general way must go; property tests hold both against each other."""
        assert held.loaded is not None  # noqa: S101 - a lone node has its record
        person: Person = held.loaded.fact
        if person.emails or person.phones or person.consents or person.numbers or person.crm_id or person.modules:
            return None
        places = person.addresses
        city = nation = None
        if places:
            if len(places) > 1:
                return None
            city, nation = text_of(places[0].city), text_of(places[0].country)
            nation = country(nation) or nation
        first, last, company = text_of(person.first_name), text_of(person.last_name), text_of(person.company)
        email, phone, s_email = person.email, text_of(person.phone), None
        if phone is not None and placeholder(phone):
            phone = None
        email = clean(email) or None if email else None
        if email is not None:
            s_email = sort_key_once(email)
        manual = person.entity == "manual"
        canon, source, tags = held.canon, held.loaded.source, person.tags
        registered = held.account is not None or manual
        if not registered:
            rules = self.ruleset.of(canon.source)
            registered = rules.default_status == "registered" and not is_guest(person, rules)
        facet = (nation, registered, manual, source)
        if facet not in self.facets:
            self.facets[facet] = search.facet(nation, registered, manual, (source,))
        s_last, s_first = _key(last), _key(first)
        if first is None and last is None:
            s_name = s_email or sort_key_once(phone or canon.external_id)
        else:
            s_name = f"{s_last} {s_first}" if s_last and s_first else s_last or s_first
        row = (
            public, ids.pub8(public), held.handle, 1, first, last, email, phone, company, city, nation,
            1 if registered else 0, 1 if manual else 0, 1 if person.inactive else 0, ids.short_number(public), None,
            canon.created if canon.created != NEVER else None, held.seen, f"[{source}]",
            _dump(sorted(set(tags))) if tags else None, None, None,
            None if first or last or email or phone else canon.external_id,
            search_text(first, last, email, company, city), self.facets[facet], s_name, s_email,
            _key(company) if company else None, _key(city) if city else None,
        )  # fmt: skip
        return row, s_last or LAST_OF_ALL

    def weighed(self, made: Summary, public: bytes, anchor: int, helds: Iterable[Held]) -> tuple[Row, str]:
        """The row of any customer, out of the summary of all its records, and its last name's sort key."""
        several = list(helds)
        first, last = made.name[1] if made.name else (None, None)
        emails = precedence.ordered(made.emails)
        phone = precedence.best_of(made.phones)
        email = emails[0] if emails else None
        city, nation = precedence.home(made)
        registered = precedence.status(made) == "registered"
        sources = sorted(self.source_ids[uid] for uid in made.sources)
        company = made.company[1] if made.company else None
        display = " ".join(x for x in (last, first) if x) or email or phone or made.canon.external_id
        states = precedence.consent_states(made)
        row = (
            public, ids.pub8(public), anchor, sum(h.n for h in several), first, last, email, phone, company, city,
            nation, int(registered), int(made.manual), int(made.inactive),
            precedence.best_of(made.numbers) or ids.short_number(public),
            made.crm_id[1] if made.crm_id else None, made.created, min(h.seen for h in several), json.dumps(sources),
            _dump(made.tags) if made.tags else None, _dump(made.modules) if made.modules else None,
            _dump(states) if states else None,
            made.canon.external_id if not (first or last or email or phone) else None,
            search_text(first, last, *emails, company, city),
            search.facet(nation, registered, made.manual, sources), sort_key_once(display),
            sort_key_once(email) if email else None, sort_key(company) if company else None,
            sort_key(city) if city else None,
        )  # fmt: skip
        return row, _key(last) or LAST_OF_ALL


def sources_of(row: Sequence[Any]) -> list[int]:
    """The sources of a row."""
    text: str = row[SOURCES]
    return list(map(int, text[1:-1].split(","))) if len(text) > 2 else []


def answers_of(row: Sequence[Any]) -> list[str]:
    """The parts of the figure `consents` that a row counts in: each answer, and each purpose granted by any channel."""
    return answer_parts(row[CONSENTS])


def _key(name: str | None) -> str:
    return sort_key(name) if name else ""
