"""What an operator may write in the configuration (contract.md); every table refuses keys it does not know."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, field_validator, model_validator

from klientela.rules import geo, keys
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.rules.text import clean
from klientela.settings.schedule import duration
from klientela.settings.views import PRESETS, View
from klientela.source import Source, SourceSettings, Table

Rule = Literal["email", "number", "phone", "address"]

_BOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[\w-]+(?:\.[\w-]+)+")


class Section(Table):
    """A table of the configuration that is no source's."""


def known_zone(name: str) -> str:
    """The name itself if it is a time zone; else ValueError with the nearest one."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = difflib.get_close_matches(name, available_timezones(), 1)
        raise ValueError(f"{name!r} is no time zone" + (f"; did you mean {near[0]}?" if near else "")) from None
    return name


class Store(Section):
    """Where the list is kept. Relative SQLite paths start at the folder of the configuration."""

    url: str = Field(
        default="sqlite:///klientela.db",
        description="sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE",
    )

    @field_validator("url")
    @classmethod
    def _engine(cls, url: str) -> str:
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")) or url == "sqlite:///":
            # the url itself may hold a password and is not repeated
            raise ValueError("write sqlite:///FILE or postgresql+psycopg://HOST/DATABASE")
        return url


class ShopSection(Section):
    """The house all sources belong to."""

    timezone: str = Field(default="Europe/Berlin", description="calendar dates and 'last 7 days'")
    currency: str = Field(
        default="EUR",
        json_schema_extra={"pattern": "^[A-Z]{3}$"},
        description="ISO 4217 code of the shop's currency",
    )

    @field_validator("currency")
    @classmethod
    def _code(cls, code: str) -> str:
        if len(code) != 3 or not (code.isascii() and code.isalpha() and code.isupper()):
            raise ValueError(f"{code!r} is no currency; write its three capital letters, like EUR")
        return code

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        return known_zone(name)


class Limits(Section):
    """R20: a value carried by more different names than this joins only records of equal full name."""

    email: int = Field(default=10, ge=1, description="names on one e-mail address")
    phone: int = Field(default=10, ge=1, description="names on one phone number")
    address: int = Field(default=50, ge=1, description="names at one postal address")


class Identity(Section):
    """Which rules may join records (rules.md 3.3)."""

    rules: tuple[Rule, ...] = Field(
        default=("email", "number", "phone", "address"),
        description="what may join records; leave one out to switch it off",
    )
    same_source: Literal["review", "merge"] = Field(default="review", description="two accounts of one source (R20b)")
    mailbox_folding: bool = Field(default=True, description="one mailbox is one key: +tag and Gmail dots (R15)")
    retroactive_link: Literal["never", "verified_email", "always"] = Field(
        default="never", description="whether a guest joins the account with his e-mail in the same source (R10)"
    )
    blocked: tuple[str, ...] = Field(default=(), description="more values that never match (R19)")
    limits: Limits = Limits()

    @field_validator("rules")
    @classmethod
    def _once(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if len(set(rules)) != len(rules):
            raise ValueError("name each rule once")
        return rules


class Review(Section):
    """What stands in the review queue beside what the rules found (R24c)."""

    fuzzy: bool = Field(
        default=True,
        description="whether the fuzzy plugin proposes customers that are nearly alike; it is asked by `klientela review`",
    )


class Edit(Section):
    """What operators may change by hand (R38)."""

    policy: Literal["source_locked", "overlay"] = Field(
        default="source_locked",
        description="what a shop delivers is locked; with overlay `klientela pin` lays a value over it",
    )


class Rates(Section):
    """Exchange rates: beside sums of several currencies, about what they come to in the shop's currency (R34)."""

    file: Path | None = Field(
        default=None,
        description="the European Central Bank's eurofxref.csv or eurofxref-hist.csv; its newest row counts",
    )


class Web(Section):
    """Where health, metrics, push API and the page listen."""

    host: str = Field(default="127.0.0.1", description="the address to listen on; 0.0.0.0 is every one of this machine")
    port: int = Field(default=8000, ge=0, le=65535, description="0 takes any free port")


class Runs(Section):
    """How far the daemon lets one source go: each run is a process of its own, so it harms nobody else."""

    hang_timeout: str = Field(
        default="10m",
        description="a run whose plugin gives no sign of life for so long is ended; waiting for a shop is one",
    )
    memory_mb: int | None = Field(
        default=None, ge=64, description="a run that takes more memory than this is ended; no limit when left out"
    )

    @field_validator("hang_timeout")
    @classmethod
    def _span(cls, span: str) -> str:
        duration(span)
        return span


class Mail(Section):
    """Messages to customers by SMTP, written on their profiles or with `klientela message`. Nothing is sent while `host` is
    left out."""

    host: str | None = Field(default=None, description="the SMTP server")
    port: int = Field(default=587, ge=1, le=65535, description="its port; for `tls` mostly 465")
    user: str | None = Field(default=None, description="who signs in there; nobody does when left out")
    password: SecretStr | None = Field(default=None, description="and with what")
    sender: str | None = Field(default=None, description="the From address, such as `Shop <post@shop.example>`")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="how the line is secured; a server that does not offer it is not used"
    )
    unsubscribe: str | None = Field(
        default=None,
        description="where who wants no more promotion turns to: an address or an https URL; the sender when left out",
    )

    @field_validator("sender")
    @classmethod
    def _sender(cls, sender: str | None) -> str | None:
        if sender is not None:
            read_sender(sender)
        return sender

    @field_validator("unsubscribe")
    @classmethod
    def _leads_somewhere(cls, place: str | None) -> str | None:
        if place is None:
            return None
        if place.isascii() and place.isprintable() and not set(" <>,") & set(place):
            parts = urlsplit(place)
            if (parts.scheme == "https" and parts.hostname) or sendable(place):
                return place
        raise ValueError("write an e-mail address or https://HOST/PATH")

    @model_validator(mode="after")
    def _whole(self) -> Mail:
        if self.host is None:
            return self
        if self.sender is None:
            raise ValueError("sender is missing: messages need a From address")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together; give both or none")
        if self.security == "none" and self.user is not None and not _loopback(self.host):
            raise ValueError("a password goes over no open line; set security to starttls or tls")
        return self


