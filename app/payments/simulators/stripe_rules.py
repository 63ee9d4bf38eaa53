"""What our Stripe takes and what it refuses.

Written from Stripe's rules and apart from the adapter's own tables, so that a mistake in one is not repeated
in the other.
"""

from typing import Any

from app.payments.simulators.params import (
    Refused,
    address,
    choice,
    mail_address,
    many,
    metadata,
    text,
    thing,
    whole,
)

THREE_DECIMALS = {"bhd", "jod", "kwd", "omr", "tnd"}
NO_DECIMALS = {
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf",
}  # fmt: skip
WHOLE_ONLY = {"isk", "ugx"}  # sent with two decimals, which must be zero
MINIMUM = {"eur": 50, "gbp": 30, "jpy": 50, "usd": 50, "mxn": 1000, "sek": 300}
MAXIMUM = 99_999_999
HALF_AN_HOUR, A_DAY = 1800, 86400

EXPAND = many(text(), most=4)
CREATED = thing(gt=whole(), gte=whole(), lt=whole(), lte=whole())


def amount(value: Any, name: str) -> int:
    return int(whole(0, MAXIMUM)(value, name))


def currency(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) != 3 or not value.isascii() or not value.isalpha():
        raise Refused(f"Invalid currency: {value}", param=name)
    return value.lower()


PRICE = thing(
    ("currency",),
    currency=currency,
    unit_amount=amount,
    product_data=thing(("name",), name=text(), description=text(), images=many(address, 8), metadata=metadata),
    tax_behavior=choice("exclusive", "inclusive", "unspecified"),
)

RATE = thing(
    ("display_name",),
    display_name=text(100),
    type=choice("fixed_amount"),
    fixed_amount=thing(("amount", "currency"), amount=amount, currency=currency),
    metadata=metadata,
)

NEW_SESSION = thing(
    ("mode",),
    mode=choice("payment", "setup", "subscription"),
    ui_mode=choice("elements", "embedded_page", "form", "hosted_page"),
    success_url=address,
    cancel_url=address,
    client_reference_id=text(200),
    customer_email=mail_address,
    expires_at=whole(),
    line_items=many(thing(("price_data",), price_data=PRICE, quantity=whole(1, 999_999), metadata=metadata)),
    shipping_options=many(thing(shipping_rate_data=RATE), most=5),
    metadata=metadata,
    payment_intent_data=thing(
        description=text(1000), metadata=metadata, receipt_email=mail_address, statement_descriptor=text(22)
    ),
    locale=choice("auto", "de", "en", "en-GB", "es", "fr", "it", "ja", "pt", "sv"),
    submit_type=choice("auto", "book", "donate", "pay", "subscribe"),
    expand=EXPAND,
)

LIST_SESSIONS = thing(
    created=CREATED,
    ending_before=text(),
    expand=EXPAND,
    limit=whole(1, 100),
    payment_intent=text(),
    starting_after=text(),
    status=choice("complete", "expired", "open"),
)

NEW_REFUND = thing(
    amount=whole(1, MAXIMUM),
    charge=text(),
    expand=EXPAND,
    metadata=metadata,
    payment_intent=text(),
    reason=choice("duplicate", "fraudulent", "requested_by_customer"),
)

LIST_REFUNDS = thing(
    charge=text(),
    created=CREATED,
    ending_before=text(),
    expand=EXPAND,
    limit=whole(1, 100),
    payment_intent=text(),
    starting_after=text(),
)

LIST_EVENTS = thing(
    created=CREATED,
    ending_before=text(),
    limit=whole(1, 100),
    starting_after=text(),
    type=text(),
    types=many(text(), 20),
)

ONLY_EXPAND = thing(expand=EXPAND)


def decimals(code: str) -> int:
    """How many decimals the numbers of this currency have on the wire."""
    return 0 if code in NO_DECIMALS else 3 if code in THREE_DECIMALS else 2


def check_session(params: dict[str, Any], now: float) -> int:
    """The rules between parameters of a new session; answers the total on the wire. Raises Refused."""
    if params["mode"] != "payment":
        raise Refused("This simulator only knows mode `payment`.", param="mode")
    if "success_url" not in params:
        raise Refused("Missing required param: success_url.", param="success_url", code="parameter_missing")
    lines = params.get("line_items")
    if not lines:
        raise Refused("Missing required param: line_items.", param="line_items", code="parameter_missing")
    life = params.get("expires_at", now + A_DAY) - now
    # Stripe counts whole seconds; two of them are for the way here.
    if not HALF_AN_HOUR - 2 <= life <= A_DAY + 2:
        raise Refused(
            "The `expires_at` timestamp must be less than 24 hours and at least 30 minutes from now.",
            param="expires_at",
        )
    _check_lines(lines)
    money = {line["price_data"]["currency"] for line in lines}
    money |= {option["shipping_rate_data"]["fixed_amount"]["currency"] for option in _shipping(params)}
    if len(money) > 1:
        raise Refused("You can only use one currency in a Checkout Session.", param="line_items")
    total = sum(line["price_data"]["unit_amount"] * line.get("quantity", 1) for line in lines)
    total += sum(option["shipping_rate_data"]["fixed_amount"]["amount"] for option in _shipping(params)[:1])
    check_total(total, money.pop())
    return int(total)


def check_total(total: int, code: str) -> None:
    """Raises Refused for a total Stripe would not charge in this currency."""
    least = MINIMUM.get(code, 1)
    if total < least:
        raise Refused(
            f"The Checkout Session's total amount must convert to at least {least} {code}.",
            code="amount_too_small",
        )
    if total > MAXIMUM:
        raise Refused(f"Amount must be no more than {MAXIMUM} {code}.", code="amount_too_large")


def _check_lines(lines: list[dict[str, Any]]) -> None:
    for index, line in enumerate(lines):
        price = line["price_data"]
        name = f"line_items[{index}][price_data]"
        for missing in {"unit_amount", "product_data"} - set(price):
            raise Refused(f"Missing required param: {name}[{missing}].", code="parameter_missing")
        check_step(price["unit_amount"], price["currency"], f"{name}[unit_amount]")


def check_step(number: int, code: str, name: str) -> None:
    """Raises Refused for digits that the currency does not have."""
    step = 10 if code in THREE_DECIMALS else 100 if code in WHOLE_ONLY else 1
    if number % step:
        raise Refused(f"Invalid amount: {code.upper()} must be a multiple of {step}.", param=name)


def _shipping(params: dict[str, Any]) -> list[dict[str, Any]]:
    options = params.get("shipping_options", [])
    for option in options:
        if "fixed_amount" not in option.get("shipping_rate_data", {}):
            raise Refused("Missing required param: fixed_amount.", param="shipping_options")
    return list(options)
