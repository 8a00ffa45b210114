"""A complete source in sixty lines, forty without orders: the shop at the corner, which speaks JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from klientela.kit import (
    UNSET,
    Capabilities,
    Checked,
    Field,
    Http,
    Instant,
    Order,
    Page,
    Person,
    Position,
    Record,
    SecretStr,
    Source,
    SourceSettings,
    Stream,
    Window,
    hookimpl,
    instant,
    iso,
    page,
)

KINDS = {"member": "account", "guest": "guest"}


class CornerSettings(SourceSettings):
    """[sources.corner]"""

    base_url: str = Field(description="where the shop is, https://…")
    token: SecretStr = Field(description="the key it gave us")


class Corner(Source):
    """One corner shop."""

    type = "corner"
    title = "Corner shop"
    Settings = CornerSettings
    capabilities = Capabilities(accounts=True, orders=True, deletions=True)

    def __init__(self, name: str, settings: CornerSettings, **house: Any) -> None:
        super().__init__(name, settings, **house)
        token = settings.token.get_secret_value()
        self.http = Http(settings.base_url, headers={"Authorization": f"Bearer {token}"}, stop=self.stop)

    def check(self) -> Checked:
        """Who answers there."""
        shop = self.http.get_json("/shop")
        return Checked(shop["id"], shop["name"])

    def now(self) -> Instant | None:
        """The shop's own clock."""
        self.http.get("/shop")
        return self.http.server_time

    def streams(self) -> Sequence[Stream]:
        """Customers, and orders, which hold a little of their buyers."""
        return [
            Stream("customers", partial(self.read, "/customers", person), sweep=self.ids),
            Stream("orders", partial(self.read, "/orders", order), entity="order"),
        ]

    def read(self, path: str, translate: Callable[[Any], Any], window: Window, position: Position) -> Iterator[Page]:
        """The pages of a list, from a position on."""
        span = {"since": window.since and iso(window.since), "until": window.until and iso(window.until)}
        while True:
            answer = self.http.get_json(path, {**span, "after": position})
            position = answer["next"]
            yield page(answer["items"], translate, position)
            if position is None:
                return

    def ids(self) -> Iterator[Sequence[str]]:
        """All customers that exist now."""
        after = ""
        while after is not None:
            answer = self.http.get_json("/ids", {"after": after})
            yield answer["ids"]
            after = answer["next"]

    def close(self) -> None:
        """Let go of connections."""
        self.http.close()


def person(row: dict[str, Any]) -> Record:
    """A customer. What is not in the row stays absent; an unknown status says nothing."""
    return Person(
        external_id=row["id"],
        version=instant(row["updated_at"]),
        kind=KINDS.get(row.get("status", ""), UNSET),  # type: ignore[arg-type]
        first_name=row.get("first_name", UNSET),
        last_name=row.get("last_name", UNSET),
        email=row.get("email", UNSET),
        phone=row.get("phone", UNSET),
    )


def order(row: dict[str, Any]) -> list[Record]:
    """An order, and what it says of its buyer."""
    buyer, version = row["customer"], instant(row["updated_at"])
    made = Order(external_id=row["id"], version=version, customer=buyer["id"], total=row["total"], currency="EUR")
    seen = Person(external_id=buyer["id"], version=version, channel="embedded", email=buyer.get("email", UNSET))
    return [made, seen]


@hookimpl
def klientela_sources() -> list[type[Source]]:
    """The sources of this plugin."""
    return [Corner]
