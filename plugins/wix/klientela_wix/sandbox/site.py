"""The state of a pretend site: its clock, its objects, what its lists know of them, and the hands that change them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from klientela.kit import iso
from klientela.testing.backstage import START, Backstage, Money, When, money, plain
from klientela_wix.sandbox import news
from klientela_wix.sandbox.things import Address, Checkout, Contact, Line, Member, Message, Order, Thing

SITE_ID = "5a9d0d1e-0000-4000-8000-000000000001"
INSTANCE_ID = "5a9d0d1e-0000-4000-8000-000000000900"


class Site(Backstage):
    """One pretend site. All methods may be called while it is being served.

    `contact`, `member`, `order`, `checkout` make an object or, given the id of an existing one, change only the fields
    named. Times are instants or ISO 8601; money is minor units or a decimal string; people are given as object or id.
    Every change moves the clock of a site that stands still by one second, so it can be found by a later window, and
    leaves a message in `outbox` for the site's webhooks.
    """

    grain = 1000  # Wix keeps milliseconds

    def __init__(self, *, start: When = START, running: bool = False, name: str = "Sandbox Site") -> None:
        super().__init__(start=start, running=running)
        self.site_id = SITE_ID
        self.instance_id = INSTANCE_ID
        self.name = name
        self.currency = "EUR"
        self.contacts: dict[str, Contact] = {}
        self.members: dict[str, Member] = {}
        self.orders: dict[str, Order] = {}
        self.checkouts: dict[str, Checkout] = {}
        self.merged: dict[str, str] = {}  # a contact that was merged away -> the one that stayed
        self.outbox: list[Message] = []
        self.mailed: list[str] = []  # orders of which the buyer was told by mail
        self.holds_back = False  # whether unpaid orders are held back though they are to be paid offline
        self._counts: dict[str, int] = {}

    # -- hands ---------------------------------------------------------------------------------------------------

    def contact(
        self,
        id: str | None = None,  # noqa: A002 - the word of the site
        *,
        created_at: When | None = None,
        updated_at: When | None = None,
        addresses: Iterable[Address | Mapping[str, Any]] | None = None,
        **fields: Any,
    ) -> Contact:
        """Make or change a contact. Fields as in `things.Contact`."""
        with self.lock:
            now = self.clock.now()
            one = self.contacts.get(id) if id is not None else None
            made = one is None
            if one is None:
                born = self._when(created_at, now)
                one = Contact(id=id or self.new_id("contact"), created_at=born, updated_at=born)
                self.contacts[one.id] = one
            else:
                one.revision += 1
            if addresses is not None:
                one.addresses = [_address(address) for address in addresses]
            self._set(one, fields)
            self._touch(one, self._when(updated_at, now))
            self._tell("contact", "created" if made else "updated", one)
            return one

    def member(
        self,
        contact: Contact | str,
        *,
        created_at: When | None = None,
        updated_at: When | None = None,
        **fields: Any,
    ) -> Member:
        """Let a contact become a member, or change its membership."""
        with self.lock:
            now = self.clock.now()
            owner = self.contacts[_id(contact)]
            one = self.member_of(owner)
            made = one is None
            if one is None:
                born = self._when(created_at, now)
                mail = fields.pop("login_email", None) or owner.email
                if not mail:
                    raise ValueError("a member logs in with an e-mail")
                one = Member(
                    id=self.new_id("member"), created_at=born, updated_at=born, contact=owner.id, login_email=mail
                )
                self.members[one.id] = one
            self._set(one, fields)
            self._touch(one, self._when(updated_at, now))
            self._tell("member", "created" if made else "updated", one)
            self.contact(
                owner.id, updated_at=self._when(updated_at, now)
            )  # a contact shows the status of its membership
            return one

    def leave(self, contact: Contact | str) -> None:
        """A member gives up the membership; the contact stays."""
        with self.lock:
            owner = self.contacts[_id(contact)]
            one = self.member_of(owner)
            if one is not None:
                del self.members[one.id]
                self._tell("member", "deleted", one)
                self.contact(owner.id)

    def order(
        self,
        id: str | None = None,  # noqa: A002 - the word of the site
        *,
        contact: Contact | str | None = None,
        total: Money | None = None,
        refunded: Money | None = None,
        lines: Iterable[Line | Mapping[str, Any]] | None = None,
        billing: Address | Mapping[str, Any] | None = None,
        recipient: Address | Mapping[str, Any] | None = None,
        purchased_at: When | None = None,
        created_at: When | None = None,
        updated_at: When | None = None,
        **fields: Any,
    ) -> Order:
        """Make or change an order. Made without `member` and `visitor`: the contact's member, else a visitor."""
        with self.lock:
            now = self.clock.now()
            one = self.orders.get(id) if id is not None else None
            made = one is None
            if one is None:
                born = self._when(created_at, self._when(purchased_at, now))
                one = Order(
                    id=id or self.new_id("order"),
                    number=10_000 + self._count("number"),
                    created_at=born,
                    updated_at=born,
                    purchased_at=self._when(purchased_at, born),
                    currency=str(fields.pop("currency", self.currency)),
                    checkout_id=str(fields.pop("checkout_id", None) or self.new_id("checkout token")),
                )
                self.orders[one.id] = one
                lines = lines if lines is not None else [Line(price=money(total or "10.00", one.currency))]
            else:
                one.created_at = self._when(created_at, one.created_at)
                one.purchased_at = self._when(purchased_at, one.purchased_at)
            if contact is not None:
                one.contact = _id(contact)
                if made and "member" not in fields and "visitor" not in fields:
                    self._present(one)
            if lines is not None:
                one.lines = [_line(line, one.currency) for line in lines]
            if total is not None or lines is not None:
                one.total = sum(line.total for line in one.lines) if total is None else money(total, one.currency)
            if billing is not None:
                one.billing = _address(billing)
            if recipient is not None:
                one.recipient = _address(recipient)
            if refunded is not None:
                one.refunded = money(refunded, one.currency)
            before = one.status
            self._set(one, fields)
            self._touch(one, self._when(updated_at, now))
            if one.status != "INITIALIZED":
                slug = "created" if made else "canceled" if before != one.status == "CANCELED" else "updated"
                self._tell("order", slug, one)
            return one

    def checkout(
        self,
        id: str | None = None,  # noqa: A002 - the word of the site
        *,
        contact: Contact | str | None = None,
        total: Money | None = None,
        lines: Iterable[Line | Mapping[str, Any]] | None = None,
        recovered_at: When | None = None,
        created_at: When | None = None,
        updated_at: When | None = None,
        **fields: Any,
    ) -> Checkout:
        """Make or change an abandoned checkout; `recovered_at` recovers it."""
        with self.lock:
            now = self.clock.now()
            one = self.checkouts.get(id) if id is not None else None
            made = one is None
            if one is None:
                born = self._when(created_at, now)
                one = Checkout(
                    id=id or self.new_id("checkout"),
                    checkout_id=self.new_id("checkout token"),
                    created_at=born,
                    updated_at=born,
                    currency=self.currency,
                )
                self.checkouts[one.id] = one
                lines = lines if lines is not None else [Line(price=money(total or "10.00", one.currency))]
            if contact is not None:
                one.contact = _id(contact)
                if made:
                    self._present(one)
            if lines is not None:
                one.lines = [_line(line, one.currency) for line in lines]
            if total is not None or lines is not None:
                one.total = sum(line.total for line in one.lines) if total is None else money(total, one.currency)
            if recovered_at is not None:
                one.recovered_at = self._when(recovered_at)
            self._set(one, fields)
            self._touch(one, self._when(updated_at, now))
            slug = "created" if made else "recovered" if recovered_at is not None else "updated"
            self._tell("checkout", slug, one)
            return one

    def refund(self, order: Order | str, amount: Money) -> Order:
        """Pay money back."""
        with self.lock:
            one = self.orders[_id(order)]
            return self.order(one.id, refunded=one.refunded + money(amount, one.currency))

    def cancel(self, order: Order | str) -> Order:
        """Cancel an order."""
        return self.order(_id(order), status="CANCELED")

    def recover(self, checkout: Checkout | str, **fields: Any) -> Order:
        """The buyer comes back: the checkout is recovered and becomes an order with its checkout id."""
        with self.lock:
            one = self.checkouts[_id(checkout)]
            moment = self.clock.now()
            self.checkout(one.id, recovered_at=moment)
            said = {"member": one.member, "visitor": one.visitor, "email": one.email, "total": one.total, **fields}
            lines = [replace(line) for line in one.lines]
            return self.order(contact=one.contact, checkout_id=one.checkout_id, lines=lines, created_at=moment, **said)

    def merge(self, target: Contact | str, *sources: Contact | str) -> Contact:
        """Merge contacts into one, up to five at once: they are deleted, and asking for one answers with the target."""
        with self.lock:
            stays, gone = self.contacts[_id(target)], [self.contacts[_id(one)] for one in sources]
            if not 1 <= len(gone) <= 5:
                raise ValueError("Wix merges one to five contacts at once")
            if any(self.member_of(one) for one in gone):
                raise ValueError("members can only be the target of a merge")
            for one in gone:
                stays.email, stays.more_emails = _joined(stays.email, stays.more_emails, one.email, one.more_emails)
                stays.phone, stays.more_phones = _joined(stays.phone, stays.more_phones, one.phone, one.more_phones)
                stays.labels = sorted({*stays.labels, *one.labels})
                del self.contacts[one.id]
                self.merged[one.id] = stays.id
                self._tell("contact", "deleted", one)
            self.contact(stays.id, activity="CONTACT_MERGED")
            self.outbox.append(news.merged(self, stays, [one.id for one in gone]))
            return stays

    def delete(self, thing: Thing, *, anonymize: bool = False) -> None:
        """Take an object away. `anonymize`: because the person asked to be forgotten."""
        with self.lock:
            kind = type(thing).__name__.lower()
            shelf: dict[str, Any] = getattr(self, f"{kind}s")
            shelf.pop(thing.id, None)
            if isinstance(thing, Contact) and (member := self.member_of(thing)) is not None:
                self.delete(member)
            self._tell(kind, "deleted", thing, anonymize=anonymize)
            self._changed()

    # -- what the interface reads --------------------------------------------------------------------------------

    def member_of(self, contact: Contact | str) -> Member | None:
        """The membership of a contact."""
        owner = _id(contact)
        return next((one for one in self.members.values() if one.contact == owner), None)

    def new_id(self, kind: str) -> str:
        """A GUID that nobody has, the same in every run."""
        return f"{KINDS.index(kind) + 1:08x}-0000-4000-8000-{self._count(kind):012x}"

    # -- the workings --------------------------------------------------------------------------------------------

    def _count(self, kind: str) -> int:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return self._counts[kind]

    def _present(self, thing: Order | Checkout) -> None:
        """Who was there: the contact's member, else a visitor."""
        member = self.member_of(thing.contact) if thing.contact else None
        if member is not None:
            thing.member = member.id
        else:
            thing.visitor = self.new_id("visitor")
        owner = self.contacts.get(thing.contact or "")
        thing.email = thing.email or (owner.email if owner else None)

    def _tell(self, kind: str, slug: str, thing: Thing, *, anonymize: bool = False) -> None:
        self.outbox.append(news.message(self, kind, slug, thing, anonymize=anonymize))


