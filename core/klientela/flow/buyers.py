"""Whose order it is: the owner of each changed order, and the guest rows that orders make (R6-R13, R29)."""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from klientela.flow.values import Buyers, Carried, Case, Moved
from klientela.model.records import Order, Person
from klientela.rules import products
from klientela.rules.guests import guest_person, is_own_row, policy_of
from klientela.rules.hand import lay_over
from klientela.rules.publish import NEVER, Canon, Published, is_account, publish
from klientela.rules.ruleset import Policy, Ruleset
from klientela.rules.totals import OTHER_CARRIER, Settled, settle
from klientela.store import bitmaps, facts, locate
from klientela.store import tables as t
from klientela.store.database import Db, Step
from klientela.store.facts import Loaded, SourceRow

Standing = dict[int, tuple[int | None, int | None, Settled, str | None, bytes | None]]
"""Orders as they stand: buyer, owner, figures, number and products."""

NOBODY = Published("", (), False, False)


class Owners:
    """Decides owners for the changed orders of one step."""

    def __init__(self, step: Step, ruleset: Ruleset, sources: dict[int, SourceRow]) -> None:
        self.step = step
        self.db: Db = step.db
        self.ruleset = ruleset
        self.sources = sources
        self.result = Buyers()
        self.rules_of = {number: ruleset.of(row.uid) for number, row in sources.items()}
        self.accounts: dict[int, bool] = {}
        self.strict = any({rules.guests, rules.nameless} - {None, "merge"} for rules in self.rules_of.values())
        self.carried = Carried([])
        self.carriers: bool | None = None  # whether there is any
        self.touched: set[int | None] = set()  # buyers that an order found, left, or stopped or began to belong to

    def concerned(self, persons: list[Loaded], orders: list[Loaded], fresh: set[int]) -> list[Loaded]:
        """The orders to look at when `persons` and `orders` have changed; `fresh` are records nobody knew before."""
        if self.strict:
            for item in persons:
                self.accounts[item.id] = item.fact is not None and is_account(item.fact, self.rules_of[item.source])
        return self._with_orders_of(persons, orders, fresh)

    def run(self, persons: list[Loaded], carried: Carried, fresh: set[int]) -> Buyers:
        """Whose the `concerned` orders are, as all their carriers tell them."""
        self.carried = carried
        self._own(carried.orders, fresh)
        self._leave(carried.left)
        hidden = self._hidden(persons)
        for item in persons:
            if item.id not in self.result.cases:  # what an order just said of its guest row is newer
                self._case(item, item.id in hidden)
        return self.result

    def _with_orders_of(self, persons: list[Loaded], orders: list[Loaded], fresh: set[int]) -> list[Loaded]:
        """Orders whose owner hangs on the state of a buyer that changed, under `state`, per_order and per_source; and
        those of guest rows."""
        buyers = [
            item.id
            for item in persons
            if item.entity == facts.GUEST_ORDER  # what it publishes hangs on its order
            or (item.entity == facts.CUSTOMER and item.id not in fresh and self._buyer_matters(item.source))
        ]
        if not buyers:
            return orders
        mine = {item.id for item in orders}
        rows = self.db.rows(
            f"SELECT id FROM orders WHERE owner {self.db.among} OR (buyer {self.db.among} AND "
            + ("owner IS NOT buyer)" if self.db.sqlite else "owner IS DISTINCT FROM buyer)"),
            (self.db.pack(buyers), self.db.pack(buyers)),
        )
        more = facts.load(self.db, [row[0] for row in rows if row[0] not in mine])
        return [*orders, *(item for _, item in sorted(more.items()))]

    def _buyer_matters(self, source: int) -> bool:
        """Whether the state of its buyers can decide whose an order is: here, or where another carrier's policy rules."""
        return self.rules_of[source].guests != "merge" or (self.strict and self._any_carriers())

    def _any_carriers(self) -> bool:
        if self.carriers is None:
            self.carriers = self.db.one("SELECT 1 FROM carrier LIMIT 1") is not None
        return self.carriers

    def _own(self, orders: list[Loaded], fresh: set[int]) -> None:
        if not orders:
            return
        db = self.db
        known = [item.id for item in orders if item.id not in fresh]
        standing = self._standing(known) if known else {}
        buyers = self._buyers(orders)
        owners = self._owners(orders, buyers, standing)
        currency = self.ruleset.currency
        moved, touched, under = self.result.moved, self.touched, self.carried.under
        new_rows, passed_on, amended = [], [], []
        other_lines: set[int] = set()
        for item, buyer, owner in zip(orders, buyers, owners, strict=True):
            number = item.id
            order: Order = item.fact
            settled = settle(order, currency) if number not in under else _counted_elsewhere(order, currency)
            name = None if order.number is UNSET else order.number
            bought = products.packed(order.lines) if order.lines and number not in under else None
            row = (
                settled.currency, settled.gross, settled.ltv, settled.state, settled.why_not, 1 if settled.test else 0,
                name, bought, number, settled.placed, buyer, owner,
            )  # fmt: skip
            if number not in standing:
                new_rows.append(row)
                touched.add(buyer)
                moved.append(Moved(number, None, None, owner, settled))
                continue
            old_buyer, old_owner, old, old_name, old_bought = standing[number]
            if old_owner != owner or old_buyer != buyer or old.placed != settled.placed:
                passed_on.append((*row[9:], *row[:9]))
            elif old != settled or old_name != name or old_bought != bought:
                amended.append(row[:9])
            if old_bought != bought and owner is not None:
                other_lines.add(owner)
            if old_owner != owner or old_buyer != buyer:
                touched.update((old_buyer, buyer))
            if old_owner != owner or old != settled:
                moved.append(Moved(number, old_owner, old, owner, settled))
        named = {buyer for item, buyer in zip(orders, buyers, strict=True) if item.id in under} if under else set()
        self.result.tied = {buyer for buyer in touched | named if buyer is not None}
        columns = ("currency", "gross", "ltv", "state", "why", "test", "number", "products")
        db.insert(t.orders, (*columns, "id", "placed", "buyer", "owner"), new_rows)
        db.update(t.orders, ("placed", "buyer", "owner", *columns), passed_on)
        db.update(t.orders, columns, amended)  # most changes touch no index
        if other_lines:  # whose figures may stay as they are
            bitmaps.touch(db, (), locate.customers_of(db, other_lines).values())

    def _leave(self, orders: list[Loaded]) -> None:
        """Take out orders of which nobody speaks any more, and the guest rows that only they made."""
        standing = self._standing([item.id for item in orders])
        if not standing:
            return
        db = self.db
        for number, (buyer, owner, settled, *_) in sorted(standing.items()):
            self.result.moved.append(Moved(number, owner, settled, None, None))
            self.touched.add(buyer)
            if buyer is not None:
                self.result.tied.add(buyer)
        db.delete(t.orders, [(number,) for number in sorted(standing)])
        packed = db.pack({one[1] for one in standing.values() if one[1] is not None})
        owners = {row[0] for row in db.rows(f"SELECT DISTINCT owner FROM orders WHERE owner {db.among}", (packed,))}
        self._nobody({one[1] for one in standing.values() if one[1] is not None} - owners)

    def _standing(self, ids: list[int]) -> Standing:
        if not ids:
            return {}
        return {
            row[0]: (row[1], row[2], Settled(row[3], row[4], row[5], bool(row[6]), row[7], row[8], row[9]), *row[10:])
            for row in self.db.rows(
                "SELECT id, buyer, owner, currency, placed, state, test, gross, ltv, why, number, products FROM orders "
                f"WHERE id {self.db.among}",
                (self.db.pack(ids),),
            )
        }

    def _buyers(self, orders: list[Loaded]) -> list[int | None]:
        """The record of each order's buyer; None where the order names none."""
        wanted: dict[int, dict[str, None]] = {}
        heads = self.carried.heads
        names = [self._named(item) for item in orders] if heads else [item.fact.customer for item in orders]
        for item, name in zip(orders, names, strict=True):
            if name:
                if item.source not in wanted:
                    wanted[item.source] = {}
                wanted[item.source][name] = None
        found = {source: facts.ensure(self.step, source, facts.CUSTOMER, list(exts)) for source, exts in wanted.items()}
        return [found[item.source][name] if name else None for item, name in zip(orders, names, strict=True)]

    def _named(self, item: Loaded) -> str | None:
        """Whom an order's own words name, not those of another carrier."""
        order: Order = self.carried.heads.get(item.id, item.fact)
        return order.customer or None

    def _owners(
        self,
        orders: list[Loaded],
        buyers: list[int | None],
        standing: Standing,
    ) -> list[int | None]:
        """Whose each order is: its buyer's, or that of a guest row of its own, or nobody's that we know of."""
        carried = self.carried
        merging = {number for number, rules in self.rules_of.items() if rules.guests == "merge"}
        if not carried.heads and None not in buyers and merging.issuperset({item.source for item in orders}):
            before = [
                standing[item.id][1] if item.id in standing else buyer
                for item, buyer in zip(orders, buyers, strict=True)
            ]
            if before == buyers:
                return buyers  # the plain case: all belong to their buyers, and no guest row is left behind
        self._load_accounts(orders, buyers)
        owners: dict[int, int | None] = {}
        own_row: list[Loaded] = []
        for item, buyer in zip(orders, buyers, strict=True):
            if item.id in carried.under:
                continue
            if self._is_own_row(item, buyer):
                own_row.append(item)
            else:
                owners[item.id] = buyer
        if own_row:
            self._guest_rows(own_row, owners)
        for number, head in carried.under.items():
            owners[number] = owners.get(head)
        if standing:
            self._vanished(orders, owners, standing)
        return [owners.get(item.id) for item in orders]

    def _load_accounts(self, orders: list[Loaded], buyers: list[int | None]) -> None:
        wanted = {
            buyer
            for item, buyer in zip(orders, buyers, strict=True)
            if buyer is not None and buyer not in self.accounts and self._buyer_matters(item.source)
        }
        if wanted:
            for number, flags in self.db.rows(
                f"SELECT id, flags FROM person WHERE id {self.db.among}", (self.db.pack(wanted),)
            ):
                self.accounts[number] = bool(flags & t.ACCOUNT)

    def _is_own_row(self, item: Loaded, buyer: int | None) -> bool:
        """Whether the order makes a row of its own instead of belonging to its buyer's record."""
        rules = self.rules_of[item.source]
        policy = self._policy(item)
        if buyer is not None and policy == "merge":
            return False
        own = self.carried.heads.get(item.id, item.fact)
        return is_own_row(own, rules, policy, buyer is not None and self.accounts.get(buyer, False))

    def _policy(self, item: Loaded) -> Policy:
        """The guest policy that governs an order: the strictest of its carriers', or its source's own."""
        carried = self.carried.policies.get(item.id)
        return carried if carried is not None else policy_of(item.fact, self.rules_of[item.source])

    def _guest_rows(self, own_row: list[Loaded], owners: dict[int, int | None]) -> None:
        """Register and fill the guest_order records of these orders."""
        made = {
            item.id: person
            for item in own_row
            if (person := guest_person(item.fact, self.ruleset.of(self.sources[item.source].uid))) is not None
        }
        by_source: dict[int, list[Loaded]] = {}
        for item in own_row:
            if item.id in made:
                by_source.setdefault(item.source, []).append(item)
        bodies = []
        for source, items in by_source.items():
            uid = self.sources[source].uid
            ids = facts.ensure(self.step, source, facts.GUEST_ORDER, [item.ext for item in items])
            hands = facts.hands(self.db, ids.values())
            for item in items:
                person = made[item.id]
                number = ids[item.ext]
                owners[item.id] = number
                bodies.append((item.version, facts.encode(person), number))
                if number in hands:
                    person = lay_over(person, hands[number])
                canon = facts.canon_of(person, uid, facts.GUEST_ORDER, item.ext)
                published = publish(person, uid, self.ruleset, policy=self._policy(item))
                loaded = Loaded(number, source, facts.GUEST_ORDER, item.ext, item.version, item.gone, person)
                self.result.cases[number] = Case(loaded, canon, published)
        self.db.update(t.record, ("version", "body"), bodies)

    def _vanished(self, orders: list[Loaded], owners: dict[int, int | None], standing: Standing) -> None:
        """Guest rows that their order left: it has an account now, or another policy rules."""
        left = {
            old
            for item in orders
            if (old := standing.get(item.id, (None, None))[1]) is not None and owners.get(item.id) != old
        }
        left -= set(owners.values())  # another carrier's order may still be its own
        self._nobody(left)

    def _nobody(self, owners: set[int]) -> None:
        """Those of these former owners that were guest rows are nobody any more."""
        if not owners:
            return
        for item in facts.load(self.db, owners).values():
            if item.entity == facts.GUEST_ORDER:
                # without a body nothing that looks at the record later takes it for a person again
                self.db.run("UPDATE record SET version = NULL, body = NULL WHERE id = ?", (item.id,))
                uid = self.sources[item.source].uid
                canon = facts.canon_of(None, uid, item.entity, item.ext)
                self.result.cases[item.id] = Case(replace(item, fact=None), canon, NOBODY)

    def _hidden(self, persons: list[Loaded]) -> set[int]:
        """Buyers who are no account and all of whose known orders are owned by per_order guests (R13, R29): they
        publish nothing and make no row. Adds buyers that orders found or left to the persons that must be looked at."""
        strict = {number for number, rules in self.rules_of.items() if rules.guests == "per_order"}
        nameless = any(rules.nameless == "per_order" for rules in self.rules_of.values())
        if not (strict or (nameless and self._any_carriers())):
            return set()
        # the strictest policy of the carriers governs an order
        per_order = set(self.rules_of) if self._any_carriers() else strict
        watched = {i.id for i in persons if i.source in per_order and not self.accounts.get(i.id, False)}
        others = {number for number in self.touched if number is not None} - {item.id for item in persons}
        for item in facts.load(self.db, others).values():
            if item.source in per_order and item.fact is not None:
                persons.append(item)
                if not is_account(item.fact, self.ruleset.of(self.sources[item.source].uid)):
                    watched.add(item.id)
        if not watched:
            return set()
        differs = "o.owner IS NOT o.buyer" if self.db.sqlite else "o.owner IS DISTINCT FROM o.buyer"
        packed = self.db.pack(watched)
        elsewhere: set[int] = set()
        open_ones: set[int] = set()
        for buyer, entity, source, flags in self.db.rows(
            "SELECT o.buyer, r.entity, r.source, c.flags FROM orders o LEFT JOIN record r ON r.id = o.owner "
            f"LEFT JOIN carrier c ON c.record = o.id WHERE o.buyer {self.db.among} AND {differs}",
            (packed,),
        ):
            guest = entity == facts.GUEST_ORDER and (flags & t.STRICT if flags is not None else source in strict)
            (elsewhere if guest else open_ones).add(buyer)
        own = {
            row[0] for row in self.db.rows(f"SELECT DISTINCT owner FROM orders WHERE owner {self.db.among}", (packed,))
        }
        return elsewhere - own - open_ones

    def _case(self, item: Loaded, hidden: bool) -> None:
        source = self.sources[item.source]
        person: Person | None = item.fact
        canon = facts.canon_of(person, source.uid, item.entity, item.ext)
        published = publish(person, source.uid, self.ruleset, hidden=hidden) if person is not None else NOBODY
        self.result.cases[item.id] = Case(item, canon, published)


def _counted_elsewhere(order: Order, currency: str) -> Settled:
    """The figures of a carrier whose order another one's word counts for (R31)."""
    state = order.state if order.state is not UNSET else "open"
    return Settled(currency, None, state, False, None, None, OTHER_CARRIER)


def canon_created(canon: Canon) -> int | None:
    """The creation time in a canonical key, None for "never told"."""
    return None if canon.created == NEVER else canon.created


__all__ = ["Buyers", "Case", "Moved", "Owners", "canon_created"]
