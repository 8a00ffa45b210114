"""Whose order a credit note or a cancellation speaks of: they name it by the shop's number or id, we by Billbee's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from urllib.parse import quote

import msgspec
from msgspec import Raw

from klientela_billbee import translate
from klientela_billbee.client import Billbee
from klientela_billbee.nodes import OrderNode
from klientela_billbee.translate import Sale

_KEPT = 20_000
"""How many references are remembered: enough for the papers near the orders they speak of."""


class Originals:
    """Finds orders by the shop's number or id: those read lately from memory, others by asking."""

    def __init__(self, api: Billbee) -> None:
        self._api = api
        self._known: OrderedDict[tuple[str | None, str], str] = OrderedDict()

    def learn(self, rows: Iterable[Raw]) -> None:
        """Remember the orders of a page before its papers are looked at."""
        for row in rows:
            try:
                node = translate.decode_order(row)
            except msgspec.ValidationError:
                continue  # its translation will say why
            if translate.is_paper(node):
                continue  # it may carry the id of the order it speaks of
            shop = translate.shop_of(node)
            for word in (node.id, node.order_number):
                if isinstance(word, (str, int)) and str(word).strip():
                    self._known[shop, str(word).strip()] = str(node.bill_bee_order_id)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)

    def settle(self, sale: Sale, *, ask: bool = True) -> Sale:
        """The sale with `credits` and `cancels` as external ids; its own words where no such order is known (R29b).

        `ask`: look orders up that were not read lately.
        """
        if sale.credits is not None:
            sale.order.credits = self._find(sale.shop, sale.credits, ask) or sale.credits
        if sale.cancels is not None:
            sale.order.cancels = self._find(sale.shop, sale.cancels, ask) or sale.cancels
        return sale

    def _find(self, shop: str | None, reference: str, ask: bool) -> str | None:
        known = self._known.get((shop, reference))
        if known is not None or not ask:
            return known
        found = self._api.find(f"orders/findbyextref/{quote(reference, safe='')}")
        if found is None:
            return None
        try:
            node = translate.decode_order(found)
        except msgspec.ValidationError:
            return None
        if not _is_meant(node, shop, reference):
            return None
        self._known[shop, reference] = str(node.bill_bee_order_id)
        return self._known[shop, reference]


def _is_meant(node: OrderNode, shop: str | None, reference: str) -> bool:
    """Numbers of different shops may be alike: it must be this shop's."""
    names = {str(word).strip() for word in (node.id, node.order_number) if isinstance(word, (str, int))}
    return reference in names and translate.shop_of(node) in (shop, None)
