import html
import io
import re

import pytest
from sqlalchemy import func, select

from app.catalog import services
from app.catalog.models import Brand, Image, PriceEvent, Product, Variant
from app.inventory.supply import set_supply
from app.lib.db import session
from tests import factories
from tests.admin.shelf_desk import Desk
from tests.catalog.goods import a_draft, a_picture, a_product, a_shelf, a_variant
from tests.factories import a_cart


@pytest.fixture
def desk(browser):
    return Desk(browser)


def the(model, **known):
    session().rollback()
    return session().scalars(select(model).filter_by(**known)).one()


def number_of(model) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model))


def version(page: str) -> str:
    return re.search(r'name="version" value="(\d+)"', page).group(1)


class TestTheDoor:
    URLS = ("/admin/products", "/admin/products/new", "/admin/categories", "/admin/brands", "/admin/inventory")

    @pytest.mark.parametrize("url", URLS)
    def test_visitors_are_sent_to_log_in_and_shoppers_away(self, new_browser, url):
        factories.a_user()
        ada = new_browser()
        ada.post("/auth/login", data={"email": "ada@example.com", "password": factories.PASSWORD})

        assert new_browser().get(url).location.startswith("/auth/login")
        assert ada.get(url).status_code == 403

    def test_a_form_without_its_token_is_refused(self, desk):
        shelf = a_shelf()

        answer = desk.browser.post("/admin/products", data={"name": "Jacket", "category_id": shelf.id})

        assert answer.status_code == 400
        assert number_of(Product) == 0


class TestAProductFromNothing:
    @pytest.mark.parametrize("htmx", [False, True], ids=["plain", "htmx"])
    def test_create_fill_publish_and_buy(self, desk, browser, new_browser, htmx):
        shelf, brand = a_shelf("Jackets"), services.create_brand("Acme")
        code = 200 if htmx else 303

        made = desk.send(
            "/admin/products",
            name="Red Jacket",
            description="Warm.\n\nAnd red.",
            details="Care\nWash cold\nDry flat\n\nFit\nBoxy",
            category_id=shelf.id,
            brand_id=brand.id,
            is_featured="y",
        )
        assert "Saved as a draft" in made
        here = "/admin/products/red-jacket"
        desk.send(f"{here}/variants", code, htmx=htmx, **MOSS_M)
        desk.send(f"{here}/images", code, htmx=htmx, image=(io.BytesIO(a_picture()), "front.jpg"), alt="The front")
        desk.send(f"{here}/status", code, htmx=htmx, status="active")
        desk.send("/admin/inventory/RJ-1", code, htmx=htmx, change="5", note="first delivery")

        page = new_browser().get("/p/red-jacket").get_data(as_text=True)
        assert "$19.99" in page and "$25.00" in page and "In stock" in page and 'alt="The front"' in page
        assert "<li>Wash cold</li>" in page and "<p>And red.</p>" in page
        assert the(PriceEvent).actor_id == desk.user_id

    def test_a_draft_is_previewed(self, desk):
        a_variant(a_draft("Secret jacket"))

        assert "Preview" in desk.page("/admin/products/secret-jacket")
        assert "Only staff see this page" in desk.page("/p/secret-jacket")

    def test_what_was_typed_wrong_is_kept_beside_the_sentence(self, desk):
        shelf = a_shelf()

        page = desk.send("/admin/products", 422, name=" ", description="Kept words", category_id=shelf.id)

        assert "Give it a name." in page and "Kept words" in page
        assert f'value="{shelf.id}" selected' in page
        assert number_of(Product) == 0

    def test_htmx_gets_the_form_alone(self, desk):
        form = desk.send("/admin/products", 422, htmx=True, name="Jacket", category_id="")

        assert "<html" not in form and 'id="product-form"' in form
        assert "Choose a category." in form

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": "x" * 10_000},
            {"category_id": "abc"},
            {"category_id": "-1"},
            {"category_id": "9" * 30},
            {"brand_id": "zero"},
            {"description": "x" * 30_000},
            {"name": "a\x00b"},
        ],
    )
    def test_bad_input_is_422(self, desk, fields):
        desk.send("/admin/products", 422, **{"name": "Jacket", "category_id": a_shelf().id, **fields})

        assert number_of(Product) == 0


