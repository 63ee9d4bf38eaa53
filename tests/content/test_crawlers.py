"""What search engines and merchants fetch agrees with what the shop shows."""

import json
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from sqlalchemy import text

from app.catalog import services
from app.catalog.queries import Rule, forget_menu
from app.catalog.structured import availability
from app.content import services as content
from app.content import sitemap
from app.content.services import PageText
from app.lib.db import transaction
from tests.catalog.goods import a_draft, a_picture, a_product, a_shelf, a_variant
from tests.content.walk import HERE, every_address, every_page_speaks_for_itself, one

G = "{http://base.google.com/ns/1.0}"


@pytest.fixture(autouse=True)
def fresh_menu():
    forget_menu()


@pytest.fixture
def shop():
    """Two jackets of one name, one reduced until tomorrow, on a shelf below another; a draft; a page of each kind."""
    clothing = a_shelf("Clothing")
    shelf = a_shelf("Jackets & coats", clothing)
    a_shelf("Nothing here")
    acme = services.create_brand("Acme <Ltd>")
    services.create_brand("Idle")
    variants = [{"sku": "FJ-S", "colour": "Moss", "size": "S", "price": 12000}]
    variants += [{"sku": "FJ-M", "colour": "Moss", "size": "M", "price": 14000, "on_hand": 0}]
    jacket = a_product("Field jacket", shelf=shelf, brand_id=acme.id, variants=variants, description="Made & mended.")
    services.add_image(jacket.id, a_picture(), alt="A jacket")
    a_product("Field jacket", shelf=shelf, brand_id=acme.id, variants=[{"sku": "OTHER", "price": 5000}])
    a_variant(a_draft("Secret jacket", shelf=shelf))
    with transaction() as current:
        current.execute(
            text("""UPDATE variants SET sale_minor = 9000, sale_ends_at = :end, barcode = '4006381333931'
                    WHERE sku = 'FJ-S'"""),
            {"end": datetime.now(UTC) + timedelta(days=1)},
        )
    content.create_collection("Under a hundred", rule=Rule(price_max=10000), is_published=True)
    content.create_collection("Not yet", rule=Rule())
    page = content.create_page(PageText(title="About us", body="# Hello"))
    content.publish_page(page.id, page.version)
    content.create_page(PageText(title="Later"))


def facts(page: str, kind: str) -> dict:
    blocks = [json.loads(it) for it in re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)]
    return next(it for it in blocks if it["@type"] == kind)


class TestSitemap:
    def test_it_names_what_a_shopper_can_open_and_nothing_else(self, browser, shop):
        own = {"/", "/delivery", "/terms", "/privacy", "/pages/about-us"}
        goods = {"/p/field-jacket", "/p/field-jacket-2", "/c/clothing", "/c/clothing/jackets-coats"}

        assert set(every_address(browser)) == {*own, *goods, "/brands/acme-ltd", "/collections/under-a-hundred"}

    def test_parts_are_full_and_together_hold_everything_once(self, browser, shop, monkeypatch):
        for number in range(12):
            a_product(f"Mug {number}", shelf=a_shelf(f"Mugs {number}"))
        monkeypatch.setattr(sitemap, "BATCH", 2)

        addresses = every_address(browser)

        assert len(addresses) == len(set(addresses)) == 11 + 24
        assert browser.get("/sitemaps/products-2.xml").status_code == 404
        for junk in ("products-0", "orders-1", "products-99999999999999999999", "shop-2"):
            assert browser.get(f"/sitemaps/{junk}.xml").status_code == 404, junk

    def test_every_page_of_it_has_one_heading_and_its_own_title_description_and_address(self, browser, shop):
        assert every_page_speaks_for_itself(browser) == 11

    def test_robots_txt_leads_there(self, browser):
        lines = browser.get("/robots.txt").get_data(as_text=True).splitlines()

        assert f"Sitemap: {HERE}/sitemap.xml" in lines
        assert {"Disallow: /search", "Disallow: /cart", "Disallow: /account", "Disallow: /admin"} <= set(lines)


