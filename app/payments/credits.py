"""Giving back what was bought: a credit says of which part of the order, its refunds carry the money."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.inventory import services as inventory
from app.invoices import services as invoices
from app.lib.db import retrying, session, transaction
from app.lib.errors import Invalid, NotAllowed
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor
from app.payments.credit_plan import Amounts, Left, Wishes, everything, plan
from app.payments.models import Attempt, Credit, CreditLine, Refund
from app.payments.promises import LOCKED, captured, counts, due, promise
from app.payments.queries import attempts_of


class FiguresChanged(NotAllowed):
    """The order changed since somebody looked; they have to look again before money moves."""

    title = "The figures changed"


@dataclass(frozen=True)
class Account:
    """An order's money laid beside what was given back of it. Amounts are in minor units of its currency."""

    order: Order
    attempts: tuple[Attempt, ...]
    credits: tuple[Credit, ...]

    @property
    def left(self) -> Left:
        return Left.of(self.order, self.credits)

    @property
    def counted(self) -> list[Attempt]:
        """The attempts that paid the order, newest first."""
        return [attempt for attempt in self.attempts if counts(self.order, attempt)]

    @property
    def due(self) -> list[Credit]:
        """Credits whose refund failed, oldest first."""
        return [credit for credit in self.credits if due(credit) > 0]

    @property
    def money(self) -> int:
        """What can be sent back for a new credit: neither sent, promised, nor held by a dispute."""
        return max(0, _left(self.counted, disputed=False) - self._owed)

    @property
    def disputed(self) -> int:
        return _left(self.counted, disputed=True)

    @property
    def most(self) -> int:
        """The most a new credit can come to."""
        return min(self.money, self.left.amount) if self.order.paid_at else 0

    @property
    def excess(self) -> int:
        """What was paid for the order beyond what it costs."""
        kept = _left(self.counted, disputed=False) + self.disputed
        return max(0, kept - self._owed - self.left.amount) if self.order.paid_at else 0

    @property
    def _owed(self) -> int:
        return sum(due(credit) for credit in self.credits)


def _left(attempts: Iterable[Attempt], *, disputed: bool) -> int:
    return sum(attempt.left.minor for attempt in attempts if attempt.is_disputed == disputed)


def account(order: Order) -> Account:
    """An order's money and credits as they are now, for showing."""
    return Account(order, attempts_of(order.id)[::-1], credits_of(order.id))


def locked_account(order: Order) -> Account:
    """The same for an order that is locked, its attempts locked as well."""
    return Account(order, tuple(captured(order.id)), credits_of(order.id))


def credits_of(order_id: int) -> tuple[Credit, ...]:
    """What was given back of an order, oldest first."""
    found = session().scalars(
        select(Credit)
        .where(Credit.order_id == order_id)
        .options(selectinload(Credit.lines), selectinload(Credit.refunds))
        .order_by(Credit.id)
        .execution_options(populate_existing=True)
    )
    return tuple(found)


@retrying
def refund(number: str, wishes: Wishes, *, key: str, seen: str | None, reason: str, actor: Actor) -> Credit:
    """Give a part of an order back: its money, its units onto the shelf as wished, and the credit note.

    `key` comes from the form: the same again gives the same credit. `seen` is the total the person agreed to, as Money
    is written. Raises Invalid for more than is left, and for a key that was used for something else; NotAllowed when
    nothing was paid, when the money is disputed, or FiguresChanged when it comes to another total by now.
    """
    with transaction() as current:
        order = orders.locked(number)
        known = current.scalar(select(Credit).where(Credit.key == key))
        if known is not None:
            return _same(known, order, wishes)
        books = locked_account(order)
        _refuse_unpaid(books)
        amounts = plan(books.left, wishes)
        _refuse_beyond(books, amounts)
        total = order.money(amounts.amount_minor)
        if seen is not None and str(total) != seen:
            raise FiguresChanged(f"By now it comes to {total}. Look at the figures again, then decide.")
        credit = _write(order, amounts, key, reason, actor)
        _send(books, credit, amounts.amount_minor, actor)
        _put_back(order, amounts, actor)
        _issue_paper(order, credit, amounts)
        return credit


def give_back_everything(order: Order, reason: str, actor: Actor, *, only: Collection[int] = ()) -> list[Refund]:
    """Send back whatever of a locked order's money was not sent back yet, or of the attempts whose ids are in `only`.

    What belongs to the order makes a credit of all that was not given back; refunds that failed are tried again; money
    that never counted simply goes back. What a bank disputes stays until that is decided.
    """
    with transaction():
        books = locked_account(order)
        open_ones = [a for a in books.attempts if not a.is_disputed and (not only or a.id in only)]
        paid = Account(order, tuple(open_ones), books.credits)
        made: list[Refund] = []
        for credit in paid.due:
            made += _send(paid, credit, min(due(credit), _left(paid.counted, disputed=False)), actor)
        most = min(_left(paid.counted, disputed=False), books.left.amount)
        amounts = None
        if most:
            amounts = plan(books.left, everything(books.left), most=most)
            credit = _write(order, amounts, f"rest:{order.id}:{len(books.credits)}", reason, actor)
            made += _send(paid, credit, amounts.amount_minor, actor)
        for attempt in open_ones:
            if attempt.left:
                made.append(promise(order, attempt, attempt.left.minor, reason, actor))
        if amounts is not None:
            _issue_paper(order, credit, amounts)
        return made