MOSS_M = {
    "option1": "Colour",
    "value1": "Moss",
    "option2": "Size",
    "value2": "M",
    "swatch": "#66764f",
    "sku": "rj-1",
    "price": "19.99",
    "compare_at": "25",
    "is_active": "1",
}


class TestEditing:
    def test_saving_over_somebody_else_is_409_with_both_texts(self, desk):
        product = a_draft("Jacket")
        mine = version(desk.page("/admin/products/jacket"))
        services.edit_product(product.id, version=product.version, name="Their jacket", category_id=product.category_id)
        fields = {"name": "My jacket", "category_id": product.category_id}

        page = desk.send("/admin/products/jacket", 409, version=mine, **fields)

        assert "Somebody else changed" in page
        assert 'value="My jacket"' in page and "Saved by now: Their jacket" in page
        assert the(Product).name == "Their jacket"

        desk.send("/admin/products/jacket", version=version(page), **fields)
        assert the(Product).name == "My jacket"

    def test_htmx_gets_the_new_version_with_the_form(self, desk):
        product = a_draft("Jacket")
        fields = {"category_id": product.category_id}

        first = desk.send("/admin/products/jacket", 200, htmx=True, version="1", name="One", **fields)
        desk.send("/admin/products/jacket", 200, htmx=True, version=version(first), name="Two", **fields)

        assert the(Product).name == "Two"

    def test_publishing_does_not_outdate_an_open_form(self, desk):
        product = a_product("Jacket")
        services.unpublish(product.id)

        head = desk.send("/admin/products/jacket/status", 200, htmx=True, status="active")
        desk.send("/admin/products/jacket", version=version(head), name="Coat", category_id=product.category_id)

        assert the(Product).name == "Coat"

    @pytest.mark.parametrize("typed", ["", "abc", "-1", "1e9", "9" * 50])
    def test_a_version_that_is_none_counts_as_stale(self, desk, typed):
        product = a_draft("Jacket")

        desk.send("/admin/products/jacket", 409, version=typed, name="X", category_id=product.category_id)

    def test_publish_schedule_and_archive(self, desk, new_browser):
        a_product("Jacket")
        at = "/admin/products/jacket/status"

        for status, shown in (("draft", 404), ("active", 200), ("archived", 404)):
            desk.send(at, status=status)
            assert new_browser().get("/p/jacket").status_code == shown
        assert "Scheduled" in desk.send(at, status="active", published_at="2999-01-01T09:00")
        assert new_browser().get("/p/jacket").status_code == 404

    @pytest.mark.parametrize(
        "fields", [{"status": "sold"}, {"status": ""}, {"status": "active", "published_at": "soon"}]
    )
    def test_a_status_that_is_none_is_422(self, desk, fields):
        a_product("Jacket")

        desk.send("/admin/products/jacket/status", 422, **fields)

    def test_a_product_without_variants_says_why_it_cannot_go_live(self, desk):
        a_draft("Jacket")

        assert "Add a variant" in desk.send("/admin/products/jacket/status", 422, status="active")


