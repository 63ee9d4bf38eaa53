"""Bank transfer: the shopper sends the money to our account in a few days, with the order's number on it."""

from datetime import timedelta
from functools import lru_cache

from app.config import Settings
from app.lib.money import Money
from app.payments.providers.base import ON_A_PAGE, NextStep, Patience, PaymentRequest
from app.payments.providers.by_hand import BANK_TRANSFER, ByHand


@lru_cache(maxsize=8)
def configured(settings: Settings, patience: Patience = ON_A_PAGE) -> "BankTransfer | None":
    """Offered when BANK_TRANSFER says where the money goes."""
    if not settings.bank_transfer.strip():
        return None
    return BankTransfer(settings.bank_transfer, settings.bank_transfer_days)


class BankTransfer(ByHand):
    """`account` is what the shopper needs to know of it, with | where a line ends."""

    name = BANK_TRANSFER
    title = "Bank transfer"
    closed = "No transfer had come when this was closed."

    def __init__(self, account: str, days: int) -> None:
        self._account = [line.strip() for line in account.split("|") if line.strip()]
        self.min_lifetime = timedelta(days=days)
        self.max_lifetime = timedelta(days=days)

    def supports(self, amount: Money, country: str) -> bool:
        return amount.minor > 0

    def start(self, request: PaymentRequest) -> NextStep:
        lines = [
            f"Transfer {request.amount} to this account:",
            *self._account,
            f"Reference: {request.order_number}",
            f"The transfer has to reach us by {request.expires_at:%d %B %Y}; your items are held until then.",
        ]
        return NextStep("none", provider_ref=request.reference, expires_at=request.expires_at, message="\n".join(lines))
