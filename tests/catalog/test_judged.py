"""How well search finds: hundreds of judged queries on each catalogue, typos and beginnings among them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.catalog.demo import catalogue as demo
from app.catalog.models import Brand, Category, Product, Variant
from app.catalog.queries import Filters, search
from app.catalog.search import rebuild, synonyms
from app.catalog.synthetic import seed_products
from app.lib.db import session, transaction
from app.lib.paging import Page

JUDGED = Path(__file__).with_name("judged.txt")
SYNONYMS = ("trainers = sneakers", "rucksack = backpack", "jumper = sweater")
FIRST_PAGE, TOP = Page(1, 24), 3


def test_what_is_meant_is_among_the_first_three_in_at_least_95_of_100():
    _put_on_the_shelves(demo.load())
    for pair in SYNONYMS:
        synonyms.add(pair)
    judged = [line.split(" | ") for line in JUDGED.read_text(encoding="utf-8").splitlines()[1:]]

    missed = []
    for kind, query, wanted in judged:
        found = [card.name for card in search(query, Filters(sort="relevance"), FIRST_PAGE).cards[:TOP]]
        session().rollback()
        if wanted not in found:
            missed.append((kind, query, wanted, found))

    assert len(judged) >= 200
    assert len(missed) <= len(judged) * 0.05, missed


def _put_on_the_shelves(catalogue: demo.Catalogue) -> None:
    """The demo catalogue without its pictures, in one transaction: its words are what is judged here."""
    with transaction() as current:
        brands = {it.slug: Brand(name=it.name, slug=it.slug) for it in catalogue.brands}
        current.add_all(brands.values())
        shelves: dict[str, Category] = {}
        for it in catalogue.categories:
            above = shelves.get(it.parent or "")
            shelf = shelves[it.slug] = Category(name=it.name, slug=it.slug, parent_id=above and above.id, path="0")
            current.add(shelf)
            current.flush()
            shelf.path = f"{above.path}.{shelf.id}" if above else str(shelf.id)
        current.flush()
        for made in catalogue.products:
            product = Product(
                name=made.name,
                slug=made.slug,
                description=made.description,
                brand_id=brands[made.brand].id,
                category_id=shelves[made.category].id,
                status="active",
                published_at=datetime(2026, 1, 1, tzinfo=UTC),
            )
            for number, it in enumerate(made.variants):
                product.variants.append(
                    Variant(
                        sku=it.sku,
                        price_minor=it.price,
                        currency="USD",
                        option_key=str(number),
                        options_text=", ".join(it.options.values()),
                    )
                )
            current.add(product)


def test_what_is_meant_is_found_among_a_thousand_that_are_much_alike():
    """Names of a series, an adjective, a material, a thing and a model: "Fenlor classic oak lamp QX417"."""
    seed_products(1000)
    rebuild()
    judged = list(_asked_of(session().execute(EVERY_TENTH).all()))

    missed = []
    for query, wanted in judged:
        found = [card.name.lower() for card in search(query, Filters(sort="relevance"), FIRST_PAGE).cards[:TOP]]
        session().rollback()
        if not any(all(word in name for word in wanted) for name in found):
            missed.append((query, wanted, found))

    assert len(judged) >= 400
    assert len(missed) <= len(judged) * 0.05, missed


# On sale, with a SKU of each.
EVERY_TENTH = text("""
    SELECT d.name, min(v.sku) AS sku FROM search_documents d JOIN variants v ON v.product_id = d.product_id
    WHERE d.published_at <= now() AND hashint8(d.product_id) % 10 = 0 GROUP BY d.product_id, d.name ORDER BY d.name
""")


def _asked_of(products: Sequence[Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What somebody types who means this product, and what must then be in a name: words, or the whole of it."""
    for name, sku in products:
        series, *like, thing, model = name.lower().split()
        with_a_typo = series[:2] + series[3:]
        yield f"{series} {thing}", (series, thing)
        yield f"{thing} {' '.join(like)}", (*like, thing)
        yield f"{with_a_typo} {model}", (name.lower(),)
        yield f"{thing} {model[:4]}", (thing, model[:4])
        yield sku, (name.lower(),)
