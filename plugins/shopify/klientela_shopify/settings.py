"""What an operator writes into the configuration to connect a Shopify shop."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from klientela.kit import Field, SecretStr, SourceSettings

GuestRule = Literal["customer_null", "never", "state"]

OLDEST_VERSION = "2026-07"  # Order.checkoutToken, which ties a recovered checkout to its order, is not in older ones
_VERSION = re.compile(r"\d{4}-(01|04|07|10)")
_SHOP = re.compile(r"[a-z0-9][a-z0-9-]*")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ShopifySettings(SourceSettings):
    """One table `[sources.NAME]` with `type = "shopify"`."""

    shop: str | None = Field(default=None, description='the shop\'s name, "my-shop" for my-shop.myshopify.com')
    base_url: str | None = Field(
        default=None, description="another address than https://{shop}.myshopify.com, for a sandbox"
    )
    access_token: SecretStr | None = Field(default=None, description="the token of a custom app (shpat_…)")
    client_id: str | None = Field(default=None, description="or, of an app in the Dev Dashboard: its client id …")
    client_secret: SecretStr | None = Field(default=None, description="… and its client secret")
    api_version: str = Field(default=OLDEST_VERSION, description="version of the Admin API, YYYY-MM")
    guest_rule: GuestRule = Field(default="customer_null", description="what makes an order a guest order (R13)")
    bulk: Literal["auto", "always", "never"] = Field(
        default="auto", description="whether lists that are read whole come by Shopify's bulk operations"
    )
    bulk_from: int = Field(default=5_000, gt=0, description='how long a list must be for that when bulk = "auto"')
    write_orders: bool = Field(
        default=False, description="whether orders placed here for a customer are written into the shop, as drafts"
    )
    complete_drafts: bool = Field(
        default=False, description="whether such a draft becomes an order at once, which Shopify holds for paid"
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="the app's client secret, with which webhooks are signed; client_secret when left out"
    )

    @field_validator("shop")
    @classmethod
    def _short_name(cls, value: str | None) -> str | None:
        """Accept the shop's address as people copy it."""
        if value is None:
            return None
        name = value.strip().lower().removeprefix("https://").rstrip("/").removesuffix(".myshopify.com")
        if not _SHOP.fullmatch(name):
            raise ValueError(f"{value!r} is no shop name; write the part before .myshopify.com")
        return name

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError("base_url is no address; write https:// and the host, nothing behind it")
        return value.rstrip("/")

    @field_validator("api_version")
    @classmethod
    def _known_version(cls, value: str) -> str:
        if not _VERSION.fullmatch(value):
            raise ValueError(f"{value!r} is no version of the Admin API; write one like {OLDEST_VERSION}")
        if value < OLDEST_VERSION:
            raise ValueError(f"version {value} is too old for what is read; use {OLDEST_VERSION} or newer")
        return value

    @model_validator(mode="after")
    def _complete(self) -> ShopifySettings:
        if self.shop is None and self.base_url is None:
            raise ValueError('shop is missing: the name of the shop, like shop = "my-shop"')
        if self.access_token is not None and (self.client_id is not None or self.client_secret is not None):
            raise ValueError("there are two ways in: use access_token, or client_id with client_secret, not both")
        if self.access_token is None:
            if self.client_id is None and self.client_secret is None:
                raise ValueError("access_token is missing (or client_id with client_secret)")
            if self.client_secret is None:
                raise ValueError("client_secret is missing beside client_id")
            if self.client_id is None:
                raise ValueError("client_id is missing beside client_secret")
        return self

    @property
    def origin(self) -> str:
        """Where the shop is asked."""
        return self.base_url or f"https://{self.shop}.myshopify.com"

    @property
    def signing_secret(self) -> str | None:
        """What proves webhooks; None: they are not taken."""
        secret = self.webhook_secret or self.client_secret
        return secret.get_secret_value() if secret is not None else None

    @property
    def in_the_clear(self) -> bool:
        """True when the token travels unencrypted beyond this machine."""
        parts = urlsplit(self.origin)
        return parts.scheme == "http" and parts.hostname not in _LOOPBACK
