"""What a file writes: each thing once however its rows fall into batches, and by the rules the desk keeps."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app.catalog import services as catalogue
from app.catalog.csv import services
from app.catalog.csv.models import CatalogImport
from app.catalog.models import (
    Attribute,
    AttributeValue,
    Brand,
    Category,
    OptionValue,
    PriceEvent,
    Product,
    product_attributes,
)
from app.inventory.models import StockMovement
from app.lib.db import session
from tests import factories
from tests.catalog.files import GRACE, all_hold, counts, reasons, variant_of
from tests.catalog.goods import a_draft, a_product, a_variant

NEW = """sku,product,name,category,brand,options,price,barcode,status,attributes
HAT-S,wool-hat,Wool hat,Clothing/Sun Hats,Näh & Söhne,Colour=Dark Moss|Size=S,30,4006381333931,active,Made in=New Delhi
HAT-M,wool-hat,Wool hat,Clothing/Sun Hats,Näh & Söhne,Colour=Dark Moss|Size=M,30,TAKEN-1,active,Made in=New Delhi
HAT-L,wool-hat,Wool hat,Clothing/Sun Hats,Näh & Söhne,Colour=dark moss|Size=L,30,4006381333948,active,Made in=New Delhi
"""


@pytest.fixture
def row_by_row(monkeypatch):
    """Batches of one row, as where the thousandth row ends in the midst of a product."""
    monkeypatch.setattr(services, "BATCH", 1)


def names(of: type) -> list[str]:
    return list(session().scalars(select(of.name).order_by(of.name)))


def test_a_category_typed_by_name_is_made_once(row_by_row, brought):
    shelves = ["Field Jackets", "Field Jackets", "Socks", "socks"]
    rows = "".join(f"N-{n},n-{n},N {n},{shelf},5\n" for n, shelf in enumerate(shelves))

    found = brought("sku,product,name,category,price\n" + rows, "batches")

    assert (found.done, reasons(found)) == (4, {})
    assert names(Category) == ["Field Jackets", "Socks"]


def test_shelves_of_one_name_and_brands_whose_address_is_taken_are_made_once(row_by_row, brought, exported):
    catalogue.edit_brand(catalogue.create_brand("Acme").id, name="Zenith", slug="zenith")
    rows = "".join(
        f"{who[0]}-{n},{who.lower()}-{n // 2},{who} {n // 2},{who}/Shoes,Acme,Size={n},5\n"
        for n in range(4)
        for who in ("Men", "Women")
    )
    head = "sku,product,name,category,brand,options,price\n"

    found = brought(head + rows, "batches")

    assert (found.done, reasons(found)) == (8, {})
    assert names(Category) == ["Men", "Shoes", "Shoes", "Women"] and names(Brand) == ["Acme", "Zenith"]
    assert counts(brought(head + rows)) == counts(brought(exported())) == {"unchanged": 8}


def test_a_later_file_makes_a_shelf_of_a_name_that_stands_elsewhere_and_follows_no_old_way(brought):
    head = "sku,product,name,category,price\n"
    brought(head + "A-1,a-1,A,Men/Shoes,5\n", "batches")

    made = brought(head + "B-1,b-1,B,Women/Shoes,5\n", "batches")
    refused = brought(head + "C-1,c-1,C,old/shoes,5\n")

    assert (reasons(made), names(Category)) == ({}, ["Men", "Shoes", "Shoes", "Women"])
    assert "category: shoes stands at men/shoes. Another one is made by its name, such as Shoes." in str(
        reasons(refused)
    )


def test_a_new_product_may_end_in_another_batch_than_it_begins(row_by_row, brought):
    found = brought(NEW, "batches")

    assert (found.done, reasons(found)) == (3, {})
    assert [len(it.variants) for it in session().scalars(select(Product))] == [3]
    assert all_hold()


def test_beside_a_wrong_row_the_others_of_a_new_product_are_written(brought):
    other = a_product("Jacket", variants=[{"sku": "A-1"}])
    catalogue.set_terms(other.variants[0].id, barcode="TAKEN-1")

    found = brought(NEW, "batches")

    assert (found.done, reasons(found)) == (2, {3: "barcode: another variant has it."})
    hat = session().scalars(select(Product).where(Product.slug == "wool-hat")).one()
    assert [variant.sku for variant in hat.variants] == ["HAT-S", "HAT-L"]
    assert all_hold()


def test_a_value_of_several_words_is_used_again(brought):
    jacket = a_draft("Jacket")
    a_variant(jacket, sku="A-1", colour="Dark Blue", size="S")
    head = "sku,product,options,price\n"

    found = brought(head + "A-2,jacket,Colour=dark blue|Size=M,5\nA-3,jacket,colour=dark-blue|size=l,5\n", "batches")

    assert (found.done, reasons(found)) == (2, {})
    assert variant_of("A-2").options_text == "Dark Blue, M" and variant_of("A-3").options_text == "Dark Blue, l"
    assert names(OptionValue) == ["Dark Blue", "M", "S", "l"]


def test_a_sale_leaves_an_event_with_all_that_the_price_hangs_on(brought):
    a_product("Jacket", variants=[{"sku": "A-1", "size": "S"}, {"sku": "A-2", "size": "M"}])
    head = "sku,price,sale_price,sale_starts_at,sale_ends_at\n"
    starts, ends = datetime(2027, 3, 1, 9, tzinfo=UTC), datetime(2027, 3, 8, tzinfo=UTC)

    brought(head + "A-1,19.99,15,2027-03-01T09:00Z,2027-03-08\nA-2,21,,,\n", "batches")

    events = select(PriceEvent).where(PriceEvent.actor_id == GRACE).order_by(PriceEvent.variant_id)
    said = [
        (it.was_minor, it.now_minor, it.sale_minor, it.sale_starts_at, it.sale_ends_at)
        for it in session().scalars(events)
    ]
    assert said == [(1999, 1999, 1500, starts, ends), (1999, 2100, None, None, None)]


def test_all_or_nothing_run_twice_at_once_moves_stock_once(brought, at_once):
    a_product("Jacket", variants=[{"sku": f"A-{n}", "size": f"S{n}", "on_hand": 5} for n in range(20)])
    found = brought("sku,stock\n" + "".join(f"A-{n},8\n" for n in range(20)))
    import_id = found.id
    services.apply(found.public_id, "whole")

    assert at_once(*[lambda: services.go_on_applying(import_id)] * 2) == [None, None]

    session().expire_all()
    assert {factories.stock_of(variant_of(f"A-{n}")).on_hand for n in range(20)} == {8}
    assert len(session().scalars(select(StockMovement).where(StockMovement.actor_id == GRACE)).all()) == 20
    assert session().get_one(CatalogImport, import_id).done == 20


def test_two_names_that_make_one_code_stay_two_values(brought, exported):
    coat = a_product("Coat", variants=[{"sku": "C-1", "colour": "Grün"}, {"sku": "C-2", "colour": "Rust"}])
    catalogue.create_attribute("Lining")
    catalogue.set_attributes(coat.id, {"lining": ["Grün"]})

    found = brought("sku,product,options,price,attributes\nC-3,coat,Colour=Grun,5,Lining=Grun\n", "batches")

    assert (found.done, reasons(found)) == (1, {})
    assert variant_of("C-3").options_text == "Grun", "nobody called anything so: it is a value of its own"
    assert names(OptionValue) == ["Grun", "Grün", "Rust"] and names(AttributeValue) == ["Grun", "Grün"]
    again = brought("sku,options,attributes\nC-3,Colour=Grun,lining=Grun\nC-2,Colour=GRÜN,lining=Grun\n")
    assert counts(again) == {"unchanged": 1, "wrong": 1} and "C-1 has the same ones" in reasons(again)[3]
    assert counts(brought(exported())) == {"unchanged": 3}


def test_a_code_of_an_export_stays_itself_beside_a_change(brought):
    coat = a_product("Coat", variants=[{"sku": "C-1"}])
    catalogue.create_attribute("Lining")
    catalogue.set_attributes(coat.id, {"lining": ["GRÜN", "grun"]})

    found = brought("sku,attributes\nC-1,lining=grun|lining=grun-2|Lining=Silk\n", "batches")

    assert (found.done, reasons(found)) == (1, {})
    facts = select(AttributeValue.name).join(product_attributes).order_by(AttributeValue.id)
    assert list(session().scalars(facts)) == ["GRÜN", "grun", "Silk"]


def test_an_attribute_called_like_a_filter_gets_the_code_of_the_desk(row_by_row, brought, exported):
    a_product("Coat", variants=[{"sku": "C-1", "size": "S"}])
    facts = ["Size=Wide|Sort=Fine", "size=Narrow|SORT=Fine"]
    rows = "".join(f"N-{n},n,N,jackets,{facts[0]},Fit={n},5\n" for n in (1, 2))
    rows += f"M-1,m,M,jackets,{facts[1]},Fit=1,5\n"

    found = brought("sku,product,name,category,attributes,options,price\n" + rows, "batches")

    assert (found.done, reasons(found)) == (3, {})
    codes = {it.code: it.name for it in session().scalars(select(Attribute))}
    assert codes == {"size-2": "Size", "sort-2": "Sort"}
    assert counts(brought(exported())) == {"unchanged": 4}
