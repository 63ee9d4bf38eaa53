"""Variants: what a shopper buys. Their options, their prices, and every price there ever was."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.catalog.models import Image, Option, OptionValue, PriceEvent, Product, Variant
from app.catalog.overtaken import Overtaken
from app.lib.db import transaction, violated
from app.lib.errors import Busy, Invalid, NotAllowed, NotFound
from app.lib.money import Money
from app.lib.slugs import free_slug, slug_of

SKU = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,39}")
SWATCH = re.compile(r"#[0-9a-f]{6}")
LONGEST_VALUE = 60
MOST_VARIANTS = 200
TRIES = 20

T = TypeVar("T")


class OptionChoice(NamedTuple):
    """`OptionChoice("Colour", "Moss", "#66764f")`; the swatch is for options that are a colour."""

    option: str
    value: str
    swatch: str = ""


def add_variant(
    product_id: int,
    *,
    sku: str,
    price: Money,
    compare_at: Money | None = None,
    options: Sequence[OptionChoice] = (),
    is_active: bool = True,
    weight_grams: int = 0,
    image_id: int | None = None,
    actor_id: int | None = None,
) -> Variant:
    """A new variant with its first price event.

    Raises Invalid, naming the field: a SKU that is not one or is taken, a set of options that exists already
    or that differs in kind from the other variants', a compare-at price that is not above the price.
    """
    sku = _sku(sku)
    _check_prices(price, compare_at)
    with transaction() as current:
        others = _locked_variants(current, product_id)
        if len(others) >= MOST_VARIANTS:
            raise Invalid(f"A product has at most {MOST_VARIANTS} variants.", "options")
        values = values_of(current, options)
        _check_same_options(current, [other.id for other in others], values)
        variant = Variant(
            product_id=product_id,
            sku=sku,
            price_minor=price.minor,
            compare_at_minor=None if compare_at is None else compare_at.minor,
            currency=price.currency,
            is_active=is_active,
            weight_grams=weight_grams,
            image_id=_own_image(current, product_id, image_id),
            position=max((other.position for other in others), default=-1) + 1,
        )
        _set_options(variant, values)
        _write(current, variant)
        note_price(current, variant, None, actor_id)
    return variant


@dataclass(frozen=True, slots=True)
class Seen:
    """What a form showed of a variant when it was opened. Options are name -> value."""

    price: Money
    compare_at: Money | None
    options: Mapping[str, str]
    is_active: bool
    image_id: int | None

    @staticmethod
    def now(variant: Variant) -> "Seen":
        values = sorted(variant.values, key=lambda it: (it.option.position, it.option_id))
        options = {value.option.name: value.name for value in values}
        return Seen(variant.price, variant.compare_at, options, variant.is_active, variant.image_id)


def edit_variant(
    variant_id: int,
    *,
    sku: str,
    price: Money,
    compare_at: Money | None = None,
    options: Sequence[OptionChoice] | None = None,
    is_active: bool = True,
    weight_grams: int | None = None,
    image_id: int | None = None,
    actor_id: int | None = None,
    seen: Seen | None = None,
) -> Variant:
    """Save a variant; `options` None leaves them as they are. A changed price appends a price event.

    What was not touched since it was `seen` stays as somebody else saved it meanwhile. Raises what add_variant raises,
    NotFound, and Overtaken with the field that both changed.
    """
    sku = _sku(sku)
    _check_prices(price, compare_at)
    with transaction() as current:
        product_id = current.scalar(select(Variant.product_id).where(Variant.id == variant_id))
        if product_id is None:
            raise NotFound("This variant no longer exists.")
        variants = {each.id: each for each in _locked_variants(current, product_id)}
        variant = variants[variant_id]
        if seen is not None:
            now = Seen.now(variant)
            chosen = seen.options if options is None else {it.option: it.value for it in options}
            price = _unless_overtaken("price", price, seen.price, now.price)
            compare_at = _unless_overtaken("compare_at", compare_at, seen.compare_at, now.compare_at)
            is_active = _unless_overtaken("is_active", is_active, seen.is_active, now.is_active)
            image_id = _unless_overtaken("image_id", image_id, seen.image_id, now.image_id)
            if _unless_overtaken("options", chosen, seen.options, now.options) == now.options:
                options = None
            _check_prices(price, compare_at)
        was = pricing_of(variant)
        if options is not None:
            values = values_of(current, options)
            _check_same_options(current, [each for each in variants if each != variant_id], values)
            _set_options(variant, values)
        variant.sku = sku
        variant.price_minor, variant.currency = price.minor, price.currency
        variant.compare_at_minor = None if compare_at is None else compare_at.minor
        check_sale(variant)
        variant.is_active = is_active
        variant.image_id = _own_image(current, product_id, image_id)
        if weight_grams is not None:
            variant.weight_grams = weight_grams
        _write(current, variant)
        note_price(current, variant, was, actor_id)
    return variant


# Fields beside which a form has no room for a sentence.
NAMED = {"is_active": "whether it is live", "image_id": "its picture"}


def _unless_overtaken(field: str, typed: T, seen: T, now: T) -> T:
    """What shall be saved: as it is now where nobody typed anything else. Raises Overtaken where both did."""
    if typed == seen:
        return now
    if now in (seen, typed):
        return typed
    said = ", ".join(now.values()) if isinstance(now, Mapping) else str(now) if isinstance(now, Money) else ""
    words = f"{NAMED.get(field, 'this')} {f'to {said}' if said else 'meanwhile'}"
    raise Overtaken(
        f"Somebody changed {words}. Nothing was overwritten: save again to replace it.",
        None if field in NAMED else field,
    )


HAS_HISTORY = text("""
    SELECT EXISTS (SELECT FROM stock_movements WHERE variant_id = :id)
        OR EXISTS (SELECT FROM cart_lines WHERE variant_id = :id)
