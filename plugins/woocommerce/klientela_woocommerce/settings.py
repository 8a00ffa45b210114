"""What an operator writes into `[sources.NAME]` to connect a WooCommerce shop."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import field_validator

from klientela.kit import Field, SecretStr, SourceSettings

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class WooCommerceSettings(SourceSettings):
    """One table with `type = "woocommerce"`."""

    base_url: str = Field(description="where WordPress is, https://shop.example")
    consumer_key: SecretStr = Field(description="a REST API key with read permission: ck_… …")
    consumer_secret: SecretStr = Field(description="… and its secret: cs_…")
    role: Literal["all", "customer"] = Field(
        default="all", description="whose accounts are read: all who may log in, or those with the role customer"
    )
    customers_every: int = Field(
        default=60,
        ge=0,
        description="minutes after which the list of accounts, which has no filter by time, is read anew; "
        "a new account is noticed at once; 0: with every run",
    )

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError("base_url is no address; write https:// and the host, and the folder of WordPress if any")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("base_url is plain http: WooCommerce takes these keys over https only")
        return value.rstrip("/").removesuffix("/wp-json")
