"""How the providers fare, and asking one of them now."""

from flask import Response, url_for
from sqlalchemy import select

from app.admin.blueprint import bp
from app.admin.order import ask_provider
from app.lib.db import session
from app.lib.errors import NotAllowed, NotFound
from app.lib.htmx import respond
from app.payments import health
from app.payments.health import Fares
from app.payments.models import Attempt
from app.payments.registry import all_providers, is_watched


def how_they_fare() -> list[Fares]:
    """Everybody who can be away, in the order in which shoppers see them."""
    far = [provider for provider in all_providers().values() if is_watched(provider)]
    return health.of_all([(provider.name, provider.title) for provider in far]) if far else []


@bp.post("/payments/providers/<name>/ask")
def ask_how_provider_fares(name: str) -> Response:
    """Ask about the newest payment there: any answer says that the provider is back."""
    provider = all_providers().get(name)
    if provider is None or not is_watched(provider):
        raise NotFound("This shop has no such provider.")
    newest = session().scalar(
        select(Attempt.reference).where(Attempt.provider == name).order_by(Attempt.id.desc()).limit(1)
    )
    session().rollback()
    if newest is None:
        raise NotAllowed(f"Nobody has paid with {provider.title} yet, so there is nothing to ask about.")
    health.ask_soon(name)
    ask_provider(newest, name)
    return respond(
        "admin/payments/_providers.html",
        then=url_for(".payments"),
        say=f"{provider.title} answers.",
        fares=how_they_fare(),
    )
