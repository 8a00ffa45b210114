"""Cases on the pure function: records, claims and decisions as values (T07, T20, T22, T31, T32, T34, T35, T70, T78)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import permutations

from klientela.kit import Address, Consent, Number, Order, Origin, Person
from klientela.rules.publish import NEVER, Canon, Published
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.rules.whole import Customer, Decided, RecordKey, Said, World, difference, whole
from klientela.store import ids
from tests.cases.seen import account, at, contact, guest, guest_order, order

public_id = partial(ids.public_id, key=b"an instance")


def say(source: str, *facts: Person | Order, channel: str = "all", version: int | None = 1) -> list[Said]:
    """Claims of one channel."""
    return [
        Said(source, f.entity if isinstance(f, Person) else "order", f.external_id, channel, version, 1, f)
        for f in facts
    ]


def resolve(claims: list[Said], ruleset: Ruleset, *decisions: Decided) -> World:
    """The world; and whatever the claims' order, the same one."""
    world = whole(claims, decisions, ruleset, public_id)
    assert whole(claims[::-1], decisions, ruleset, public_id) == world
    return world


def people(world: World) -> set[frozenset[str]]:
    """Who is one row."""
    return {frozenset(f"{source}/{ext}" for source, _, ext in one.members) for one in world.customers}


def rules(**sources: object) -> Ruleset:
    """A ruleset with these sources."""
    return Ruleset(sources={n: r if isinstance(r, SourceRules) else SourceRules(guests=r) for n, r in sources.items()})  # type: ignore[arg-type]


def person(ext: str, source: str = "SH") -> RecordKey:
    """The key of a customer record."""
    return (source, "customer", ext)


# -- T07 -----------------------------------------------------------------------------------------------------------------


def test_T07_a_change_of_policy_is_a_difference_and_comes_back() -> None:
    claims = say("S", guest_order("1", "g@x.de", first_name="Gisa"), guest_order("2", "g@x.de", first_name="Gisa"))
    two, one = rules(S="per_order"), rules(S="merge")
    before, after = resolve(claims, two), resolve(claims, one)
    assert (len(before.customers), len(after.customers)) == (2, 1)
    told = difference(before, after)
    assert told.split == []
    assert told.joined == [(tuple(c.public for c in before.customers), after.customers[0].public)]
    assert resolve(claims, two) == before, "the same two ids again"


# -- T20, T78: one order, two carriers -----------------------------------------------------------------------------------


RELAY = "k7@marketplace.amazon.de"


def _carried(sh_guest: bool = False) -> list[Said]:
    placed = at("2026-03-01 12:00")
    mine = order("5001", 4000, number="#1001", placed_at=placed, guest=sh_guest)
    if sh_guest:
        mine = order("5001", 4000, number="#1001", placed_at=placed, guest=True, email="g@x.de", first_name="Gisa")
    else:
        mine.customer = "7"
    theirs = order("900", 3990, placed_at=placed + 60_000_000, customer="31", number="1001")
    theirs.origin = Origin(platform="Shopify", shop="BB-Shop-1", id="5001", name="1001")
    claims = [*say("SH", mine), *say("BB", theirs, contact("31", "Maxi", "Muster", email=RELAY, phone="030 998877"))]
    return claims if sh_guest else claims + say("SH", account("7", "Max", "Muster", email="max@x.de"))


def _mapped(guests: str = "merge", same_as: bool = True) -> Ruleset:
    mapping = {"BB-Shop-1": "SH"} if same_as else {}
    return rules(SH=SourceRules(guests=guests, priority=10), BB=SourceRules(same_as=mapping))  # type: ignore[arg-type]


def test_T20_one_order_with_two_carriers_is_counted_once() -> None:
    for claims in permutations(_carried()):
        world = whole(claims, (), _mapped(), public_id)
        (one,) = world.orders.values()
        assert (one.key, one.carriers) == (("SH", "order", "5001"), (("SH", "order", "5001"), ("BB", "order", "900")))
        (row,) = world.customers
        assert (row.sources, row.totals.orders, row.totals.ltv) == (("BB", "SH"), 1, {"EUR": 4000})
        assert row.email == "max@x.de", "a relay address is never the primary one"
        assert {rule for *_, rule in world.edges} == {"same_order"}
        assert world.unmatched == set()