class TestVariants:
    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"price": "19.999"}, "2 decimal places"),
            ({"price": "abc"}, "such as 19.99"),
            ({"price": ""}, "such as 19.99"),
            ({"price": "-1"}, "not negative"),
            ({"price": "1e9"}, "such as 19.99"),
            ({"compare_at": "19.99"}, "must be above"),
            ({"sku": "a b"}, "A SKU is"),
            ({"sku": ""}, "A SKU is"),
            ({"swatch": "green"}, "#66764f"),
            ({"value1": "x" * 100}, "at most 60"),
        ],
    )
    def test_a_wrong_value_keeps_the_row_and_says_what_to_do(self, desk, fields, sentence):
        a_draft("Jacket")

        page = desk.send("/admin/products/jacket/variants", 422, **{**MOSS_M, **fields})

        assert sentence in page
        assert 'aria-invalid="true"' in page
        assert 'value="M"' in page
        assert number_of(Variant) == 0

    def test_the_same_options_twice_is_422(self, desk):
        a_draft("Jacket")
        desk.send("/admin/products/jacket/variants", **MOSS_M)

        page = desk.send("/admin/products/jacket/variants", 422, **{**MOSS_M, "sku": "RJ-2"})

        assert "already has a variant Moss, M" in page

    def test_a_row_is_edited_in_place(self, desk):
        a_draft("Jacket")
        desk.send("/admin/products/jacket/variants", **MOSS_M)

        desk.send(
            "/admin/products/jacket/variants/RJ-1", **{**MOSS_M, "price": "17,50".replace(",", "."), "value2": "L"}
        )

        variant = the(Variant)
        assert (variant.price_minor, variant.options_text, variant.is_active) == (1750, "Moss, L", True)

    def test_a_wrong_row_keeps_what_was_typed(self, desk):
        a_draft("Jacket")
        desk.send("/admin/products/jacket/variants", **MOSS_M)

        page = desk.send("/admin/products/jacket/variants/RJ-1", 422, htmx=True, **{**MOSS_M, "price": "12.345"})

        assert 'value="12.345"' in page and "decimal places" in page
        assert the(Variant).price_minor == 1999

    def open_row(self, desk) -> dict:
        """The fields of the row as the page shows them now."""
        seen = re.search(r'name="seen" value="([^"]*)"', desk.page("/admin/products/jacket"))[1]
        return {**MOSS_M, "seen": html.unescape(seen)}

    def test_what_nobody_touched_stays_as_somebody_else_saved_it(self, desk):
        a_draft("Jacket")
        desk.send("/admin/products/jacket/variants", **MOSS_M)
        opened = self.open_row(desk)
        desk.send("/admin/products/jacket/variants/RJ-1", **{**opened, "price": "22.00", "value2": "L"})

        desk.send("/admin/products/jacket/variants/RJ-1", **{**opened, "is_active": ""})

        variant = the(Variant)
        assert (variant.price_minor, variant.options_text, variant.is_active) == (2200, "Moss, L", False)

    @pytest.mark.parametrize(
        ("theirs", "mine", "told"),
        [
            ({"price": "22.00"}, {"price": "21.00"}, "Somebody changed this to $22.00"),
            ({"compare_at": "40.00"}, {"compare_at": "50.00"}, "Somebody changed this to $40.00"),
            ({"value2": "L"}, {"value2": "XL"}, "Somebody changed this to Moss, L"),
        ],
    )
    def test_what_both_changed_is_409_and_saved_when_asked_again(self, desk, theirs, mine, told):
        a_draft("Jacket")
        desk.send("/admin/products/jacket/variants", **MOSS_M)
        opened = self.open_row(desk)
        desk.send("/admin/products/jacket/variants/RJ-1", **{**opened, **theirs})

        page = desk.send("/admin/products/jacket/variants/RJ-1", 409, htmx=True, **{**opened, **mine})

        assert told in html.unescape(page)
        [typed] = mine.values()
        assert f'value="{typed}"' in page
        again = html.unescape(re.search(r'name="seen" value="([^"]*)"', page)[1])
        desk.send("/admin/products/jacket/variants/RJ-1", **{**opened, **mine, "seen": again})
        variant = the(Variant)
        saved = (variant.price.plain(), variant.compare_at and variant.compare_at.plain(), variant.options_text)
        assert typed in saved or f"Moss, {typed}" in saved

    def test_a_variant_in_a_cart_stays(self, desk):
        jacket = a_draft("Jacket")
        variant = a_variant(jacket, sku="J-1", on_hand=0)
        services.publish(jacket.id)
        set_supply(variant.id, "preorder", most=5)
        a_cart((variant, 2))

        assert (
            desk.browser.post("/admin/products/jacket/variants/J-1/remove", data={"csrf_token": desk.token}).status_code
            == 409
        )

    def test_a_variant_with_stock_stays(self, desk):
        a_variant(a_draft("Jacket"), sku="J-1")

        answer = desk.browser.post("/admin/products/jacket/variants/J-1/remove", data={"csrf_token": desk.token})

        assert answer.status_code == 409
        assert "Switch it off instead" in answer.get_data(as_text=True)


