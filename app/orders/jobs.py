"""The letters about orders, and what follows from a proved address."""

from app.lib.jobs import job
from app.orders import letters, services


@job("orders.mail_confirmation")
def mail_confirmation(order_id: int) -> None:
    letters.send("confirmation", order_id, key=f"order-confirmation:{order_id}")


@job("orders.mail_shipped")
def mail_shipped(order_id: int) -> None:
    letters.send("shipped", order_id, key=f"order-shipped:{order_id}")


@job("orders.mail_cancelled")
def mail_cancelled(order_id: int) -> None:
    letters.send("cancelled", order_id, key=f"order-cancelled:{order_id}")


@job("orders.mail_expired")
def mail_expired(order_id: int) -> None:
    letters.send("expired", order_id, key=f"order-expired:{order_id}")


@job("orders.mail_sold_out")
def mail_sold_out(order_id: int) -> None:
    letters.send("sold_out", order_id, key=f"order-sold-out:{order_id}")


@job("orders.mail_refunded")
def mail_refunded(order_id: int, refund_id: int, amount: str) -> None:
    letters.send("refunded", order_id, key=f"order-refunded:{refund_id}", amount=amount)


@job("orders.claim")
def claim(user_id: int) -> None:
    services.claim(user_id)
