"""Chapa over plain HTTP. The shopper pays on Chapa's page, mostly with mobile money; in birr, or in dollars.

A payment has our reference as its name (`tx_ref`), a refund has one too, and Chapa takes each name once. So asking
again never does anything twice, but the address of a page whose answer was lost cannot be had again.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from app.config import Settings
from app.lib.money import Money
from app.payments.providers.base import (
    ON_A_PAGE,
    ListedPayment,
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
from app.payments.providers.chapa_events import read_event, verify
from app.payments.providers.chapa_objects import (
    CURRENCIES,
    complaint,
    fields_complained_of,
    is_unpaid,
    new_transaction,
    payment_state,
    refund_state,
)
from app.payments.providers.http import Answer, Caller
from app.payments.providers.reading import Unreadable, decimal_money, moment, part, required_text, rows, text

T = TypeVar("T")

PUBLIC_API = "https://api.chapa.co"
CAN_DO_WITHOUT = {"email", "first_name", "last_name", "phone_number"}
MOST_PAGES = 1000  # of a list that never ends


@lru_cache(maxsize=8)
def configured(settings: Settings, patience: Patience = ON_A_PAGE) -> "ChapaProvider | None":
    """Chapa as the settings describe it, or None without any. Raises NotConfigured when half is missing.

    The same provider for the same settings, so that its connections are used again.
    """
    key, secrets = settings.chapa_secret_key, settings.chapa_webhook_secret
    if not key and not secrets:
        return None
    if not key:
        raise NotConfigured("CHAPA_WEBHOOK_SECRET is set, CHAPA_SECRET_KEY is not: Chapa is not offered.")
    if not key.startswith("CHASECK"):
        raise NotConfigured("CHAPA_SECRET_KEY must begin with CHASECK: Chapa is not offered.")
    if not secrets:
        raise NotConfigured("CHAPA_SECRET_KEY is set, CHAPA_WEBHOOK_SECRET is not: Chapa is not offered.")
    return ChapaProvider(key, secrets, api_base=settings.chapa_api_base, patience=patience)


class ChapaProvider(Provider):
    """Needs a secret key, and the secret hash of the dashboard to believe any message."""

    name = "chapa"
    title = "Chapa"
    min_lifetime = timedelta(0)
    max_lifetime = timedelta(hours=24)

    def __init__(
        self,
        secret_key: str,
        webhook_secrets: tuple[str, ...],
        *,
        api_base: str = "",
        patience: Patience = ON_A_PAGE,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.test = secret_key.startswith("CHASECK_TEST")
        self.form_action_origins = (_origin(api_base) if api_base else "https://checkout.chapa.co",)
        self._secret_key = secret_key
        self._webhook_secrets = tuple(secret for secret in webhook_secrets if secret.strip())
        self._caller = Caller(self.title, api_base or PUBLIC_API, patience)
        self._now = now

    def supports(self, amount: Money, country: str) -> bool:
        return amount.currency in CURRENCIES and amount.minor > 0

    def start(self, request: PaymentRequest) -> NextStep:
        if not self.supports(request.amount, request.country):
            raise ProviderRefused("amount", "This amount cannot be paid with Chapa.")
        asked = new_transaction(request)
        answer = self._call("POST", "/v1/transaction/initialize", body=asked)
        disliked = fields_complained_of(answer.body)
        if disliked and disliked <= CAN_DO_WITHOUT:
            # Nothing was opened yet, and no sale fails because Chapa doubts an address it does not need.
            asked = {field: value for field, value in asked.items() if field not in disliked}
            answer = self._call("POST", "/v1/transaction/initialize", body=asked)
        if not _worked(answer):
            if _is_taken(answer, "tx_ref", "transaction reference"):
                return self._begun_before(request)
            raise _translated(answer)
        return NextStep(kind="redirect", url=_readable(_page_address, answer.body), provider_ref=request.reference)

    def look_up(self, reference: str, provider_ref: str | None) -> PaymentState:
        found = self._verified(provider_ref or reference)
        if isinstance(found, PaymentState):
            return found
        if found.get("tx_ref") != reference:
            return PaymentState("unknown", error_code="other_reference")
        return _readable(payment_state, found)

    def expire(self, reference: str, provider_ref: str) -> PaymentState:
        answer = self._call("PUT", f"/v1/transaction/cancel/{_quoted(provider_ref)}")
        if _worked(answer):
            return _readable(lambda thing: _closed(thing, provider_ref, test=self.test), part(answer.body, "data"))
        if answer.status == 401:
            raise _translated(answer)
        # Only an open page can be closed: whatever this one is by now is what counts. A prompt may still be answered.
        state = self.look_up(reference, provider_ref)
        if state.state == "pending" and not state.awaits_money and "expired" in complaint(answer.body).lower():
            return PaymentState("expired", provider_ref=provider_ref, test=self.test)
        return state

    def refund(self, request: RefundRequest) -> RefundState:
        """Chapa takes the reference of a refund once; that it has it already means that it was asked before."""
        form = {"amount": request.amount.plain(), "reference": request.reference}
        answer = self._call("POST", f"/v1/refund/{_quoted(request.attempt_reference)}", form=form)
        if answer.status == 404 and request.provider_payment_ref:
            # The documentation is of two minds about which of its names a payment has here.
            answer = self._call("POST", f"/v1/refund/{_quoted(request.provider_payment_ref)}", form=form)
        if _worked(answer):
            data = part(answer.body, "data")
            return _readable(lambda thing: refund_state(thing, request.reference, request.amount), data)
        if _is_taken(answer, "reference", "reference"):
            return RefundState("pending", "", request.reference, request.amount)
        raise _translated(answer)

    def look_up_refund(self, request: RefundRequest, provider_ref: str | None) -> RefundState | None:
        """Without Chapa's name for it a refund cannot be asked about, unless all of the payment went back.

        None is safe all the same: a refund that was asked for before is not made again.
        """
        if not provider_ref:
            return self._if_all_went_back(request)
        answer = self._call("GET", f"/v1/refund/{_quoted(provider_ref)}/verify")
        if answer.status == 404:
            return None
        if not _worked(answer):
            raise _translated(answer)
        data = part(answer.body, "data")
        return _readable(lambda thing: refund_state(thing, request.reference, request.amount), data)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, reference: str = "") -> ProviderEvent:
        if not self._webhook_secrets:
            raise NotConfigured("CHAPA_WEBHOOK_SECRET is not set, so no message from Chapa can be believed.")
        verify(headers, body, self._webhook_secrets)
        return read_event(body, test=self.test, now=datetime.fromtimestamp(self._now(), UTC))

    def list_payments(self, since: datetime, until: datetime) -> Iterator[ListedPayment]:
        """Chapa's list knows no dates and goes back to the first payment: it is read until it is too old."""
        for number in range(1, MOST_PAGES + 1):
            answer = self._call("GET", "/v1/transactions", params={"page": str(number)})
            if not _worked(answer):
                raise _translated(answer)
            data = part(answer.body, "data")
            page = [_readable(_listed, row) for row in _readable(lambda thing: rows(thing.get("transactions")), data)]
            yield from (one for one in page if one is not None and since <= one.at < until)
            is_old = all(one is None or one.at < since for one in page)
            if is_old or not part(data, "pagination").get("next_page_url"):
                return

    def _begun_before(self, request: PaymentRequest) -> NextStep:
        """Chapa has this reference already: an earlier request arrived although its answer did not.

        The address of its page cannot be had again, so nobody will ever pay there, and a new attempt may be opened.
        Unless somebody has paid: then our own page finds out.
        """
        state = self.look_up(request.reference, request.reference)
        if state.amount is not None and state.amount != request.amount:
            raise ProviderRefused("idempotency_error", "This payment was started before with another amount.")
        if state.state == "paid":
            return NextStep(kind="redirect", url=request.return_url, provider_ref=request.reference)
        raise ProviderRefused(
            "duplicate_reference",
            "This payment was begun before, and its page cannot be opened again. Please try once more.",
            retryable=True,
        )

    def _verified(self, reference: str) -> Mapping[str, Any] | PaymentState:
        """Chapa's transaction, or what it means that there is none: nobody paid yet, or it never heard of it."""
        answer = self._call("GET", f"/v1/transaction/verify/{_quoted(reference)}")
        found = part(answer.body, "data")
        if found and answer.is_fine:
            return found
        if answer.status not in (200, 404):
            raise _translated(answer)
        if is_unpaid(answer.body):
            return PaymentState("pending", provider_ref=reference, test=self.test)
        return PaymentState("unknown", error_code="not_found")

    def _if_all_went_back(self, request: RefundRequest) -> RefundState | None:
        paid = self.look_up(request.attempt_reference, None)
        if paid.refunded is None or paid.refunded != request.amount:
            return None
        return RefundState("succeeded", "", request.reference, request.amount)

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        headers = {"Authorization": f"Bearer {self._secret_key}"}
        answer = self._caller.ask(method, path, headers=headers, params=params, body=body, form=form)
        if answer.status >= 500:
            raise ProviderUnavailable(f"Chapa gave no usable answer (HTTP {answer.status}).")
        return answer