class TestPictures:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("evil.jpg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
            ("evil.jpg", b"<!doctype html><script>alert(1)</script>"),
            ("empty.jpg", b""),
            ("half.jpg", a_picture()[:300]),
        ],
        ids=["svg", "html", "empty", "half"],
    )
    def test_what_is_no_picture_is_422_beside_the_field(self, desk, name, content):
        a_draft("Jacket")

        page = desk.send(
            "/admin/products/jacket/images", 422, htmx=True, image=(io.BytesIO(content), name), alt="My words"
        )

        assert 'id="image-error"' in page
        assert 'value="My words"' in page
        assert number_of(Image) == 0

    def test_a_form_without_a_file_says_so(self, desk):
        a_draft("Jacket")

        assert "Choose a picture first." in desk.send("/admin/products/jacket/images", 422)

    def test_pictures_move_by_buttons(self, desk):
        product = a_draft("Jacket")
        ids = [services.add_image(product.id, a_picture(size=(240, 300)), alt=name).public_id for name in "ab"]

        desk.send(f"/admin/products/jacket/images/{ids[1]}", do="left")
        page = desk.send(f"/admin/products/jacket/images/{ids[0]}", 200, htmx=True, do="save", alt="The back")

        assert page.index('alt="b"') < page.index('alt="The back"')
        desk.send(f"/admin/products/jacket/images/{ids[1]}", do="remove")
        assert the(Image).alt == "The back"

    def test_a_picture_of_another_product_is_404(self, desk):
        a_draft("Jacket")
        other = services.add_image(a_draft("Coat").id, a_picture(size=(240, 300))).public_id

        desk.browser.post(f"/admin/products/jacket/images/{other}", data={"csrf_token": desk.token, "do": "remove"})

        assert the(Image).public_id == other


class TestLists:
    def test_products_are_found_by_name_sku_and_status(self, desk):
        a_product("Field jacket", variants=[{"sku": "FJ-1"}])
        a_draft("Storm coat")

        assert "Storm coat" in desk.page("/admin/products")
        assert "Storm coat" not in desk.page("/admin/products?status=active")
        assert "Field jacket" not in desk.page("/admin/products?status=draft")
        assert "Field jacket" in desk.page("/admin/products?q=fj-")
        assert "No products here" in desk.page("/admin/products?q=%25%25")

    @pytest.mark.parametrize("query", ["status=zzz", "page=-1", "page=abc", "q=" + "x" * 10_000, "q='", "page=999"])
    def test_nonsense_in_the_address_is_no_fault(self, desk, query):
        desk.page(f"/admin/products?{query}")
        desk.page(f"/admin/inventory?{query}")

    def test_the_list_costs_the_same_for_any_number_of_products(self, desk, queries):
        for number in range(3):
            a_product(f"Jacket {number}")
        desk.page("/admin/products")

        with queries(at_most=8):
            desk.page("/admin/products")


class TestCategoriesAndBrands:
    def test_a_category_is_made_below_another_and_moved(self, desk):
        desk.send("/admin/categories", name="Clothing")
        desk.send("/admin/categories", name="Jackets", parent="clothing")
        assert "Clothing / Jackets" in desk.page("/admin/categories")

        page = desk.send("/admin/categories/clothing/parent", 422, parent="jackets")
        assert "cannot stand below itself" in page
        desk.send("/admin/categories/jackets/parent", parent="")
        assert "Clothing / Jackets" not in desk.page("/admin/categories")

    def test_a_category_needs_a_name_and_a_parent_that_exists(self, desk):
        assert "Give it a name" in desk.send("/admin/categories", 422, name="")
        assert "that exists" in desk.send("/admin/categories", 422, name="X", parent="nowhere")

    def test_deleting_a_brand_with_products_is_refused_with_the_count(self, desk):
        brand = services.create_brand("Acme")
        a_draft(brand_id=brand.id)

        answer = desk.browser.post("/admin/brands/acme/delete", data={"csrf_token": desk.token})

        assert answer.status_code == 409
        assert "1 product carries the brand" in answer.get_data(as_text=True)
        assert number_of(Brand) == 1

    def test_a_brand_is_made_and_deleted(self, desk):
        assert "Acme" in desk.send("/admin/brands", name="Acme")
        desk.send("/admin/brands/acme/delete")
        assert number_of(Brand) == 0
