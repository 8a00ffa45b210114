"""The Shopify plugin: what a Shopify shop knows of its customers, orders and abandoned carts.

settings.py   what an operator writes        source.py     what the shop offers
client.py     talking to the shop            reading.py    paging through its lists
bulk.py       reading a list whole           results.py    the files that come of it
queries.py    what is asked                  nodes.py      the shapes of the answers
translate.py  their words into ours          webhooks.py   what the shop sends by itself
rest.py       the old shapes webhooks have   sandbox/      a pretend shop on loopback
"""

from __future__ import annotations

from klientela.kit import Source, hookimpl
from klientela_shopify.source import ShopifySource


@hookimpl
def klientela_sources() -> list[type[Source]]:
    """The one kind of source this plugin brings."""
    return [ShopifySource]
