"""The Wix plugin: what a Wix site knows of its contacts, members, orders and abandoned checkouts.

settings.py   what an operator writes        source.py     what the site offers
client.py     talking to Wix                 reading.py    paging through its lists
nodes.py      the shapes of the answers      translate.py  their words into ours
buyers.py     the contacts orders name       webhooks.py   signed messages
sandbox/      a pretend site on loopback
"""

from __future__ import annotations

from klientela.kit import Source, hookimpl
from klientela_wix.source import WixSource


@hookimpl
def klientela_sources() -> list[type[Source]]:
    """The one kind of source this plugin brings."""
    return [WixSource]
