"""What PayPal takes: requests field by field, and its refusals in its own words.

A check is a function of a raw value and of where it stands; it answers the value or raises Refused.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from app.payments.simulators.refusal import Refusal

Thing = dict[str, Any]
Check = Callable[[Any, str], Any]

WITHOUT_DECIMALS = ("HUF", "JPY", "TWD")
CURRENCIES = (
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS",
    "JPY", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
)  # fmt: skip

NAMES = {
    400: ("INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."),
    401: (
        "AUTHENTICATION_FAILURE",
        "Authentication failed due to missing authorization header, or invalid authentication credentials.",
    ),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
    422: (
        "UNPROCESSABLE_ENTITY",
        "The requested action could not be performed, semantically incorrect, or failed business validation.",
    ),
    429: ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
    500: ("INTERNAL_SERVER_ERROR", "An internal server error occurred."),
    503: ("SERVICE_UNAVAILABLE", "Service Unavailable."),
}

DESCRIPTIONS = {
    "INVALID_ARRAY_MAX_ITEMS": "The number of items in an array parameter is too large.",
    "INVALID_ARRAY_MIN_ITEMS": "The number of items in an array parameter is too small.",
    "INVALID_PARAMETER_SYNTAX": "The value of a field does not conform to the expected format.",
    "INVALID_PARAMETER_VALUE": "A parameter value is not valid.",
    "INVALID_STRING_LENGTH": "The value of a field is either too short or too long",
    "MISSING_REQUIRED_PARAMETER": "A required parameter is missing.",
    "MALFORMED_REQUEST_JSON": "The request JSON is not well formed.",
    "NOT_SUPPORTED": "This field is not currently supported.",
    "PAYPAL_REQUEST_ID_REQUIRED": "A PayPal-Request-Id is required if you are trying to process payment for an Order. "
    "Please specify a PayPal-Request-Id or Create the Order without a 'payment_source' specified.",
    "PERMISSION_DENIED": "You do not have permission to access or perform operations on this resource.",
    "INVALID_RESOURCE_ID": "Specified resource ID does not exist. Please check the resource ID and try again.",
    "PREVIOUS_REQUEST_IN_PROGRESS": "A previous request on this resource is currently in progress. Please wait for "
    "sometime and try again. It is best to space out the initial and the subsequent request(s) to avoid receiving "
    "this error.",
    "AMOUNT_MISMATCH": "Should equal item_total + tax_total + shipping + handling + insurance - shipping_discount - "
    "discount.",
    "CANNOT_BE_ZERO_OR_NEGATIVE": "Must be greater than zero. If the currency supports decimals, only two decimal "
    "place precision is supported.",
    "DECIMAL_PRECISION": "If the currency supports decimals, only two decimal place precision is supported.",
    "INVALID_CURRENCY_CODE": "Currency code is invalid or is not currently supported. Please refer "
    "https://developer.paypal.com/api/rest/reference/currency-codes/ for list of supported currency codes.",
    "MULTI_CURRENCY_ORDER": "Multiple differing values of currency_code are not supported. Entire Order request must "
    "have the same currency_code.",
    "ORDER_NOT_APPROVED": "Payer has not yet approved the Order for payment. Please redirect the payer to the "
    "'rel':'approve' url returned as part of the HATEOAS links within the Create Order call or provide a valid "
    "`payment_source` in the request.",
    "ORDER_ALREADY_CAPTURED": "Order already captured.If 'intent=CAPTURE' only one capture per order is allowed.",
    "INSTRUMENT_DECLINED": "The instrument presented  was either declined by the processor or bank, or it can't be "
    "used for this payment.",
    "ORDER_EXPIRED": "The order is expired",
    "TRANSACTION_REFUSED": "The request was refused.",
    "DUPLICATE_INVOICE_ID": "Duplicate Invoice ID detected. To avoid a potential duplicate transaction your account "
    "setting requires that Invoice Id be unique for each transaction.",
    "CAPTURE_FULLY_REFUNDED": "The capture has already been fully refunded",
    "REFUND_AMOUNT_EXCEEDED": "The refund amount must be less than or equal to the capture amount that has not yet "
    "been refunded.",
    "REFUND_CAPTURE_CURRENCY_MISMATCH": "Refund must be in the same currency as the capture",
    "REFUND_NOT_ALLOWED": "Capture cannot be refunded.",
    "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK": "Refunds are not allowed on this capture due to a chargeback on the "
    "card or bank. Please contact the payee to resolve the chargeback.",
    "TRANSACTION_DISPUTED": "Partial refunds cannot be offered at this time because there is an open case on this "
    "transaction. Visit the PayPal Resolution Center to review this case.",
    "PENDING_CAPTURE": "Cannot initiate a refund as the capture is pending. Capture is typically pending when the "
    "payer has funded the transaction using e-check/bank funded.",
}


class Refused(Refusal):
    """An error in PayPal's shape."""

    def __init__(
        self, status: int, issue: str = "", *, field: str = "", value: Any = None, description: str = ""
    ) -> None:
        name, message = NAMES[status]
        super().__init__(f"{issue or name}: {field or message}")
        self.status = status
        self.body: Thing = {"name": name, "message": message, "debug_id": secrets.token_hex(7)}
        if issue:
            detail = {"issue": issue, "description": description or DESCRIPTIONS.get(issue, issue)}
            if field:
                detail |= {"field": field, "location": "body"}
            if isinstance(value, str):
                detail["value"] = value
            self.body["details"] = [detail]
        if status in (400, 422):
            link = f"https://developer.paypal.com/docs/api/orders/v2/#error-{issue}"
            self.body["links"] = [{"href": link, "rel": "information_link", "method": "GET"}]