def give_back_excess(order: Order, reason: str, actor: Actor) -> list[Refund]:
    """Send back what was paid for a locked order beyond what it costs; raises NotAllowed when a dispute holds it."""
    with transaction():
        books = locked_account(order)
        rest, made = books.excess, []
        for attempt in books.counted:
            part = min(rest, attempt.left.minor)
            if part and not attempt.is_disputed:
                made.append(promise(order, attempt, part, reason, actor))
                rest -= part
        if rest:
            raise NotAllowed(LOCKED)
        return made


def learned(order: Order, attempt: Attempt, minor: int) -> list[tuple[Credit | None, int]]:
    """Money of a locked order was sent back at the provider's desk: which credits it belongs to, and how much to each.

    Credits whose own refund failed come first; then a new one of a free amount, as far as the order can still be given
    back. What was paid too much, or never counted, belongs to none.
    """
    if not counts(order, attempt):
        return [(None, minor)]
    books = locked_account(order)
    if not books.due and minor <= books.excess:
        return [(None, minor)]
    parts: list[tuple[Credit | None, int]] = []
    for credit in books.due:
        part = min(due(credit), minor)
        if part:
            parts.append((credit, part))
            minor -= part
    part = min(minor, books.left.amount)
    if part:
        amounts = plan(books.left, Wishes(other_minor=part))
        key = f"desk:{attempt.id}:{len(books.credits)}"
        credit = _write(order, amounts, key, "Refunded at the provider", orders.SHOP)
        _issue_paper(order, credit, amounts)
        parts.append((credit, part))
        minor -= part
    return [*parts, (None, minor)] if minor else parts


def _refuse_unpaid(books: Account) -> None:
    if books.order.paid_at is None or not books.counted:
        raise NotAllowed(f"Order {books.order.number} was not paid, so there is nothing to give back.")


def _refuse_beyond(books: Account, amounts: Amounts) -> None:
    if amounts.amount_minor <= books.money:
        return
    if amounts.amount_minor <= books.money + books.disputed:
        raise NotAllowed(LOCKED)
    raise Invalid(f"At most {books.order.money(books.money)} of what was paid can be refunded.", "other")


def _same(known: Credit, order: Order, wishes: Wishes) -> Credit:
    """The credit that this form made before."""
    given = {line.order_line_id: (line.quantity, bool(line.restocked)) for line in known.lines}
    wanted = {wish.line_id: (wish.quantity, wish.restock) for wish in wishes.lines if wish.quantity}
    if (known.order_id, given, known.other_minor) != (order.id, wanted, wishes.other_minor):
        raise Invalid("This form was sent before with other wishes. Open the refund again.")
    return known


def _write(order: Order, amounts: Amounts, key: str, reason: str, actor: Actor) -> Credit:
    credit = Credit(
        order_id=order.id,
        key=key,
        amount_minor=amounts.amount_minor,
        tax_minor=amounts.tax_minor,
        shipping_minor=amounts.shipping_minor,
        other_minor=amounts.other_minor,
        reason=reason[:500],
        actor_id=actor.id,
        lines=[
            CreditLine(
                order_line_id=line.line_id,
                quantity=line.quantity,
                amount_minor=line.amount_minor,
                tax_minor=line.tax_minor,
                restocked=line.quantity if line.restock else 0,
            )
            for line in amounts.lines
        ],
    )
    session().add(credit)
    session().flush()
    orders.record(order, "credit", f"Given back: {in_words(order, credit)}", is_internal=True, actor=actor)
    return credit


def in_words(order: Order, credit: Credit) -> str:
    """Which parts of the order a credit gave back: 2 x Shirt, delivery $8.22, another amount of $5.00."""
    names = {line.id: line.name for line in order.lines}
    parts = [f"{line.quantity} x {names[line.order_line_id]}" for line in credit.lines]
    parts += [f"delivery {order.money(credit.shipping_minor)}"] * bool(credit.shipping_minor)
    parts += [f"another amount of {order.money(credit.other_minor)}"] * bool(credit.other_minor)
    return ", ".join(parts)


def _send(books: Account, credit: Credit, minor: int, actor: Actor) -> list[Refund]:
    """Promise a credit's money, from the newest payment on."""
    made = []
    for attempt in books.counted:
        part = min(minor, attempt.left.minor)
        if part and not attempt.is_disputed:
            made.append(promise(books.order, attempt, part, credit.reason, actor, credit=credit))
            minor -= part
    return made


def _put_back(order: Order, amounts: Amounts, actor: Actor) -> None:
    variants = {line.id: line.variant_id for line in order.lines}
    units: dict[int, int] = {}
    for line in amounts.lines:
        if not line.restock:
            continue
        variant = variants[line.line_id]
        if variant is None:
            raise Invalid("What is no longer sold has no shelf to go back to.", f"units-{line.line_id}")
        units[variant] = units.get(variant, 0) + line.quantity
    if units:
        inventory.restock_units(order.id, units, actor_id=actor.id)


def _issue_paper(order: Order, credit: Credit, amounts: Amounts) -> None:
    """Last in its transaction: everybody who issues a paper waits for the same row."""
    each = {line.id: line for line in order.lines}
    paper = invoices.issue_credit_note(
        order,
        lines=[(each[line.line_id], line.quantity, line.amount_minor, line.tax_minor) for line in amounts.lines],
        shipping_minor=amounts.shipping_minor,
        shipping_tax_minor=amounts.shipping_tax_minor,
        other_minor=amounts.other_minor,
        other_tax_minor=amounts.other_tax_minor,
        reason=credit.reason,
    )
    credit.document_id = paper.id if paper is not None else None
