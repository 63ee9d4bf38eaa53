"""What staff decide about money: refund it, let it count, or say that it was dealt with."""

from app.lib.db import retrying, transaction
from app.lib.errors import Invalid, NotAllowed
from app.lib.money import Money
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor
from app.payments import credits, refunds
from app.payments.attempts import locked
from app.payments.issues import close_issues
from app.payments.models import Attempt
from app.payments.promises import LOCKED, is_unheard_of, recount
from app.payments.queries import DOUBTFUL, attempts_of
from app.payments.staff_queries import left_to_refund

LONGEST_NOTE = 500
ANSWERED_BY_REFUND = (*DOUBTFUL, "part", "excess", "second", "late", "refund_failed")  # a dispute goes on at the bank


def in_words(amounts: tuple[Money, ...]) -> str:
    """$226.55, or $226.55 and €10.00 when an order was paid in two currencies by mistake."""
    return " and ".join(str(amount) for amount in amounts)


@retrying
def refund_rest(number: str, seen: str, reason: str, actor: Actor) -> tuple[Money, ...]:
    """Send back all of the order's money that was not sent back yet; gives back what that was.

    `seen` is the amount the person agreed to, as `in_words` writes it. The same again sends nothing more.
    Raises NotAllowed when nothing was ever paid, or when by now another amount is left.
    """
    with transaction():
        order = orders.locked(number)
        attempts = attempts_of(order.id)
        left = left_to_refund(attempts)
        if not left:
            _refuse_disputed(attempts)
            _refuse_unpaid(order, attempts)
            return ()
        _refuse_other_amount(left, seen)
        refunds.refund_everything(order, reason, actor)
        for attempt in attempts:
            close_issues(attempt, f"refunded {in_words(left)}", actor, ANSWERED_BY_REFUND)
        return left


@retrying
def refund_attempt(reference: str, seen: str, reason: str, actor: Actor) -> tuple[Money, ...]:
    """The same for one attempt: a second payment, or one of a wrong amount. Raises NotAllowed, NotFound."""
    with transaction():
        order, attempt = locked(reference)
        left = left_to_refund((attempt,))
        if not left:
            _refuse_disputed((attempt,))
            _refuse_unpaid(order, (attempt,))
            return ()
        _refuse_other_amount(left, seen)
        credits.give_back_everything(order, reason, actor, only={attempt.id})
        close_issues(attempt, f"refunded {in_words(left)}", actor, ANSWERED_BY_REFUND)
        return left


@retrying
def refund_excess(number: str, seen: str, reason: str, actor: Actor) -> tuple[Money, ...]:
    """Send back what was paid beyond the order, and nothing of the order itself. Raises NotAllowed."""
    with transaction():
        order = orders.locked(number)
        excess = credits.locked_account(order).excess
        if not excess:
            return ()
        _refuse_other_amount((order.money(excess),), seen)
        credits.give_back_excess(order, reason, actor)
        for attempt in attempts_of(order.id):
            close_issues(attempt, f"refunded {order.money(excess)}", actor, ("excess",))
            recount(attempt)  # a refund of the same that had failed is answered with it
        return (order.money(excess),)


@retrying
def dealt_with(reference: str, kind: str, note: str, actor: Actor) -> None:
    """A person settled an issue outside the shop and says how; it stays readable in the order's history.

    Asked again it changes nothing. Raises Invalid without a note, NotFound, and NotAllowed while the money
    itself is undecided: then it has to be accepted or refunded.
    """
    sentence = note.strip()
    if not sentence:
        raise Invalid("Write what was done about it.", "note")
    if len(sentence) > LONGEST_NOTE:
        raise Invalid(f"Use at most {LONGEST_NOTE} characters.", "note")
    with transaction():
        order, attempt = locked(reference)
        if kind in DOUBTFUL and attempt.review in DOUBTFUL and attempt.left:
            raise NotAllowed(f"{attempt.left} still waits for a decision: accept it, or refund it.")
        if kind == "part" and order.awaits_money and attempt.left:
            raise NotAllowed(f"{attempt.left} waits for the rest of the order. Once that comes, this ends by itself.")
        if kind == "refund_unheard" and any(map(is_unheard_of, attempt.refunds)):
            raise NotAllowed("Open the refund and say first that nobody waits for it any longer.")
        if kind == attempt.review and not attempt.captured_minor:
            # A message spoke of money that never came: the order can be paid like any other again.
            attempt.review = ""
        if close_issues(attempt, sentence, actor, (kind,)):
            orders.record(
                order,
                "payment",
                f"Dealt with: {sentence}",
                is_internal=True,
                actor=actor,
                reference=reference,
            )


def _refuse_disputed(attempts: tuple[Attempt, ...]) -> None:
    if any(attempt.is_disputed and attempt.left for attempt in attempts):
        raise NotAllowed(LOCKED)


def _refuse_unpaid(order: Order, attempts: tuple[Attempt, ...]) -> None:
    if not any(attempt.captured_minor for attempt in attempts):
        raise NotAllowed(f"Nothing was paid here for order {order.number}, so there is nothing to refund.")


def _refuse_other_amount(left: tuple[Money, ...], seen: str) -> None:
    if in_words(left) != seen:
        raise NotAllowed(f"By now {in_words(left)} is left to refund. Look at the order again, then decide.")
