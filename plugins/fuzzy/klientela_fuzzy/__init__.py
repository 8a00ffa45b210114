"""The fuzzy plugin: proposes customers who are nearly alike but share no value exactly, for the review queue (R24c).

blocks.py   who is compared with whom: never everybody with everybody
alike.py    how much alike two customers are, and in what
"""

from __future__ import annotations

from collections.abc import Iterable

from klientela.kit import Proposal, Proposals, Somebody, hookimpl
from klientela_fuzzy.alike import alike
from klientela_fuzzy.blocks import LARGE, NEXT, Blocks


@hookimpl
def klientela_proposals(people: Iterable[Somebody]) -> Proposals:
    """Pairs with nearly the same names and nearly the same address, or the same telling mailbox name elsewhere."""
    blocks = Blocks(people)
    best: dict[tuple[str, str], Proposal] = {}
    for one, two in blocks.pairs():
        found = alike(one, two)
        if found is not None:
            best[one.id, two.id] = Proposal(one.id, two.id, found.reason, found.score)
    said = []
    if blocks.large:
        said.append(
            f"groups of more than {LARGE} customers with the same ZIP, the same house number and name, or the same "
            f"mailbox name, in which each was compared with the next {NEXT} by name alone: {blocks.large}"
        )
    return Proposals([best[pair] for pair in sorted(best)], said)
