"""Money's background work, one thin function each."""

from datetime import date

from app.lib.clock import every
from app.lib.jobs import job
from app.payments import book_days, demo_desk, failures, inbox, polling, refunds, starting, webhooks

every(10, "payments.poll")
every(60, "payments.look_after_inbox")
every(3600, "payments.open_books")
every(3600, "payments.prune_inbox")


@job("payments.poll")
def poll() -> None:
    polling.poll()


@job("payments.check")
def check(reference: str) -> None:
    polling.ask_in_turn(reference)


@job("payments.start_again")
def start_again(reference: str, tries: int) -> None:
    starting.start_again(reference, tries)


@job("payments.read_webhook")
def read_webhook(event_id: int) -> None:
    webhooks.read(event_id)


@job("payments.look_after_inbox")
def look_after_inbox() -> None:
    inbox.look_after()


@job("payments.prune_inbox")
def prune_inbox() -> None:
    inbox.prune()


@job("payments.open_books")
def open_books() -> None:
    book_days.open_due()


@job("payments.compare_books")
def compare_books(provider: str, day: str) -> None:
    book_days.compare(provider, date.fromisoformat(day))


@job("payments.ask_about_difference")
def ask_about_difference(difference_id: int) -> None:
    book_days.ask_again(difference_id)


@job("payments.tell_failed")
def tell_failed(order_id: int) -> None:
    failures.tell(order_id)


@job("payments.send_refund")
def send_refund(refund_id: int) -> None:
    refunds.send(refund_id)


@job("payments.demo_message")
def demo_message(reference: str) -> None:
    demo_desk.post_message(reference)