def thing(required: tuple[str, ...] = (), /, **fields: Check) -> Check:
    """An object with these fields and no others."""

    def check(value: Any, at: str) -> Thing:
        if not isinstance(value, dict):
            raise Refused(400, "INVALID_PARAMETER_SYNTAX", field=at or "/")
        for name in required:
            if name not in value:
                raise Refused(400, "MISSING_REQUIRED_PARAMETER", field=f"{at}/{name}")
        for name, inner in value.items():
            if name not in fields:
                raise Refused(400, "NOT_SUPPORTED", field=f"{at}/{name}")
            fields[name](inner, f"{at}/{name}")
        return value

    return check


def many(of: Check, least: int, most: int) -> Check:
    def check(value: Any, at: str) -> list[Any]:
        if not isinstance(value, list):
            raise Refused(400, "INVALID_PARAMETER_SYNTAX", field=at)
        if not least <= len(value) <= most:
            issue = "INVALID_ARRAY_MIN_ITEMS" if len(value) < least else "INVALID_ARRAY_MAX_ITEMS"
            raise Refused(400, issue, field=at)
        return [of(one, f"{at}/{index}") for index, one in enumerate(value)]

    return check


def words(most: int, like: str = r".*") -> Check:
    def check(value: Any, at: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(like, value):
            raise Refused(400, "INVALID_PARAMETER_SYNTAX", field=at, value=value)
        if not 1 <= len(value) <= most:
            raise Refused(400, "INVALID_STRING_LENGTH", field=at, value=value)
        return value

    return check


def choice(*choices: str) -> Check:
    def check(value: Any, at: str) -> str:
        if value not in choices:
            raise Refused(400, "INVALID_PARAMETER_VALUE", field=at, value=value)
        return str(value)

    return check


def address(value: Any, at: str) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused(400, "INVALID_PARAMETER_SYNTAX", field=at, value=value)
    return str(value)


AMOUNT = {"currency_code": words(3, r"[A-Z]{3}"), "value": words(32, r"-?[0-9]+|-?[0-9]*\.[0-9]+")}


def money(value: Any, at: str) -> Thing:
    return _plausible(thing(("currency_code", "value"), **AMOUNT)(value, at), at)


def _plausible(amount: Thing, at: str) -> Thing:
    """In a currency PayPal takes, above nothing, and with no more decimals than it takes of that currency."""
    currency, number = amount["currency_code"], Decimal(amount["value"])
    if currency not in CURRENCIES:
        raise Refused(422, "INVALID_CURRENCY_CODE", field=f"{at}/currency_code", value=currency)
    most = 0 if currency in WITHOUT_DECIMALS else 2
    if len(amount["value"].partition(".")[2]) > most:
        raise Refused(422, "DECIMAL_PRECISION", field=f"{at}/value", value=amount["value"])
    if number <= 0:
        raise Refused(422, "CANNOT_BE_ZERO_OR_NEGATIVE", field=f"{at}/value", value=amount["value"])
    return amount


PARTS = ("item_total", "shipping", "handling", "tax_total", "insurance", "shipping_discount", "discount")
BREAKDOWN = thing((), **dict.fromkeys(PARTS, thing(("currency_code", "value"), **AMOUNT)))


def amount_with_parts(value: Any, at: str) -> Thing:
    found = thing(("currency_code", "value"), **AMOUNT, breakdown=BREAKDOWN)(value, at)
    parts: Mapping[str, Thing] = found.get("breakdown", {})
    if any(part["currency_code"] != found["currency_code"] for part in parts.values()):
        raise Refused(422, "MULTI_CURRENCY_ORDER", field=f"{at}/breakdown")
    total = sum(Decimal(part["value"]) * (-1 if "discount" in name else 1) for name, part in parts.items())
    if parts and total != Decimal(found["value"]):
        raise Refused(422, "AMOUNT_MISMATCH", field=f"{at}/value", value=found["value"])
    return _plausible(found, at)


EXPERIENCE = thing(
    (),
    brand_name=words(127),
    locale=words(10, r"[a-zA-Z-]+"),
    shipping_preference=choice("GET_FROM_FILE", "NO_SHIPPING", "SET_PROVIDED_ADDRESS"),
    return_url=address,
    cancel_url=address,
    landing_page=choice("LOGIN", "GUEST_CHECKOUT", "NO_PREFERENCE"),
    user_action=choice("CONTINUE", "PAY_NOW"),
    payment_method_preference=choice("UNRESTRICTED", "IMMEDIATE_PAYMENT_REQUIRED"),
)

NEW_ORDER = thing(
    ("intent", "purchase_units"),
    intent=choice("CAPTURE"),
    purchase_units=many(
        thing(
            ("amount",),
            reference_id=words(256),
            amount=amount_with_parts,
            description=words(127),
            custom_id=words(127),
            invoice_id=words(127),
            soft_descriptor=words(22),
        ),
        1,
        1,
    ),
    payment_source=thing(("paypal",), paypal=thing(("experience_context",), experience_context=EXPERIENCE)),
)
NEW_CAPTURE = thing()
NEW_REFUND = thing((), amount=money, custom_id=words(127), invoice_id=words(127), note_to_payer=words(255))
A_SIGNATURE = thing(
    (
        "auth_algo",
        "cert_url",
        "transmission_id",
        "transmission_sig",
        "transmission_time",
        "webhook_id",
        "webhook_event",
    ),
    auth_algo=words(100, r"[a-zA-Z0-9]+"),
    cert_url=words(500),
    transmission_id=words(50, r"(?!\d+$)\w+\S+"),
    transmission_sig=words(500, r"(?!\d+$)\w+\S+"),
    transmission_time=words(100),
    webhook_id=words(50, r"[a-zA-Z0-9]+"),
    webhook_event=lambda value, at: value,
)
