"""Money is whole and knows its currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.errors import Invalid
from app.lib.money import Money, exponent, use_locale

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (1999, "USD", "$19.99"),
        (500, "JPY", "¥500"),
        (40050, "KES", "KES\u00a0400.50"),
        (1234567, "KWD", "KWD\u00a01,234.567"),
        (700, "UGX", "UGX\u00a0700"),
        (-100, "EUR", "-€1.00"),
    ],
)
def test_an_amount_is_written_with_its_currencys_digits(minor: int, currency: str, written: str) -> None:
    assert str(Money(minor, currency)) == written


@pytest.mark.parametrize(
    ("typed", "minor"), [("19.99", 1999), (" 19.9 ", 1990), ("1,234.50", 123450), ("0", 0), ("20", 2000), ("0.07", 7)]
)
def test_what_a_person_types_is_read_to_the_cent(typed: str, minor: int) -> None:
    assert Money.parse(typed, "USD") == Money(minor, "USD")


@pytest.mark.parametrize(
    "typed", ["19.999", "-1", "1e3", "NaN", "inf", "", "ten", "1.2.3", "٣", "99999999999999", "1 2,3", "\x00"]
)
def test_anything_else_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        Money.parse(typed, "USD")


def test_nineteen_ninety_nine_is_the_same_in_every_locale() -> None:
    for locale, typed in (("en_US", "19.99"), ("de_DE", "19,99"), ("de_DE", "19.99"), ("fr_FR", "19,99")):
        use_locale(locale)
        try:
            assert Money.parse(typed, "EUR") == Money(1999, "EUR")
        finally:
            use_locale("en_US")


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_shares_always_add_up(minor: int, weights: list[int]) -> None:
    shares = Money(minor, "USD").split(weights)

    assert sum(share.minor for share in shares) == minor
    whole = sum(weights) or len(weights)
    scale = weights if sum(weights) else [1] * len(weights)
    for share, weight in zip(shares, scale, strict=True):
        assert abs(share.minor - Decimal(minor) * weight / whole) < 1


def test_two_currencies_never_mix() -> None:
    with pytest.raises(ValueError, match="cannot be mixed"):
        Money(1, "USD") + Money(1, "EUR")


def test_a_fraction_is_rounded_half_up() -> None:
    assert Money(1999, "EUR").fraction(Decimal("0.20")) == Money(400, "EUR")
    assert Money(5, "EUR").fraction(Decimal("0.1")) == Money(1, "EUR")
    assert Money(-5, "EUR").fraction(Decimal("0.1")) == Money(-1, "EUR")
    assert exponent("KWD") == 3
