"""Talking to a shop over HTTP, patiently: trying again, waiting, hiding secrets, giving up with a sentence.

    client.py      Http and Reply, what plugins use; the order in which things are tried
    budget.py      how often a host may be asked, shared by all clients of the process
    origin.py      which addresses belong to the shop, and how they may be shown
    answers.py     what an answer means: refused, try again, how long to wait, no JSON
    lines.py       answers too long to be held, line by line
    transport.py   the wire: connections that stop when asked to, bodies that cannot grow without limit

Only origin.py, lines.py and transport.py import httpx, when the first client is made: the command starts without.
"""

from __future__ import annotations

from klientela.http.client import Http, Reply

__all__ = ["Http", "Reply"]
