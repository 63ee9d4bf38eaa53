"""The catalogue as staff see it: drafts and archived products too."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, select, text
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from app.catalog.models import Brand, Category, OptionValue, Product, Variant
from app.catalog.prices import NOW
from app.catalog.queries.cards import Picture, picture
from app.catalog.queries.fragments import AVAILABLE, STOCK
from app.lib.db import session
from app.lib.money import Money
from app.lib.paging import Page

STATUSES = ("active", "draft", "archived")
UNDESCRIBED = "undescribed"
LIKE_SPECIAL = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A product in the staff's list. `price` is the lowest one, none without variants."""

    name: str
    slug: str
    status: str
    published_at: datetime | None
    category: str
    brand: str
    image: Picture | None
    variants: int
    available: int
    price: Money | None
    undescribed: int


class ProductList(NamedTuple):
    rows: list[ProductRow]
    page: Page
    counts: dict[str, int]


ROWS = text(f"""
    SELECT p.name, p.slug, p.status, p.published_at, c.name AS category, coalesce(b.name, '') AS brand,
           image.key, image.widths, offer.*,
           (SELECT count(*) FROM images i WHERE i.product_id = p.id AND i.alt = '') AS undescribed
    FROM (
        SELECT * FROM products p
        WHERE (:status = '' OR p.status = :status)
          AND (NOT :undescribed OR EXISTS (SELECT FROM images i WHERE i.product_id = p.id AND i.alt = ''))
          AND (:part = '' OR p.name ILIKE '%' || :part || '%' ESCAPE '\\' OR EXISTS (
              SELECT FROM variants v
              WHERE v.product_id = p.id AND (v.sku ILIKE '%' || :part || '%' ESCAPE '\\'
                                            OR v.barcode = upper(:typed))))
        ORDER BY p.updated_at DESC, p.id DESC LIMIT :limit OFFSET :offset
    ) p
    JOIN categories c ON c.id = p.category_id
    LEFT JOIN brands b ON b.id = p.brand_id
    JOIN LATERAL (
        SELECT count(*) AS variants, min({NOW}) AS price_minor, min(v.currency) AS currency,
               coalesce(sum(greatest({AVAILABLE}, 0)), 0)::bigint AS available
        FROM variants v {STOCK} WHERE v.product_id = p.id
    ) offer ON true
    LEFT JOIN LATERAL (
        SELECT key, widths, alt, formats FROM images WHERE product_id = p.id ORDER BY position, id LIMIT 1
    ) image ON true
    ORDER BY p.updated_at DESC, p.id DESC
""")  # noqa: S608

COUNTS = text("SELECT status, count(*) AS number FROM products GROUP BY status")


def product_list(q: str, status: str, page: Page) -> ProductList:
    """Products by name or SKU, the last changed first; an unknown status shows all. Two statements.

    The status `undescribed` shows those with a picture that nobody has described.
    """
    values = {
        "status": status if status in STATUSES else "",
        "undescribed": status == UNDESCRIBED,
        "part": q.translate(LIKE_SPECIAL),
        "typed": q,
        "limit": page.size + 1,
        "offset": page.offset,
    }
    rows = session().execute(ROWS, values).all()
    counts = {row.status: row.number for row in session().execute(COUNTS)}
    shown = [_row(row) for row in rows[: page.size]]
    return ProductList(shown, Page(page.number, page.size, len(rows) > page.size), counts)


def _row(row: Row[Any]) -> ProductRow:
    return ProductRow(
        name=row.name,
        slug=row.slug,
        status=row.status,
        published_at=row.published_at,
        category=row.category,
        brand=row.brand,
        image=picture(row.key, row.widths, ""),
        variants=row.variants,
        available=row.available,
        price=None if row.price_minor is None else Money(row.price_minor, row.currency),
        undescribed=row.undescribed,
    )


def product_by_slug(slug: str) -> Product | None:
    """The product with everything its page edits, in a fixed number of statements."""
    values = selectinload(Product.variants).selectinload(Variant.values).joinedload(OptionValue.option)
    statement = (
        select(Product)
        .where(Product.slug == slug)
        .options(values, selectinload(Product.images), joinedload(Product.brand), joinedload(Product.category))
        .execution_options(populate_existing=True)
    )
    return session().scalars(statement).one_or_none()


def variant_by_sku(slug: str, sku: str) -> Variant | None:
    """A variant of the product with this slug, with its product."""
    statement = (
        select(Variant)
        .join(Variant.product)
        .where(Product.slug == slug, Variant.sku == sku)
        .options(contains_eager(Variant.product))
        .execution_options(populate_existing=True)
    )
    return session().scalars(statement).one_or_none()


class Choice(NamedTuple):
    """A category or brand to choose; `name` of a category is the way to it."""

    id: int
    name: str
    slug: str
    products: int
    parent_id: int | None = None


CATEGORIES = text("""
    SELECT c.id, (SELECT string_agg(a.name, ' / ' ORDER BY nlevel(a.path))
                  FROM categories a WHERE a.path @> c.path) AS name,
           c.slug, (SELECT count(*) FROM products p WHERE p.category_id = c.id) AS products, c.parent_id
    FROM categories c ORDER BY 2, c.id
""")

BRANDS = text("""
    SELECT b.id, b.name, b.slug, (SELECT count(*) FROM products p WHERE p.brand_id = b.id) AS products
    FROM brands b ORDER BY lower(b.name), b.id
""")


def categories() -> list[Choice]:
    """Every category by the way to it, with how many products stand directly in it."""
    return [Choice(*row) for row in session().execute(CATEGORIES)]


def brands() -> list[Choice]:
    """Every brand by name, with how many products carry it."""
    return [Choice(*row) for row in session().execute(BRANDS)]


def category_by_slug(slug: str) -> Category | None:
    return session().scalars(select(Category).where(Category.slug == slug)).one_or_none()


def category_of(number: int) -> Category | None:
    return session().get(Category, number, populate_existing=True)


def brand_of(number: int) -> Brand | None:
    return session().get(Brand, number, populate_existing=True)


def brand_by_slug(slug: str) -> Brand | None:
    return session().scalars(select(Brand).where(Brand.slug == slug)).one_or_none()
