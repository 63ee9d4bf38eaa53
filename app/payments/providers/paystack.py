"""Paystack over plain HTTP. The shopper pays on Paystack's page, by card, bank or mobile money.

Two things Paystack has not: a call that closes a page, and a key that makes a refund happen once. So `expire` only
tells the truth, and a page that is still open may be paid later; and no refund is asked for before the list of refunds
says that it was not asked for already.
"""

import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256, sha512
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from app.config import Settings
from app.lib.money import Money
from app.payments.providers.base import (
    ON_A_PAGE,
    BadSignature,
    DisputeState,
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
from app.payments.providers.http import Answer, Caller
from app.payments.providers.paystack_events import read_event
from app.payments.providers.paystack_objects import (
    LIFETIME,
    can_charge,
    dispute_state,
    is_reversed,
    made_at,
    payment_state,
    refund_state,
)
from app.payments.providers.reading import Unreadable, number_name, part, required_text, rows, text
from app.payments.providers.signatures import header_named

T = TypeVar("T")

PUBLIC_API = "https://api.paystack.co"
A_PAGE = 100  # rows of a list; Paystack's most


@lru_cache(maxsize=8)
def configured(settings: Settings, patience: Patience = ON_A_PAGE) -> "PaystackProvider | None":
    """Paystack as the settings describe it, or None without any. Raises NotConfigured for keys that cannot be right.

    The same provider for the same settings, so that its connections are used again.
    """
    keys = settings.paystack_secret_key
    if not keys:
        return None
    if not all(key.startswith(("sk_test_", "sk_live_")) for key in keys):
        raise NotConfigured("PAYSTACK_SECRET_KEY must begin with sk_test_ or sk_live_: Paystack is not offered.")
    if len({_is_test(key) for key in keys}) > 1:
        raise NotConfigured("PAYSTACK_SECRET_KEY mixes test and live keys: Paystack is not offered.")
    return PaystackProvider(keys, api_base=settings.paystack_api_base, patience=patience)


class PaystackProvider(Provider):
    """Needs its secret key alone, which signs the messages too. The first key asks, any of them may have signed."""

    name = "paystack"
    title = "Paystack"
    min_lifetime = timedelta(0)
    max_lifetime = LIFETIME

    def __init__(
        self,
        secret_keys: tuple[str, ...],
        *,
        api_base: str = "",
        patience: Patience = ON_A_PAGE,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.test = _is_test(secret_keys[0])
        self.form_action_origins = (_origin(api_base) if api_base else "https://checkout.paystack.com",)
        self._secret_keys = secret_keys
        self._is_on_a_page = patience == ON_A_PAGE
        self._caller = Caller(self.title, api_base or PUBLIC_API, patience)
        self._now = now

    def supports(self, amount: Money, country: str) -> bool:
        return can_charge(amount)

    def start(self, request: PaymentRequest) -> NextStep:
        if not can_charge(request.amount):
            raise ProviderRefused("amount", "This amount cannot be paid with Paystack.")
        try:
            answer = self._ask("POST", "/transaction/initialize", body=_new_transaction(request))
        except ProviderRefused as no:
            if no.code == "duplicate_reference":
                return self._begun_before(request)
            raise
        return NextStep(kind="redirect", url=_readable(_page_address, answer), provider_ref=request.reference)

    def look_up(self, reference: str, provider_ref: str | None) -> PaymentState:
        found = self._transaction(provider_ref or reference)
        if found is None:
            return PaymentState("unknown", error_code="not_found")
        if found.get("reference") != reference:
            return PaymentState("unknown", error_code="other_reference")
        state = _readable(lambda thing: payment_state(thing, self._today()), found)
        return self._with_what_went_back(state, found) if state.state == "paid" else state

    def expire(self, reference: str, provider_ref: str) -> PaymentState:
        """What became of it. "pending" is a page that can be paid as long as it likes: its money would be late money,
        or a second payment, and is treated as such when it comes."""
        return self.look_up(reference, provider_ref)

    def refund(self, request: RefundRequest) -> RefundState:
        known = self.look_up_refund(request, None)
        if known is not None:
            return known
        asked = {
            "transaction": request.attempt_reference,
            "amount": request.amount.minor,
            "currency": request.amount.currency,
            "merchant_note": request.reference,
        }
        return _readable(refund_state, part(self._ask("POST", "/refund", body=asked), "data"))

    def look_up_refund(self, request: RefundRequest, provider_ref: str | None) -> RefundState | None:
        if provider_ref is not None and provider_ref.isdigit():
            found = self._ask_or_none(f"/refund/{provider_ref}")
            return _readable(refund_state, part(found, "data")) if found is not None else None
        paid = self._transaction(request.attempt_reference)
        if paid is None:
            return None
        return next((one for one in self._refunds_of(paid) if one.reference == request.reference), None)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, reference: str = "") -> ProviderEvent:
        _verify(header_named(headers, "x-paystack-signature"), body, self._secret_keys)
        try:
            message = json.loads(body.decode("utf-8"), parse_float=str)
        except (ValueError, RecursionError):
            raise MalformedEvent("The message is signed but is not JSON.") from None
        return read_event(message, key=sha256(body).hexdigest(), test=self.test, now=self._today())

    def list_payments(self, since: datetime, until: datetime) -> Iterator[ListedPayment]:
        for row in self._pages("/transaction", "per_page", {"from": _written(since), "to": _written(until)}):
            state = _readable(lambda thing: payment_state(thing, self._today()), row)
            yield ListedPayment(state.provider_ref, state, made_at(row) or since)

    def _begun_before(self, request: PaymentRequest) -> NextStep:
        """Paystack has this reference already: an earlier request arrived although its answer did not.

        The address of its page cannot be had again, so nobody will ever pay there, and a new attempt may be opened.
        Unless somebody has paid: then our own page finds out.
        """
        state = self.look_up(request.reference, request.reference)
        if state.amount is not None and state.amount != request.amount:
            raise ProviderRefused("idempotency_error", "This payment was started before with another amount.")
        if state.state == "paid" or state.awaits_money:
            return NextStep(kind="redirect", url=request.return_url, provider_ref=request.reference)
        raise ProviderRefused(
            "duplicate_reference",
            "This payment was begun before, and its page cannot be opened again. Please try once more.",
            retryable=True,
        )

    def _with_what_went_back(self, state: PaymentState, paid: Mapping[str, Any]) -> PaymentState:
        assert state.amount is not None
        refunds = tuple(self._refunds_of(paid))
        disputes = self._disputes_of(paid)
        back = sum(one.amount.minor for one in refunds if one.state == "succeeded")
        accounted = any(one.state == "lost" for one in disputes) or any(one.state == "pending" for one in refunds)
        if is_reversed(paid) and not accounted:
            back = max(back, state.amount.minor)
        return replace(state, refunded=Money(back, state.amount.currency), refunds=refunds, disputes=disputes)

    def _refunds_of(self, paid: Mapping[str, Any]) -> Iterator[RefundState]:
        """Paystack lists refunds by time only: those since the payment was made, and of them this payment's."""
        made = made_at(paid)
        names = {paid.get("reference"), number_name(paid.get("id"))}
        for row in self._pages("/refund", "perPage", {"from": _written(made)} if made else {}):
            if text(row.get("transaction_reference")) in names or number_name(row.get("transaction")) in names:
                yield _readable(refund_state, row)

    def _disputes_of(self, paid: Mapping[str, Any]) -> tuple[DisputeState, ...]:
        """Messages tell of disputes as well, so no page waits for them, and no payment stays unconfirmed without.

        Unless money of it is gone, and a dispute may be the reason.
        """
        if self._is_on_a_page and not is_reversed(paid):
            return ()
        name = number_name(paid.get("id"))
        try:
            found = self._pages("/dispute", "perPage", {"transaction": name or ""})
            return tuple(_readable(dispute_state, row) for row in found)
        except ProviderError:
            if is_reversed(paid):
                raise
            return ()

    def _transaction(self, reference: str) -> Mapping[str, Any] | None:
        found = self._ask_or_none(f"/transaction/verify/{quote(reference, safe='')}")
        return part(found, "data") if found is not None else None

    def _pages(self, path: str, size: str, params: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        number, seen = 1, set()
        while True:
            answer = self._ask("GET", path, params={**params, size: str(A_PAGE), "page": str(number)})
            found = _readable(lambda thing: rows(thing.get("data")), answer)
            for row in found:
                # A new row at the front moves the others to the next page while we read.
                if row.get("id") not in seen:
                    seen.add(row.get("id"))
                    yield row
            if len(found) < A_PAGE:
                return
            number += 1

    def _ask_or_none(self, path: str) -> Mapping[str, Any] | None:
        """The answer, or None when there is no such thing."""
        try:
            return self._ask("GET", path)
        except ProviderRefused as no:
            if no.code == "not_found":
                return None
            raise

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {self._secret_keys[0]}"}
        answer = self._caller.ask(method, path, headers=headers, params=params, body=body)
        # `status` says whether the call worked, never whether anybody paid.
        if answer.is_fine and answer.body.get("status") is True:
            return answer.body
        raise _translated(answer)

    def _today(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)


def _new_transaction(request: PaymentRequest) -> dict[str, Any]:
    """The same request always gives the same content."""
    return {
        "email": request.email,
        "amount": request.amount.minor,
        "currency": request.amount.currency,
        "reference": request.reference,
        "callback_url": request.return_url,
        "metadata": {"order": request.order_number, "cancel_action": request.cancel_url},
    }


def _page_address(answer: Mapping[str, Any]) -> str:
    url = required_text(part(answer, "data"), "authorization_url")
    if not url.startswith(("https://", "http://")):
        raise Unreadable("A transaction without an address to send the shopper to.")
    return url


def _verify(header: str, body: bytes, keys: tuple[str, ...]) -> None:
    """Raise BadSignature unless one of the keys signed exactly these bytes. There is no time in it to check."""
    said = header.encode("utf-8", "replace")
    known = [hmac.compare_digest(hmac.new(key.encode(), body, sha512).hexdigest().encode(), said) for key in keys]
    if not any(known):
        raise BadSignature("The signature does not match these bytes.")


def _readable(read: Callable[[Mapping[str, Any]], T], thing: Mapping[str, Any]) -> T:
    try:
        return read(thing)
    except Unreadable as error:
        raise NotUnderstood(f"Paystack's answer cannot be read: {error}") from None


REFUSALS = {
    "email": "Paystack does not accept this e-mail address.",
    "amount": "This amount cannot be paid with Paystack.",
}


def _translated(answer: Answer) -> ProviderError:
    """An error in the words of the contract. Paystack's text goes to the log, not to shoppers."""
    message = text(answer.body.get("message")) or ""
    said = f"HTTP {answer.status}, {message[:200]}"
    if answer.status in (401, 403):
        return NotConfigured(f"Paystack does not accept PAYSTACK_SECRET_KEY for this call ({said}).")
    if answer.status >= 500 or (answer.status < 400 and answer.body.get("status") is not False):
        # Something may have been done: an answer without sense is no refusal.
        return ProviderUnavailable(f"Paystack gave no usable answer ({said}).")
    code = _code(answer, message.lower())
    sentence = next((words for field, words in REFUSALS.items() if field in message.lower()), "")
    return ProviderRefused(code, sentence or "This cannot be paid with Paystack just now.", detail=said)


def _code(answer: Answer, message: str) -> str:
    code = text(answer.body.get("code")) or ""
    if answer.status == 404 or code.endswith("not_found") or "not found" in message:
        return "not_found"
    # Paystack's own code for it is not in every answer.
    return "duplicate_reference" if "duplicate transaction reference" in message else code or "invalid_request"


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _is_test(key: str) -> bool:
    return not key.startswith("sk_live_")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
