"""What stands behind every pretend shop whose state is objects of its own: a clock, changes, people, mischief, levers.

    class Shop(Backstage):                       its objects, and the hands that change them
        def advance(self, steps=1):              what happens by itself: `happen` throws the dice for it
            return happen(self, self.town, EVENTS, steps)

        def truth(self):                         its objects as they are: `plain` makes values of them
            return {"customers": {key: plain(one) for key, one in self.customers.items()}}

    state.py      the clock, the lists that lag behind, changing objects, telling the truth
    mischief.py   faults inside well-formed answers
    strangers.py  people who never lived, and what they do as time passes
    levers.py     the addresses under /_sandbox/ by which a test moves it

A shop that needs no objects of its own is made faster from `klientela.testing.PretendShop`.
"""

from __future__ import annotations

from klientela.testing.backstage.levers import levers
from klientela.testing.backstage.mischief import Mischief, Node
from klientela.testing.backstage.state import START, Backstage, Clock, Money, When, money, numbered, plain
from klientela.testing.backstage.strangers import Strangers, happen

__all__ = [
    "START",
    "Backstage",
    "Clock",
    "Mischief",
    "Money",
    "Node",
    "Strangers",
    "When",
    "happen",
    "levers",
    "money",
    "numbered",
    "plain",
]
