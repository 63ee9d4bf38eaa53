"""Message and shopper at the same instant, over fifty orders."""

from tests.prove.conftest import report
from tests.races.test_processes import meet


def test_message_and_shopper_arrive_at_the_same_instant_over_fifty_orders(app, at_once, street):
    meet(app, at_once, street, orders=50)
    report("Message and shopper at the same instant: 50 orders, four processes, each paid once")
