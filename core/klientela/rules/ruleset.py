"""The ruleset: everything an operator sets that decides identity and figures, as one frozen value (R0)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal
from zoneinfo import ZoneInfo

from klientela.rules.geo import zone_country

RULES = ("email", "number", "phone", "address")
"""The rules of matching, strongest first (R22)."""

GuestRule = Literal["customer_null", "never", "state"]
Policy = Literal["per_order", "per_source", "merge"]


@dataclass(frozen=True)
class SourceRules:
    """What the ruleset says of one source. `same_as`: shops whose orders it passes on -> the source of each (R29)."""

    guests: Policy = "merge"
    nameless: Policy | None = None  # of orders said to be a guest's that name no customer (R12); None: as `guests`
    guest_rule: GuestRule | None = None  # None: the source's own words hold
    priority: int = 100
    default_status: Literal["registered", "guest"] = "registered"
    same_as: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ruleset:
    """A value: two rulesets with the same canonical JSON are the same ruleset."""

    rules: tuple[str, ...] = RULES
    same_source: Literal["review", "merge"] = "review"
    mailbox_folding: bool = True
    retroactive_link: Literal["never", "verified_email", "always"] = "never"
    blocked: frozenset[str] = frozenset()
    limits: tuple[int, int, int] = (10, 10, 50)  # email, phone, address (R20)
    timezone: str = "Europe/Berlin"
    currency: str = "EUR"
    sources: dict[str, SourceRules] = field(default_factory=dict)

    def canonical(self) -> str:
        """The ruleset as JSON with sorted keys; equal text, equal rules."""
        data = asdict(self)
        for rules in data["sources"].values():
            if rules["nameless"] is None:
                del rules["nameless"]  # rulesets from before it was known keep their digest
        data["rules"] = sorted(self.rules)
        data["blocked"] = sorted(self.blocked)
        return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits that name this ruleset."""
        return sha256(self.canonical().encode()).hexdigest()[:16]

    @classmethod
    def parse(cls, text: str) -> Ruleset:
        """The inverse of `canonical`."""
        data: dict[str, Any] = json.loads(text)
        data["rules"] = tuple(rule for rule in RULES if rule in data["rules"])
        data["blocked"] = frozenset(data["blocked"])
        data["limits"] = tuple(data["limits"])
        data["sources"] = {uid: SourceRules(**rules) for uid, rules in data["sources"].items()}
        return cls(**data)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The shop's time zone."""
        return ZoneInfo(self.timezone)

    @cached_property
    def country(self) -> str:
        """Default region of phones and addresses: the country the shop's zone lies in."""
        return zone_country(self.timezone)

    def of(self, uid: str) -> SourceRules:
        """The rules of a source; defaults for one the ruleset does not know (disconnected, manual)."""
        return self.sources.get(uid, _DEFAULT)


_DEFAULT = SourceRules()
