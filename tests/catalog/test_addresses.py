"""Links that are out in the world stay good: 301 to where a thing stands now, 410 when it is gone."""

import re

import pytest

from app.catalog import services
from app.catalog.models import Product
from app.catalog.queries import forget_menu
from app.inventory.services import adjust
from app.lib.db import session
from app.lib.errors import Invalid, NotAllowed
from tests.admin.desk import words
from tests.admin.shelf_desk import Desk
from tests.catalog.goods import a_draft, a_product, a_shelf, a_variant
from tests.factories import a_cart, place


@pytest.fixture(autouse=True)
def fresh_menu():
    forget_menu()


def rename(product: Product, slug: str) -> Product:
    now = session().get_one(Product, product.id, populate_existing=True)
    return services.edit_product(now.id, version=now.version, name=now.name, category_id=now.category_id, slug=slug)


class TestProducts:
    def test_however_often_it_is_renamed_every_old_address_is_one_step_away(self, browser):
        jacket = a_product("Field jacket")
        for slug in ("chore-jacket", "canvas-jacket", "Work Jacket"):
            rename(jacket, slug)

        answers = [browser.get(f"/p/{slug}?sku=X-1") for slug in ("field-jacket", "chore-jacket", "canvas-jacket")]

        assert {(answer.status_code, answer.location) for answer in answers} == {(301, "/p/work-jacket?sku=X-1")}
        assert browser.get("/p/work-jacket").status_code == 200
        assert not answers[0].headers.getlist("Set-Cookie")

    def test_going_back_to_an_old_name_makes_no_circle(self, browser):
        jacket = a_product("Field jacket")
        rename(jacket, "chore-jacket")
        rename(jacket, "field-jacket")

        assert browser.get("/p/field-jacket").status_code == 200
        assert browser.get("/p/chore-jacket").location == "/p/field-jacket"

    def test_an_address_that_somebody_else_takes_stops_leading_away(self, browser):
        jacket, coat = a_product("Field jacket"), a_product("Coat")
        rename(jacket, "chore-jacket")

        rename(coat, "field-jacket")

        assert "Coat" in browser.get("/p/field-jacket").text
        assert browser.get("/p/coat").location == "/p/field-jacket"

    def test_a_new_product_of_the_same_name_does_not_take_it_by_itself(self, browser):
        rename(a_product("Field jacket"), "chore-jacket")

        assert a_product("Field jacket").slug == "field-jacket-2"
        assert browser.get("/p/field-jacket").location == "/p/chore-jacket"

    def test_an_address_that_is_taken_is_refused_beside_the_field(self, browser):
        a_product("Coat")
        jacket = a_product("Field jacket")
        desk = Desk(browser)
        page = desk.page("/admin/products/field-jacket")
        fields = {"version": jacket.version, "name": "Jacket", "category_id": jacket.category_id, "slug": "coat"}

        answer = desk.send("/admin/products/field-jacket", 422, **fields)

        assert "Another product has the address “coat”" in answer and 'value="coat"' in answer
        assert 'name="slug"' in page
        moved = desk.send("/admin/products/field-jacket", **{**fields, "slug": "jacket"})
        assert "/admin/products/jacket" in moved

    def test_a_draft_is_not_betrayed_by_its_old_address(self, browser):
        jacket = a_product("Field jacket")
        services.unpublish(jacket.id)
        rename(jacket, "secret-jacket")

        answer = browser.get("/p/field-jacket")

        assert answer.status_code == 404 and "secret" not in answer.text

    def test_what_was_deleted_answers_410_at_every_address_it_had_and_helps_on(self, browser):
        jacket = a_draft("Field jacket", shelf=a_shelf("Jackets"))
        a_variant(jacket, on_hand=0)
        rename(jacket, "chore-jacket")
        desk = Desk(browser)

        desk.send("/admin/products/chore-jacket/delete")

        for slug in ("field-jacket", "chore-jacket"):
            answer = browser.get(f"/p/{slug}")
            assert answer.status_code == 410
            assert 'name="q"' in answer.text and "/c/jackets" in answer.text
        assert a_product("Field jacket").slug == "field-jacket"
        assert browser.get("/p/field-jacket").status_code == 200

    def test_what_was_sold_or_is_sold_or_lies_somewhere_stays(self):
        sold, active, stocked = (a_product() for _ in range(3))
        place(a_cart(sold.variants[0]))
        adjust(sold.variants[0].id, -9, note="counted")
        for product in (sold, stocked):
            services.archive(product.id)

        for product, reason in ((sold, "sold"), (active, "draft"), (stocked, "stock of it")):
            with pytest.raises(NotAllowed, match=reason):
                services.delete_product(product.id)


