"""Which providers this shop offers, in the order in which shoppers see them."""

from collections.abc import Callable

from app.config import Settings
from app.payments.providers import bank_transfer, cash_on_delivery, chapa, mpesa, paypal, paystack, stripe
from app.payments.providers.base import ON_A_PAGE, NotConfigured, Patience, Provider
from app.payments.providers.demo import DemoProvider, DemoStore

Configured = Callable[[Settings, Patience], Provider | None]

# A new provider is a module with such a function, and a line here.
WITH_KEYS: tuple[Configured, ...] = (
    stripe.configured,
    paypal.configured,
    chapa.configured,
    paystack.configured,
    mpesa.configured,
    bank_transfer.configured,
    cash_on_delivery.configured,
)


def providers(settings: Settings, demo_store: DemoStore, patience: Patience = ON_A_PAGE) -> dict[str, Provider]:
    """The providers that can be used, by name. A half-configured one is left out; `complaints` says why."""
    found, _ = _with_keys(settings, patience)
    if _demo_is_wanted(settings) and not _is_live(found):
        found.append(DemoProvider(demo_store, settings.secret_key))
    return {provider.name: provider for provider in found}


def complaints(settings: Settings) -> list[str]:
    """Sentences for the operator about providers that are not offered although something is set for them."""
    found, problems = _with_keys(settings, ON_A_PAGE)
    if settings.demo_payments and _is_live(found):
        problems.append("DEMO_PAYMENTS is on, but there are live keys: the demo provider stays off.")
    if not found and not _demo_is_wanted(settings):
        problems.append("No payment provider is configured, so nothing can be paid in this shop.")
    return problems


def _with_keys(settings: Settings, patience: Patience) -> tuple[list[Provider], list[str]]:
    found: list[Provider] = []
    problems: list[str] = []
    for configured in WITH_KEYS:
        try:
            provider = configured(settings, patience)
        except NotConfigured as problem:
            problems.append(str(problem))
            continue
        if provider is not None:
            found.append(provider)
    return found, problems


def _is_live(found: list[Provider]) -> bool:
    """Whether keys move real money. What staff write down by hand needs no keys."""
    return any(provider.calls_out and not provider.test for provider in found)


def _demo_is_wanted(settings: Settings) -> bool:
    return settings.demo_payments or not settings.is_production
