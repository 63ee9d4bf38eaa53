"""Money's background work, one thin function each."""

from app.lib.clock import every
from app.lib.jobs import job
from app.payments import demo_desk, refunds, services, webhooks

every(30, "payments.poll")


@job("payments.poll")
def poll() -> None:
    services.poll()


@job("payments.check")
def check(reference: str) -> None:
    services.check(reference, channel="poller")


@job("payments.read_webhook")
def read_webhook(event_id: int) -> None:
    webhooks.read(event_id)


@job("payments.send_refund")
def send_refund(refund_id: int) -> None:
    refunds.send(refund_id)


@job("payments.demo_message")
def demo_message(reference: str) -> None:
    demo_desk.post_message(reference)
