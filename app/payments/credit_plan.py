"""What giving a part of an order back comes to: arithmetic to the cent, no clock, no database.

Parts are cut from what was agreed by cumulative rounding: whatever the steps, all parts together are the whole. Every
amount is in minor units and with tax, unless it says otherwise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.lib.errors import Invalid
from app.lib.money import Money
from app.orders.models import Order
from app.payments.models import Credit


@dataclass(frozen=True)
class LineWish:
    """So many units of an order line; `restock` puts them back on the shelf."""

    line_id: int
    quantity: int
    restock: bool = False


@dataclass(frozen=True)
class Wishes:
    """What somebody wants to give back. `shipping_minor` None means all that is left of it."""

    lines: tuple[LineWish, ...] = ()
    shipping_minor: int | None = 0
    other_minor: int = 0


@dataclass(frozen=True)
class LineLeft:
    """An order line, and how many of its units were given back. `agreed_minor` is after the discount."""

    id: int
    name: str
    quantity: int
    given_back: int
    unit_price_minor: int
    agreed_minor: int
    tax_minor: int
    is_tax_on_top: bool

    @property
    def units(self) -> int:
        return self.quantity - self.given_back

    @property
    def rest(self) -> int:
        """What all units that are left come to."""
        return self.part(self.units).amount

    def part(self, units: int) -> "Part":
        """The next units, after those that were given back."""
        agreed, tax = (self._upto(self.given_back + units)[i] - self._upto(self.given_back)[i] for i in (0, 1))
        return Part(agreed + tax if self.is_tax_on_top else agreed, tax)

    def discount(self, units: int) -> int:
        """The share of the discount in the next units."""
        agreed = self._upto(self.given_back + units)[0] - self._upto(self.given_back)[0]
        return self.unit_price_minor * units - agreed

    def _upto(self, units: int) -> tuple[int, int]:
        """(agreed, tax) of the first units. The tax follows the money, so that no part has more tax than money."""
        agreed = share(self.agreed_minor, units, self.quantity)
        return agreed, share(self.tax_minor, agreed, self.agreed_minor)


@dataclass(frozen=True)
class Part:
    amount: int
    tax: int


@dataclass(frozen=True)
class Left:
    """What of an order can still be given back: of each line, of the delivery, and altogether."""

    currency: str
    lines: tuple[LineLeft, ...]
    shipping_minor: int
    shipping_tax_minor: int
    shipping_given_back: int
    amount: int
    tax: int

    @classmethod
    def of(cls, order: Order, credits: Iterable[Credit]) -> "Left":
        """What the order was agreed to be, less what these credits gave back."""
        credits = list(credits)
        units: dict[int, int] = {}
        for given in (line for credit in credits for line in credit.lines):
            units[given.order_line_id] = units.get(given.order_line_id, 0) + given.quantity
        on_top = not order.prices_include_tax
        shipping_tax = order.tax_minor - sum(line.tax_minor for line in order.lines)
        return cls(
            currency=order.currency,
            lines=tuple(
                LineLeft(
                    id=line.id,
                    name=line.name,
                    quantity=line.quantity,
                    given_back=units.get(line.id, 0),
                    unit_price_minor=line.unit_price_minor,
                    agreed_minor=line.total_minor,
                    tax_minor=line.tax_minor,
                    is_tax_on_top=on_top,
                )
                for line in order.lines
            ),
            shipping_minor=order.shipping_minor + (shipping_tax if on_top else 0),
            shipping_tax_minor=shipping_tax,
            shipping_given_back=sum(credit.shipping_minor for credit in credits),
            amount=order.total_minor - sum(credit.amount_minor for credit in credits),
            tax=order.tax_minor - sum(credit.tax_minor for credit in credits),
        )

    @property
    def shipping(self) -> int:
        return self.shipping_minor - self.shipping_given_back

    def shipping_part(self, minor: int) -> Part:
        upto = self.shipping_given_back
        tax = (share(self.shipping_tax_minor, x, self.shipping_minor) for x in (upto + minor, upto))
        return Part(minor, next(tax) - next(tax))

    def money(self, minor: int) -> Money:
        return Money(minor, self.currency)


@dataclass(frozen=True)
class LineAmount:
    """Units of one line, and what they come to. `discount_minor` is already taken off."""

    line_id: int
    quantity: int
    restock: bool
    amount_minor: int
    tax_minor: int
    discount_minor: int


@dataclass(frozen=True)
class Amounts:
    """What is given back, part by part; each tax is in the amount beside it."""

    lines: tuple[LineAmount, ...]
    shipping_minor: int
    shipping_tax_minor: int
    other_minor: int
    other_tax_minor: int

    @property
    def amount_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines) + self.shipping_minor + self.other_minor

    @property
    def tax_minor(self) -> int:
        return sum(line.tax_minor for line in self.lines) + self.shipping_tax_minor + self.other_tax_minor


def everything(left: Left) -> Wishes:
    """All that was not given back yet, nothing of it onto the shelf."""
    return Wishes(tuple(LineWish(line.id, line.units) for line in left.lines if line.units), shipping_minor=None)


def plan(left: Left, wishes: Wishes, *, most: int | None = None) -> Amounts:
    """What the wishes come to, at most what is left of the order, or `most` when that is less.

    Units and delivery shrink in proportion when an amount that was given back before has eaten into them; a free
    amount never does. Raises Invalid for more than is left of a line, of the delivery or of the order, and for nothing.
    """
    most = left.amount if most is None else min(most, left.amount)
    wanted = [(_line_of(left, wish), wish) for wish in wishes.lines if wish.quantity]
    shipping = _shipping_wanted(left, wishes.shipping_minor)
    nominal = [line.part(wish.quantity) for line, wish in wanted] + [left.shipping_part(shipping)]
    *lines, delivery = _within(nominal, left, most)
    spent, spent_tax = sum(part.amount for part in (*lines, delivery)), sum(part.tax for part in (*lines, delivery))
    other = _other_wanted(left, wishes.other_minor, most - spent)
    amounts = Amounts(
        lines=tuple(
            LineAmount(
                line_id=line.id,
                quantity=wish.quantity,
                restock=wish.restock,
                amount_minor=part.amount,
                tax_minor=part.tax,
                discount_minor=line.discount(wish.quantity),
            )
            for (line, wish), part in zip(wanted, lines, strict=True)
        ),
        shipping_minor=delivery.amount,
        shipping_tax_minor=delivery.tax,
        other_minor=other,
        other_tax_minor=share(left.tax - spent_tax, other, left.amount - spent),
    )
    if not amounts.amount_minor:
        raise Invalid("Choose what is given back: units, delivery, or an amount.")
    return amounts


def _line_of(left: Left, wish: LineWish) -> LineLeft:
    line = next((line for line in left.lines if line.id == wish.line_id), None)
    if line is None:
        raise Invalid("This line does not belong to the order.")
    if not 0 < wish.quantity <= line.units:
        raise Invalid(f"Of {line.name}, {line.units} of {line.quantity} can be given back.", f"units-{line.id}")
    return line


def _shipping_wanted(left: Left, minor: int | None) -> int:
    if minor is None:
        return left.shipping
    if not 0 <= minor <= left.shipping:
        raise Invalid(f"Of the delivery, {left.money(left.shipping)} is left.", "shipping")
    return minor


def _other_wanted(left: Left, minor: int, most: int) -> int:
    if minor < 0 or minor > most:
        raise Invalid(f"At most {left.money(most)} can be refunded.", "other")
    return minor


def _within(parts: Sequence[Part], left: Left, most: int) -> list[Part]:
    """The parts as they are, or in proportion when more is asked than is left of the money or of the tax."""
    asked, asked_tax = sum(part.amount for part in parts), sum(part.tax for part in parts)
    fits = min(asked, most)
    # Whatever is left afterwards must be able to hold the tax that is left then, and the last cent takes the last tax.
    least_tax = left.tax - (left.amount - fits)
    tax = max(least_tax, min(share(asked_tax, fits, asked), left.tax, fits))
    if (fits, tax) == (asked, asked_tax):
        return list(parts)
    amounts = _split(fits, [part.amount for part in parts])
    return [Part(*pair) for pair in zip(amounts, _split(tax, amounts), strict=True)]


def _split(minor: int, weights: list[int]) -> list[int]:
    return [one.minor for one in Money(minor, "XXX").split(weights)]


def share(whole: int, part: int, of: int) -> int:
    """`whole` times part / of, rounded half up; all are whole numbers that are not negative."""
    return (2 * whole * part + of) // (2 * of) if of else 0
