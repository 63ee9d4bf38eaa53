"""The providers of this shop, ready to be asked."""

from app.lib import runtime
from app.lib.errors import NotFound
from app.lib.money import Money
from app.payments import health
from app.payments.demo_store import TableDemoStore
from app.payments.providers import providers
from app.payments.providers.base import IN_A_JOB, ON_A_PAGE, NotConfigured, Patience, Provider
from app.payments.providers.demo import DemoProvider
from app.payments.watched import watched

__all__ = [
    "IN_A_JOB",
    "ON_A_PAGE",
    "all_providers",
    "away",
    "is_watched",
    "offered",
    "provider_named",
    "provider_of_old",
]


def all_providers(patience: Patience = ON_A_PAGE) -> dict[str, Provider]:
    found = providers(runtime.settings(), TableDemoStore(), patience)
    return {name: watched(one, patience) if is_watched(one) else one for name, one in found.items()}


def is_watched(provider: Provider) -> bool:
    """Whether it is somebody else, who may be away."""
    return provider.calls_out and not isinstance(provider, DemoProvider)


def provider_named(name: str, patience: Patience = ON_A_PAGE) -> Provider:
    """Raises NotFound for a provider this shop does not have."""
    found = all_providers(patience).get(name)
    if found is None:
        raise NotFound("This way to pay is not offered. Choose another one.")
    return found


def provider_of_old(name: str, patience: Patience = ON_A_PAGE) -> Provider:
    """The provider of an attempt that was made before. Raises NotConfigured when its keys were taken out since."""
    found = all_providers(patience).get(name)
    if found is None:
        raise NotConfigured(f"There are payments by {name}, but its keys are not set: it cannot be asked about them.")
    return found


def offered(amount: Money, country: str) -> list[Provider]:
    """The ways to pay exactly this amount from this country, in the order in which shoppers see them."""
    return [provider for provider in _able(amount, country) if not _is_away(provider)]


def away(amount: Money, country: str) -> list[Provider]:
    """The ways to pay that would be offered, did their providers answer."""
    return [provider for provider in _able(amount, country) if _is_away(provider)]


def _able(amount: Money, country: str) -> list[Provider]:
    return [provider for provider in all_providers().values() if provider.supports(amount, country)]


def _is_away(provider: Provider) -> bool:
    return is_watched(provider) and health.is_closed(provider.name)
