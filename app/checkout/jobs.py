"""Checkout's background work."""

from app.checkout import services
from app.lib.clock import every
from app.lib.jobs import job

every(30, "checkout.expire_unpaid")


@job("checkout.expire_unpaid")
def expire_unpaid() -> None:
    services.expire_unpaid()


@job("checkout.expire_order")
def expire_order(order_id: int) -> None:
    services.expire(order_id)
