"""PayPal's Orders over plain HTTP. The shopper approves at PayPal; then the shop takes the money.

Approval is not money, and PayPal takes none by itself. So an order that is not captured costs nobody anything, and
that is how one is closed here, for which PayPal has no call: nothing is taken for it any more. Whoever captures must
see to that; see `services.check`.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from app.config import Settings
from app.lib.money import Money
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
    ProviderEvent,
    ProviderRefused,
    ProviderUnavailable,
    RefundRequest,
    RefundState,
)
from app.payments.providers.http import Answer, Caller
from app.payments.providers.oauth import Fetched, Token
from app.payments.providers.paypal_errors import AT_THE_PAYER, FINAL, refusal_of, translated
from app.payments.providers.paypal_events import read_event
from app.payments.providers.paypal_objects import (
    LIFETIME,
    can_charge,
    listed_payment,
    money,
    order_state,
    owner,
    refund_state,
    unit,
    written,
)
from app.payments.providers.paypal_signatures import HOSTS, Certificates, Signatures
from app.payments.providers.reading import Unreadable, required_text, rows, text
from app.payments.providers.units import InexactAmount

T = TypeVar("T")

PUBLIC_API = "https://api-m.paypal.com"
ORDERS = "/v2/checkout/orders"
A_PAGE = 500  # transactions; PayPal's most
LONGEST_REPORT = timedelta(days=31)
A_TRY = 600  # seconds in which captures bear one name
CONFLICT_WAITS = (0.1, 0.2, 0.4, 0.8)  # seconds


@lru_cache(maxsize=8)
def configured(settings: Settings, patience: Patience = ON_A_PAGE) -> "PayPalProvider | None":
    """PayPal as the settings describe it, or None without any. Raises NotConfigured when a part is missing.

    The same provider for the same settings, so that its token, certificates and connections are used again.
    """
    parts = {
        "PAYPAL_CLIENT_ID": settings.paypal_client_id,
        "PAYPAL_CLIENT_SECRET": settings.paypal_client_secret,
        "PAYPAL_WEBHOOK_ID": settings.paypal_webhook_id,
    }
    if not any(parts.values()):
        return None
    missing = [name for name, value in parts.items() if not value]
    if missing:
        raise NotConfigured(f"PayPal is set up by half: {' and '.join(missing)} not set, so it is not offered.")
    return PayPalProvider(
        settings.paypal_client_id,
        settings.paypal_client_secret,
        settings.paypal_webhook_id,
        shop_name=settings.shop_name,
        api_base=settings.paypal_api_base,
        patience=patience,
    )


class PayPalProvider(Provider):
    """Needs a REST app's id and secret, and the id of the webhook to believe any message."""

    name = "paypal"
    title = "PayPal"
    min_lifetime = timedelta(0)
    max_lifetime = LIFETIME

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        webhook_id: str,
        *,
        shop_name: str = "",
        api_base: str = "",
        patience: Patience = ON_A_PAGE,
        certificates: Certificates | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        base = api_base or PUBLIC_API
        host = urlsplit(base).hostname or ""
        self.test = host not in HOSTS or "sandbox" in host
        self.form_action_origins = (_page_origin(base, host),)
        self._keys = (client_id, client_secret)
        self._shop_name = shop_name
        self._caller = Caller(self.title, base, patience)
        self._token = Token(self._fetch_token, now)
        certificates = certificates or Certificates()
        self._signatures = Signatures(webhook_id, self._verdict, certificates if host in HOSTS else None, now)
        self._now = now

    def supports(self, amount: Money, country: str) -> bool:
        return can_charge(amount)

    def start(self, request: PaymentRequest) -> NextStep:
        order = self._ask(
            "POST", ORDERS, key=f"{request.reference}-v{request.version}", body=_new_order(request, self._shop_name)
        )
        if not _readable(lambda thing: _is_for(thing, request), order):
            # PayPal answers a known key with what it opened then, whatever is asked now.
            raise ProviderRefused("idempotency_error", "This payment was started before with other content.")
        order_id = _readable(lambda thing: required_text(thing, "id"), order)
        url = _link(order, "payer-action") or _link(order, "approve")
        if url is None and order.get("status") in ("APPROVED", "COMPLETED"):
            # The shopper was there already: our own page finds out what came of it.
            url = request.return_url
        if url is None:
            raise ProviderUnavailable("PayPal's answer to a new order leads nowhere.")
        return NextStep(kind="redirect", url=url, provider_ref=order_id)

    def look_up(self, reference: str, provider_ref: str | None) -> PaymentState:
        """PayPal cannot be searched by our reference, so without its own name for the order it finds nothing.

        An order whose name never reached us can be had by starting again with the same key. Else nobody will
        capture it, so nothing is lost when the attempt is given up.
        """
        order = self._order(provider_ref) if provider_ref else None
        return self._state(order, reference) if order is not None else PaymentState("unknown", error_code="not_found")

    def capture(self, reference: str, provider_ref: str | None) -> PaymentState:
        """Take the money of an approved order. The order lets it happen once, whoever asks how often."""
        state = self.look_up(reference, provider_ref)
        if state.state != "authorised":
            return state
        # The same name for a while, so that what got lost is not done twice; then another, so that a shopper who
        # has chosen another card meanwhile is not told again what became of the first.
        key = f"{reference}-capture-{state.provider_ref}-{int(self._now() // A_TRY)}"
        try:
            order = self._ask("POST", f"{ORDERS}/{_quoted(state.provider_ref or '')}/capture", key=key, body={})
        except ProviderRefused as no:
            return self._not_captured(reference, state, no)
        return self._state(order, reference)

    def expire(self, reference: str, provider_ref: str) -> PaymentState:
        """What became of it; one without a capture is over, because without us no money moves."""
        state = self.look_up(reference, provider_ref)
        is_open = state.state in ("pending", "authorised") and not state.awaits_money
        return replace(state, state="expired") if is_open else state

    def refund(self, request: RefundRequest) -> RefundState:
        asked = {
            "amount": _wire(request.amount),
            # Both, because PayPal also refuses a second refund under the same invoice when the key is forgotten.
            "custom_id": request.reference,
            "invoice_id": request.reference,
        }
        path = f"/v2/payments/captures/{_quoted(self._capture_of(request))}/refund"
        try:
            refund = self._ask("POST", path, key=request.reference, body=asked)
        except ProviderRefused as no:
            known = self.look_up_refund(request, None) if no.code == "duplicate_invoice_id" else None
            if known is None:
                raise
            return known
        return _readable(refund_state, refund)

    def look_up_refund(self, request: RefundRequest, provider_ref: str | None) -> RefundState | None:
        if provider_ref is not None:
            found = self._ask_or_none(f"/v2/payments/refunds/{_quoted(provider_ref)}")
            return _readable(refund_state, found) if found is not None else None
        state = self.look_up(request.attempt_reference, request.provider_ref)
        return next((one for one in state.refunds if one.reference == request.reference), None)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, reference: str = "") -> ProviderEvent:
        # No time limit: PayPal tries for days, and whatever comes twice is known by its id.
        self._signatures.verify(headers, body)
        try:
            message = json.loads(body.decode("utf-8"), parse_float=str)
        except (ValueError, RecursionError):
            raise MalformedEvent("The message is signed but is not JSON.") from None
        return read_event(message, test=self.test)

    def list_payments(self, since: datetime, until: datetime) -> Iterator[ListedPayment]:
        """Payments received, hours late. Raises NotConfigured unless the app may search transactions."""
        while since < until:
            ends = min(until, since + LONGEST_REPORT)
            for row in self._report(since, ends):
                listed = _readable(listed_payment, row)
                # PayPal's seconds include the last one, which the next report begins with.
                if listed is not None and listed.at < until:
                    yield listed
            since = ends

    def _report(self, since: datetime, until: datetime) -> Iterator[Mapping[str, Any]]:
        number, pages = 1, 1
        while number <= pages:
            asked = {
                "start_date": _moment(since),
                "end_date": _moment(until),
                "fields": "transaction_info",
                "page_size": str(A_PAGE),
                "page": str(number),
            }
            answer = self._ask("GET", "/v1/reporting/transactions", params=asked)
            yield from _readable(lambda thing: rows(thing.get("transaction_details", [])), answer)
            total = answer.get("total_pages")
            number, pages = number + 1, total if isinstance(total, int) else 1

    def _not_captured(self, reference: str, state: PaymentState, no: ProviderRefused) -> PaymentState:
        if no.code == "order_already_captured":
            return self.look_up(reference, state.provider_ref)
        if no.code in AT_THE_PAYER:
            # The order stays open: at PayPal's page the shopper can choose another way.
            return replace(state, state="pending", error_code=no.code, error_message=no.sentence)
        if no.code in FINAL:
            return replace(state, state="failed", error_code=no.code, error_message=no.sentence)
        raise no

    def _capture_of(self, request: RefundRequest) -> str:
        if request.provider_payment_ref:
            return request.provider_payment_ref
        found = self.look_up(request.attempt_reference, request.provider_ref)
        if found.provider_payment_ref is None:
            raise ProviderRefused("no_payment", "There is no payment to send money back from.")
        return found.provider_payment_ref

    def _state(self, order: Mapping[str, Any], reference: str) -> PaymentState:
        if _readable(owner, order) != reference:
            return PaymentState("unknown", error_code="other_reference")
        now = datetime.fromtimestamp(self._now(), UTC)
        return replace(_readable(lambda thing: order_state(thing, now), order), test=self.test)

    def _order(self, order_id: str) -> Mapping[str, Any] | None:
        return self._ask_or_none(f"{ORDERS}/{_quoted(order_id)}")

    def _ask_or_none(self, path: str) -> Mapping[str, Any] | None:
        """The answer, or None when there is no such thing."""
        try:
            return self._ask("GET", path)
        except ProviderRefused as no:
            if no.code == "not_found":
                return None
            raise

    def _verdict(self, question: bytes) -> Mapping[str, Any]:
        return self._ask("POST", "/v1/notifications/verify-webhook-signature", data=question)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        key: str = "",
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        data: bytes | None = None,
    ) -> Mapping[str, Any]:
        headers = {"Content-Type": "application/json", "Prefer": "return=representation"}
        if key:
            headers["PayPal-Request-Id"] = key

        def ask() -> Answer:
            return self._with_token(
                headers,
                lambda signed: self._caller.ask(method, path, headers=signed, params=params, body=body, data=data),
            )

        answer = ask()
        for wait in CONFLICT_WAITS:
            if answer.status != 409:
                break
            # Another click asks the very same; a moment later both get one answer.
            time.sleep(wait)
            answer = ask()
        if answer.is_fine:
            return answer.body
        raise translated(answer)

    def _with_token(self, headers: Mapping[str, str], ask: Callable[[Mapping[str, str]], Answer]) -> Answer:
        """A token may end before its time: then another one is fetched, once."""
        token = self._token.current()
        answer = ask({**headers, "Authorization": f"Bearer {token}"})
        if answer.status != 401:
            return answer
        self._token.forget(token)
        return ask({**headers, "Authorization": f"Bearer {self._token.current()}"})

    def _fetch_token(self) -> Fetched:
        try:
            answer = self._caller.ask(
                "POST", "/v1/oauth2/token", form={"grant_type": "client_credentials"}, auth=self._keys
            )
        except ProviderUnavailable as silence:
            raise ProviderUnavailable(str(silence), outcome_unknown=False) from None
        if 400 <= answer.status < 500:
            raise NotConfigured("PayPal does not accept PAYPAL_CLIENT_ID with PAYPAL_CLIENT_SECRET.")
        value, lives = answer.body.get("access_token"), answer.body.get("expires_in")
        if not answer.is_fine or not isinstance(value, str) or not value or type(lives) is not int:
            raise ProviderUnavailable(f"PayPal answered {answer.status} without a token.", outcome_unknown=False)
        return Fetched(value, lives)


