"""Cash on delivery: the order is accepted now, and paid to whoever brings it."""

from datetime import timedelta
from functools import lru_cache

from app.config import Settings
from app.lib.money import Money
from app.payments.providers.base import ON_A_PAGE, NextStep, Patience, PaymentRequest
from app.payments.providers.by_hand import CASH_ON_DELIVERY, ByHand


@lru_cache(maxsize=8)
def configured(settings: Settings, patience: Patience = ON_A_PAGE) -> "CashOnDelivery | None":
    """Offered in the countries that CASH_ON_DELIVERY names."""
    return CashOnDelivery(settings.cash_on_delivery) if settings.cash_on_delivery else None


class CashOnDelivery(ByHand):
    """The goods go out first, so choosing it confirms the order."""

    name = CASH_ON_DELIVERY
    title = "Cash on delivery"
    pays_later = True
    min_lifetime = timedelta(0)
    closed = "Nothing was paid on delivery."

    def __init__(self, countries: tuple[str, ...]) -> None:
        self._countries = countries

    def supports(self, amount: Money, country: str) -> bool:
        return amount.minor > 0 and country in self._countries

    def start(self, request: PaymentRequest) -> NextStep:
        message = f"You pay {request.amount} in cash when your order is delivered."
        return NextStep("none", provider_ref=request.reference, message=message)
