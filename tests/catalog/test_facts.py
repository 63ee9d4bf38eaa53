"""What staff say of a product beyond its price: attributes, tags, and what goes well with it."""

import re

import pytest
from sqlalchemy import select

from app.catalog import services
from app.catalog.models import Attribute, AttributeValue, Product
from app.catalog.queries import forget_menu
from app.lib.db import session
from app.lib.errors import Invalid, NotAllowed
from tests.admin.desk import words
from tests.admin.shelf_desk import Desk
from tests.catalog.goods import a_product, a_shelf


@pytest.fixture
def desk(browser):
    forget_menu()
    return Desk(browser)


def cards(page: str) -> list[str]:
    """The names under "Goes well with", in order."""
    shelf = page.split('id="related"')[1] if 'id="related"' in page else ""
    return re.findall(r'<h3><a href="/p/[^"]+">([^<]+)</a></h3>', shelf)


class TestAttributes:
    def test_what_somebody_saved_meanwhile_is_told_and_not_overwritten(self, desk):
        services.create_attribute("Material")
        services.create_attribute("Origin")
        page = desk.page("/admin/attributes")
        opened, others = re.findall(r'name="seen" value="(\w+)"', page)
        desk.send("/admin/attributes/material", name="Fabric", position="0", is_filterable="1", seen=opened)
        desk.send("/admin/attributes/origin", name="Made in", position="1", seen=others)

        refused = desk.send("/admin/attributes/material", 409, name="Cloth", position="3", seen=opened)
        now = re.findall(r'name="seen" value="(\w+)"', refused)[0]
        desk.send("/admin/attributes/material", name="Cloth", position="3", seen=now)

        assert "Saved by now: Fabric, place 0, a filter." in words(refused)
        assert 'value="Cloth"' in refused
        cloth = session().scalars(select(Attribute).where(Attribute.code == "material")).one()
        assert (cloth.name, cloth.position, cloth.is_filterable) == ("Cloth", 3, False)

    def test_staff_say_what_a_product_is_and_shoppers_read_it(self, desk, browser):
        a_product("Field jacket")
        desk.send("/admin/attributes", name="Material", is_filterable="1")
        desk.send("/admin/attributes", name="Origin")

        desk.send(
            "/admin/products/field-jacket/facts", **{"fact-material": "Wool, linen, wool", "fact-origin": "Kenya"}
        )

        specs = re.search(r'<dl class="kv" id="specs">.*?</dl>', browser.get("/p/field-jacket").text, re.S)[0]
        assert words(specs) == "Material Wool, linen Origin Kenya"
        assert session().scalar(select(Attribute.is_filterable).where(Attribute.code == "material")) is True
        page = desk.send("/admin/products/field-jacket/facts", **{"fact-material": "", "fact-origin": "Kenya"})
        assert "Wool" not in re.search(r'id="fact-material"[^>]*>', page)[0]

    def test_values_are_the_same_however_they_are_written(self):
        jacket, coat = a_product("Jacket"), a_product("Coat")
        services.create_attribute("Material")
        services.set_attributes(jacket.id, {"material": ["Wool"]})
        services.set_attributes(coat.id, {"material": ["  wool "]})

        assert len(session().scalars(select(AttributeValue)).all()) == 1

    def test_two_who_name_a_new_value_at_once_make_one(self, at_once):
        products = [a_product(f"Jacket {n}").id for n in range(4)]
        services.create_attribute("Material")

        outcomes = at_once(*[lambda id=id: services.set_attributes(id, {"material": ["Wool"]}) for id in products])

        assert outcomes == [None] * 4
        assert len(session().scalars(select(AttributeValue)).all()) == 1

    def test_an_attribute_never_takes_the_name_of_another_filter(self):
        assert [services.create_attribute(name).code for name in ("Brand", "Sort")] == ["brand-2", "sort-2"]

    def test_it_is_renamed_ordered_and_deleted_only_when_no_product_has_it(self, desk):
        services.create_attribute("Material")
        services.create_attribute("Origin")
        jacket = a_product("Field jacket")
        services.set_attributes(jacket.id, {"material": ["Wool"]})

        page = desk.send("/admin/attributes/material", name="Fabric", position="9")

        assert page.index('value="Origin"') < page.index('value="Fabric"')
        with pytest.raises(NotAllowed, match="1 product says"):
            services.delete_attribute(session().scalar(select(Attribute.id).where(Attribute.code == "material")))
        services.set_attributes(jacket.id, {"material": []})
        assert "Fabric" not in desk.send("/admin/attributes/material/delete")

    @pytest.mark.parametrize(
        ("address", "fields"),
        [
            ("/admin/attributes", {"name": "  "}),
            ("/admin/attributes", {"name": "origin"}),
            ("/admin/attributes/origin", {"name": "", "position": "1"}),
            ("/admin/attributes/origin", {"name": "Land", "position": "first"}),
            ("/admin/products/field-jacket/facts", {"fact-nothing": "x"}),
            ("/admin/products/field-jacket/facts", {"fact-origin": "x" * 61}),
        ],
    )
    def test_wrong_input_is_422(self, desk, address, fields):
        a_product("Field jacket")
        services.create_attribute("Origin")

        assert 'class="err"' in desk.send(address, 422, **fields) or "fact-nothing" in fields


