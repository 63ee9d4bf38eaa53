"""The contract every payment provider keeps: what it is asked, what it answers, and how it fails.

Plain data goes in and comes out. A provider knows no tables, no templates and no Flask; it may be called from
a view, a job, a shell or a test, and never inside a database transaction.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from app.lib.money import Money


@dataclass(frozen=True)
class RequestLine:
    """One line the shopper will recognise on the provider's page."""

    name: str
    quantity: int
    unit: Money


@dataclass(frozen=True)
class PaymentRequest:
    """What an attempt asks for. The same reference and version always carry the same content.

    `version` goes up only when the content changes on purpose: both together make the idempotency key.
    `callback_url` is for providers that are told per payment where to send their news. `phone` is the payer's, in
    E.164, or empty.
    """

    reference: str
    version: int
    order_number: str
    amount: Money
    email: str
    name: str
    phone: str
    country: str
    description: str
    return_url: str
    cancel_url: str
    lines: tuple[RequestLine, ...]
    expires_at: datetime
    callback_url: str = ""

    @property
    def lines_are_exact(self) -> bool:
        """Whether the lines alone add up to the amount, so that a provider may show them."""
        if any(line.unit.currency != self.amount.currency for line in self.lines):
            return False
        return sum(line.unit.minor * line.quantity for line in self.lines) == self.amount.minor


@dataclass(frozen=True)
class NextStep:
    """How the shopper goes on: at `url` ("redirect"), or on our page of the order, which shows `message`.

    "wait" means that the shopper has something to do right now, such as entering a PIN on the phone; "none" that the
    money comes in its own time, and staff write down that it came.
    """

    kind: Literal["redirect", "wait", "none"]
    url: str = ""
    provider_ref: str = ""
    expires_at: datetime | None = None
    message: str = ""


PaymentStates = Literal["created", "pending", "authorised", "paid", "failed", "expired", "cancelled", "unknown"]
RefundStates = Literal["pending", "succeeded", "failed"]
DisputeStates = Literal["open", "won", "lost"]


@dataclass(frozen=True)
class RefundState:
    """One refund as the provider sees it. `reference` is ours; None for one made at the provider's desk."""

    state: RefundStates
    provider_ref: str
    reference: str | None
    amount: Money
    error: str = ""


@dataclass(frozen=True)
class DisputeState:
    """The shopper's bank asks for the money back. "lost" means that it is gone, "won" that it stays."""

    state: DisputeStates
    provider_ref: str
    amount: Money
    reason: str = ""
    answer_by: datetime | None = None


@dataclass(frozen=True)
class PaymentState:
    """The provider's present truth about one attempt.

    `amount` is what the provider says was asked or paid, None only from a provider that never says;
    `refunded` is the sum given back so far. "pending" with `awaits_money` means the shopper has done
    everything and the money is on its way, or cannot be stopped any more (bank debit, voucher, a prompt on a
    phone). "unknown" with `error_code` "not_found"
    means the provider has never heard of this attempt, with "other_reference" that it is another's.
    """

    state: PaymentStates
    amount: Money | None = None
    provider_ref: str | None = None
    provider_payment_ref: str | None = None
    refunded: Money | None = None
    error_code: str = ""
    error_message: str = ""
    refunds: tuple[RefundState, ...] = ()
    disputes: tuple[DisputeState, ...] = ()
    test: bool = False
    awaits_money: bool = False


@dataclass(frozen=True)
class RefundRequest:
    """Money to send back. `reference` is the refund's own and the seed of its idempotency key."""

    reference: str
    attempt_reference: str
    provider_ref: str | None
    provider_payment_ref: str | None
    amount: Money
    reason: str = ""


@dataclass(frozen=True)
class ProviderEvent:
    """One verified message. It says where to look; the truth is what `look_up` answers.

    `claims` and `refund` are the message's own words, for comparing with the attempt: a claim that
    contradicts it deserves a person, even when the look-up agrees with us. `dispute` is believed, because few
    providers can be asked about one. Find the attempt by `provider_ref`, else by `reference`, else by
    `provider_payment_ref`.
    """

    event_key: str
    type: str
    subject: Literal["payment", "refund", "dispute", "none"]
    occurred_at: datetime
    reference: str | None = None
    provider_ref: str | None = None
    provider_payment_ref: str | None = None
    claims: PaymentState | None = None
    refund: RefundState | None = None
    dispute: DisputeState | None = None
    test: bool = False


@dataclass(frozen=True)
class ListedPayment:
    """One row of a provider's own list, for comparing its books with ours. `reference` is ours, when it says so."""

    reference: str | None
    state: PaymentState
    at: datetime


