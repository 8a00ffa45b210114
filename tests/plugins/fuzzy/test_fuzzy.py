"""The fuzzy plugin: what it takes for alike, the same whatever came first, and never everybody with everybody."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import klientela_fuzzy
from klientela.kit import Place, Proposals, Somebody
from klientela_fuzzy.alike import alike
from klientela_fuzzy.blocks import LARGE, NEXT, Blocks

HOME = Place("DE", "20875", "rosenstr", "92a")


def somebody(
    id_: str, first: str = "sedat", last: str = "brunnschmidt", *places: Place, **more: tuple[str, ...]
) -> Somebody:
    return Somebody(id_, ((first, last),), places=places, **more)  # type: ignore[arg-type]


def propose(*people: Somebody) -> Proposals:
    made: Proposals = klientela_fuzzy.klientela_proposals(sorted(people))
    return made


SEDAT = ("sedat", "brunnschmidt")
ZIP, STREET = "the ZIP", "the street's spelling"


@pytest.mark.parametrize(
    ("other", "score", "name", "what"),
    [
        (somebody("b", *SEDAT, HOME._replace(zip="20857")), 0.95, "the same name", ZIP),
        (somebody("b", *SEDAT, HOME._replace(street="rosnestr")), 0.95, "the same name", STREET),
        (
            somebody("b", "sedat", "brunnschmitt", HOME._replace(street="rsoenstx")),
            0.87,
            "nearly the same name",
            STREET,
        ),
        (somebody("b", *SEDAT[::-1], HOME._replace(zip="20876")), 0.95, "the same name", ZIP),
        (
            somebody("b", *SEDAT, HOME._replace(zip="20876", street="rsenstr")),
            0.9,
            "the same name",
            f"{STREET} and {ZIP}",
        ),
    ],
)
def test_nearly_the_same_address_and_name(other: Somebody, score: float, name: str, what: str) -> None:
    words = f"{name}, and addresses that differ in {what} alone"
    (pair,) = propose(somebody("a", "sedat", "brunnschmidt", HOME), other).pairs
    assert (pair.one, pair.two, pair.reason) == ("a", "b", words)
    assert pair.score == pytest.approx(score, abs=0.01)


@pytest.mark.parametrize(
    "other",
    [
        somebody("b", "sedat", "brunnschmidt", HOME),  # the rules' matter
        somebody("b", "sedat", "brunnschmidt", HOME._replace(number="92")),
        somebody("b", "sedat", "brunnschmidt", HOME._replace(zip="20758")),
        somebody("b", "sedat", "brunnschmidt", HOME._replace(street="lindenstr")),
        somebody("b", "sedat", "brunnschmidt", HOME._replace(country="AT", zip="20876")),
        somebody("b", "sibel", "brunnschmidt", HOME._replace(zip="20876")),  # a household
        somebody("b", "sedat", "yilmaz", HOME._replace(zip="20876")),
        somebody("b", "", "brunnschmidt", HOME._replace(zip="20876")),
        somebody("b", "sedat", "brunnschmidt"),
        Somebody("b", (), places=(HOME._replace(zip="20876"),)),
    ],
)
def test_what_is_no_reason(other: Somebody) -> None:
    assert propose(somebody("a", "sedat", "brunnschmidt", HOME), other).pairs == []


def test_streets_of_few_letters_are_not_nearly_the_same() -> None:
    one, two = HOME._replace(street="amt"), HOME._replace(street="ast")
    assert propose(somebody("a", "eva", "lang", one), somebody("b", "eva", "lang", two)).pairs == []


def test_a_telling_mailbox_name_at_another_provider() -> None:
    one = somebody("a", emails=("sedat1984@gmx.de",))
    (pair,) = propose(one, somebody("b", emails=("sedat1984@web.de",))).pairs
    assert pair.reason == "the same name, and the same mailbox name at another provider"
    for emails in (("sedat@web.de",), ("sedat1985@web.de",), ("sedat1984@gmx.de", "sedat1984@web.de")):
        assert propose(one, somebody("b", emails=emails)).pairs == []
    plain = somebody("a", emails=("sedat.brunnschmidt@gmx.de",))
    assert propose(plain, somebody("b", emails=("sedat.brunnschmidt@web.de",))).pairs == [], "many are called so"


def test_no_value_of_anybody_stands_in_a_reason() -> None:
    pairs = propose(
        somebody("a", "sedat", "brunnschmidt", HOME, emails=("sedat1984@gmx.de",)),
        somebody("b", "sedat", "brunnschmidt", HOME._replace(zip="20876")),
        somebody("c", emails=("sedat1984@web.de",)),
    ).pairs
    assert len(pairs) == 2
    for word in ("sedat", "brunn", "rosen", "2087", "1984"):
        assert not [pair for pair in pairs if word in pair.reason]


# -- whoever came first --------------------------------------------------------------------------------------------

parts = st.sampled_from(["anna", "anne", "hanna", "berg", "bergh", "burg", "li"])
places = st.builds(
    Place,
    st.sampled_from(["DE", "AT"]),
    st.sampled_from(["20875", "20857", "20876"]),
    st.sampled_from(["rosenstr", "rosnstr", "rosestr"]),
    st.sampled_from(["1", "2"]),
)
values = st.builds(
    lambda names, at, mails: Somebody("", tuple(sorted(names)), emails=tuple(sorted(mails)), places=tuple(sorted(at))),
    st.sets(st.tuples(parts, parts), max_size=3),
    st.sets(places, max_size=3),
    st.sets(st.sampled_from(["anna11@a.de", "anna11@b.de", "berg@a.de"]), max_size=2),
)
crowds = st.lists(values, min_size=2, max_size=12).map(
    lambda many: [one._replace(id=f"{n:02}") for n, one in enumerate(many)]
)


@given(crowds, st.randoms(use_true_random=False))
def test_no_order_changes_what_is_proposed(people: list[Somebody], chance: random.Random) -> None:
    first = klientela_fuzzy.klientela_proposals(people)
    chance.shuffle(people)
    assert klientela_fuzzy.klientela_proposals(people) == first


@given(crowds)
def test_a_proposal_is_of_two_and_holds_both_ways(people: list[Somebody]) -> None:
    by_id = {one.id: one for one in people}
    made = klientela_fuzzy.klientela_proposals(people)
    assert len({(pair.one, pair.two) for pair in made.pairs}) == len(made.pairs)
    for pair in made.pairs:
        assert pair.one < pair.two
        assert 0 < pair.score < 1
        assert alike(by_id[pair.one], by_id[pair.two]) == alike(by_id[pair.two], by_id[pair.one])
        assert not set(by_id[pair.one].places) & set(by_id[pair.two].places) or "mailbox" in pair.reason


@given(crowds)
def test_whoever_is_alike_is_compared(people: list[Somebody]) -> None:
    """Blocks lose nobody who has a ZIP, or house and name, or a telling mailbox in common, which is what it takes."""
    compared = {(one.id, two.id) for one, two in Blocks(people).pairs()}
    for one in people:
        for two in people:
            same_zip = {(p.country, p.zip) for p in one.places} & {(p.country, p.zip) for p in two.places}
            if one.id < two.id and same_zip and alike(one, two) is not None:
                assert (one.id, two.id) in compared


# -- never everybody with everybody ------------------------------------------------------------------------------------


def crowd(many: int) -> list[Somebody]:
    return [
        Somebody(f"{n:05}", ((f"f{n % 97}", f"name{n:05}"),), places=(Place("DE", "20875", f"street{n}", str(n)),))
        for n in range(many)
    ]


def test_a_large_block_is_compared_with_neighbours_and_that_is_said() -> None:
    many = 2_000
    people = crowd(many)
    blocks = Blocks(people)
    assert len(list(blocks.pairs())) <= 3 * many * NEXT
    assert blocks.large == 1
    twin = Somebody("99999", people[777].names, places=(people[777].places[0]._replace(street="stret777"),))
    made = klientela_fuzzy.klientela_proposals([*people, twin])
    assert [(pair.one, pair.two) for pair in made.pairs] == [("00777", "99999")], "neighbours by name find each other"
    (remark,) = made.remarks
    assert remark.startswith(f"groups of more than {LARGE} customers")
    assert remark.endswith(": 1")


def test_a_small_block_is_compared_whole_and_nothing_is_said() -> None:
    blocks = Blocks(crowd(LARGE))
    assert len(list(blocks.pairs())) == LARGE * (LARGE - 1) // 2
    assert blocks.large == 0
    assert klientela_fuzzy.klientela_proposals(crowd(LARGE)).remarks == []