def test_T20_by_number_and_time_where_the_id_is_unknown() -> None:
    claims = _carried()
    theirs = next(said.fact for said in claims if said.key == ("BB", "order", "900"))
    assert isinstance(theirs, Order)
    theirs.origin = Origin(platform="Shopify", shop="BB-Shop-1", name="1001")
    assert len(resolve(claims, _mapped()).orders) == 1
    theirs.placed_at = at("2026-03-04 12:00")
    assert len(resolve(claims, _mapped()).orders) == 2, "a number of three days later is another order"


def test_T20_without_the_mapping_two_orders_and_a_line_for_doctor() -> None:
    world = resolve(_carried(), _mapped(same_as=False))
    assert len(world.orders) == 2
    assert world.unmatched == {("BB", "order", "900")}
    assert people(world) == {frozenset(("SH/7",)), frozenset(("BB/31",))}


def test_T20_a_test_for_one_carrier_is_a_test() -> None:
    claims = _carried()
    theirs = next(said.fact for said in claims if said.key == ("BB", "order", "900"))
    assert isinstance(theirs, Order)
    theirs.test = True
    (one,) = resolve(claims, _mapped()).orders.values()
    assert (one.settled.test, one.settled.why_not, one.settled.gross) == (True, "test", 4000)


def test_T78_a_guest_order_through_billbee_is_one_guest_row() -> None:
    for claims in permutations(_carried(sh_guest=True)):
        world = whole(claims, (), _mapped("per_order"), public_id)
        assert len(world.orders) == 1
        (row,) = world.customers
        assert (row.members, row.status) == ((("SH", "guest_order", "5001"),), "guest")
        assert world.persons["BB", "customer", "31"].published == Published("maxi|muster", (), False, False)


def test_T78_another_order_of_the_buyer_shows_him_again() -> None:
    claims = _carried(sh_guest=True) + say("BB", order("901", 500, customer="31"))
    world = resolve(claims, _mapped("per_order"))
    assert people(world) == {frozenset(("SH/5001",)), frozenset(("BB/31",))}
    assert world.customer_of(person("31", "BB")).totals.orders == 1


def test_R29b_credit_notes_and_cancellations_speak_of_another_order() -> None:
    claims = say("BB", contact("31", "Max", "Muster"), order("1", 5000, customer="31"), order("2", 900, customer="31"))
    claims += say("BB", order("3", -2000, customer="31", credits="1"), order("4", 900, customer="31", cancels="2"))
    claims += say("BB", order("5", -10, customer="31", credits="404"))
    world = resolve(claims, rules(BB="merge"))
    assert {key[2]: one.settled.why_not for key, one in world.orders.items()} == {
        "1": None,
        "2": "cancelled",
        "3": "credit note",
        "4": "cancelled",
        "5": "credit note",
    }
    (row,) = world.customers
    assert (row.totals.ltv, row.totals.gross, row.totals.gross_orders) == ({"EUR": 3000}, {"EUR": 5900}, 2)
    assert world.unmatched == {("BB", "order", "5")}


# -- T22 -----------------------------------------------------------------------------------------------------------------


def test_T22_two_sources_number_their_customers_alike() -> None:
    meier = contact("1", "Max", "Meier", numbers=[Number("1")])
    schulz = account("1", "Sina", "Schulz", numbers=[Number("1")])
    assert len(resolve(say("BB", meier) + say("SH", schulz), rules()).customers) == 2
    same = [Number("1", "club")]
    claims = say("BB", contact("1", "Max", "Meier", numbers=same)) + say(
        "SH", account("1", "Sina", "Schulz", numbers=same)
    )
    assert len(resolve(claims, rules()).customers) == 1, "one namespace: numbers ask no name guard"


# -- T31, T32, T34, T35: splits ------------------------------------------------------------------------------------------


def _split(world: World, named: list[RecordKey]) -> list[Decided]:
    """What `split --record` decides (R24b): must among the named, cannot between each and the anchor of the rest."""
    whole_ = world.customer_of(named[0]).members
    rest = [key for key in whole_ if key not in named]
    musts = [Decided("must", named[0], key) for key in named[1:]]
    return musts + [Decided("cannot", key, rest[0]) for key in named]


