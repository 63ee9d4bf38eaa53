"""What staff type about products, variants and stock, and how it is read."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from app.auth.forms import Form
from app.catalog.models import Product, Variant
from app.catalog.services import OptionChoice, Seen
from app.catalog.staff_queries import Choice
from app.lib import runtime
from app.lib.errors import Invalid
from app.lib.money import Money


class ProductForm(Form):
    """A product without its variants and pictures."""

    name = StringField("Name", [DataRequired("Give it a name."), Length(max=200)])
    description = TextAreaField("Description", [Length(max=20_000)])
    details = TextAreaField("Details", [Length(max=10_000)])
    category_id = SelectField(
        "Category", coerce=str, validate_choice=False, validators=[DataRequired("Choose a category.")]
    )
    brand_id = SelectField("Brand", coerce=str, validate_choice=False)
    tags = StringField("Tags", [Length(max=1500)])
    slug = StringField("Address", [Length(max=200)])
    is_featured = BooleanField("Show on the home page")

    def offer(self, categories: Sequence[Choice], brands: Sequence[Choice]) -> "ProductForm":
        """The same form with these to choose from."""
        self.category_id.choices = [("", "Choose…"), *((str(it.id), it.name) for it in categories)]
        self.brand_id.choices = [("", "None"), *((str(it.id), it.name) for it in brands)]
        return self

    def fill(self, product: Product) -> "ProductForm":
        """The same form with what is saved."""
        self.process(None, **saved(product))
        return self

    def values(self) -> dict[str, Any]:
        """For create_product and edit_product."""
        return {
            "name": self.name.data or "",
            "description": self.description.data or "",
            "details": details_from(self.details.data or ""),
            "category_id": _key(self.category_id.data),
            "brand_id": _key(self.brand_id.data) if self.brand_id.data else None,
            "is_featured": bool(self.is_featured.data),
            "tags": (self.tags.data or "").split(","),
            "slug": self.slug.data or "",
        }

    def blame(self, error: Invalid) -> None:
        """Put the sentence beside the field it speaks of, or above the form."""
        field = self._fields.get(error.field or "")
        (field.errors if field is not None else self.form_errors).append(error.sentence)


def _key(typed: str) -> int:
    """A number a select may hold; 0, which nothing has, for anything else."""
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 18 else 0


def saved(product: Product) -> dict[str, Any]:
    """The fields of ProductForm as they are saved."""
    return {
        "name": product.name,
        "description": product.description,
        "details": details_text(product.details),
        "category_id": str(product.category_id),
        "brand_id": str(product.brand_id or ""),
        "is_featured": product.is_featured,
        "tags": ", ".join(product.tags),
        "slug": product.slug,
    }


def details_from(typed: str) -> list[dict[str, Any]]:
    """Blocks parted by an empty line: the first line is the title, each further one a point."""
    blocks = [block.strip().splitlines() for block in typed.replace("\r\n", "\n").split("\n\n")]
    cut = [[line.strip(" -•\t") for line in block] for block in blocks if block]
    return [{"title": title, "lines": [line for line in lines if line]} for title, *lines in cut if title]


def details_text(details: Sequence[Mapping[str, Any]]) -> str:
    """The other way round."""
    return "\n\n".join("\n".join([it["title"], *it["lines"]]) for it in details)


class VariantForm:
    """One row of the variants table: what was typed, or what is saved, and one sentence for each wrong field."""

    FIELDS = ("sku", "price", "compare_at", "swatch")

    def __init__(self, typed: Mapping[str, str], options: Sequence[str]):
        self.typed = {name: typed.get(name, "").strip() for name in self.FIELDS}
        self.options = [
            (typed.get(f"option{n}", name).strip(), typed.get(f"value{n}", "").strip())
            for n, name in enumerate(options, 1)
        ]
        self.is_active = typed.get("is_active") == "1"
        self.image = typed.get("image", "")
        self.seen = typed.get("seen", "")
        self.errors: dict[str, str] = {}

    @staticmethod
    def of(variant: Variant, options: Sequence[str]) -> "VariantForm":
        values = {value.option.name: value.name for value in variant.values}
        typed = {
            "sku": variant.sku,
            "price": variant.price.plain(),
            "compare_at": variant.compare_at.plain() if variant.compare_at else "",
            "is_active": "1" if variant.is_active else "",
            "image": next((str(it.public_id) for it in variant.product.images if it.id == variant.image_id), ""),
        }
        for number, name in enumerate(options, 1):
            typed |= {f"option{number}": name, f"value{number}": values.get(name, "")}
        return VariantForm(typed | {"seen": urlencode(typed)}, options)

    def values(self, images: Mapping[str, int]) -> dict[str, Any]:
        """For add_variant and edit_variant. Raises Invalid with the field. `images` is public id -> id."""
        typed_was = self.typed["compare_at"]
        return {
            "sku": self.typed["sku"],
            "price": money_from(self.typed["price"], "price"),
            "compare_at": money_from(typed_was, "compare_at") if typed_was else None,
            "options": [
                OptionChoice(name, value, self.typed["swatch"] if name.lower() in COLOURS else "")
                for name, value in self.options
                if value
            ],
            "is_active": self.is_active,
            "image_id": images.get(self.image),
        }

    def seen_values(self, images: Mapping[str, int]) -> Seen | None:
        """What the form showed when it was opened; none where it does not say."""
        if not self.seen:
            return None
        shown = dict(parse_qsl(self.seen, keep_blank_values=True))
        values = VariantForm(shown, [name for name, _ in self.options]).values(images)
        options = {it.option: it.value for it in values["options"]}
        return Seen(values["price"], values["compare_at"], options, values["is_active"], values["image_id"])

    def blame(self, error: Invalid) -> None:
        self.errors[error.field or "sku"] = error.sentence


COLOURS = ("colour", "color")


def money_from(typed: str, field: str) -> Money:
    """An amount in the shop's currency. Raises Invalid with the field."""
    try:
        return Money.parse(typed, runtime.settings().currency)
    except Invalid as error:
        raise Invalid(error.sentence, field) from None


MINUS = "\N{MINUS SIGN}"


def change_from(typed: str) -> int:
    """A whole change of stock: "+5", "-3", or 3 with the minus sign of typographers. Raises Invalid."""
    plain = typed.strip().replace(MINUS, "-").replace(" ", "")
    digits = plain[1:] if plain[:1] in ("+", "-") else plain
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        raise Invalid("Enter a whole number, such as 5 or -3.", "change")
    return int(plain)