class TestListings:
    def test_what_may_be_found_ends_at_one_filter(self, browser, shop):
        def head(address: str) -> tuple[str, bool]:
            page = browser.get(address).get_data(as_text=True)
            return one(r'<link rel="canonical" href="([^"]+)">', page), "noindex, follow" in page

        base = f"{HERE}/c/clothing"
        assert head("/c/clothing?sort=price") == (base, False)
        assert head("/c/clothing?size=s") == (base, False)
        assert head("/c/clothing?size=s&size=m") == (base, True)
        assert head("/c/clothing?size=s&in_stock=1") == (base, True)

    def test_the_second_page_is_a_page_of_its_own(self, browser):
        shelf = a_shelf("Mugs")
        for number in range(25):
            a_product(f"Mug {number}", shelf=shelf)

        first = browser.get("/c/mugs").get_data(as_text=True)
        second = browser.get("/c/mugs?page=2").get_data(as_text=True)

        assert f'<link rel="next" href="{HERE}/c/mugs?page=2">' in first
        assert f'<link rel="canonical" href="{HERE}/c/mugs?page=2">' in second
        assert f'<link rel="prev" href="{HERE}/c/mugs">' in second
        assert one(r"<title>(.*?)</title>", first) != one(r"<title>(.*?)</title>", second)

    def test_a_search_is_not_to_be_found(self, browser, shop):
        assert "noindex, follow" in browser.get("/search?q=jacket").get_data(as_text=True)


class TestProducts:
    def test_the_facts_are_those_on_the_page(self, browser, shop):
        page = browser.get("/p/field-jacket").get_data(as_text=True)

        offers = facts(page, "Product")["offers"]
        small, medium = offers["offers"]
        assert "$90.00" in page
        assert (small["price"], medium["price"]) == ("90.00", "140.00")
        assert (offers["lowPrice"], offers["highPrice"], offers["offerCount"]) == ("90.00", "140.00", 2)
        assert small["priceValidUntil"] and "priceValidUntil" not in medium
        assert small["availability"].endswith("/InStock") and medium["availability"].endswith("/OutOfStock")
        way = [step["name"] for step in facts(page, "BreadcrumbList")["itemListElement"]]
        assert way == ["Home", "Clothing", "Jackets & coats", "Field jacket"]
        assert one(r'<meta property="og:image" content="([^"]+)">', page).startswith(f"{HERE}/media/p/")

    def test_staff_may_choose_the_words(self, browser, shop):
        with transaction() as current:
            current.execute(text("UPDATE products SET meta_title = 'Best jacket', meta_description = 'Warm.'"))

        page = browser.get("/p/field-jacket").get_data(as_text=True)

        assert one(r"<title>(.*?)</title>", page) == "Best jacket · Sokoni"
        assert one(r'<meta name="description" content="([^"]+)">', page) == "Warm."

    def test_the_front_page_says_who_sells_and_how_to_search(self, browser, shop):
        page = browser.get("/").get_data(as_text=True)

        assert facts(page, "Organization")["name"] == "Sokoni"
        assert facts(page, "WebSite")["potentialAction"]["target"]["urlTemplate"].startswith(f"{HERE}/search?q=")


@pytest.mark.pure
@pytest.mark.parametrize(
    ("supply", "available", "on_shelf", "expected"),
    [
        ("stocked", 3, 3, "in_stock"),
        ("stocked", 0, 0, "out_of_stock"),
        ("backorder", 5, 0, "backorder"),
        ("backorder", 5, 2, "in_stock"),
        ("preorder", 5, 0, "preorder"),
        ("preorder", 0, 0, "out_of_stock"),
    ],
)
def test_what_is_not_there_yet_is_called_so(supply, available, on_shelf, expected):
    assert availability(supply, available, on_shelf) == expected


class TestFeed:
    def test_each_variant_costs_what_its_page_says(self, browser, shop):
        answer = browser.get("/feeds/products.xml", buffered=True)

        items = {it.findtext(f"{G}id"): it for it in ElementTree.fromstring(answer.get_data()).iter("item")}
        assert set(items) == {"FJ-S", "FJ-M", "OTHER"}
        small = items["FJ-S"]
        assert (small.findtext(f"{G}price"), small.findtext(f"{G}sale_price")) == ("120.00 USD", "90.00 USD")
        assert small.findtext(f"{G}gtin") == "4006381333931"
        assert small.findtext(f"{G}brand") == "Acme <Ltd>"
        assert small.findtext(f"{G}product_type") == "Clothing > Jackets & coats"
        assert small.findtext("link") == f"{HERE}/p/field-jacket?sku=FJ-S"
        assert (small.findtext(f"{G}color"), small.findtext(f"{G}size")) == ("Moss", "S")
        assert items["FJ-M"].findtext(f"{G}availability") == "out_of_stock"
        assert items["OTHER"].findtext(f"{G}sale_price") is None
        for sku, item in items.items():
            page = browser.get(item.findtext("link").removeprefix(HERE)).get_data(as_text=True)
            price = item.findtext(f"{G}sale_price") or item.findtext(f"{G}price")
            assert f"${price.removesuffix(' USD')}" in page, sku
