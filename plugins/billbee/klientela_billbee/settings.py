"""What an operator writes into the configuration to connect a Billbee account."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from klientela.kit import DAY, HOUR, MINUTE, Field, Instant, SecretStr, SourceSettings

TEST_PAYMENT = 42
"""The kind of payment that Billbee calls "Testbestellung"; there is no other mark of a test order."""

OTHER_PAYMENT = 22
"""The kind of payment that Billbee calls "Andere"."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SPAN = re.compile(r"(\d{1,4})\s*([mhd])")
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}


class BillbeeSettings(SourceSettings):
    """One table `[sources.NAME]` with `type = "billbee"`."""

    user: str = Field(description="the login e-mail of the Billbee account")
    password: SecretStr = Field(description="the API password of that login, which is not its login password")
    api_key: SecretStr = Field(description="the developer key that Billbee's support hands out")
    shops: list[int] | None = Field(default=None, description="read the orders of these shops alone, by BillbeeShopId")
    same_as: dict[str, str] = Field(
        default_factory=dict,
        description="shops that are connected directly too: BillbeeShopId = name of that source; their orders count once",
    )
    test_payment_types: list[int] = Field(
        default=[TEST_PAYMENT], description="kinds of payment (PaymentMethod) that make an order a test order"
    )
    test_tags: list[str] = Field(default=[], description="tags that make an order a test order too")
    customers_every: str = Field(
        default="6h",
        description="how often a list of more than 2,500 customers, which has no filter by time, is read anew; "
        "new customers come with their orders at once",
    )
    write_orders: bool = Field(
        default=False, description="whether orders placed here for a customer are written into the account"
    )
    write_shop: int | None = Field(
        default=None, description="the shop they are written under, by BillbeeShopId; needed for write_orders"
    )
    write_payment: int = Field(
        default=OTHER_PAYMENT, ge=1, description='their kind of payment (PaymentMethod); 22 is called "Andere"'
    )
    write_tax_rate: float = Field(
        default=19.0, ge=0.0, lt=100.0, description="the tax in their prices, in percent, for the invoice of Billbee"
    )
    spacing: float = Field(
        default=0.55, ge=0.0, le=60.0, description="seconds between two calls; Billbee allows two a second"
    )
    base_url: str = Field(
        default="https://api.billbee.io", description="another address than Billbee's own, for a sandbox"
    )

    @field_validator("user")
    @classmethod
    def _somebody(cls, value: str) -> str:
        if not value.strip() or ":" in value:
            raise ValueError("user is no login; write the e-mail address you log into Billbee with")
        return value.strip()

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError("base_url is no address; write https:// and the host, nothing behind it")
        return value.rstrip("/").removesuffix("/api/v1")

    @field_validator("same_as")
    @classmethod
    def _shop_ids(cls, value: dict[str, str]) -> dict[str, str]:
        made = {shop.strip(): name for shop, name in value.items()}
        for shop in made:
            if not (shop.isascii() and shop.isdigit()):
                raise ValueError(f"{shop!r} in same_as is no BillbeeShopId; `klientela check` lists them")
        return made

    @field_validator("customers_every")
    @classmethod
    def _span(cls, value: str) -> str:
        if not _SPAN.fullmatch(value.strip()):
            raise ValueError(f"{value!r} is no span of time; write one like 30m, 6h or 1d")
        return value.strip()

    @model_validator(mode="after")
    def _somewhere(self) -> BillbeeSettings:
        if self.write_orders and self.write_shop is None:
            raise ValueError("write_orders needs write_shop, the BillbeeShopId under which orders are written")
        if self.write_orders and self.shops is not None and self.write_shop not in self.shops:
            raise ValueError(f"write_shop {self.write_shop} is none of `shops`, so its orders would not come back")
        return self

    @property
    def customers_span(self) -> Instant:
        """`customers_every` in microseconds, at least a minute."""
        found = _SPAN.fullmatch(self.customers_every)
        assert found is not None  # noqa: S101 - validated
        return max(MINUTE, int(found[1]) * _UNITS[found[2]])

    @property
    def in_the_clear(self) -> bool:
        """True when password and key travel unencrypted beyond this machine."""
        parts = urlsplit(self.base_url)
        return parts.scheme == "http" and parts.hostname not in _LOOPBACK
