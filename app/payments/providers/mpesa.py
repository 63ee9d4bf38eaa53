"""M-Pesa by Daraja's STK push: a request appears on the shopper's phone, and the PIN is entered there.

Nothing of it is signed, a push has no key that would keep it from being sent twice, and its messages are only a
hint: what counts is the answer to our own query. That answer knows neither amount nor receipt.
"""

import base64
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from app.config import Settings
from app.lib.money import Money
from app.payments.providers.base import (
    ON_A_PAGE,
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
    WebhookRejected,
)
from app.payments.providers.http import Answer, Caller
from app.payments.providers.mpesa_messages import CURRENCY, code_of, is_name, read_callback, result_state
from app.payments.providers.mpesa_token import fetch
from app.payments.providers.oauth import Token

LIVE = "https://api.safaricom.co.ke"
MOST = 250_000  # shillings in one payment
EAST_AFRICA = timezone(timedelta(hours=3))
NUMBER = re.compile(r"(?:\+?254|00254|0)?([17][0-9]{8})")
SHORTCODE = re.compile(r"[0-9]{5,7}")
BUSY = ("500.003.02", "500.003.03")  # too many calls: nothing was done


@lru_cache(maxsize=8)
def configured(settings: Settings, patience: Patience = ON_A_PAGE) -> "MpesaProvider | None":
    """M-Pesa as the settings describe it, or None without any. Raises NotConfigured when half is missing.

    The same provider for the same settings, so that its token and its connections are used again.
    """
    needed = {
        "MPESA_CONSUMER_KEY": settings.mpesa_consumer_key,
        "MPESA_CONSUMER_SECRET": settings.mpesa_consumer_secret,
        "MPESA_SHORTCODE": settings.mpesa_shortcode,
        "MPESA_PASSKEY": settings.mpesa_passkey,
    }
    if not any(needed.values()) and not settings.mpesa_till:
        return None
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise NotConfigured(f"{' and '.join(missing)} must be set as well: M-Pesa is not offered.")
    for name, value in (("MPESA_SHORTCODE", settings.mpesa_shortcode), ("MPESA_TILL", settings.mpesa_till)):
        if value and not SHORTCODE.fullmatch(value):
            raise NotConfigured(f"{name} must be five to seven digits: M-Pesa is not offered.")
    if not settings.is_tls and not settings.mpesa_api_base.startswith("http://"):
        raise NotConfigured("M-Pesa reports only to https: SHOP_URL must begin with it, so M-Pesa is not offered.")
    return MpesaProvider(
        settings.mpesa_consumer_key,
        settings.mpesa_consumer_secret,
        settings.mpesa_shortcode,
        settings.mpesa_passkey,
        till=settings.mpesa_till,
        api_base=settings.mpesa_api_base,
        patience=patience,
    )


