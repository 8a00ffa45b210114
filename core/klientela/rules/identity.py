"""Who is the same person: clusters of nodes by pair-wise guarded keys, decisions and constraints (R14-R22).

Pure. A node is one record, or many records with equal name and keys; handles are opaque and never decide anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal, NamedTuple

from msgspec import Struct

from klientela.rules.names import compatible
from klientela.rules.publish import EMAIL, GUEST_MAIL, LINK, NUMBER, RULE_OF, STRENGTH, Canon, Key

Handle = int


class Node(Struct, gc=False):
    """What identity knows of a node. `account` is the source's uid where the node is a registered account there."""

    handle: Handle
    canon: Canon
    name: str
    keys: tuple[Key, ...]
    account: str | None = None


class Edge(NamedTuple):
    """Why two nodes are one: compared in the order of R22."""

    strength: int  # -2 operator, -1 asserted, then the rules
    low: Canon
    high: Canon
    a: Handle
    b: Handle
    rule: str
    key: int  # hash of the matched key; 0 for decisions and asserted edges


class Link(NamedTuple):
    """A given edge between two nodes: `operator`, `upstream` or `same_order`."""

    a: Handle
    b: Handle
    reason: str


class Apart(NamedTuple):
    """Two nodes the rules would join and a constraint keeps apart."""

    a: Handle
    b: Handle
    reason: Literal["same_source", "decision"]


@dataclass(slots=True)
class Clustering:
    """The result for some nodes: clusters, the edges that hold each together, what was kept apart."""

    clusters: list[list[Handle]]
    edges: list[Edge]
    apart: list[Apart] = field(default_factory=list)
    divided: list[list[Handle]] = field(default_factory=list)  # components that a constraint made several clusters


def joins(one: Node, two: Node, key: Key, crowded: bool) -> bool:
    """Whether a shared key joins two nodes: the guard (R17b), the limit (R20), the policies (R10, R11)."""
    if key.kind == LINK and (one.account is None) == (two.account is None):
        return False  # the retroactive link goes between a guest and an account, never between guests
    if crowded:
        return one.name == two.name and one.name != ""
    if key.kind == NUMBER:
        return True
    if not one.name or not two.name:
        return key.kind in (EMAIL, GUEST_MAIL)
    return compatible(one.name, two.name)


def edges_between(nodes: Sequence[Node], crowded: frozenset[int] | set[int], *, complete: bool) -> list[Edge]:
    """All edges by rule between the nodes. Not `complete`: nodes of one name under one key hang on their oldest only,
    which gives the same components with fewer edges."""
    carriers: dict[Key, list[Node]] = defaultdict(list)
    for node in nodes:
        for key in node.keys:
            carriers[key].append(node)
    best: dict[tuple[Handle, Handle], Edge] = {}
    for key, holders in carriers.items():
        if len(holders) < 2:
            continue
        over = key.hash in crowded
        for one, two in _linked(holders) if key.kind == LINK else _pairs(holders, complete):
            if joins(one, two, key, over):
                edge = _edge(one, two, STRENGTH[key.kind], RULE_OF[key.kind], key.hash)
                pair = (edge.a, edge.b)
                if pair not in best or edge < best[pair]:
                    best[pair] = edge
    return sorted(best.values())


def _linked(holders: list[Node]) -> Iterable[tuple[Node, Node]]:
    """The retroactive link ties each guest to an account, never by way of another guest (R10)."""
    guests = [node for node in holders if node.account is None]
    for node in holders:
        if node.account is not None:
            for guest in guests:
                yield node, guest


def _pairs(holders: list[Node], complete: bool) -> Iterable[tuple[Node, Node]]:
    if complete or len(holders) <= 4:
        yield from combinations(holders, 2)
        return
    by_name: dict[str, list[Node]] = defaultdict(list)
    for node in holders:
        by_name[node.name].append(node)
    heads = []
    for group in by_name.values():
        group.sort(key=lambda n: n.canon)
        heads.append(group[0])
        for node in group[1:]:
            yield group[0], node
    yield from combinations(heads, 2)


def _edge(one: Node, two: Node, strength: int, rule: str, key: int) -> Edge:
    low, high = (one, two) if one.canon <= two.canon else (two, one)
    return Edge(strength, low.canon, high.canon, low.handle, high.handle, rule, key)


def cluster(
    nodes: Sequence[Node],
    links: Sequence[Link] = (),
    cannots: Sequence[tuple[Handle, Handle]] = (),
    crowded: frozenset[int] | set[int] = frozenset(),
    *,
    same_source: str = "review",
) -> Clustering:
    """Clusters of the nodes. Every node that shares a key or a link with one of them must be among them."""
    by_handle = {node.handle: node for node in nodes}
    given = [
        _edge(by_handle[x.a], by_handle[x.b], -2 if x.reason == "operator" else -1, x.reason, 0)
        for x in links
        if x.a in by_handle and x.b in by_handle and x.a != x.b
    ]
    edges = sorted([*given, *edges_between(nodes, crowded, complete=False)])
    forest, tree = _forest(nodes, edges)
    groups: dict[Handle, list[Node]] = defaultdict(list)
    for node in nodes:
        groups[forest.find(node.handle)].append(node)
    held: dict[Handle, list[tuple[Handle, Handle]]] = defaultdict(list)
    for a, b in cannots:
        if a in by_handle and b in by_handle and (root := forest.find(a)) == forest.find(b):
            held[root].append((a, b))
    linked, grown = _by_root(given, forest), _by_root(tree, forest)
    result = Clustering([], [])
    for root, members in groups.items():
        apart, ties = held.get(root, []), linked.get(root, [])
        if len(members) == 1 or not _constrained(members, apart, ties, same_source):
            result.clusters.append([node.handle for node in members])
            result.edges += grown.get(root, ())
        else:
            _constrain(members, ties, apart, crowded, same_source, result)
    return result


