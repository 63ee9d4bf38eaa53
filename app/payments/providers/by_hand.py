"""Money nobody tells us about over a network: it comes in its own time, and staff write down that it came."""

from collections.abc import Mapping

from app.payments.providers.base import (
    PaymentState,
    Provider,
    ProviderEvent,
    ProviderRefused,
    RefundRequest,
    RefundState,
    WebhookRejected,
)

BANK_TRANSFER = "bank_transfer"
CASH_ON_DELIVERY = "cash_on_delivery"
BY_HAND = (BANK_TRANSFER, CASH_ON_DELIVERY)


class ByHand(Provider):
    """What both have in common: there is nobody to ask, and nobody who could be told anything."""

    test = False
    form_action_origins: tuple[str, ...] = ()
    calls_out = False
    can_refund = False
    closed = "This way to pay was closed before any money had come."

    def look_up(self, reference: str, provider_ref: str | None) -> PaymentState:
        """It is still waited for, as far as anybody can say: what came is known to the shop alone."""
        return PaymentState("pending", provider_ref=reference)

    def expire(self, reference: str, provider_ref: str) -> PaymentState:
        return PaymentState("cancelled", provider_ref=reference, error_message=self.closed)

    def refund(self, request: RefundRequest) -> RefundState:
        raise ProviderRefused("by_hand", f"{self.title} cannot send money back: send it by hand, and note that.")

    def look_up_refund(self, request: RefundRequest, provider_ref: str | None) -> RefundState | None:
        return None

    def read_webhook(self, headers: Mapping[str, str], body: bytes, reference: str = "") -> ProviderEvent:
        raise WebhookRejected(f"{self.title} sends no messages.")
