"""Money: whole minor units and a currency. No float ever touches an amount."""

import copy
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import cast

from babel import Locale
from babel.numbers import (
    NumberFormatError,
    NumberPattern,
    format_currency,
    get_currency_precision,
    parse_decimal,
)

from app.lib.errors import Invalid

LARGEST = 10**12  # minor units; far below the limit of BIGINT, so that sums stay inside it


_locale = "en_US"


def use_locale(locale: str) -> None:
    """How every amount is written from now on."""
    global _locale
    _locale = locale


@lru_cache(maxsize=256)
def exponent(currency: str) -> int:
    """Digits after the point in ISO 4217: USD 2, JPY 0, KWD 3.

    CLDR says how a currency is usually written, which for some (UGX, ISK, …) agrees with ISO 4217 and for a
    few does not; ISO_DIGITS holds those few.
    """
    return ISO_DIGITS.get(currency, get_currency_precision(currency))


# Source: ISO 4217 list one, where it differs from CLDR's customary digits.
ISO_DIGITS = {
    "AFN": 2,
    "ALL": 2,
    "COP": 2,
    "CRC": 2,
    "HUF": 2,
    "IDR": 2,
    "IQD": 3,
    "IRR": 2,
    "KPW": 2,
    "LAK": 2,
    "LBP": 2,
    "MGA": 2,
    "MMK": 2,
    "MRU": 2,
    "MUR": 2,
    "PKR": 2,
    "RSD": 2,
    "SLE": 2,
    "SOS": 2,
    "SYP": 2,
    "TZS": 2,
    "UZS": 2,
    "YER": 2,
    "ZMW": 2,
    "TWD": 2,
    "CZK": 2,
    "NOK": 2,
    "SEK": 2,
}


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in whole minor units (cents, yen, fils) of one currency."""

    minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other).minor, self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.minor * times, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._same(other).minor

    def __bool__(self) -> bool:
        return self.minor != 0

    def fraction(self, rate: Decimal) -> "Money":
        """This amount times `rate`, rounded half up (commercially) to whole minor units."""
        exact = Decimal(self.minor) * rate
        return Money(int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)), self.currency)

    def split(self, weights: Sequence[int]) -> list["Money"]:
        """Shares in proportion to `weights` that add up exactly (largest remainder method).

        Equal remainders go to the earlier weight. All-zero weights share evenly.
        """
        if not weights:
            return []
        scale = list(weights) if sum(weights) else [1] * len(weights)
        whole = sum(scale)
        sign = -1 if self.minor < 0 else 1
        size = abs(self.minor)
        shares = [size * weight // whole for weight in scale]
        by_remainder = sorted(range(len(scale)), key=lambda i: (-(size * scale[i] % whole), i))
        for index in by_remainder[: size - sum(shares)]:
            shares[index] += 1
        return [Money(sign * share, self.currency) for share in shares]

    @property
    def decimal(self) -> Decimal:
        """In major units, with exactly the currency's digits: Money(1999, "USD") is 19.99."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def plain(self) -> str:
        """For machines and form fields: "19.99", "500"."""
        return f"{self.decimal:f}"

    def __str__(self) -> str:
        """For people, as the shop's locale writes it: "$19.99"."""
        return self.written(_locale)

    def written(self, locale: str) -> str:
        """For people, as that locale writes it: a paper keeps the one it was issued in."""
        return _format(self.minor, self.currency, locale)

    @staticmethod
    def total(amounts: Iterable["Money"], currency: str) -> "Money":
        result = Money(0, currency)
        for amount in amounts:
            result = result + amount
        return result

    @staticmethod
    def parse(text: str, currency: str) -> "Money":
        """Read what a person typed, such as "19.99", "1,234.50" or "19,99" where the shop's locale writes it so.

        Raises Invalid for anything else, for more digits than the currency has, and for amounts out of range.
        """
        number = _number(text.strip())
        minor = number.scaleb(exponent(currency))
        if minor != minor.to_integral_value():
            raise Invalid(f"{currency} has {exponent(currency) or 'no'} decimal places; {text.strip()} has more.")
        if not 0 <= minor <= LARGEST:
            raise Invalid("Enter an amount that is not negative and not absurdly large.")
        return Money(int(minor), currency)

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be mixed.")
        return other


def _number(text: str) -> Decimal:
    if not AMOUNT.fullmatch(text):
        raise Invalid("Enter an amount such as 19.99.")
    # A machine's "19.99" is understood in every locale, because nobody groups digits by twos.
    if MACHINE.fullmatch(text):
        return Decimal(text)
    try:
        return parse_decimal(text, locale=_locale, strict=True)
    except NumberFormatError:
        raise Invalid("Enter an amount such as 19.99.") from None


AMOUNT = re.compile(r"-?[0-9][0-9.,'\u00a0\u202f ]{0,23}")
MACHINE = re.compile(r"-?[0-9]+(\.([0-9]{1,2}|[0-9]{4,}))?")


@lru_cache(maxsize=4096)
def _format(minor: int, currency: str, locale: str) -> str:
    amount = Decimal(minor).scaleb(-exponent(currency))
    written = format_currency(amount, currency, locale=locale, currency_digits=False, format=_pattern(currency, locale))
    # Unicode TR 35: a symbol made of letters does not touch the digits ("KES 400", "$400").
    return re.sub(r"(?<=[^\W\d_])(?=\d)", "\u00a0", written)


@lru_cache(maxsize=256)
def _pattern(currency: str, locale: str) -> NumberPattern:
    """The locale's own way of writing money, with the currency's exact digits."""
    pattern = copy.copy(Locale.parse(locale).currency_formats["standard"])
    pattern.frac_prec = (exponent(currency), exponent(currency))
    return cast(NumberPattern, pattern)
