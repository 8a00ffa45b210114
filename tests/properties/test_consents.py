"""R45 out of the rule's own words: what stands of a purpose on a channel, however records come together and part."""

from __future__ import annotations

from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from klientela.kit import Consent, Person
from klientela.rules import precedence
from klientela.rules.objections import mark_of
from klientela.rules.precedence import Member, Summary, merge, summary
from klientela.rules.publish import Canon
from klientela.rules.ruleset import Ruleset

EVENTS = st.builds(
    Consent,
    channel=st.sampled_from(("email", "email", "email", "sms")),
    purpose=st.sampled_from(("promotion", "promotion", "promotion", "system")),
    state=st.sampled_from(("granted", "denied")),
    at=st.one_of(st.none(), st.integers(0, 3)),
    basis=st.sampled_from(("shop", "import", "operator", "bulk")),
    evidence=st.sampled_from((None, " ", "a signed form")),
)
LEDGERS = st.lists(st.lists(EVENTS, max_size=4), min_size=1, max_size=4)
"""The events of some records."""
Slot = tuple[str, str]
always = settings(max_examples=300, derandomize=True, deadline=None, database=None)
"""The same worlds each time: seeded faults must be found for certain."""


def stands(ledgers: list[list[Consent]], slot: Slot) -> str:
    """The rule: the newest explicit event; an equal or a missing time counts for the denial; and no import, no bulk update
    and no operator without evidence lifts an objection."""
    events = [one for ledger in ledgers for one in ledger if (one.channel, one.purpose) == slot]
    objections = [one for one in events if one.state == "denied"]
    grants = [one for one in events if one.state == "granted"]
    if not objections:
        return "granted" if grants else "unknown"
    for grant in grants:
        own = grant.basis == "shop" or (grant.basis == "operator" and (grant.evidence or "").strip() != "")
        later = all(grant.at is not None and one.at is not None and one.at < grant.at for one in objections)
        if own and later:
            return "granted"
    return "denied"


def profiles(ledgers: list[list[Consent]]) -> list[Summary]:
    """A profile for each record by itself."""
    return [
        summary(
            Member(Canon(0, "alfa", "customer", str(n)), None, Person(external_id=str(n), consents=ledger)), Ruleset()
        )
        for n, ledger in enumerate(ledgers)
    ]


def said(made: Summary, slot: Slot) -> str:
    return precedence.consent_states(made).get(slot[0], {}).get(slot[1], "unknown")


SLOTS: list[Slot] = [(channel, purpose) for channel in ("email", "sms") for purpose in ("promotion", "system")]


@always
@given(LEDGERS, st.randoms(use_true_random=False))
def test_a_profile_says_what_the_rule_says_in_whatever_order_records_join(
    ledgers: list[list[Consent]], by: object
) -> None:
    mixed = profiles([by.sample(ledger, len(ledger)) for ledger in ledgers])  # type: ignore[attr-defined]
    by.shuffle(mixed)  # type: ignore[attr-defined]
    joined = reduce(merge, mixed)
    assert {slot: said(joined, slot) for slot in SLOTS} == {slot: stands(ledgers, slot) for slot in SLOTS}


@always
@given(LEDGERS)
def test_each_record_has_its_own_back_after_a_split(ledgers: list[list[Consent]]) -> None:
    for ledger, made in zip(ledgers, profiles(ledgers), strict=True):
        assert {slot: said(made, slot) for slot in SLOTS} == {slot: stands([ledger], slot) for slot in SLOTS}


@always
@given(LEDGERS, EVENTS.filter(lambda one: one.state == "granted" and one.basis in ("import", "bulk")))
def test_no_import_and_no_bulk_update_lifts_an_objection(ledgers: list[list[Consent]], grant: Consent) -> None:
    slot = (grant.channel, grant.purpose)
    before = said(reduce(merge, profiles(ledgers)), slot)
    for more in ([*ledgers, [grant]], [[*ledgers[0], grant], *ledgers[1:]]):
        after = said(reduce(merge, profiles(more)), slot)
        assert after == ("denied" if before == "denied" else "granted")


@always
@given(LEDGERS, LEDGERS)
def test_joining_grants_nobody_who_objected_by_a_later_word(one: list[list[Consent]], two: list[list[Consent]]) -> None:
    """Where both sides object they still do, unless one of them lifts the other's objection by a later word."""
    a, b = reduce(merge, profiles(one)), reduce(merge, profiles(two))
    for slot in SLOTS:
        if said(a, slot) == said(b, slot):
            assert said(merge(a, b), slot) == said(a, slot)
        if said(a, slot) == "denied" and said(b, slot) == "unknown":
            assert said(merge(a, b), slot) == "denied"


@always
@given(LEDGERS, st.sampled_from((None, "a signed form")), st.booleans())
def test_a_grant_that_names_the_objections_without_a_time_lifts_them_with_evidence_alone(
    ledgers: list[list[Consent]], evidence: str | None, elsewhere: bool
) -> None:
    slot: Slot = ("email", "promotion")
    said_no = [
        [one for one in ledger if (one.channel, one.purpose, one.state, one.at) == (*slot, "denied", None)]
        for ledger in ledgers
    ]
    answers = [
        Consent(channel="email", purpose="promotion", state="granted", at=9, basis="operator", evidence=evidence,
                lifts=tuple(map(mark_of, stood)))
        for stood in said_no
    ]  # fmt: skip
    answered = [[*ledger, answer] for ledger, answer in zip(ledgers, answers, strict=True)]
    if elsewhere:  # at another record it answers nothing
        answered = [*ledgers, answers]
    after = said(reduce(merge, profiles(answered)), slot)
    assert (after == "granted") is (
        stands([*ledgers, answers], slot) == "granted" or (evidence is not None and not elsewhere)
    )