def _ab() -> list[Said]:
    a = account("A", "Max", "Muster", email="max@x.de", created_at=at("2026-01-01 12:00"))
    a.consents = [Consent(channel="email", purpose="promotion", state="granted", at=at("2026-01-01 12:00"))]
    b = contact("B", "Max", "Muster", email="max@x.de", created_at=at("2026-02-01 12:00"))
    b.consents = [Consent(channel="email", purpose="promotion", state="denied", at=at("2026-03-01 12:00"))]
    return say("SH", a, order("1", customer="A")) + say("CSV", b)


def test_T31_a_split_holds_and_gives_each_its_own_back() -> None:
    joined = resolve(_ab(), rules())
    (one,) = joined.customers
    assert one.public == public_id("SH", "customer", "A")
    decided = _split(joined, [person("B", "CSV")])
    world = resolve(_ab(), rules(), *decided)
    a, b = world.customer_of(person("A")), world.customer_of(person("B", "CSV"))
    assert (a.public, b.public) == (public_id("SH", "customer", "A"), public_id("CSV", "customer", "B"))
    assert (a.orders, b.orders) == ((("SH", "order", "1"),), ())
    assert (_promotion(a), _promotion(b), _promotion(one)) == ("granted", "denied", "denied")
    assert world.apart == {(person("A"), person("B", "CSV"), "decision")}
    assert resolve(_ab(), rules()) == joined, "an undo leaves nothing behind"


def _promotion(one: Customer) -> str:
    return one.consents["email"]["promotion"]


def test_T31_the_newest_decision_on_a_pair_wins() -> None:
    pair = (person("A"), person("B", "CSV"))
    both = [Decided("cannot", *pair), Decided("must", *pair[::-1])]
    assert len(resolve(_ab(), rules(), *both).customers) == 1
    assert len(resolve(_ab(), rules(), *both[::-1]).customers) == 2


def test_T32_orders_that_come_after_the_join_stay_with_their_record() -> None:
    new = [order(str(n), customer="B") for n in (11, 12, 13)]
    claims = _ab() + say("CSV", *new)
    joined = resolve(claims, rules())
    assert joined.customers[0].totals.orders == 4
    world = resolve(claims, rules(), *_split(joined, [person("B", "CSV")]))
    assert world.customer_of(person("A")).totals.orders == 1
    assert world.customer_of(person("B", "CSV")).orders == tuple(("CSV", "order", str(n)) for n in (11, 12, 13))


def test_T34_a_retired_id_leads_to_the_survivor_and_lives_again() -> None:
    retired = public_id("CSV", "customer", "B")
    joined = resolve(_ab(), rules())
    (survivor,) = joined.customers
    assert _behind(joined, retired) == survivor, "any id of any member resolves (R23)"
    world = resolve(_ab(), rules(), *_split(joined, [person("B", "CSV")]))
    assert _behind(world, retired).public == retired


def _behind(world: World, public: bytes) -> Customer:
    return next(one for one in world.customers if any(public_id(*key) == public for key in one.members))


def _chain(first: str) -> list[Said]:
    """A oldest … D youngest; A-B, B-C, C-D share an e-mail each, or A-B a phone where `first` says so."""
    mails = {"A": ["ab@x.de"], "B": ["ab@x.de", "bc@x.de"], "C": ["bc@x.de", "cd@x.de"], "D": ["cd@x.de"]}
    made = []
    for month, (ext, own) in enumerate(mails.items(), 1):
        if first == "phone":
            own = [mail for mail in own if mail != "ab@x.de"]
        one = contact(ext, "Max", "Muster", email=own[0] if own else None, emails=own[1:])
        one.created_at = at(f"2026-0{month}-01 12:00")
        if first == "phone" and ext in "AB":
            one.phone = "030 998877"
        made.append(one)
    return say("CSV", *made)


