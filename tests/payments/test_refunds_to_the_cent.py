"""However an order is given back, in whatever steps: its parts add up to the cent, and never to more."""

import random
from collections import Counter
from decimal import Decimal

import pytest

from app.lib.errors import Invalid
from app.lib.money import Money
from app.orders.models import Order, OrderLine
from app.payments.credit_plan import Amounts, Left, LineWish, Wishes, everything, plan, share
from app.payments.models import Credit, CreditLine
from app.pricing import PricedLine, TaxRule, totals

pytestmark = pytest.mark.pure

RATES = ("0", "0.085", "0.19", "0.16", "0.075", "0.15", "0.0825")
# (currency, the dearest unit in minor units)
CURRENCIES = (("USD", 20_000), ("JPY", 900), ("KWD", 90_000), ("KES", 400_000), ("USD", 7))


def an_order(*, seed: int = 0, on_top: bool | None = None) -> Order:
    """A random order as checkout would have agreed to it: lines, a discount, delivery and tax."""
    chance = random.Random(seed)
    currency, dearest = CURRENCIES[seed % len(CURRENCIES)]
    lines = [
        PricedLine(str(n), Money(chance.randint(1, dearest), currency), chance.randint(1, 9))
        for n in range(chance.randint(1, 6))
    ]
    rule = TaxRule(
        Decimal(RATES[seed % len(RATES)]), is_included=chance.random() < 0.5 if on_top is None else not on_top
    )
    discount = Money(chance.choice([0, 1, dearest // 2, dearest]), currency)
    figures = totals(lines, shipping=Money(chance.choice([0, 1, dearest]), currency), rule=rule, discount=discount)
    each = zip(lines, figures.lines, strict=True)
    return Order(
        currency=currency,
        prices_include_tax=rule.is_included,
        subtotal_minor=figures.subtotal.minor,
        discount_minor=figures.discount.minor,
        shipping_minor=figures.shipping.minor,
        tax_minor=figures.tax.minor,
        total_minor=figures.total.minor,
        lines=[
            OrderLine(
                id=number,
                name=f"Shirt {number}",
                quantity=line.quantity,
                unit_price_minor=line.unit_price.minor,
                discount_minor=agreed.discount.minor,
                tax_minor=agreed.tax.minor,
                total_minor=agreed.total.minor,
            )
            for number, (line, agreed) in enumerate(each, 1)
        ],
    )


def given(amounts: Amounts) -> Credit:
    """The credit that is written for these amounts, within what its table allows."""
    assert 0 <= amounts.tax_minor <= amounts.amount_minor
    assert amounts.amount_minor > 0
    for line in amounts.lines:
        assert 0 <= line.tax_minor <= line.amount_minor
    assert 0 <= amounts.shipping_tax_minor <= amounts.shipping_minor
    assert 0 <= amounts.other_tax_minor <= amounts.other_minor
    return Credit(
        amount_minor=amounts.amount_minor,
        tax_minor=amounts.tax_minor,
        shipping_minor=amounts.shipping_minor,
        other_minor=amounts.other_minor,
        lines=[
            CreditLine(
                order_line_id=line.line_id,
                quantity=line.quantity,
                amount_minor=line.amount_minor,
                tax_minor=line.tax_minor,
            )
            for line in amounts.lines
        ],
    )


def gross(order: Order, line: OrderLine) -> int:
    return line.total_minor if order.prices_include_tax else line.total_minor + line.tax_minor


def a_part(chance: random.Random, left: Left, *, free: bool) -> Wishes:
    """Something of what is left, as somebody at the desk might choose it."""
    lines = tuple(
        LineWish(line.id, chance.randint(1, line.units)) for line in left.lines if line.units and chance.random() < 0.5
    )
    return Wishes(
        lines,
        shipping_minor=chance.choice([0, left.shipping, chance.randint(0, left.shipping)]),
        other_minor=chance.randint(0, max(1, left.amount // 5)) if free and chance.random() < 0.4 else 0,
    )


def give_back_in_parts(order: Order, seed: int, *, free: bool) -> list[Amounts]:
    """Part after part until everything was given back."""
    chance = random.Random(seed)
    credits: list[Credit] = []
    made: list[Amounts] = []
    while (left := Left.of(order, credits)).amount:
        wishes = a_part(chance, left, free=free) if len(made) < 12 else everything(left)
        try:
            amounts = plan(left, wishes)
        except Invalid:
            continue  # it asked for nothing, or for a free amount that is not there
        made.append(amounts)
        credits.append(given(amounts))
        if not any(line.units for line in left.lines) and not left.shipping and len(made) > 40:
            raise AssertionError("The rest of the money belongs to no part.")
    return made


@pytest.mark.parametrize("seed", range(0, 200, 20))
def test_units_and_delivery_in_any_steps_add_up_to_the_order(seed: int):
    for one in range(seed, seed + 20):
        order = an_order(seed=one)

        made = give_back_in_parts(order, one, free=False)

        amounts, taxes, units = Counter[int](), Counter[int](), Counter[int]()
        for line in (line for amounts_ in made for line in amounts_.lines):
            amounts[line.line_id] += line.amount_minor
            taxes[line.line_id] += line.tax_minor
            units[line.line_id] += line.quantity
        for line in order.lines:
            if gross(order, line):
                assert (amounts[line.id], taxes[line.id]) == (gross(order, line), line.tax_minor), f"order {one}"
        assert sum(a.amount_minor for a in made) == order.total_minor
        assert sum(a.tax_minor for a in made) == order.tax_minor
        discounts = sum(line.discount_minor for a in made for line in a.lines)
        assert discounts <= order.discount_minor


@pytest.mark.parametrize("seed", range(0, 200, 20))
def test_free_amounts_in_between_change_no_sum(seed: int):
    for one in range(seed, seed + 20):
        order = an_order(seed=one)
        credits: list[Credit] = []
        left = Left.of(order, credits)

        for amounts in give_back_in_parts(order, one, free=True)[:12]:
            credits.append(given(amounts))
            left = Left.of(order, credits)
            assert 0 <= left.tax <= left.amount, f"order {one}: the rest cannot hold its tax"
        if left.amount:
            credits.append(given(plan(left, Wishes(other_minor=left.amount))))

        assert sum(credit.amount_minor for credit in credits) == order.total_minor
        assert sum(credit.tax_minor for credit in credits) == order.tax_minor


# Three shirts of 9.99 with 10 % off together and 8.5 % on top: figures a person can follow with a pencil.
THREE_SHIRTS = Order(
    currency="USD",
    prices_include_tax=False,
    subtotal_minor=2997,
    discount_minor=300,
    shipping_minor=600,
    tax_minor=280,
    total_minor=3577,
    lines=[
        OrderLine(
            id=1, name="Shirt", quantity=3, unit_price_minor=999, discount_minor=300, tax_minor=229, total_minor=2697
        )
    ],
)


def test_a_shirt_costs_its_price_less_its_discount_plus_its_tax():
    left = Left.of(THREE_SHIRTS, [])

    first = plan(left, Wishes((LineWish(1, 1),)))
    rest = plan(Left.of(THREE_SHIRTS, [given(first)]), Wishes((LineWish(1, 2),), shipping_minor=None))

    assert [(a.lines[0].amount_minor, a.lines[0].tax_minor, a.lines[0].discount_minor) for a in (first, rest)] == [
        (899 + 76, 76, 100),
        (1798 + 153, 153, 200),
    ]
    assert (rest.shipping_minor, rest.shipping_tax_minor) == (651, 51)
    assert first.amount_minor + rest.amount_minor == 3577


def test_what_is_left_is_less_by_a_free_amount_and_units_share_the_loss():
    goodwill = plan(Left.of(THREE_SHIRTS, []), Wishes(other_minor=577))
    left = Left.of(THREE_SHIRTS, [given(goodwill)])

    rest = plan(left, everything(left))

    assert (goodwill.other_tax_minor, left.amount) == (share(280, 577, 3577), 3000)
    assert (rest.lines[0].amount_minor, rest.shipping_minor) == (2454, 546)
    assert rest.tax_minor == 280 - goodwill.tax_minor


def test_less_than_the_units_cost_can_be_all_the_money_there_is():
    left = Left.of(THREE_SHIRTS, [])

    amounts = plan(left, everything(left), most=1000)

    assert amounts.amount_minor == 1000
    assert amounts.tax_minor == share(280, 1000, 3577)


@pytest.mark.parametrize(
    ("wishes", "field", "sentence"),
    [
        (Wishes((LineWish(1, 4),)), "units-1", "Of Shirt, 3 of 3 can be given back."),
        (Wishes((LineWish(1, -1),)), "units-1", "Of Shirt, 3 of 3 can be given back."),
        (Wishes((LineWish(9, 1),)), None, "This line does not belong to the order."),
        (Wishes(shipping_minor=652), "shipping", "Of the delivery, $6.51 is left."),
        (Wishes(shipping_minor=-1), "shipping", "Of the delivery, $6.51 is left."),
        (Wishes(other_minor=3578), "other", "At most $35.77 can be refunded."),
        (Wishes((LineWish(1, 3),), other_minor=652), "other", "At most $6.51 can be refunded."),
        (Wishes(other_minor=-1), "other", "At most $35.77 can be refunded."),
        (Wishes(), None, "Choose what is given back: units, delivery, or an amount."),
    ],
)
def test_more_than_is_left_is_refused_in_words(wishes: Wishes, field: str | None, sentence: str):
    with pytest.raises(Invalid) as refusal:
        plan(Left.of(THREE_SHIRTS, []), wishes)

    assert (refusal.value.field, refusal.value.sentence) == (field, sentence)


def test_what_was_given_back_cannot_be_given_back_again():
    left = Left.of(THREE_SHIRTS, [])
    left = Left.of(THREE_SHIRTS, [given(plan(left, everything(left)))])

    for wishes in (Wishes((LineWish(1, 1),)), Wishes(shipping_minor=1), Wishes(other_minor=1), everything(left)):
        with pytest.raises(Invalid):
            plan(left, wishes)
