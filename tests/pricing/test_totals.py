"""The five figures, against baskets worked out by hand and against every basket there is."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.money import Money
from app.pricing import PricedLine, TaxRule, totals

pytestmark = pytest.mark.pure


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def line(minor: int, quantity: int = 1, key: str = "A") -> PricedLine:
    return PricedLine(key, usd(minor), quantity)


ON_TOP = TaxRule(Decimal("0.085"), is_included=False)
INCLUDED = TaxRule(Decimal("0.20"), is_included=True)


@pytest.mark.parametrize(
    ("lines", "shipping", "discount", "rule", "figures"),
    [
        # subtotal, discount, shipping, tax, total; tax of each line and of shipping is rounded by itself
        ([line(12800), line(3400, 2), line(3600)], 0, 2320, ON_TOP, (23200, 2320, 0, 1774, 22654)),
        ([line(1999, 2)], 590, 0, ON_TOP, (3998, 0, 590, 390, 4978)),
        ([line(1999, 2)], 590, 0, INCLUDED, (3998, 0, 590, 764, 4588)),
        ([line(1)], 0, 0, INCLUDED, (1, 0, 0, 0, 1)),
        ([line(100)], 0, 100, ON_TOP, (100, 100, 0, 0, 0)),
        ([line(100)], 0, 900, ON_TOP, (100, 100, 0, 0, 0)),
        ([], 0, 0, ON_TOP, (0, 0, 0, 0, 0)),
    ],
)
def test_baskets_worked_out_by_hand(
    lines: list[PricedLine], shipping: int, discount: int, rule: TaxRule, figures: tuple[int, ...]
) -> None:
    sum_ = totals(lines, shipping=usd(shipping), rule=rule, discount=usd(discount))

    got = (sum_.subtotal, sum_.discount, sum_.shipping, sum_.tax, sum_.total)
    assert tuple(money.minor for money in got) == figures


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 999)), min_size=1, max_size=12),
    st.integers(0, 10**5),
    st.integers(0, 10**8),
    st.decimals(0, "0.30", places=4),
    st.booleans(),
)
def test_the_figures_always_add_up(
    lines: list[tuple[int, int]], shipping: int, discount: int, rate: Decimal, is_included: bool
) -> None:
    priced = [line(minor, quantity, str(i)) for i, (minor, quantity) in enumerate(lines)]

    sum_ = totals(priced, shipping=usd(shipping), rule=TaxRule(rate, is_included), discount=usd(discount))

    on_top = usd(0) if is_included else sum_.tax
    assert sum_.total == sum_.subtotal - sum_.discount + sum_.shipping + on_top
    assert Money.total((each.discount for each in sum_.lines), "USD") == sum_.discount
    assert Money.total((each.tax for each in sum_.lines), "USD") + sum_.shipping_tax == sum_.tax
    assert all(each.total.minor >= 0 for each in sum_.lines)
