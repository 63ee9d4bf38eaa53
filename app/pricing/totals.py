"""Totals: the five figures, from plain lines. No clock, no database; rounding happens once per line."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.lib.money import Money


@dataclass(frozen=True)
class PricedLine:
    """What a line costs before tax is known: `quantity` times `unit_price`."""

    key: str
    unit_price: Money
    quantity: int

    @property
    def amount(self) -> Money:
        return self.unit_price * self.quantity


@dataclass(frozen=True)
class TaxRule:
    """One rate for everything, contained in the prices or added on top."""

    rate: Decimal
    is_included: bool


@dataclass(frozen=True)
class LineTotal:
    """A line after its share of the discount; `tax` is in `total` or on top of it, as the rule says."""

    key: str
    discount: Money
    tax: Money
    total: Money


@dataclass(frozen=True)
class Totals:
    """Subtotal, discount, shipping, tax, total: always in this order, always adding up."""

    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    total: Money
    shipping_tax: Money
    tax_rule: TaxRule
    lines: tuple[LineTotal, ...]


def totals(lines: Sequence[PricedLine], *, shipping: Money, rule: TaxRule, discount: Money | None = None) -> Totals:
    """The five figures. total = subtotal - discount + shipping, plus tax when it is not included.

    Shares of the discount follow the lines' amounts and add up to it. Tax is rounded half up once per line
    and once for shipping.
    """
    currency = shipping.currency
    subtotal = Money.total((line.amount for line in lines), currency)
    taken_off = min(discount or Money(0, currency), subtotal)
    shares = taken_off.split([line.amount.minor for line in lines])
    each = tuple(_line(line, share, rule) for line, share in zip(lines, shares, strict=True))
    shipping_tax = tax_on(shipping, rule)
    tax = Money.total((line.tax for line in each), currency) + shipping_tax
    total = subtotal - taken_off + shipping
    return Totals(
        subtotal=subtotal,
        discount=taken_off,
        shipping=shipping,
        tax=tax,
        total=total if rule.is_included else total + tax,
        shipping_tax=shipping_tax,
        tax_rule=rule,
        lines=each,
    )


def tax_on(amount: Money, rule: TaxRule) -> Money:
    """The tax in a gross amount (included), or on a net one."""
    if rule.is_included:
        return amount.fraction(rule.rate / (1 + rule.rate))
    return amount.fraction(rule.rate)


def _line(line: PricedLine, share: Money, rule: TaxRule) -> LineTotal:
    total = line.amount - share
    return LineTotal(key=line.key, discount=share, tax=tax_on(total, rule), total=total)
