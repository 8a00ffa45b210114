"""The Billbee plugin: what a Billbee account knows of customers and of the orders of all the shops it works for.

settings.py   what an operator writes        source.py     what the account offers
client.py     talking to the account         reading.py    paging through its lists
nodes.py      the shapes of the answers      values.py     text, times and money as they write them
persons.py    their customers into ours      translate.py  their orders into ours
papers.py     whose order a credit note or a cancellation speaks of
sandbox/      a pretend account on loopback
"""

from __future__ import annotations

from klientela.kit import Source, hookimpl
from klientela_billbee.source import BillbeeSource


@hookimpl
def klientela_sources() -> list[type[Source]]:
    """The one kind of source this plugin brings."""
    return [BillbeeSource]
