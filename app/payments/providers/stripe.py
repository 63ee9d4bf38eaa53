"""Stripe Checkout through Stripe's SDK. The shopper pays on Stripe's page; no card number comes near us."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import count
from math import ceil
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from app.config import Settings
from app.lib.money import Money
from app.payments.providers import signatures
from app.payments.providers.base import (
    ON_A_PAGE,
    ListedPayment,
    MalformedEvent,
    NextStep,
    NotConfigured,
    NotUnderstood,
    Patience,
    PaymentRequest,
    PaymentState,
    Provider,
    ProviderError,
    ProviderEvent,
    ProviderRefused,
    ProviderUnavailable,
    RefundRequest,
    RefundState,
)
from app.payments.providers.stripe_events import read_event
from app.payments.providers.stripe_objects import (
    UNITS,
    Unreadable,
    can_charge,
    decline_sentence,
    has_more_refunds,
    listed_session,
    part,
    refund_state,
    required_text,
    session_state,
    text,
)
from app.payments.providers.units import InexactAmount

if TYPE_CHECKING:
    from stripe import StripeClient, StripeError

T = TypeVar("T")

PUBLIC_API = "https://api.stripe.com"
CONFLICT_WAITS = (0.1, 0.2, 0.4, 0.8)  # seconds
MOST_LINES = 100  # Stripe refuses sessions with more
PAGES_ON_A_PAGE = 2  # of a hundred sessions; the one that is looked for is minutes old


@lru_cache(maxsize=8)
def configured(settings: Settings, patience: Patience = ON_A_PAGE) -> "StripeProvider | None":
    """Stripe as the settings describe it, or None without any. Raises NotConfigured when half is missing.

    The same provider for the same settings, so that its connections are used again.
    """
    key, secrets = settings.stripe_secret_key, settings.stripe_webhook_secret
    if not key and not secrets:
        return None
    if not key:
        raise NotConfigured("STRIPE_WEBHOOK_SECRET is set, STRIPE_SECRET_KEY is not: Stripe is not offered.")
    if not key.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
        raise NotConfigured("STRIPE_SECRET_KEY must begin with sk_ or rk_ and test_ or live_: not offered.")
    if not secrets:
        raise NotConfigured("STRIPE_SECRET_KEY is set, STRIPE_WEBHOOK_SECRET is not: Stripe is not offered.")
    return StripeProvider(key, secrets, api_base=settings.stripe_api_base, patience=patience)


class TooMuchToRead(NotUnderstood):
    """A list goes on beyond what may be looked through."""


class StripeProvider(Provider):
    """Needs a secret key, and at least one webhook secret to believe any message."""

    name = "stripe"
    title = "Card"
    # Stripe closes a session after half an hour at the earliest; the minute is for the way there.
    min_lifetime = timedelta(minutes=31)

    def __init__(
        self,
        secret_key: str,
        webhook_secrets: tuple[str, ...],
        *,
        api_base: str = "",
        patience: Patience = ON_A_PAGE,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.test = "_live_" not in secret_key[:8]
        self.form_action_origins = (_origin(api_base) if api_base else "https://checkout.stripe.com",)
        self._secret_key = secret_key
        self._webhook_secrets = webhook_secrets
        self._api_base = api_base or PUBLIC_API
        self._patience = patience
        self._now = now

    def supports(self, amount: Money, country: str) -> bool:
        return can_charge(amount)

    def start(self, request: PaymentRequest) -> NextStep:
        key = f"{request.reference}-v{request.version}"
        session = self._ask(
            lambda: self._client.v1.checkout.sessions.create(
                params=cast(Any, _session_params(request)), options={"idempotency_key": key}
            )
        )
        try:
            return NextStep(
                kind="redirect",
                url=_page_address(session),
                provider_ref=required_text(session, "id"),
                expires_at=datetime.fromtimestamp(session["expires_at"], UTC),
            )
        except (Unreadable, KeyError, TypeError, ValueError, OverflowError):
            raise ProviderUnavailable("Stripe's answer to a new session cannot be read.") from None

    def look_up(self, reference: str, provider_ref: str | None) -> PaymentState:
        session_id = provider_ref or self._search(reference)
        if session_id is None:
            return PaymentState("unknown", error_code="not_found")
        try:
            session = self._ask(
                lambda: self._client.v1.checkout.sessions.retrieve(
                    session_id, params={"expand": ["payment_intent.latest_charge.refunds"]}
                )
            )
        except ProviderRefused as refusal:
            if refusal.code == "resource_missing":
                return PaymentState("unknown", error_code="not_found")
            raise
        return self._state(session, reference)

    def expire(self, reference: str, provider_ref: str) -> PaymentState:
        try:
            session = self._ask(lambda: self._client.v1.checkout.sessions.expire(provider_ref))
        except ProviderRefused:
            # Only an open session can be closed: whatever this one is by now is what counts.
            return self.look_up(reference, provider_ref)
        return self._state(session, reference)

    def refund(self, request: RefundRequest) -> RefundState:
        params = {
            "payment_intent": self._payment_of(request),
            "amount": _wire(request.amount),
            "reason": "duplicate" if request.reason == "duplicate" else "requested_by_customer",
            "metadata": {"refund_id": request.reference, "attempt_id": request.attempt_reference},
        }
        key = request.reference if request.reference.startswith("ref-") else f"ref-{request.reference}"
        refund = self._ask(
            lambda: self._client.v1.refunds.create(params=cast(Any, params), options={"idempotency_key": key})
        )
        return _readable(refund_state, refund)

    def look_up_refund(self, request: RefundRequest, provider_ref: str | None) -> RefundState | None:
        if provider_ref is None:
            mine = (r for r in self._refunds(self._payment_of(request)) if r.reference == request.reference)
            return next(mine, None)
        try:
            return _readable(refund_state, self._ask(lambda: self._client.v1.refunds.retrieve(provider_ref)))
        except ProviderRefused as refusal:
            if refusal.code == "resource_missing":
                return None
            raise

    def read_webhook(self, headers: Mapping[str, str], body: bytes, reference: str = "") -> ProviderEvent:
        # Checked here rather than by the SDK, which accepts timestamps from the future and fails in its own
        # way on bytes that are not text. The signature is over bytes, so bytes are what is compared.
        if not any(secret.strip() for secret in self._webhook_secrets):
            raise NotConfigured("STRIPE_WEBHOOK_SECRET is not set, so no message from Stripe can be believed.")
        header = signatures.header_named(headers, "Stripe-Signature")
        signatures.verify(header, body, self._webhook_secrets, now=self._now())
        try:
            event = json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):
            raise MalformedEvent("The message is signed but is not JSON.") from None
        return read_event(event, test=self.test)

    def list_payments(self, since: datetime, until: datetime) -> Iterator[ListedPayment]:
        """By when the session was made. Those of other uses of the account are in it too."""
        params = {
            "created": {"gte": int(since.timestamp()), "lt": ceil(until.timestamp())},
            "limit": 100,
            "expand": ["data.payment_intent.latest_charge"],
        }
        for session in self._pages(self._client.v1.checkout.sessions.list, params):
            if session.get("mode") == "payment":  # not one that saves a card for something else
                yield _readable(listed_session, session)

    def _state(self, session: Mapping[str, Any], reference: str) -> PaymentState:
        owner = text(session.get("client_reference_id"))
        if owner != reference:
            return PaymentState("unknown", error_code="other_reference")
        state = _readable(session_state, session)
        if not has_more_refunds(session) or state.provider_payment_ref is None:
            return state
        return replace(state, refunds=tuple(self._refunds(state.provider_payment_ref)))

    def _search(self, reference: str) -> str | None:
        """The id of this attempt's session among those of the last day, the longest a session can live.

        Stripe cannot filter by our reference. A paid session goes before an open one of the same attempt. Where
        somebody waits only the newest are looked through, and ProviderUnavailable raised when there are more.
        """
        since = int(self._now() - 25 * 3600)
        params = {"created": {"gte": since}, "limit": 100}
        most = None if self._patience.retries else PAGES_ON_A_PAGE
        sessions = self._pages(self._client.v1.checkout.sessions.list, params, most=most)
        mine: list[Mapping[str, Any]] = []
        try:
            mine.extend(one for one in sessions if one.get("client_reference_id") == reference)
        except TooMuchToRead:
            if not mine:
                raise
        mine.sort(key=lambda one: one.get("payment_status") != "paid")
        return required_text(mine[0], "id") if mine else None

    def _refunds(self, payment_intent: str) -> Iterator[RefundState]:
        params = {"payment_intent": payment_intent, "limit": 100}
        for refund in self._pages(self._client.v1.refunds.list, params):
            yield _readable(refund_state, refund)

    def _pages(
        self, call: Callable[..., Any], params: dict[str, Any], *, most: int | None = None
    ) -> Iterator[Mapping[str, Any]]:
        for number in count():
            if number == most:
                raise TooMuchToRead("Stripe has more than can be looked through while somebody waits.")
            page = self._ask(lambda params=params: call(params=params))  # type: ignore[misc]
            rows = page.get("data")
            if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
                raise NotUnderstood("Stripe's list cannot be read.")
            yield from rows
            if not page.get("has_more") or not rows:
                return
            params = {**params, "starting_after": rows[-1].get("id")}

    def _payment_of(self, request: RefundRequest) -> str:
        if request.provider_payment_ref:
            return request.provider_payment_ref
        found = self.look_up(request.attempt_reference, request.provider_ref)
        if found.provider_payment_ref is None:
            raise ProviderRefused("no_payment", "There is no payment to send money back from.")
        return found.provider_payment_ref

    @cached_property
    def _client(self) -> "StripeClient":
        import stripe  # slow to load, and most processes never talk to Stripe

        from app.payments.providers import deadline

        return stripe.StripeClient(
            self._secret_key,
            base_addresses={"api": self._api_base},
            http_client=stripe.RequestsClient(
                timeout=(self._patience.connect, self._patience.answer),
                session=deadline.session(),
            ),
            max_network_retries=self._patience.retries,
        )

    def _ask(self, call: Callable[[], Any]) -> Mapping[str, Any]:
        """Stripe's answer as plain data, or one of our errors."""
        import stripe

        try:
            answer = _asked_alone(call).to_dict()
        except stripe.StripeError as error:
            raise _translated(error) from None
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
            raise ProviderUnavailable("Stripe's answer cannot be read.") from None
        return cast(Mapping[str, Any], answer)


