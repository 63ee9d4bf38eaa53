"""How well search finds: over four hundred judged queries on the demo catalogue, typos and beginnings among them."""

from datetime import UTC, datetime
from pathlib import Path

from app.catalog.demo import catalogue as demo
from app.catalog.models import Brand, Category, Product, Variant
from app.catalog.queries import Filters, search
from app.catalog.search import synonyms
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
