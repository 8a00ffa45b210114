"""The WooCommerce plugin of klientela: what a shop knows of its accounts and orders, guests' orders among them.

settings.py    what an operator writes        source.py     what the shop offers
reading.py     paging without passing over    translate.py  its words into ours
sandbox.py     a pretend shop on loopback     quality.json  what the conformance suite found
"""

from __future__ import annotations

from klientela.kit import Source, hookimpl
from klientela_woocommerce.source import WooCommerceSource


@hookimpl
def klientela_sources() -> list[type[Source]]:
    """The one kind of source this plugin brings."""
    return [WooCommerceSource]
