"""The total of an order, as every place shows it or sends it, worked out here apart from the shop's own tables."""

import random
import re
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from app.cart import services as carts
from app.cart.queries import Whose
from app.checkout import services as checkout
from app.lib.db import session
from app.lib.money import Money
from app.payments import services as payments
from app.payments.payers import Payer
from app.payments.registry import offered
from tests.factories import a_variant, order_named, place
from tests.races.people import sku_of
from tests.races.stories import names_of
from tests.races.street import Street

# Digits of the currency in ISO 4217, a country it is used in, and what delivery costs.
CURRENCIES = {
    "JPY": (0, "JP", "600"),
    "KWD": (3, "US", "1.255"),
    "KES": (2, "KE", "350"),
    "ETB": (2, "ET", "120.50"),
    "NGN": (2, "NG", "1500.75"),
    "UGX": (0, "KE", "9000"),
}
# The factor between our minor units and the whole numbers of these providers' messages.
STRIPE = {"JPY": 1, "KWD": 1, "KES": 1, "ETB": 1, "NGN": 1, "UGX": 100}
NO_DECIMALS = ("JPY",)


def settings_for(currency: str, chance: random.Random) -> dict[str, str]:
    """A shop in this currency with an awkward tax rate, in the price or on top of it."""
    return {
        "CURRENCY": currency,
        "TAX_RATE": chance.choice(["0.0", "0.075", "0.16", "0.18", "0.0825"]),
        "PRICES_INCLUDE_TAX": chance.choice(["on", "off"]),
        "SHIPPING_METHODS": f"standard:Standard:{CURRENCIES[currency][2]}::2-4",
    }


def some_goods(chance: random.Random, currency: str) -> list[int]:
    """Ids of variants at any price, some of it round."""
    digits = CURRENCIES[currency][0]
    return [
        a_variant(
            on_hand=100_000, price=chance.choice([chance.randint(1, 99_999), chance.randint(1, 99) * 10**digits])
        ).id
        for _ in range(4)
    ]


def a_random_cart(chance: random.Random, goods: list[int]) -> Whose:
    whose = Whose()
    for variant_id in chance.sample(goods, chance.randint(1, len(goods))):
        whose = Whose(carts.add_line(whose, sku_of(variant_id), chance.choice([1, 1, 2, 3, 7, 12])).token)
    return whose


FIGURES = text("""
    SELECT o.total_minor, o.shipping_minor, o.prices_include_tax, o.tax_minor, o.discount_minor,
      (SELECT sum(l.unit_price_minor * l.quantity) FROM order_lines l WHERE l.order_id = o.id) AS goods,
      (SELECT d.amount_minor FROM documents d WHERE d.order_id = o.id AND d.kind = 'invoice') AS invoiced,
      (SELECT d.content FROM documents d WHERE d.order_id = o.id AND d.kind = 'invoice') AS paper
    FROM orders o WHERE o.number = :number
""")


def follow(street: Street, browser: Any, run_jobs: Any, mails: Any, cart: Whose, currency: str) -> int:
    """Buy a cart and compare its total everywhere; gives back how many providers were asked for it."""
    digits, country, _ = CURRENCIES[currency]
    number, key = place(cart, country=country)
    total = order_named(number).total_minor
    asked = _ask_every_provider(street, number, total, currency, country)
    reference = checkout.start_payment(number, "demo").rsplit("/", 1)[1]
    browser.post(f"/payments/demo/{reference}", data={"outcome": "pay"})
    run_jobs()

    row = session().execute(FIGURES, {"number": number}).one()
    session().rollback()
    on_top = 0 if row.prices_include_tax else row.tax_minor
    assert row.goods + row.shipping_minor + on_top - row.discount_minor == total
    assert row.invoiced == row.paper["figures"]["total_minor"] == total
    assert sum(line["total_minor"] for line in row.paper["lines"]) + row.shipping_minor + on_top == total
    shown = re.compile(rf"(?<![\d,.]){re.escape(f'{Decimal(total).scaleb(-digits):,.{digits}f}')}(?!\d)")
    page = browser.get(f"/orders/{number}?key={key}", follow_redirects=True).get_data(as_text=True)
    assert shown.search(page), (shown, currency)
    letter = next(one for one in mails() if number in one["Subject"] and "paid" in one["Subject"])
    assert shown.search(letter.get_body(("plain",)).get_content()), (shown, currency)
    return asked


def _ask_every_provider(street: Street, number: str, total: int, currency: str, country: str) -> int:
    """Press Pay with each provider that is offered for this amount, and look at what arrived there."""
    names = [
        provider.name for provider in offered(Money(total, currency), country) if provider.name in street.simulators
    ]
    session().rollback()
    # A telephone that rings comes last: until it stops nothing else can be paid.
    for name in sorted(names, key=lambda name: name == "mpesa"):
        simulator = street.simulators[name]
        simulator.requests.clear()
        checkout.start_payment(number, name, Payer(phone=f"07{int(number[1:]) % 10**8:08}"))
        seen = [one["params"] for one in simulator.requests if one.get("operation") == STARTS[name]]
        assert [asked_for(name, params, currency) for params in seen] == [total], (name, seen)
    if "mpesa" in names:
        reference, push = names_of(number)
        street.simulators["mpesa"].do("cancel", push)
        payments.check(reference, channel="poller")
    _only_exact_amounts(names, total, currency)
    return len(names)


STARTS = {
    "stripe": "checkout.sessions.create",
    "paypal": "orders.create",
    "chapa": "initialize",
    "paystack": "transaction_initialize",
    "mpesa": "stk_push",
}


def asked_for(name: str, params: dict[str, Any], currency: str) -> int:
    """Our minor units of what a provider was asked to take; the currency was ours."""
    if name == "stripe":
        lines = [(line["price_data"], line["quantity"]) for line in params["line_items"]]
        options = params.get("shipping_options", [])
        fees = [one["shipping_rate_data"]["fixed_amount"] for one in options]
        assert {price["currency"] for price, _ in lines} | {fee["currency"] for fee in fees} == {currency.lower()}
        wire = sum(price["unit_amount"] * quantity for price, quantity in lines) + sum(fee["amount"] for fee in fees)
        return wire // STRIPE[currency]
    if name == "mpesa":
        return int(params["Amount"]) * 100
    if name == "paystack":
        assert params["currency"] == currency
        return int(params["amount"])
    if name == "chapa":
        assert params["currency"] == currency
        return int(Decimal(params["amount"]) * 100)
    amount = params["purchase_units"][0]["amount"]
    assert amount["currency_code"] == currency
    return int(Decimal(amount["value"]).scaleb(0 if currency in NO_DECIMALS else 2))


def _only_exact_amounts(names: list[str], total: int, currency: str) -> None:
    """Who cannot write the amount to the last digit is not offered for it."""
    assert ("mpesa" in names) == (currency == "KES" and total % 100 == 0 and total <= 25_000_000)
    assert ("stripe" in names) <= (currency != "KWD" or total % 10 == 0)
    assert ("chapa" in names) == (currency == "ETB")
    assert ("paypal" in names) <= (currency == "JPY")