""")


def remove_variant(variant_id: int) -> None:
    """Remove a variant that never had stock and lies in no cart. Raises NotAllowed otherwise, NotFound."""
    with transaction() as current:
        variant = current.get(Variant, variant_id, with_for_update=True)
        if variant is None:
            raise NotFound("This variant no longer exists.")
        if current.scalar(HAS_HISTORY, {"id": variant_id}):
            raise NotAllowed(
                f"{variant.sku} has a history in stock or in carts, which stays. Switch it off instead of removing it."
            )
        current.delete(variant)


def _sku(typed: str) -> str:
    sku = typed.strip().upper()
    if not SKU.fullmatch(sku):
        raise Invalid("A SKU is 1 to 40 letters, digits, dots, hyphens or underscores.", "sku")
    return sku


def _check_prices(price: Money, compare_at: Money | None) -> None:
    if price.minor < 0:
        raise Invalid("A price is not negative.", "price")
    if compare_at is not None and compare_at <= price:
        raise Invalid("The price it was before must be above the price it is now, or empty.", "compare_at")


def _locked_variants(current: Session, product_id: int) -> list[Variant]:
    """All variants of a product; whoever changes them takes turns."""
    if current.scalar(select(Product.id).where(Product.id == product_id).with_for_update()) is None:
        raise NotFound("This product no longer exists.")
    rows = select(Variant).where(Variant.product_id == product_id).order_by(Variant.position, Variant.id)
    return list(current.scalars(rows.execution_options(populate_existing=True)))


def _own_image(current: Session, product_id: int, image_id: int | None) -> int | None:
    if image_id is None:
        return None
    mine = select(Image.id).where(Image.id == image_id, Image.product_id == product_id)
    if current.scalar(mine) is None:
        raise Invalid("Choose a picture of this product.", "image_id")
    return image_id


def values_of(current: Session, options: Sequence[OptionChoice]) -> list[OptionValue]:
    """The option values of these names, made where they do not exist, in the order of their options."""
    values: dict[int, OptionValue] = {}
    for choice in options:
        name, value = " ".join(choice.option.split()), " ".join(choice.value.split())
        if not name or not value or max(len(name), len(value)) > LONGEST_VALUE:
            raise Invalid(f"Name each option and its value, at most {LONGEST_VALUE} characters each.", "options")
        swatch = choice.swatch.strip().lower()
        if swatch and not SWATCH.fullmatch(swatch):
            raise Invalid("A colour is written like #66764f.", "options")
        option = _option(current, name)
        if option.id in values:
            raise Invalid(f"{option.name} is named twice.", "options")
        values[option.id] = _value(current, option, value, swatch)
    return sorted(values.values(), key=lambda it: (it.option.position, it.option_id))


def _option(current: Session, name: str) -> Option:
    code = slug_of(name)
    place = select(func.coalesce(func.max(Option.position) + 1, 0)).scalar_subquery()
    new = insert(Option).values(code=code, name=name, position=place)
    current.execute(new.on_conflict_do_nothing(index_elements=["code"]))
    return current.scalars(select(Option).where(Option.code == code)).one()


def _value(current: Session, option: Option, name: str, swatch: str) -> OptionValue:
    """By name, because two names may make one code ("Grün" and "Grun").

    The codes are read before the name is looked for: who names it meanwhile takes the code that would be ours.
    """
    by_name = select(OptionValue).where(
        OptionValue.option_id == option.id, func.lower(OptionValue.name) == name.lower()
    )
    for _ in range(TRIES):
        codes = set(current.scalars(select(OptionValue.code).where(OptionValue.option_id == option.id)))
        found = current.scalars(by_name).first()
        if found is not None:
            if swatch and not found.swatch:
                found.swatch = swatch
            return found
        new = insert(OptionValue).values(
            option_id=option.id,
            code=free_slug(name, codes.__contains__),
            name=name,
            swatch=swatch,
            position=len(codes),
        )
        current.execute(new.on_conflict_do_nothing(index_elements=["option_id", "code"]))
    raise Busy()


SAME_OPTIONS = text("""
    SELECT DISTINCT o.name FROM variant_values
    JOIN option_values value ON value.id = variant_values.option_value_id
    JOIN options o ON o.id = value.option_id
    WHERE variant_values.variant_id = ANY(:others)