KINDS = ("contact", "member", "order", "checkout", "checkout token", "visitor", "event", "number")


def _id(thing: Thing | str) -> str:
    return thing if isinstance(thing, str) else thing.id


def _joined(
    first: str | None, more: Sequence[str], other: str | None, others: Sequence[str]
) -> tuple[str | None, list[str]]:
    """The primary one of two contacts' values, and all others once."""
    several = list(dict.fromkeys(value for value in (first, *more, other, *others) if value))
    return (several[0] if several else None), several[1:]


def _address(address: Address | Mapping[str, Any]) -> Address:
    return address if isinstance(address, Address) else Address(**address)


def _line(line: Line | Mapping[str, Any], currency: str) -> Line:
    one = line if isinstance(line, Line) else Line(**line)
    one.price = money(one.price, currency)
    return one


def describe(site: Site) -> dict[str, Any]:
    """The truth in plain values, for tests and for `GET /_sandbox/truth`: times as ISO 8601, money in minor units."""
    with site.lock:
        shelves: dict[str, Mapping[str, Thing]] = {
            "contacts": site.contacts,
            "members": site.members,
            "orders": site.orders,
            "checkouts": site.checkouts,
        }
        return {
            "site": {"id": site.site_id, "name": site.name, "now": iso(site.clock.now()), "currency": site.currency},
            **{name: {key: plain(one) for key, one in shelf.items()} for name, shelf in shelves.items()},
            "merged": dict(site.merged),
        }
