"""What several pages about one order need."""

from app.lib.errors import NotFound
from app.lib.money import Money
from app.orders import queries
from app.orders.models import Order
from app.payments.credits import Account
from app.payments.promises import sends_back
from app.payments.registry import all_providers


def found(number: str) -> Order:
    """Raises NotFound."""
    order = queries.by_number(number) if queries.is_number(number) else None
    if order is None:
        raise NotFound("There is no such order.")
    return order


# Of those that are not offered any more, whose payments are still here.
ALL_TITLES = {
    "stripe": "Card",
    "paypal": "PayPal",
    "chapa": "Chapa",
    "paystack": "Paystack",
    "mpesa": "M-Pesa",
    "demo": "Demo payment",
    "bank_transfer": "Bank transfer",
    "cash_on_delivery": "Cash on delivery",
}


def titles() -> dict[str, str]:
    """What staff call each provider."""
    return ALL_TITLES | {provider.name: provider.title for provider in all_providers().values()}


def how_it_goes(books: Account, minor: int) -> list[str]:
    """By which ways so much money would go back, the newest payment first: $5.00 by Card."""
    names, ways = titles(), []
    for attempt in books.counted:
        part = min(minor, attempt.left.minor)
        if part and not attempt.is_disputed:
            minor -= part
            ways.append(_way(Money(part, books.order.currency), attempt.provider, names))
    return ways


def _way(amount: Money, provider: str, names: dict[str, str]) -> str:
    title = names.get(provider, provider)
    if sends_back(provider):
        return f"{amount} by {title}"
    return f"{amount} by hand, because {title} cannot send money back: it then waits in Payments for whoever sends it"