class Provider(Protocol):
    """Somebody who moves money. Calls out raise ProviderUnavailable, ProviderRefused or NotConfigured.

    `min_lifetime` is the least time a payment stays open there, `max_lifetime` the most; None when it is ours to say.
    `pays_later` means that the goods go out first. Without `calls_out` nobody is asked over a network: staff write
    down what happened. Without `can_refund` money goes back by hand. Unless `start_repeats`, `start` may do its work
    twice when asked twice, so it is never asked again by itself.
    """

    name: str
    title: str
    test: bool
    form_action_origins: tuple[str, ...]
    min_lifetime: timedelta
    max_lifetime: timedelta | None = None
    calls_out: bool = True
    can_refund: bool = True
    start_repeats: bool = True
    pays_later: bool = False
    needs_phone: bool = False

    def supports(self, amount: Money, country: str) -> bool:
        """Whether to offer this provider for exactly this amount. Never calls out."""
        ...

    def start(self, request: PaymentRequest) -> NextStep:
        """Open the payment at the provider; the same request again opens nothing new."""
        ...

    def look_up(self, reference: str, provider_ref: str | None) -> PaymentState:
        """The present truth, without side effects; without `provider_ref` searched by our reference."""
        ...

    def capture(self, reference: str, provider_ref: str | None) -> PaymentState:
        """Take the money of an "authorised" payment, once; most providers take it by themselves."""
        return self.look_up(reference, provider_ref)

    def expire(self, reference: str, provider_ref: str) -> PaymentState:
        """Close the payment so that it cannot be paid any more; answers what really happened to it."""
        ...

    def refund(self, request: RefundRequest) -> RefundState:
        """Send money back; the same request again sends nothing more."""
        ...

    def look_up_refund(self, request: RefundRequest, provider_ref: str | None) -> RefundState | None:
        """What became of a refund; None when the provider never heard of it, so asking again is safe."""
        ...

    def read_webhook(self, headers: Mapping[str, str], body: bytes, reference: str = "") -> ProviderEvent:
        """Verify the raw bytes, then read them. Raises WebhookRejected (answer 400), NotConfigured (503).

        `reference` names the attempt when the message came to that attempt's own secret address: the only proof
        there is with a provider that does not sign.
        """
        ...

    def list_payments(self, since: datetime, until: datetime) -> Iterator[ListedPayment] | None:
        """Everything the provider has from that time, or None when it keeps no list that can be asked for."""
        return None

    def payer_phone(self, typed: str) -> str:
        """A telephone number as this provider takes it, in E.164. Raises ValueError with a sentence for the form."""
        return typed


@dataclass(frozen=True)
class Patience:
    """How long a provider may take: seconds to connect, seconds to answer, and how often to try again."""

    connect: float
    answer: float
    retries: int


# A page must answer within 5 s even when the provider hangs; a job has time to insist.
ON_A_PAGE = Patience(connect=1.5, answer=3.0, retries=0)
IN_A_JOB = Patience(connect=3.0, answer=10.0, retries=2)


class ProviderError(Exception):
    """Anything a provider can do to us; the message is a sentence for the log and for staff.

    It may quote the provider, so what cannot be printed is left out: it is kept with the attempt.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_printable(message))


def _printable(words: str) -> str:
    return "".join(letter for letter in " ".join(words.split()) if letter.isprintable())


class ProviderUnavailable(ProviderError):
    """No usable answer. With `outcome_unknown` the provider may have done the work all the same."""

    def __init__(self, sentence: str, *, outcome_unknown: bool = True) -> None:
        super().__init__(sentence)
        self.outcome_unknown = outcome_unknown


class NotUnderstood(ProviderUnavailable):
    """An answer came that makes no sense to us: the provider is there, and others may well be answered."""


class ProviderRefused(ProviderError):
    """A clear no; nothing was done. `sentence` may be shown to the shopper, `detail` is for the log."""

    def __init__(self, code: str, sentence: str, *, retryable: bool = False, detail: str = "") -> None:
        super().__init__(sentence)
        self.code = _printable(code)
        self.sentence = sentence
        self.retryable = retryable
        self.detail = detail


class NotConfigured(ProviderError):
    """Keys are missing or no longer accepted: nothing was done, and an operator has to act."""


class WebhookRejected(ProviderError):
    """A message that is not to be believed; answered 400 and written nowhere."""


class BadSignature(WebhookRejected):
    """Not signed by the provider, or too long ago, or in the future."""


class MalformedEvent(WebhookRejected):
    """Signed, but not something the provider would send to this shop."""