class MpesaProvider(Provider):
    """Needs a consumer key and secret, a shortcode and its passkey; with a till, goods are bought by till."""

    name = "mpesa"
    title = "M-Pesa"
    form_action_origins = ()
    # A prompt rings for about a minute; after a quarter of an hour nothing of it is to be expected any more.
    min_lifetime = timedelta(minutes=15)
    max_lifetime = timedelta(minutes=15)
    can_refund = False
    start_repeats = False
    needs_phone = True

    def __init__(
        self,
        consumer_key: str,
        consumer_secret: str,
        shortcode: str,
        passkey: str,
        *,
        till: str = "",
        api_base: str = "",
        patience: Patience = ON_A_PAGE,
        now: Callable[[], float] = time.time,
    ) -> None:
        base = api_base or LIVE
        self.test = base.rstrip("/") != LIVE
        self._caller = Caller(self.title, base, patience)
        self._token = Token(lambda: fetch(self._caller, (consumer_key, consumer_secret)), now)
        self._shortcode = shortcode
        self._passkey = passkey
        self._till = till
        self._now = now

    def supports(self, amount: Money, country: str) -> bool:
        """Whole shillings only, and not more than one payment may be."""
        return amount.currency == CURRENCY and amount.minor % 100 == 0 and 100 <= amount.minor <= MOST * 100

    def start(self, request: PaymentRequest) -> NextStep:
        """Make the phone ring. Asked again it would ring again, so nobody may ask again by himself."""
        if not self.supports(request.amount, request.country):
            raise ProviderRefused("amount", f"M-Pesa takes whole shillings, at most KES {MOST:,} at once.")
        try:
            phone = self.payer_phone(request.phone)
        except ValueError as error:
            raise ProviderRefused("phone", str(error)) from None
        answer = self._ask("/mpesa/stkpush/v1/processrequest", self._push(request, phone))
        reference = answer.body.get("CheckoutRequestID")
        if not answer.is_fine or code_of(answer.body, "ResponseCode") != "0" or not is_name(reference):
            raise _push_error(answer)
        message = f"We sent a payment request to {masked(phone)}. Enter your M-Pesa PIN there to pay {request.amount}."
        return NextStep(kind="wait", provider_ref=reference, message=message)

    def look_up(self, reference: str, provider_ref: str | None) -> PaymentState:
        if not provider_ref:
            return PaymentState("unknown", error_code="not_found")
        answer = self._ask("/mpesa/stkpushquery/v1/query", {**self._signed(), "CheckoutRequestID": provider_ref})
        if answer.is_fine and code_of(answer.body, "ResponseCode") == "0":
            code = code_of(answer.body, "ResultCode")
            if code is None:
                raise NotUnderstood("M-Pesa's answer to a query cannot be read.", outcome_unknown=False)
            return result_state(code, answer.body.get("ResultDesc"), provider_ref, test=self.test)
        return _unanswered(answer, provider_ref, test=self.test)

    def expire(self, reference: str, provider_ref: str) -> PaymentState:
        """A request on a phone cannot be called back: whatever became of it is what counts."""
        return self.look_up(reference, provider_ref)

    def refund(self, request: RefundRequest) -> RefundState:
        raise ProviderRefused("by_hand", "M-Pesa payments are sent back by hand.")

    def look_up_refund(self, request: RefundRequest, provider_ref: str | None) -> RefundState | None:
        return None

    def read_webhook(self, headers: Mapping[str, str], body: bytes, reference: str = "") -> ProviderEvent:
        if not reference:
            raise WebhookRejected("M-Pesa signs nothing: only what comes to an attempt's own address is read.")
        return read_callback(body, reference, test=self.test, now=datetime.fromtimestamp(self._now(), UTC))

    def payer_phone(self, typed: str) -> str:
        found = NUMBER.fullmatch(re.sub(r"[\s().-]", "", typed))
        if found is None:
            raise ValueError("Enter the Kenyan number of the M-Pesa account, for example 0712 345 678.")
        return f"+254{found[1]}"

    def _push(self, request: PaymentRequest, phone: str) -> dict[str, Any]:
        payer = phone.removeprefix("+")
        return {
            **self._signed(),
            "TransactionType": "CustomerBuyGoodsOnline" if self._till else "CustomerPayBillOnline",
            "Amount": request.amount.minor // 100,
            "PartyA": payer,
            "PartyB": self._till or self._shortcode,
            "PhoneNumber": payer,
            "CallBackURL": request.callback_url,
            "AccountReference": re.sub(r"[^A-Za-z0-9]", "", request.order_number)[:12] or "Order",
            "TransactionDesc": re.sub(r"[^A-Za-z0-9 ]", "", request.description)[:13].strip() or "Order",
        }

    def _signed(self) -> dict[str, str]:
        """Who asks, and Daraja's proof of it: shortcode, passkey and the time in East Africa."""
        stamp = f"{datetime.fromtimestamp(self._now(), EAST_AFRICA):%Y%m%d%H%M%S}"
        password = base64.b64encode(f"{self._shortcode}{self._passkey}{stamp}".encode()).decode()
        return {"BusinessShortCode": self._shortcode, "Password": password, "Timestamp": stamp}

    def _ask(self, path: str, body: Mapping[str, Any]) -> Answer:
        """The answer; a token that is no longer taken is replaced once. Raises NotConfigured when that is no help."""
        for _ in range(2):
            token = self._token.current()
            answer = self._caller.ask("POST", path, headers={"Authorization": f"Bearer {token}"}, body=body)
            if answer.status != 401 and answer.body.get("errorCode") != "404.001.03":
                return answer
            self._token.forget(token)
        raise NotConfigured("M-Pesa does not take its own token: the keys may have been changed.")


def masked(phone: str) -> str:
    """A number in E.164 as its owner knows it, and nobody else: 07•• ••• 678."""
    return f"0{phone[-9]}••\u00a0•••\u00a0{phone[-3:]}"


def _push_error(answer: Answer) -> ProviderRefused | ProviderUnavailable | NotConfigured:
    """Why no request was sent; unavailable when one may have been sent all the same."""
    code = str(answer.body.get("errorCode") or code_of(answer.body, "ResponseCode") or "")
    said = str(answer.body.get("errorMessage") or answer.body.get("ResponseDescription") or "")[:200]
    if "subscriber" in said.lower():
        sentence = "Another M-Pesa request is open on this phone. Answer it or wait a minute, then try again."
        return ProviderRefused("busy", sentence, retryable=True, detail=f"M-Pesa said {code}")
    if "credentials" in said.lower():
        return NotConfigured("M-Pesa does not accept MPESA_SHORTCODE with MPESA_PASSKEY.")
    if code in BUSY:
        return ProviderUnavailable("M-Pesa is asked too much at the moment.", outcome_unknown=False)
    if answer.status >= 500 or (answer.is_fine and code in ("", "0")):
        return ProviderUnavailable(f"M-Pesa answered {answer.status} {code}.")
    if "phonenumber" in said.replace(" ", "").lower():
        return ProviderRefused("phone", "M-Pesa does not know this number. Check it, or use another one.")
    return ProviderRefused(code, "M-Pesa does not take this payment.", detail=f"M-Pesa said {code} {said}")


def _unanswered(answer: Answer, provider_ref: str, *, test: bool) -> PaymentState:
    """What an error in answer to a query says about the payment. Raises ProviderUnavailable when it says nothing."""
    said = str(answer.body.get("errorMessage", "")).lower()
    if answer.body.get("errorCode") == "500.001.1001" and "process" in said:
        return PaymentState("pending", provider_ref=provider_ref, awaits_money=True, test=test)
    if answer.status < 500 and "checkoutrequestid" in said:
        return PaymentState("unknown", error_code="not_found")
    raise ProviderUnavailable(
        f"M-Pesa answered {answer.status} {answer.body.get('errorCode', '')} to a query.", outcome_unknown=False
    )