class TestCategoriesAndBrands:
    def test_a_category_that_is_renamed_and_moved_keeps_its_links(self, browser):
        clothing, outdoor = a_shelf("Clothing"), a_shelf("Outdoor")
        jackets = a_shelf("Jackets", clothing)
        a_product(shelf=jackets)
        desk = Desk(browser)

        desk.send(
            "/admin/categories/jackets",
            name="Coats and jackets",
            slug="coats",
            parent="outdoor",
            description="Warm.",
            position="3",
        )

        for old in ("/c/jackets", "/c/clothing/jackets", "/c/clothing/coats"):
            answer = browser.get(old)
            assert (answer.status_code, answer.location) == (301, "/c/outdoor/coats"), old
        assert "Field jacket" in browser.get("/c/outdoor").text
        assert outdoor.slug == "outdoor"

    def test_a_category_is_not_put_below_itself(self, browser):
        a_shelf("Jackets", a_shelf("Clothing"))
        desk = Desk(browser)

        page = desk.send(
            "/admin/categories/clothing", 422, name="Things", slug="clothing", parent="jackets", position="0"
        )

        assert "cannot stand below itself" in page and 'value="Things"' in page
        assert desk.page("/c/clothing")

    def test_an_empty_category_is_deleted_and_a_full_one_is_not(self, browser):
        jackets = a_shelf("Jackets", a_shelf("Clothing"))
        product = a_draft(shelf=jackets)
        desk = Desk(browser)

        assert "1 category stands below it" in words(desk.send("/admin/categories/clothing/delete", 409))
        assert "1 product stands in it" in words(desk.send("/admin/categories/jackets/delete", 409))
        services.delete_product(product.id)
        desk.send("/admin/categories/jackets/delete")
        assert browser.get("/c/clothing/jackets").status_code == 410

    @pytest.mark.parametrize("position", ["", "-1", "x", "9999999999"])
    def test_a_place_that_is_no_number_is_422(self, browser, position):
        a_shelf("Clothing")

        Desk(browser).send("/admin/categories/clothing", 422, name="C", slug="clothing", parent="", position=position)

    @pytest.mark.parametrize(
        ("at", "hers", "his"),
        [
            ("categories/clothing", {"name": "Clothes", "description": "Warm."}, {"name": "Garments"}),
            ("categories/clothing", {"name": "Clothing", "parent": "outdoor"}, {"name": "Clothing", "position": "7"}),
            ("brands/acme", {"name": "Acme & Sons", "description": ""}, {"name": "Acme", "description": "Since 1920."}),
        ],
    )
    def test_what_somebody_saved_meanwhile_is_told_and_not_overwritten(self, browser, at, hers, his):
        a_shelf("Clothing"), a_shelf("Outdoor"), services.create_brand("Acme")
        desk, address = Desk(browser), f"/admin/{at}"
        fields = {"slug": "", "parent": "", "position": "0", "description": ""}
        opened = mark_in(desk.page(address))
        desk.send(address, **fields | hers, seen=opened)

        refused = desk.send(address, 409, **fields | his, seen=opened)
        theirs = mark_in(desk.page(address))
        desk.send(address, **fields | hers, seen=opened)  # her second click
        desk.send(address, **fields | his, seen=mark_in(refused))
        page = desk.page(address)

        assert "Somebody changed this meanwhile" in words(refused) and "Saved by now:" in words(refused)
        assert ("Saved by now: Outdoor<" in refused) == ("parent" in hers)
        assert theirs == mark_in(refused) != opened
        assert all(typed in refused and typed in page for typed in his.values())
        assert mark_in(page) != theirs

    @pytest.mark.parametrize("at", ["categories", "brands"])
    def test_a_form_is_about_the_row_it_showed_although_the_address_is_another_one_s_by_now(self, browser, at):
        old = a_shelf("Acme") if at == "categories" else services.create_brand("Acme")
        desk, was = Desk(browser), f"/admin/{at}/acme"
        fields = {"id": str(old.id), "parent": "", "position": "0", "description": "One.\r\nTwo."}
        desk.send(was, **fields, name="Acme", slug="")
        opened = mark_in(desk.page(was))
        desk.send(was, **fields, name="Acme Inc", slug="acme-inc", seen=opened)
        desk.send(was, **fields, name="Acme Inc", slug="acme-inc", seen=opened)  # a second click
        desk.send(f"/admin/{at}", name="Bond")
        desk.send(f"/admin/{at}/bond", **fields | {"id": ""}, name="Bond", slug="acme")

        refused = desk.send(was, 409, **fields, name="ACME ", slug="acme-gmbh", seen=opened)
        desk.send(was, **fields, name="ACME ", slug="acme-gmbh", seen=mark_in(refused))

        assert re.findall(r"Saved by now: ([^<]+)<", refused) == ["Acme Inc", "acme-inc"]
        assert 'value="Bond"' in desk.page(was)
        assert 'value="ACME"' in desk.page(f"/admin/{at}/acme-gmbh")
        if at == "categories":
            desk.send(f"{was}/delete", id=str(old.id))
            assert 'value="Bond"' in desk.page(was)
            assert browser.get("/c/acme-gmbh").status_code == 410

    def test_a_brand_is_renamed_and_deleted(self, browser):
        services.create_brand("Acme")
        desk = Desk(browser)

        desk.send("/admin/brands/acme", name="Acme & Sons", slug="acme-sons", description="")

        assert browser.get("/brands/acme").location == "/brands/acme-sons"
        desk.send("/admin/brands/acme-sons/delete")
        assert browser.get("/brands/acme").status_code == browser.get("/brands/acme-sons").status_code == 410

    def test_a_name_that_is_taken_is_refused(self):
        services.create_brand("Acme")
        bond = services.create_brand("Bond")

        with pytest.raises(Invalid, match="Another brand"):
            services.edit_brand(bond.id, name="Bond", slug="acme")


def mark_in(page: str) -> str:
    return re.search(r'name="seen" value="(\w+)"', page)[1]
