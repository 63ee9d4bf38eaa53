"""What staff type about the front page, announcements, pages, menus and collections, and how it is read."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from wtforms import BooleanField, FileField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import DataRequired

from app.admin.variant_forms import moment_from
from app.auth.forms import Form
from app.catalog import staff_queries as catalogue
from app.catalog.queries import SHELF_SORTS, Rule
from app.content import staff_queries
from app.content.models import Announcement, Collection, ContentPage, MenuLink
from app.content.sections import Section
from app.content.services import PageText
from app.lib import runtime
from app.lib.errors import Invalid
from app.lib.money import Money

RULE = ("brands", "categories", "tags", "price_min", "price_max", "new_days", "is_reduced", "is_featured")
PLACES = {"header": "Header", "help": "Footer, Help", "about": "Footer, About"}


class AnnouncementForm(Form):
    order = ("text", "url", "starts_at", "ends_at", "is_published")

    text = StringField("What it says", [DataRequired("Write what shall stand above every page.")])
    url = StringField("Where it leads", description="Such as /collections/sale. Empty means nowhere.")
    starts_at = StringField("From", description="In UTC. Empty means at once.")
    ends_at = StringField("Until", description="In UTC. Empty means until you take it away.")
    is_published = BooleanField("Show it to shoppers")

    @staticmethod
    def saved(row: Announcement) -> dict[str, Any]:
        return {
            "text": row.text,
            "url": row.url,
            "starts_at": written(row.starts_at),
            "ends_at": written(row.ends_at),
            "is_published": row.is_published,
        }

    def values(self) -> dict[str, Any]:
        return {
            "words": self.text.data or "",
            "url": self.url.data or "",
            "starts_at": moment(self.starts_at),
            "ends_at": moment(self.ends_at),
            "is_published": bool(self.is_published.data),
        }


class LinkForm(Form):
    order = ("title", "url")

    title = StringField("Name", [DataRequired("Give the link a name.")])
    url = StringField(
        "Where it leads",
        [DataRequired("Say where the link leads, such as /pages/about.")],
        description="Such as /pages/about or https://example.com.",
    )

    @staticmethod
    def saved(row: MenuLink) -> dict[str, Any]:
        return {"title": row.title, "url": row.url}

    def values(self) -> dict[str, Any]:
        return {"title": self.title.data or "", "url": self.url.data or ""}


class PageForm(Form):
    order = ("title", "slug", "body", "description")

    title = StringField("Title", [DataRequired("Give the page a title.")])
    slug = StringField("Address", description="After /pages/. Empty is made from the title.")
    body = TextAreaField("Text", description="Markdown: ## for a heading, - for a list, [words](/address) for a link.")
    description = StringField("Description", description="For search engines, about 150 characters.")

    @staticmethod
    def saved(row: ContentPage) -> dict[str, Any]:
        return {"title": row.title, "slug": row.slug, "body": row.body, "description": row.description}

    def values(self) -> PageText:
        return PageText(
            title=self.title.data or "",
            slug=(self.slug.data or "").strip(),
            body=self.body.data or "",
            description=self.description.data or "",
        )


class RuleFields(Form):
    """Which products a shelf or a collection is made of."""

    brands = SelectMultipleField("Brands", validate_choice=False, description="Any of these. None chosen means all.")
    categories = SelectMultipleField("Categories", validate_choice=False, description="Any of these, or below them.")
    tags = StringField("Tags", description="Separated by commas; any of them.")
    price_min = StringField("Price from")
    price_max = StringField("Price up to")
    new_days = StringField("New within days", description="Such as 30. Empty means of any age.")
    is_reduced = BooleanField("Only what is reduced")
    is_featured = BooleanField("Only what is marked for the home page")

    def offer(self) -> "RuleFields":
        """The same form with what there is to choose from."""
        if "brands" in self:
            self.brands.choices = [(it.slug, it.name) for it in catalogue.brands()]
            self.categories.choices = [(it.slug, it.name) for it in catalogue.categories()]
        return self

    @staticmethod
    def saved_rule(rule: Rule) -> dict[str, Any]:
        return {
            "brands": list(rule.brands),
            "categories": list(rule.categories),
            "tags": ", ".join(rule.tags),
            "price_min": _amount(rule.price_min),
            "price_max": _amount(rule.price_max),
            "new_days": str(rule.new_days or ""),
            "is_reduced": rule.is_reduced,
            "is_featured": rule.is_featured,
        }

    def rule(self) -> Rule:
        """Raises Invalid, naming the field."""
        return Rule(
            brands=tuple(self.brands.data or ()),
            categories=tuple(self.categories.data or ()),
            tags=tuple(tag.strip().lower() for tag in (self.tags.data or "").split(",") if tag.strip()),
            price_min=_minor(self.price_min),
            price_max=_minor(self.price_max),
            new_days=_days(self.new_days),
            is_reduced=bool(self.is_reduced.data),
            is_featured=bool(self.is_featured.data),
        )


class CollectionForm(RuleFields):
    name = StringField("Name", [DataRequired("Give the collection a name.")])
    slug = StringField("Address", description="After /collections/. Empty is made from the name.")
    description = TextAreaField("Description")
    meta_title = StringField("Title for search engines", description="Empty means the name.")
    meta_description = StringField("Description for search engines", description="Empty means the one above.")
    is_published = BooleanField("Show it to shoppers")

    order = ("name", "slug", "description", "is_published", *RULE, "meta_title", "meta_description")

    @staticmethod
    def saved(row: Collection) -> dict[str, Any]:
        own = {name: getattr(row, name) for name in ("name", "slug", "description", "meta_title", "meta_description")}
        return {**own, **RuleFields.saved_rule(Rule.of(row.rule)), "is_published": row.is_published}

    def values(self) -> dict[str, Any]:
        texts = ("name", "slug", "description", "meta_title", "meta_description")
        return {
            **{name: (self[name].data or "").strip() for name in texts},
            "rule": self.rule(),
            "is_published": bool(self.is_published.data),
        }


class SectionForm(RuleFields):
    """Every field a section of any kind has; `of_kind` leaves those of one."""

    title = StringField("Title", [DataRequired("Give the section a title.")])
    text = TextAreaField("Words")
    body = TextAreaField("Text", description="Markdown: ## for a heading, - for a list, [words](/address) for a link.")
    url = StringField("Where the link leads", description="Such as /collections/sale. Empty means no link.")
    action = StringField("What the link reads")
    image = FileField("Picture", description="WebP, JPEG or PNG, at most 10 MB. Empty keeps the one there is.")
    alt = StringField("What the picture shows", description="For people who do not see it.")
    sort = SelectField("Order", choices=list(SHELF_SORTS.items()), validate_choice=False)
    products = TextAreaField(
        "Products by hand", description="One address or SKU on each line, in order. The rule below counts without any."
    )
    is_grid = BooleanField("Show all at once instead of a row that scrolls")
    starts_at = StringField("From", description="In UTC. Empty means at once.")
    ends_at = StringField("Until", description="In UTC. Empty means for good.")

    FIELDS = {
        "hero": ("title", "text", "url", "action", "image", "alt"),
        "feature": ("title", "text", "url", "action", "image", "alt"),
        "tiles": ("title",),
        "shelf": ("title", "url", "action", "is_grid", "products", "sort", *RULE),
        "text": ("title", "body"),
    }

    def of_kind(self, kind: str) -> "SectionForm":
        self.order = (*self.FIELDS[kind], "starts_at", "ends_at")
        for name in [field.name for field in self if field.name not in (*self.order, "csrf_token")]:
            del self[name]
        self.offer()
        return self

    @staticmethod
    def saved(stored: dict[str, Any]) -> dict[str, Any]:
        it = Section.of(stored)
        plain = {name: getattr(it, name) for name in ("title", "text", "body", "url", "action", "alt", "is_grid")}
        return {
            **plain,
            "sort": it.sort,
            "products": "\n".join(staff_queries.product_slugs(it.products)),
            **RuleFields.saved_rule(it.rule),
            "starts_at": written(it.starts_at),
            "ends_at": written(it.ends_at),
        }

    def values(self) -> Section:
        """Raises Invalid, naming the field."""
        texts: dict[str, Any] = {
            name: self[name].data or "" for name in ("title", "text", "body", "url", "action", "alt") if name in self
        }
        shelf: dict[str, Any] = {}
        if "sort" in self:
            if self.sort.data not in SHELF_SORTS:
                raise Invalid("Choose an order that exists.", "sort")
            shelf = {
                "sort": self.sort.data,
                "rule": self.rule(),
                "products": _products(self.products.data or ""),
                "is_grid": bool(self.is_grid.data),
            }
        return Section(**texts, **shelf, starts_at=moment(self.starts_at), ends_at=moment(self.ends_at))


def moment(field: Any) -> datetime | None:
    """What `<input type="datetime-local">` sends, read as UTC. Raises Invalid."""
    return moment_from(field.data or "", field.name)


def written(at: datetime | None) -> str:
    """The other way round."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if at else ""