def _new_order(request: PaymentRequest, shop_name: str) -> dict[str, Any]:
    """The same request always gives the same content. Only the total: PayPal refuses parts that miss it by a cent."""
    experience = {
        "return_url": request.return_url,
        "cancel_url": request.cancel_url,
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
        # Money that takes days to come would hold the goods as long.
        "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
    }
    if shop_name:
        experience["brand_name"] = shop_name[:127]
    return {
        "intent": "CAPTURE",
        "purchase_units": [
            {
                "reference_id": request.order_number,
                "custom_id": request.reference,
                # PayPal may take an invoice's money once only, and an order may take several attempts.
                "invoice_id": f"{request.order_number}-{request.reference[-8:]}",
                "description": request.description[:127],
                "amount": _wire(request.amount),
            }
        ],
        "payment_source": {"paypal": {"experience_context": experience}},
    }


def _is_for(order: Mapping[str, Any], request: PaymentRequest) -> bool:
    """Whether an answer with content is about what was asked; a short one says nothing of it. Raises Unreadable."""
    if "purchase_units" not in order:
        return True
    whose = owner(order)
    if whose is None:
        raise Unreadable("An order that is nobody's.")
    return whose == request.reference and money(unit(order).get("amount")) == request.amount


def _wire(amount: Money) -> dict[str, str]:
    try:
        return written(amount)
    except InexactAmount as error:
        raise refusal_of("decimal_precision", str(error)) from None


def _link(thing: Mapping[str, Any], rel: str) -> str | None:
    links = thing.get("links")
    for link in links if isinstance(links, list) else []:
        url = text(link.get("href")) if isinstance(link, Mapping) and link.get("rel") == rel else None
        if url and url.startswith(("https://", "http://")):
            return url
    return None


def _readable(read: Callable[[Mapping[str, Any]], T], thing: Mapping[str, Any]) -> T:
    try:
        return read(thing)
    except Unreadable as error:
        raise NotUnderstood(f"PayPal's answer cannot be read: {error}") from None


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _page_origin(base: str, host: str) -> str:
    """Where the shopper is sent to approve."""
    if host in HOSTS:
        return "https://www.sandbox.paypal.com" if "sandbox" in host else "https://www.paypal.com"
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}"