""")


def _check_same_options(current: Session, others: Sequence[int], values: Sequence[OptionValue]) -> None:
    """Every variant of a product differs in the same things; otherwise nobody could choose between them."""
    if not others:
        return
    names: set[Any] = set(current.scalars(SAME_OPTIONS, {"others": list(others)}))
    if names != {value.option.name for value in values}:
        wanted = ", ".join(sorted(names)) or "no options"
        raise Invalid(f"Every variant of this product needs the same options: {wanted}.", "options")


def _set_options(variant: Variant, values: Sequence[OptionValue]) -> None:
    variant.values = list(values)
    variant.option_key = ",".join(str(number) for number in sorted(value.id for value in values))
    variant.options_text = ", ".join(value.name for value in values)


def _write(current: Session, variant: Variant) -> None:
    try:
        with current.begin_nested():
            current.add(variant)
            current.flush()
    except IntegrityError as error:
        name = violated(error)
        if name == "uq_variants_sku":
            raise Invalid(f"The SKU {variant.sku} is taken. Choose another one.", "sku") from None
        if name == "uq_variants_product_id_option_key":
            words = variant.options_text or "without options"
            raise Invalid(f"This product already has a variant {words}.", "options") from None
        raise


class Pricing(NamedTuple):
    """All that the price of a variant hangs on, in minor units. An event is written when any of it changes."""

    price: int
    sale: int | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None


def pricing_of(variant: Variant) -> Pricing:
    return Pricing(variant.price_minor, variant.sale_minor, variant.sale_starts_at, variant.sale_ends_at)


def check_sale(variant: Variant) -> None:
    """Raises Invalid when a sale, planned or on, would not be below the price any more."""
    if variant.sale_minor is not None and variant.sale_minor >= variant.price_minor:
        sale = Money(variant.sale_minor, variant.currency)
        raise Invalid(
            f"The sale price of {variant.sku} is {sale}. Set a price above it, or end the sale first.", "price"
        )


def note_price(current: Session, variant: Variant, was: Pricing | None, actor_id: int | None) -> None:
    """Write into the history what the price hangs on now, when that differs from `was`."""
    now = pricing_of(variant)
    if now == was:
        return
    current.add(
        PriceEvent(
            variant_id=variant.id,
            was_minor=None if was is None else was.price,
            now_minor=now.price,
            sale_minor=now.sale,
            sale_starts_at=now.sale_starts_at,
            sale_ends_at=now.sale_ends_at,
            currency=variant.currency,
            actor_id=actor_id,
        )
    )
