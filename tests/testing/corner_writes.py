"""The shop at the corner, which takes orders too."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from klientela.kit import Field, Order, Placed, Placing, Record, Stream, mark_of, take_mark
from tests.testing import corner
from tests.testing.corner import Corner, CornerSettings


class WritingSettings(CornerSettings):
    """[sources.corner]"""

    write_orders: bool = Field(default=False, description="whether orders placed here are written into the shop")


class WritingCorner(Corner):
    """One corner shop, read and written."""

    Settings = WritingSettings
    writes = True

    def streams(self) -> Sequence[Stream]:
        """The same lists; orders give back the mark."""
        customers, orders = super().streams()
        return [customers, Stream("orders", partial(self.read, "/orders", order), entity=orders.entity)]

    def place(self, order: Placing) -> Placed:
        """Ask once; what `send` raises says whether the order may be there."""
        lines = [{"title": one.title, "quantity": one.quantity, "price": one.unit_price} for one in order.lines]
        body = {"customer": order.customer, "lines": lines, "discount": order.discount, "tags": [mark_of(order.key)]}
        _, made = self.http.send("POST", "/orders", json=body)
        return Placed(external_id=made["id"])


def order(row: dict[str, Any]) -> list[Record]:
    """An order, and under which key it was placed here, if it was."""
    made = corner.order(row)
    key, tags = take_mark(row.get("tags", ()))
    if key is not None and isinstance(made[0], Order):
        made[0].placed_as, made[0].tags = key, tags
    return made
