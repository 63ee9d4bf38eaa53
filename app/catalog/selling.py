"""How a variant is sold: its sale by the clock, the quantities it is sold by, its barcode and its threshold."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.catalog.models import Product, Variant
from app.catalog.overtaken import refuse_overtaken
from app.catalog.quantities import MOST, Quantities
from app.catalog.variants import note_price, pricing_of
from app.lib.db import transaction, violated
from app.lib.errors import Invalid, NotFound
from app.lib.money import Money

BARCODE = re.compile(r"[0-9A-Z-]{4,40}")
MOST_LOW = 1_000_000


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale as forms show it, to the minute."""

    sale: Money | None
    starts_at: datetime | None
    ends_at: datetime | None

    @staticmethod
    def now(variant: Variant) -> "Sale":
        return Sale(variant.sale, _minute(variant.sale_starts_at), _minute(variant.sale_ends_at))


@dataclass(frozen=True, slots=True)
class Terms:
    """What `set_terms` saves."""

    barcode: str
    quantities: Quantities
    low_stock_at: int | None

    @staticmethod
    def now(variant: Variant) -> "Terms":
        quantities = Quantities(variant.min_quantity, variant.max_quantity, variant.quantity_step)
        return Terms(variant.barcode, quantities, variant.low_stock_at)


def _minute(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC).replace(second=0, microsecond=0)


def plan_sale(
    variant_id: int,
    sale: Money | None,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    actor_id: int | None = None,
    seen: Sale | None = None,
) -> Variant:
    """Sell a variant for less from a moment to a moment, each open when it is none; `sale` None ends the sale.

    The clock is compared at read: nothing has to run at either moment. Raises Invalid with the field, NotFound, and
    Overtaken when the sale is no longer the one that was `seen`.
    """
    if sale is None:
        starts_at = ends_at = None
    if starts_at is not None and ends_at is not None and starts_at >= ends_at:
        raise Invalid("The sale must begin before it ends.", "sale_ends_at")
    if ends_at is not None and ends_at <= datetime.now(UTC):
        raise Invalid("That moment has passed: the sale would be over already.", "sale_ends_at")
    with transaction() as current:
        variant = _locked(current, variant_id)
        refuse_overtaken(Sale(sale, _minute(starts_at), _minute(ends_at)), seen, Sale.now(variant), "sale")
        if sale is not None and not 0 <= sale.minor < variant.price_minor:
            raise Invalid(f"The sale price must be below {variant.price}, which it costs otherwise.", "sale")
        was = pricing_of(variant)
        variant.sale_minor = None if sale is None else sale.minor
        variant.sale_starts_at, variant.sale_ends_at = starts_at, ends_at
        current.flush()
        note_price(current, variant, was, actor_id)
    return variant


def set_terms(
    variant_id: int,
    *,
    barcode: str = "",
    quantities: Quantities = Quantities(),  # noqa: B008
    low_stock_at: int | None = None,
    seen: Terms | None = None,
) -> Variant:
    """The barcode, the quantities it is sold by, and from how many down its stock is low (None: the shop's own).

    Raises Invalid with the field, NotFound, and Overtaken when they are no longer what was `seen`.
    """
    code = barcode_of(barcode)
    check_quantities(quantities)
    if low_stock_at is not None and not 0 <= low_stock_at <= MOST_LOW:
        raise Invalid("Enter a number from 0 to a million, or nothing.", "low_stock_at")
    with transaction() as current:
        variant = _locked(current, variant_id)
        refuse_overtaken(Terms(code, quantities, low_stock_at), seen, Terms.now(variant), "barcode")
        variant.barcode = code
        variant.min_quantity, variant.max_quantity = quantities.least, quantities.most
        variant.quantity_step = quantities.step
        variant.low_stock_at = low_stock_at
        try:
            with current.begin_nested():
                current.flush()
        except IntegrityError as error:
            if violated(error) == "uq_variants_barcode":
                raise Invalid(f"Another variant has the barcode {code}.", "barcode") from None
            raise
    return variant


def barcode_of(typed: str) -> str:
    """As it is kept. Raises Invalid for what is none."""
    code = "".join(typed.split()).upper()
    if code and not BARCODE.fullmatch(code):
        raise Invalid("A barcode is 4 to 40 digits, letters or hyphens.", "barcode")
    return code


def check_quantities(quantities: Quantities) -> None:
    """Raises Invalid with the field when nothing could be bought."""
    most = MOST if quantities.most is None else quantities.most
    for name, number in (("least", quantities.least), ("most", most), ("step", quantities.step)):
        if not 1 <= number <= MOST:
            raise Invalid(f"Enter a number from 1 to {MOST}.", name)
    if quantities.highest(MOST) == 0:
        raise Invalid(
            f"Nothing could be bought: no multiple of {quantities.step} lies between {quantities.least} and {most}.",
            "most",
        )


def _locked(current: Session, variant_id: int) -> Variant:
    # The product first, as everybody does: the search document of it is written when this transaction ends.
    of = select(Variant.product_id).where(Variant.id == variant_id).scalar_subquery()
    current.execute(select(Product.id).where(Product.id == of).with_for_update(key_share=True))
    variant = current.get(Variant, variant_id, with_for_update={"key_share": True}, populate_existing=True)
    if variant is None:
        raise NotFound("This variant no longer exists.")
    return variant