def _worked(answer: Answer) -> bool:
    """Whether the call did what it was asked. That is what Chapa's outer status means, never that anybody paid."""
    return answer.is_fine and answer.body.get("status") == "success"


def _is_taken(answer: Answer, field: str, words: str) -> bool:
    """Whether Chapa refuses a name because it has seen it before. It has no code for that."""
    said = complaint(answer.body).lower()
    named = field in fields_complained_of(answer.body) or words in said
    return answer.status in (400, 409, 422) and named and any(word in said for word in ("used", "taken", "unique"))


def _closed(data: Mapping[str, Any], provider_ref: str, *, test: bool) -> PaymentState:
    amount = decimal_money(data.get("amount"), data.get("currency")) if data.get("amount") is not None else None
    return PaymentState("expired", amount=amount, provider_ref=provider_ref, test=test)


def _page_address(answer: Mapping[str, Any]) -> str:
    url = required_text(part(answer, "data"), "checkout_url")
    if not url.startswith(("https://", "http://")):
        raise Unreadable("A transaction without an address to send the shopper to.")
    return url


def _listed(row: Mapping[str, Any]) -> ListedPayment | None:
    """One row of the list, in which a payment is called by other names than elsewhere; payouts are not ours."""
    if row.get("type") == "Payout":
        return None
    at = moment(row.get("created_at"))
    if at is None:
        raise Unreadable("A payment that does not say when it was made.")
    reference = text(row.get("tx_ref")) or text(row.get("trans_id"))
    name = reference or required_text(row, "ref_id")
    state = payment_state({**row, "tx_ref": name, "reference": row.get("ref_id")})
    return ListedPayment(reference, state, at)


def _readable(read: Callable[[Mapping[str, Any]], T], thing: Mapping[str, Any]) -> T:
    try:
        return read(thing)
    except Unreadable as error:
        raise NotUnderstood(f"Chapa's answer cannot be read: {error}") from None


REFUSALS = {
    "email": "Chapa does not accept this e-mail address.",
    "amount": "This amount cannot be paid with Chapa.",
    "currency": "Chapa does not take this currency.",
}


def _translated(answer: Answer) -> ProviderError:
    """An error in the words of the contract. Chapa's text goes to the log, not to shoppers."""
    said = f"HTTP {answer.status}, {complaint(answer.body)[:200]}"
    if answer.status in (401, 403):
        return NotConfigured(f"Chapa does not accept CHAPA_SECRET_KEY for this call ({said}).")
    if answer.status < 400 and answer.body.get("status") != "failed":
        # Something may have been done: an answer without sense is no refusal.
        return ProviderUnavailable(f"Chapa gave no usable answer ({said}).")
    code = "not_found" if answer.status == 404 else "invalid_request"
    sentence = next((words for field, words in REFUSALS.items() if field in said.lower()), "")
    return ProviderRefused(code, sentence or "This cannot be paid with Chapa just now.", detail=said)


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