def _asked_alone(call: Callable[[], Any]) -> Any:
    """The answer. While another click asks the very same, Stripe says 409; a moment later both get one answer."""
    import stripe

    for wait in CONFLICT_WAITS:
        try:
            return call()
        except stripe.StripeError as error:
            if error.http_status != 409:
                raise
        time.sleep(wait)
    return call()


def _session_params(request: PaymentRequest) -> dict[str, Any]:
    """The same request always gives the same parameters; the idempotency key relies on it."""
    metadata = {"order_id": request.order_number, "attempt_id": request.reference}
    joint = "&" if "?" in request.return_url else "?"
    params = {
        "mode": "payment",
        "success_url": f"{request.return_url}{joint}session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": request.cancel_url,
        "client_reference_id": request.reference,
        "expires_at": int(request.expires_at.timestamp()),
        "line_items": _line_items(request),
        "metadata": metadata,
        # A session's metadata is not copied to its payment, and refunds and disputes only know the payment.
        "payment_intent_data": {"metadata": metadata, "description": request.description[:500]},
    }
    return params | ({"customer_email": request.email} if request.email else {})


def _line_items(request: PaymentRequest) -> list[dict[str, Any]]:
    """The order's own lines when they say exactly what is paid, else one line that does."""
    lines = request.lines
    exact = request.lines_are_exact and all(
        line.name.strip() and line.quantity > 0 and line.unit.minor >= 0 and UNITS.is_exact(line.unit) for line in lines
    )
    if not exact or not 0 < len(lines) <= MOST_LINES:
        return [_line_item(f"Order {request.order_number}", 1, request.amount)]
    return [_line_item(line.name, line.quantity, line.unit) for line in lines]


