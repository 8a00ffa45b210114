"""The pure rules hold for anything: no order of nodes, no side of a pair, no second time changes what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from random import Random
from typing import Any

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klientela.kit import Person
from klientela.rules import geo, keys, names, text
from klientela.rules.geo_data import PLANS
from klientela.rules.identity import Clustering, Link, Node, cluster, joins
from klientela.rules.precedence import Member, Summary, merge, summary
from klientela.rules.publish import ADDRESS, EMAIL, GUEST_MAIL, LINK, NUMBER, PHONE, STRENGTH, Canon, Key
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.rules.totals import settle
from tests.properties.worlds import persons

# -- clusters ------------------------------------------------------------------------------------------------------------

NAMES = ("", "max|muster", "m|muster", "muster|max", "anna|mueller", "ann|mueller", "ben|mueller", "|mueller")
KEYS = tuple(Key(kind, 10 * kind + n) for kind in (EMAIL, NUMBER, PHONE, ADDRESS, GUEST_MAIL, LINK) for n in (1, 2))


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[Node], list[Link], list[tuple[int, int]], set[int], str]:
    count = draw(st.one_of(st.integers(1, 4), st.integers(5, 8)))
    known = draw(st.sampled_from((NAMES, NAMES[:3], NAMES[1:2])))
    shared = draw(st.sampled_from((KEYS, KEYS[:4], KEYS[-3:], KEYS[-1:])))
    nodes = []
    for handle in range(1, count + 1):
        canon = Canon(draw(st.integers(0, 3)), draw(st.sampled_from("ab")), "customer", str(handle))
        held = tuple(sorted(draw(st.sets(st.sampled_from(shared), max_size=3))))
        account = draw(st.sampled_from((None, None, "a", "b")))
        nodes.append(Node(handle, canon, draw(st.sampled_from(known)), held, account))
    handles = st.integers(1, count)
    pairs = st.tuples(handles, handles).filter(lambda pair: pair[0] != pair[1])
    reasons = st.sampled_from(("operator", "upstream", "same_order"))
    links = [Link(a, b, reason) for (a, b), reason in draw(st.lists(st.tuples(pairs, reasons), max_size=3))]
    cannots = draw(st.lists(pairs, max_size=2))
    crowded = {key.hash for key in draw(st.sets(st.sampled_from(KEYS), max_size=2))}
    return nodes, links, cannots, crowded, draw(st.sampled_from(("review", "merge")))


def _run(case: Any, order: Callable[[Sequence[Any]], list[Any]] = list) -> Clustering:
    nodes, links, cannots, crowded, same_source = case
    return cluster(order(nodes), order(links), order(cannots), crowded, same_source=same_source)


def _told(made: Clustering) -> Any:
    return ({frozenset(one) for one in made.clusters}, set(made.apart), {frozenset(one) for one in made.divided})


@given(_cases(), st.randoms(use_true_random=False))
@settings(max_examples=500, deadline=None)
def test_clusters_ask_for_no_order_of_nodes(case: Any, dice: Random) -> None:
    def shuffled(things: Sequence[Any]) -> list[Any]:
        return dice.sample(list(things), len(things))

    assert _told(_run(case, shuffled)) == _told(_run(case))
    assert sorted(_run(case, shuffled).edges) == sorted(_run(case).edges)


@given(_cases(), st.permutations(range(1, 9)))
@settings(max_examples=300, deadline=None)
def test_clusters_ask_for_no_handles(case: Any, other: list[int]) -> None:
    nodes, links, cannots, crowded, same_source = case
    renamed = [Node(other[n.handle - 1], n.canon, n.name, n.keys, n.account) for n in nodes]
    made = cluster(
        renamed,
        [Link(other[x.a - 1], other[x.b - 1], x.reason) for x in links],
        [(other[a - 1], other[b - 1]) for a, b in cannots],
        crowded,
        same_source=same_source,
    )
    back = {handle: place + 1 for place, handle in enumerate(other)}
    clusters, apart, divided = _told(made)
    assert (
        {frozenset(back[h] for h in one) for one in clusters},
        {(back[a], back[b], reason) for a, b, reason in apart},
        {frozenset(back[h] for h in one) for one in divided},
    ) == _told(_run(case))


@given(_cases())
@settings(max_examples=800, deadline=None)
def test_clusters_are_those_of_the_plain_rule(case: Any) -> None:
    made = _run(case)
    clusters, apart = _plain(*case)
    assert ({frozenset(one) for one in made.clusters}, {frozenset(one[:2]) for one in made.apart}) == (clusters, apart)
    assert len(made.edges) == len(case[0]) - len(clusters), "just enough edges hold each cluster together"


def _plain(
    nodes: list[Node], links: list[Link], cannots: list[tuple[int, int]], crowded: set[int], same_source: str
) -> tuple[set[frozenset[int]], set[frozenset[int]]]:
    """R17b, R20b, R21, R22 once more, over all nodes at once and every pair of them: all edges in their order, each
    union that a constraint forbids is skipped."""
    of = {node.handle: node for node in nodes}
    edges = []
    for one, two in combinations(nodes, 2):
        low, high = sorted((one, two), key=lambda node: node.canon)
        # two records have one edge, of their strongest key: what barred it bars the weaker ones too
        shared = [key for key in set(one.keys) & set(two.keys) if joins(one, two, key, key.hash in crowded)]
        if shared:
            strength = min(STRENGTH[key.kind] for key in shared)
            edges.append((strength, low.canon, high.canon, low.handle, high.handle))
    for link in links:
        low, high = sorted((of[link.a], of[link.b]), key=lambda node: node.canon)
        edges.append((-2 if link.reason == "operator" else -1, low.canon, high.canon, low.handle, high.handle))
    forbidden = {frozenset(pair) for pair in cannots}
    if same_source == "review":
        forbidden |= _strangers(nodes, links)
    groups = {node.handle: {node.handle} for node in nodes}
    apart = set()
    for strength, *_, a, b in sorted(edges):
        left, right = groups[a], groups[b]
        if left is right:
            continue
        bridges = any(of[h].name for h in left) and any(of[h].name for h in right)
        if strength >= 0 and bridges and not (of[a].name and of[b].name):
            continue
        barred = [{x, y} for x in left for y in right if frozenset((x, y)) in forbidden]
        if barred:
            decided = [pair for pair in barred if frozenset(pair) in {frozenset(c) for c in cannots}]
            first = min(decided or barred, key=lambda pair: sorted(of[h].canon for h in pair))
            apart.add(frozenset(first))
            continue
        union = left | right
        groups.update(dict.fromkeys(union, union))
    return {frozenset(group) for group in groups.values()}, apart


def _strangers(nodes: list[Node], links: list[Link]) -> set[frozenset[int]]:
    """Accounts of one source that share no e-mail and no number, and whom neither operator nor shop joined."""
    joined = {node.handle: {node.handle} for node in nodes}
    for link in links:
        if link.reason in ("operator", "upstream"):
            union = joined[link.a] | joined[link.b]
            joined.update(dict.fromkeys(union, union))
    return {
        frozenset((one.handle, two.handle))
        for one, two in combinations(nodes, 2)
        if one.account is not None
        and one.account == two.account
        and two.handle not in joined[one.handle]
        and not any(key.kind in (EMAIL, NUMBER) for key in set(one.keys) & set(two.keys))
    }


# -- whose word counts -----------------------------------------------------------------------------------------------


@st.composite
def _summaries(draw: st.DrawFn) -> list[Summary]:
    ruleset = Ruleset(sources={"alfa": SourceRules(priority=draw(st.integers(1, 2)), default_status="guest")})
    made = []
    for number in range(draw(st.integers(3, 5))):
        person: Person = draw(persons())
        created = draw(st.sampled_from((1, 2, 2**62)))
        canon = Canon(created, draw(st.sampled_from(("alfa", "beta"))), "customer", str(number))
        made.append(summary(Member(canon, draw(st.sampled_from((None, 1, 2))), person), ruleset))
    return made


@given(_summaries(), st.randoms(use_true_random=False))
@settings(max_examples=500, deadline=None)
def test_a_profile_is_the_same_in_any_order_and_grouping(made: list[Summary], dice: Random) -> None:
    one, two, three, *_ = made
    assert merge(one, one) == one
    assert merge(one, two) == merge(two, one)
    assert merge(merge(one, two), three) == merge(one, merge(two, three))
    whole = _merged(made)
    assert _merged(dice.sample(made, len(made))) == whole
    assert merge(whole, dice.choice(made)) == whole


def _merged(made: list[Summary]) -> Summary:
    whole = made[0]
    for one in made[1:]:
        whole = merge(whole, one)
    return whole


# -- names -------------------------------------------------------------------------------------------------------------

PARTS = st.one_of(
    st.sampled_from(
        ["", "m", "max", "maxi", "maximilian", "max peter", "anna", "hans ulrich", "li", "jan", "muller", "mueller"]
    ),
    st.text("abeinrst ", max_size=9).map(lambda made: " ".join(made.split())),
)
FOLDED = st.tuples(PARTS, PARTS).filter(any).map("|".join)


@given(FOLDED, FOLDED)
@settings(max_examples=2000, deadline=None)
def test_the_guard_takes_no_side(one: str, two: str) -> None:
    assert names.compatible(one, two) == names.compatible(two, one)
    assert names.compatible(one, one)
    assert names.nearly(one, two) == names.nearly(two, one)
    assert not (names.nearly(one, two) and names.compatible(one, two)), "what joins is no proposal"


@given(st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=1000, deadline=None)
def test_a_folded_name_is_folded(first: str, last: str) -> None:
    made = names.folded(first, last)
    assert made == "" or made.count("|") == 1
    assert names.folded(*made.split("|")) == made if made else True


# -- keys --------------------------------------------------------------------------------------------------------------

MAILS = st.one_of(
    st.text("aB.+ü@ -x", min_size=1, max_size=14),
    st.tuples(
        st.text(max_size=8), st.sampled_from(["x.de", "GMAIL.com", "googlemail.com", "Müller.de", "xn--mller-kva.de"])
    ).map("@".join),
)


@given(MAILS, st.booleans())
@settings(max_examples=2000, deadline=None)
def test_a_mailbox_is_its_own_key(mail: str, folding: bool) -> None:
    box = keys.mailbox(mail, folding)
    if box is not None:
        assert keys.mailbox(box, folding) == box
        assert keys.mailbox(f"  {mail}\u200b", folding) == box
        assert keys.mailbox_blocked(box, frozenset()) == keys.mailbox_blocked(box, frozenset(("nobody@else.de",)))
        assert keys.mailbox_blocked(box, frozenset((box,)))


@given(st.text(max_size=20))
@settings(max_examples=1000, deadline=None)
@pytest.mark.parametrize("fold", [text.clean, text.fold_words, text.sort_key])
def test_folding_twice_is_folding_once(fold: Callable[[str], str], said: str) -> None:
    once = fold(said)
    assert fold(once) == once


@pytest.mark.parametrize("fold", [text.clean, text.fold_words, text.sort_key_once])
def test_every_letter_folds_at_once(fold: Callable[[str], str]) -> None:
    letters = [chr(code) for code in range(0x3000) if chr(code).isprintable()]
    assert [letter for letter in letters if fold(fold(letter)) != fold(letter)] == []


@given(st.text("Aaß19 äö.-/", min_size=1, max_size=12), st.sampled_from(["5", "5 a", "5A", "12/4", "12 / 4"]))
@settings(max_examples=1000, deadline=None)
def test_a_house_number_may_stand_in_the_street(street: str, house: str) -> None:
    apart = keys.address("DE", "10969", street, house)
    if apart is not None and not any(c.isdigit() for c in street) and street.strip(" .-/"):
        assert keys.address("DE", "10969", f"{street} {house}", None) == apart
        assert keys.address("DE", "109 69", street.upper(), house.upper()) == apart


# -- phones --------------------------------------------------------------------------------------------------------------


def _numbers(region: str, dice: Random, count: int) -> list[str]:
    """Random digits of any length that comes near one, written in every way people write them."""
    code, trunk, lengths = PLANS[region]
    made = []
    for _ in range(count):
        size = max(1, dice.choice(list(lengths)) + dice.choice((0, 0, 0, -1, 1, 2, -3)))
        rest = "".join(dice.choice("0123456789") for _ in range(size))
        head = dice.choice((f"+{code}", f"00{code}", trunk, trunk, "", f"+{code} (0)", f"+{code}{trunk}"))
        digits = head + rest
        if dice.random() < 0.5:
            for _ in range(dice.randint(1, 3)):
                place = dice.randint(0, len(digits))
                digits = digits[:place] + dice.choice((" ", "-", "/", ".", "(", ")")) + digits[place:]
        made.append(digits)
    return made


def _by_the_library(number: str, region: str) -> str | None:
    try:
        made = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(made):
        return None
    return phonenumbers.format_number(made, phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.parametrize("region", sorted(PLANS))
def test_our_road_for_phones_is_the_librarys(region: str) -> None:
    dice = Random(region)
    for number in _numbers(region, dice, 1500):
        must = _by_the_library(number, region)
        if must is not None and geo._junk(must):
            must = None
        assert geo.phone(number, region) == must, f"{number!r} in {region}"


@pytest.mark.parametrize("region", ["US", "JP", "BR", "SG"])
def test_any_other_plan_is_left_to_the_library(region: str) -> None:
    dice = Random(region)
    for _ in range(500):
        number = f"+{phonenumbers.country_code_for_region(region)}" + "".join(
            dice.choices("0123456789", k=dice.randint(6, 12))
        )
        must = _by_the_library(number, "DE")
        assert geo.phone(number, "DE") == (None if must is None or geo._junk(must) else must)


# -- figures -----------------------------------------------------------------------------------------------------------


@given(st.data())
@settings(max_examples=500, deadline=None)
def test_no_order_counts_less_than_nothing_and_each_left_out_has_one_reason(data: st.DataObject) -> None:
    from tests.properties.worlds import orders

    one = settle(data.draw(orders()), "EUR")
    assert (one.ltv is None) == (one.why_not is not None)
    assert one.ltv is None or one.ltv >= 0
    assert one.ltv is None or one.gross is not None, "what counts for the lifetime was an order"
    assert one.ltv is None or one.ltv <= (one.gross or 0)
