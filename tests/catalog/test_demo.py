import pytest

from app.catalog.demo.catalogue import PICTURES, load, stem_files
from app.catalog.demo.shapes import SHAPES

MOST_KILOBYTES = 4096  # of all pictures together: they are in every copy of the repository


@pytest.fixture(scope="module")
def catalogue():
    return load()


def test_every_sku_and_slug_is_there_once(catalogue):
    skus = [variant.sku for product in catalogue.products for variant in product.variants]
    slugs = [product.slug for product in catalogue.products]
    shelves = [category.slug for category in catalogue.categories]

    for names in (skus, slugs, shelves):
        assert len(names) == len(set(names))


def test_every_product_stands_on_a_shelf_and_has_a_brand(catalogue):
    shelves = {category.slug for category in catalogue.categories}
    brands = {brand.slug for brand in catalogue.brands}

    for product in catalogue.products:
        assert product.category in shelves, product.name
        assert product.brand in brands, product.name


def test_parents_come_before_their_children_and_one_chain_is_four_deep(catalogue):
    depth = {None: 0}

    for category in catalogue.categories:
        depth[category.slug] = depth[category.parent] + 1

    assert max(depth.values()) == 4


def test_variants_are_made_of_known_values_and_show_a_picture_of_their_product(catalogue):
    for product in catalogue.products:
        stems = {picture.file for picture in product.pictures}
        for variant in product.variants:
            assert variant.picture in stems, variant.sku
            assert variant.options["colour"] in catalogue.colours, variant.sku
            assert variant.options.get("size", "m") in catalogue.sizes, variant.sku
            assert variant.compare_at is None or variant.compare_at > variant.price, variant.sku


def test_some_things_are_scarce_and_some_are_sold_out(catalogue):
    stock = [variant.stock for product in catalogue.products for variant in product.variants]

    assert sum(pieces == 0 for pieces in stock) >= 5
    assert sum(0 < pieces < 5 for pieces in stock) >= 5


def test_every_picture_is_drawn_and_all_together_are_small(catalogue):
    stems = [picture.file for product in catalogue.products for picture in product.pictures]
    stems += [catalogue.hero.file, catalogue.feature.file]
    files = {file for stem in stems for file in stem_files(stem).values()}

    assert set(PICTURES.glob("*.webp")) == files
    assert sum(file.stat().st_size for file in files) < MOST_KILOBYTES * 1024


def test_every_shape_that_is_asked_for_can_be_drawn(catalogue):
    assert {picture.shape for product in catalogue.products for picture in product.pictures} <= set(SHAPES)