def read_sender(text: str) -> tuple[str, str]:
    """The name (maybe empty) and address of a From header as people write it. ValueError where there is no address."""
    name, _, rest = text.strip().rpartition("<")
    box = rest.removesuffix(">").strip() if rest.endswith(">") else text.strip()
    name = name.strip().strip('"').strip() if rest.endswith(">") else ""
    if not sendable(box) or not name.isprintable():
        raise ValueError("write one e-mail address, such as Shop <post@shop.example>")
    return name, box


def sendable(box: str) -> bool:
    """Whether a mail server takes such an address: one mailbox, its own part in plain letters."""
    return len(box) <= 254 and _BOX.fullmatch(box) is not None


def _loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


class Privacy(Section):
    """Persons' rights. Key and tombstones must outlive a restored database (R56)."""

    key_file: Path = Field(default=Path("klientela.key"), description="the instance's secret key; made once")
    tombstones: Path = Field(
        default=Path("klientela.tombstones"),
        description="whom nobody brings back, as keyed hashes; kept with the key, outside the database (R56)",
    )
    guest_retention_months: int | None = Field(
        default=None,
        ge=1,
        description="the daemon erases guest rows whose newest order is older than so many months (R59)",
    )


class Feed(Section):
    """Whom decisions about customers are told: batches of ids, POSTed in order, each signed with the secret."""

    url: str = Field(description="where to POST them, https://…")
    secret: SecretStr = Field(description="signs each batch (HMAC-SHA256); both sides know it")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
            # the url may hold a token and is not repeated
            raise ValueError("write https://HOST/PATH, without user or #")
        return url

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < 16:
            raise ValueError("a secret of fewer than 16 characters can be guessed")
        return secret


class Settings(Section):
    """The whole configuration. `sources` holds each plugin's own settings class, chosen by `type`."""

    store: Store = Store()
    shop: ShopSection = ShopSection()
    sources: Mapping[str, SourceSettings] = {}
    identity: Identity = Identity()
    views: Mapping[str, View] = Field(default_factory=dict, validate_default=True)
    review: Review = Review()
    edit: Edit = Edit()
    rates: Rates = Rates()
    web: Web = Web()
    runs: Runs = Runs()
    mail: Mail = Mail()
    feed: Mapping[str, Feed] = {}
    privacy: Privacy = Privacy()

    @field_validator("views", mode="before")
    @classmethod
    def _presets(cls, own: Any) -> Any:
        """Own tables over the presets, key by key; a new view starts from the default one."""
        if not isinstance(own, Mapping):
            return own
        laid: dict[str, Any] = dict(PRESETS)
        for name, table in own.items():
            base = PRESETS.get(name, PRESETS["default"])
            laid[name] = {**base, **table} if isinstance(table, Mapping) else table
        return laid

    @field_validator("sources")
    @classmethod
    def _names(cls, sources: Mapping[str, SourceSettings]) -> Mapping[str, SourceSettings]:
        for name in sources:
            check_name(name)
        return sources

    def ruleset(self, types: Mapping[str, type[Source]], uids: Mapping[str, str] | None = None) -> Ruleset:
        """Everything here that decides identity and figures (R0), as a value.

        `types` give the default guest policies (R12); `uids` the uid of sources that were renamed, by name (R23).
        """
        own, uid = self.identity, uids or {}
        return Ruleset(
            rules=tuple(rule for rule in ("email", "number", "phone", "address") if rule in own.rules),
            same_source=own.same_source,
            mailbox_folding=own.mailbox_folding,
            retroactive_link=own.retroactive_link,
            blocked=frozenset(
                form for value in own.blocked for form in _forms(value, self.shop.timezone, own.mailbox_folding)
            ),
            limits=(own.limits.email, own.limits.phone, own.limits.address),
            timezone=self.shop.timezone,
            currency=self.shop.currency,
            sources={uid.get(name, name): _rules(one, types[one.type], uid) for name, one in self.sources.items()},
        )


def _forms(value: str, timezone: str, folding: bool) -> set[str]:
    """A blocked value as operators see it and write it, and as it is compared: a mailbox (R15), a phone, a number (R19)."""
    folded = {keys.mailbox(value, folding), None if "@" in value else geo.phone(value, geo.zone_country(timezone))}
    return {value.strip().lower(), clean(value).casefold(), *(one for one in folded if one is not None)}


def _rules(settings: SourceSettings, kind: type[Source], uid: Mapping[str, str]) -> SourceRules:
    same_as: Mapping[str, str] = getattr(settings, "same_as", None) or {}
    return SourceRules(
        guests=settings.guests or kind.guests,
        nameless=kind.nameless if settings.guests is None else None,
        guest_rule=getattr(settings, "guest_rule", None),
        priority=settings.priority,
        default_status=settings.default_status,
        same_as={shop: uid.get(name, name) for shop, name in same_as.items()},
    )


def check_name(name: str) -> str:
    """The name of a source stands in badges and in KEY `source/entity/external_id`. ValueError if it cannot."""
    if name == "manual":
        raise ValueError("the name manual belongs to the customers you add by hand")
    if not name.isprintable() or "/" in name or name != name.strip() or not 1 <= len(name) <= 64:
        raise ValueError(f"{name!r} cannot name a source: 1 to 64 visible characters without a slash")
    return name
