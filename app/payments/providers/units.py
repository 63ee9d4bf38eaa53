"""A provider's wire units: what number stands for an amount in its messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.lib.money import Money, exponent


class InexactAmount(ValueError):
    """The amount cannot be written exactly in the provider's units."""


@dataclass(frozen=True)
class WireUnits:
    """Whole numbers in the smallest unit the provider knows.

    `exponents` holds only the currencies where the provider counts other decimals than ISO 4217 does;
    `steps` the currencies where only multiples of a wire number are taken (Kuwaiti fils in tens).
    """

    exponents: Mapping[str, int] = field(default_factory=dict)
    steps: Mapping[str, int] = field(default_factory=dict)

    def to_wire(self, amount: Money) -> int:
        """The provider's number for this amount. Raises InexactAmount."""
        shift = self._exponent(amount.currency) - exponent(amount.currency)
        number = _shifted(amount.minor, shift)
        if number is None or number % self.steps.get(amount.currency, 1):
            raise InexactAmount(f"{amount.plain()} {amount.currency} cannot be written exactly.")
        return number

    def from_wire(self, number: int, currency: str) -> Money:
        """Our amount for the provider's number; the currency in either case. Raises InexactAmount."""
        code = currency.upper()
        minor = _shifted(number, exponent(code) - self._exponent(code))
        if minor is None:
            raise InexactAmount(f"{number} in {code} is less than its smallest unit.")
        return Money(minor, code)

    def is_exact(self, amount: Money) -> bool:
        try:
            self.to_wire(amount)
        except InexactAmount:
            return False
        return True

    def _exponent(self, currency: str) -> int:
        return self.exponents.get(currency, exponent(currency))


def _shifted(number: int, digits: int) -> int | None:
    """`number` times ten to the power of `digits`; None when that is not whole."""
    if digits >= 0:
        return int(number * 10**digits)
    whole, rest = divmod(number, 10**-digits)
    return None if rest else int(whole)