def test_T35_what_remains_of_a_chain_falls_as_the_edges_say() -> None:
    joined = resolve(_chain("email"), rules())
    assert len(joined.customers) == 1
    decided = _split(joined, [person("C", "CSV")])
    world = resolve(_chain("email"), rules(), *decided)
    assert people(world) == {frozenset(("CSV/A", "CSV/B")), frozenset(("CSV/C", "CSV/D"))}
    assert {one.public for one in world.customers} == {public_id("CSV", "customer", ext) for ext in "AC"}

    joined = resolve(_chain("phone"), rules())
    world = resolve(_chain("phone"), rules(), *_split(joined, [person("C", "CSV")]))
    assert people(world) == {frozenset(("CSV/A",)), frozenset(("CSV/B", "CSV/C", "CSV/D"))}, "an e-mail binds more"


# -- T70 -----------------------------------------------------------------------------------------------------------------


def test_T70_a_consent_webhook_wipes_nothing() -> None:
    home = Address(street="Lindenstr. 5", zip="10969", city="Berlin", country="DE")
    granted = [Consent(channel="email", purpose="promotion", state="granted", at=5)]
    full = say("SH", account("1", "Max", "Muster", company="ACME", addresses=[home], consents=granted), version=5)
    partial_ = Person(external_id="1", consents=[Consent(channel="email", purpose="promotion", state="denied", at=6)])
    hook = say("SH", partial_, channel="hook", version=6)
    (row,) = resolve(full + hook, rules()).customers
    assert (row.first_name, row.last_name, row.city, row.company) == ("Max", "Muster", "Berlin", "ACME")
    assert _promotion(row) == "denied"
    cleared = say("SH", Person(external_id="1", company=None), channel="hook", version=7)
    (row,) = resolve(full + cleared, rules()).customers
    assert (row.first_name, row.company) == ("Max", None), "what is cleared at the source disappears"


def test_T70_channels_without_version_come_after_those_with_one() -> None:
    own = say("CSV", contact("1", "Max", "Muster", company="File"), version=None)
    hook = say("CSV", contact("1", "Maxi"), channel="hook", version=1)
    (row,) = resolve(own + hook, rules()).customers
    assert (row.first_name, row.last_name, row.company) == ("Maxi", "Muster", "File")
    first, second = (
        say("CSV", contact("1", "Max", None, company=name), channel=f"import:{n}", version=None)
        for n, name in ((1, "First"), (2, "Second"))
    )
    (row,) = resolve(first + second, rules()).customers
    assert row.company == "Second", "the later import (R0b)"


# -- what the function promises of ids and of strange worlds ---------------------------------------------------------------


def test_the_smallest_creation_time_of_any_claim_makes_a_record_old() -> None:
    claims = say("SH", account("1", "Max", created_at=50), version=5)
    claims += say("SH", Person(external_id="1", created_at=7), channel="hook", version=4)
    world = resolve(claims + say("SH", account("2", "Max", created_at=9)), rules())
    assert world.persons[person("1")].canon == Canon(7, *person("1"))
    assert resolve(say("SH", account("3", "Max")), rules()).persons[person("3")].canon.created == NEVER


def test_accounts_that_an_operator_joins_through_a_third_are_one() -> None:
    accounts = say("SH", account("1", "Max", "Muster"), account("2", "Moni", "Muster"))
    claims = accounts + say("CSV", contact("7", "Mo", "M"))
    decided = [Decided("must", person("1"), person("7", "CSV")), Decided("must", person("7", "CSV"), person("2"))]
    world = resolve(claims, rules(), *decided)
    assert (len(world.customers), world.apart) == (1, set())


def test_an_upstream_merge_joins_without_a_guard() -> None:
    gone = replace_person(guest("1", "Anna", "Adam"), merged_into="2")
    world = resolve(say("SH", gone, account("2", "Zoe", "Zorn")), rules())
    assert people(world) == {frozenset(("SH/1", "SH/2"))}
    assert [rule for *_, rule in world.edges] == ["upstream"]


def replace_person(one: Person, **changes: object) -> Person:
    """A person with other values."""
    for name, value in changes.items():
        setattr(one, name, value)
    return one


def test_a_value_of_the_ruleset_that_is_the_same_is_the_same_ruleset() -> None:
    ruleset = rules(SH=SourceRules(same_as={"b": "x", "a": "y"}))
    turned = rules(SH=SourceRules(same_as={"a": "y", "b": "x"}))
    assert Ruleset.parse(ruleset.canonical()) == turned
    assert ruleset.digest == turned.digest
    assert replace(ruleset, currency="CHF").digest != ruleset.digest
