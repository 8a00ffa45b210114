"""Seeded faults: each breaks one rule or one step of the journey on purpose, and the suite must notice.

A fault in the journey is found by the property, for the function that says the state knows nothing of the journey. A
fault in a pure rule lies in both, so there the cases and the tests of the rules must find it.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from klientela.flow import (
    aside,
    audit,
    buyers,
    card,
    carry,
    correct,
    derive,
    edits,
    figures,
    hands,
    hang,
    oppose,
    placing,
    project,
    resolve,
    rules,
    stage,
    tally,
    values,
    withdraw,
    work,
)
from klientela.flow.resolve import Resolver
from klientela.rules import carriers, hand, identity, keys, names, orderhand, precedence, publish, rights
from klientela.store import changes, claims, facts, handclaims, provenance
from klientela.store import identity as realm
from tests.cases import test_consents as consent_cases
from tests.cases import test_edits as edit_cases
from tests.cases import test_guests as guest_cases
from tests.cases import test_hand as hand_cases
from tests.cases import test_inactive as inactive_cases
from tests.cases import test_matching as matching_cases
from tests.cases import test_pure as pure_cases
from tests.properties import test_consents as consent_rules
from tests.properties import test_rules as rule_tests
from tests.properties.arena import Fresh, sqlite_arena
from tests.properties.journeys import JOURNEYS
from tests.properties.test_order_independence import hold
from tests.properties.worlds import BY_HAND, CROWDS, LETTERS, TWINS, Focus, Plan, plans
from tests.store import test_correct as correct_tests
from tests.store import test_hands as hands_tests
from tests.store import test_orders_by_hand as order_tests
from tests.store import test_remarks as remark_tests
from tests.store import test_things as thing_tests
from tests.store import test_withdraw as withdraw_tests

Check = Callable[[Fresh], None]


def by_property(focus: Focus, worlds: int = 60) -> Check:
    """The property on worlds of one kind; it stops at the first that does not hold. They are nearly always the same ones:
    Hypothesis takes some values from whatever modules are loaded, so a fault that few of them notice needs a journey."""

    def check(fresh: Fresh) -> None:
        @settings(
            max_examples=worlds,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(plans(7, (focus,)))
        def run(plan: Plan) -> None:
            hold(fresh, plan)

        run()

    return check


IN_CROWDS, IN_TWINS, IN_LETTERS, BY_HANDS = map(by_property, (CROWDS, TWINS, LETTERS, BY_HAND))


def by_journey(name: str) -> Check:
    """The property on one journey."""
    return lambda fresh: hold(fresh, JOURNEYS[name])


def by_cases(*cases: Callable[..., None]) -> Check:
    """Some cases, each on a store of its own where it asks for one."""

    def check(fresh: Fresh) -> None:
        for case in cases:
            if "store" in inspect.signature(case).parameters:
                case(fresh())
            else:
                case()

    return check


class Mutant(NamedTuple):
    """One line of one function written another way; `old` must be in its source exactly once."""

    name: str
    owner: Any
    function: str
    old: str
    new: str
    caught: Check


MUTANTS = [
    # rules
    Mutant(
        "no name guard",
        names, "compatible",
        "if one == two:", "if True:",
        by_cases(matching_cases.test_T24_a_household_shares_and_stays_two),
    ),
    Mutant(
        "a guard that takes sides",
        names, "compatible",
        "or _pair(first_b, last_b, last_a, first_a)", "",
        by_cases(rule_tests.test_the_guard_takes_no_side),
    ),
    Mutant(
        "a nameless record bridges two customers",
        identity, "_constrain",
        "if weak and ", "if False and ",
        by_cases(rule_tests.test_clusters_are_those_of_the_plain_rule),
    ),
    Mutant(
        "same-source accounts are joined",
        identity, "_conflicts",
        "if not _excused(one, two)", "if False",
        by_cases(matching_cases.test_T30_two_accounts_of_a_shop_stay_apart),
    ),
    Mutant(
        "an operator joins accounts in vain",
        identity, "_conflicts",
        "said.find(one.handle) != said.find(two.handle)", "True",
        by_cases(pure_cases.test_accounts_that_an_operator_joins_through_a_third_are_one),
    ),
    Mutant(
        "per_order publishes keys",
        publish, "publish",
        'if policy != "merge" and', 'if policy == "per_source" and',
        by_cases(guest_cases.test_T06_nothing_joins_a_per_order_guest),
    ),
    Mutant(
        "a relay address is a key",
        keys, "_relay_domain",
        "return ", "return False and ",
        by_cases(matching_cases.test_T27_a_relay_address_joins_nobody),
    ),
    Mutant(
        "numbers of all sources are one namespace",
        publish, "_keys",
        "item.space or uid", 'item.space or "all"',
        by_cases(matching_cases.test_T22_numbers_belong_to_their_namespace),
    ),
    # what came
    Mutant(
        "the newest to arrive wins",
        stage, "_older",
        "return standing is not None and mine < standing", "return False",
        IN_CROWDS,
    ),
    Mutant(
        "cleared is taken for absent",
        facts, "_told",
        "if value is not UNSET:", "if value is not UNSET and value is not None:",
        IN_CROWDS,
    ),
    Mutant(
        "channels tie by arrival",
        facts, "_told",
        ", c.rank, c.channel)", ")",
        IN_CROWDS,
    ),
    # who is who
    Mutant(
        "a limit counts records",
        Resolver, "_crowds",
        "len(names)", "len(realm.carriers.get(hash_, {}))",
        IN_CROWDS,
    ),
    Mutant(
        "limits are only crossed upwards",
        Resolver, "_crowds",
        "if over != (", "if over and not (",
        IN_CROWDS,
    ),
    Mutant(
        "cannot is ignored",
        Resolver, "_given",
        "cannots.append((one, two))", "pass",
        by_journey("an operator thinks better of it"),
    ),
    Mutant(
        "the oldest decision wins",
        Resolver, "_pairs",
        "ORDER BY id", "ORDER BY id DESC",
        by_journey("an operator thinks better of it"),
    ),
    Mutant(
        "canonical ties go by our own ids",
        values.Written, "public_of",
        "canon = min(held[h].canon for h in members)", "canon = held[min(members)].canon",
        IN_CROWDS,
    ),
    Mutant(
        "the winner leaves and its values stay",
        Resolver, "_recount",
        "if node.gone:", "if True:",
        IN_TWINS,
    ),
    Mutant(
        "any change is taken in without a look",
        resolve, "absorbs",
        "if whole.tags or whole.modules or whole.consents:\n        return False", "return True",
        by_journey("one of two twins takes a value back"),
    ),
    Mutant(
        "divided components are forgotten",
        realm.Realm, "comp_mates",
        "if not self.has_comps:", "if True:",
        by_journey("what held two accounts apart moves over"),
    ),
    Mutant(
        "records named by a decision share a node",
        Resolver, "_named_by_decisions",
        "if not self.realm.has_links or not records:", "if True:",
        IN_TWINS,
    ),
    Mutant(
        "a refreshed record is listed beside its customer",
        Resolver, "_reach",
        " and h not in nodes]", "]",
        by_journey("a record changes as another joins it"),
    ),
    # whose order, what it counts
    Mutant(
        "an old order is not taken off",
        tally.Tally, "take",
        "self.orders -= 1", "pass",
        by_journey("an order in the middle stops counting"),
    ),
    Mutant(
        "the last order is kept when it is taken off",
        tally.Tally, "take",
        "order.placed == self.last", "False",
        by_journey("the last of many orders stops counting"),
    ),
    Mutant(
        "an order that is taken off stays the first",
        tally.Tally, "take",
        "when <= self.second", "when < self.second",
        by_journey("the second of many orders stops counting"),
    ),
    Mutant(
        "an order that gross alone counts stays the first",
        tally.Tally, "take",
        "when <= self.gross_second", "False",
        by_journey("what gross alone counts goes again"),
    ),
    Mutant(
        "who joins brings no first order",
        tally.Tally, "join",
        "for when in (other.first, other.second)", "for when in ()",
        by_journey("somebody joins a customer who ordered"),
    ),
    Mutant(
        "an earlier order takes nobody's place on the short road",
        tally, "add_up",
        "(when, first) if when < first else (first, when)", "(first, when)",
        by_journey("orders arrive from the latest to the earliest"),
    ),
    Mutant(
        "a second order is one more, and the one before stays it",
        tally, "add_up",
        "ended_again.append(old_second)", "pass",
        by_journey("orders arrive later, and are earlier"),
    ),
    Mutant(
        "gross begins no earlier than ltv",
        tally, "add_up",
        "if one is not None or order.ltv is None:", "if one is not None:",
        by_journey("gross counts an order that was earlier"),
    ),
    Mutant(
        "what gross counts beyond ltv is counted twice",
        tally, "count_over",
        "(name, (first, second), -sign)", "(name, (first, second), sign)",
        by_journey("gross counts an order that was earlier"),
    ),
    Mutant(
        "a guest's row may become a repeat buyer",
        project.Projected, "_guest",
        "held.loaded.entity == facts.GUEST_ORDER", "False",
        by_journey("guests order"),
    ),
    Mutant(
        "what somebody bought before the mark still counts",
        aside.Aside, "turned",
        "now != self._was(owner, handle)", "False",
        by_journey("an inactive customer orders"),
    ),
    Mutant(
        "orders of nobody count as those of customers",
        aside.Aside, "moved",
        "not (after is not None and self.active.get(after, False))", "False",
        by_journey("an order of nobody grows"),
    ),
    Mutant(
        "orders that nobody owned stay aside when somebody takes them",
        aside.Aside, "_was",
        "if record in self.founded:\n        return False", "if record in self.founded:\n        return True",
        by_journey("the buyer comes after the order"),
    ),
    Mutant(
        "days are counted anew without those who bought first",
        figures, "_customers",
        "tally.count_tally(", "(lambda *_: None)(",
        by_journey("the shop's days begin elsewhere"),
    ),
    Mutant(
        "a buyer that an order left stays hidden",
        buyers.Owners, "_own",
        "touched.update((old_buyer, buyer))", "touched.add(buyer)",
        by_journey("a hidden buyer's only order finds another"),
    ),
    Mutant(
        "a guest row outlives its order",
        buyers.Owners, "run",
        "if item.id not in self.result.cases:", "if True:",
        by_journey("every customer object is an account from now on"),
    ),
    Mutant(
        "a registered account never takes its orders",
        buyers.Owners, "_with_orders_of",
        "if not buyers:", "if True:",
        by_journey("a guest becomes an account"),
    ),
    # orders that were placed here
    Mutant(
        "an order with a mark is like any other",
        carry._Carry, "_published",
        "here = order.placed_as or ", "here = ",
        by_journey("an order that was placed here comes back by its mark"),
    ),
    Mutant(
        "what a shop answered to an order is not heard",
        carry._Carry, "_carrier",
        "replace(item.fact, placed_as=key)", "item.fact",
        by_journey("a shop answers to an order that was placed here, and brings its own"),
    ),
    Mutant(
        "nobody looks again when a shop answers late",
        placing, "_look_again",
        "if ext is not None:", "if False:",
        by_journey("a shop brings its order before it answers to the one that was placed here"),
    ),
    # what hangs on customers
    Mutant(
        "a scan is of whom it names itself",
        hang._Hang, "_places",
        "if owner is not None:", "if False:",
        IN_LETTERS,
    ),
    Mutant(
        "a letter to another leaves its scans behind",
        hang._Hang, "_scans_of",
        "if not letters:", "if True:",
        by_cases(thing_tests.test_a_letter_to_another_takes_its_scans_along),
    ),
    Mutant(
        "the last scan is kept when it is taken off",
        hang._Hang, "_tell",
        "standing.get(customers[old.owner]) == old.at", "False",
        by_cases(thing_tests.test_a_scan_that_is_corrected),
    ),
    Mutant(
        "customers that join forget a scan",
        tally.Tally, "join",
        "self.see(other.scanned)", "pass",
        by_cases(thing_tests.test_joins_and_splits_move_the_last_scan),
    ),
    Mutant(
        "counting anew forgets scans",
        project.Projected, "_recount",
        "if things.any_things(db):", "if False:",
        IN_LETTERS,
    ),
    Mutant(
        "a letter before the guest's order is forgotten",
        derive, "_guests",
        "rows - hanging.owners(db, rows) if", "rows if",
        by_cases(thing_tests.test_a_letter_to_a_guest_who_has_not_ordered_yet),
    ),
    Mutant(
        "a source that comes later finds no letters",
        facts, "name_source",
        "WHERE r.more = 1 OR {names}", "WHERE 1 = 0 AND {names}",
        IN_LETTERS,
    ),
    # what is taken back
    Mutant(
        "only those who are somebody are worked off",
        work, "some",
        "sorted(facts.load(db, batch).items())]", "sorted(facts.load(db, batch).items()) if item.fact is not None]",
        by_journey("one of several that are alike is taken back"),
    ),
    Mutant(
        "who left is still tied to others",
        Resolver, "_is_somebody",
        " and record not in self.left", "",
        by_journey("a shop merges one into another that is taken back"),
    ),
    Mutant(
        "an order that left still counts",
        buyers.Owners, "_leave",
        "self.result.moved.append(Moved(number, owner, settled, None, None))", "pass",
        by_journey("what held two together is taken back"),
    ),
    Mutant(
        "a guest row outlives an order that left",
        buyers.Owners, "_leave",
        "self._nobody({one[1] for one in standing.values() if one[1] is not None} - owners)", "pass",
        by_journey("an order that made a guest's row is taken back"),
    ),
    Mutant(
        "who carried an order with one that left is forgotten",
        carry._Carry, "run",
        "for item in (*orders, *left)}", "for item in orders}",
        by_journey("whose order it is was told by a file"),
    ),
    Mutant(
        "a scan goes on by a letter that left",
        hang._Hang, "_places",
        " - reached.keys())", ")",
        by_journey("a letter that a file brought was scanned"),
    ),
    Mutant(
        "a cart that left stays",
        derive, "_checkouts",
        "step.db.delete(t.checkout, [(item.id,) for item in checkouts if item.fact is None])", "pass",
        by_journey("a cart that a file brought"),
    ),
    Mutant(
        "who came first speaks for all",
        claims, "_replace",
        "if number not in others:", "if True:",
        by_cases(withdraw_tests.test_another_channel_takes_its_place),
    ),
    Mutant(
        "what a file said beside others stays",
        claims, "withdraw",
        'db.run("UPDATE claim SET to_seq = ? WHERE channel = ? AND to_seq IS NULL", (step.seq, channel))', "pass",
        by_journey("what a shop says too stays, whoever came first"),
    ),
    Mutant(
        "a third channel is forgotten",
        claims, "_count_others",
        "THEN 1 ELSE 0 END", "THEN 0 ELSE 0 END",
        by_journey("what a shop says too stays, whoever came first"),
    ),
    # by hand
    Mutant(
        "what was taken back goes on",
        handclaims, "folded",
        "WHERE to_seq IS NULL AND kind IN", "WHERE kind IN",
        BY_HANDS,
    ),
    Mutant(
        "the oldest word of a field holds",
        handclaims, "folded",
        '"ORDER BY id"', '"ORDER BY id DESC"',
        BY_HANDS,
    ),
    Mutant(
        "a first word by hand is not looked for",
        hands, "renew",
        "int(number in several)", "0",
        BY_HANDS,
    ),
    Mutant(
        "an address by hand stands before the one it replaces",
        hand, "lay_over",
        "person.addresses[1:]", "person.addresses",
        by_journey("an operator corrects somebody's address"),
    ),
    Mutant(
        "a delivery address by hand stands beside the one it replaces",
        hand, "of_kind",
        "[*places[:first], said, *places[first + 1 :]]", "[*places, said]",
        by_journey("an operator gives somebody another delivery address"),
    ),
    Mutant(
        "a delivery address that is none by hand is the source's",
        hand, "of_kind",
        "if one.kind != kind]", "]",
        by_journey("an operator says that somebody has no delivery address"),
    ),
    Mutant(
        "a field that was cleared by hand is the source's",
        hand, "lay_over",
        "if said is not UNSET:\n            values[name] = said\n    if", "if said:\n            values[name] = said\n    if",
        BY_HANDS,
    ),
    Mutant(
        "a pin is an edit",
        hand, "fold",
        "if any(pinned.values()):", "if False:",
        by_cases(hand_cases.test_T38_a_pinned_phone_is_shown_and_the_shops_is_kept_beneath),
    ),
    Mutant(
        "an edit after a pin leaves it pinned",
        hand, "fold",
        "pinned[field] = kind == PIN", "pinned[field] = pinned.get(field, False) or kind == PIN",
        by_journey("an operator edits what was pinned"),
    ),
    Mutant(
        "a guest row forgets what operators said when its order comes again",
        buyers.Owners, "_guest_rows",
        "if number in hands:", "if False:",
        by_journey("a guest's order comes again after an operator spoke of its row"),
    ),
    Mutant(
        "a pin ranks like any value",
        precedence, "_pin",
        "return 0 if unit in pinned else 1", "return 1",
        by_cases(hands_tests.test_R27_a_pinned_value_stands_before_those_of_all_other_records),
    ),
    Mutant(
        "what a shop delivers may be edited",
        rights, "edit",
        "if shown is not None and not shown.editable:", "if False:",
        by_cases(hand_cases.test_T39_what_a_shop_delivers_is_locked_and_what_a_list_says_is_not),
    ),
    Mutant(
        "what is not refused of an edit is written",
        correct, "edit",
        "if refused:", "if refused and not made:",
        by_cases(hand_cases.test_T39_what_a_shop_delivers_is_locked_and_what_a_list_says_is_not),
    ),
    Mutant(
        "a row with another e-mail is written but for the e-mail",
        edits, "edit_of",
        "if not _own_email(person, card):", "if False:",
        by_cases(edit_cases.test_T40_a_record_with_another_email_is_refused_whole),
    ),
    Mutant(
        "an import leaves its edits behind",
        withdraw, "_take_edits_back",
        "hands.withdraw(step, [row[0] for row in rows])", "pass",
        by_cases(edit_cases.test_R50b_edits_leave_with_their_batch),
    ),
    Mutant(
        "nobody is told what changed meanwhile",
        card.Card, "unless_changed",
        'if line["seq"] > since and', "if False and",
        by_cases(correct_tests.test_R40b_of_two_who_save_the_later_is_told),
    ),
    Mutant(
        "a pin shows itself beneath",
        provenance._Beneath, "_edited",
        "and word.kind == hand.EDIT", "",
        by_cases(hand_cases.test_T38_a_pinned_phone_is_shown_and_the_shops_is_kept_beneath),
    ),
    Mutant(
        "the history forgets what was taken back",
        changes._Past, "by_operators",
        "for seq in (word.since, word.until):", "for seq in (word.since,):",
        by_cases(remark_tests.test_R39_an_edit_tells_what_stood_before_also_where_the_source_changed_meanwhile),
    ),
    # orders by hand
    Mutant(
        "an order says what its source says, whatever operators said",
        orderhand, "lay_over",
        "if word is not UNSET:\n            values[name]", "if word is UNSET:\n            values[name]",
        by_cases(order_tests.test_R38_the_state_of_a_listed_order_is_edited_survives_the_next_sync_and_is_undone),
    ),
    Mutant(
        "a pin holds only while its carrier counts first",
        carriers, "told",
        "if pinning:", "if False:",
        by_cases(order_tests.test_R27_what_was_pinned_on_a_list_stands_when_the_shop_tells_of_the_order_later),
    ),
    Mutant(
        "a paper cancels what an operator pinned",
        carriers, "correct",
        ' and not orderhand.pins(target, "state")', "",
        by_cases(order_tests.test_R0b_a_pinned_state_stands_before_a_paper_that_cancels_and_an_edit_behind_it),
    ),
    # what operators say
    Mutant(
        "a customer is inactive only if all its records are",
        precedence, "merge",
        "inactive=one.inactive or two.inactive", "inactive=one.inactive and two.inactive",
        by_journey("somebody joins an inactive customer"),
    ),
    Mutant(
        "who is marked inactive stays a buyer",
        project.Projected, "_count_tallies",
        "if not key[tally.MARKED]:", "if True:",
        by_journey("a customer is marked, and one of the orders changes"),
    ),
    Mutant(
        "who was inactive is taken off the buyers",
        project.Projected, "_count_tallies",
        " and not old[tally.MARKED]", "",
        by_journey("a customer is marked, and one of the orders changes"),
    ),
    Mutant(
        "what the inactive buy counts on the short road",
        tally, "add_up",
        "if not inactive:\n            all_ltv", "if True:\n            all_ltv",
        by_journey("an inactive customer orders"),
    ),
    Mutant(
        "the inactive become repeat buyers on the short road",
        tally, "add_up",
        "if not inactive:\n            if orders", "if True:\n            if orders",
        by_journey("an inactive customer orders"),
    ),
    Mutant(
        "the figures do not know who is inactive",
        project.Projected, "_list",
        "row[FACET], row[INACTIVE],", "row[FACET], 0,",
        by_journey("an inactive customer orders"),
    ),
    Mutant(
        "a mark that one of several alike had stays on all",
        resolve, "absorbs",
        "(whole.inactive and not one.inactive)", "False",
        by_cases(inactive_cases.test_a_node_takes_no_word_in_that_takes_a_mark_off),
    ),
    Mutant(
        "a mark is never taken off",
        hand, "fold",
        "inactive = kind == INACTIVE", "inactive = True",
        by_journey("a customer is marked, and one of the orders changes"),
    ),
    Mutant(
        "the answers of the inactive are counted",
        project.Projected, "_count_rows",
        " and not row[INACTIVE]:", ":",
        by_journey("somebody joins an inactive customer"),
    ),
    Mutant(
        "what a customer answered before is not taken off the figures",
        project.Projected, "_count_rows",
        'self._figure("consents", part, sign)', 'self._figure("consents", part, max(sign, 0))',
        by_journey("an objection is taken back"),
    ),
    Mutant(
        "an objection is found after it was taken back",
        oppose, "oppose",
        "sorted(stood - now)", "[]",
        by_journey("an objection is taken back"),
    ),
    Mutant(
        "a grant of the same time lifts an objection",
        precedence, "consent_states",
        "granted > denied", "granted >= denied",
        by_cases(consent_rules.test_a_profile_says_what_the_rule_says_in_whatever_order_records_join),
    ),
    Mutant(
        "a denial without a time is an old one",
        precedence, "_consents",
        "event.at if event.at is not None else NEVER", "event.at if event.at is not None else -NEVER",
        by_cases(consent_rules.test_a_profile_says_what_the_rule_says_in_whatever_order_records_join),
    ),
    Mutant(
        "a bulk update lifts objections",
        precedence, "explicit",
        'return event.basis == "shop"', 'return event.basis != "import"',
        by_cases(consent_cases.test_a_bulk_update_grants_the_silent_and_lifts_no_objection),
    ),
    Mutant(
        "an import lifts objections",
        precedence, "explicit",
        'return event.basis == "shop"', 'return event.basis != "bulk"',
        by_cases(consent_cases.test_T45_an_objection_outlives_an_import_with_auto_subscribe),
    ),
    Mutant(
        "an operator needs no evidence",
        precedence, "explicit",
        "return bool(event.evidence and event.evidence.strip())", "return True",
        by_cases(consent_rules.test_a_profile_says_what_the_rule_says_in_whatever_order_records_join),
    ),
    # what the log says
    Mutant(
        "a customer goes by another id in silence",
        audit._Lines, "_one",
        "if told is not None and not self.hushed:", "if False:",
        by_journey("the oldest of two is taken back"),
    ),
    Mutant(
        "those who left are still somebody in the log",
        audit._Lines, "_left",
        "[self.cases[record].canon])", "[])",
        by_journey("the oldest of two is taken back"),
    ),
    Mutant(
        "a split says nothing of those who are alike",
        audit._Lines, "_of",
        "else realm.records_in(handle)", "else []",
        IN_TWINS,
    ),
    Mutant(
        "a node forgets in which customer it was",
        project.Projected, "identity",
        "self._persons()", "self._persons(); [setattr(h, 'customer', h.new_customer) for h in realm.held.values()]",
        IN_TWINS,
    ),
    Mutant(
        "who made no row joins in silence",
        audit._Lines, "_unseen",
        "not alone and", "alone and",
        by_journey("an operator joins somebody of whom only the id is known"),
    ),
    # other rules
    Mutant(
        "figures stay in the old currency",
        project.Projected, "_base",
        "self.out.force or ", "",
        by_journey("the shop counts in another currency"),
    ),
    Mutant(
        "days stay in the old zone",
        rules, "apply",
        "if goal.timezone != standing.timezone:", "if False:",
        by_journey("the shop's days begin elsewhere"),
    ),
    Mutant(
        "other rules are only for new records",
        Resolver, "_sort_out",
        "not self.force and ", "",
        by_journey("accounts of one shop may join from now on"),
    ),
]  # fmt: skip


def mutated(owner: Any, function: str, old: str, new: str) -> Any:
    """The function with the line changed. AssertionError where the line is not there any more: write the fault anew."""
    plain = inspect.unwrap(inspect.getattr_static(owner, function))
    source = textwrap.dedent(inspect.getsource(plain))
    assert source.count(old) == 1, f"{function} does not hold {old!r} exactly once: the fault must be written anew"
    module: ModuleType = inspect.getmodule(plain)  # type: ignore[assignment]
    scope: dict[str, Any] = {}
    exec(compile(source.replace(old, new), f"<{function} with a fault>", "exec"), module.__dict__, scope)  # noqa: S102
    return scope[function]


def commit(mutant: Mutant, patch: pytest.MonkeyPatch) -> None:
    """Put the fault where the function is, and where it was imported by name."""
    faulty = mutated(mutant.owner, mutant.function, mutant.old, mutant.new)
    original = getattr(mutant.owner, mutant.function)
    patch.setattr(mutant.owner, mutant.function, faulty)
    for module in ours():
        if getattr(module, mutant.function, None) is original:
            patch.setattr(module, mutant.function, faulty)


def ours() -> list[ModuleType]:
    """Our modules, as far as they are loaded."""
    return [module for name, module in sorted(sys.modules.items()) if name.startswith("klientela.")]


def forget() -> None:
    """Empty the memories of pure functions: what one remembers of the plain code is no word on the faulty one."""
    for module in ours():
        for thing in vars(module).values():
            if hasattr(thing, "cache_clear"):
                thing.cache_clear()


@pytest.fixture
def arena(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fresh]:
    """Stores, a worklist in tiny transactions, and no memories of before or for later."""
    monkeypatch.setattr(work, "BATCH", 3)
    with sqlite_arena(tmp_path) as fresh:
        forget()
        yield fresh
        forget()


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of a world that nobody shrinks
@pytest.mark.parametrize("mutant", MUTANTS, ids=[m.name.replace(" ", "-") for m in MUTANTS])
def test_the_suite_notices(mutant: Mutant, arena: Fresh) -> None:
    with pytest.MonkeyPatch.context() as patch:
        commit(mutant, patch)
        with pytest.raises(AssertionError):
            mutant.caught(arena)


CHECKS = {id(m.caught): pytest.param(m.caught, id=m.name.replace(" ", "-")) for m in reversed(MUTANTS)}


@pytest.mark.parametrize("check", CHECKS.values())
def test_without_a_fault_it_notices_nothing(check: Check, arena: Fresh) -> None:
    check(arena)
