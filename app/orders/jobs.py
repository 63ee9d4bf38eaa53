"""The letters about orders, and what follows from a proved address."""

from hashlib import sha256

from app.lib.jobs import job
from app.orders import letters, services


@job("orders.mail_confirmation")
def mail_confirmation(order_id: int) -> None:
    letters.confirm(order_id, key=f"order-confirmation:{order_id}")


@job("orders.mail_confirmed")
def mail_confirmed(order_id: int) -> None:
    """Paid at the door."""
    letters.send("confirmed", order_id, key=f"order-confirmed:{order_id}")


@job("orders.mail_transfer")
def mail_transfer(order_id: int, instructions: str) -> None:
    """Paid by bank transfer; who is told something else, such as a later day, is written to again."""
    told = sha256(instructions.encode()).hexdigest()[:16]
    letters.send("transfer", order_id, key=f"order-transfer:{order_id}:{told}", instructions=instructions)


@job("orders.mail_payment_failed")
def mail_payment_failed(order_id: int, hour: int) -> None:
    letters.send("payment_failed", order_id, key=f"order-payment-failed:{order_id}:{hour}")


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
    letters.tell_of_refund(order_id, refund_id, amount, key=f"order-refunded:{refund_id}")


@job("orders.claim")
def claim(user_id: int) -> None:
    services.claim(user_id)