def _line_item(name: str, quantity: int, unit: Money) -> dict[str, Any]:
    return {
        "quantity": quantity,
        "price_data": {
            "currency": unit.currency.lower(),
            "unit_amount": _wire(unit),
            "product_data": {"name": name[:250]},
        },
    }


def _wire(amount: Money) -> int:
    try:
        return UNITS.to_wire(amount)
    except InexactAmount as error:
        raise ProviderRefused("inexact_amount", "This amount cannot be paid by card.", detail=str(error)) from None


def _page_address(session: Mapping[str, Any]) -> str:
    url = session.get("url")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise Unreadable("A session without an address to send the shopper to.")
    return url


def _readable(read: Callable[[Mapping[str, Any]], T], thing: Mapping[str, Any]) -> T:
    try:
        return read(thing)
    except Unreadable as error:
        raise NotUnderstood(f"Stripe's answer cannot be read: {error}") from None


REFUSALS = {
    "amount_too_small": "This amount is too small to be paid by card.",
    "amount_too_large": "This amount is too large to be paid by card.",
    "email_invalid": "The card provider does not accept this e-mail address.",
    "charge_already_refunded": "This payment has already been refunded in full.",
    "charge_disputed": "This payment is disputed, so it cannot be refunded here.",
    "idempotency_error": "This payment was started before with other content.",
}


def _translated(error: "StripeError") -> ProviderError:
    """An error of the SDK in the words of the contract. Stripe's text goes to the log, not to shoppers."""
    import stripe

    said = f"{type(error).__name__}, HTTP {error.http_status}, request {error.request_id}"
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return NotConfigured(f"Stripe does not accept STRIPE_SECRET_KEY for this call ({said}).")
    if isinstance(error, stripe.CardError):
        details = part(cast(Mapping[str, Any], error.json_body or {}), "error")
        code = text(details.get("decline_code")) or text(error.code) or "card_declined"
        return ProviderRefused(code, decline_sentence(code), retryable=True, detail=said)
    if isinstance(error, stripe.RateLimitError):
        return ProviderUnavailable(f"Stripe asks us to slow down ({said}).", outcome_unknown=False)
    if isinstance(error, stripe.IdempotencyError):
        return ProviderRefused("idempotency_error", REFUSALS["idempotency_error"], detail=said)
    if isinstance(error, stripe.InvalidRequestError):
        code = text(error.code) or "invalid_request"
        sentence = REFUSALS.get(code, "This cannot be paid by card just now.")
        return ProviderRefused(code, sentence, detail=f"{said}: {error.user_message}"[:500])
    return ProviderUnavailable(f"Stripe gave no usable answer ({said}).")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
