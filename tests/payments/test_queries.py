"""What is read about the money of an order."""

from collections.abc import Callable
from typing import Any

from app.checkout.services import start_payment
from app.lib.db import session
from app.payments.queries import attempts_of
from tests.factories import an_order


def test_attempts_and_their_refunds_are_of_one_moment(queries: Callable[..., Any]):
    """In two statements a refund that ends between them would be neither on its way nor sent back."""
    order = an_order()
    start_payment(order.number, "demo")
    order_id = order.id
    session().rollback()

    with queries(at_most=1):
        (attempt,) = attempts_of(order_id)
        assert attempt.refunds == []