class TestTags:
    def test_tags_are_kept_in_lower_case_and_once(self, desk):
        jacket = a_product("Field jacket")

        desk.send(
            "/admin/products/field-jacket",
            version=jacket.version,
            name="Field jacket",
            category_id=jacket.category_id,
            tags=" Canvas, autumn,, canvas ",
        )

        assert session().scalar(select(Product.tags)) == ["canvas", "autumn"]

    def test_too_many_or_too_long_ones_are_refused(self):
        for tags in (["x" * 41], [f"t{n}" for n in range(31)]):
            with pytest.raises(Invalid, match="at most 30 tags"):
                services.create_product("Jacket", category_id=a_shelf().id, tags=tags)


class TestRelated:
    @pytest.fixture
    def shelf(self):
        shelf = a_shelf("Jackets")
        for name in ("Field jacket", "Coat", "Hat", "Scarf"):
            a_product(name, shelf=shelf, variants=[{"sku": f"{name[:3].upper()}-1"}])
        return shelf

    def test_what_staff_name_comes_first_in_their_order(self, desk, browser, shelf):
        desk.send("/admin/products/field-jacket/related", related="HAT-1")
        desk.send("/admin/products/field-jacket/related", related="coat")
        desk.send("/admin/products/field-jacket/related/coat", do="up")

        assert cards(browser.get("/p/field-jacket").text) == ["Coat", "Hat", "Scarf"]
        desk.send("/admin/products/field-jacket/related/coat", do="remove")
        assert cards(browser.get("/p/field-jacket").text)[0] == "Hat"

    def test_what_is_sold_out_or_not_sold_never_comes_first(self, desk, browser, shelf):
        gone = a_product("Gone", shelf=shelf, variants=[{"on_hand": 0}])
        draft = a_product("Draft", shelf=shelf)
        services.unpublish(draft.id)
        jacket = session().scalars(select(Product).where(Product.slug == "field-jacket")).one()
        for product in (gone, draft):
            services.relate(jacket.id, product.id)

        found = cards(browser.get("/p/field-jacket").text)

        assert found[-1] == "Gone" and "Draft" not in found and len(found) == 4

    def test_a_word_that_fits_several_asks_which(self, desk, shelf):
        a_product("Coat, long", shelf=shelf)

        page = desk.send("/admin/products/field-jacket/related", 422, related="coa", htmx=True)

        assert "Which of these?" in page and 'value="coat-long"' in page
        page = desk.send("/admin/products/field-jacket/related", related="coa", id="coat-long")
        assert 'id="out-coat-long"' in page

    @pytest.mark.parametrize("typed", ["", "nothing like it", "%", "FIE-1"])
    def test_what_cannot_be_added_is_said(self, desk, shelf, typed):
        assert 'class="err"' in desk.send("/admin/products/field-jacket/related", 422, related=typed)


class TestOptions:
    @pytest.fixture
    def jacket(self):
        return a_product("Field jacket", variants=[{"size": "L", "colour": "Moss"}, {"size": "S", "colour": "Moss"}])

    def test_staff_put_values_in_order_and_give_colours_their_shade(self, desk, browser, jacket):
        desk.send("/admin/options/size", **{"position-l": "2", "position-s": "1"})
        desk.send("/admin/options/colour", **{"position-moss": "0", "swatch-moss": "#112233"})

        page = browser.get("/p/field-jacket").text

        sizes = re.findall(r"</?input[^>]*>([SL])", page)
        assert sizes == ["S", "L"]
        assert "#112233" in page

    @pytest.mark.parametrize("fields", [{"position-moss": "x"}, {"position-moss": "1", "swatch-moss": "green"}])
    def test_wrong_input_is_422_and_kept(self, desk, jacket, fields):
        page = desk.send("/admin/options/colour", 422, **fields)

        assert 'class="err"' in page and all(f'value="{typed}"' in page for typed in fields.values())