def _minor(field: Any) -> int | None:
    typed = (field.data or "").strip()
    if not typed:
        return None
    try:
        return Money.parse(typed, runtime.settings().currency).minor
    except Invalid as error:
        raise Invalid(error.sentence, field.name) from None


def _amount(minor: int | None) -> str:
    return "" if minor is None else Money(minor, runtime.settings().currency).plain()


def _days(field: Any) -> int | None:
    typed = (field.data or "").strip()
    if not typed:
        return None
    if not typed.isascii() or not typed.isdigit() or len(typed) > 4 or not 1 <= int(typed) <= 3650:
        raise Invalid("Enter a whole number of days, from 1 to 3650.", field.name)
    return int(typed)


def _products(typed: str) -> tuple[int, ...]:
    names = [name for name in (plain_name(line) for line in typed.splitlines()) if name]
    if len(names) > 100:
        raise Invalid("That is more than a shelf holds. Choose fewer products.", "products")
    found = staff_queries.product_ids(list(dict.fromkeys(names)))
    missing = [name for name, product_id in found.items() if product_id is None]
    if missing:
        raise Invalid(f"No product has the address or SKU {', '.join(missing[:3])}.", "products")
    return tuple(_whole(found.values()))


def _whole(ids: Iterable[int | None]) -> list[int]:
    return [product_id for product_id in dict.fromkeys(ids) if product_id is not None]


def plain_name(typed: str) -> str:
    """A slug or SKU, also from a copied address."""
    return typed.strip().split("?")[0].rstrip("/").rsplit("/", 1)[-1][:100]
