"""An order with money to give back, what gives it back, and what can be seen of it afterwards."""

from typing import Any

from sqlalchemy import select

from app.invoices.services import issue_invoice
from app.lib.db import session, transaction
from app.lib.money import Money
from app.lib.tokens import random_key
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor
from app.payments import credits
from app.payments.credit_plan import LineWish, Wishes
from app.payments.models import Attempt, Credit, PaymentIssue, Refund
from app.payments.providers.base import RefundState
from app.payments.queries import summary
from tests.admin.desk import a_paid_order, attempts
from tests.factories import a_variant, order_named

GRACE = Actor("Grace")


def with_invoice(*lines: Any) -> Order:
    """A paid order that has its invoice."""
    order = a_paid_order(*(lines or ((a_variant(price=2000, on_hand=5), 2),)))
    with transaction():
        issue_invoice(orders.locked(order.number))
    return order_named(order.number)


def back(order: Order, units: int, *, restock: bool = False, key: str = "key", **changes: Any) -> Credit:
    """Units of the first line given back."""
    wishes = Wishes((LineWish(order.lines[0].id, units, restock=restock),), **changes)
    return credits.refund(order.number, wishes, key=key, seen=None, reason="Too small", actor=GRACE)


def refund_order(number: str, amount: Money, reason: str, actor: Actor) -> list[Refund]:
    """A free amount given back as the desk gives it; the refunds that bring it."""
    wishes = Wishes(other_minor=amount.minor)
    return credits.refund(number, wishes, key=random_key(), seen=str(amount), reason=reason, actor=actor).refunds


def attempt_of(order: Order) -> Attempt:
    return attempts(order.number)[-1]


def rows(order: Order) -> list[tuple[str, str, int]]:
    """(kind, state, amount) of each refund."""
    return [(row.kind, row.state, row.amount_minor) for row in attempt_of(order).refunds]


def issues() -> list[str]:
    session().rollback()
    found = select(PaymentIssue.kind).where(PaymentIssue.resolved_at.is_(None)).order_by(PaymentIssue.id)
    return list(session().scalars(found))


def given() -> list[int]:
    session().rollback()
    return list(session().scalars(select(Credit.amount_minor).order_by(Credit.id)))


def money(order: Order) -> Any:
    return summary(order_named(order.number))


def elsewhere(order: Order, minor: int, name: str = "re_desk") -> RefundState:
    return RefundState("succeeded", name, None, order.money(minor))