def _by_root(edges: Iterable[Edge], forest: _Forest) -> dict[Handle, list[Edge]]:
    found: dict[Handle, list[Edge]] = defaultdict(list)
    for edge in edges:
        found[forest.find(edge.a)].append(edge)
    return found


class _Forest:
    """Union-find with path halving."""

    def __init__(self, handles: Iterable[Handle]) -> None:
        self.parent = {h: h for h in handles}

    def find(self, handle: Handle) -> Handle:
        parent = self.parent
        while parent[handle] != handle:
            parent[handle] = parent[parent[handle]]
            handle = parent[handle]
        return handle


def _forest(nodes: Sequence[Node], edges: Sequence[Edge]) -> tuple[_Forest, list[Edge]]:
    forest = _Forest(node.handle for node in nodes)
    tree = []
    for edge in edges:
        a, b = forest.find(edge.a), forest.find(edge.b)
        if a != b:
            forest.parent[b] = a
            tree.append(edge)
    return forest, tree


def _constrained(members: list[Node], held: list[tuple[Handle, Handle]], links: list[Edge], same_source: str) -> bool:
    """Whether anything forbids the whole component: a cannot, a nameless node, two accounts of one source (R22)."""
    if held or any(not node.name for node in members):
        return True
    return same_source == "review" and bool(_conflicts(members, links))


def _conflicts(members: list[Node], links: list[Edge]) -> list[tuple[Node, Node]]:
    """Pairs of registered accounts of one source that share neither e-mail nor number (R20b), and whom neither an
    operator nor the shop itself joined, directly or by way of third records."""
    by_source: dict[str, list[Node]] = defaultdict(list)
    for node in members:
        if node.account is not None:
            by_source[node.account].append(node)
    said, _ = _forest(members, [edge for edge in links if edge.strength == -2 or edge.rule == "upstream"])
    return [
        (one, two)
        for accounts in by_source.values()
        for one, two in combinations(accounts, 2)
        if not _excused(one, two) and said.find(one.handle) != said.find(two.handle)
    ]


def _excused(one: Node, two: Node) -> bool:
    strong = {key for key in one.keys if key.kind in (EMAIL, NUMBER)}
    return any(key in strong for key in two.keys)


def _constrain(
    members: list[Node],
    links: list[Edge],
    cannots: list[tuple[Handle, Handle]],
    crowded: frozenset[int] | set[int],
    same_source: str,
    result: Clustering,
) -> None:
    """Constrained Kruskal (R22): edges in their order; a union that a constraint forbids is skipped."""
    parted: dict[Handle, set[Handle]] = defaultdict(set)
    accounts: dict[Handle, set[Handle]] = defaultdict(set)
    for a, b in cannots:
        parted[a].add(b)
        parted[b].add(a)
    if same_source == "review":
        for one, two in _conflicts(members, links):
            accounts[one.handle].add(two.handle)
            accounts[two.handle].add(one.handle)
    names = {node.handle: node.name for node in members}
    canon = {node.handle: node.canon for node in members}
    groups: dict[Handle, list[Handle]] = {node.handle: [node.handle] for node in members}
    named = {handle: bool(name) for handle, name in names.items()}
    apart: dict[tuple[Handle, Handle], str] = {}
    for edge in sorted([*links, *edges_between(members, crowded, complete=True)]):
        left, right = groups[edge.a], groups[edge.b]
        if left is right:
            continue
        weak = edge.strength >= 0 and not (names[edge.a] and names[edge.b])
        if weak and any(named[h] for h in left) and any(named[h] for h in right):
            continue  # a record without a name belongs to one customer and bridges no two (R17b)
        barrier = _barrier(left, right, parted, canon)
        if barrier is not None:
            apart[barrier] = "decision"
            continue
        barrier = _barrier(left, right, accounts, canon)
        if barrier is not None:
            apart[barrier] = "same_source"
            continue
        left += right
        for handle in right:
            groups[handle] = left
        result.edges.append(edge)
    seen: set[int] = set()
    for group in groups.values():
        if id(group) not in seen:
            seen.add(id(group))
            result.clusters.append(group)
    if len(seen) > 1:
        result.divided.append([node.handle for node in members])
    for (a, b), reason in sorted(apart.items(), key=lambda item: (canon[item[0][0]], canon[item[0][1]])):
        result.apart.append(Apart(a, b, "same_source" if reason == "same_source" else "decision"))


def _barrier(
    left: list[Handle], right: list[Handle], rule: dict[Handle, set[Handle]], canon: dict[Handle, Canon]
) -> tuple[Handle, Handle] | None:
    if not rule:
        return None
    others = set(right)
    found = [(a, b) if canon[a] <= canon[b] else (b, a) for a in left for b in rule.get(a, ()) if b in others]
    return min(found, key=lambda pair: (canon[pair[0]], canon[pair[1]])) if found else None
