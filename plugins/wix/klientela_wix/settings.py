"""What an operator writes into the configuration to connect a Wix site."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from klientela.kit import Field, SecretStr, SourceSettings

TestOrders = Literal["field", "query", "off"]

BASE_URL = "https://www.wixapis.com"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PEM = "-----BEGIN"


class WixSettings(SourceSettings):
    """One table `[sources.NAME]` with `type = "wix"`."""

    api_key: SecretStr | None = Field(default=None, description="an API key of the site's owner …")
    site_id: str | None = Field(default=None, description="… and the site's id, as in the address of its dashboard")
    app_id: str | None = Field(default=None, description="or, of an app installed on the site: its id …")
    app_secret: SecretStr | None = Field(default=None, description="… its secret …")
    instance_id: str | None = Field(default=None, description="… and the id of its instance on this site")
    webhook_public_key: str | None = Field(
        default=None, description="the app's public key (PEM), which proves webhooks; needs instance_id"
    )
    base_url: str = Field(default=BASE_URL, description="another address than Wix's own, for a sandbox")
    members: bool = Field(default=True, description="read site members, who are the registered customers")
    checkouts: bool = Field(default=True, description="read abandoned checkouts")
    write_orders: bool = Field(
        default=False, description="whether orders placed here for a customer are written into the site, as unpaid ones"
    )
    test_orders: TestOrders = Field(
        default="field",
        description="what makes a test order: a field `demo` of the order, a query for demo orders, or off",
    )

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError("base_url is no address; write https:// and the host, nothing behind it")
        return value.rstrip("/")

    @field_validator("site_id", "app_id", "instance_id")
    @classmethod
    def _id(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.strip():
            raise ValueError("it is empty; leave it out, or write the id")
        return value.strip()

    @field_validator("webhook_public_key")
    @classmethod
    def _key(cls, value: str | None) -> str | None:
        """Keys are copied with `\\n` written out, or without their line breaks at all."""
        if value is None:
            return None
        text = value.replace("\\n", "\n").strip()
        if not text.startswith(_PEM) or "PUBLIC KEY" not in text.splitlines()[0]:
            raise ValueError(
                'it is no public key; write it as in the app\'s dashboard, from "-----BEGIN PUBLIC KEY-----" on'
            )
        return text

    @model_validator(mode="after")
    def _complete(self) -> WixSettings:
        if self.api_key is not None:
            if self.app_id is not None or self.app_secret is not None:
                raise ValueError("there are two ways in: use api_key with site_id, or app_id with app_secret, not both")
            if self.site_id is None:
                raise ValueError("site_id is missing beside api_key: an API key may open several sites")
        else:
            self._complete_app()
        if self.webhook_public_key is not None and self.instance_id is None:
            raise ValueError(
                "instance_id is missing beside webhook_public_key: an app signs the messages of all its sites with one key"
            )
        return self

    def _complete_app(self) -> None:
        given = {"app_id": self.app_id, "app_secret": self.app_secret, "instance_id": self.instance_id}
        missing = [name for name, value in given.items() if value is None]
        if self.app_id is None and self.app_secret is None:
            raise ValueError("api_key with site_id is missing (or app_id with app_secret and instance_id)")
        if missing:
            raise ValueError(f"{' and '.join(missing)} is missing: an app needs app_id, app_secret and instance_id")

    @property
    def secret(self) -> str:
        """The API key or the app's secret."""
        found = self.api_key or self.app_secret
        return found.get_secret_value() if found else ""

    @property
    def in_the_clear(self) -> bool:
        """True when the credentials travel unencrypted beyond this machine."""
        parts = urlsplit(self.base_url)
        return parts.scheme == "http" and parts.hostname not in _LOOPBACK
