"""Where the shop shows what is sold out: last, mixed in, or nowhere; and facets of what staff say of a product."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.catalog import services
from app.catalog.queries import Filters, Scope, Shelf, category_tiles, forget_menu, listing, search, shelves, suggest
from app.lib import runtime
from app.lib.db import session
from app.lib.paging import Page
from tests.admin.desk import words
from tests.catalog.goods import a_product, a_shelf

FIRST = Page(1, 24)


@pytest.fixture(params=["last", "mixed", "hidden"])
def shows(request) -> Iterator[str]:
    was = runtime.settings()
    runtime.use(replace(was, sold_out=request.param))
    forget_menu()
    yield request.param
    runtime.use(was)


@pytest.fixture
def lamps():
    """Four, of which the first and the third are sold out; the later ones are newer and dearer."""
    shelf = a_shelf("Lamps")
    for number in range(4):
        variants = [{"price": 1000 + number, "on_hand": 0 if number in (0, 2) else 5, "colour": "Moss"}]
        a_product(f"Lamp {number}", shelf=shelf, variants=variants)
    return shelf


BY_PRICE = {
    "last": ["Lamp 1", "Lamp 3", "Lamp 0", "Lamp 2"],
    "mixed": ["Lamp 0", "Lamp 1", "Lamp 2", "Lamp 3"],
    "hidden": ["Lamp 1", "Lamp 3"],
}


@pytest.mark.parametrize("filters", [{}, {"price_min": 1}, {"chosen": {"colour": ("moss",)}}])
def test_a_listing_shows_and_counts_the_same_products(shows, lamps, filters):
    found = listing(Scope.of_category(lamps.id), Filters(sort="price", **filters), FIRST)

    assert [card.name for card in found.cards] == BY_PRICE[shows]
    assert found.total == len(BY_PRICE[shows])
    [colour] = [facet for facet in found.facets if facet.name == "colour"]
    assert [(it.words, it.count) for it in colour.values] == [("Moss", len(BY_PRICE[shows]))]


def test_pages_follow_each_other(shows, lamps):
    scope, seen = Scope.of_category(lamps.id), []
    page = listing(scope, Filters(sort="price"), Page(1, 1))
    for number in range(2, 6):
        seen += [card.name for card in page.cards]
        if not page.after:
            break
        page = listing(scope, Filters(sort="price"), Page(number, 1, after=page.after))

    assert seen == BY_PRICE[shows]


def test_searching_suggesting_and_the_front_page_agree(shows, lamps):
    names = set(BY_PRICE[shows])

    assert {card.name for card in search("lamp", Filters(sort="relevance"), FIRST).cards} == names
    session().rollback()
    assert {product.name for product in suggest("lam").products} == names
    [newest] = shelves([Shelf()])
    assert [card.name for card in newest] == ["Lamp 3", "Lamp 1", "Lamp 2", "Lamp 0"][: len(names)]
    assert [tile.name for tile in category_tiles()] == ["Lamps"]


class TestFacetsOfAttributes:
    @pytest.fixture
    def coats(self):
        shelf = a_shelf("Coats")
        services.create_attribute("Material", is_filterable=True)
        services.create_attribute("Origin")
        for name, materials in (("Loden", ["Wool"]), ("Parka", ["Cotton", "Wool"]), ("Mac", ["Cotton"])):
            coat = a_product(name, shelf=shelf)
            services.set_attributes(coat.id, {"material": materials, "origin": ["Kenya"]})
        return shelf

    def boxes(self, page: str) -> dict[str, str]:
        """The words of each box of the facet, with how many it would show."""
        facet = re.search(r'id="facet-material".*?</details>', page, re.S)
        assert facet and "Origin" not in page
        found = re.findall(r'value="([a-z]+)"[^>]*>([^<]+)<span class="push num">(\d+)</span>', facet[0])
        return {words(name): number for _, name, number in found}

    def test_what_shoppers_may_filter_by_is_counted_and_chosen(self, browser, coats):
        page = browser.get("/c/coats").text
        assert self.boxes(page) == {"Wool": "2", "Cotton": "2"}

        page = browser.get("/c/coats?material=wool").text

        assert sorted(re.findall(r'<h3><a href="/p/([a-z]+)"', page)) == ["loden", "parka"]
        assert self.boxes(page) == {"Wool": "2", "Cotton": "2"}  # the others of the same kind stay to be added
        both = browser.get("/c/coats?material=wool&material=cotton").text
        assert len(re.findall(r'<h3><a href="/p/', both)) == 3
        assert browser.get("/c/coats?material=silk").status_code == 200

    def test_what_staff_take_back_is_no_filter_any_more(self, browser, coats):
        material = services.create_attribute("Weight", is_filterable=True)
        services.edit_attribute(material.id, name="Weight", is_filterable=False, position=9)

        assert "facet-weight" not in browser.get("/c/coats").text
