"""What a delivery would cost: flat methods with a free-over threshold, from the settings."""

from dataclasses import dataclass
from datetime import date, timedelta

from app.lib import runtime
from app.lib.errors import Invalid
from app.lib.money import Money


@dataclass(frozen=True)
class ShippingMethod:
    """A way to send a parcel: `fee` unless the goods cost `free_over` or more; days from order to door."""

    code: str
    name: str
    fee: Money
    free_over: Money | None
    days: tuple[int, int]


@dataclass(frozen=True)
class Quote:
    """A method, what it costs for these goods, and between which days it arrives."""

    method: ShippingMethod
    price: Money
    arrives: tuple[date, date]


def quotes(country: str, goods: Money, today: date) -> list[Quote]:
    """Every way to send goods of this worth to a country; none when the shop does not serve it."""
    if country not in runtime.settings().ship_to:
        return []
    return [_quote(method, goods, today) for method in methods()]


def quote(code: str, country: str, goods: Money, today: date) -> Quote:
    """The one quote. Raises Invalid for a method or country the shop does not offer."""
    for offer in quotes(country, goods, today):
        if offer.method.code == code:
            return offer
    raise Invalid("Choose one of the delivery methods for this country.", "shipping_method")


def free_from() -> Money | None:
    """The worth of goods from which the cheapest method is free."""
    thresholds = [method.free_over for method in methods() if method.free_over]
    return min(thresholds, key=lambda money: money.minor) if thresholds else None


def methods() -> list[ShippingMethod]:
    """The configured methods, in their order. Raises ValueError when the setting cannot be read."""
    settings = runtime.settings()
    return [_method(entry, settings.currency) for entry in settings.shipping_methods.split(";") if entry.strip()]


def _method(entry: str, currency: str) -> ShippingMethod:
    code, name, fee, free_over, days = (part.strip() for part in entry.split(":"))
    first, _, last = days.partition("-")
    return ShippingMethod(
        code=code,
        name=name,
        fee=Money.parse(fee, currency),
        free_over=Money.parse(free_over, currency) if free_over else None,
        days=(int(first), int(last or first)),
    )


def _quote(method: ShippingMethod, goods: Money, today: date) -> Quote:
    is_free = method.free_over is not None and method.free_over <= goods
    price = Money(0, goods.currency) if is_free else method.fee
    return Quote(method, price, (_working_day(today, method.days[0]), _working_day(today, method.days[1])))


def _working_day(start: date, days: int) -> date:
    """`days` working days after `start`; nobody delivers at the weekend."""
    day = start
    while days > 0:
        day += timedelta(days=1)
        if day.weekday() < 5:
            days -= 1
    return day
